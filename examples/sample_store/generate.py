"""The rows of the sample store, made from a seed: the same seed gives the same rows, on every machine."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import TypeVar

from examples.sample_store.accounts import ACCOUNTS, PERIODS, PLACES, VENDORS, Account
from examples.sample_store.catalogue import (
    AFFINITIES,
    CATEGORIES,
    CITIES,
    PRODUCTS,
    SEARCHES,
    SEGMENTS,
    WEEKDAY_EFFECTS,
    Segment,
)
from examples.sample_store.schema import SCHEMA, Row, Schema

T = TypeVar("T")

USERS, VISITS, INVOICES = 100, 1500, 3000
IMPRESSIONS_PER_VISIT = 10
DAYS = 182
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
DEVICES = ("phone", "phone", "phone", "computer", "computer", "tablet")
PURCHASE_LOG_ODDS = -3.4
WRONG_ACCOUNT_SHARE = 0.05
CODES = tuple(account.code for account in ACCOUNTS)
ACCOUNT_OF = {account.code: account for account in ACCOUNTS}


@dataclass(frozen=True)
class SampleStore:
    """The schema and all rows. Rows fit the schema; a value that isn't known is left out of its row."""

    schema: Schema
    tables: dict[str, list[Row]]  # in the order in which they may be created: links point backwards


def sample_store(seed: int = 1, scale: float = 1.0) -> SampleStore:
    """The sample store; `scale` multiplies users, visits, impressions and invoices, the 60 products stay.

    Each table draws from a random stream of its own, so one can change without changing the others.
    Raises ValueError when `scale` is not above 0.
    """
    if not scale > 0:
        raise ValueError(f"scale must be above 0, not {scale}")
    segments = [_pick(Random(f"{seed}/segment/{number}"), SEGMENTS) for number in range(_scaled(USERS, scale))]
    visits = _visits(Random(f"{seed}/visits"), _scaled(VISITS, scale), len(segments))
    tables = {
        "products": _products(),
        "users": _users(Random(f"{seed}/users"), segments),
        "visits": visits,
        "impressions": _impressions(Random(f"{seed}/impressions"), visits, segments),
        "invoices": _invoices(Random(f"{seed}/invoices"), _scaled(INVOICES, scale)),
    }
    return SampleStore(SCHEMA, tables)


def _products() -> list[Row]:
    return [
        {"id": _product_id(number), "name": p.name, "category": p.category, "price": p.price, "tags": p.tags}
        for number, p in enumerate(PRODUCTS)
    ]


def _users(random: Random, segments: list[Segment]) -> list[Row]:
    rows: list[Row] = []
    for number, segment in enumerate(segments):
        row: Row = {
            "id": _user_id(number),
            "segment": segment.name,
            "tags": segment.tags,
            "city": _pick(random, CITIES),
            "joined_year": 2019 + int(random.random() * 7),
        }
        answered, wants = random.random() < 0.85, random.random() < 0.4
        if answered:
            row["newsletter"] = wants
        rows.append(row)
    return rows


def _visits(random: Random, count: int, users: int) -> list[Row]:
    """Visits in the order of time, spread evenly over half a year."""
    rows: list[Row] = []
    for number in range(count):
        day = number * DAYS // count
        rows.append(
            {
                "id": f"v{number + 1:05}",
                "user": _user_id(int(random.random() ** 1.3 * users)),
                "weekday": WEEKDAYS[day % 7],
                "day": day,
                "week": day // 7,
                "device": _pick(random, DEVICES),
            }
        )
    return rows


def _impressions(random: Random, visits: list[Row], segments: list[Segment]) -> list[Row]:
    """What each visitor was shown: by their search, by their liking, or by chance; and whether they bought it."""
    by_category = {c: [n for n, p in enumerate(PRODUCTS) if p.category == c] for c in CATEGORIES}
    log_odds = {(s.name, n): _liking(s, n) for s in SEGMENTS for n in range(len(PRODUCTS))}
    rows: list[Row] = []
    for visit in visits:
        segment = segments[int(str(visit["user"])[1:]) - 1]
        wanted = _pick(random, segment.likes) if random.random() < 0.7 else _pick(random, CATEGORIES)
        query = _pick(random, SEARCHES[wanted]) if random.random() < 0.6 else None
        for _ in range(IMPRESSIONS_PER_VISIT):
            by_chance = random.random() < 0.5
            product = int(random.random() * len(PRODUCTS)) if by_chance else _pick(random, by_category[wanted])
            odds = log_odds[segment.name, product] + _weekday_effect(str(visit["weekday"]), PRODUCTS[product].category)
            row: Row = {
                "visit": visit["id"],
                "user": visit["user"],
                "product": _product_id(product),
                "purchase": random.random() < 1 / (1 + math.exp(-odds)),
            }
            if query is not None:
                row["query"] = query
            rows.append(row)
    return rows


def _liking(segment: Segment, product: int) -> float:
    """Log-odds that somebody of the segment buys the product on an ordinary day; dear things sell less."""
    article = PRODUCTS[product]
    words = [article.category, *article.tags.split()]
    affinity = sum(AFFINITIES.get((mine, its), 0.0) for mine in segment.tags.split() for its in words)
    return PURCHASE_LOG_ODDS + affinity - 0.3 * math.log(article.price / 15)


def _weekday_effect(weekday: str, category: str) -> float:
    return WEEKDAY_EFFECTS.get((weekday, ""), 0.0) + WEEKDAY_EFFECTS.get((weekday, category), 0.0)


def _invoices(random: Random, count: int) -> list[Row]:
    rows: list[Row] = []
    for number in range(count):
        vendor = _pick(random, VENDORS)
        account = ACCOUNT_OF[_weighted(random, vendor.accounts)]
        words = [_pick(random, account.subjects)]
        words += [_pick(random, PLACES)] if random.random() < 0.7 else []
        words += [_pick(random, PERIODS)] if random.random() < 0.6 else []
        amount = round(account.typical_amount * math.exp(random.gauss(0, 0.8)), 2)
        booked = account.code if random.random() >= WRONG_ACCOUNT_SHARE else _pick(random, CODES)
        row: Row = {
            "id": f"i{number + 1:05}",
            "vendor": vendor.name,
            "description": " ".join(words),
            "amount": amount,
            "country": vendor.country,
            "gl_code": booked,
        }
        row |= _optional_columns(random, account, amount)
        rows.append(row)
    return rows


def _optional_columns(random: Random, account: Account, amount: float) -> Row:
    """Who bears the cost, when that was noted, and who signed, when anybody had to."""
    noted, elsewhere, unsigned = random.random() < 0.93, random.random() < 0.1, random.random() < 0.04
    other = _pick(random, ACCOUNTS).cost_center
    row: Row = {"cost_center": other if elsewhere else account.cost_center} if noted else {}
    if amount >= 150 and not unsigned:
        row["approver"] = _approver(account, amount)
    return row


def _approver(account: Account, amount: float) -> str:
    if amount >= 8000:
        return "managing-director"
    return "finance-controller" if amount >= 3000 else account.approver


def _pick(random: Random, options: Sequence[T]) -> T:
    return options[int(random.random() * len(options))]


def _weighted(random: Random, options: tuple[tuple[str, float], ...]) -> str:
    drawn = random.random() * sum(weight for _, weight in options)
    for name, weight in options:
        drawn -= weight
        if drawn < 0:
            return name
    return options[-1][0]


def _scaled(count: int, scale: float) -> int:
    return max(1, round(count * scale))


def _user_id(number: int) -> str:
    return f"u{number + 1:04}"


def _product_id(number: int) -> str:
    return f"p{number + 1:03}"
