"""A real browser for tests: the system's Chromium, or Playwright's own; without either the test is skipped."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Error, expect, sync_playwright

ARTEFACTS = Path(__file__).resolve().parent / "artefacts"
QUIET = (
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE_MS = 60_000
"""What pages come to show is waited for so long: the machine may be shared."""


@contextmanager
def running_chromium() -> Iterator[Browser]:
    """A headless browser; skips the test, saying so, when there is none."""
    system = next((path for name in ("chromium", "chromium-browser") if (path := shutil.which(name))), None)
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=system, args=list(QUIET))
        except Error as error:
            pytest.skip(f"no Chromium to drive: {error.message.splitlines()[0]}")
        try:
            yield browser
        finally:
            browser.close()
