"""`_relate`: how every feature of the condition and every feature of the related set depend on each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from instance_agent.engine.tables import TableView
from instance_agent.inference.relation import Relations
from instance_agent.query.endpoints.relation_counts import Counter, Counts
from instance_agent.query.filtering.sources import rows_of
from instance_agent.query.language.queries import Relate, Sorting
from instance_agent.query.learning.domains import Levels
from instance_agent.query.learning.proposition_sets import ColumnFeatures, Member, every_feature, features_of
from instance_agent.query.page import Page, check_size
from instance_agent.query.refusals import field_not_found, invalid
from instance_agent.query.scope import Scope
from instance_agent.schema.types import JsonValue

Numbers = NDArray[np.float64]
Number = Callable[[Relations], Numbers]
NO_PAIRS: NDArray[np.int64] = np.empty(0, np.int64)

MOST_PAIRS: Final = 5_000_000
"""Relations that one query looks at."""

MOST_BLOCKS: Final = 10_000
"""Pairs of fields (or conditions) that these are pairs of features of."""

AT_ONCE: Final = 16_384
"""Pairs whose numbers are computed together, few enough for the processor's caches."""

WORTH_LEVELS: Final = 512
"""A field of fewer features is computed pair by pair."""

GROUPS: Final = 16
"""Groups of values, for each one wanted, whose smallest are looked at first."""

DECIMALS: Final = 12
"""Numbers of an order that differ by less are equal: vectorised logarithms may differ in the last bits."""

NUMBERS: Final[Mapping[str, Number]] = MappingProxyType(
    {
        "lift": lambda relations: relations.lift,
        "fs.f": lambda relations: relations.feature,
        "fs.fOnCondition": lambda relations: relations.both,
        "fs.fOnNotCondition": lambda relations: relations.feature_only,
        "fs.fCondition": lambda relations: relations.condition,
        "fs.n": lambda relations: relations.rows,
        "ps.p": lambda relations: relations.p,
        "ps.pOnCondition": lambda relations: relations.p_on_condition,
        "ps.pOnNotCondition": lambda relations: relations.p_on_not_condition,
        "ps.pCondition": lambda relations: relations.p_condition,
        "info.h": lambda relations: relations.entropy,
        "info.mi": lambda relations: relations.information,
        "info.miTrue": lambda relations: relations.information_of_having,
        "info.miFalse": lambda relations: relations.information_of_lacking,
        "relation.n": lambda relations: relations.rows,
        "relation.mi": lambda relations: relations.mutual_information,
    }
)
"""The numbers of a hit, by their path in it."""

DEFAULT_ORDER: Final = (("relation.mi", Sorting.DESCENDING),)
VALUES_PER_HIT: Final = 100
"""What a hit takes in memory, in values of a row: its numbers are in objects and lists of their own."""


@dataclass(frozen=True)
class Block:
    """Every feature of one member of the condition with every feature of one member of the related set."""

    condition: Member
    related: Member
    rows: int  # that are counted
    with_condition: Counts  # per feature of the condition
    with_related: Counts  # per related feature
    with_both: NDArray[np.int32]  # condition x related
    levels: Levels | None  # the different counts of the side with more features, where these are many

    @property
    def size(self) -> int:
        """How many pairs."""
        return self.with_both.size

    def relations(self, places: NDArray[np.int64]) -> Relations:
        """Those of some pairs: places in `with_both`, row by row."""
        conditions, related = np.divmod(places, len(self.related))
        return Relations(
            self.rows, self.with_condition[conditions], self.with_related[related], self.with_both.ravel()[places]
        )


@dataclass(frozen=True)
class Shown:
    """The pairs of one page, in order."""

    pairs: list[tuple[Block, int]]  # each with its place in the block
    numbers: Relations

    def counts(self, name: str) -> list[int]:
        """A number of rows."""
        return [int(count) for count in NUMBERS[name](self.numbers).tolist()]

    def values(self, name: str) -> list[float]:
        """Any other number."""
        values: list[float] = NUMBERS[name](self.numbers).tolist()
        return values


def relate(scope: Scope, query: Relate) -> Page:
    """The relations in the order asked for: else by mutual information, the greatest first.

    Ties are in the order of the condition's and the related features: as they were said, those of a field in order of
    first appearance in the table. Raises 400 for what doesn't fit the schema and for more than MOST_PAIRS relations.
    """
    table, rows = rows_of(scope, query.source)
    keys = [(_number(name), sorting) for name, sorting in query.order or DEFAULT_ORDER]
    makers = [(name, _member(name)) for name in (MEMBERS if query.select is None else query.select)]
    pairs = _pairs(scope, table, query)
    total = sum(len(condition) * len(related) for condition, related in pairs)
    _check_size(total, MOST_PAIRS, "features")
    start, end = query.slice.offset, min(query.slice.offset + query.slice.limit, total)
    check_size(max(0, end - start), VALUES_PER_HIT)
    counter = Counter(scope, table, rows)
    blocks = [_counted(scope, counter, condition, related) for condition, related in pairs]
    shown = _shown(blocks, _ordered(scope, blocks, keys, end)[start:] if start < end else NO_PAIRS)
    scope.deadline.check()
    columns = [(name, make(shown)) for name, make in makers]
    hits = tuple({name: values[at] for name, values in columns} for at in range(len(shown.pairs)))
    return Page(query.slice.offset, total, hits)


def _pairs(scope: Scope, table: TableView, query: Relate) -> list[tuple[Member, Member]]:
    """Without a condition, every feature of the table but those of the related field itself."""
    related = features_of(scope, table, query.related)
    if query.condition is None:
        conditions = every_feature(scope, table)
    else:
        conditions = features_of(scope, table, (query.condition,))
    _check_size(len(conditions) * len(related), MOST_BLOCKS, "fields and conditions")
    return [pair for pair in product(conditions, related) if query.condition is not None or not _of_one_field(*pair)]


def _check_size(pairs: int, most: int, what: str) -> None:
    if pairs > most:
        text = f"this relates {pairs} pairs of {what}, and one query relates at most {most}"
        raise invalid(f"{text}; narrow 'relate' or 'where'", "relate")


def _of_one_field(one: Member, other: Member) -> bool:
    if isinstance(one, ColumnFeatures) and isinstance(other, ColumnFeatures):
        return one.column.path == other.column.path
    return False


def _counted(scope: Scope, counter: Counter, condition: Member, related: Member) -> Block:
    """Counts along the longer side, once for each of the shorter."""
    rows, one, other = counter.counted(condition, related)
    together = np.empty((len(condition), len(related)), np.int32)
    along_related = len(condition) <= len(related)
    for place in range(min(together.shape)):
        scope.deadline.check()
        if along_related:
            together[place] = other.within(one.rows(place))
        else:
            together[:, place] = one.within(other.rows(place))
    longer = other if along_related else one
    levels = longer.levels if max(together.shape) >= WORTH_LEVELS else None
    return Block(condition, related, rows, one.totals, other.totals, together, levels)


def _ordered(scope: Scope, blocks: list[Block], keys: list[tuple[Number, Sorting]], wanted: int) -> NDArray[np.int64]:
    """The first `wanted` pairs, numbered block after block, in the order of the keys, the first one deciding first."""
    columns: list[Numbers] = []
    for number, sorting in keys:
        values = np.round(np.concatenate([_numbers(scope, block, number) for block in blocks]), DECIMALS)
        columns.append(-values if sorting is Sorting.DESCENDING else values)
    near = _smallest(columns[0], wanted)
    return near[np.lexsort([column[near] for column in reversed(columns)])][:wanted]


def _smallest(values: Numbers, wanted: int) -> NDArray[np.int64]:
    """The places of the `wanted` smallest values, increasing, and of all that equal the greatest of them."""
    near: NDArray[np.int64] = np.arange(len(values), dtype=np.int64)
    width = len(values) // (GROUPS * wanted)
    if width > 1:  # the smallest of each group bound what can be among the smallest of all
        least = values[: GROUPS * wanted * width].reshape(-1, width).min(axis=1)
        near = np.flatnonzero(values <= np.partition(least, wanted - 1)[wanted - 1])
    if wanted < len(near):
        chosen = values[near]
        near = near[chosen <= np.partition(chosen, wanted - 1)[wanted - 1]]
    return near


def _numbers(scope: Scope, block: Block, number: Number) -> Numbers:
    """One number of all pairs of a block, row by row."""
    if block.levels is not None and len(block.levels.counts) * 4 < len(block.levels.places):
        return _numbers_by_level(scope, block, number, block.levels)
    values = np.empty(block.size)
    for start in range(0, block.size, AT_ONCE):
        scope.deadline.check()
        chosen = np.arange(start, min(start + AT_ONCE, block.size), dtype=np.int64)
        values[chosen] = number(block.relations(chosen))
    return values


def _numbers_by_level(scope: Scope, block: Block, number: Number, levels: Levels) -> Numbers:
    """The same, where most pairs are never seen together: these have one number for each different total."""
    along_related = len(block.condition) <= len(block.related)
    fixed, totals = block.with_condition, block.with_related
    together = block.with_both
    if not along_related:
        fixed, totals, together = totals, fixed, together.T
    values = np.empty(together.shape)
    for place, count in enumerate(fixed.tolist()):
        scope.deadline.check()

        def numbers(others: Counts, both: Counts | NDArray[np.int32], count: int = count) -> Numbers:
            condition, feature = (count, others) if along_related else (others, count)
            relations = Relations(block.rows, condition, feature, both)
            return np.broadcast_to(number(relations), others.shape)  # a number of one side only is a single one

        apart = np.minimum(levels.counts, block.rows - count)
        row = numbers(apart, np.zeros_like(apart))[levels.places]
        seen = np.flatnonzero(together[place])
        row[seen] = numbers(totals[seen], together[place][seen])
        values[place] = row
    return np.ascontiguousarray(values if along_related else values.T).ravel()


def _shown(blocks: list[Block], chosen: NDArray[np.int64]) -> Shown:
    ends = np.cumsum([block.size for block in blocks], dtype=np.int64)
    numbers: list[tuple[int, int, int, int]] = []
    pairs: list[tuple[Block, int]] = []
    for pair in chosen.tolist():
        at = int(np.searchsorted(ends, pair, side="right"))
        block = blocks[at]
        place = pair - (int(ends[at]) - block.size)
        row, column = divmod(place, len(block.related))
        counts = block.with_condition[row], block.with_related[column], block.with_both[row, column]
        numbers.append((block.rows, int(counts[0]), int(counts[1]), int(counts[2])))
        pairs.append((block, place))
    rows, condition, feature, both = np.array(numbers, np.int64).reshape(-1, 4).T
    return Shown(pairs, Relations(rows, condition, feature, both))


def _related(shown: Shown) -> list[JsonValue]:
    return _propositions([(block.related, place % len(block.related)) for block, place in shown.pairs])


def _condition(shown: Shown) -> list[JsonValue]:
    return _propositions([(block.condition, place // len(block.related)) for block, place in shown.pairs])


def _propositions(members: list[tuple[Member, int]]) -> list[JsonValue]:
    """Each made once, however often it is there."""
    made: dict[tuple[int, int], JsonValue] = {}
    for member, place in members:
        key = (id(member), place)
        if key not in made:
            made[key] = member.shown(place)
    return [made[id(member), place] for member, place in members]


def _lift(shown: Shown) -> list[JsonValue]:
    return list(shown.values("lift"))


def _fs(shown: Shown) -> list[JsonValue]:
    names = ("f", "fOnCondition", "fOnNotCondition", "fCondition", "n")
    return _objects(names, [shown.counts(f"fs.{name}") for name in names])


def _ps(shown: Shown) -> list[JsonValue]:
    names = ("p", "pOnCondition", "pOnNotCondition", "pCondition")
    return _objects(names, [shown.values(f"ps.{name}") for name in names])


def _info(shown: Shown) -> list[JsonValue]:
    names = ("h", "mi", "miTrue", "miFalse")
    return _objects(names, [shown.values(f"info.{name}") for name in names])


def _relation(shown: Shown) -> list[JsonValue]:
    sides = zip(shown.counts("fs.fCondition"), shown.counts("fs.f"), strict=True)
    states = zip(*(state.astype(np.int64).tolist() for state in shown.numbers.states), strict=True)
    members: list[Sequence[JsonValue]] = [
        shown.counts("relation.n"),
        [list(side) for side in sides],
        [list(state) for state in states],
        shown.values("relation.mi"),
    ]
    return _objects(("n", "varFs", "stateFs", "mi"), members)


def _objects(names: Sequence[str], columns: Sequence[Sequence[JsonValue]]) -> list[JsonValue]:
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


MEMBERS: Final[Mapping[str, Callable[[Shown], list[JsonValue]]]] = MappingProxyType(
    {
        "related": _related,
        "condition": _condition,
        "lift": _lift,
        "fs": _fs,
        "ps": _ps,
        "info": _info,
        "relation": _relation,
    }
)
"""What a hit has, in order."""


def _member(name: str) -> Callable[[Shown], list[JsonValue]]:
    if name not in MEMBERS:
        raise field_not_found(name, "select", said_by="select", known=tuple(MEMBERS))
    return MEMBERS[name]


def _number(name: str) -> Number:
    if name not in NUMBERS:
        raise field_not_found(name, "orderBy", said_by="orderBy", known=tuple(NUMBERS))
    return NUMBERS[name]
