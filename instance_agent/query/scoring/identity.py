"""When two scores are the same one."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable
from enum import Enum


def identity_of(score: object) -> Hashable:
    """Equal for scores (and parts of them) that say the same, wherever they stand in a request."""
    if dataclasses.is_dataclass(score):
        members = ((one.name, getattr(score, one.name)) for one in dataclasses.fields(score))
        return (type(score).__name__, *(identity_of(value) for name, value in members if name != "place"))
    if isinstance(score, list | tuple):
        return (type(score).__name__, *map(identity_of, score))
    if isinstance(score, dict):
        return ("dict", *((name, identity_of(value)) for name, value in sorted(score.items())))
    return (type(score).__name__, score.value if isinstance(score, Enum) else score)
