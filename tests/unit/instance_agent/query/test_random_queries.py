"""Whatever is asked, the answer is JSON of the published shape or a refusal with a sentence, and always the same.

Valid queries are made from the grammar; broken ones are valid ones damaged; the rest is garbage.
"""

from __future__ import annotations

import json
import re

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from instance_agent.engine.tables import ReadView
from instance_agent.errors import AgentError
from instance_agent.query.answer import answer
from instance_agent.query.language.grammar import PARSERS, parse_batch
from instance_agent.schema.types import JsonValue
from tests.unit.instance_agent.query.broken_queries import broken, garbage
from tests.unit.instance_agent.query.queries_strategy import ENDPOINTS, valid
from tests.unit.instance_agent.query.small_shop import larger_shop, small_shop, stored_shop

SECONDS = 60.0
MEASUREMENT = re.compile("(mean|median|all)(Ns|Us|Ms)|warmingMs|features")
PAGES = ("_search", "_query", "_predict", "_match", "_recommend", "_relate", "_similarity")
SHOP = small_shop()
LARGER_SHOP = larger_shop()
QUICK = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> ReadView:
    """The shop in segments, with deleted rows between the others."""
    return stored_shop(tmp_path_factory.mktemp("shop")).read_view()


def answered(view: ReadView, endpoint: str, body: JsonValue) -> bytes:
    """The bytes of the answer, or of the refusal."""
    try:
        found = answer(view, endpoint, body, SECONDS)
    except AgentError as refused:
        assert refused.status == 400, refused.message
        assert len(refused.message) < 2_000
        return f"{refused.code} {refused.message}".encode()
    check_shape(endpoint, body, found)
    return msgspec.json.encode(without_measurements(found))


def without_measurements(json: JsonValue) -> JsonValue:
    """An answer less the times that `_evaluate` measures, and the number of features, which counts dead rows' too."""
    if isinstance(json, list):
        return [without_measurements(one) for one in json]
    if not isinstance(json, dict):
        return json
    return {key: without_measurements(value) for key, value in json.items() if not MEASUREMENT.fullmatch(key)}


def check_shape(endpoint: str, body: JsonValue, found: JsonValue) -> None:
    json.dumps(found, allow_nan=False)
    if endpoint == "_batch":
        assert isinstance(found, list)
        assert isinstance(body, list)
        for one, its_answer in zip(body, found, strict=True):
            check_shape("_query", one, its_answer)
        return
    assert isinstance(found, dict)
    assert isinstance(body, dict)
    if endpoint in PAGES and not {"estimate", "aggregate", "evaluate"} & body.keys():
        hits, total, limit = found["hits"], found["total"], body.get("limit")
        assert list(found) == ["offset", "total", "hits"]
        assert isinstance(hits, list)
        assert isinstance(total, int)
        assert isinstance(limit, int | None)
        assert len(hits) <= min(total, 10 if limit is None else limit)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@settings(QUICK, max_examples=60)
@given(data=st.data())
def test_what_the_grammar_allows_is_parsed(endpoint: str, data: st.DataObject) -> None:
    body = data.draw(valid(endpoint))
    parse_batch(body) if endpoint == "_batch" else PARSERS[endpoint](body)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@settings(QUICK, max_examples=60)
@given(data=st.data())
def test_valid_queries_have_the_same_answer_however_rows_are_stored(
    stored: ReadView, endpoint: str, data: st.DataObject
) -> None:
    body = data.draw(valid(endpoint))
    assert answered(stored, endpoint, body) == answered(SHOP, endpoint, body)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@settings(QUICK, max_examples=10)
@given(data=st.data())
def test_valid_queries_are_answered_or_refused_over_more_rows(endpoint: str, data: st.DataObject) -> None:
    answered(LARGER_SHOP, endpoint, data.draw(valid(endpoint)))


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@settings(QUICK, max_examples=60)
@given(data=st.data())
def test_broken_queries_are_answered_or_refused(endpoint: str, data: st.DataObject) -> None:
    answered(SHOP, endpoint, data.draw(broken(endpoint)))


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@settings(QUICK, max_examples=30)
@given(body=garbage)
def test_garbage_is_refused(endpoint: str, body: JsonValue) -> None:
    answered(SHOP, endpoint, body)


@settings(QUICK, max_examples=60)
@given(body=valid("_query"))
def test_what_was_asked_before_changes_no_answer(body: JsonValue) -> None:
    assert answered(small_shop(), "_query", body) == answered(SHOP, "_query", body)
