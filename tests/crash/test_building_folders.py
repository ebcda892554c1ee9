"""Folders in which segments are built: swept when their builder is dead, never while it lives."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from instance_agent.engine.segments import SegmentStore
from instance_agent.storage.directory import Directory
from tests.crash.test_killed_processes import in_child

SECONDS = 2.0


def store_in(data_dir: Path) -> SegmentStore:
    store = SegmentStore(Directory(data_dir))
    store.prepare()
    return store


def build_for_ever(data_dir: Path) -> None:
    """Ends, with a status other than a signal's, when somebody removes a folder under its builder."""
    store = store_in(data_dir)
    while True:
        with store.building() as folder:
            _, writer = folder.new_segment()
            assert (data_dir / folder.folder / "lock").exists()
            writer.abandon()


def sweep_for_ever(data_dir: Path) -> None:
    store = store_in(data_dir)
    while True:
        store.remove_abandoned()


def test_sweeping_never_hits_a_builder_that_lives(tmp_path: Path) -> None:
    works = [build_for_ever, build_for_ever, sweep_for_ever, sweep_for_ever]
    children = [in_child(lambda _, work=work: work(tmp_path)) for work in works]  # type: ignore[misc]
    time.sleep(SECONDS)
    for process, pipe in children:
        os.kill(process, signal.SIGKILL)
        os.close(pipe)
    assert [os.waitpid(process, 0)[1] for process, _ in children] == [signal.SIGKILL] * len(children)
    store_in(tmp_path).remove_abandoned()
    assert list((tmp_path / "building").iterdir()) == [], "what killed builders left is swept"
