"""How a recorded answer and ours are compared. A comparison tells what differs, or None when they agree."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from instance_agent.inference.relation import Relations
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


def same_hits(by: str) -> Compare:
    """The same hits, in whatever order; names stand in theirs. Hits are known by one of their members."""

    def compare(asked: Asked) -> str | None:
        def sorted_hits(hits: list[dict[str, Any]]) -> list[list[tuple[str, Any]]]:
            return [list(hit.items()) for hit in sorted(hits, key=lambda hit: _known(hit[by]))]

        return _unless_equal(sorted_hits(asked.example.response["hits"]), sorted_hits(asked.ours["hits"]))

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


def names_of_all(asked: Asked) -> str | None:
    """The names of the full answer, in their order."""
    return _unless_equal(list(asked.example.names), list(asked.ours))


def each_of(*comparisons: Compare) -> Compare:
    """An answer to a batch that wasn't recorded: its answers one by one."""

    def compare(asked: Asked) -> str | None:
        if len(asked.ours) != len(comparisons):
            return f"{len(asked.ours)} answers"
        told = [one(Asked(asked.example, ours, ours)) for one, ours in zip(comparisons, asked.ours, strict=True)]
        return next((one for one in told if one is not None), None)

    return compare


def relations(asked: Asked) -> str | None:
    """The numbers of recorded relations follow from their counts by our arithmetic, to 1e-9."""
    for hit in asked.example.response["hits"]:
        fs, ps = hit["fs"], hit.get("ps", {})
        ours = Relations(fs["n"], fs["fCondition"], fs["f"], fs["fOnCondition"])
        pairs = [(hit["lift"], ours.lift)]
        of_ps = {"p": ours.p, "pOnCondition": ours.p_on_condition, "pCondition": ours.p_condition}
        pairs += [(ps[name], value) for name, value in of_ps.items() if name in ps]
        if "info" in hit:
            pairs += [(hit["info"]["h"], ours.entropy), (hit["info"]["mi"], ours.information)]
            pairs += [(hit["relation"]["mi"], ours.mutual_information)]
        off = [float(value) - recorded for recorded, value in pairs]
        if any(abs(one) > 1e-9 for one in off):
            return f"off by {off}"
    return None


def statistics(asked: Asked) -> str | None:
    """Mean, variance, deviation and error of yes and no follow from how often yes was said, there and here, to 1e-9."""
    for answer in (asked.example.response, asked.ours):
        count, said = answer["purchase.$sum.samples"], answer["purchase.$sum"]
        mean = said / count
        deviation = math.sqrt(mean * (1 - mean))
        numbers = {
            "": mean,
            ".samples": count,
            ".variance": deviation**2,
            ".standardDeviation": deviation,
            ".standardError": deviation / math.sqrt(count),
        }
        off = {name: answer[f"purchase.$mean{name}"] - value for name, value in numbers.items()}
        if any(abs(one) > 1e-9 for one in off.values()):
            return f"off by {off}"
    return None


def why_is_the_product(asked: Asked) -> str | None:
    """In every hit the leaves of `$why` multiply up to `$p`, there and here, to 1e-12."""
    for hit in [*asked.example.response["hits"], *asked.ours["hits"]]:
        leaves = [node["value"] for node in _nodes(hit["$why"]) if node["type"] != "product"]
        if not math.isclose(math.prod(leaves), hit["$p"], rel_tol=1e-12):
            return f"{math.prod(leaves)} instead of {hit['$p']}"
    return None


def why_is_the_power(asked: Asked) -> str | None:
    """An estimate by regression is e to the sum of the terms in its explanation, there and here, to 1e-9."""
    for answer in (asked.example.response, asked.ours):
        power = sum(term["value"] for term in answer["why"]["power"]["terms"])
        if not math.isclose(math.exp(power), answer["estimate"], rel_tol=1e-9):
            return f"{math.exp(power)} instead of {answer['estimate']}"
    return None


def names_in_why(asked: Asked) -> str | None:
    """Nodes of one type have the same names in recorded explanations and in ours."""
    recorded, ours = (
        {(node["type"], *sorted(node)) for node in _nodes(answer)} for answer in (asked.example.response, asked.ours)
    )
    return None if ours <= recorded else f"{ours - recorded}"


def _nodes(json: Any) -> Iterator[dict[str, Any]]:
    """Every node of the explanations in this."""
    if isinstance(json, dict):
        if "type" in json:
            yield json
        for value in json.values():
            yield from _nodes(value)
    elif isinstance(json, list):
        for value in json:
            yield from _nodes(value)


def _known(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _unless_equal(wanted: Any, ours: Any) -> str | None:
    """Numbers are compared by value: 1 equals 1.0, as in JSON."""
    return None if wanted == ours else f"{ours} instead of {wanted}"
