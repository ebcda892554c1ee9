"""The bytes of a segment file.

All numbers are little-endian. The file is a header, arrays, a footer and a trailer; it is written once, from front to
back, and never changed.

Header, 64 bytes:

    0   8  magic "VAKKASEG"
    8   4  format version, 1
    12  -  zeros

Arrays, each beginning at a multiple of 64, with zeros between one's end and the next one's beginning.

Footer, the msgpack of a list:

    the file's name; the arrays, each as the list of its name, its dtype as numpy writes it, the number of its elements,
    its offset, the CRC32 of its bytes, its kind (0 data, 1 index); the properties, bytes that mean nothing here

Trailer, 40 bytes, at the very end:

    0   8  offset of the footer
    8   4  length of the footer
    12  4  CRC32 of the footer
    16  8  length of the whole file
    24  4  format version, 1
    28  4  CRC32 of bytes 0..27 of the trailer
    32  8  magic "VAKKASEG"

So every byte is covered: arrays, footer and trailer by checksums, header and gaps by what they must be.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import Literal

import msgspec
import numpy as np

from instance_agent.errors import AgentError

MAGIC = b"VAKKASEG"
VERSION = 1
ALIGNMENT = 64
HEADER = struct.pack("<8sI", MAGIC, VERSION).ljust(ALIGNMENT, b"\0")
COVERED = struct.Struct("<QIIQI")
TRAILER_SIZE = COVERED.size + 4 + len(MAGIC)
DTYPES = ("|u1", "<u2", "<u4", "<u8", "|i1", "<i2", "<i4", "<i8", "<f4", "<f8")
KINDS: tuple[Literal["data"], Literal["index"]] = ("data", "index")
Kind = Literal["data", "index"]


class DamagedSegment(AgentError):
    """A segment's bytes don't check out; `reason` names the file and what is wrong with it, for the operator."""

    def __init__(self, reason: str) -> None:
        super().__init__("table_damaged")
        self.reason = reason


class BadSegment(ValueError):
    """These bytes aren't a segment that this version reads; the text says why."""


@dataclass(frozen=True)
class ArrayInfo:
    """Where an array is, and what it must be."""

    name: str
    dtype: str
    count: int
    offset: int
    crc: int
    kind: Kind

    @property
    def size_bytes(self) -> int:
        return self.count * np.dtype(self.dtype).itemsize

    @property
    def end(self) -> int:
        return self.offset + self.size_bytes


@dataclass(frozen=True)
class Trailer:
    """The last bytes of a file."""

    footer_offset: int
    footer_length: int
    footer_crc: int


class Footer(msgspec.Struct, frozen=True, array_like=True):
    """The table of contents as it is written."""

    name: str
    arrays: list[tuple[str, str, int, int, int, int]]
    properties: bytes


def aligned(offset: int) -> int:
    """The next place where an array may begin."""
    return -(-offset // ALIGNMENT) * ALIGNMENT


def pack_end(name: str, arrays: list[ArrayInfo], properties: bytes, offset: int) -> bytes:
    """Footer and trailer of a file whose footer begins at `offset`."""
    listed = [(one.name, one.dtype, one.count, one.offset, one.crc, KINDS.index(one.kind)) for one in arrays]
    footer = msgspec.msgpack.encode(Footer(name, listed, properties))
    size = offset + len(footer) + TRAILER_SIZE
    covered = COVERED.pack(offset, len(footer), zlib.crc32(footer), size, VERSION)
    return footer + covered + zlib.crc32(covered).to_bytes(4, "little") + MAGIC


def unpack_trailer(content: bytes, file_size: int) -> Trailer:
    """content: the file's last bytes. Raises BadSegment."""
    if len(content) != TRAILER_SIZE or content[-len(MAGIC) :] != MAGIC:
        raise BadSegment("it doesn't end like a segment; perhaps it was cut")
    covered = content[: COVERED.size]
    offset, length, crc, size, version = COVERED.unpack(covered)
    if version != VERSION:
        raise BadSegment(f"it has format version {version}, and this program reads version {VERSION}")
    if int.from_bytes(content[COVERED.size : COVERED.size + 4], "little") != zlib.crc32(covered):
        raise BadSegment("the checksum of its last bytes is wrong")
    if size != file_size or offset + length + TRAILER_SIZE != size:
        raise BadSegment(f"it has {file_size} bytes, and was written with {size}")
    return Trailer(offset, length, crc)


def unpack_footer(content: bytes, trailer: Trailer, name: str) -> tuple[dict[str, ArrayInfo], bytes]:
    """The arrays by name, and the properties. name: the file's. Raises BadSegment."""
    if zlib.crc32(content) != trailer.footer_crc:
        raise BadSegment("the checksum of its table of contents is wrong")
    try:
        footer = msgspec.msgpack.decode(content, type=Footer)
    except msgspec.MsgspecError:
        raise BadSegment("its table of contents can't be read") from None
    if footer.name != name:
        raise BadSegment("it was written under another name")
    arrays: dict[str, ArrayInfo] = {}
    end = len(HEADER)
    for array_name, dtype, count, offset, crc, kind in footer.arrays:
        if dtype not in DTYPES or kind not in (0, 1) or count < 0:
            raise BadSegment("its table of contents isn't understood")
        info = arrays[array_name] = ArrayInfo(array_name, dtype, count, offset, crc, KINDS[kind])
        if offset != aligned(end) or info.end > trailer.footer_offset:
            raise BadSegment("its arrays aren't where they belong")
        end = info.end
    return arrays, footer.properties
