"""The body of `_evaluate`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from instance_agent.query.language.grammar.literals import whole
from instance_agent.query.language.grammar.places import Place, members_of, path_of
from instance_agent.query.language.grammar.projections import select_of
from instance_agent.query.language.grammar.propositions import proposition_of
from instance_agent.query.language.grammar.queries import names_of
from instance_agent.query.language.grammar.sources import Members, slice_of, source_of, where_of
from instance_agent.query.language.propositions import Proposition
from instance_agent.query.language.queries import (
    Estimate,
    Evaluate,
    Match,
    Predict,
    Query,
    Recommend,
    Sampled,
    Search,
    TestSource,
)
from instance_agent.query.refusals import shown
from instance_agent.schema.types import JsonValue

SAMPLE: Final = "$sample"
CAN_BE: Final = "a 'predict', 'match', 'recommend' or 'estimate' query, or one with 'get' and 'similarity' or 'orderBy'"


def evaluate_of(members: Members, place: Place, parse_template: Callable[[JsonValue, Place], Query]) -> Evaluate:
    """An `evaluate`. Raises a refusal naming the place of what isn't understood.

    parse_template: the parser of any query but an evaluation.
    """
    there = place.member("evaluate")._replace(templated=True)
    template = members["evaluate"]
    if not isinstance(template, dict):
        raise there.invalid(f"'evaluate' is {CAN_BE}, not {shown(template)}")
    query = parse_template(template, there)
    ordered = isinstance(query, Search) and query.get is not None and bool(query.order)
    if not ordered and not isinstance(query, Predict | Match | Recommend | Estimate):
        raise there.invalid(f"'evaluate' is {CAN_BE}")
    group = members.get("group")
    if isinstance(query, Recommend) and group is None:
        raise place.member("group").invalid("'group' is required to evaluate a 'recommend': the rows of one case")
    return Evaluate(
        template=template,
        test=_test(members, place),
        train=_proposition(members, "train", place),
        select=names_of(members.get("select"), place.member("select"), None),
        group=None if group is None else path_of(group, place.member("group"), "'group' is"),
        goal=_proposition(members, "goal", place),
    )


def _test(members: Members, place: Place) -> Proposition | Sampled | TestSource:
    if ("test" in members) == ("testSource" in members):
        raise place.member("test").invalid("an evaluation has one of 'test' and 'testSource': the rows to test with")
    if "testSource" in members:
        return _test_source(members["testSource"], place.member("testSource"))
    test, there = members["test"], place.member("test")
    if not isinstance(test, dict) or SAMPLE not in test:
        return proposition_of(test, there)
    sample = members_of(test, (SAMPLE,), there, "a test with $sample")[SAMPLE]
    return _sample(sample, there.member(SAMPLE))


def _sample(json: JsonValue, place: Place) -> Sampled:
    members = members_of(json, ("n", "seed"), place, "$sample")
    count = whole(members.get("n"), place.member("n"), "n of $sample")
    if count < 1:
        raise place.member("n").invalid("n of $sample is at least 1")
    return Sampled(count, whole(members.get("seed", 0), place.member("seed"), "the seed"))


def _test_source(json: JsonValue, place: Place) -> TestSource:
    members = members_of(json, ("from", "where", "offset", "limit", "select"), place, "a 'testSource'")
    select_of(members.get("select"), place.member("select"))  # what tests show is theirs to choose
    source = members.get("from")
    return TestSource(
        source=None if source is None else source_of(source, place.member("from")),
        where=where_of(members, place),
        slice=slice_of(members, place) if "offset" in members or "limit" in members else None,
    )


def _proposition(members: Members, name: str, place: Place) -> Proposition | None:
    json = members.get(name)
    return None if json is None else proposition_of(json, place.member(name))
