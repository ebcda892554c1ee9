"""`from`, `where`, `offset`, `limit`: what the bodies of all queries share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from instance_agent.query.language.grammar.places import Place
from instance_agent.query.language.grammar.propositions import proposition_of
from instance_agent.query.language.propositions import EVERYTHING, Proposition
from instance_agent.query.language.queries import Narrowed, Slice, Source, Table
from instance_agent.query.refusals import shown
from instance_agent.schema.types import JsonValue

Members = Mapping[str, JsonValue]

SOURCE: Final = ("from", "where", "limit")


def source_of(json: JsonValue, place: Place) -> Source:
    """The rows a query is from. Raises a refusal naming the place of what isn't understood."""
    if isinstance(json, str):
        return Table(json)
    if json is None:
        raise place.invalid("'from' is required: the name of a table")
    if not isinstance(json, dict):
        raise place.invalid(f"'from' is the name of a table or an object with from and where, not {shown(json)}")
    for key in json:
        if key not in SOURCE:
            raise place.member(key).invalid(f"unknown member {shown(key)}; a 'from' may have {', '.join(SOURCE)}")
    limit = json.get("limit")
    return Narrowed(
        source=source_of(json.get("from"), place.member("from")),
        where=where_of(json, place),
        limit=None if limit is None else count_of(limit, "limit", place),
        place=place.text,
    )


def where_of(members: Members, place: Place) -> Proposition:
    """The proposition under `where`; everything when it isn't there. Raises 400."""
    where = members.get("where")
    return EVERYTHING if where is None else proposition_of(where, place.member("where"))


def slice_of(members: Members, place: Place) -> Slice:
    """The part of the answers asked for. Raises 400."""
    default = Slice()
    offset, limit = members.get("offset"), members.get("limit")
    return Slice(
        offset=default.offset if offset is None else count_of(offset, "offset", place),
        limit=default.limit if limit is None else count_of(limit, "limit", place),
    )


def count_of(json: JsonValue, name: str, place: Place) -> int:
    """The whole number from 0 up, of at most 64 bits, under this name. Raises 400; place: that of the object."""
    if isinstance(json, bool) or not isinstance(json, int) or not 0 <= json < 2**63:
        raise place.member(name).invalid(f"'{name}' is a whole number from 0 up, not {shown(json)}")
    return json
