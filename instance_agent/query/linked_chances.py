"""How likely each row is that a link may lead to: counts of the index, put to `inference.candidates`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from instance_agent.engine.tables import TableView
from instance_agent.inference import why
from instance_agent.inference.candidates import Likely, Shares, base_shares, likely
from instance_agent.inference.pooling import Tried
from instance_agent.inference.properties import Numbers
from instance_agent.query.candidate_counts import CountedPiece, Counter, around_numbers, described, most_telling
from instance_agent.query.evidence import Evidence, collect
from instance_agent.query.linked_properties import LinkedProperties, linked_properties
from instance_agent.query.propositions import Proposition, PropositionSet
from instance_agent.query.scope import Scope
from instance_agent.query.scores import HighlightOptions
from instance_agent.query.targets import Target
from instance_agent.schema.types import JsonValue


@dataclass(frozen=True)
class LinkedChances:
    """The probability of each of the A allowed candidates, in their order; their sum is 1."""

    target: Target
    places: NDArray[np.int64]  # the allowed candidates among the target's
    evidence: tuple[Evidence, ...]  # the pieces weighed, from the most general to the most specific
    linked: LinkedProperties
    likely: Likely

    @property
    def probabilities(self) -> Numbers:
        """Per allowed candidate, given the evidence."""
        return self.likely.probabilities

    @property
    def priors(self) -> Numbers:
        """Per allowed candidate, without evidence."""
        return self.likely.priors

    def proposition(self, place: int) -> dict[str, JsonValue]:
        """The candidate at this place among the allowed ones, as a proposition."""
        return {".".join(self.target.path): {"$has": self.target.candidates[int(self.places[place])]}}

    def explain(self, place: int, highlight: HighlightOptions | None = None) -> why.Node:  # noqa: ARG002
        """The product that the probability is.

        The candidate's base rate; a lift per piece of evidence for each of its properties, and itself; a normaliser.
        """
        candidate = int(self.places[place])
        base = why.BaseP(math.exp(float(self.likely.base.logs[candidate])), self.proposition(place))
        lifts = tuple(self._lifts(candidate))
        product = why.value_of(why.Product((base, *lifts)))
        norm = why.Norm("exclusiveness", float(self.probabilities[place]) / product)
        return why.Product((base, why.Product((norm,)), *lifts))

    def _lifts(self, candidate: int) -> Iterator[why.Node]:
        properties = self.linked.properties
        start, end = properties.offsets[candidate : candidate + 2].tolist()
        of_pieces = [_by_features(piece, candidate) for piece in self.likely.pieces]
        for place, feature in enumerate(properties.features[start:end].tolist()):
            shown = self.linked.shown(feature, ".".join(self.target.path))
            told = [float(effects[place]) if len(effects) else 0.0 for effects in of_pieces]
            yield from self._hit(shown, told)
        for piece, share, effects in zip(self.evidence, self.likely.pieces, of_pieces, strict=True):
            yield why.Lift(math.exp(float(share.logs[candidate] - effects.sum())), piece.proposition)

    def _hit(self, shown: dict[str, JsonValue], effects: Sequence[float]) -> Iterator[why.Node]:
        factors = tuple(
            why.Lift(math.exp(effect), piece.proposition)
            for piece, effect in zip(self.evidence, effects, strict=True)
            if effect
        )
        if factors:
            yield why.HitLift(shown, factors)


def _by_features(share: Shares, candidate: int) -> Numbers:
    return np.empty(0) if share.effects is None else share.effects.of_entries(np.array([candidate]))[0]


def linked_chances(
    scope: Scope,
    table: TableView,
    target: Target,
    parts: Sequence[Proposition],
    allowed: NDArray[np.bool_],
    *,
    based_on: PropositionSet | None = None,
) -> LinkedChances:
    """The probabilities of the allowed candidates of a link target; those never linked to yet are among them.

    based_on: what of the linked rows counts; None: all their columns. Raises 400 for what doesn't fit the schema.
    """
    linked = linked_properties(scope, target, based_on)
    counter = Counter(scope, table, target)
    base = _base(counter, linked)
    scope.deadline.check()
    pieces = around_numbers(collect(scope, table, list(parts), target.learned))
    counted = most_telling(_with_counts(scope, counter, base, pieces), linked.properties)
    found = likely(base, described(scope, counter, counted), linked.properties, allowed)
    order = tuple(piece.evidence for piece in counted)
    return LinkedChances(target, np.flatnonzero(allowed), order, linked, found)


@dataclass(frozen=True)
class _Base:
    linked: LinkedProperties
    shares: Shares


def _base(counter: Counter, linked: LinkedProperties) -> Shares:
    """The shares without evidence, kept with the target."""
    kept = counter.target.kept
    found = kept.get("base shares")
    if not isinstance(found, _Base) or found.linked is not linked:
        shares = base_shares(counter.rows, counter.candidates, linked.properties)
        found = kept["base shares"] = _Base(linked, shares)
    return found.shares


def _with_counts(
    scope: Scope, counter: Counter, base: Shares, pieces: Sequence[Evidence]
) -> Iterator[tuple[CountedPiece, float]]:
    """The pieces that rows learned from have, each with how far their candidates are from the usual ones."""
    usual = np.exp(base.logs)
    for piece in pieces:
        scope.deadline.check()
        counts = counter.with_piece(piece)
        rows = counter.rows_with(piece, counts)
        if rows:
            expected = rows * usual
            excess = float(np.sum((counts - expected) ** 2 / (expected + 1.0)))
            yield CountedPiece(piece, rows, Tried(np.full(len(counts), rows), counts)), excess
