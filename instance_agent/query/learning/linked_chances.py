"""How likely each row is that a link may lead to: counts of the index, put to `inference.candidates`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from instance_agent.engine.tables import TableView
from instance_agent.inference import why
from instance_agent.inference.candidates import Likely, ShareFit, effect_by_itself, fit_shares, likely, usual_logs
from instance_agent.inference.piece_effects import of_entries
from instance_agent.inference.pooling import Tried
from instance_agent.inference.properties import Numbers
from instance_agent.query.language.propositions import Proposition, PropositionSet
from instance_agent.query.language.scores import HighlightOptions
from instance_agent.query.learning.evidence import Evidence, collect
from instance_agent.query.learning.linked_properties import LinkedProperties, linked_properties
from instance_agent.query.learning.targets import Target
from instance_agent.query.learning.weighing import Learning, Question, described, weigh
from instance_agent.query.scope import Scope
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
        base = why.BaseP(math.exp(float(self.likely.usual[candidate])), self.proposition(place))
        lifts = tuple(self._lifts(candidate))
        product = why.value_of(why.Product((base, *lifts)))
        norm = why.Norm("exclusiveness", float(self.probabilities[place]) / product)
        return why.Product((base, why.Product((norm,)), *lifts))

    def _lifts(self, candidate: int) -> Iterator[why.Node]:
        properties, link = self.linked.properties, ".".join(self.target.path)
        start, end = properties.offsets[candidate : candidate + 2].tolist()
        told = [of_entries(piece.of_features, candidate, properties) for piece in self.likely.pieces]
        for place, feature in enumerate(properties.features[start:end].tolist()):
            factors = tuple(
                why.Lift(math.exp(float(effects[place])), piece.proposition)
                for piece, effects in zip(self.evidence, told, strict=True)
                if effects[place]
            )
            if factors:
                yield why.HitLift(self.linked.shown(feature, link), factors)
        for piece, effect, effects in zip(self.evidence, self.likely.pieces, told, strict=True):
            yield why.Lift(math.exp(float(effect.total[candidate] - effects.sum())), piece.proposition)


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
    learning = Learning(scope, table, target)
    places = np.flatnonzero(allowed)
    if not len(target.candidates):
        nothing = np.empty(0)
        return LinkedChances(target, places, (), linked, Likely(nothing, (), nothing, nothing))
    name = ("shares", None if based_on is None else repr(based_on))
    fit = learning.fitted((), name, linked, lambda: _fit(learning, linked))
    scope.deadline.check()
    question = Question(
        name,
        lambda rows: Tried(np.full(len(target.candidates), float(len(rows))), target.count(rows, None)),
        lambda tried: effect_by_itself(tried, fit, linked.properties),
        lambda tried: _excess(tried, fit),
        (),
        linked.properties,
        linked,
    )
    pieces = weigh(scope, learning, question, collect(scope, table, list(parts), target.learned))
    usual = usual_logs(float(len(learning.rows)), learning.counts, fit.expected)
    told = described(scope, learning, question, pieces)
    found = likely(usual, told, linked.properties, allowed)
    return LinkedChances(target, places, tuple(piece.evidence for piece in pieces), linked, found)


def _fit(learning: Learning, linked: LinkedProperties) -> ShareFit:
    """What the first rows say without evidence."""
    first = learning.first_of(learning.rows)
    return fit_shares(float(len(first)), learning.target.count(first, None), linked.properties)


def _excess(tried: Tried, fit: ShareFit) -> float:
    """How far the candidates of some rows are from the usual ones."""
    expected = tried.trials * np.exp(fit.logs)
    return float(np.sum((tried.successes - expected) ** 2 / (expected + 1.0)))
