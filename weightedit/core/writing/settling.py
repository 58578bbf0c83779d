"""Brings an exchange of several files that did not come to its end to one: all of them new, or all of them old."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from weightedit.core.files.file_system import FileSystem, forget
from weightedit.core.words.paths import counted, some
from weightedit.core.writing.commit_record import Exchange, Mark

COMPLETED, TAKEN_BACK, NOTHING = "completed", "taken back", "nothing"


class Unsettled(Exception):
    """The files cannot be made of one save; the text says why and is part of a sentence."""


@dataclass(frozen=True, slots=True)
class _State:
    """How far one file of an exchange is."""

    file: Exchange
    is_new: bool
    is_old: bool
    is_ready: bool
    has_backup: bool

    @classmethod
    def of(cls, file: Exchange) -> _State:
        target, temporary = Mark.of(file.target), Mark.of(file.temporary)
        backup = Mark.of(file.backup)
        ready = temporary is not None and (temporary.size, temporary.ends) == (file.new.size, file.new.ends)
        return cls(file, target == file.new, target == file.old and not _is_taken(file),
                   ready, file.old is not None and backup == file.old)  # fmt: skip

    @property
    def can_go_back(self) -> bool:
        return self.has_backup or self.file.old is None


def _is_taken(file: Exchange) -> bool:
    """Whether something that is no file is where none was."""
    return file.old is None and (file.target.is_symlink() or file.target.exists())


def settle(files: Sequence[Exchange], *, forward: bool, system: FileSystem) -> str:
    """Complete an exchange, or take it back; call it with the folders locked and the one who began it dead.

    Where no file was renamed yet all of them are old, and stay so: the save may even have been reported as failed, on a
    disk that let nothing be removed any more.

    Parameters
    ----------
    files
        In the order in which they were to appear.
    forward
        Whether to rather complete it; else it is rather taken back. Where the one cannot be done the other is.
    system
        What is asked of the system.

    Returns
    -------
    str
        COMPLETED, TAKEN_BACK, or NOTHING where every file was of one save already. Temporaries and backups are gone.

    Raises
    ------
    Unsettled
        If neither can be done; nothing was removed.
    OSError
        If the system refuses; the next call goes on from there.
    """
    states = [_State.of(file) for file in files]
    renamed = [state for state in states if state.is_new]
    rest = [state for state in states if not state.is_new]
    can_complete = all(state.is_ready and state.is_old for state in rest)
    can_go_back = all(state.can_go_back for state in renamed)
    if not renamed or (forward and (not rest or _is_done(states))):
        done = NOTHING
    elif can_complete and (forward or not can_go_back):
        _complete([state.file for state in rest], system)
        done = COMPLETED if rest else NOTHING
    elif can_go_back:
        _take_back([state.file for state in renamed], system)
        done = TAKEN_BACK
    else:
        raise Unsettled(_mixed(renamed, rest))
    for file in files:
        forget(system, file.temporary)
        forget(system, file.backup)
    return done


def _is_done(states: Sequence[_State]) -> bool:
    """Whether all were renamed and some of them changed since: no temporary is left, and no old file in its place."""
    return not any(state.is_ready or state.is_old for state in states)


def _complete(files: Sequence[Exchange], system: FileSystem) -> None:
    for file in files:
        system.replace(file.temporary, file.target)
    sync_folders([file.target.parent for file in files], system)


def _take_back(files: Sequence[Exchange], system: FileSystem) -> None:
    for file in reversed(files):
        put_back(file, system)
    sync_folders([file.target.parent for file in files], system)


def put_back(file: Exchange, system: FileSystem) -> None:
    """Let a target be what it was before."""
    if file.old is None:
        system.remove(file.target)
    else:
        system.replace(file.backup, file.target)


def sync_folders(folders: Sequence[Path], system: FileSystem) -> None:
    """Wait until the names in all of them are on the disk."""
    for folder in dict.fromkeys(folders):
        system.sync_folder(folder)


def _mixed(renamed: Sequence[_State], rest: Sequence[_State]) -> str:
    new, other = (some(state.file.target.name for state in states) for states in (renamed, rest))
    return (f"a save of {counted(len(renamed) + len(rest), 'file')} was interrupted and cannot be completed, since its "
            f"files were changed or removed meanwhile: {new} {'is' if len(renamed) == 1 else 'are'} of the new save, "
            f"{other} {'is' if len(rest) == 1 else 'are'} not")  # fmt: skip
