"""Atomic replacement of one or several files: all of them whole, or none of them touched.

New bytes go to temporary files beside the destinations. They are synced to disk, read back by the caller, and only
then renamed over the destinations in the order they were created, so an index that is created last appears last.
Everything the system is asked to do goes through `FileSystem`, which tests make fail at each step.
"""

from __future__ import annotations

import os
import secrets
import shutil
import stat
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

from weightedit.core.errors import CheckpointError
from weightedit.core.paths import reason, shown
from weightedit.core.source import SourceFile

BUFFER = 1 << 20
"""Bytes gathered before they are written, so that thousands of small tensors are few writes."""
MARK = ".weightedit-"
"""Part of the name of every temporary file."""
_LONGEST_STEM = 100
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


class FileSystem:
    """What a transaction asks of the system, one method each."""

    def create(self, path: Path) -> int:
        """Create a file that must not exist yet and return its handle."""
        return os.open(path, _FLAGS, 0o666)

    def write(self, handle: int, data: memoryview) -> int:
        """Write at the end; returns how many bytes were taken."""
        return os.write(handle, data)

    def seek(self, handle: int, offset: int, whence: int) -> None:
        """Move to where the next write goes."""
        os.lseek(handle, offset, whence)

    def set_mode(self, path: Path, mode: int) -> None:
        """Set the mode bits."""
        path.chmod(mode)

    def sync(self, handle: int) -> None:
        """Wait until the file's bytes are on the disk."""
        os.fsync(handle)

    def close(self, handle: int) -> None:
        """Close a file."""
        os.close(handle)

    def link(self, path: Path, copy: Path) -> None:
        """Give a file a second name."""
        os.link(path, copy)

    def replace(self, path: Path, target: Path) -> None:
        """Put one file in the place of another in one step."""
        path.replace(target)

    def remove(self, path: Path) -> None:
        """Remove a file."""
        path.unlink()

    def sync_folder(self, path: Path) -> None:
        """Wait until the names in a folder are on the disk; Windows does so by itself."""
        if os.name == "posix":
            handle = os.open(path, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)

    def free(self, folder: Path) -> int:
        """Return how many bytes fit on the disk that holds a folder."""
        return shutil.disk_usage(folder).free


class Pending:
    """One file on its way.

    Attributes
    ----------
    path, target
        The destination as it was asked for, and the file that means with links followed.
    temporary
        Where the bytes are until the commit.
    expected
        By name, what a reader must find in the file; None for a file without tensors.
    """

    def __init__(self, system: FileSystem, path: Path, target: Path) -> None:
        stem = os.fsencode(target.name)[:_LONGEST_STEM].decode("utf-8", "ignore")
        self.path = path
        self.target = target
        self.temporary = target.with_name(f".{stem}{MARK}{secrets.token_hex(4)}.tmp")
        self.existed = target.exists()
        self.backup: Path | None = None
        self.expected: dict[str, Any] | None = None
        self.position = 0
        self._system = system
        self._gathered = bytearray()
        self._handle = system.create(self.temporary)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Append bytes."""
        view = memoryview(data).cast("B")
        self.position += len(view)
        if len(view) < BUFFER:
            self._gathered += view
            if len(self._gathered) < BUFFER:
                return
            view = memoryview(b"")
        self._flush()
        self._write_all(view)

    def write_at(self, data: bytes, offset: int) -> None:
        """Write over bytes that were appended before."""
        self._flush()
        with _failing(self.path):
            self._system.seek(self._handle, offset, os.SEEK_SET)
            self._write_all(memoryview(data))
            self._system.seek(self._handle, 0, os.SEEK_END)

    def _flush(self) -> None:
        gathered, self._gathered = self._gathered, bytearray()
        self._write_all(memoryview(gathered))

    def _write_all(self, view: memoryview) -> None:
        with _failing(self.path):
            while view:
                view = view[self._system.write(self._handle, view) :]

    def finish(self) -> None:
        """Put everything on the disk and close the file; it can be read back from now on."""
        if self._handle < 0:
            return
        self._flush()
        with _failing(self.path):
            try:
                if self.target.exists():
                    self._system.set_mode(self.temporary, stat.S_IMODE(self.target.stat().st_mode))
                self._system.sync(self._handle)
            finally:
                self._close()

    def discard(self) -> None:
        """Close and remove the temporary file, whatever state it is in."""
        for step in (self._close, lambda: self._system.remove(self.temporary)):
            try:
                step()
            except OSError:
                continue  # nothing more can be done, and the cause is already on its way to the person

    def _close(self) -> None:
        handle, self._handle = self._handle, -1
        if handle >= 0:
            self._system.close(handle)


class _failing:  # noqa: N801  # reads as a word in `with`
    """Turn what the system says into one sentence."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 traceback: TracebackType | None) -> None:  # fmt: skip
        if isinstance(error, OSError | ValueError):
            raise CheckpointError(
                f"{shown(self._path)} could not be written: {reason(error)}; what was there before is untouched.",
                file=self._path,
            ) from error


class Transaction:
    """Files that replace others together.

    Use it in `with`: whatever is not committed at the end is removed, and the destinations are as they were.

    Parameters
    ----------
    system
        What is asked of the system; tests give one that fails.

    Attributes
    ----------
    tensors
        How many tensors the destinations hold after the commit, those in shards that stay as they are included.
    aliases
        How many names are kept beside them as aliases of one of these tensors.
    """

    def __init__(self, system: FileSystem | None = None) -> None:
        self.pending: list[Pending] = []
        self.tensors = self.aliases = 0
        self._system = system or FileSystem()
        self._sources: list[SourceFile] = []
        self._done = False

    def __enter__(self) -> Transaction:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 traceback: TracebackType | None) -> None:  # fmt: skip
        if not self._done:
            self.rollback()

    def guard(self, sources: Iterable[SourceFile]) -> None:
        """Name the files the bytes come from: one that is a destination must still be what was opened."""
        self._sources += sources

    def create(self, path: Path, nbytes: int) -> Pending:
        """Begin a file.

        Parameters
        ----------
        path
            The destination; links in it are followed and stay.
        nbytes
            About how many bytes it will have, so that a full disk is noticed before anything is written.

        Raises
        ------
        CheckpointError
            If the destination is a folder, pipe or device, cannot be written, or does not fit on the disk.
        """
        path = Path(path)
        with _failing(path):
            target = Path(os.path.realpath(path))
            self._check(path, target)
            free = self._system.free(target.parent)
            if nbytes > free:
                raise CheckpointError(f"{shown(path)} could not be written: it needs {nbytes:,} bytes and the disk has "
                                      f"{free:,} left; what was there before is untouched.", file=path)  # fmt: skip
            pending = Pending(self._system, path, target)
        self.pending.append(pending)
        return pending

    def _check(self, path: Path, target: Path) -> None:
        if not target.parent.is_dir():
            raise CheckpointError(f"{shown(path)} could not be written: there is no folder {target.parent}.", file=path)
        try:
            status = target.stat()
        except FileNotFoundError:
            return
        if not stat.S_ISREG(status.st_mode):
            what = "a folder" if stat.S_ISDIR(status.st_mode) else "a pipe or device"
            raise CheckpointError(f"{shown(path)} is {what}, not a file to write to.", file=path)
        if not os.access(target, os.W_OK):
            raise CheckpointError(f"{shown(path)} is read-only; nothing was written.", file=path)

    def commit(self) -> list[Path]:
        """Replace every destination, and return them.

        Raises
        ------
        SourceChanged
            If a destination is a file that was opened, and another program changed it since.
        CheckpointError
            If the system refuses; the destinations are as they were.
        """
        for pending in self.pending:
            pending.finish()
        replaced = [source for source in self._sources if self._is_target(source)]
        for source in replaced:
            source.check(header=True)
        held_open = replaced if os.name == "nt" else []  # Windows does not replace a file that is open
        for source in held_open:
            source.close()
        try:
            self._replace_all()
        except BaseException:
            for source in replaced:
                source.reopen()  # the same file as before, but the system counts its second name as a change
            raise
        for source in held_open:
            source.reopen()
        self._done = True
        self._remove_backups()
        return [pending.path for pending in self.pending]

    def _is_target(self, source: SourceFile) -> bool:
        real = os.path.realpath(source.path)
        return any(real == str(pending.target) for pending in self.pending)

    def _replace_all(self) -> None:
        done: list[Pending] = []
        folders = dict.fromkeys(pending.target.parent for pending in self.pending)
        for pending in self.pending:
            try:
                with _failing(pending.path):
                    self._back_up(pending)
                    self._system.replace(pending.temporary, pending.target)
                    done.append(pending)
                    if len(done) == len(self.pending):
                        for folder in folders:
                            self._system.sync_folder(folder)
            except BaseException:
                self._put_back(done)
                self._remove_backups()
                raise

    def _back_up(self, pending: Pending) -> None:
        """Keep the old file under a second name until all are replaced."""
        if pending.existed:
            backup = pending.temporary.with_suffix(".old")
            try:
                self._system.link(pending.target, backup)
            except OSError:
                return  # a file system without links: a later failure leaves this file new and whole
            pending.backup = backup

    def _put_back(self, done: list[Pending]) -> None:
        for pending in reversed(done):
            try:
                if pending.backup is not None:
                    self._system.replace(pending.backup, pending.target)
                    pending.backup = None
                elif not pending.existed:
                    self._system.remove(pending.target)
            except OSError:
                continue  # the rest is still put back

    def _remove_backups(self) -> None:
        for pending in self.pending:
            if pending.backup is not None:
                try:
                    self._system.remove(pending.backup)
                except OSError:
                    continue  # named so that a person can tell
                pending.backup = None

    def rollback(self) -> None:
        """Remove everything that was written."""
        self._done = True
        for pending in self.pending:
            pending.discard()
        self._remove_backups()
