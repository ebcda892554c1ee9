"""The bytes of a segment file, which is written once and never changed.

All numbers are little-endian. The file is a head, arrays, a footer and a trailer, in this order.

Head, 64 bytes:

    0   8  magic "VAKKASEG"
    8  56  zero

Arrays: one after the other as the footer lists them, each from the next multiple of 64 on; the bytes in between are
zero. The elements of an array follow each other without gaps.

Footer, from the next multiple of 64 on: MessagePack, an array of

    the name that the file was written under, without its folder: a file that got another's name is noticed
    the arrays, each an array of: name; type as numpy writes it ("<u4"); number of elements; offset; bytes; CRC32 of
    the bytes; "data" (what the rows are) or "index" (what only makes answers fast)
    properties: bytes whose meaning is the writer's business

Trailer, the last 36 bytes of the file, right behind the footer:

    0   8  offset of the footer
    8   8  length of the footer
   16   4  CRC32 of the footer
   20   4  format version, 1
   24   4  CRC32 of the trailer's bytes 0..23
   28   8  magic "VAKKASEG"

Every byte of the file is thus the magic, covered by a checksum, or zero.
"""

from __future__ import annotations

import struct
import zlib
from typing import Literal

import msgspec
import numpy as np

from instance_agent.errors import AgentError

MAGIC = b"VAKKASEG"
VERSION = 1
ALIGNMENT = 64
HEAD = MAGIC.ljust(ALIGNMENT, b"\0")
PLACE = struct.Struct("<QQII")
CHECKED = struct.Struct("<I8s")
TRAILER_SIZE = PLACE.size + CHECKED.size
ITEM_SIZES = {f"{np.dtype(kind).str}": np.dtype(kind).itemsize for kind in "?bBhHiIqQfd"}
"""The types that an array may have, as numpy writes them, with the bytes of an element."""

Kind = Literal["data", "index"]


class DamagedSegment(AgentError):
    """A segment's bytes don't check out. `reason`, which is also its text, names the file and what is wrong.

    Whoever asked for the table gets table_damaged.
    """

    def __init__(self, reason: str) -> None:
        super().__init__("table_damaged")
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


class Malformed(ValueError):
    """The bytes aren't those of a segment file; the text says why, without the file's name."""


class ArrayInfo(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """Where an array of a segment lies and what it is."""

    name: str
    dtype: str  # one of ITEM_SIZES
    count: int  # elements
    offset: int
    size_bytes: int
    crc32: int
    kind: Kind


class Footer(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What a segment file holds."""

    file_name: str
    arrays: list[ArrayInfo]
    properties: bytes


def aligned(offset: int) -> int:
    """The first multiple of the alignment from `offset` on."""
    return -(-offset // ALIGNMENT) * ALIGNMENT


def pack_footer(footer: Footer, offset: int) -> bytes:
    """The footer, which lies at `offset`, and the trailer."""
    content = msgspec.msgpack.encode(footer)
    place = PLACE.pack(offset, len(content), zlib.crc32(content), VERSION)
    return content + place + CHECKED.pack(zlib.crc32(place), MAGIC)


def unpack_footer(content: memoryview) -> Footer:
    """The footer of a whole file's content; its arrays and it lie as described above. Raises Malformed."""
    size = len(content)
    if size < len(HEAD) + TRAILER_SIZE or bytes(content[: len(MAGIC)]) != MAGIC:
        raise Malformed("it doesn't start like a segment")
    trailer = bytes(content[-TRAILER_SIZE:])
    crc, magic = CHECKED.unpack_from(trailer, PLACE.size)
    if magic != MAGIC:
        raise Malformed("it doesn't end like a segment: it was cut, or something follows it")
    offset, length, footer_crc, version = PLACE.unpack_from(trailer)
    if version > VERSION:
        raise Malformed(f"it has format version {version}, and this program reads up to {VERSION}")
    if zlib.crc32(trailer[: PLACE.size]) != crc:
        raise Malformed("the checksum of its trailer is wrong")
    if offset + length + TRAILER_SIZE != size:
        raise Malformed(f"it is {size} bytes long, and {offset + length + TRAILER_SIZE} were written")
    packed = bytes(content[offset : offset + length])
    if zlib.crc32(packed) != footer_crc:
        raise Malformed("the checksum of its table of contents is wrong")
    try:
        footer = msgspec.msgpack.decode(packed, type=Footer)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise Malformed("its table of contents can't be read") from None
    _check_places(footer.arrays, offset)
    return footer


def gaps(footer: Footer, footer_offset: int) -> list[tuple[int, int]]:
    """The spans (start, end) before the footer that must be zero, without those of no bytes."""
    starts = [len(MAGIC), *(info.offset + info.size_bytes for info in footer.arrays)]
    ends = [*(info.offset for info in footer.arrays), footer_offset]
    return [(start, end) for start, end in zip(starts, ends, strict=True) if start < end]


def end_of_arrays(arrays: list[ArrayInfo]) -> int:
    """The offset just behind the last array."""
    return arrays[-1].offset + arrays[-1].size_bytes if arrays else len(HEAD)


def _check_places(arrays: list[ArrayInfo], footer_offset: int) -> None:
    """Raises Malformed unless the arrays follow each other from the head to the footer."""
    end = len(HEAD)
    for info in arrays:
        item_size = ITEM_SIZES.get(info.dtype, 0)
        fits = info.size_bytes == info.count * item_size and info.offset == aligned(end)
        if not item_size or info.count < 0 or not fits:
            raise Malformed(f"its table of contents is wrong about the array '{info.name}'")
        end = info.offset + info.size_bytes
    if footer_offset != aligned(end) or len({info.name for info in arrays}) != len(arrays):
        raise Malformed("its table of contents doesn't fit its size")
