"""Impressions of a shop whose rates are known: products with properties, customers with tastes, some products new."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from instance_agent.inference.goals import Chances, GoalCounts, chances, effect_by_itself, fit_goal
from instance_agent.inference.log_odds import probabilities
from instance_agent.inference.piece_effects import KnownPiece, Piece
from instance_agent.inference.pooling import Tried
from instance_agent.inference.properties import Properties

Numbers = NDArray[np.float64]
KINDS, BRANDS, SEGMENTS = 8, 20, 4


@dataclass(frozen=True)
class Shop:
    """Impressions by number; the products from `first_new` on are in none of those learned from."""

    customers: NDArray[np.int64]
    products: NDArray[np.int64]
    bought: NDArray[np.bool_]
    rates: Numbers  # per impression, the true probability
    segments: NDArray[np.int64]  # per customer
    properties: Properties
    learned: NDArray[np.bool_]
    first_new: int

    @property
    def product_count(self) -> int:
        return self.properties.candidate_count

    def tried(self, rows: NDArray[np.bool_]) -> Tried:
        """Counts per product in these of the impressions learned from."""
        rows = rows & self.learned
        shown = np.bincount(self.products[rows], minlength=self.product_count).astype(np.float64)
        bought = np.bincount(self.products[rows], self.bought[rows], self.product_count).astype(np.float64)
        return Tried(shown, bought)

    def chances(self, customer: int | None, properties: Properties) -> Chances:
        """Of a purchase, per product, for a customer of whom the segment is known, too."""
        everything = self.tried(self.learned)
        counts = GoalCounts(everything.trials.sum(), everything.successes.sum(), everything)
        fit = fit_goal(counts, properties)
        if customer is None:
            return chances(counts, fit, [], properties)
        like = self.segments[self.customers] == self.segments[customer]
        theirs = self.customers == customer
        news = 1.0 - float((theirs & self.learned).sum() / (like & self.learned).sum())
        segment = KnownPiece(effect_by_itself(self.tried(like), fit, properties), np.empty(0))
        return chances(counts, fit, [segment, Piece(self.tried(theirs), np.ones(1), news)], properties)


def make_shop(seed: int, customers: int = 150, products: int = 120, impressions: int = 40_000) -> Shop:
    """The same for the same seed. Customers of a segment like kinds of products, and each customer likes brands."""
    random = np.random.default_rng(seed)
    kinds, brands = random.integers(0, KINDS, products), random.integers(0, BRANDS, products)
    of_product = random.normal(0, 0.7, KINDS)[kinds] + random.normal(0, 0.5, BRANDS)[brands]
    of_product += random.normal(0, 0.4, products)
    segments = random.integers(0, SEGMENTS, customers)
    of_segment = random.normal(0, 0.7, (SEGMENTS, KINDS))
    of_customer = random.normal(0, 0.9, (customers, BRANDS))
    who = random.integers(0, customers, impressions)
    what = random.integers(0, products, impressions)
    log_odds = -2.0 + of_product[what] + of_segment[segments[who], kinds[what]] + of_customer[who, brands[what]]
    rates = probabilities(log_odds)
    first_new = products * 9 // 10
    return Shop(
        customers=who,
        products=what,
        bought=random.random(impressions) < rates,
        rates=rates,
        segments=segments,
        properties=properties_of(kinds, brands),
        learned=(what < first_new) & (random.random(impressions) < 0.8),
        first_new=first_new,
    )


def properties_of(*columns: NDArray[np.int64]) -> Properties:
    """One feature of each column per candidate; columns: codes from 0 up."""
    counts = [int(column.max()) + 1 for column in columns]
    starts = np.cumsum([0, *counts[:-1]])
    features = np.stack([column + start for column, start in zip(columns, starts, strict=True)], axis=1)
    of_feature = np.repeat(np.arange(len(columns)), counts)
    offsets = np.arange(len(features) + 1) * len(columns)
    return Properties(offsets, features.reshape(-1), of_feature, len(columns))
