"""How long to wait before trying again."""

from __future__ import annotations

from collections.abc import Callable

FIRST_SECONDS = 0.5


def back_off(failures: int, *, cap_seconds: float, random: Callable[[], float]) -> float:
    """Seconds to wait after `failures` failures in a row (1 or more).

    Doubles up to `cap_seconds`, then a random half of it is taken off, so that many that failed together don't come
    back together. `random` gives numbers in [0, 1).
    """
    longest = min(cap_seconds, FIRST_SECONDS * 2.0 ** min(failures - 1, 30))
    return longest * (0.5 + random() / 2)
