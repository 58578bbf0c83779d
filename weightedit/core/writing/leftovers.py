"""Puts right what saves left behind whose process died: temporary files, and exchanges of several files half done."""

from __future__ import annotations

import os
import stat
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from weightedit.core.errors import Cancelled, CheckpointError
from weightedit.core.files.file_system import FileSystem
from weightedit.core.files.folder_locks import FolderBusy, FolderLocks
from weightedit.core.files.folders import spill_parent
from weightedit.core.progress import Progress
from weightedit.core.undo.spill_folder import clean_spills
from weightedit.core.words.paths import shown
from weightedit.core.writing.commit_record import (
    BACK,
    FORWARD,
    MARK,
    RECORD,
    ROLLBACK,
    TEMPORARY,
    Exchange,
    Mark,
    read_record,
    records_in,
)
from weightedit.core.writing.registration import DeadList, lists
from weightedit.core.writing.rolling_back import settle_rollback
from weightedit.core.writing.settling import COMPLETED, TAKEN_BACK, Unsettled, settle

DAY = 86_400.0
_COMMIT_LASTS = 600.0
"""Seconds after which an exchange is over, where the file system has no locks to tell it by."""
_LIST_LASTS = 30 * DAY
"""How long a list is kept whose files cannot be looked for, such as those on a disk that is away."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Something of ours that was left as it is, and why."""

    path: Path
    why: str


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What a cleaning did.

    Attributes
    ----------
    removed
        Temporary files, second names of replaced files, and folders of results that are gone.
    completed
        The files of saves that had been interrupted between two files, and are complete now.
    kept
        What could not be put right.
    nbytes
        Bytes that became free.
    taken_back
        The files of such saves that are again what they were before.
    """

    removed: tuple[Path, ...] = ()
    completed: tuple[Path, ...] = ()
    kept: tuple[Kept, ...] = ()
    nbytes: int = 0
    taken_back: tuple[Path, ...] = ()

    def __bool__(self) -> bool:
        """Whether there is anything to tell."""
        return bool(self.removed or self.completed or self.kept or self.taken_back)


@dataclass(slots=True)
class _Doing:
    system: FileSystem
    removed: list[Path] = field(default_factory=list)
    completed: list[Path] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)
    taken_back: list[Path] = field(default_factory=list)
    nbytes: int = 0

    def done(self) -> Cleaned:
        return Cleaned(tuple(self.removed), tuple(self.completed), tuple(self.kept), self.nbytes,
                       tuple(self.taken_back))  # fmt: skip


def clean(progress: Progress | None = None, *, system: FileSystem | None = None) -> Cleaned:
    """Go through the lists of all saves whose process is gone; never raises.

    Only files that such a list names are removed, and of those only regular files named as temporary files are. What
    a living process has under way is left alone, told by the lock on its list. Several may clean at once.

    Parameters
    ----------
    progress
        Told how far it is; where it says to stop, what was done so far is returned.
    system
        What is asked of the system; tests give one that fails.
    """
    doing, progress = _Doing(system or FileSystem()), progress or Progress()
    try:
        found = lists()
        progress.begin("Cleaning up", len(found))
        for path in found:
            with suppress(OSError, ValueError, FolderBusy):  # somebody is at it: the next start tries again
                _clean_list(DeadList(path), doing)
            progress.advance(1)
        doing.removed += clean_spills((spill_parent(), Path(tempfile.gettempdir())))
    except Cancelled:
        pass
    except Exception as error:  # a cleaning must not keep anybody from starting
        doing.kept.append(Kept(Path(), f"cleaning stopped: {type(error).__name__}: {error}"))
    return doing.done()


def _clean_list(one: DeadList, doing: _Doing) -> None:
    with one as is_dead:
        if not is_dead:
            return
        pairs = {Path(line["temporary"]): Path(line["target"]) for line in one.lines
                 if isinstance(line.get("temporary"), str) and isinstance(line.get("target"), str)}  # fmt: skip
        records = [Path(line["record"]) for line in one.lines if isinstance(line.get("record"), str)]
        patches = [Path(line["rollback"]) for line in one.lines if isinstance(line.get("rollback"), str)]
        busy: set[Path] = set()
        before = len(doing.removed)
        for record in dict.fromkeys(records):
            busy |= _clean_record(record, pairs, doing)
        left = [path for path, target in pairs.items() if path not in busy and not _clean_pair(path, target, doing)]
        left += [path for path in patches if not _clean_patch(path, doing)]
        away = [path for path in (*pairs, *records, *patches) if not path.parent.exists()]
        old = time.time() - one.path.stat().st_mtime > _LIST_LASTS
        if not busy and not left and (not away or old):
            for folder in {path.parent for path in (*doing.removed[before:], *patches) if path.parent.exists()}:
                doing.system.sync_folder(folder)  # else a power loss could bring back what no list names any more
            one.remove()


def _clean_patch(path: Path, doing: _Doing) -> bool:
    """Put back what a patch in place left half done; returns whether its rollback file is gone."""
    if not ROLLBACK.fullmatch(path.name):
        return True  # no list of ours says that
    try:
        doing.taken_back += settle_rollback(path, doing.system)
    except FileNotFoundError:
        return True
    except (OSError, Unsettled, FolderBusy) as error:
        why = f"a patch in place was cut short, and its old bytes, which this keeps, cannot be put back: {error}"
        doing.kept.append(Kept(path, why))
    return not os.path.lexists(path)


def _clean_record(listed: Path, pairs: dict[Path, Path], doing: _Doing) -> set[Path]:
    """Settle the exchange of one record; returns the temporaries that must stay since it could not be."""

    def is_ours(files: Sequence[Exchange]) -> bool:
        return all(pairs.get(one.temporary) == one.target for one in files)

    for record in (listed.with_suffix(BACK), listed.with_suffix(FORWARD)):
        if not RECORD.fullmatch(record.name) or not _is_file(record):
            continue
        try:
            files, done = settle_record(record, is_ours, doing.system, is_dead=True)
        except Unsettled as error:
            doing.kept.append(Kept(record, str(error)))
            return set(pairs)
        except OSError:
            return set(pairs)
        doing.removed.append(record)
        targets = [one.target for one in files]
        doing.completed += targets if done == COMPLETED else []
        doing.taken_back += targets if done == TAKEN_BACK else []
    return set()


def settle_record(record: Path, is_ours: Callable[[Sequence[Exchange]], bool], system: FileSystem, *,
                  is_dead: bool = False) -> tuple[Sequence[Exchange], str]:  # fmt: skip
    """Bring the exchange of a record to its end and remove the record.

    Parameters
    ----------
    record
        Its path.
    is_ours
        Says whether the files it names may be touched.
    system
        What is asked of the system.
    is_dead
        Whether it is known that no process is at it; else the locks of the folders tell, or its age.

    Raises
    ------
    Unsettled
        If the files cannot be made of one save.
    FolderBusy
        If a living process is at it.
    OSError
        If the system refuses.
    """
    try:
        files = read_record(record)
    except ValueError as error:
        if "version" in str(error):
            raise Unsettled(f"a save was interrupted whose record {record.name} is {error}") from error
        if not is_dead:
            return [], ""
        files = []  # it was never whole, so nothing was renamed
    with FolderLocks({record.parent, *(one.target.parent for one in files)}) as locks:
        if not record.exists():
            return files, ""
        if not is_dead and not locks.held and time.time() - record.stat().st_mtime < _COMMIT_LASTS:
            raise FolderBusy("Another save into the folder may be under way")
        if not is_ours(files):
            raise Unsettled(f"a save was interrupted whose record {record.name} names files elsewhere, or is another "
                            "person's")  # fmt: skip
        done = settle(files, forward=record.suffix == FORWARD, system=system)
        system.remove(record)
    return files, done


def _clean_pair(temporary: Path, target: Path, doing: _Doing) -> bool:
    """Remove a temporary file and its backup; returns whether both are gone."""
    if not TEMPORARY.fullmatch(temporary.name) or temporary.parent != target.parent:
        return True  # no list of ours says that
    gone = _remove(temporary, doing)
    backup = temporary.with_suffix(".old")
    if _is_file(backup) and not os.path.lexists(target):
        doing.kept.append(Kept(backup, f"{shown(target)} is gone, and this holds what was in it"))
        return gone
    return _remove(backup, doing) and gone


def _remove(path: Path, doing: _Doing) -> bool:
    try:
        status = path.lstat()
        if not stat.S_ISREG(status.st_mode):
            return True  # not a file of ours
        doing.system.remove(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError as error:
        doing.kept.append(Kept(path, f"it could not be removed: {error.strerror}"))
        return False
    doing.removed.append(path)
    doing.nbytes += status.st_size if status.st_nlink == 1 else 0
    return True


def _is_file(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def settle_folder(folder: Path, opening: Path, system: FileSystem | None = None) -> None:
    """See to it that the files in a folder are of one save before they are opened together.

    An exchange that a dead process left half done is completed or taken back where every file of it lies in the folder
    and the record is one's own; a folder from elsewhere cannot have other files touched that way.

    Parameters
    ----------
    folder
        Where the files are.
    opening
        What is opened, for the message.
    system
        What is asked of the system.

    Raises
    ------
    CheckpointError
        If the files are of two saves, or are being saved now.
    """
    for record in records_in(folder):
        try:
            settle_record(record, lambda files: _lies_in(record, files), system or FileSystem())  # noqa: B023
        except FileNotFoundError:
            continue  # another program settled it just now
        except FolderBusy as error:
            raise CheckpointError(f"{shown(opening)} is being saved by another program just now; open it again in a "
                                  "moment.", file=opening, place=record.name) from error  # fmt: skip
        except (OSError, Unsettled) as error:
            if _is_whole(record):
                continue
            why = error if isinstance(error, Unsettled) else f"a save was interrupted and cannot be completed: {error}"
            raise CheckpointError(
                f"{shown(opening)} cannot be opened: {why}. Nothing was changed; to open the files as they are, delete "
                f"{shown(record)} beside them.", file=opening, place=record.name) from error  # fmt: skip


def _lies_in(record: Path, files: Sequence[Exchange]) -> bool:
    inside = os.path.realpath(record.parent)
    own = not hasattr(os, "geteuid") or record.lstat().st_uid in (os.geteuid(), 0)
    return own and all(os.path.realpath(one.target.parent) == inside or
                       os.path.realpath(one.target.parent).startswith(inside + os.sep) for one in files)  # fmt: skip


def _is_whole(record: Path) -> bool:
    """Whether the files of a record that cannot be settled are all of one save as they are."""
    try:
        states = [(Mark.of(one.target) == one.new, Mark.of(one.target) == one.old) for one in read_record(record)]
    except (OSError, ValueError):
        return False
    return all(new for new, _ in states) or all(old for _, old in states)


def remove_stale(folder: Path, system: FileSystem, *, older_than: float = DAY) -> list[Path]:
    """Remove temporary files in a folder that no list names any more, such as after the state folder was deleted.

    Only one's own regular files are, named as temporary files are, that nothing happened to for a day; none that a
    record or a living process names. Returns what is gone.
    """
    candidates = list(_aged(folder, older_than))
    if not candidates:
        return []
    named = set(_named_by_records(folder)) | set(_named_by_lists())
    doing = _Doing(system)
    for path in candidates:
        temporary = path.with_suffix(".tmp")
        if temporary not in named and not (path.suffix == ".old" and _is_orphan(path)):
            _remove(path, doing)
    return doing.removed


def _aged(folder: Path, older_than: float) -> Iterator[Path]:
    user = os.geteuid() if hasattr(os, "geteuid") else 0
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if MARK in entry.name and entry.name.endswith((".tmp", ".old"))]
    except OSError:
        return
    for path in (folder / name for name in names):
        try:
            status = path.lstat()
        except OSError:
            continue
        age = time.time() - max(status.st_ctime, status.st_mtime if path.suffix == ".tmp" else 0)
        ours = stat.S_ISREG(status.st_mode) and (not hasattr(os, "geteuid") or status.st_uid == user)
        if ours and age > older_than and TEMPORARY.fullmatch(path.with_suffix(".tmp").name):
            yield path


def _is_orphan(backup: Path) -> bool:
    """Whether a backup may be all there is of a file: it has no other name, and what it was of is not there."""
    target = backup.with_name(backup.name[1:].rpartition(MARK)[0])
    return backup.lstat().st_nlink == 1 and not target.exists()


def _named_by_records(folder: Path) -> Iterator[Path]:
    for record in records_in(folder):
        try:
            yield from (one.temporary for one in read_record(record))
        except (OSError, ValueError):
            continue


def _named_by_lists() -> Iterator[Path]:
    for path in lists():
        try:
            one = DeadList(path)
            with one as is_dead:
                lines = one.lines if is_dead else DeadList.peek(path)
            yield from (Path(line["temporary"]) for line in lines if isinstance(line.get("temporary"), str))
        except (OSError, ValueError):
            continue
