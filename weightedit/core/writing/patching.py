"""Patch in place: only what changed is written, into the file itself. It promises less than a save, and says so.

What is done, in this order, and why.

1.  The files are held alone: no other program of this kind has them open, and none saves into their folders.
2.  For each file a rollback file with the old bytes is written beside it, named in a list of this save as temporary
    files are; fsync of each, then of the folders. Nothing was changed so far.
3.  The leader of the rollback files becomes live, fsync. From here on until 6 whoever comes upon it puts the old bytes
    back: we, if anything goes wrong; else the next start, or who opens the file, or `weightedit recover FILE`.
4.  The changed ranges are written. Other programs that read now see old and new bytes mixed: this is what *Patch in
    place* does not promise against.
5.  What was written is read back and compared, and the file is opened as any file is; the disk works meanwhile.
6.  Each file is synced; then the leader becomes void, fsync: that is the moment at which the patch is there for good.
7.  The rollback files are removed, the leader last; then the list.

If putting back fails too, the file is mixed, the error says so, and the rollback files stay.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from weightedit.core.errors import CheckpointError, EditRefused
from weightedit.core.files.file_system import FileSystem, forget
from weightedit.core.files.folder_locks import FolderBusy, FolderLocks
from weightedit.core.files.releasing import release
from weightedit.core.hazards import refusal
from weightedit.core.progress import Progress
from weightedit.core.source import SourceFile
from weightedit.core.words.paths import shown
from weightedit.core.writing.file_layout import FileLayout
from weightedit.core.writing.laying import Behind, write_here, write_placed
from weightedit.core.writing.pending import UNTOUCHED, Pending, cause
from weightedit.core.writing.registration import Registration
from weightedit.core.writing.rollback import LIVE, VOID, path_beside, prepare, read_rollback, set_state, state_of
from weightedit.core.writing.rolling_back import put_back
from weightedit.core.writing.settling import Unsettled, sync_folders


@dataclass
class PatchedFile:
    """One file that is patched: its path, what becomes of it, the source it was opened as, and a handle to write by."""

    path: Path
    target: Path
    layout: FileLayout
    source: SourceFile
    handle: int = -1

    @property
    def rollback(self) -> Path:
        """Where its old bytes are kept."""
        return path_beside(self.target)


class Patching:
    """Files that are patched together; use it in `with`: unless `commit` was called they are as they were after it.

    Parameters
    ----------
    pending
        As a sketch found them; each layout changes the file at its own target and moves nothing.
    system
        What is asked of the system.

    Raises
    ------
    EditRefused
        If the files cannot be patched.
    CheckpointError
        On entering, if another program has one open, or a step fails.
    """

    def __init__(self, pending: Sequence[Pending], system: FileSystem | None = None) -> None:
        self._system = system or FileSystem()
        self.files = [_patched(one) for one in pending]
        self._registration: Registration | None = None
        self._stack = ExitStack()
        self._is_live = self._is_done = False
        self._made: list[Path] = []

    def __enter__(self) -> Patching:
        if not self.files:
            return self
        path = self.files[0].path
        try:
            self._stack.enter_context(FolderLocks(one.target.parent for one in self.files))
        except FolderBusy as error:
            raise CheckpointError(str(error), file=path) from error
        try:
            for one in self.files:
                self._hold(one)
        except BaseException:
            self._let_go()
            raise
        return self

    def _hold(self, one: PatchedFile) -> None:
        one.source.check(header=True)
        try:
            alone = one.source.hold_alone()
        except OSError as error:
            raise CheckpointError(f"{shown(one.path)} cannot be patched in place: its file system has no locks, so "
                                  f"nobody can be kept from it; {UNTOUCHED}.", file=one.path) from error  # fmt: skip
        if not alone:
            raise CheckpointError(f"{shown(one.path)} cannot be patched in place while it is open a second time, here "
                                  f"or in another window or program of weightedit; {UNTOUCHED}. Save it instead, or "
                                  "close it there.", file=one.path)  # fmt: skip
        try:
            is_live = state_of(one.rollback) == LIVE
        except OSError as error:
            raise CheckpointError(f"{shown(one.path)} could not be patched in place: {cause(error, one.path)}; "
                                  f"{UNTOUCHED}.", file=one.path) from error  # fmt: skip
        if is_live:
            raise CheckpointError(f"{shown(one.path)} cannot be patched in place: {one.rollback.name} beside it keeps "
                                  "old bytes of an earlier patch that was cut short. Open the file again, or delete "
                                  f"that one; {UNTOUCHED}.", file=one.path)  # fmt: skip
        forget(self._system, one.rollback)  # of a patch that is over, or never began

    def run(self, progress: Progress) -> None:
        """Keep the old bytes, which are on the disk then, and write the new ones, which are not before `commit`."""
        if not self.files:
            return
        written = sum(one.layout.fresh_bytes(one.layout.gap()) for one in self.files)
        progress.begin("Keeping old bytes", written)
        at = self.files[0].path
        try:
            self._registration = Registration()
            leader, *others = (one.rollback for one in self.files)
            for one in reversed(self.files):
                at = one.path
                self._registration.add("rollback", one.rollback, one.target)
                self._made.append(one.rollback)
                prepare(self._system, one.source, one.layout, one.target, leader,
                        others if one.rollback == leader else (), progress)  # fmt: skip
            sync_folders([one.target.parent for one in self.files], self._system)
            self._open()
            for one in self.files:
                self._stack.enter_context(one.source.being_patched())
            self._is_live = True
            set_state(self._system, leader, LIVE)
            progress.begin("Patching", written)
            for one in self.files:
                at = one.path
                self._write(one, progress)
        except (OSError, ValueError) as error:
            raise self._failed(at, error) from error

    def _open(self) -> None:
        for one in self.files:
            one.handle = self._system.open(one.target)
            status = os.fstat(one.handle)
            if (status.st_dev, status.st_ino) != (one.source.fingerprint.device, one.source.fingerprint.inode):
                raise ValueError("it was replaced by another program")
            one.source.check()

    def _write(self, one: PatchedFile, progress: Progress) -> None:
        gap, behind = one.layout.gap(), Behind(self._system, one.handle)

        def write(data: bytes | memoryview, offset: int) -> None:
            write_here(self._system, one.handle, data, offset, behind)

        write_placed(one.layout.cuts(gap), one.layout.fresh_bytes(gap), write, progress.advance)

    def commit(self) -> None:
        """Wait until the new bytes are on the disk and make them good: then nothing is put back any more."""
        at = self.files[0].path if self.files else Path()
        try:
            for one in self.files:
                at = one.path
                self._system.sync(one.handle)
            for one in self.files[:1]:
                at = one.path
                set_state(self._system, one.rollback, VOID)
        except (OSError, ValueError) as error:
            raise self._failed(at, error) from error
        self._is_live, self._is_done = False, True

    def _failed(self, path: Path, error: Exception) -> CheckpointError:
        so = "its old bytes were put back, nothing was changed" if self._is_live else UNTOUCHED
        return CheckpointError(f"{shown(path)} could not be patched in place: {cause(error, path)}; {so}.", file=path)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 traceback: TracebackType | None) -> None:  # fmt: skip
        told = None
        try:
            if self._is_live:
                told = self._put_back(error)
        finally:
            self._let_go()
        if told is not None:
            raise told from error

    def _put_back(self, error: BaseException | None) -> CheckpointError | None:
        """Put the old bytes back; returns what to say where that cannot be done."""
        at = self.files[0]
        try:
            with suppress(OSError):  # it may be void already, but for the wait: then a kill from here on would mix them
                if state_of(at.rollback) != LIVE:
                    set_state(self._system, at.rollback, LIVE)
            for one in self.files:
                at = one
                if one.handle >= 0:
                    put_back(read_rollback(one.rollback), one.handle, self._system)
            at = self.files[0]
            set_state(self._system, at.rollback, VOID)
        except (OSError, ValueError, Unsettled) as worse:
            why = cause(worse if isinstance(worse, OSError) else OSError(str(worse)), at.path)
            began = str(error).rstrip(".") if isinstance(error, CheckpointError) else "The patch was stopped"
            return CheckpointError(
                f"{shown(at.path)} may hold old and new bytes mixed: its old bytes could not be put back, {why}. They "
                f"are kept in {shown(at.rollback)}; weightedit recover {at.path.name} puts them back once that is "
                f"mended, as does opening the file. It began so: {_first(began)}.", file=at.path)  # fmt: skip
        self._is_live = False
        for one in self.files:
            _as_before(one.source)
        return None

    def _removed(self, path: Path) -> bool:
        """Remove a rollback file, and do not wait until the system has its blocks back; returns whether it is gone."""
        handle = -1
        with suppress(OSError):  # out of handles, or gone
            handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        gone = forget(self._system, path)
        if handle >= 0:
            release(handle, os.fstat(handle).st_size)
        return gone

    def _let_go(self) -> None:
        """Remove the rollback files where nothing is to be put back, close and unlock."""
        for one in self.files:
            handle, one.handle = one.handle, -1
            if handle >= 0:
                with suppress(OSError):  # it is gone all the same, and what is to last was synced
                    self._system.close(handle)
        left = self._made if self._is_live else [path for path in self._made if not self._removed(path)]
        if self._made and not left:
            with suppress(OSError):  # a name that comes back is void, or one of a leader that is
                sync_folders([path.parent for path in self._made], self._system)
        if self._registration is not None:
            self._registration.end(keep=bool(left))
        for one in self.files:
            if one.source.is_open and self._is_live:  # nothing can be read of it here: let others put it right
                one.source.let_go()
            elif one.source.is_open:
                one.source.share()
        self._stack.close()


def _first(text: str) -> str:
    """Return the first clause of what went wrong first."""
    return text.partition("; ")[0]


def _patched(pending: Pending) -> PatchedFile:
    if os.name != "posix":
        raise EditRefused([refusal("unsupported", "Files are not patched in place on this system",
                                   "Nothing keeps other programs from them meanwhile. Save it instead.")])  # fmt: skip
    layout = pending.layout
    origin = None if layout is None else layout.origin
    if layout is None or origin is None or Path(os.path.realpath(origin.path)) != pending.target:
        raise EditRefused([refusal("unsupported", f"{pending.path.name} cannot be patched in place",
                                   "Names, shapes, dtypes or metadata changed, so that its bytes move. Save it "
                                   "instead.")])  # fmt: skip
    if not layout.is_own:
        raise EditRefused([refusal("unsupported", f"{pending.path.name} cannot be patched in place",
                                   "A tensor is made anew from bytes of the file itself, as by transposing it, and "
                                   "would be written over what is still to be read. Save it instead.")])  # fmt: skip
    return PatchedFile(pending.path, pending.target, layout, origin)


def _as_before(source: SourceFile) -> None:
    """Take a file whose bytes and time are what they were as the one that was opened, though the system counts it."""
    was = source.fingerprint
    with suppress(CheckpointError):
        source.reopen()
        now = source.fingerprint
        if (now.inode, now.size, now.mtime_ns) != (was.inode, was.size, was.mtime_ns):
            source.fingerprint = was


