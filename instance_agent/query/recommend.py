"""`_recommend`: candidates of a field by how likely a goal is with each of them."""

from __future__ import annotations

from instance_agent.query.best_first import best_first
from instance_agent.query.evidence import split
from instance_agent.query.filters import population
from instance_agent.query.goals import goal_chances
from instance_agent.query.hits import CandidateHits, candidate_page, ranked_hit
from instance_agent.query.page import Page
from instance_agent.query.propositions import Proposition
from instance_agent.query.queries import Recommend
from instance_agent.query.refusals import unsupported
from instance_agent.query.scope import FieldName, Scope
from instance_agent.query.scores import Own, Score
from instance_agent.query.targets import make_target


def recommend(scope: Scope, query: Recommend) -> Page:
    """The candidates by P(goal | candidate, where), ties in table order; `total` counts those that `where` leaves.

    A part of `where` about the candidate restricts the candidates, all else is evidence. `$lift` is the probability
    divided by the goal's base rate. Raises 400 for what doesn't fit the schema, `query_timeout` when the deadline
    passes.
    """
    table, rows = population(scope, query.source)
    field = FieldName(query.target, "recommend", "recommend")
    target = make_target(scope, table, rows, field)
    evidence, about_target = split(query.where, target.path)
    allowed = target.restricted(scope, table, about_target)
    scope.deadline.check()
    goal = query.goal
    if not isinstance(goal, Proposition):
        raise _no_scores(goal)
    chances = goal_chances(scope, table, rows, target, allowed, goal, evidence, query.based_on)
    told = chances.probabilities
    hits = CandidateHits(
        scope=scope,
        table=table,
        population=rows,
        field=field,
        target=target,
        allowed=allowed,
        evidence=evidence,
        scores={Own.PROBABILITY: told, Own.SCORE: told, Own.LIFT: told / chances.priors},
        explain=chances.explain,
        about_target=about_target,
        refused=frozenset() if target.linked is None else frozenset({"feature"}),
    )
    return candidate_page(hits, best_first(told, query.slice), query.select, ranked_hit(target), query.slice)


def _no_scores(goal: Score) -> Exception:
    return unsupported(f"a goal is a proposition in this version, not {type(goal).__name__}", "goal")
