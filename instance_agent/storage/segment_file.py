"""Writing and reading segment files, whose bytes `segment_format` describes.

Order of writing: create -> each array as it comes -> footer and trailer -> sync. A file that was cut short anywhere in
between has no trailer, so it can't be taken for a whole one. Its name is durable when the folder is synced, which is
the caller's business.
"""

from __future__ import annotations

import mmap
import os
import threading
import zlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from instance_agent.storage import segment_format as fmt
from instance_agent.storage.directory import Directory
from instance_agent.storage.segment_format import ArrayInfo, DamagedSegment, Kind


class SegmentWriter:
    """Writes one segment file, array by array, and holds none of them. Not for several threads.

    Ends with `finish` or with `abandon`; after an OSError only `abandon` makes sense.
    """

    def __init__(self, directory: Directory, name: str) -> None:
        """Create the file. Raises FileExistsError, OSError."""
        self.name = name
        self._directory = directory
        self._arrays: dict[str, ArrayInfo] = {}
        self._end = len(fmt.HEAD)
        self._descriptor: int | None = directory.create(name)

    def add(self, name: str, values: NDArray[Any], *, kind: Kind) -> None:
        """Write a one-dimensional array of numbers or booleans; nothing of it is kept in memory.

        Raises ValueError for any other array and for a name that is taken, OSError.
        """
        dtype = values.dtype.newbyteorder("<")
        if name in self._arrays or values.ndim != 1 or dtype.str not in fmt.ITEM_SIZES:
            raise ValueError(f"array {name}: {values.ndim} dimensions of {dtype.str}, or there already")
        values = np.ascontiguousarray(values, dtype)
        content = values.view(np.uint8).data
        offset = fmt.aligned(self._end)
        self._write(content, offset)
        crc = zlib.crc32(content)
        self._arrays[name] = ArrayInfo(name, values.dtype.str, len(values), offset, len(content), crc, kind)
        self._end = offset + len(content)

    def finish(self, properties: bytes) -> int:
        """Complete the file and close it, durable but for its name; its size in bytes. Raises OSError."""
        offset = fmt.aligned(self._end)
        file_name = PurePosixPath(self.name).name
        ending = fmt.pack_footer(fmt.Footer(file_name, list(self._arrays.values()), properties), offset)
        self._write(fmt.HEAD, 0)
        self._write(ending, offset)
        self._directory.sync(self._open_descriptor())
        self._close()
        return offset + len(ending)

    def abandon(self) -> None:
        """Close and remove the file, as far as that goes; of no effect after `finish`."""
        if self._descriptor is not None:
            with suppress(OSError):
                self._close()
            with suppress(OSError):
                self._directory.remove(self.name)

    def _write(self, content: bytes | memoryview, offset: int) -> None:
        self._directory.write(self._open_descriptor(), content, offset)

    def _open_descriptor(self) -> int:
        if self._descriptor is None:
            raise ValueError(f"{self.name} is finished")
        return self._descriptor

    def _close(self) -> None:
        descriptor, self._descriptor = self._open_descriptor(), None
        self._directory.close(descriptor)


class SegmentFile:
    """One segment file, mapped into memory for as long as this object or an array of it lives. Safe for many threads.

    The mapping is of the open file: removing or renaming it changes nothing. A file that somebody else cuts short is
    noticed when it is opened and at the first use of each array. Cutting it under an array that is in use, or a disk
    that fails to deliver mapped bytes, ends the process with SIGBUS; nothing in this program cuts a segment file.
    """

    def __init__(self, path: Path, content: mmap.mmap) -> None:
        """Use `open`."""
        self.path = path
        self.size_bytes = len(content)
        self._map = content
        self._bytes = memoryview(content)
        self._lock = threading.Lock()
        self._proven: dict[str, NDArray[Any]] = {}
        footer = self._footer()
        self.properties: bytes = footer.properties
        self.arrays: Mapping[str, ArrayInfo] = MappingProxyType({info.name: info for info in footer.arrays})

    @classmethod
    def open(cls, path: Path) -> SegmentFile:
        """The file at `path`, its trailer and table of contents proven, its arrays not. Raises DamagedSegment, OSError.

        A file that lies under another name than it was written under is damaged, too.
        """
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            size = os.fstat(descriptor).st_size
            if size < len(fmt.HEAD) + fmt.TRAILER_SIZE:
                raise DamagedSegment(f"{path} is damaged: it is only {size} bytes long.")
            return cls(path, mmap.mmap(descriptor, size, prot=mmap.PROT_READ))
        finally:
            os.close(descriptor)

    def array(self, name: str) -> NDArray[Any]:
        """A read-only view of the mapped file; at its first use its checksum is proven.

        Raises KeyError when there is none of this name, DamagedSegment.
        """
        found = self._proven.get(name)
        if found is None:
            with self._lock:
                found = self._proven.get(name)
                if found is None:
                    found = self._proven[name] = self._prove(self.arrays[name])
        return found

    def verify(self) -> None:
        """Prove every byte of the file, also what was proven before. Raises DamagedSegment."""
        self._check_not_cut()
        footer = self._footer()
        for info in footer.arrays:
            self._prove(info)
        footer_offset = fmt.aligned(fmt.end_of_arrays(footer.arrays))
        for start, end in fmt.gaps(footer, footer_offset):
            if any(self._bytes[start:end]):
                raise self._damaged(f"the filling before byte {end} isn't zero")

    def _footer(self) -> fmt.Footer:
        try:
            footer = fmt.unpack_footer(self._bytes)
        except fmt.Malformed as error:
            raise self._damaged(str(error)) from None
        if footer.file_name != self.path.name:
            raise self._damaged(f"it was written under the name {footer.file_name!r}")
        return footer

    def _prove(self, info: ArrayInfo) -> NDArray[Any]:
        self._check_not_cut()
        if zlib.crc32(self._bytes[info.offset : info.offset + info.size_bytes]) != info.crc32:
            raise self._damaged(f"the checksum of the array '{info.name}' is wrong")
        return np.frombuffer(self._map, info.dtype, info.count, info.offset)

    def _check_not_cut(self) -> None:
        if self._map.size() < self.size_bytes:
            raise self._damaged(f"it was cut to {self._map.size()} bytes after it was opened")

    def _damaged(self, what: str) -> DamagedSegment:
        return DamagedSegment(f"{self.path} is damaged: {what}.")
