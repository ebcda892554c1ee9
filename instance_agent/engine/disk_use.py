"""What a database takes on the disk, and for what."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from instance_agent.engine.parts import SegmentPart
from instance_agent.engine.segments import SegmentStore
from instance_agent.engine.state import State
from instance_agent.errors import AgentError


@dataclass(frozen=True)
class DiskUse:
    """Bytes on the disk; together all of the database but its logs of calls and its uploads."""

    data_bytes: int  # values of the rows
    index_bytes: int  # what finds and counts them
    log_bytes: int  # the commit log
    awaiting_purge_bytes: int  # what nobody sees any more: of deleted rows about, of files exactly


def disk_use(state: State, segments: SegmentStore, log_bytes: int) -> DiskUse:
    """A look at the files; a damaged segment counts as data."""
    data = index = awaiting = 0
    parts = live_parts(state)
    for part in parts.values():
        size, index_bytes = _sizes(segments, part.segment_id)
        dead = part.overlay.dead_count / part.row_count
        data += round((size - index_bytes) * (1 - dead))
        index += round(index_bytes * (1 - dead))
        awaiting += round(size * dead)
    for segment_id in segments.ids() - parts.keys():
        with suppress(FileNotFoundError):  # removed meanwhile
            awaiting += segments.size_bytes(segment_id)
    return DiskUse(data, index, log_bytes, awaiting + segments.abandoned_bytes())


def live_parts(state: State) -> dict[str, SegmentPart]:
    """The segments that tables name, each once: with the fewest dead rows where several tables share one."""
    found: dict[str, SegmentPart] = {}
    for table in state.tables.values():
        for part in table.parts:
            if isinstance(part, SegmentPart):
                known = found.get(part.segment_id)
                if known is None or part.overlay.dead_count < known.overlay.dead_count:
                    found[part.segment_id] = part
    return found


def _sizes(segments: SegmentStore, segment_id: str) -> tuple[int, int]:
    """All bytes of a segment, and those of its index."""
    try:
        return segments.size_bytes(segment_id), segments.open(segment_id).index_bytes
    except AgentError:
        return segments.size_bytes(segment_id), 0
    except FileNotFoundError:
        return 0, 0
