"""Bounded stores of what was worked out."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TypeVar

Kept = TypeVar("Kept")


def keep(kept: dict[Hashable, Kept], name: Hashable, value: Kept, most: int) -> None:
    """Keep a value by its name, and so many of those that were kept last."""
    kept.pop(name, None)
    for old in list(kept)[: max(0, len(kept) + 1 - most)]:
        kept.pop(old, None)
    kept[name] = value
