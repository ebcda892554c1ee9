"""The lines of a gzip file, in blocks, with bounded memory whatever is in it.

Whoever reads the same file gets the same blocks, so that several processes can each read it and share its lines out.
"""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from isal import isal_zlib

from instance_agent.limits import LARGEST_BODY_BYTES

MAGIC = b"\x1f\x8b"
GZIP = 31  # as the size of the window: gzip with its header and checksum, and the largest window
PACKED_BYTES = 64 * 1024
BLOCK_BYTES = 256 * 1024
UNPACKED_PER_BYTE = 100  # JSON lines of real tables unpack to some 5 to 30 bytes for each
UNPACKED_ANYWAY_BYTES = 64 * 1024 * 1024
BROKEN_GZIP: tuple[type[Exception], ...] = (gzip.BadGzipFile, isal_zlib.IsalError)  # type: ignore[assignment]


class NotSound(Exception):
    """The file isn't whole gzip, or unpacks to far too much; the message is for the client."""


@dataclass(frozen=True)
class Block:
    """Whole lines; only the last line of a file, and one that is too long, may lack its line break."""

    offset: int  # of its first byte in the unpacked file
    first_line: int  # its number, counting from 0
    content: bytes

    @cached_property
    def line_count(self) -> int:
        return self.content.count(b"\n") + (not self.content.endswith(b"\n"))


class Unpacked:
    """A gzip file from its beginning. For one thread; the descriptor may be shared."""

    def __init__(
        self,
        descriptor: int,
        *,
        line_limit_bytes: int = LARGEST_BODY_BYTES,
        unpacked_anyway_bytes: int = UNPACKED_ANYWAY_BYTES,
    ) -> None:
        """line_limit_bytes: of a line with more before its line break, only so many are given.

        unpacked_anyway_bytes: what any file may unpack to, however small it is. Raises NotSound for an empty file.
        """
        size = os.fstat(descriptor).st_size
        if size == 0:
            raise NotSound("The file is empty, so nothing was stored. Send gzip-compressed lines of JSON.")
        self._line_limit_bytes = line_limit_bytes
        self._room = max(unpacked_anyway_bytes, UNPACKED_PER_BYTE * size)
        self._members = _Members(descriptor)
        self.position = 0  # how much was unpacked

    @property
    def packed_position(self) -> int:
        """About how much of the file as it was sent was read for that."""
        return self._members.position

    def read(self, size: int) -> bytes:
        """So many bytes, fewer only at the end. Raises NotSound, also when a few bytes could fill memory and disk."""
        parts: list[bytes] = []
        left = size
        try:
            while left and (part := self._members.read(left)):
                parts.append(part)
                left -= len(part)
        except EOFError:
            raise NotSound("The file ends too early: the gzip is truncated, so nothing of it was stored.") from None
        except BROKEN_GZIP:
            raise NotSound(
                "The file isn't sound gzip, so nothing of it was stored. Compress it and send it again."
            ) from None
        self.position += size - left
        if self.position > self._room:
            raise NotSound(
                f"The file unpacks to more than {UNPACKED_PER_BYTE} times its size, so nothing was stored. "
                "Split it into smaller files, or send the rows in batches."
            )
        return b"".join(parts)

    def blocks(self) -> Iterator[Block]:
        """All lines. Raises NotSound."""
        offset = first_line = 0
        rest = b""  # of a line whose end wasn't read yet
        while part := self.read(BLOCK_BYTES):
            end = len(rest) + part.rfind(b"\n") + 1
            content = rest + part
            if end > len(rest):
                block = Block(offset, first_line, content[:end])
                rest = content[end:]
            elif len(content) <= self._line_limit_bytes:
                rest = content
                continue
            else:
                block = Block(offset, first_line, content[: self._line_limit_bytes])
                rest = self._behind_line_break()
            yield block
            offset = self.position - len(rest)
            first_line += block.line_count
        if rest:
            yield Block(offset, first_line, rest)

    def _behind_line_break(self) -> bytes:
        """Read on to the end of a line; what was read of those behind it."""
        while part := self.read(BLOCK_BYTES):
            _, line_break, behind = part.partition(b"\n")
            if line_break:
                return behind
        return b""


class _Members:
    """What one gzip file, or several put one behind the other, unpack to; read at a position of our own."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._packed = b""  # read, and not unpacked yet
        self._member: isal_zlib.Decompress | None = None
        self._is_first = True
        self._is_full = False  # the last call gave as much as it was allowed to: there may be more without reading on
        self.position = 0

    def read(self, size: int) -> bytes:
        """Up to so many bytes, none at the end. Raises EOFError for a truncated file, and what is in BROKEN_GZIP."""
        while True:
            member = self._member or self._begin()
            if member is None:
                return b""
            if not self._packed and not self._is_full and not self._fill():
                raise EOFError
            part = member.decompress(self._packed, size)
            if member.eof:
                self._packed, self._member, self._is_full = member.unused_data.lstrip(b"\0"), None, False
            else:
                self._packed, self._is_full = member.unconsumed_tail, len(part) == size
            if part:
                return part

    def _begin(self) -> isal_zlib.Decompress | None:
        """The next member, None when there is none. Zeros behind a member are padding."""
        while len(self._packed) < len(MAGIC) and self._fill():
            if not self._is_first:
                self._packed = self._packed.lstrip(b"\0")
        if not self._is_first and not self._packed:
            return None
        if not self._packed.startswith(MAGIC):
            raise gzip.BadGzipFile
        self._is_first = False
        self._member = isal_zlib.decompressobj(GZIP)
        return self._member

    def _fill(self) -> bool:
        received = os.pread(self._descriptor, PACKED_BYTES, self.position)
        self._packed += received
        self.position += len(received)
        return bool(received)
