"""Puts new files in the place of old ones, all of them or none; `core/transaction.py` says in which order and why."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from weightedit.core.errors import CheckpointError
from weightedit.core.files.file_system import FileSystem, forget, write_new
from weightedit.core.words.paths import counted, shown
from weightedit.core.writing.commit_record import BACK, FORWARD, MARK, Exchange, Mark, record_data
from weightedit.core.writing.pending import Pending, cause, failing
from weightedit.core.writing.registration import Registration
from weightedit.core.writing.settling import put_back, sync_folders


class Replacing:
    """One exchange of finished temporaries for their targets; the folders are locked meanwhile.

    Parameters
    ----------
    pending
        In the order in which they are to appear.
    folders
        Those whose names must be on the disk before it is done, beside the targets' own.
    system, registration
        What is asked of the system, and the list that names what it makes.

    Attributes
    ----------
    leaves
        Whether temporaries, backups and the record must stay for the next start, which puts right what could not be.
    """

    def __init__(self, pending: Sequence[Pending], folders: Sequence[Path], system: FileSystem,
                 registration: Registration) -> None:  # fmt: skip
        self._pending = pending
        self._homes = list(dict.fromkeys(one.target.parent for one in pending))
        self._folders = [*self._homes, *folders]
        self._system = system
        self._registration = registration
        self._files: list[Exchange] = []
        self._backed: set[Path] = set()
        self._records: list[Path] = []
        self._done: list[Exchange] = []
        self.leaves = False

    def run(self) -> None:
        """Do it; at its return every new name is on the disk.

        Raises
        ------
        CheckpointError
            If the system refuses; every target is as it was, or the error says which is not.
        """
        at = self._pending[0].path
        try:
            with failing(at):
                self._files = [_exchange(one) for one in self._pending]
                if len(self._files) > 1:
                    self._write_records()
                    sync_folders(self._folders, self._system)
            for file in self._files:
                self._back_up(file)
            for one, file in zip(self._pending, self._files, strict=True):
                at = one.path
                with failing(at):
                    self._system.replace(file.temporary, file.target)
                self._done.append(file)
            with failing(at):
                sync_folders(self._folders, self._system)
        except BaseException as error:
            if (told := self._undone(at, error)) is not None:
                raise told from error
            raise
        with suppress(MemoryError):  # all are new by now; what is left of the way there is named in the list
            if self.clear():
                self._try_to_sync()

    def _write_records(self) -> None:
        stem = self._pending[-1].temporary.name.rpartition(MARK)[0]
        for folder in self._homes:
            record = folder / f"{stem}{MARK}{secrets.token_hex(4)}{FORWARD}"
            self._registration.add("record", record)
            self._records.append(record)
            write_new(self._system, record, record_data(folder, self._files))

    def _back_up(self, file: Exchange) -> None:
        """Keep the old file under a second name until all are replaced."""
        if file.old is not None:
            try:
                self._system.link(file.target, file.backup)
            except OSError:
                return  # a file system without links
            self._backed.add(file.backup)

    def _undone(self, at: Path, error: BaseException) -> CheckpointError | None:
        """Put every target back; returns what to say where that is not what the error says."""
        stuck = [file for file in self._done if file.old is not None and file.backup not in self._backed]
        if not stuck:
            self._turn_back()
            stuck = [file for file in reversed(self._done) if not self._put_back(file)]
        if not stuck:
            if self._done:
                self._try_to_sync()
            if self.clear():
                self._try_to_sync()
            return None
        self.leaves = len(self._files) > 1
        why = cause(error.__cause__ if isinstance(error.__cause__, OSError) else OSError(str(error)), at)
        if not self.leaves:
            self.clear()
            return CheckpointError(
                f"{shown(at)} could not be saved for certain: {why}; it holds the new bytes, whole, since the old ones "
                "could not be put back, and may hold the old ones again after a power loss.", file=at)  # fmt: skip
        return CheckpointError(
            f"{shown(at)} could not be saved: {why}; of {counted(len(self._files), 'file')} {len(stuck):,} could not "
            "be put back. Every one of them is whole, and the next start of weightedit, or opening them, makes them of "
            "one save.", file=at)  # fmt: skip

    def _turn_back(self) -> None:
        """Make the records say that what they name is to be taken back, should this process end before it did."""
        for place, record in enumerate(self._records):
            try:
                self._system.replace(record, record.with_suffix(BACK))
            except OSError:
                continue  # without it all files are made new then: of one save, too
            self._records[place] = record.with_suffix(BACK)
        if self._done and self._records:
            self._try_to_sync()

    def _put_back(self, file: Exchange) -> bool:
        try:
            put_back(file, self._system)
        except OSError:
            return False
        self._backed.discard(file.backup)
        return True

    def _try_to_sync(self) -> None:
        with suppress(OSError):  # a power loss may bring back names from before: the record tells what to do then
            sync_folders(self._folders, self._system)

    def clear(self) -> bool:
        """Remove records and backups; what cannot be is named in the list. Returns whether there were any."""
        had = not self.is_clear
        self._records = [record for record in self._records if not forget(self._system, record)]
        self._backed = {backup for backup in self._backed if not forget(self._system, backup)}
        return had

    @property
    def is_clear(self) -> bool:
        """Whether nothing of it is left."""
        return not self._records and not self._backed


def _exchange(pending: Pending) -> Exchange:
    new = Mark.of(pending.temporary)
    if new is None or new.size != pending.position:
        raise ValueError(f"{pending.temporary.name}, where its new bytes were, was removed or changed")
    return Exchange(pending.temporary, pending.target, Mark.of(pending.target), new)


