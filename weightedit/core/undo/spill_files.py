"""The open files that large buffers lie in: one of its own for each while they are few, then many in one file.

Systems limit how many files a process has open, often to 1,024, and an edit may make more large buffers than that.
"""

from __future__ import annotations

import errno
import os
import sys
import threading
import weakref
from collections.abc import Callable
from mmap import ALLOCATIONGRANULARITY
from pathlib import Path

from weightedit.core.files.file_limits import check_file_size, most_open_files
from weightedit.core.files.releasing import release, wait_for_released
from weightedit.core.undo.sealed import SpillFile

MOST_FILES = 32
"""Open files from which on buffers share them; where holes can be made, the disk notices no difference."""
_NO_MORE = (errno.EMFILE, errno.ENFILE)
_FULL = (errno.ENOSPC, errno.EDQUOT)
_KEEP_SIZE, _PUNCH_HOLE = 1, 2  # of Linux's fallocate
Make = Callable[[], tuple[int, str]]


class SpillFiles:
    """Gives parts of open files to buffers, and the disk back what each of them had.

    Attributes
    ----------
    nbytes
        What all of them have on disk.
    """

    def __init__(self) -> None:
        self.nbytes = 0
        self._open: set[_Open] = set()
        self._lock = threading.RLock()  # the collector may end a buffer while one is made

    def room(self, nbytes: int, make: Make) -> SpillFile:
        """Return a file, or part of one, with so many bytes on disk.

        Parameters
        ----------
        nbytes
            How many.
        make
            Makes an empty file and returns its handle and name.

        Raises
        ------
        OSError
            If there is no room for them.
        """
        alone = len(self._open) < min(MOST_FILES, most_open_files() // 8)
        try:
            return self._filled(self._fresh(make) if alone else self._shared(nbytes, make), nbytes)
        except OSError as error:
            if alone and (error.errno not in _NO_MORE or not self._open):
                raise
            return self._filled(self._shared(nbytes, make) if alone else self._fresh(make), nbytes)

    def _fresh(self, make: Make) -> tuple[_Open, int]:
        made = _Open(*make())
        with self._lock:
            made.users = 1
            self._open.add(made)
        return made, 0

    def _shared(self, nbytes: int, make: Make) -> tuple[_Open, int]:
        """Take the end of the shortest file, where a mapping may begin."""
        with self._lock:
            if not self._open:
                return self._fresh(make)
            found = min(self._open, key=lambda one: one.nbytes)
            start = -(-found.nbytes // ALLOCATIONGRANULARITY) * ALLOCATIONGRANULARITY
            check_file_size(start + nbytes)
            found.users += 1
            found.nbytes = start + nbytes
            return found, start

    def _filled(self, taken: tuple[_Open, int], nbytes: int) -> SpillFile:
        """Take the disk's blocks for part of a file, so that writing to its mapping cannot end the process."""
        whole, start = taken
        with self._lock:
            self.nbytes += nbytes
            whole.nbytes = max(whole.nbytes, start + nbytes)
        try:
            check_file_size(start + nbytes)  # past the limit the system ends the process
            try:
                whole.take(start, nbytes)
            except OSError as error:
                if error.errno not in _FULL or not wait_for_released():
                    raise
                whole.take(start, nbytes)
            file = SpillFile(whole.handle, nbytes, start, whole.lock)
        except BaseException:
            self._end(whole, start, nbytes)
            raise
        weakref.finalize(file, self._end, whole, start, nbytes).atexit = False
        return file

    def _end(self, whole: _Open, start: int, nbytes: int) -> None:
        """Give the disk back what a buffer had, at the latest with the last one of its file."""
        with self._lock:
            whole.users -= 1
            if not whole.users:
                self._open.discard(whole)
                whole.close()
                self.nbytes -= nbytes + whole.left
            elif _emptied(whole.handle, start, nbytes):
                self.nbytes -= nbytes
            else:
                whole.left += nbytes


class _Open:
    """An open file: how long it is, how many buffers lie in it, and how many bytes ended ones left on disk."""

    __slots__ = ("_name", "handle", "left", "lock", "nbytes", "users")

    def __init__(self, handle: int, name: str) -> None:
        self.handle = handle
        self.lock = threading.Lock()
        self.nbytes = self.users = self.left = 0
        self._name: Path | None = Path(name)
        if os.name == "posix":  # the handle keeps the file alive, and a crash leaves nothing behind
            self._name.unlink(missing_ok=True)
            self._name = None

    def take(self, start: int, nbytes: int) -> None:
        """Take the disk's blocks for a part."""
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(self.handle, start, nbytes)
        else:
            with self.lock:
                _write_zeros(self.handle, start, nbytes)

    def close(self) -> None:
        if self._name is None:
            release(self.handle, self.nbytes)
        else:
            os.close(self.handle)
            self._name.unlink(missing_ok=True)


def _emptied(handle: int, start: int, nbytes: int) -> bool:
    """Make a hole of part of a file; False where the system or the disk knows none."""
    if sys.platform != "linux":
        return False
    import ctypes

    library = ctypes.CDLL(None)
    call = getattr(library, "fallocate64", None) or getattr(library, "fallocate", None)
    flags = _KEEP_SIZE | _PUNCH_HOLE
    return call is not None and call(handle, flags, ctypes.c_int64(start), ctypes.c_int64(nbytes)) == 0


def _write_zeros(handle: int, start: int, nbytes: int) -> None:
    zeros = bytes(min(nbytes, 1 << 20))
    os.lseek(handle, start, os.SEEK_SET)
    done = 0
    while done < nbytes:
        done += os.write(handle, zeros[: nbytes - done])
