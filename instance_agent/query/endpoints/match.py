"""`_match`: candidates of a field by how likely each of them is, given evidence."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from instance_agent.engine.tables import TableView
from instance_agent.inference import why
from instance_agent.query.filtering.filters import population
from instance_agent.query.hits import CandidateHits, Shown, candidate_hits, ranked_hit
from instance_agent.query.hits.ordering import first_places
from instance_agent.query.language.propositions import Proposition
from instance_agent.query.language.queries import Match
from instance_agent.query.language.scores import HighlightOptions, Own
from instance_agent.query.learning.evidence import split
from instance_agent.query.learning.inferring import Prepared
from instance_agent.query.learning.linked_chances import linked_chances
from instance_agent.query.learning.targets import Target, make_target
from instance_agent.query.page import Page
from instance_agent.query.paths import FEATURE
from instance_agent.query.scope import FieldName, Scope

Numbers = NDArray[np.float64]
Chances = tuple[Numbers, Numbers, Callable[[int, HighlightOptions | None], why.Node]]


def match_(scope: Scope, query: Match) -> Page:
    """The candidates by probability, which sum to 1 over those that `where` leaves; ties in table order.

    A part of `where` about the candidate restricts the candidates, all else is evidence. Raises 400 for what doesn't
    fit the schema, `query_timeout` when the deadline passes.
    """
    table, rows = population(scope, query.source)
    field = FieldName(query.target, "match", "match")
    target = make_target(scope, table, rows, field)
    evidence, about_target = split(query.where, target.path)
    allowed = target.restricted(scope, table, about_target)
    scope.deadline.check()
    told, priors, explain = _chances(scope, table, target, allowed, evidence, query)
    lifts = np.divide(told, priors, out=np.ones(len(told)), where=priors > 0)
    hits = CandidateHits(
        scope=scope,
        table=table,
        population=rows,
        field=field,
        target=target,
        allowed=allowed,
        evidence=evidence,
        scores={Own.PROBABILITY: told, Own.SCORE: told, Own.LIFT: lifts},
        explain=explain,
        about_target=about_target,
        refused=frozenset() if target.linked is None else frozenset({"feature"}),
    )
    start, end = query.slice.offset, query.slice.offset + query.slice.limit
    shown = Shown.page(first_places([-told], len(hits), end)[start:end], start)
    return Page(start, len(hits), candidate_hits(hits, shown, query.select, ranked_hit(target)))


def _chances(
    scope: Scope,
    table: TableView,
    target: Target,
    allowed: NDArray[np.bool_],
    evidence: list[Proposition],
    query: Match,
) -> Chances:
    """Probabilities of the allowed candidates, the same without evidence, and the reasons."""
    if target.linked is not None:
        linked = linked_chances(scope, table, target, evidence, allowed, based_on=query.based_on)
        return linked.probabilities, linked.priors, linked.explain
    if query.target[-1] == FEATURE and not evidence:
        return _shares_of_counts(target, allowed)
    found = Prepared(scope, table, target).infer(evidence, allowed, exclusive=True, based_on=query.based_on)
    return found.probabilities, found.priors, found.explain


def _shares_of_counts(target: Target, allowed: NDArray[np.bool_]) -> Chances:
    """Features without evidence: the count of each divided by that of all."""
    counts = target.count(target.learned_rows, None)[allowed]
    total = float(counts.sum())
    shares = counts / total if total else np.full(len(counts), 1.0 / max(1, len(counts)))
    places = np.flatnonzero(allowed)

    def explain(place: int, highlight: HighlightOptions | None) -> why.Node:  # noqa: ARG001
        value = target.candidates[int(places[place])]
        return why.Product((why.BaseP(float(shares[place]), {".".join(target.path): {"$has": value}}),))

    return shares, shares, explain
