"""Bytes in a file we do not own: fingerprinted, read by offset, never mapped.

A file is compared with what was opened before and after each read: device, inode, size, and the times of its last
change. Times are enough where the system keeps them, since a file that changed within the present tick of its clock is
waited for before anything is read. Two things they do not show: a program that writes through a shared mapping whose
pages it wrote to before we opened the file (the system takes the time when it next writes them to disk, seconds later),
and a file system or server that keeps times to a second or two. Against both, both ends of the file and its header
are read when it is opened and compared before a save or an export is done (by their hashes, once values are read), and
an export reads every byte twice, since it compares what it wrote with its source.
"""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Protocol

from weightedit.core.errors import CheckpointError, SourceChanged
from weightedit.core.files.fingerprint import Fingerprint, Rights, past_its_tick
from weightedit.core.files.held_file import HeldFile, opened
from weightedit.core.files.positioned import read_some
from weightedit.core.files.seen import Seen
from weightedit.core.words.paths import reason, shown

_HEAD, _TAIL = 4 << 10, 64 << 10
"""Bytes of both ends that are hashed: a zip archive has its directory, with a checksum of each record, at its end."""
_BEGINNING = 16 << 10
"""Bytes that are read first when a file is opened: most headers of few tensors are shorter."""

READABLE = ("what can still be read can be exported to another name, with Export what is still readable… in the File "
            "menu or export(PATH, only_readable=True)")  # fmt: skip
"""The way on where the file itself can no longer be opened."""


class ByteSource(Protocol):
    """Anything that gives a fixed range of bytes by offset."""

    @property
    def nbytes(self) -> int:
        """How many bytes there are."""
        ...

    def read_into(self, buffer: memoryview, offset: int = 0) -> None:
        """Fill `buffer` with the bytes from `offset` on."""
        ...


class SourceFile(HeldFile):
    """One open file of a checkpoint and the fingerprint it had when it was opened.

    Raises
    ------
    CheckpointError
        If `path` cannot be read or is no regular file (a FIFO or device is not waited for).
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = path if isinstance(path, Path) else Path(path)
        super().__init__()
        self._lock = threading.Lock()
        self._header: Seen | None = None
        self._ends: tuple[Seen, ...] = ()
        self._beginning: bytearray | None = None
        self._ours: tuple[int, int, int] | None = None
        self._read_on: Fingerprint | None = None
        self.named: dict[tuple[str, str], bool] = {}
        """The classes and functions, (module, name), that its pickles name, and whether our reader knows them."""
        self._open()

    def _open(self) -> None:
        try:
            handle, self.is_link = opened(self.path)
        except (OSError, ValueError) as error:
            raise CheckpointError(f"{shown(self.path)} cannot be read: {reason(error)}.", file=self.path) from error
        status = past_its_tick(handle)
        if not stat.S_ISREG(status.st_mode):
            os.close(handle)
            kind = "a folder" if stat.S_ISDIR(status.st_mode) else "a pipe or device"
            raise CheckpointError(f"{self.name} is {kind}, not a file.", file=self.path)
        self._handle = handle
        self.share()
        self._ours = self._read_on = None
        self._keeps_bytes = True
        self.fingerprint, self._rights = Fingerprint.of(status), Rights.of(status)
        try:
            size = status.st_size
            self._beginning = first = self._range(0, min(size, _BEGINNING))
            start = max(0, size - _TAIL)
            self._ends = Seen(first[:_HEAD]), Seen(self._range(start, size - start), start)
        except SourceChanged:  # it cannot be read: the format's reader will come upon the same place and say so
            self._beginning, self._ends = None, ()

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

    @property
    def has_other_names(self) -> bool:
        """Whether its bytes had another name, by a hard link, when it was opened."""
        return self._rights.links > 1

    @property
    def reads_on(self) -> bool:
        """Whether the handle is of a file that our own save replaced."""
        return self._read_on is not None

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

    @contextmanager
    def lent(self) -> Iterator[int]:
        """Give the handle to who copies bytes without reading them; checked before and after, as a read is.

        Raises
        ------
        SourceChanged
            As for `read_into`.
        """
        self.check()
        if hasattr(os, "preadv"):
            yield self._handle
        else:  # pragma: no cover  # a copy moves the place of the handle
            with self._lock:
                yield self._handle
        self.check()

    def _read(self, buffer: memoryview, offset: int) -> None:
        view = buffer.cast("B")
        try:
            done = 0
            while done < view.nbytes:
                got = read_some(self._handle, view[done:], offset + done, self._lock)
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

    def read(self, offset: int, nbytes: int) -> bytes:
        """Return `nbytes` bytes at `offset`; the caller has checked that the file holds them."""
        buffer = bytearray(nbytes)
        self.read_into(memoryview(buffer), offset)
        return bytes(buffer)

    def head(self, nbytes: int) -> bytes:
        """Return the first bytes as they were when it was opened, at most 16 KiB; none where they cannot be read."""
        return bytes((self._beginning or b"")[:nbytes])

    def take_beginning(self) -> bytearray:
        """Return some of the first bytes, as many as were read when it was opened.

        They were read once its fingerprint was taken, so the next check finds whether they were changed meanwhile.

        Raises
        ------
        SourceChanged
            If they could not be read then.
        """
        first, self._beginning = self._beginning, None
        return self._range(0, min(self.size, _BEGINNING)) if first is None else first

    def remember_header(self, nbytes: int, header: bytes | bytearray | None = None) -> None:
        """Make the first `nbytes` bytes part of the fingerprint that `check(header=True)` compares.

        Parameters
        ----------
        nbytes
            Of the header.
        header
            The bytes, where they were read already: then these are just what the format made its tree from.
        """
        self._keeps_bytes = True
        self._header = Seen(self._range(0, nbytes) if header is None else header)

    def keep_hashes(self) -> None:
        """Keep no more of header and ends than their hashes, as from the first read of values on."""
        if self._keeps_bytes:
            for seen in self._seen():
                seen.shrink()
            self._keeps_bytes, self._beginning = False, None

    def _range(self, offset: int, nbytes: int) -> bytearray:
        buffer = bytearray(nbytes)
        self._read(memoryview(buffer), offset)
        return buffer

    def _seen(self) -> Iterable[Seen]:
        return self._ends if self._header is None else (*self._ends, self._header)

    def check(self, *, header: bool = False) -> None:
        """Raise `SourceChanged` unless handle and path are still the file that was opened.

        Parameters
        ----------
        header
            Whether to read and compare the header and both ends of the file too.
        """
        if self._patching is not None and self._patching.waits():
            return
        if self._handle < 0:
            raise SourceChanged(f"{self.name} is closed.", file=self.path)
        if not header and self._is_as_it_was():
            return
        held = Fingerprint.of(os.fstat(self._handle))
        asked = _THROUGH_HANDLE.get().get(self)
        wanted = asked or self._read_on
        if wanted is not None:
            if held != wanted:
                raise self._changed("was rewritten")
            if header and asked is None and self._ours is not None:
                self._check_ours(*self._ours)
        else:
            self._check_path(held)
        if header and not self._has_its_ends():
            raise self._changed("was rewritten")

    def _is_as_it_was(self) -> bool:
        """Whether handle and path are at a glance what was opened; where they are not, `check` looks closely.

        Every read asks twice, and in a pass over a large file that is most of what Python does.
        """
        if self._read_on is not None or _THROUGH_HANDLE.get():
            return False
        was = self.fingerprint
        try:
            return was.is_of(os.fstat(self._handle)) and was.is_of(os.stat(self.path))  # noqa: PTH116 - half the time
        except OSError:
            return False

    def read_on(self, ours: tuple[int, int]) -> None:
        """Read on from the open handle though our own save put another file in its place.

        Parameters
        ----------
        ours
            Device and inode of that one; `check(header=True)`, before a save or an export, notices if another program
            replaced it in turn.
        """
        self._ours = *ours, self.path.stat().st_mtime_ns
        self._read_on = Fingerprint.of(os.fstat(self._handle))

    def _check_ours(self, device: int, inode: int, mtime_ns: int) -> None:
        try:
            status = self.path.stat()
        except OSError:
            raise self._changed("was moved or deleted", READABLE) from None
        if (status.st_dev, status.st_ino, status.st_mtime_ns) != (device, inode, mtime_ns):
            raise self._changed("was replaced")

    def _check_path(self, held: Fingerprint) -> None:
        try:
            status = self.path.stat()
        except OSError:
            raise self._changed("was moved or deleted", READABLE) from None
        at_path, was = Fingerprint.of(status), self.fingerprint
        if (at_path.device, at_path.inode) != (was.device, was.inode):
            raise self._changed("was replaced")
        if held != was or at_path != was:
            if at_path.size < was.size:
                raise self._changed("was cut short")
            same = (at_path.size, at_path.mtime_ns) == (was.size, was.mtime_ns)
            raise self._changed("had its rights or links changed" if same and self.has_other_rights(status)
                                else "was rewritten")  # fmt: skip

    def has_other_rights(self, status: os.stat_result) -> bool:
        """Whether rights, owner or links are others than when the file was opened."""
        return Rights.of(status) != self._rights

    def _has_its_ends(self) -> bool:
        return all(seen.is_now(self._range(seen.offset, seen.nbytes)) for seen in self._seen())

    def still_holds(self) -> bool:
        """Whether the open handle gives the bytes that were opened, whatever its path leads to by now.

        So it is after the file was deleted, moved, replaced by a rename, had its rights changed, or was on a file
        system that is no longer mounted here. A new ctime has to be explained by one of these: a file rewritten with
        its old time put back is none. Both ends and the header are read and compared.
        """
        if self._handle < 0:
            return False
        try:
            status = os.fstat(self._handle)
            now, was = Fingerprint.of(status), self.fingerprint
            if (now.device, now.inode, now.size, now.mtime_ns) != (was.device, was.inode, was.size, was.mtime_ns):
                return False
            explained = now == was or self.has_other_rights(status) or self._is_away()
            return explained and self._has_its_ends()
        except (OSError, SourceChanged):
            return False

    def _is_away(self) -> bool:
        try:
            there = self.path.stat()
        except OSError:
            return True
        return (there.st_dev, there.st_ino) != (self.fingerprint.device, self.fingerprint.inode)

    def _changed(self, how: str, so: str = "open the file again to see what it holds now") -> SourceChanged:
        return SourceChanged(
            f"{self.name} {how} by another program since it was opened; edits made so far are kept, {so}.",
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


_THROUGH_HANDLE: ContextVar[Mapping[SourceFile, Fingerprint]] = ContextVar("through_handle", default={})  # noqa: B039
"""The files that this thread reads by their handles alone, and what the handles were when that was asked for."""


@contextmanager
def through_handles(files: Iterable[SourceFile]) -> Iterator[None]:
    """Read files in this thread though their paths lead elsewhere by now; changes from here on are still noticed.

    Parameters
    ----------
    files
        Those of which `SourceFile.still_holds` is true.
    """
    held = {file: Fingerprint.of(os.fstat(file._handle)) for file in files}
    token = _THROUGH_HANDLE.set(held)
    try:
        yield
    finally:
        _THROUGH_HANDLE.reset(token)


class Source:
    """A range of bytes of one `SourceFile`.

    Parameters
    ----------
    file
        The file.
    offset, nbytes
        The range, in bytes; the caller has checked that it lies inside the file.
    """

    __slots__ = ("__weakref__", "file", "nbytes", "offset")

    def __init__(self, file: SourceFile, offset: int, nbytes: int) -> None:
        self.file = file
        self.offset = offset
        self.nbytes = nbytes

    def read_into(self, buffer: memoryview, offset: int = 0) -> None:
        """Fill `buffer` with the bytes of the range from `offset` on."""
        self.file.keep_hashes()
        self.file.read_into(buffer, self.offset + offset)

    def reads(self, start: int, stop: int) -> SourceFile | None:
        """Return the file that is read for bytes `[start, stop)`."""
        return self.file if stop > start else None
