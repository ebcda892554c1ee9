"""The two kinds of API key of an environment."""

from __future__ import annotations

from enum import StrEnum


class Access(StrEnum):
    """What the bearer of a key may do."""

    READ_ONLY = "read_only"
    READ_WRITE = "read_write"


PREFIXES = {Access.READ_ONLY: "vakka_ro_", Access.READ_WRITE: "vakka_rw_"}
"""How keys begin, so that a person or a scanner sees what a leaked text is."""
