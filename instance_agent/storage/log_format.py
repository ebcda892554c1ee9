"""The bytes of the commit log.

All numbers are little-endian. The file is one header, then records without gaps.

Header, 56 bytes:

    0   8  magic "VAKKALOG"
    8   4  format version, 2
    12  4  zero
    16  8  log id: random bytes, new with every file
    24  8  base commit: the number of the commit that the base records (below) amount to, 0 in a database's first log
    32  8  base end: the offset just behind the base records, 56 when there are none
    40  4  CRC32 of bytes 0..39
    44  4  zero
    48  8  published length: every byte before this offset is synced and may be read

Record, 24 bytes and its payload:

    0   4  marker "VREC"
    4   4  CRC32 of log id, bytes 8..23 and the payload
    8   4  length of the payload
    12  4  CRC32 of log id, length and commit number
    16  8  commit number
    24  n  payload

In format version 1 bytes 12..15 of a record are zero, and records say less: it is read, and rewritten before anything
is appended, so that no earlier program meets what it doesn't know.

The published length is written last, after the record before it is synced, and is not synced itself. So after a loss
of power it may lag behind records that were acknowledged, never run ahead of what is on the disk. Bytes behind it are
either such records, whole, or what a writer left when it died: a torn tail. A record's checksums cover the log id,
which no client knows, so nothing that a client stores can pass for a record; the one over its first bytes tells so
without a look at the payload, however many would-be records a client has stored.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

MAGIC = b"VAKKALOG"
MARKER = b"VREC"
VERSION = 2
READABLE_VERSIONS = (1, 2)
FIXED = struct.Struct("<8sII8sQQ")
CHECKED = struct.Struct("<II")
PUBLISHED = struct.Struct("<Q")
PUBLISHED_AT = FIXED.size + CHECKED.size
HEADER_SIZE = PUBLISHED_AT + PUBLISHED.size
RECORD = struct.Struct("<4sI")
COVERED = struct.Struct("<IIQ")
HEAD = struct.Struct("<IQ")
RECORD_SIZE = RECORD.size + COVERED.size
LONGEST_PAYLOAD = 2**32 - 1


class BadHeader(ValueError):
    """The first bytes aren't a commit log that this version reads; the text says why."""


@dataclass(frozen=True)
class Header:
    """What a log file says about itself and never changes."""

    log_id: bytes
    base_commit: int
    base_end: int
    version: int = VERSION


@dataclass(frozen=True)
class RecordHead:
    """The first bytes of a record, not yet proven by its checksum."""

    crc: int
    covered: bytes
    length: int
    commit_number: int


def pack_header(header: Header, published: int) -> bytes:
    fixed = FIXED.pack(MAGIC, header.version, 0, header.log_id, header.base_commit, header.base_end)
    return fixed + CHECKED.pack(zlib.crc32(fixed), 0) + PUBLISHED.pack(published)


def unpack_header(content: bytes) -> Header:
    """Raises BadHeader."""
    if len(content) < HEADER_SIZE or content[: len(MAGIC)] != MAGIC:
        raise BadHeader("it doesn't start like a commit log")
    _, version, zero, log_id, base_commit, base_end = FIXED.unpack_from(content)
    if version not in READABLE_VERSIONS:
        raise BadHeader(f"it has format version {version}, and this program reads up to {VERSION}")
    if CHECKED.unpack_from(content, FIXED.size)[0] != zlib.crc32(content[: FIXED.size]):
        raise BadHeader("the checksum of its header is wrong")
    if zero or CHECKED.unpack_from(content, FIXED.size)[1]:
        raise BadHeader("its header isn't that of a commit log")
    return Header(log_id, base_commit, base_end, version)


def pack_record(header: Header, commit_number: int, payload: bytes) -> bytes:
    """One record of the log with this header."""
    covered = COVERED.pack(len(payload), _head_checksum(header, len(payload), commit_number), commit_number)
    return RECORD.pack(MARKER, _checksum(header, covered, payload)) + covered + payload


def unpack_record_head(header: Header, content: bytes) -> RecordHead | None:
    """None when these bytes don't start a record of the log with this header."""
    if len(content) < RECORD_SIZE or content[: len(MARKER)] != MARKER:
        return None
    covered = content[RECORD.size : RECORD_SIZE]
    length, checksum, commit_number = COVERED.unpack(covered)
    if checksum != _head_checksum(header, length, commit_number):
        return None
    return RecordHead(RECORD.unpack_from(content)[1], covered, length, commit_number)


def is_whole(header: Header, head: RecordHead, payload: bytes) -> bool:
    """Does the payload belong to the head, every byte as it was written?"""
    return len(payload) == head.length and _checksum(header, head.covered, payload) == head.crc


def _checksum(header: Header, covered: bytes, payload: bytes) -> int:
    return zlib.crc32(payload, zlib.crc32(covered, zlib.crc32(header.log_id)))


def _head_checksum(header: Header, length: int, commit_number: int) -> int:
    if header.version == 1:
        return 0
    return zlib.crc32(HEAD.pack(length, commit_number), zlib.crc32(header.log_id))
