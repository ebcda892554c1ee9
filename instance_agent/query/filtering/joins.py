"""Rows whose link leads to rows of another table, whichever these are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from instance_agent.engine.tables import TableView
from instance_agent.index.column import ColumnView
from instance_agent.query.filtering.codes import Codes, CodeTest, Marked
from instance_agent.query.filtering.conditions import Condition, Effort, Found, Passing
from instance_agent.query.filtering.rowsets import NO_ROWS, Mask, Rows, RowSet, contained, either
from instance_agent.query.paths import FEW_KEYS, Hop, hop_of
from instance_agent.query.scope import FieldName, Scope

FEW_ROWS = 32
"""The links of so few rows are followed one by one."""


class Linking(Condition):
    """Rows whose link (any element of an array of links) is the key of a row that the condition holds for.

    A dangling link leads nowhere. Where several rows have one key, one that the condition holds for is enough.
    """

    effort = Effort.VALUES

    def __init__(
        self, link: ColumnView, key: ColumnView, keys_of_links: Callable[[], Codes], linked: Condition
    ) -> None:
        """key: the column that the link points to. keys_of_links: see `keys_of_links`. linked: on the key's rows."""
        self._link = link
        self._key = key
        self._keys_of_links = keys_of_links
        self._linked = linked

    def rows(self) -> RowSet:
        return self._by_link.rows()

    def among(self, rows: Rows) -> Mask:
        if len(rows) <= FEW_ROWS:
            leading = Passing(self._link, lambda: _Followed(self._link, self._key, self._linked), by_feature=True)
            return leading.among(rows)
        return self._by_link.among(rows)

    @cached_property
    def _by_link(self) -> Condition:
        keys = self._keys()
        if len(keys) > FEW_KEYS:
            return Passing(self._link, lambda: self._leading_to(keys), by_feature=True)
        values = [self._key.values[code] for code in keys.tolist()]
        find = self._link.rows_with if self._link.schema.type.is_array else self._link.rows_equal
        return Found(lambda: either((find(value) for value in values), self._link.row_count))

    def _keys(self) -> NDArray[np.intp]:
        """The codes of the keys that the linked rows have."""
        codes = self._key.codes[self._linked.rows()]
        if len(codes) <= FEW_KEYS:
            return np.unique(codes[codes >= 0]).astype(np.intp)
        there = np.zeros(len(self._key.values) + 1, np.bool_)
        there[codes] = True
        return np.flatnonzero(there[:-1])

    def _leading_to(self, keys: NDArray[np.intp]) -> CodeTest:
        wanted = np.zeros(len(self._key.values) + 1, np.bool_)  # the code -1 finds the False at the end
        wanted[keys] = True
        return Marked(wanted[self._keys_of_links()])


class _Followed(CodeTest):
    """Does a link lead to a row that the condition holds for? Found link by link."""

    def __init__(self, link: ColumnView, key: ColumnView, linked: Condition) -> None:
        self.count = len(link.features)
        self._link = link
        self._key = key
        self._linked = linked

    def all(self) -> Mask:
        return self.of(np.arange(self.count, dtype=np.int32))

    def of(self, codes: Codes) -> Mask:
        found = [self._key.rows_equal(self._link.features[code]) for code in codes.tolist()]
        rows = np.unique(np.concatenate(found)) if found else NO_ROWS
        holding = rows[self._linked.among(rows)]
        return np.array([bool(contained(holding, keyed).any()) for keyed in found], np.bool_)


@dataclass(frozen=True)
class _Kept:
    """What was worked out from one hop."""

    hop: Hop
    keys: Codes


def keys_of_links(scope: Scope, table: TableView, name: str, field: FieldName) -> Codes:
    """Per feature of a link column the code of the key that it is, -1 for a dangling one; kept with the table's view.

    Raises `field 'x' not found`, `query_timeout`.
    """
    hop = hop_of(scope, table, name, field)
    kept = table.derived.get(("keys of links", name))
    if not isinstance(kept, _Kept) or kept.hop is not hop:
        kept = _Kept(hop, np.append(hop.key.codes, np.int32(-1))[hop.first_rows])
        table.derived[("keys of links", name)] = kept
    return kept.keys
