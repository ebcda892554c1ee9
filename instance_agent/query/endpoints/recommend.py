"""`_recommend`: candidates of a field by how likely a goal is with each of them, or by a score."""

from __future__ import annotations

from dataclasses import replace

from instance_agent.query.filtering.filters import population
from instance_agent.query.hits import CandidateHits, Shown, candidate_hits, ranked_hit
from instance_agent.query.hits.ordering import Ordering, first_places
from instance_agent.query.language.propositions import Proposition
from instance_agent.query.language.queries import Recommend
from instance_agent.query.language.scores import Own, Score, SortKey
from instance_agent.query.learning.evidence import split
from instance_agent.query.learning.goals import goal_chances
from instance_agent.query.learning.targets import make_target
from instance_agent.query.page import Page
from instance_agent.query.scope import FieldName, Scope


def recommend(scope: Scope, query: Recommend) -> Page:
    """The candidates by P(goal | candidate, where) or by the score, the most first, ties in table order.

    `total` counts those that `where` leaves: a part of it about the candidate restricts the candidates, all else is
    evidence. `$lift` is the goal's probability divided by its base rate. Hits by a score begin with it, not with `$p`.
    Raises 400 for what doesn't fit the schema, `query_timeout` when the deadline passes.
    """
    table, rows = population(scope, query.source)
    field = FieldName(query.target, "recommend", "recommend")
    target = make_target(scope, table, rows, field)
    evidence, about_target = split(query.where, target.path)
    hits = CandidateHits(
        scope=scope,
        table=table,
        population=rows,
        field=field,
        target=target,
        allowed=target.restricted(scope, table, about_target),
        evidence=evidence,
        about_target=about_target,
        refused=frozenset() if target.linked is None else frozenset({"feature"}),
    )
    scope.deadline.check()
    if isinstance(query.goal, Proposition):
        return _by_goal(hits, query, query.goal)
    return _by_score(hits, query, query.goal)


def _by_goal(hits: CandidateHits, query: Recommend, goal: Proposition) -> Page:
    chances = goal_chances(
        hits.scope, hits.table, hits.population, hits.target, hits.allowed, goal, list(hits.evidence), query.based_on
    )
    told = chances.probabilities
    scores = {Own.PROBABILITY: told, Own.SCORE: told, Own.LIFT: told / chances.priors}
    hits = replace(hits, scores=scores, explain=chances.explain)
    start, end = query.slice.offset, query.slice.offset + query.slice.limit
    shown = Shown.page(first_places([-told], len(hits), end)[start:end], start)
    return Page(start, len(hits), candidate_hits(hits, shown, query.select, ranked_hit(hits.target)))


def _by_score(hits: CandidateHits, query: Recommend, score: Score) -> Page:
    ordering = Ordering(hits, (SortKey(score, descending=True, place="goal"),))
    start, end = query.slice.offset, query.slice.offset + query.slice.limit
    shown = Shown.page(ordering.first(end)[start:end], start)
    default = ("$score", *ranked_hit(hits.target)[1:])
    return Page(start, len(hits), candidate_hits(hits, shown, query.select, default, ordering))
