"""Hashes that are the same in every process and every release: `$hash` of values and of rows.

They are whole numbers from 0 to before 2**63. Equal values have equal hashes, whatever the column's type: 1 and 1.0,
an object whatever the order of its keys.
"""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from instance_agent.index.canonical import canonical_text
from instance_agent.schema.types import JsonValue

_SCALE, _FIRST, _SECOND = (np.uint64(number) for number in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))


def hash_of_value(value: JsonValue) -> int:
    """The upper 63 of the 64 bits of BLAKE2b (RFC 7693) over the value's canonical JSON."""
    return int.from_bytes(blake2b(canonical_text(value), digest_size=8).digest(), "big") >> 1


def hashes_of_positions(positions: NDArray[np.int64]) -> NDArray[np.int64]:
    """The upper 63 bits of SplitMix64 after so many steps from 0 and one more.

    Source: Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA 2014.
    """
    mixed = (positions.astype(np.uint64) + np.uint64(1)) * _SCALE
    mixed = (mixed ^ (mixed >> np.uint64(30))) * _FIRST
    mixed = (mixed ^ (mixed >> np.uint64(27))) * _SECOND
    return ((mixed ^ (mixed >> np.uint64(31))) >> np.uint64(1)).astype(np.int64)
