"""One round of upkeep after another; and upkeep of one table on demand."""

from __future__ import annotations

import math
from dataclasses import dataclass

import structlog

from instance_agent.engine.database import Database
from instance_agent.engine.disk_use import live_parts
from instance_agent.engine.maintenance.merge_policy import PartSize, next_rewrite, whole_table
from instance_agent.engine.maintenance.rewrite import rewrite
from instance_agent.engine.parts import MemoryPart, Part
from instance_agent.engine.state import State, TableState
from instance_agent.errors import TableNotFound
from instance_agent.storage.files import refusal
from instance_agent.storage.segment_format import DamagedSegment

SMALLEST_CHECKPOINT_BYTES = 4 * 1024 * 1024
MOST_REWRITES = 50
"""Of one table's optimization: writers may make new parts as fast as it removes them."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Maintenance:
    """Upkeep of one database. Any number of processes may do it at the same time; one is enough."""

    database: Database
    grace_seconds: float  # how long bytes that nobody may see stay at most, but for the round itself

    def run_once(self, now: float) -> bool:
        """One round: at most one rewrite per table, then the log, then files. now: unix seconds.

        True when there may be more to do at once. Raises AgentError (writes_paused, disk_full, storage_failed),
        OSError: then what was done stays, and nothing is half done.
        """
        due_before = now - self.grace_seconds
        self._remove_files()  # first, because the rest needs room
        busy = False
        for table in self.database.state().tables.values():
            busy |= self._rewrite_next(table, due_before)
        self._checkpoint_if_due(due_before)
        self._remove_files()
        return busy

    def purge_everything(self, now: float) -> None:
        """Remove every byte that nobody may see, whatever the grace period. Raises as `run_once`."""
        at_once = Maintenance(self.database, grace_seconds=-math.inf)
        while at_once.run_once(now):
            pass
        if self.database.log_growth()[0]:
            self.database.checkpoint()

    def _rewrite_next(self, table: TableState, due_before: float) -> bool:
        span = next_rewrite([part_size(part, due_before) for part in table.parts])
        if span is None:
            return False
        try:
            return rewrite(self.database, table, span)
        except DamagedSegment as damaged:
            log.error("table_not_maintained", reason=damaged.reason)
            return False

    def _checkpoint_if_due(self, due_before: float) -> None:
        growth, base = self.database.log_growth()
        since = self.database.state().stale_log_since
        is_stale = since is not None and since <= due_before
        if is_stale or growth > max(SMALLEST_CHECKPOINT_BYTES, 2 * base):
            self.database.checkpoint()

    def _remove_files(self) -> None:
        segments = self.database.segments
        segments.remove_abandoned()
        if self._unnamed(self.database.state()):
            self.database.remove_files(self._unnamed)

    def _unnamed(self, state: State) -> set[str]:
        return self.database.segments.ids() - live_parts(state).keys()


def part_size(part: Part, due_before: float) -> PartSize:
    """What the policy needs to know. due_before: unix seconds; what is stale since then is rewritten."""
    overlay = part.overlay
    if isinstance(part, MemoryPart):
        return PartSize(part.row_count, True, part.size_bytes, overlay.dead_count)
    is_due = overlay.stale_since is not None and overlay.stale_since <= due_before
    patched = max((len(patch.rows) for patch in overlay.patches.values()), default=0)
    return PartSize(part.row_count, False, 0, overlay.dead_count, patched, is_due)


def optimize(database: Database, table: str) -> None:
    """Have a table in as few segments as may be, without dead rows.

    Raises TableNotFound, DamagedSegment, AgentError (writes_paused, disk_full, storage_failed).
    """
    for _ in range(MOST_REWRITES):
        state = database.state().tables.get(table)
        if state is None:
            raise TableNotFound(table)
        span = whole_table([part_size(part, math.inf) for part in state.parts])
        if span is None:
            return
        try:
            rewrite(database, state, span)
        except OSError as error:
            raise refusal(error) from error
