"""Proof that a data directory holds together, without changing anything in it; also while the database is served.

Proven are the checksums of the commit log and of every array of every segment, that each segment which the log names is
there with the rows and columns that the log says, that overlays speak of rows which exist, and that the posting lists
of each segment say the same as its rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import structlog

from instance_agent.engine.database import LOG_NAME
from instance_agent.engine.disk_use import DiskUse, disk_use, live_parts
from instance_agent.engine.operations import decode
from instance_agent.engine.parts import SegmentPart
from instance_agent.engine.segments import SegmentStore
from instance_agent.engine.state import State, TableState
from instance_agent.errors import DamagedData
from instance_agent.storage.commit_log import CommitLog
from instance_agent.storage.directory import Directory
from instance_agent.storage.segment_format import DamagedSegment

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Report:
    """What was found."""

    tables: dict[str, int]  # rows of each table
    segments: int
    disk_use: DiskUse | None  # None when the commit log can't be read
    problems: list[str]  # a sentence each; empty when all is well


def check(data_dir: Path) -> Report:
    """Look at everything. Raises FileNotFoundError when there is no database in `data_dir`, OSError."""
    directory = Directory(data_dir)
    try:
        state = _state_of(CommitLog(data_dir / LOG_NAME, directory))
    except DamagedData as damaged:
        return Report({}, 0, None, [str(damaged)])
    segments = SegmentStore(directory)
    problems = [problem for table in state.tables.values() for problem in _problems_of_table(table, segments)]
    rows = {
        name: table.row_count - sum(part.overlay.dead_count for part in table.parts)
        for name, table in sorted(state.tables.items())
    }
    use = disk_use(state, segments, directory.size_bytes(LOG_NAME))
    return Report(rows, len(live_parts(state)), use, list(dict.fromkeys(problems)))


def _state_of(commit_log: CommitLog) -> State:
    state = State(commit_log.header.base_commit)
    for record in commit_log.read_on():
        is_base = record.end <= commit_log.header.base_end
        if not is_base and record.commit_number != state.commit_number + 1:
            raise DamagedData(f"{commit_log.path} is damaged before byte {record.end}: a commit is missing.")
        state = state.after(record.commit_number, decode(record.payload), len(record.payload), is_base=is_base)
    return state


def _problems_of_table(table: TableState, segments: SegmentStore) -> Iterator[str]:
    for part in table.parts:
        if isinstance(part, SegmentPart):
            yield from _problems_of_segment(table, part, segments)
        if part.overlay.dead is not None and len(part.overlay.dead) > part.row_count:
            yield f"table '{table.name}': rows are marked as deleted that don't exist."
        if any(len(patch.rows) and patch.rows[-1] >= part.row_count for patch in part.overlay.patches.values()):
            yield f"table '{table.name}': rows are marked as replaced that don't exist."


def _problems_of_segment(table: TableState, part: SegmentPart, segments: SegmentStore) -> Iterator[str]:
    where = f"table '{table.name}', segment {part.segment_id}"
    try:
        segment = segments.open(part.segment_id)
        segment.verify()
    except DamagedSegment as damaged:
        yield f"{where}: {damaged.reason}"
        return
    except OSError as error:
        yield f"{where}: the file can't be read: {error.strerror}."
        return
    if segment.row_count != part.row_count:
        yield f"{where}: it has {segment.row_count} rows, and the commit log says {part.row_count}."
    missing = table.schema.columns.keys() - part.constants.keys() - set(segment.columns)
    for name in sorted(missing):
        yield f"{where}: the column '{name}' is missing."
    for name in table.schema.columns.keys() - part.constants.keys() - missing:
        if segment.column(name).schema.type is not table.schema.columns[name].type:
            yield f"{where}: the column '{name}' has another type than the table says."
