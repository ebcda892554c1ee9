"""The lines of a file that were no rows, kept so that they can be mended and sent again.

A file of them is gzip; unpacked, it is for each line 4 bytes (little-endian) that say how long the msgpack of a
`KeptLine` behind them is. Files put one behind the other are such a file, too.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import msgspec
from isal import igzip

from instance_agent.storage.files import sync_directory

MOST_KEPT = 100_000
KEPT_BYTES = 64 * 1024
"""How much of a line is kept."""
FAST = 1

_encode = msgspec.msgpack.Encoder().encode


class KeptLine(msgspec.Struct, frozen=True):
    """A line that was refused."""

    line: int  # counting from 1
    reason: str
    text: bytes  # as it was sent, its first KEPT_BYTES
    is_cut: bool = False


@dataclass(frozen=True)
class KeptFile:
    """A file of refused lines."""

    path: Path
    count: int


class KeptWriter:
    """Writes refused lines into an open file. Nothing is durable."""

    def __init__(self, file: BinaryIO, most: int = MOST_KEPT) -> None:
        """most: further lines are dropped."""
        self._packed = igzip.IGzipFile(fileobj=file, mode="wb", compresslevel=FAST)
        self._most = most
        self.count = 0

    def add(self, line: KeptLine) -> None:
        """Raises OSError."""
        if self.count < self._most:
            content = _encode(line)
            self._packed.write(len(content).to_bytes(4, "little") + content)
            self.count += 1

    def close(self) -> None:
        """Complete it; the file stays open. Raises OSError."""
        self._packed.close()


def kept_line(number: int, reason: str, text: bytes) -> KeptLine:
    """number: counting from 1."""
    return KeptLine(number, reason, text[:KEPT_BYTES], len(text) > KEPT_BYTES)


def read_kept(path: Path) -> Iterator[KeptLine]:
    """The lines of a file in order; none when there is no file."""
    decode = msgspec.msgpack.Decoder(KeptLine).decode
    with suppress(FileNotFoundError), igzip.open(path, "rb") as file:
        while head := file.read(4):
            yield decode(file.read(int.from_bytes(head, "little")))


def unite_durably(path: Path, files: Sequence[KeptFile], most: int = MOST_KEPT) -> int:
    """Have the lines of these files, the first `most` of them, in the file `path`; how many.

    Atomic and durable on return. Raises OSError, then `path` is as it was.
    """
    temporary = path.with_name(f"{path.name}.{os.getpid()}.{os.urandom(4).hex()}.new")
    try:
        with temporary.open("xb") as made:
            count = _copy(made, files, most)
            made.flush()
            os.fsync(made.fileno())
        temporary.rename(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_directory(path.parent)
    return count


def _copy(made: BinaryIO, files: Sequence[KeptFile], most: int) -> int:
    left = most
    for file in files:
        if file.count > left:
            _copy_first(made, file.path, left)
            return most
        with file.path.open("rb") as source:
            shutil.copyfileobj(source, made)
        left -= file.count
    return most - left


def _copy_first(made: BinaryIO, path: Path, count: int) -> None:
    writer = KeptWriter(made, count)
    for line in islice(read_kept(path), count):
        writer.add(line)
    writer.close()
