"""Memory for results: ordinary memory when small, a preallocated file of our own when large."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import weakref
from collections.abc import Callable, Iterable
from pathlib import Path

from weightedit.core.errors import EditRefused
from weightedit.core.hazards import refusal
from weightedit.core.undo.spill_files import SpillFiles
from weightedit.core.undo.spill_folder import make_folder

DEFAULT_IN_MEMORY = 16 << 20
"""Buffers of up to this many bytes are small."""
_ALIGNED = 64
_ROUND = 64 << 10
"""Bytes that are taken at least of a disk that is nearly full."""


class SpillFull(EditRefused):
    """The disk that holds the spill has no room; nothing was changed."""

    @classmethod
    def of(cls, nbytes: int, place: object, reason: str) -> SpillFull:
        """Say how much was wanted, where, and why there is no room."""
        return cls([refusal("unsupported", f"There is no room to keep {nbytes:,} bytes for undo",
                            f"{place} has none ({reason}); nothing was changed. Free some space, or save and open the "
                            "file again.")])  # fmt: skip


MOST_IN_MEMORY = 4
"""All small buffers together stay in memory up to this many times what one of them may have."""


class _Count:
    """A number of bytes that several threads change."""

    __slots__ = ("_lock", "nbytes")

    def __init__(self) -> None:
        self.nbytes = 0
        self._lock = threading.RLock()  # the collector may end a buffer while one is counted

    def add(self, nbytes: int) -> None:
        with self._lock:
            self.nbytes += nbytes


class _Memory(bytearray):
    """Bytes that are counted until their end: a weak reference that tells of it would take more than many an edit."""

    __slots__ = ("counted",)
    counted: _Count

    def __del__(self) -> None:
        if hasattr(self, "counted"):  # not where there was no memory for it
            self.counted.add(-len(self))


class Spill:
    """Gives buffers; large ones, and small ones once they are many, live in files of our own, mapped.

    Files are allocated before they are mapped, because a mapping of a sparse file kills the process when the disk
    fills up. Small buffers share files: systems limit how many mappings a process has.

    Parameters
    ----------
    folder
        Where the folder of the spill files is made, when first needed; or what tells it then.
    in_memory
        Bytes up to which a buffer is small; all of them in memory together have at most `MOST_IN_MEMORY` times that.
    """

    def __init__(self, folder: Path | Callable[[], Path] | None = None, *, in_memory: int = DEFAULT_IN_MEMORY) -> None:
        self.in_memory = in_memory
        self._given = folder
        self._folder: Path | None = None
        self._finalizer: weakref.finalize[..., Spill] | None = None
        self._lock = threading.RLock()  # the collector may end a buffer while one is made
        self._held = _Count()
        self._files = SpillFiles()
        self._shared = memoryview(b"")

    @property
    def _parent(self) -> Path | None:
        return self._given() if callable(self._given) else self._given

    @property
    def folder(self) -> Path:
        """The folder of the spill files, made when first needed and removed at the end."""
        with self._lock:  # or two threads would make one each
            if self._folder is None:
                self._folder, lock = make_folder(self._parent)
                self._finalizer = weakref.finalize(self, _remove, self._folder, lock)
            return self._folder

    @property
    def memory_nbytes(self) -> int:
        """Bytes of small buffers that are in memory."""
        return self._held.nbytes

    @property
    def disk_nbytes(self) -> int:
        """Bytes of the spill files."""
        return self._files.nbytes

    @property
    def place(self) -> Path:
        """Where the spill files are or would be, without making their folder."""
        return self._folder or self._parent or Path(tempfile.gettempdir())

    def allocate(self, nbytes: int) -> memoryview:
        """Return a writable buffer of `nbytes` zero bytes.

        Raises
        ------
        SpillFull
            If neither memory nor the disk has room for it.
        """
        try:
            if nbytes > self.in_memory:
                return self._allocate_file(nbytes)
            with self._lock:
                if self._held.nbytes + nbytes <= MOST_IN_MEMORY * self.in_memory:
                    return self._allocate_memory(nbytes)
                return self._allocate_shared(nbytes)
        except (OSError, MemoryError) as error:
            reason = getattr(error, "strerror", None) or "out of memory"
            raise SpillFull.of(nbytes, self._folder or "Memory", reason) from error

    def needed(self, sizes: Iterable[int]) -> int:
        """Return how many bytes of disk buffers of these sizes would take, after what there is in memory."""
        held, shared, disk = self._held.nbytes, self._shared.nbytes, 0
        for nbytes in sizes:
            if nbytes > self.in_memory:
                disk += nbytes
            elif held + nbytes <= MOST_IN_MEMORY * self.in_memory:
                held += nbytes
            elif shared >= nbytes:
                shared -= -(-nbytes // _ALIGNED) * _ALIGNED
            else:
                disk, shared = disk + nbytes, 0
        return disk

    def _allocate_memory(self, nbytes: int) -> memoryview:
        buffer = _Memory(nbytes)
        buffer.counted = self._held
        self._held.add(nbytes)
        return memoryview(buffer)

    def _allocate_shared(self, nbytes: int) -> memoryview:
        """Return a part of a file that small buffers share; it goes when the last of them does."""
        if self._shared.nbytes < nbytes:
            try:
                self._shared = self._allocate_file(max(nbytes, self.in_memory))
            except OSError:  # a disk that is nearly full may still have room for this one
                self._shared = self._allocate_file(max(nbytes, min(_ROUND, self.in_memory)))
        buffer = self._shared[:nbytes]
        self._shared = self._shared[-(-nbytes // _ALIGNED) * _ALIGNED :]
        return buffer

    def _allocate_file(self, nbytes: int) -> memoryview:
        return memoryview(self._files.room(nbytes, self._make_file).map())

    def _make_file(self) -> tuple[int, str]:
        try:
            return tempfile.mkstemp(dir=self.folder)
        except FileNotFoundError:  # somebody emptied the cache: what is in use has no name there, and goes on
            self.close()
            return tempfile.mkstemp(dir=self.folder)

    def close(self) -> None:
        """Remove the folder; buffers given out stay valid where the system allows it."""
        if self._finalizer is not None:
            self._finalizer()
            self._finalizer = None
        self._folder = None
        self._shared = memoryview(b"")


def _remove(folder: Path, lock: int) -> None:
    """Remove the folder and give up its lock; Windows has to do so the other way round."""
    if os.name != "posix":
        os.close(lock)
    shutil.rmtree(folder, ignore_errors=True)
    if os.name == "posix":
        os.close(lock)
