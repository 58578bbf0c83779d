"""What a crash left behind: the journals of documents that were never closed, to be offered, recovered or discarded."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from weightedit.core.errors import WeightEditError
from weightedit.core.files.file_lock import hold, is_held
from weightedit.core.files.folders import state_folder
from weightedit.core.journal import JOURNAL, LOCK, VERSION, opened, read
from weightedit.core.journals.kept import Kept, Node, edits_after
from weightedit.core.journals.kept_file import file_problem, is_finished, present_base

NEW = ".new"
"""What the name of a file ends with that is not whole yet."""
_TIME_TO_BEGIN = 60.0
_PATIENCE = 1.0


@dataclass(frozen=True, slots=True)
class KeptEdit:
    """One edit of a journal, as people see it.

    Attributes
    ----------
    label, where
        `scale × 0.5`, and the tensors and region it was applied to; texts out of a file, to be shown as such.
    time
        When it was applied.
    undone
        Whether it had been undone.
    group
        What the edits that one undo takes back are together, or None.
    """

    label: str
    where: str
    time: datetime
    undone: bool = False
    group: str | None = None


@dataclass(frozen=True, slots=True)
class Unfinished:
    """The journal of a document that ended without closing.

    Attributes
    ----------
    key
        By which `discard` and the command line know it.
    path
        The file that was edited; empty where the journal does not say.
    title
        What the document was called.
    begun, last
        When its first and its last edit was written down.
    edits
        What the file lacks, in order; the undone ones too.
    problem
        Why nothing can be recovered from it, in one sentence; None where it can be tried.
    nbytes
        The journal's on the disk, tensor arguments included.
    file_problem
        Why the edits cannot be applied to the file as it is now, as far as its marks tell; None where they can.
    real_path
        The file without links, as it was when the journal was looked at; empty where the journal does not say.
    """

    key: str
    path: Path
    title: str
    begun: datetime
    last: datetime
    edits: tuple[KeptEdit, ...]
    problem: str | None
    nbytes: int
    file_problem: str | None = None
    real_path: str = ""

    @property
    def count_text(self) -> str:
        """How many edits it has, those that had been undone counted apart: `2, 1 undone`."""
        undone = sum(edit.undone for edit in self.edits)
        return f"{len(self.edits) - undone:,}{f', {undone:,} undone' if undone else ''}"


@dataclass(frozen=True, slots=True)
class Recovered:
    """What recovering a document came to.

    Attributes
    ----------
    applied
        How many edits were applied again, those undone again included.
    left_out
        The edits that were not, in order.
    reason
        Why not, in one or two sentences; None where nothing was left out.
    """

    applied: int
    left_out: tuple[KeptEdit, ...] = ()
    reason: str | None = None


@dataclass(slots=True)
class Found:
    """A journal's folder as it is on the disk."""

    folder: Path
    kept: Kept | None = None
    problem: str | None = None
    begun: datetime = field(default_factory=lambda: datetime.fromtimestamp(0))
    last: datetime = field(default_factory=lambda: datetime.fromtimestamp(0))


def journals_folder() -> Path:
    """Return the folder of the journals; it is not made here."""
    return state_folder() / "journals"


def unfinished() -> list[Unfinished]:
    """Return the journals of processes that ended without closing their documents, the newest first.

    A journal that is damaged, of another version or unreadable is listed with its `problem`. One whose edits are all in
    the file, which a crash right after the save left, is removed: once the file is gone nothing would tell.
    """
    found = [one for folder in _folders() if (one := _dead(folder)) is not None]
    listed = []
    for one in _standing(found):
        if (made := _listed(one)) is not None:
            listed.append(made)
        else:
            with suppress(WeightEditError, OSError):
                _remove_finished(one.folder.name)
    return sorted(listed, key=lambda one: one.last, reverse=True)


def _remove_finished(key: str) -> None:
    """Remove a journal that has nothing unsaved, and before it the one that it took over, which would stand again."""
    with taken(key) as folder:
        kept = look(folder).kept
        if kept is None or not is_finished(kept):
            return
        before = kept.recovers if kept.is_whole else None
        if before is not None and (journals_folder() / before).exists():
            with taken(before) as older:
                remove(older)
        remove(folder)


def discard(key: str) -> None:
    """Throw a journal away, and with it the edits that only it has.

    Raises
    ------
    WeightEditError
        If there is none of that name, its document is open, or the folder cannot be changed.
    """
    with taken(key) as folder:
        remove_incomplete(key)
        remove(folder)


def folder_of(key: str) -> Path:
    """Return the folder of a journal; raises `WeightEditError` where there is none."""
    folder = journals_folder() / key
    if key in ("", ".", "..") or folder.name != key or folder.is_symlink() or not folder.is_dir():
        raise WeightEditError(f"There is no journal {key!r}; weightedit recover lists what there is.")
    return folder


@contextmanager
def taken(key: str) -> Iterator[Path]:
    """Hold the journal of a document that ended, so that nobody else recovers or discards it meanwhile.

    Raises
    ------
    WeightEditError
        If there is none, or a living process has it.
    """
    folder = folder_of(key)
    try:
        handle = hold(folder / LOCK, _PATIENCE)
    except OSError as error:
        raise WeightEditError(f"The journal {key} cannot be taken: {error.strerror or error}; it stays as it is.") \
            from error  # fmt: skip
    if handle is None:
        raise WeightEditError(f"The journal {key} belongs to a document that is open, or is being recovered, in "
                              "another weightedit; close that first.")  # fmt: skip
    try:
        yield folder
    finally:
        os.close(handle)


def look(folder: Path, between: Callable[[], None] = lambda: None) -> Found:
    """Read a journal; what is wrong with it is said in `problem`, and nothing raised.

    Parameters
    ----------
    folder
        The journal's.
    between
        Called between records.
    """
    found = Found(folder)
    try:
        with opened(folder / JOURNAL) as file:
            found.begun = found.last = datetime.fromtimestamp(os.fstat(file.fileno()).st_mtime)
            records = read(file)
            header = next(records, None)
            if header is not None and header.get("weightedit_journal") != VERSION:
                found.problem = _of_another_version(header)
                return found
            found.kept = Kept.of(() if header is None else _each(header, records, between))
    except ValueError as error:
        found.problem = f"Nothing of it can be read: {error}."
    except (OSError, MemoryError, OverflowError) as error:
        found.problem = f"It cannot be read: {getattr(error, 'strerror', None) or 'out of memory'}."
    return found


def _each(header: dict[str, Any], records: Iterator[dict[str, Any]],
          between: Callable[[], None]) -> Iterator[dict[str, Any]]:  # fmt: skip
    yield header
    for record in records:
        between()
        yield record


def _of_another_version(header: object) -> str:
    version = header.get("weightedit_journal") if isinstance(header, dict) else None
    if type(version) is not int:
        return "Nothing of it can be read: its first record is not one of a journal."
    return (f"It is a journal of version {version}, and this weightedit reads {VERSION}; recover it with the one that "
            "wrote it.")  # fmt: skip


def kept_edit(node: Node, position: int) -> KeptEdit:
    """Return an edit of a journal as people see it; `position` is where the document was."""
    record = node.record or {}
    group = record.get("group_label")
    return KeptEdit(str(record.get("label", "")), str(record.get("where", "")), time_of(record.get("time")),
                    node.depth > position, group if isinstance(group, str) else None)  # fmt: skip


def time_of(text: object) -> datetime:
    """Return a time of a record; the beginning of all times where it is none."""
    try:
        return datetime.fromisoformat(str(text)).replace(tzinfo=None)
    except ValueError:
        return datetime.fromtimestamp(0)


def remove_incomplete(key: str) -> None:
    """Remove what recoveries of a journal wrote that did not come to their end."""
    for folder in _folders():
        found = _dead(folder)
        if found is not None and found.kept is not None and found.kept.recovers == key \
                and not found.kept.is_complete:  # fmt: skip
            with suppress(WeightEditError), taken(folder.name):
                remove(folder)


def remove(folder: Path) -> None:
    """Remove a journal's folder; the journal goes first, in one step, and without it the rest is nothing."""
    try:
        with suppress(IsADirectoryError, PermissionError):  # the latter is what macOS says of a folder
            (folder / JOURNAL).unlink(missing_ok=True)
        # Where no open file can be removed, the lock is left, and `tidy` has it later.
        shutil.rmtree(folder, ignore_errors=os.name != "posix")
    except OSError as error:
        raise WeightEditError(f"The journal {folder.name} cannot be removed: {error.strerror or error}.") from error


def tidy(between: Callable[[], None] = lambda: None) -> None:
    """Remove what stands for nothing: journals that were taken over or whose edits were all saved, and torn-off ends.

    Nothing that `unfinished` lists is touched.

    Parameters
    ----------
    between
        Called between records: there may be thousands of journals, and long ones.
    """
    found = [one for folder in _folders() if (one := _dead(folder, between)) is not None]
    standing = {id(one) for one in _standing(found)}
    useless = [one.folder for one in found if id(one) not in standing or _listed(one) is None]
    for folder in (*useless, *(folder for folder in _folders() if _is_debris(folder))):
        between()
        with suppress(WeightEditError), taken(folder.name):
            remove(folder)


def _is_debris(folder: Path) -> bool:
    """Whether a folder has no journal, and has had time to get one."""
    try:
        return not (folder / JOURNAL).exists() and time.time() - folder.stat().st_mtime > _TIME_TO_BEGIN
    except OSError:
        return False


def _folders() -> list[Path]:
    try:
        with os.scandir(journals_folder()) as entries:
            return [Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []


def _dead(folder: Path, between: Callable[[], None] = lambda: None) -> Found | None:
    """Return a journal whose owner has ended; None for one that lives, or that is not there yet or no more."""
    try:
        if not (folder / JOURNAL).exists() or is_held(folder / LOCK):
            return None
    except OSError as error:
        return Found(folder, problem=f"It cannot be read: {error.strerror or error}.")
    found = look(folder, between)
    return found if found.kept is not None or (folder / JOURNAL).exists() else None  # closed just now


def _standing(found: Sequence[Found]) -> list[Found]:
    """Leave out what stands for nothing: recoveries that were cut short, and what whole ones have taken over."""
    there = {one.folder.name for one in found}
    over = {one.kept.recovers for one in found if one.kept is not None and one.kept.is_complete and one.kept.is_whole}
    return [one for one in found if one.folder.name not in over
            and (one.kept is None or one.kept.is_complete or one.kept.recovers not in there)]  # fmt: skip


def _listed(found: Found) -> Unfinished | None:
    kept, key = found.kept, found.folder.name
    nbytes = _nbytes(found.folder)
    if kept is None:
        return Unfinished(key, Path(), key, found.begun, found.last, (), found.problem, nbytes)
    fit, lost = edits_after(present_base(kept), kept.point)
    if not fit and not lost:
        return None  # the save was done, and nothing came after it
    path, title = (value if isinstance(value := kept.header.get(name), str) else "" for name in ("path", "title"))
    edits = tuple(kept_edit(node, kept.point.position) for node in (*fit, *lost))
    times = [edit.time for edit in edits]
    begun, last = min(time_of(kept.header.get("time")), *times), max(times)  # recovered edits keep their times
    return Unfinished(key, Path(path), title or Path(path).name, begun, last, edits, found.problem, nbytes,
                      file_problem(kept, found.folder), os.path.realpath(path) if path else "")  # fmt: skip


def _nbytes(folder: Path) -> int:
    try:
        with os.scandir(folder) as entries:
            return sum(entry.stat(follow_symlinks=False).st_size for entry in entries)
    except OSError:
        return 0
