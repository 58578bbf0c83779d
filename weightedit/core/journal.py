"""The form of a journal: records framed and chained, so that a torn, altered, moved or foreign one is told.

A record is a 4-byte little-endian length, a CRC-32, and the payload: JSON in ASCII. The CRC-32 goes on from that of the
record before, so that a record is good only where it was written. The first record says which files the journal
belongs to, and holds a number drawn by lot: no two journals have a chain in common.
"""

from __future__ import annotations

import errno
import json
import os
import stat
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, BinaryIO, Literal

VERSION = 1
JOURNAL = "journal"
LOCK = "lock"
"""What the records, and the file that a living owner holds locked, are called in a journal's folder."""
_FRAME = struct.Struct("<II")
LONGEST = 64 << 20
EDGE = 256 << 10
"""Bytes at each end of a file that its mark has the hash of: formats have their header at the one end or the other."""
_OPEN_FLAGS = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)


def opened(path: Path, buffering: int = -1) -> BinaryIO:
    """Open a file to read it; raises `OSError` also where it is none, and never waits for a pipe."""
    handle = os.open(path, _OPEN_FLAGS)
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "it is not a file", str(path))
        return os.fdopen(handle, "rb", buffering)
    except BaseException:
        os.close(handle)
        raise


class TooLong(ValueError):
    """A record would be longer than any reader takes."""


def encode(payload: Mapping[str, Any], before: int = 0) -> bytes:
    """Return one framed record.

    Parameters
    ----------
    payload
        What JSON holds.
    before
        `check_of` the record before it; 0 for the first of a journal.

    Raises
    ------
    TooLong
        If the payload takes more than `LONGEST` bytes.
    """
    data = json.dumps(payload, separators=(",", ":"), allow_nan=False).encode("ascii")
    if len(data) > LONGEST:
        raise TooLong(f"a record of {len(data):,} bytes is longer than a journal takes, {LONGEST:,}")
    return _FRAME.pack(len(data), zlib.crc32(data, before)) + data


def check_of(record: bytes) -> int:
    """Return the CRC-32 of a framed record, which the next one goes on from."""
    return int(_FRAME.unpack_from(record)[1])


def decode(data: bytes) -> Iterator[dict[str, Any]]:
    """Yield the payloads of whole records, and stop at the first that is torn, altered or out of place."""
    at = check = 0
    while at + _FRAME.size <= len(data):
        length, expected = _FRAME.unpack_from(data, at)
        start, stop = at + _FRAME.size, at + _FRAME.size + length
        if not length or length > LONGEST or stop > len(data):
            return  # zeros too: file systems leave them at the end after a power cut
        payload = _payload(data[start:stop], check, expected)
        if payload is None:
            return
        yield payload
        at, check = stop, expected


def read(file: BinaryIO) -> Iterator[dict[str, Any]]:
    """Yield what `decode` does, out of an open file, of which one record is in memory at a time."""
    left, check = os.fstat(file.fileno()).st_size, 0
    while left >= _FRAME.size:
        head = file.read(_FRAME.size)
        if len(head) < _FRAME.size:
            return
        length, expected = _FRAME.unpack(head)
        left -= _FRAME.size + length
        if not length or length > LONGEST or left < 0:
            return
        payload = _payload(file.read(length), check, expected)
        if payload is None:
            return
        yield payload
        check = expected


def _payload(data: bytes, before: int, expected: int) -> dict[str, Any] | None:
    if zlib.crc32(data, before) != expected:
        return None
    try:
        payload = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return payload if isinstance(payload, dict) else None


Likeness = Literal["same", "alike", "other"]


@dataclass(frozen=True, slots=True)
class FileMark:
    """What tells one state of a file from another, also in another process and after a restart.

    Attributes
    ----------
    path
        With links followed.
    size, inode, mtime_ns
        As `stat` says; the time in nanoseconds.
    edge
        How many bytes at each end `digest` is the hash of.
    digest
        BLAKE2b of both ends, in hexadecimal; empty where they could not be read.
    """

    path: str
    size: int
    inode: int
    mtime_ns: int
    edge: int
    digest: str

    @classmethod
    def of(cls, path: str | Path, *, edge: int = EDGE) -> FileMark:
        """Read both ends of a file.

        Raises
        ------
        OSError
            If it cannot be read.
        """
        with opened(Path(path), buffering=0) as file:
            status = os.fstat(file.fileno())
            found = blake2b(file.read(edge), digest_size=16)
            if status.st_size > edge:
                file.seek(max(edge, status.st_size - edge))
                found.update(file.read(edge))
        real = os.path.realpath(path)
        return cls(real, status.st_size, status.st_ino, status.st_mtime_ns, edge, found.hexdigest())

    def compare(self, path: str | Path) -> Likeness:
        """Say what a file is to the one that was marked.

        `same`: the very file, as it was. `alike`: a copy of it, or it was touched; both ends and the size agree.
        `other`: anything else, also no file.
        """
        try:
            now = FileMark.of(path, edge=self.edge)
        except (OSError, ValueError):
            return "other"
        if now.size != self.size or (self.digest and now.digest != self.digest):
            return "other"
        if self.is_at(path):
            return "same"
        return "alike" if self.digest else "other"

    def is_at(self, path: str | Path) -> bool:
        """Whether the system says of a file what it said when it was marked; nothing is read."""
        try:
            status = Path(path).stat()
        except (OSError, ValueError):
            return False
        return (status.st_size, status.st_ino, status.st_mtime_ns) == (self.size, self.inode, self.mtime_ns)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> FileMark:
        """Read what `to_json` wrote; KeyError, TypeError or ValueError if it is none."""
        path, digest = data["path"], data["digest"]
        size, inode, mtime_ns, edge = (data[name] for name in ("size", "inode", "mtime_ns", "edge"))
        numbers = (size, inode, mtime_ns, edge)
        if not isinstance(path, str) or not isinstance(digest, str) or any(type(one) is not int for one in numbers):
            raise TypeError("a file's mark is of the wrong kind")
        return cls(path, size, inode, mtime_ns, edge, digest)
