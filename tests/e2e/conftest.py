"""One installation that a module's tests use in the order they are written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.product import Product, installation
from tests.processes import reachable_dir


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that PostgreSQL's account may pass through, for one test."""
    with reachable_dir() as path:
        yield path


@pytest.fixture
def product(folder: Path) -> Iterator[Product]:
    """An installation that isn't started yet."""
    with installation(folder) as product:
        yield product
