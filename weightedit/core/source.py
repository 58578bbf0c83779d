"""Bytes in a file we do not own: fingerprinted, read by offset, never mapped."""

from __future__ import annotations

import hashlib
import os
import stat
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from weightedit.core.errors import CheckpointError, SourceChanged

_READ_AT = getattr(os, "preadv", None)
_OPEN_FLAGS = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)


class ByteSource(Protocol):
    """Anything that gives a fixed range of bytes by offset."""

    @property
    def nbytes(self) -> int:
        """How many bytes there are."""
        ...

    def read_into(self, buffer: memoryview, offset: int = 0) -> None:
        """Fill `buffer` with the bytes from `offset` on."""
        ...


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What tells one state of a file from another without reading it whole."""

    device: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> Fingerprint:
        """Take the fingerprint out of what `stat` says."""
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


class SourceFile:
    """One open file of a checkpoint and the fingerprint it had when it was opened.

    Raises
    ------
    CheckpointError
        If `path` cannot be read or is no regular file (a FIFO or device is not waited for).
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._lock = threading.Lock()
        self._handle = -1
        self._header: tuple[int, bytes] | None = None
        self._open()

    def _open(self) -> None:
        try:
            handle = os.open(self.path, _OPEN_FLAGS)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise CheckpointError(f"{self.name} cannot be read: {reason}.", file=self.path) from error
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            os.close(handle)
            kind = "a folder" if stat.S_ISDIR(status.st_mode) else "a pipe or device"
            raise CheckpointError(f"{self.name} is {kind}, not a file.", file=self.path)
        self._handle = handle
        self.fingerprint = Fingerprint.of(status)

    @property
    def name(self) -> str:
        """The file's name without its folder, as messages show it."""
        return self.path.name or str(self.path)

    @property
    def size(self) -> int:
        """Bytes in the file when it was opened."""
        return self.fingerprint.size

    @property
    def is_open(self) -> bool:
        """Whether the handle is open."""
        return self._handle >= 0

    def read_into(self, buffer: memoryview, offset: int) -> None:
        """Fill `buffer` from the file's bytes at `offset`; checked before and after.

        Raises
        ------
        SourceChanged
            If the file was truncated, rewritten, replaced or removed since it was opened.
        """
        self.check()
        self._read(buffer, offset)
        self.check()

    def _read(self, buffer: memoryview, offset: int) -> None:
        view = buffer.cast("B")
        try:
            done = 0
            while done < len(view):
                got = self._read_at(view[done:], offset + done)
                if got == 0:
                    raise SourceChanged(
                        f"{self.name} ends at byte {offset + done:,}, where more was promised; "
                        "it was cut short since it was opened.",
                        file=self.path,
                    )
                done += got
        except OSError as error:
            raise SourceChanged(
                f"{self.name} can no longer be read: {error.strerror}; edits made so far are kept.", file=self.path
            ) from error

    def _read_at(self, view: memoryview, offset: int) -> int:
        if _READ_AT is not None:
            return int(_READ_AT(self._handle, [view], offset))
        with self._lock:  # Windows has no read that leaves the file position alone
            os.lseek(self._handle, offset, os.SEEK_SET)
            data = os.read(self._handle, len(view))
        view[: len(data)] = data
        return len(data)

    def read(self, offset: int, nbytes: int) -> bytes:
        """Return `nbytes` bytes at `offset`; the caller has checked that the file holds them."""
        buffer = bytearray(nbytes)
        self.read_into(memoryview(buffer), offset)
        return bytes(buffer)

    def remember_header(self, nbytes: int) -> None:
        """Make the hash of the first `nbytes` bytes part of the fingerprint that `check(header=True)` compares."""
        self._header = (nbytes, self._hash(nbytes))

    def _hash(self, nbytes: int) -> bytes:
        buffer = bytearray(nbytes)
        self._read(memoryview(buffer), 0)
        return hashlib.blake2b(buffer, digest_size=16).digest()

    def check(self, *, header: bool = False) -> None:
        """Raise `SourceChanged` unless handle and path are still the file that was opened."""
        if self._handle < 0:
            raise SourceChanged(f"{self.name} is closed.", file=self.path)
        if Fingerprint.of(os.fstat(self._handle)) != self.fingerprint:
            raise self._changed("rewritten")
        try:
            at_path = Fingerprint.of(self.path.stat())
        except OSError:
            raise self._changed("moved or deleted") from None
        if at_path != self.fingerprint:
            raise self._changed("replaced")
        if header and self._header is not None and self._hash(self._header[0]) != self._header[1]:
            raise self._changed("rewritten")

    def _changed(self, how: str) -> SourceChanged:
        return SourceChanged(
            f"{self.name} was {how} by another program since it was opened; edits made so far are kept, "
            "open the file again to see what it holds now.",
            file=self.path,
        )

    def close(self) -> None:
        """Close the handle; reads raise `SourceChanged` until `reopen`."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def reopen(self) -> None:
        """Open the same path again after our own save, which replaced the file."""
        self.close()
        self._open()

    def __del__(self) -> None:
        if getattr(self, "_handle", -1) >= 0:
            os.close(self._handle)
            self._handle = -1


class Source:
    """A range of bytes of one `SourceFile`.

    Parameters
    ----------
    file
        The file.
    offset, nbytes
        The range, in bytes; the caller has checked that it lies inside the file.
    """

    __slots__ = ("file", "nbytes", "offset")

    def __init__(self, file: SourceFile, offset: int, nbytes: int) -> None:
        self.file = file
        self.offset = offset
        self.nbytes = nbytes

    def read_into(self, buffer: memoryview, offset: int = 0) -> None:
        """Fill `buffer` with the bytes of the range from `offset` on."""
        self.file.read_into(buffer, self.offset + offset)
