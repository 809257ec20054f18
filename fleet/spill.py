"""Records on disk that a producer had no room for, replayed in order before any newer one.

A journal of segments, each a row of frames (length, CRC-32, content). Records stay until they are
acknowledged, over a crash of the process too; a crash of the machine may take the last fraction of
a second. What was acknowledged just before a crash is written again: at least once, never less.
"""

import os
import struct
import zlib
from collections import deque
from pathlib import Path
from typing import NamedTuple

from blueprint.problem import BadInput, Problem
from fleet.signals import Signal, SignalKind, Tell, to_stderr

SEGMENT_BYTES = 16 << 20
_FRAME = struct.Struct("<II")
_LENGTH = struct.Struct("<i")
_SUFFIX = ".spill"
_DONE = "done"


class Outgoing(NamedTuple):
    """A record on its way out; a tuple, since a producer makes one for every record."""

    topic: str
    value: bytes | None
    key: bytes | None = None
    headers: tuple[tuple[str, bytes | None], ...] = ()

    @property
    def size(self) -> int:
        """Bytes of key and value."""
        return len(self[1] or b"") + len(self[2] or b"")

    def pack(self) -> bytes:
        """As it stands in a frame."""
        parts: list[bytes | None] = [self.topic.encode(), self.key, self.value]
        for name, value in self.headers:
            parts += [name.encode(), value]
        return b"".join(
            _LENGTH.pack(-1) if part is None else _LENGTH.pack(len(part)) + part for part in parts
        )


def unpack(content: bytes) -> Outgoing:
    """What ``pack`` wrote."""
    parts: list[bytes | None] = []
    at = 0
    while at < len(content):
        (length,) = _LENGTH.unpack_from(content, at)
        at += _LENGTH.size
        parts.append(None if length < 0 else content[at : at + length])
        at += max(0, length)
    topic, key, value, *rest = parts
    headers = tuple(
        ((name or b"").decode(), text) for name, text in zip(rest[::2], rest[1::2], strict=True)
    )
    return Outgoing((topic or b"").decode(), value, key, headers)


class Position(tuple[int, int]):
    """Segment number and byte within it, of a frame's end; in the order of writing."""

    __slots__ = ()


class SpillJournal:
    """One process's journal in a folder; its user sees to it that one thread calls at a time."""

    def __init__(self, folder: Path, most_bytes: int, segment_bytes: int = SEGMENT_BYTES) -> None:
        """Open it; what an earlier process left is replayed first.

        Raises:
            BadInput: The folder cannot be written.
        """
        self._folder, self._most, self._segment = folder, most_bytes, segment_bytes
        try:
            folder.mkdir(parents=True, exist_ok=True)
            found = sorted(int(path.stem) for path in folder.glob(f"*{_SUFFIX}"))
            self._done = self._read_done()
            self._number = (found[-1] if found else self._done[0]) + 1
            self._file = self._path(self._number).open("ab", buffering=0)
        except OSError as error:
            legal = "a folder that can be written"
            said = str(error.strerror)
            raise BadInput([Problem("spill folder", str(folder), legal, said)]) from None
        self._segments = [*(n for n in found if n >= self._done[0]), self._number]
        self._sizes = {n: self._path(n).stat().st_size for n in self._segments}
        self._unread: deque[tuple[Position, Outgoing]] = deque()
        self._read_at = self._done
        self._waiting: dict[Position, bool] = {}
        self.torn = 0
        self.pending = self._count()

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return sum(self._sizes.values())

    def append(self, record: Outgoing) -> bool:
        """Write one record at the end; False when that would be more than may be on disk."""
        content = record.pack()
        frame = _FRAME.pack(len(content), zlib.crc32(content)) + content
        if self.size + len(frame) > self._most:
            return False
        if self._sizes[self._number] >= self._segment:
            self._file.close()
            self._number += 1
            self._segments.append(self._number)
            self._file = self._path(self._number).open("ab", buffering=0)
            self._sizes[self._number] = 0
        self._file.write(frame)
        self._sizes[self._number] += len(frame)
        self.pending += 1
        return True

    def peek(self) -> Outgoing | None:
        """The next record to be replayed."""
        if not self._unread:
            self._fill()
        return self._unread[0][1] if self._unread else None

    def take(self) -> Position:
        """The peeked record is under way; returns what it is acknowledged by."""
        position, _ = self._unread.popleft()
        self._waiting[position] = False
        return position

    def acknowledged(self, position: Position) -> None:
        """One is in the log; what was written and acknowledged without a gap is forgotten."""
        if position not in self._waiting:
            return
        self._waiting[position] = True
        while self._waiting:
            first = next(iter(self._waiting))
            if not self._waiting[first]:
                break
            del self._waiting[first]
            self._done = first
            self.pending -= 1
        if not self.pending:
            self._forget_all()
        while self._segments[0] < self._done[0]:
            self._drop(self._segments.pop(0))

    def rewind(self) -> None:
        """Replay again from the first record that is not acknowledged."""
        self._unread.clear()
        self._waiting.clear()
        self._read_at = self._done

    def sync(self) -> None:
        """Put on the disk what was written, and how far it is done."""
        os.fsync(self._file.fileno())
        temporary = self._folder / f"{_DONE}.new"
        temporary.write_text(f"{self._done[0]} {self._done[1]}")
        temporary.replace(self._folder / _DONE)

    def close(self) -> None:
        """Leave what is pending for the next process."""
        self.sync()
        self._file.close()

    def _forget_all(self) -> None:
        """Everything is acknowledged: begin a new segment, so that the old ones can go."""
        self._file.close()
        self._number += 1
        self._segments.append(self._number)
        self._file = self._path(self._number).open("ab", buffering=0)
        self._sizes[self._number] = 0
        self._done = self._read_at = Position((self._number, 0))

    def _fill(self) -> None:
        """Read the next stretch of frames, at most about a megabyte."""
        for number in [n for n in self._segments if n >= self._read_at[0]]:
            start = self._read_at[1] if number == self._read_at[0] else 0
            frames, _ = _frames(self._read(number, start, self._sizes[number] - start))
            for end, content in frames:
                position = Position((number, start + end))
                self._unread.append((position, unpack(content)))
                self._read_at = position
            if self._unread:
                return

    def _count(self) -> int:
        """Frames that are not done; a torn end, which a crash leaves, is cut off."""
        found = 0
        for number in self._segments:
            start = self._done[1] if number == self._done[0] else 0
            frames, whole = _frames(self._read(number, start, self._sizes[number] - start))
            found += len(frames)
            if start + whole < self._sizes[number]:
                self.torn += self._sizes[number] - start - whole
                os.truncate(self._path(number), start + whole)
                self._sizes[number] = start + whole
        return found

    def _read(self, number: int, start: int, length: int) -> bytes:
        with self._path(number).open("rb") as file:
            file.seek(start)
            return file.read(max(0, length))

    def _read_done(self) -> Position:
        try:
            number, at = (self._folder / _DONE).read_text().split()
            return Position((int(number), int(at)))
        except (FileNotFoundError, ValueError):
            return Position((0, 0))

    def _drop(self, number: int) -> None:
        self._path(number).unlink(missing_ok=True)
        self._sizes.pop(number, None)

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:012d}{_SUFFIX}"


def _frames(data: bytes) -> tuple[list[tuple[int, bytes]], int]:
    """The whole frames of some bytes, each with its end, and where the last one ends."""
    found, at = [], 0
    while at + _FRAME.size <= len(data):
        length, checksum = _FRAME.unpack_from(data, at)
        content = data[at + _FRAME.size : at + _FRAME.size + length]
        if len(content) < length or zlib.crc32(content) != checksum:
            break
        at += _FRAME.size + length
        found.append((at, content))
    return found, at


def open_spill(folder: Path, most_bytes: int, tell: Tell = to_stderr) -> SpillJournal:
    """A journal for ``FleetProducer``; says what an earlier process left.

    Raises:
        BadInput: The folder cannot be written.
    """
    journal = SpillJournal(folder, most_bytes)
    if journal.pending or journal.torn:
        detail = (
            f"{journal.pending:,} records of before are sent first; {journal.torn:,} bytes torn"
        )
        tell(Signal(SignalKind.FULL, detail=detail))
    return journal
