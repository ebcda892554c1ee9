"""Log files: several processes write them, and they don't fill the disk."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from instance_agent import log
from instance_agent.log import BoundedFileHandler


def line(text: str) -> logging.LogRecord:
    return logging.LogRecord("vakka", logging.INFO, __file__, 1, text, None, None)


def test_a_full_log_file_gives_way_and_one_old_one_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "LARGEST_BYTES", 100)
    handlers = [BoundedFileHandler(tmp_path / "info.log") for _ in range(2)]  # as two processes have them
    for number in range(200):
        handlers[number % 2].emit(line(f"line {number:04}"))
    for handler in handlers:
        handler.close()
    kept = [path.read_text() for path in (tmp_path / "info.log.1", tmp_path / "info.log")]
    assert all(len(content) <= 120 for content in kept)
    numbers = [int(found.split()[1]) for found in "".join(kept).splitlines()]
    assert numbers == list(range(200 - len(numbers), 200)), "no line of the kept ones is missing or twice"
    assert {path.name for path in tmp_path.iterdir()} == {"info.log", "info.log.1", log.ROTATION_LOCK}


def test_a_log_that_was_moved_away_is_opened_again(tmp_path: Path) -> None:
    handler = BoundedFileHandler(tmp_path / "info.log")
    handler.emit(line("before"))
    (tmp_path / "info.log").rename(tmp_path / "elsewhere")
    handler.emit(line("after"))
    handler.close()
    assert (tmp_path / "info.log").read_text() == "after\n"
