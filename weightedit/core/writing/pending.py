"""One file on its way to disk: written under a name of its own beside the one it is to have."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from weightedit.core.errors import CheckpointError
from weightedit.core.files.file_system import FileSystem, is_folder, write_all
from weightedit.core.files.kernel_copy import CannotClone
from weightedit.core.progress import Progress
from weightedit.core.words.paths import reason, shown
from weightedit.core.writing.commit_record import MARK
from weightedit.core.writing.file_layout import FAR, FileLayout, Kept
from weightedit.core.writing.keeping import keep
from weightedit.core.writing.laying import Behind, write_here, write_placed

BUFFER = 1 << 20
"""Bytes gathered before they are written, so that thousands of small tensors are few writes."""
COPIED = 32 << 20
"""Bytes that the system is asked to copy at once, which cannot be cancelled either."""
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
UNTOUCHED = "what was there before is untouched"
_LONGEST_STEM = 100
_PRIVATE = 0o600


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
    position
        How many bytes were appended.
    layout
        What the file is made of, where that was said beforehand; None where bytes are only appended.
    is_clone
        Whether it shares the blocks of the file that its layout changes, so that only what is new is written.
    """

    is_sketch = False
    """Whether nothing is written, so that nothing need be read for it."""

    def __init__(self, system: FileSystem, path: Path, target: Path, layout: FileLayout | None = None) -> None:
        stem = os.fsencode(target.name)[:_LONGEST_STEM].decode("utf-8", "ignore")
        self.path = path
        self.target = target
        self.temporary = target.with_name(f".{stem}{MARK}{secrets.token_hex(4)}.tmp")
        self.expected: dict[str, Any] | None = None
        self.position = 0
        self.layout = layout
        self.is_clone = False
        self._system = system
        self._gathered = bytearray()
        self._handle = -1
        self._written = 0
        self._behind = Behind(system, -1)
        self._failed: CheckpointError | None = None

    def begin(self, *, clones: bool = False) -> None:
        """Make the temporary file; nobody else may read it where it is to replace a file that has other rights.

        With `clones` it shares the blocks of the file that the layout changes, where the file system lets it.
        """
        mode = _PRIVATE if self.target.exists() else 0o666
        origin = self.layout.origin if clones and self.layout is not None else None
        if origin is not None:
            try:
                with origin.lent() as handle:
                    self._handle = self._system.clone(handle, self.temporary, mode)
            except CannotClone:
                pass
            else:
                self.is_clone, self.position = True, origin.size
        if not self.is_clone:
            self._handle = self._system.create(self.temporary, mode)
        self._behind = Behind(self._system, self._handle)

    def lay(self, progress: Progress) -> None:
        """Write what the layout says; `progress` counts every byte of the file, those that are shared at once."""
        assert self.layout is not None
        if self.is_clone:
            self._patch(self.layout, progress)
            return
        for _, piece in self.layout.steps(FAR):
            if not isinstance(piece, Kept):
                self.stream(piece.chunks(), progress)
            elif piece.nbytes < FAR:
                self.stream((piece.file.read(piece.start, piece.nbytes),), progress)
            else:
                self._copy(piece, progress)

    def stream(self, chunks: Iterable[bytes | memoryview], progress: Progress | None = None) -> None:
        """Append pieces as they come."""
        for chunk in chunks:
            self.write(chunk)
            if progress is not None:
                progress.advance(len(chunk))

    def _patch(self, layout: FileLayout, progress: Progress) -> None:
        gap = layout.gap()
        fresh = layout.fresh_bytes(gap)
        progress.advance(layout.nbytes - fresh)

        def write(data: bytes | memoryview, offset: int) -> None:
            with self._step():
                write_here(self._system, self._handle, data, offset, self._behind)

        write_placed(layout.cuts(gap), fresh, write, progress.advance)

    def _copy(self, piece: Kept, progress: Progress) -> None:
        """Let the system copy what stays as it is; what it cannot, or where something is wrong, goes through us."""
        self._flush()
        at = piece.start
        while at < piece.stop:
            nbytes = min(COPIED, piece.stop - at)
            done = self._copied(piece, at, nbytes)
            if not done:
                with self._step():
                    self._system.seek(self._handle, 0, os.SEEK_END)
                done = min(nbytes, BUFFER)
                self._write_all(memoryview(piece.file.read(at, done)))
            else:
                self._wrote(done)
            at += done
            self.position += done
            progress.advance(done)

    def _copied(self, piece: Kept, at: int, nbytes: int) -> int:
        with piece.file.lent() as handle, self._step():
            try:
                return self._system.copy(handle, at, self._handle, nbytes)
            except OSError as error:
                if error.errno in _FULL:
                    raise
                return 0  # either file may be the cause: reading and writing it by ourselves tells which

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

    def write_at(self, data: bytes | memoryview, offset: int) -> None:
        """Write over bytes that were appended before."""
        self._flush()
        with self._step():
            self._system.seek(self._handle, offset, os.SEEK_SET)
            write_all(self._system, self._handle, data)
            self._system.seek(self._handle, 0, os.SEEK_END)

    def _flush(self) -> None:
        gathered, self._gathered = self._gathered, bytearray()
        self._write_all(memoryview(gathered))

    def _write_all(self, view: memoryview) -> None:
        with self._step():
            write_all(self._system, self._handle, view)
        self._wrote(len(view))

    def _wrote(self, nbytes: int) -> None:
        """Keep the disk busy, and wait where it is too far behind."""
        with self._step():
            self._behind.wrote(self._written, self._written + nbytes)
        self._written += nbytes

    def write_out(self) -> None:
        """Hand everything to the system, so that it can be read back; it is on the disk only after `finish`."""
        if self._handle >= 0:
            self._flush()

    def finish(self) -> None:
        """Put everything on the disk and close the file.

        Raises
        ------
        CheckpointError
            If a write, the wait for the disk or the closing ever went wrong, now or before: what the system lost then
            it does not lose again, and a second attempt would only seem to succeed.
        """
        if self._failed is not None:
            raise self._failed
        if self._handle < 0:
            return
        self._flush()
        with self._step():
            try:
                keep(self._system, self.target, self.temporary)
                self._system.sync(self._handle)
            finally:
                self._close()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Say of what goes wrong in reading the new file back what it means for the destination."""
        try:
            yield
        except CheckpointError as error:
            if error.file != os.fspath(self.temporary):
                raise  # it is a source that cannot be read
            why = f"its folder {self.target.parent} is not there" if not self.target.parent.exists() else str(error)
            raise CheckpointError(f"{shown(self.path)} was not written: reading the new file back failed, "
                                  f"{why.rstrip('.')}; {UNTOUCHED}.", file=self.path) from error  # fmt: skip

    def _step(self) -> failing:
        return failing(self.path, self)

    def fail(self, error: CheckpointError) -> None:
        """Remember that it can no longer become whole."""
        self._failed = error

    def discard(self) -> bool:
        """Close and remove the temporary file, whatever state it is in; returns whether it is gone."""
        with suppress(OSError):  # the handle is gone all the same, and the cause is on its way to the person
            self._close()
        try:
            self._system.remove(self.temporary)
        except FileNotFoundError:
            return True
        except OSError:
            return False
        return True

    def _close(self) -> None:
        handle, self._handle = self._handle, -1
        if handle >= 0:
            self._system.close(handle)


class failing:  # noqa: N801  # reads as a word in `with`
    """Turn what the system says into one sentence."""

    def __init__(self, path: Path, pending: Pending | None = None) -> None:
        self._path = path
        self._pending = pending

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 traceback: TracebackType | None) -> None:  # fmt: skip
        if isinstance(error, OSError | ValueError):
            why = cause(error, self._path)
            told = CheckpointError(f"{shown(self._path)} could not be written: {why}; {UNTOUCHED}.", file=self._path)
            if self._pending is not None:
                self._pending.fail(told)
            raise told from error


def cause(error: Exception, path: Path) -> str:
    """Return what the system says is wrong with a destination, to stand after a colon."""
    code = error.errno if isinstance(error, OSError) else None
    if (code == errno.ENOENT or isinstance(error, ValueError)) and not is_folder(path.parent):
        return f"its folder {path.parent} is not there"
    if code == errno.EBUSY:
        return "something is mounted there, or another program holds it"
    if code == errno.EXDEV:
        return "it lies on another disk than its folder"
    return reason(error)
