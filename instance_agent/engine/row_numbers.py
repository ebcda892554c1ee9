"""Row numbers as bytes of a log record: plain for few of them, a compressed bitmap where that is shorter."""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

PLAIN = b"\x00"
BITMAP = b"\x01"
FEW = 64
"""So few numbers aren't worth a try at compressing them."""


def pack(rows: NDArray[np.uint32]) -> bytes:
    """rows: increasing."""
    plain = PLAIN + rows.astype("<u4").tobytes()
    if len(rows) <= FEW:
        return plain
    first = int(rows[0])
    mask: NDArray[np.bool_] = np.zeros(int(rows[-1]) - first + 1, np.bool_)
    mask[rows - rows[0]] = True
    bitmap = BITMAP + first.to_bytes(4, "little") + zlib.compress(np.packbits(mask).tobytes(), 1)
    return min(plain, bitmap, key=len)


def unpack(packed: bytes) -> NDArray[np.uint32]:
    """The numbers that `pack` was given."""
    if packed[:1] == PLAIN:
        return np.frombuffer(packed, "<u4", offset=1)
    first = int.from_bytes(packed[1:5], "little")
    mask = np.unpackbits(np.frombuffer(zlib.decompress(packed[5:]), np.uint8))
    return (np.flatnonzero(mask) + first).astype(np.uint32)
