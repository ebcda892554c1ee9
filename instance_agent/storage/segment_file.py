"""Segment files: written once, then mapped into memory and read in place.

Writing order: header, arrays as they come, footer and trailer, sync. Only then a commit may name the file; a file that
isn't whole is never named.

A file is proven piece by piece: opening proves the table of contents, each array is proven when it is first asked for
in this process. Bytes that change on the disk after that aren't noticed before the next start. A file that is cut while
it is mapped ends the process (SIGBUS): nothing in this program cuts a segment.
"""

from __future__ import annotations

import mmap
import zlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from instance_agent.storage import segment_format as fmt
from instance_agent.storage.directory import Directory
from instance_agent.storage.segment_format import ArrayInfo, DamagedSegment, Kind


class SegmentWriter:
    """Writes one file; end with `finish` or `abandon`. Holds no array after `add`. Every method raises OSError."""

    def __init__(self, directory: Directory, name: str) -> None:
        """name: of a file that isn't there yet, below the directory. The last part of it goes with the file."""
        self._directory = directory
        self._name = name
        self._descriptor = directory.create(name)
        self._arrays: list[ArrayInfo] = []
        self._end = 0
        self._write(fmt.HEADER)

    def add(self, name: str, values: NDArray[Any], *, kind: Kind) -> None:
        """Append an array of numbers, one-dimensional. Raises ValueError for a dtype that has no place in a file."""
        little = np.ascontiguousarray(values, values.dtype.newbyteorder("<"))
        if little.dtype.str not in fmt.DTYPES or little.ndim != 1:
            raise ValueError(f"an array of {little.dtype.str} with {little.ndim} dimensions can't be stored")
        content = memoryview(little.view(np.uint8).data) if little.size else memoryview(b"")
        self._write(bytes(fmt.aligned(self._end) - self._end))
        self._arrays.append(ArrayInfo(name, little.dtype.str, len(little), self._end, zlib.crc32(content), kind))
        self._write(content)

    def finish(self, properties: bytes) -> int:
        """End the file; its size in bytes. Its content is durable on return, its name when the folder is synced."""
        self._write(fmt.pack_end(PurePosixPath(self._name).name, self._arrays, properties, self._end))
        self._directory.sync(self._descriptor)
        self._directory.close(self._descriptor)
        return self._end

    def abandon(self) -> None:
        """Remove what was written."""
        self._directory.close(self._descriptor)
        self._directory.remove(self._name)

    def _write(self, content: bytes | memoryview) -> None:
        if len(content):
            self._directory.write(self._descriptor, content, self._end)
            self._end += len(content)


class SegmentFile:
    """One open file. Safe for many threads."""

    def __init__(self, path: Path, content: mmap.mmap, arrays: Mapping[str, ArrayInfo], properties: bytes) -> None:
        self.path = path
        self.arrays = arrays
        self.properties = properties
        self.size_bytes = len(content)
        self._content = content
        self._proven: set[str] = set()

    @classmethod
    def open(cls, path: Path) -> SegmentFile:
        """Map a file, whatever its size in the same time. Raises DamagedSegment, OSError."""
        with path.open("rb") as file:
            try:
                content = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
            except ValueError:
                raise DamagedSegment(f"{path} is damaged: it is empty.") from None
        try:
            trailer = fmt.unpack_trailer(content[-fmt.TRAILER_SIZE :], len(content))
            footer = content[trailer.footer_offset : trailer.footer_offset + trailer.footer_length]
            arrays, properties = fmt.unpack_footer(footer, trailer, path.name)
        except fmt.BadSegment as error:
            raise DamagedSegment(f"{path} is damaged: {error}.") from None
        return cls(path, content, arrays, properties)

    def array(self, name: str) -> NDArray[Any]:
        """The array, read-only and in place. Raises KeyError, DamagedSegment when its bytes aren't what was written."""
        info = self.arrays[name]
        if name not in self._proven:
            if self._crc(info.offset, info.end) != info.crc:
                raise DamagedSegment(f"{self.path} is damaged: the checksum of its array {name} is wrong.")
            self._proven.add(name)
        if not info.count:
            return np.empty(0, info.dtype)
        return np.frombuffer(self._content, info.dtype, info.count, info.offset)

    def verify(self) -> None:
        """Prove every byte of the file. Raises DamagedSegment."""
        if self._content[: len(fmt.HEADER)] != fmt.HEADER:
            raise DamagedSegment(f"{self.path} is damaged: it doesn't start like a segment.")
        end = len(fmt.HEADER)
        for info in self.arrays.values():
            if any(self._content[end : info.offset]):
                raise DamagedSegment(f"{self.path} is damaged: there is something between its arrays.")
            if self._crc(info.offset, info.end) != info.crc:
                raise DamagedSegment(f"{self.path} is damaged: the checksum of its array {info.name} is wrong.")
            end = info.end

    def _crc(self, start: int, end: int) -> int:
        with memoryview(self._content) as view, view[start:end] as part:
            return zlib.crc32(part)
