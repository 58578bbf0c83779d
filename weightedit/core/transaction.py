"""Atomic replacement of one or several files: all of them whole, or none of them touched.

What is done, in this order, and why. `TMP` is `.STEM.weightedit-XXXXXXXX.tmp` beside its target, `OLD` the same with
`.old`, `RECORD` the same with `.commit`.

1.  A list of this save is made in the state folder and locked. Each file is named there before it is made, so the next
    start finds whatever a killed process left; the system drops the lock with the process (`registration.py`).
2.  Room for all files, and the largest file this process may write, are checked before the first byte is written.
3.  Each TMP is made in its target's folder, since a rename is atomic only within one file system, and written. The
    caller reads it back and compares it with what was to be written; the disk works on it meanwhile.
4.  It is given the rights of the file it will replace; then fsync(TMP), and closed. A failed write, fsync or close ends
    the save: the system may have dropped the bytes, and a second fsync would report success.
5.  The folders are locked against other saves, and files that were opened are checked to be what was opened.
6.  Only for several files: RECORD, which names them all with marks of old and new, is written, fsync(RECORD), then
    fsync(folder). From here on all new bytes, their names and the record are on the disk, and nothing was renamed: if
    the process or the power goes between two renames, whoever cleans up (`settling.py`) finds in RECORD what is missing
    and completes it. One file needs none: its rename is the exchange.
7.  OLD becomes a second name of each old file, to take back the exchange if a later step fails while we live.
8.  Each TMP is renamed to its target in the order of creation, the index of shards last; then fsync(folder). Without
    it a rename reported as done could be gone after a power loss.
9.  RECORD and OLD are removed, fsync(folder), then the list: the other way round a power loss could bring back files
    that no list names any more.

If 6 fails, nothing was renamed. If 8 fails, RECORD is renamed to `.back`, which tells that the exchange is not to be
completed any more, and each OLD goes back. Where even that fails every file is whole still, the error says which is
what, and RECORD stays for the next start. If fsync(folder) in 8 fails the new names may or may not last: old ones are
put back, for what is reported as failed must not be half there.

Mode bits, owner, group and extended attributes of a replaced file go over to the new one (`keeping.py`); a link at the
destination stays and what it points to is replaced; other hard links of the old file keep the old bytes.
Everything the system is asked to do to a person's files goes through `FileSystem`, which tests make fail at each step.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from weightedit.core.errors import CheckpointError
from weightedit.core.files.file_limits import largest_file
from weightedit.core.files.file_system import FileSystem
from weightedit.core.files.folder_locks import FolderBusy, FolderLocks
from weightedit.core.files.releasing import wait_for_released
from weightedit.core.source import SourceFile
from weightedit.core.words.paths import counted, shown
from weightedit.core.writing.commit_record import MARK
from weightedit.core.writing.file_layout import FileLayout
from weightedit.core.writing.leftovers import remove_stale, settle_folder
from weightedit.core.writing.pending import BUFFER, UNTOUCHED, Pending, failing
from weightedit.core.writing.registration import Registration
from weightedit.core.writing.replacing import Replacing
from weightedit.core.writing.settling import sync_folders


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
        self._needs: dict[Path, int] = {}
        self._clonable: dict[tuple[int, Path], bool] = {}
        self._seen: set[Path] = set()
        self._made: list[Path] = []
        self._registration: Registration | None = None
        self._replacing: Replacing | None = None
        self._done = False

    def __enter__(self) -> Transaction:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 traceback: TracebackType | None) -> None:  # fmt: skip
        if not self._done:
            self.rollback()

    @property
    def nbytes(self) -> int:
        """Bytes of all files."""
        return sum(pending.position for pending in self.pending)

    def guard(self, sources: Iterable[SourceFile]) -> None:
        """Name the files the bytes come from: one that is a destination must still be what was opened."""
        self._sources += sources

    def expect(self, files: Iterable[tuple[Path, int | FileLayout]]) -> None:
        """Check that several files will fit together, before the first of them is made.

        Parameters
        ----------
        files
            Each destination with what it is made of, or with about how many bytes it will have.

        Raises
        ------
        CheckpointError
            As for `create`.
        """
        found = [(Path(path), size) for path, size in files]
        for path, size in found:
            with failing(path):
                target = Path(os.path.realpath(path))
                self._check(path, target, size.nbytes if isinstance(size, FileLayout) else size)
                self._needs[target] = self._need(size, target)
        if found:
            with failing(found[-1][0]):
                self._check_room(found[-1][0])

    def _need(self, size: int | FileLayout, target: Path) -> int:
        """Return how many bytes of the disk a file takes."""
        if not isinstance(size, FileLayout):
            return size
        return size.fresh_bytes(size.gap()) if self.clones(size, target) else size.nbytes

    def clones(self, layout: FileLayout, target: Path) -> bool:
        """Whether a file is made by sharing the blocks of one that it changes in some places."""
        origin = layout.origin
        if origin is None or not target.parent.is_dir():
            return False
        key = origin.fingerprint.device, target.parent
        if key not in self._clonable:
            with origin.lent() as handle:
                self._clonable[key] = self._system.can_clone(handle, target.parent)
        return self._clonable[key]

    def create(self, path: Path, size: int | FileLayout) -> Pending:
        """Begin a file.

        Parameters
        ----------
        path
            The destination; links in it are followed and stay.
        size
            What it is made of, for `Pending.lay`; or about how many bytes it will have, so that a full disk is noticed
            before anything is written.

        Raises
        ------
        CheckpointError
            If the destination is a folder, pipe or device, cannot be written, or does not fit on the disk.
        """
        path = Path(path)
        with failing(path):
            target = Path(os.path.realpath(path))
            if any(pending.target == target for pending in self.pending):
                raise CheckpointError(f"{shown(path)} would be written twice by this save, since two names mean it; "
                                      "nothing was written.", file=path)  # fmt: skip
            if target not in self._needs:
                self.expect([(path, size)])
            self._look_around(target.parent, path)
            layout = size if isinstance(size, FileLayout) else None
            pending = Pending(self._system, path, target, layout)
            self._begin(pending)
        return pending

    def _begin(self, pending: Pending) -> None:
        if self._registration is None:
            self._registration = Registration()
        self._registration.add("temporary", pending.temporary, pending.target)
        self.pending.append(pending)
        clones = pending.layout is not None and self.clones(pending.layout, pending.target)
        pending.begin(clones=clones)
        if clones and not pending.is_clone and pending.layout is not None:  # against what the system had said
            self._clonable.clear()
            self._needs[pending.target] = pending.layout.nbytes
            self._check_room(pending.path)

    def make_folder(self, path: Path) -> None:
        """Make a folder and those above it where they are missing; gone again unless there is a commit.

        Raises
        ------
        CheckpointError
            If that cannot be done.
        """
        missing = [path, *path.parents]
        with failing(path):
            for folder in reversed(missing[: next(at for at, one in enumerate(missing) if one.is_dir())]):
                self._system.make_folder(folder)
                self._made.append(folder)

    def _look_around(self, folder: Path, path: Path) -> None:
        """Put right what dead processes left in a folder, before more is put there."""
        if folder not in self._seen:
            self._seen.add(folder)
            with suppress(CheckpointError):  # what cannot be put right hinders nobody from saving
                settle_folder(folder, path, self._system)
            remove_stale(folder, self._system)

    def _check(self, path: Path, target: Path, nbytes: int) -> None:
        limit = largest_file()
        if limit is not None and nbytes > limit:
            raise CheckpointError(f"{shown(path)} could not be written: it needs {nbytes:,} bytes and this process may "
                                  f"write files of at most {limit:,} (ulimit -f); {UNTOUCHED}.", file=path)  # fmt: skip
        folder = next((one for one in target.parents if one in self._made or one.exists()), target.parent)
        if not folder.is_dir() or (folder != target.parent and target.parent not in self._made):
            raise CheckpointError(f"{shown(path)} could not be written: there is no folder {target.parent}; nothing "
                                  "was written.", file=path)  # fmt: skip
        try:
            status = target.stat()
        except FileNotFoundError:
            return
        if not stat.S_ISREG(status.st_mode):
            what = "a folder" if stat.S_ISDIR(status.st_mode) else "a pipe or device"
            raise CheckpointError(f"{shown(path)} is {what}, not a file to write to; nothing was written.", file=path)
        if not os.access(target, os.W_OK):
            raise CheckpointError(f"{shown(path)} is read-only; nothing was written.", file=path)
        if _is_held_by_sticky(target, status):
            raise CheckpointError(
                f"{shown(path)} cannot be replaced: it is another person's, and its folder lets only owners replace "
                "files; nothing was written.", file=path)  # fmt: skip

    def _check_room(self, path: Path) -> None:
        """Check that what is still to be written fits, disk by disk."""
        written = {pending.target: pending.position for pending in self.pending}
        wanted: dict[int, list[tuple[Path, int]]] = {}
        for target, nbytes in self._needs.items():
            left = max(0, nbytes - written.get(target, 0))
            wanted.setdefault(target.parent.stat().st_dev, []).append((target.parent, left))
        for files in wanted.values():
            need, free = sum(left for _, left in files), self._system.free(files[0][0])
            if need > free and wait_for_released():
                free = self._system.free(files[0][0])
            if need > free:
                what = "it needs" if len(files) == 1 else f"its {counted(len(files), 'file')} need"
                raise CheckpointError(f"{shown(path)} could not be written: {what} {need:,} bytes and the disk has "
                                      f"{free:,} left; {UNTOUCHED}.", file=path)  # fmt: skip

    def finish(self) -> None:
        """Wait until every new file is on the disk; `commit` does so too.

        Raises
        ------
        CheckpointError
            If the system refuses, or did so before; the destinations are as they were.
        """
        for pending in self.pending:
            pending.finish()

    def commit(self) -> list[Path]:
        """Replace every destination, and return them.

        Raises
        ------
        SourceChanged
            If a destination is a file that was opened, and another program changed it since.
        CheckpointError
            If the system refuses; the destinations are as they were.
        """
        self.finish()
        if self.pending:
            try:
                with FolderLocks(pending.target.parent for pending in self.pending):
                    self._exchange()
                    self._done = True
            except FolderBusy as error:
                raise CheckpointError(str(error), file=self.pending[0].path) from error
        self._done = True
        with suppress(OSError, MemoryError):  # then the next start looks at the list, and finds all files of one save
            self._end()
        return [pending.path for pending in self.pending]

    def _exchange(self) -> None:
        assert self._registration is not None
        replaced = [source for source in self._sources if self._is_target(source)]
        for source in replaced:
            source.check(header=True)
        held_open = replaced if os.name == "nt" else []  # Windows does not replace a file that is open
        for source in held_open:
            source.close()
        self._replacing = Replacing(self.pending, [folder.parent for folder in self._made], self._system,
                                    self._registration)  # fmt: skip
        try:
            self._replacing.run()
        except BaseException:
            _reopen(replaced)  # the same files as before, but the system counts a second name as a change
            raise
        for source in held_open:
            source.reopen()

    def _is_target(self, source: SourceFile) -> bool:
        real = os.path.realpath(source.path)
        return any(real == str(pending.target) for pending in self.pending)

    def rollback(self) -> None:
        """Remove everything that was written; what must stay for the next start is named in the list."""
        self._done = True
        if self._replacing is None or not self._replacing.leaves:
            gone = [pending.discard() for pending in self.pending]
            for folder in reversed(self._made):
                try:
                    self._system.remove_folder(folder)
                except OSError:
                    continue  # somebody put something there
            with suppress(OSError):  # as in 9
                sync_folders([pending.target.parent for pending in self.pending], self._system)
            self._end(keep=not all(gone))
        else:
            self._end(keep=True)

    def _end(self, *, keep: bool = False) -> None:
        if self._registration is not None:
            self._registration.end(keep=keep or (self._replacing is not None and not self._replacing.is_clear))


def _reopen(sources: Iterable[SourceFile]) -> None:
    """Open files again; one that is gone, or is another by now, says so when it is read."""
    for source in sources:
        was = source.fingerprint
        if source.reads_on:  # from what was replaced before: the file that is there now has another handle
            continue
        try:
            source.reopen()
        except CheckpointError:
            continue
        now = source.fingerprint
        if (now.inode, now.size, now.mtime_ns) != (was.inode, was.size, was.mtime_ns):
            source.fingerprint = was


def _is_held_by_sticky(target: Path, status: os.stat_result) -> bool:
    """Whether the folder lets only owners replace files, and one owns neither the file nor the folder."""
    if not hasattr(os, "geteuid") or os.geteuid() == 0:
        return False
    folder = target.parent.stat()
    return bool(folder.st_mode & stat.S_ISVTX) and os.geteuid() not in (status.st_uid, folder.st_uid)


__all__ = ["BUFFER", "MARK", "FileSystem", "Pending", "Transaction"]
