"""The grammar of whole queries: a JSON body in, a typed query out. It reads as the definition of the v1 language.

    search     := {"from": source, "where"?: proposition, "orderBy"?: order, "select"?: select, "offset"?, "limit"?}
    predict    := {"from": source, "predict": path, "where"?, "exclusiveness"?: bool, "select"?, "offset"?, "limit"?}
    source     := "table" | {"from": source, "where"?: proposition, "limit"?: n}
    order      := key | [key, ...]
    key        := "column" | "$index" | {"$desc": name} | {"$asc": name}        a bare name is descending
    select     := projection | [projection, ...]
    projection := "name" | {"alias": "name", ...}

An optional member may be null: the published v1 client sends `"select": null`. See `proposition_grammar` for `where`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from instance_agent.query.proposition_grammar import DEEPEST, LONGEST_PATH, parse_proposition
from instance_agent.query.propositions import EVERYTHING, Proposition
from instance_agent.query.queries import (
    Narrowed,
    Predict,
    Search,
    Slice,
    Source,
    Table,
)
from instance_agent.query.refusals import invalid, shown, unsupported
from instance_agent.query.scores import FieldValue, Name, Projection, SortKey
from instance_agent.schema.types import JsonValue

SEARCH_MEMBERS: Final = ("from", "where", "orderBy", "select", "offset", "limit")
PREDICT_MEMBERS: Final = ("from", "where", "predict", "basedOn", "exclusiveness", "select", "offset", "limit")
LATER_MEMBERS: Final = frozenset({"get", "goal", "match", "recommend", "relate", "similarity", "estimate", "aggregate"})
"""Members that make another kind of query, which this version doesn't answer."""


def parse_search(body: JsonValue) -> Search:
    """The query of `POST _search`. Raises a refusal naming the place of what isn't understood."""
    if isinstance(body, dict) and "predict" in body:
        raise invalid("_search finds rows; post a body with 'predict' to _predict", "predict")
    members = _members(body, SEARCH_MEMBERS)
    return Search(
        source=_source(members.get("from"), "from", 0),
        where=_where(members),
        order=_order(members.get("orderBy")),
        select=_select(members.get("select")),
        slice=_slice(members),
    )


def parse_predict(body: JsonValue) -> Predict:
    """The query of `POST _predict`. Raises a refusal naming the place of what isn't understood."""
    members = _members(body, PREDICT_MEMBERS)
    if members.get("basedOn") is not None:
        raise unsupported("'basedOn' is not supported by this version", "basedOn")
    return Predict(
        source=_source(members.get("from"), "from", 0),
        targets=(_target(members.get("predict")),),
        where=_where(members),
        exclusive=_exclusiveness(members.get("exclusiveness")),
        select=_select(members.get("select")),
        slice=_slice(members),
    )


def parse_query(body: JsonValue) -> Search | Predict:
    """The query of `POST _query`: what it asks shows in its members."""
    return parse_predict(body) if isinstance(body, dict) and "predict" in body else parse_search(body)


def _members(body: JsonValue, known: tuple[str, ...]) -> Mapping[str, JsonValue]:
    if not isinstance(body, dict):
        raise invalid('a query is an object like {"from": "table"}', "the body")
    for key in body:
        if key in LATER_MEMBERS:
            raise unsupported(f"'{key}' is not supported here by this version", key)
        if key not in known:
            raise invalid(f"unknown member {shown(key)}; a query here may have {', '.join(known)}", key)
    return body


def _source(json: JsonValue, place: str, depth: int) -> Source:
    if isinstance(json, str):
        return Table(json)
    if json is None:
        raise invalid("'from' is required: the name of a table", place)
    if not isinstance(json, dict):
        raise invalid(f"'from' is the name of a table or an object with from and where, not {shown(json)}", place)
    if depth >= DEEPEST:
        raise invalid(f"nested deeper than {DEEPEST} levels", place)
    for key in json:
        if key not in ("from", "where", "limit"):
            raise invalid(f"unknown member {shown(key)}; a 'from' may have from, where, limit", f"{place}.{key}")
    limit = json.get("limit")
    return Narrowed(
        source=_source(json.get("from"), f"{place}.from", depth + 1),
        where=_where(json, f"{place}.where"),
        limit=None if limit is None else _count(limit, f"{place}.limit"),
        place=place,
    )


def _where(members: Mapping[str, JsonValue], place: str = "where") -> Proposition:
    where = members.get("where")
    return EVERYTHING if where is None else parse_proposition(where, place)


def _order(json: JsonValue) -> tuple[SortKey, ...]:
    if json is None:
        return ()
    if isinstance(json, list):
        return tuple(_sort_key(key, f"orderBy[{number}]") for number, key in enumerate(json))
    return (_sort_key(json, "orderBy"),)


def _sort_key(json: JsonValue, place: str) -> SortKey:
    match json:
        case str() as name:
            return SortKey(_field_or_index(name, place), True, place)
        case {"$asc": str() as name, **rest} if not rest:
            return SortKey(_field_or_index(name, f"{place}.$asc"), False, f"{place}.$asc")
        case {"$desc": str() as name, **rest} if not rest:
            return SortKey(_field_or_index(name, f"{place}.$desc"), True, f"{place}.$desc")
        case dict():
            raise unsupported('this version orders by columns: "price" or {"$asc": "price"}', place)
    raise invalid(f'orderBy takes a column, {{"$asc": column}} or {{"$desc": column}}, not {shown(json)}', place)


def _field_or_index(name: str, place: str) -> FieldValue:
    if name.startswith("$") and name != "$index":
        raise unsupported(f"this version doesn't order by {shown(name)}", place)
    return FieldValue(tuple(name.split(".")), place)


def _select(json: JsonValue) -> tuple[Projection, ...] | None:
    if json is None:
        return None
    if not isinstance(json, list):
        return _projections(json, "select")
    return tuple(one for number, part in enumerate(json) for one in _projections(part, f"select[{number}]"))


def _projections(json: JsonValue, place: str) -> tuple[Projection, ...]:
    if isinstance(json, str):
        return (Projection(json, Name(json), place),)
    if not isinstance(json, dict):
        raise invalid(f"select takes names, not {shown(json)}", place)
    if any(key.startswith("$") for key in json):
        raise unsupported("this version selects by name only, without options", place)
    named = []
    for alias, name in json.items():
        if not isinstance(name, str):
            raise unsupported("this version selects by name only", f"{place}.{alias}")
        named.append(Projection(alias, Name(name), f"{place}.{alias}"))
    return tuple(named)


def _target(json: JsonValue) -> tuple[str, ...]:
    if json is None:
        raise invalid("'predict' is required: the field to predict", "predict")
    if isinstance(json, list | dict):
        raise unsupported('this version predicts one field: {"predict": "field"}', "predict")
    if not isinstance(json, str):
        raise invalid(f"'predict' is a field, not {shown(json)}", "predict")
    path = tuple(json.split("."))
    if len(path) > LONGEST_PATH:
        raise invalid(f"a field path has at most {LONGEST_PATH} segments", "predict")
    return path


def _exclusiveness(json: JsonValue) -> bool:
    if json is None or isinstance(json, bool):
        return json is not False
    raise invalid(f"'exclusiveness' is true or false, not {shown(json)}", "exclusiveness")


def _slice(members: Mapping[str, JsonValue]) -> Slice:
    offset, limit = members.get("offset"), members.get("limit")
    return Slice(
        offset=0 if offset is None else _count(offset, "offset"),
        limit=10 if limit is None else _count(limit, "limit"),
    )


def _count(json: JsonValue, place: str) -> int:
    if isinstance(json, bool) or not isinstance(json, int) or not 0 <= json < 2**63:
        raise invalid(f"'{place.rpartition('.')[2]}' is a whole number from 0 up, not {shown(json)}", place)
    return json
