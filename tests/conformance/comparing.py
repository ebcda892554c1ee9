"""How a recorded answer and ours are compared. A comparison tells what differs, or None when they agree."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from tests.conformance.examples import Example


@dataclass(frozen=True)
class Asked:
    """A recorded example with our answers to it."""

    example: Example
    ours: Any  # to the request as it was recorded
    wide: Any  # to the same request for all hits; for requests without hits the same as `ours`

    @property
    def hits(self) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """Recorded hits with ours at the same places. Raises AssertionError when we have fewer."""
        recorded = self.example.response["hits"]
        assert len(recorded) <= len(self.ours["hits"]), "fewer hits than recorded"
        return list(zip(recorded, self.ours["hits"], strict=False))


Compare = Callable[[Asked], "str | None"]


def whole(asked: Asked) -> str | None:
    """All of the answer."""
    return _unless_equal(asked.example.response, asked.ours)


def total(asked: Asked) -> str | None:
    """How many answers there are."""
    return _unless_equal(asked.example.response["total"], asked.ours["total"])


def hit_count(asked: Asked) -> str | None:
    """How many of them are sent."""
    return _unless_equal(asked.example.hit_count, len(asked.ours["hits"]))


def names(asked: Asked, *, without: tuple[str, ...] = ()) -> str | None:
    """The names in each hit, in their order."""
    wanted = [[name for name in recorded if name not in without] for recorded, _ in asked.hits]
    return _unless_equal(wanted, [list(hit) for _, hit in asked.hits])


def hits(asked: Asked, *, without: tuple[str, ...] = ()) -> str | None:
    """The hits themselves."""
    wanted = [{name: value for name, value in hit.items() if name not in without} for hit, _ in asked.hits]
    return _unless_equal(wanted, [hit for _, hit in asked.hits])


def order(by: str) -> Compare:
    """The same hits in the same order, known by one of their members."""

    def compare(asked: Asked) -> str | None:
        return _unless_equal([hit[by] for hit, _ in asked.hits], [hit[by] for _, hit in asked.hits])

    return compare


def ranks(by: str) -> Compare:
    """The recorded hits stand in the same order among all of ours."""

    def compare(asked: Asked) -> str | None:
        all_of_ours = [_known(hit[by]) for hit in asked.wide["hits"]]
        wanted = [_known(hit[by]) for hit in asked.example.response["hits"]]
        if not set(wanted) <= set(all_of_ours):
            return f"not among ours: {set(wanted) - set(all_of_ours)}"
        places = [all_of_ours.index(one) for one in wanted]
        return None if all(one < other for one, other in pairwise(places)) else f"they stand at {places}"

    return compare


def near(by: str, value: str, tolerance: float) -> Compare:
    """A number of each recorded hit, known by one of its members, is ours within the tolerance."""

    def compare(asked: Asked) -> str | None:
        ours = {_known(hit[by]): hit[value] for hit in asked.wide["hits"]}
        off = {_known(hit[by]): ours[_known(hit[by])] - hit[value] for hit in asked.example.response["hits"]}
        return None if all(abs(one) <= tolerance for one in off.values()) else f"off by {off}"

    return compare


def ladder(tolerance: float) -> Compare:
    """The probabilities from the first place down, whatever stands there, are ours within the tolerance."""

    def compare(asked: Asked) -> str | None:
        recorded = [*(hit["$p"] for hit in asked.example.response["hits"]), *asked.example.further]
        ours = [hit["$p"] for hit in asked.wide["hits"]][: len(recorded)]
        off = [our - their for our, their in zip(ours, recorded, strict=True)]
        return None if all(abs(one) <= tolerance for one in off) else f"off by {off}"

    return compare


def number(name: str, tolerance: float = 0.0) -> Compare:
    """A number of an answer that is no page."""

    def compare(asked: Asked) -> str | None:
        ours, recorded = asked.ours[name], asked.example.response[name]
        return None if abs(ours - recorded) <= tolerance else f"{ours} instead of {recorded}"

    return compare


def members(asked: Asked) -> str | None:
    """The names in an answer that is no page, in their order."""
    return _unless_equal(list(asked.example.response), list(asked.ours))


def page_of(*wanted: str) -> Compare:
    """An answer that wasn't recorded has hits, with these names."""

    def compare(asked: Asked) -> str | None:
        if list(asked.ours) != ["offset", "total", "hits"] or not asked.ours["hits"]:
            return "no page with hits"
        return _unless_equal([list(wanted)] * len(asked.ours["hits"]), [list(hit) for hit in asked.ours["hits"]])

    return compare


def object_of(*wanted: str) -> Compare:
    """An answer that wasn't recorded has these names among its own."""

    def compare(asked: Asked) -> str | None:
        missing = set(wanted) - set(asked.ours)
        return f"without {sorted(missing)}" if missing else None

    return compare


def _known(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _unless_equal(wanted: Any, ours: Any) -> str | None:
    """Numbers are compared by value: 1 equals 1.0, as in JSON."""
    return None if wanted == ours else f"{ours} instead of {wanted}"
