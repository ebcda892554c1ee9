"""The body of `_aggregate`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from instance_agent.query.language.grammar.places import Place, path_of
from instance_agent.query.language.grammar.propositions import proposition_of
from instance_agent.query.language.grammar.queries import names_of
from instance_agent.query.language.grammar.scores import CONTEXT, score_of
from instance_agent.query.language.grammar.sources import Members, source_of, where_of
from instance_agent.query.language.propositions import EVERYTHING
from instance_agent.query.language.queries import Aggregate, Aggregation
from instance_agent.query.language.scores import FieldValue, Statistic
from instance_agent.query.refusals import shown
from instance_agent.schema.types import JsonValue

COUNT: Final = "$f"
STATISTICS: Final = {statistic.value: statistic for statistic in Statistic}
FORMS: Final = 'a form like "field.$mean", "$f", {"$f": proposition} or {"$sum": score}'


def aggregate_of(members: Members, place: Place) -> Aggregate:
    """An `aggregate`. Raises a refusal naming the place of what isn't understood."""
    there = place.member("aggregate")
    aggregations = tuple(_forms(members["aggregate"], there))
    if not aggregations:
        raise there.invalid(f"'aggregate' takes {FORMS}, or a list of these")
    seen: set[str] = set()
    for one in aggregations:
        if one.key in seen:
            raise there.invalid(f"two results are called {shown(one.key)}; give one an alias")
        seen.add(one.key)
    return Aggregate(
        source=source_of(members.get("from"), place.member("from")),
        aggregations=aggregations,
        where=where_of(members, place),
        select=names_of(members.get("select"), place.member("select"), None),
    )


def _forms(json: JsonValue, place: Place) -> Iterator[Aggregation]:
    if not isinstance(json, list):
        yield from _named_forms(json, place)
        return
    for number, part in enumerate(json):
        yield from _named_forms(part, place.element(number))


def _named_forms(json: JsonValue, place: Place) -> Iterator[Aggregation]:
    if isinstance(json, dict) and json and not any(key.startswith("$") for key in json):
        for alias, form in json.items():
            yield _form(form, place.member(alias), alias)
    else:
        yield _form(json, place, None)


def _form(json: JsonValue, place: Place, alias: str | None) -> Aggregation:
    if isinstance(json, str):
        return _by_name(json, place, alias)
    if not isinstance(json, dict) or len(json) != 1:
        raise place.invalid(f"'aggregate' takes {FORMS}, not {shown(json)}")
    ((operator, value),) = json.items()
    inner = place.member(operator)
    if operator not in (COUNT, *STATISTICS):
        raise inner.invalid(f"unknown aggregate {shown(operator)}; known here: {', '.join((COUNT, *STATISTICS))}")
    if isinstance(value, dict) and set(value) == {CONTEXT}:
        value, inner = value[CONTEXT], inner.member(CONTEXT)  # a row of `from` is its own context
    if operator == COUNT:
        return Aggregation(alias or operator, None, proposition_of(value, inner), place.text)
    return Aggregation(alias or operator, STATISTICS[operator], score_of(value, inner), place.text)


def _by_name(name: str, place: Place, alias: str | None) -> Aggregation:
    if name == COUNT:
        return Aggregation(alias or name, None, EVERYTHING, place.text)
    field, dot, operator = name.rpartition(".")
    if not dot or operator not in STATISTICS:
        raise place.invalid(f"'aggregate' takes {FORMS}, not {shown(name)}")
    path = path_of(field, place, "an aggregate is of")
    return Aggregation(alias or name, STATISTICS[operator], FieldValue(path, place.text), place.text)
