"""Memory for results: ordinary memory when small, a preallocated file of our own when large."""

from __future__ import annotations

import mmap
import os
import shutil
import tempfile
import weakref
from pathlib import Path

from weightedit.core.errors import WeightEditError

DEFAULT_IN_MEMORY = 16 << 20
"""Buffers of up to this many bytes stay in memory."""


class SpillFull(WeightEditError):
    """The disk that holds the spill has no room; nothing was changed."""


class Spill:
    """Gives buffers; those over `in_memory` bytes live in files that are allocated before they are mapped.

    Allocation comes first because a mapping of a sparse file kills the process when the disk fills up.
    """

    def __init__(self, folder: Path | None = None, *, in_memory: int = DEFAULT_IN_MEMORY) -> None:
        self.in_memory = in_memory
        self._parent = folder
        self._folder: Path | None = None
        self._finalizer: weakref.finalize[..., Spill] | None = None

    @property
    def folder(self) -> Path:
        """The folder of the spill files, made when first needed and removed at the end."""
        if self._folder is None:
            if self._parent is not None:
                self._parent.mkdir(parents=True, exist_ok=True)
            self._folder = Path(tempfile.mkdtemp(prefix="weightedit-spill-", dir=self._parent))
            self._finalizer = weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        return self._folder

    def allocate(self, nbytes: int) -> memoryview:
        """Return a writable buffer of `nbytes` zero bytes.

        Raises
        ------
        SpillFull
            If neither memory nor the disk has room for it.
        """
        try:
            return memoryview(bytearray(nbytes)) if nbytes <= self.in_memory else self._allocate_file(nbytes)
        except (OSError, MemoryError) as error:
            reason = getattr(error, "strerror", None) or "out of memory"
            raise SpillFull(
                f"There is no room to keep {nbytes:,} bytes for undo in {self._folder or 'memory'} ({reason}); "
                "nothing was changed. Free some space, or save and open the file again."
            ) from error

    def _allocate_file(self, nbytes: int) -> memoryview:
        handle, name = tempfile.mkstemp(dir=self.folder)
        try:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(handle, 0, nbytes)
            else:
                _write_zeros(handle, nbytes)
            return memoryview(mmap.mmap(handle, nbytes))
        finally:
            os.close(handle)
            if os.name == "posix":  # the mapping keeps the file alive, and a crash leaves nothing behind
                Path(name).unlink()

    def close(self) -> None:
        """Remove the folder; buffers given out stay valid where the system allows it."""
        if self._finalizer is not None:
            self._finalizer()
            self._finalizer = None
        self._folder = None


def _write_zeros(handle: int, nbytes: int) -> None:
    zeros = bytes(min(nbytes, 1 << 20))
    done = 0
    while done < nbytes:
        done += os.write(handle, zeros[: nbytes - done])
    os.lseek(handle, 0, os.SEEK_SET)
