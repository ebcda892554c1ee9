"""Members that hits of every kind have: positions, scores with their statistics, explanations."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from instance_agent.inference import why
from instance_agent.query.hits.assembly import Column, Member, Shown
from instance_agent.query.language.scores import (
    FieldValue,
    OverContext,
    Own,
    OwnScore,
    Projection,
    Scored,
    Statistic,
)
from instance_agent.query.scope import FieldName
from instance_agent.query.scoring.counts import groups_of
from instance_agent.query.scoring.evaluation import evaluated, evaluated_at
from instance_agent.query.scoring.fields import Hits, field_of
from instance_agent.query.scoring.shown import shown_score, whole
from instance_agent.schema.types import JsonValue

VALUES_OF_AN_EXPLANATION = 8
"""About so many values are in one, for each part of the evidence."""

OWN = {own.value: own for own in Own}


def rank(projection: Projection) -> Member:
    """The position in the whole ordering."""
    return Member(projection.key, lambda shown: [int(position) for position in shown.ranks])


def score(hits: Hits, projection: Projection, shows: Scored) -> Member:
    """A score; sums and means under their own name, or expanded, come with their statistics."""
    asked = shows.score
    if isinstance(asked, FieldValue):
        field = field_of(hits, asked)
        return Member(projection.key, lambda shown: field.cells(shown.places))
    if isinstance(asked, OverContext) and (shows.expand or projection.key == asked.statistic.value):
        return _statistics(hits, projection.key, asked, expand=shows.expand)
    return Member(projection.key, lambda shown: shown_score(asked, evaluated_at(hits, asked, shown.places)))


def own_score(hits: Hits, projection: Projection, own: Own) -> Member:
    """One of the scores that hits have by themselves."""
    return score(hits, projection, Scored(OwnScore(own, projection.place), False))


def explanation(hits: Hits, projection: Projection, explain: Callable[[int], why.Node], parts: int) -> Member:
    """`$why`; parts: about so many pieces of evidence are in it."""

    def read(shown: Shown) -> Column:
        told: list[JsonValue] = []
        for place in shown.places.tolist():
            hits.scope.deadline.check()
            told.append(why.to_json(explain(place)))
        return told

    return Member(projection.key, read, weight=VALUES_OF_AN_EXPLANATION * (1 + parts))


def named(projection: Projection, name: str) -> FieldName:
    """The field that a projection names, for refusals."""
    said_by = projection.place if projection.key == name else ""
    return FieldName(tuple(name.split(".")), projection.place, said_by)


def _statistics(hits: Hits, key: str, asked: OverContext, *, expand: bool) -> Member:
    if asked.statistic in (Statistic.MIN, Statistic.MAX):
        return Member(key, lambda shown: shown_score(asked, evaluated_at(hits, asked, shown.places)))

    def read(shown: Shown) -> Column:
        groups = groups_of(hits, asked.value, asked.place, evaluated)
        columns = {key: groups.statistic(asked.statistic), f"{key}.samples": groups.samples}
        if expand and asked.statistic is Statistic.MEAN:
            with np.errstate(all="ignore"):
                columns[f"{key}.variance"] = groups.variance
                columns[f"{key}.standardDeviation"] = np.sqrt(groups.variance)
                columns[f"{key}.standardError"] = np.sqrt(groups.variance / groups.samples)
        shares = {name: [whole(value) for value in column[shown.places].tolist()] for name, column in columns.items()}
        return [
            {name: values[at] for name, values in shares.items() if values[at] is not None} for at in range(len(shown))
        ]

    return Member(key, read, spread=True, weight=5)
