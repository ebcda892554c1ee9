"""The commit log: the one file that says what is in the database, and the only authority on it.

Order of a commit, all under the writer's lock: settle what a dead writer left -> write the record behind the published
length -> sync -> publish the new length. Readers look at the published length only, so they never see a record that
isn't on the disk. When a write fails the file is cut back to where it was.

Order of a checkpoint: write the whole base into a new file -> sync -> rename over the old -> sync the folder. Readers
notice by the inode; the old file stays readable to those who have it open. A process may be killed before it has synced
the folder, and what others then append would be lost with the name: so each syncs the folder before it appends to a
log for the first time.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from instance_agent.errors import AgentError, DamagedData
from instance_agent.storage import log_format as fmt
from instance_agent.storage.directory import Directory
from instance_agent.storage.files import refusal

SEARCH_BLOCK = 1 << 20
WRITE_BLOCK = 1 << 20


@dataclass(frozen=True)
class Record:
    """One record as it was appended."""

    commit_number: int
    payload: bytes
    end: int  # the offset just behind it


class CommitLog:
    """One open log file. `position` is where this reader goes on reading; writers must hold the writer's lock."""

    def __init__(self, path: Path, directory: Directory | None = None) -> None:
        """Open the log at `path`. Raises DamagedData when it isn't one, FileNotFoundError when there is none.

        directory: what the file is changed through, its folder unless said otherwise.
        """
        self.path = path
        self._directory = directory or Directory(path.parent)
        self._descriptor = self._directory.open(path.name)
        self._closing = weakref.finalize(self, self._directory.close, self._descriptor)
        try:
            self.header = fmt.unpack_header(os.pread(self._descriptor, fmt.HEADER_SIZE, 0))
        except fmt.BadHeader as error:
            raise DamagedData(f"{path} can't be read: {error}. Restore the data directory from a snapshot.") from None
        self.position = fmt.HEADER_SIZE
        self._has_durable_name = False

    @classmethod
    def create(
        cls, path: Path, base_commit: int = 0, base: Iterable[bytes] = (), directory: Directory | None = None
    ) -> CommitLog:
        """A new log at `path` that starts with these base payloads, in place of any other; durable on return.

        For the lock's holder. Raises AgentError (disk_full, storage_failed), then `path` is the old log or the new one.
        """
        directory = directory or Directory(path.parent)
        temporary = f"{path.name}.new"
        try:
            _write_base(directory, temporary, fmt.Header(os.urandom(8), base_commit, 0), base)
            directory.rename(temporary, path.name)
            directory.sync_names(".")
        except OSError as error:
            raise refusal(error) from error
        return cls(path, directory)

    @classmethod
    def recover(cls, path: Path, directory: Directory | None = None) -> CommitLog:
        """The log at `path`, made empty when there is none, settled, at its start. For the lock's holder."""
        if not path.exists():
            return cls.create(path, directory=directory)
        found = cls(path, directory)
        found.settle()
        return found

    @property
    def version(self) -> int:
        """The file's format version; only logs of the newest one may be appended to."""
        return self.header.version

    @property
    def published(self) -> int:
        """Every byte before this offset may be read."""
        return int(fmt.PUBLISHED.unpack(os.pread(self._descriptor, fmt.PUBLISHED.size, fmt.PUBLISHED_AT))[0])

    def is_replaced(self) -> bool:
        """Has a checkpoint put another file in this one's place?"""
        here, there = os.fstat(self._descriptor), self.path.stat()
        return (here.st_ino, here.st_dev) != (there.st_ino, there.st_dev)

    def rewind(self) -> None:
        """Read from the first record again."""
        self.position = fmt.HEADER_SIZE

    def read_on(self) -> Iterator[Record]:
        """The records published since `position`, which moves on when the next one is asked for.

        Raises DamagedData when committed bytes don't check out.
        """
        published = self._checked_published()
        while self.position < published:
            record = self._record_at(self.position, published)
            if record is None:
                raise self._damaged(self.position, "the checksum of a committed record is wrong")
            yield record
            self.position = record.end

    def settle(self) -> None:
        """Publish the whole records behind the published length and cut a torn tail. For the lock's holder.

        Raises DamagedData when a record is broken and others follow it: that is no torn tail. OSError.
        """
        published = self._checked_published()
        size = os.fstat(self._descriptor).st_size
        if size == published:
            return
        end = self.position  # where a record surely starts, which a changed published length wouldn't tell
        while (record := self._record_at(end, size)) is not None:
            if end < published < record.end:
                raise self._damaged(fmt.PUBLISHED_AT, "the published length ends within a record")
            end = record.end
        if end < published:
            raise self._damaged(end, "the checksum of a committed record is wrong")
        if end < size and self._finds_record(end + 1, size):
            raise self._damaged(end, "a record is broken, and whole ones follow it")
        if end < size:
            self._directory.truncate(self._descriptor, end)
        self._directory.sync(self._descriptor)
        if end > published:
            self._publish(end)

    def append(self, commit_number: int, payload: bytes) -> int:
        """Make one record durable and visible; the offset behind it. For the lock's holder, after `settle`.

        Raises AgentError (disk_full, storage_failed), then nothing of it is in the log.
        """
        if self.version != fmt.VERSION:
            raise ValueError("a log of an earlier format version is rewritten before anything is appended to it")
        if len(payload) > fmt.LONGEST_PAYLOAD:
            raise AgentError("request_too_large")
        start = self.published
        record = fmt.pack_record(self.header, commit_number, payload)
        try:
            if not self._has_durable_name:
                self._directory.sync_names(".")
                self._has_durable_name = True
            self._directory.write(self._descriptor, record, start)
            self._directory.sync(self._descriptor)
            self._publish(start + len(record))
        except OSError as error:
            self._cut_back(start)
            raise refusal(error) from error
        return start + len(record)

    def _cut_back(self, length: int) -> None:
        """Forget a record that couldn't be written; durably, lest a loss of power brings back what was refused."""
        with suppress(OSError):
            self._directory.truncate(self._descriptor, length)
            self._directory.sync(self._descriptor)

    def _checked_published(self) -> int:
        """The published length, when the file can have it. Raises DamagedData."""
        published = self.published
        size = os.fstat(self._descriptor).st_size
        if published < self.header.base_end:
            raise self._damaged(fmt.PUBLISHED_AT, "the published length is less than was ever published")
        if size < published:
            raise self._damaged(size, f"{published - size} bytes that were committed are missing")
        return published

    def _publish(self, length: int) -> None:
        self._directory.write(self._descriptor, fmt.PUBLISHED.pack(length), fmt.PUBLISHED_AT)

    def _record_at(self, offset: int, limit: int) -> Record | None:
        """The whole record at `offset` that ends at or before `limit`, else None."""
        head = fmt.unpack_record_head(self.header, os.pread(self._descriptor, fmt.RECORD_SIZE, offset))
        if head is None or offset + fmt.RECORD_SIZE + head.length > limit:
            return None
        payload = self._read(offset + fmt.RECORD_SIZE, head.length)
        if not fmt.is_whole(self.header, head, payload):
            return None
        return Record(head.commit_number, payload, offset + fmt.RECORD_SIZE + head.length)

    def _read(self, offset: int, length: int) -> bytes:
        parts: list[bytes] = []
        while length and (part := os.pread(self._descriptor, length, offset)):
            parts.append(part)
            offset += len(part)
            length -= len(part)
        return b"".join(parts)

    def _finds_record(self, offset: int, size: int) -> bool:
        """Is there a whole record anywhere between `offset` and `size`?"""
        while offset < size:
            block = os.pread(self._descriptor, SEARCH_BLOCK, offset)
            at = block.find(fmt.MARKER)
            while at >= 0:
                if self._record_at(offset + at, size) is not None:
                    return True
                at = block.find(fmt.MARKER, at + 1)
            offset += max(1, len(block) - len(fmt.MARKER) + 1)
        return False

    def _damaged(self, offset: int, what: str) -> DamagedData:
        return DamagedData(
            f"{self.path} is damaged at byte {offset}: {what}. Nothing was changed. "
            "Restore the data directory from a snapshot, or ask for help before anything is written."
        )


def _write_base(directory: Directory, name: str, header: fmt.Header, base: Iterable[bytes]) -> None:
    """Write a whole log, synced. Raises OSError, then the file isn't there."""
    with suppress(FileNotFoundError):
        directory.remove(name)  # what a writer left when it died
    descriptor = directory.create(name)
    try:
        end = fmt.HEADER_SIZE
        block = bytearray()
        for payload in base:
            block += fmt.pack_record(header, header.base_commit, payload)
            if len(block) >= WRITE_BLOCK:
                directory.write(descriptor, bytes(block), end)
                end += len(block)
                block.clear()
        directory.write(descriptor, bytes(block), end)
        end += len(block)
        directory.write(descriptor, fmt.pack_header(replace(header, base_end=end), end), 0)
        directory.sync(descriptor)
    except BaseException:
        with suppress(OSError):
            directory.remove(name)
        raise
    finally:
        directory.close(descriptor)
