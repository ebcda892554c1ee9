"""What a reader sees: the tables of one commit, row by row and column by column. Nothing here ever changes."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

import numpy as np
import structlog
from numpy.typing import NDArray

from instance_agent.engine.operations import Commit, PutTable, UploadProgress, insert
from instance_agent.engine.parts import MemoryPart, Part, Patch, SegmentPart
from instance_agent.engine.segments import SegmentStore
from instance_agent.engine.state import State, TableState
from instance_agent.errors import AgentError, FieldNotFound, TableNotFound
from instance_agent.index.column import ColumnView, SharedColumn
from instance_agent.index.memory_column import MemoryIndex
from instance_agent.index.parts import ConstantPart, PartColumn, Patched, PlacedPart, StoredPart
from instance_agent.index.segment import StoredSegment
from instance_agent.schema.analyzers import make_analyzer
from instance_agent.schema.render import render_table
from instance_agent.schema.rows import to_batch
from instance_agent.schema.types import ColumnSchema, DatabaseSchema, JsonValue, Row, TableSchema
from instance_agent.storage.segment_format import DamagedSegment

log = structlog.get_logger(__name__)


class TableView:
    """One table of one commit."""

    def __init__(self, state: TableState, segments: SegmentStore | None, previous: TableView | None) -> None:
        """segments: where the files are; None for a table without any. previous: an earlier view to share with."""
        self.name = state.name
        self.schema: TableSchema = state.schema
        self.made_by_commit = state.made_by_commit
        self.version = state.version
        self.row_count = state.row_count
        self.state = state
        self._starts = state.starts()
        self._segments = segments
        self._files = [_opened(part, segments) for part in state.parts]
        self.is_missing_files = any(isinstance(file, FileNotFoundError) for file in self._files)
        """Is a file gone that this commit names? It is in a later commit's place then, or lost."""
        shares = previous is not None and self._shares_with(previous)
        self._shared: dict[str, SharedColumn] = previous._shared if previous is not None and shares else {}
        self._columns: dict[str, ColumnView] = {}
        self.derived: dict[Hashable, object] = {}
        """What queries have worked out from this table as it is, to be used again; goes when the view does."""
        self.growing: dict[Hashable, object] = previous.growing if previous and self._grew_from(previous) else {}
        """The same for what stays true of the first rows when rows are added: shared until anything else happens."""

    @cached_property
    def live(self) -> NDArray[np.bool_] | None:
        """Which row numbers have a row; None: all of them."""
        if all(part.overlay.dead is None for part in self.state.parts):
            return None
        return np.concatenate([~part.overlay.dead_rows(part.row_count) for part in self.state.parts])

    @cached_property
    def live_count(self) -> int:
        """How many rows there are."""
        return self.row_count - sum(part.overlay.dead_count for part in self.state.parts)

    @cached_property
    def positions(self) -> NDArray[np.int64]:
        """Per row number the place among the rows that are there, from 0; of dead ones that of the row before."""
        if self.live is None:
            return np.arange(self.row_count, dtype=np.int64)
        return np.cumsum(self.live, dtype=np.int64) - 1

    def column(self, name: str) -> ColumnView:
        """The column with its index. Raises FieldNotFound, DamagedSegment."""
        view = self._columns.get(name)
        if view is None:
            schema = self.schema.columns.get(name)
            if schema is None:
                raise FieldNotFound(name)
            view = self._columns[name] = self._column(name, schema)
        return view

    def row(self, number: int) -> Row:
        """Row `number` without its nulls, keys alphabetical; {} for a dead one. Raises IndexError, DamagedSegment."""
        return self.rows((number,))[0]

    def rows(self, numbers: Sequence[int]) -> list[Row]:
        """These rows, each as `row` gives it. Raises IndexError, DamagedSegment."""
        places = self._places(numbers)
        columns = [(name, self._cells(name, places)) for name in self.schema.columns]
        return [{name: cells[at] for name, cells in columns if cells[at] is not None} for at in range(len(numbers))]

    def cells(self, name: str, numbers: Sequence[int]) -> list[JsonValue]:
        """The values of one column in these rows, None for null and in dead rows; touches no other row.

        Raises FieldNotFound, IndexError, DamagedSegment.
        """
        if name not in self.schema.columns:
            raise FieldNotFound(name)
        return self._cells(name, self._places(numbers))

    def _places(self, numbers: Sequence[int]) -> list[tuple[int, int]]:
        """For each row the place of its part, and its number there."""
        if numbers and not 0 <= min(numbers) <= max(numbers) < self.row_count:
            raise IndexError(numbers)
        ats = [bisect_right(self._starts, number) - 1 for number in numbers]
        return [(at, number - self._starts[at]) for at, number in zip(ats, numbers, strict=True)]

    def _cells(self, name: str, places: list[tuple[int, int]]) -> list[JsonValue]:
        read = {at: self._reader(at, name) for at in {at for at, _ in places}}
        return [read[at](row) for at, row in places]

    def _reader(self, at: int, name: str) -> Callable[[int], JsonValue]:
        """The function from a row of one part to its value."""
        part = self.state.parts[at]
        read: Callable[[int], JsonValue]
        if isinstance(part, MemoryPart):
            read = part.rows.columns[name].__getitem__
        elif name in part.constants:
            constant = part.constants[name]
            read = lambda _: constant  # noqa: E731 - the one of three kinds that has no name yet
        else:
            read = self._segment(at).column(name).value_at
        overlay = part.overlay
        return read if overlay.is_empty else _overlaid(read, overlay.dead, overlay.patches.get(name))

    def _column(self, name: str, schema: ColumnSchema) -> ColumnView:
        parts = [
            PlacedPart(start, self._part_column(at, name, schema), *_overlay(part, name, schema))
            for at, (start, part) in enumerate(zip(self._starts, self.state.parts, strict=True))
        ]
        fixed = len(_split(self.state)[0])
        shared = self._shared.get(name)
        if shared is None:
            shared = self._shared.setdefault(name, SharedColumn([part.column for part in parts[:fixed]]))
        return ColumnView(schema, make_analyzer(schema.analyzer, name), parts, fixed, shared)

    def _part_column(self, at: int, name: str, schema: ColumnSchema) -> PartColumn:
        part = self.state.parts[at]
        if isinstance(part, MemoryPart):
            return part.rows.indexes[name].view(part.row_count)
        if name in part.constants:
            return ConstantPart(schema, part.constants[name], part.row_count)
        return StoredPart(self._segment(at).column(name))

    def _segment(self, at: int) -> StoredSegment:
        file = self._files[at]
        if isinstance(file, StoredSegment):
            return file
        if isinstance(file, DamagedSegment):
            raise file
        if isinstance(file, FileNotFoundError):
            raise DamagedSegment(f"{file.filename} is missing, and the commit log names it.")
        self._files[at] = again = _opened(self.state.parts[at], self._segments)
        if isinstance(again, StoredSegment):
            return again
        raise AgentError("storage_failed", "A file of the table can't be opened at the moment. Try again shortly.")

    def _shares_with(self, previous: TableView) -> bool:
        """Are the parts the same, but for overlays and the growth of a last one in memory?"""
        (fixed, tail), (other_fixed, other_tail) = _split(self.state), _split(previous.state)
        same_tail = other_tail is None or (tail is not None and tail.rows is other_tail.rows)
        return self.schema is previous.schema and same_tail and _identities(fixed) == _identities(other_fixed)

    def _grew_from(self, previous: TableView) -> bool:
        """Have rows been added to this earlier view, and nothing else happened?"""
        old, new = previous.state.parts, self.state.parts
        same_overlays = all(one.overlay is other.overlay for one, other in zip(old, new, strict=False))
        return self._shares_with(previous) and len(old) <= len(new) and same_overlays


@dataclass(frozen=True)
class ReadView:
    """The whole database as one commit left it."""

    commit_number: int
    schema: DatabaseSchema
    tables: Mapping[str, TableView]
    uploads: Mapping[str, UploadProgress] = field(default_factory=dict)

    def table(self, name: str) -> TableView:
        """Raises TableNotFound."""
        found = self.tables.get(name)
        if found is None:
            raise TableNotFound(name)
        return found

    @cached_property
    def is_missing_files(self) -> bool:
        """Is a file gone that this commit names?"""
        return any(table.is_missing_files for table in self.tables.values())

    @classmethod
    def of(cls, state: State, segments: SegmentStore | None, previous: ReadView | None) -> ReadView:
        """What a reader of this state sees; tables that didn't change are those of `previous`, with their indexes."""
        known: Mapping[str, TableView] = {} if previous is None else previous.tables
        tables: dict[str, TableView] = {}
        for name in known if known.keys() == state.tables.keys() else sorted(state.tables):
            table, old = state.tables[name], known.get(name)
            same = old is not None and old.state is table and not old.is_missing_files
            tables[name] = old if old is not None and same else TableView(table, segments, old)
        same_tables = previous is not None and known.keys() == tables.keys()
        if previous is not None and same_tables and all(known[name].schema is tables[name].schema for name in tables):
            schema = previous.schema
        else:
            schema = DatabaseSchema({name: table.schema for name, table in tables.items()})
        return cls(state.commit_number, schema, tables, state.uploads)

    @classmethod
    def from_rows(cls, schema: DatabaseSchema, rows: Mapping[str, Sequence[JsonValue]]) -> ReadView:
        """A view over rows in memory only, with no database behind it. Raises RowInvalid."""
        state = State()
        for name, table in schema.tables.items():
            batch = to_batch(table, rows.get(name, ()))
            state = state.after(1, Commit([PutTable(name, render_table(table)), insert(name, batch)]), 0)
        return cls.of(state, None, None)


def _overlaid(
    read: Callable[[int], JsonValue], dead: NDArray[np.bool_] | None, patch: Patch | None
) -> Callable[[int], JsonValue]:
    def read_over(row: int) -> JsonValue:
        if dead is not None and row < len(dead) and dead[row]:
            return None
        if patch is not None:
            place = int(np.searchsorted(patch.rows, row))
            if place < len(patch.rows) and patch.rows[place] == row:
                cell: JsonValue = patch.cells[place]
                return cell
        return read(row)

    return read_over


OpenFile: TypeAlias = StoredSegment | DamagedSegment | OSError | None


def _opened(part: Part, segments: SegmentStore | None) -> OpenFile:
    if not isinstance(part, SegmentPart) or segments is None:
        return None
    try:
        return segments.open(part.segment_id)
    except DamagedSegment as error:
        log.error("segment_damaged", segment_id=part.segment_id, reason=error.reason)
        return error
    except OSError as error:
        return error


def _split(state: TableState) -> tuple[Sequence[Part], MemoryPart | None]:
    """The parts that stay as they are, and the last one when it may grow."""
    last = state.parts[-1] if state.parts else None
    return (state.parts[:-1], last) if isinstance(last, MemoryPart) else (state.parts, None)


def _identities(parts: Sequence[Part]) -> list[object]:
    """Equal for the same parts, whatever lies over them."""
    return [
        (part.segment_id, sorted((name, repr(value)) for name, value in part.constants.items()))
        if isinstance(part, SegmentPart)
        else (id(part.rows), part.row_count)
        for part in parts
    ]


def _overlay(part: Part, name: str, schema: ColumnSchema) -> tuple[NDArray[np.bool_] | None, Patched | None]:
    dead = None if part.overlay.dead is None else part.overlay.dead_rows(part.row_count)
    patch = part.overlay.patches.get(name)
    return dead, None if patch is None else _patched(patch, schema)


def _patched(patch: Patch, schema: ColumnSchema) -> Patched:
    cells: list[JsonValue] = patch.cells.tolist()
    return Patched(patch.rows, MemoryIndex(schema, cells).view(len(cells)))
