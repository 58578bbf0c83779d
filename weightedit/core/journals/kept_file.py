"""What the file that a journal was made to is by now: a state the journal knows, gone, or another, and by whom."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from weightedit.core.files.file_lock import hold
from weightedit.core.journal import JOURNAL, LOCK, FileMark, opened, read
from weightedit.core.journals.kept import Base, Kept, edits_after
from weightedit.core.words.paths import some

OVERTAKEN = "overtaken"
"""In a journal's folder: the marks of what weightedit saved over the file that its edits were made to."""
ALTERNATIVES = ("Sets of edits of one file are alternatives: once one of them is saved over the file, the others fit "
                "it no more. While the file is as it was, weightedit recover KEY COPY writes a set to a copy.")
_MOST_NOTE = 1 << 20


def present_base(kept: Kept) -> Base:
    """Return the state that the files seem to have, by what the system says of them; the first one if none."""
    there = (base for base in reversed(kept.bases) if all(mark.is_at(mark.path) for mark in base.marks))
    return next(there, kept.bases[0])


def is_finished(kept: Kept) -> bool:
    """Whether the files are, to the hashes of their ends, what a save of the journal left, and nothing came after it.

    Where saved edits were undone after the save, the document was not what the files are.
    """
    base = next((base for base in reversed(kept.bases[1:]) if base.marks
                 and all(mark.digest and mark.compare(mark.path) == "same" for mark in base.marks)), None)  # fmt: skip
    return base is not None and kept.point.position == base.position and edits_after(base, kept.point) == ([], [])


def file_problem(kept: Kept, folder: Path) -> str | None:
    """Say what became of the files that were edited; only of one that has another time are both ends read."""
    if any(all(mark.is_at(mark.path) for mark in base.marks) for base in kept.bases) or \
            any(all(mark.compare(mark.path) != "other" for mark in base.marks) for base in kept.bases):  # fmt: skip
        return None
    gone = [mark.path for mark in kept.bases[0].marks if not os.path.lexists(mark.path)]
    if gone:
        return f"{'it' if len(kept.bases[0].marks) == 1 else some(gone)} is not there any more; put it back to recover"
    return f"it was changed since, {by_whom(kept, folder)}"


def by_whom(kept: Kept, folder: Path) -> str:
    """Return who changed the files since, as far as it is known."""
    with suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
        with opened(folder / OVERTAKEN) as file:
            found = {mark.path: mark for mark in map(FileMark.from_json, json.loads(file.read(_MOST_NOTE)))}
        there = [found.get(mark.path) for mark in kept.bases[0].marks]
        if any(mark is not None and mark.is_at(mark.path) for mark in there):
            return "by weightedit, which saved other edits of it"
    return "by another program or by saving other edits of it"


def note_saved(journals: Path, files: Iterable[Path]) -> None:
    """Tell the journals of files that ended without closing that weightedit wrote these files; never raises.

    Parameters
    ----------
    journals
        The folder of the journals.
    files
        What was written just now, with links followed.
    """
    with suppress(OSError):
        marks = [_mark(path) for path in files]
        with os.scandir(journals) as entries:
            folders = [Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)]
        for folder in folders:
            with suppress(OSError, ValueError, KeyError, TypeError):
                with opened(folder / JOURNAL) as file:
                    edited = {mark["path"] for mark in next(read(file), {"files": ()})["files"]}
                if any(mark.path in edited for mark in marks):
                    _note(folder, [mark for mark in marks if mark.path in edited])


def _mark(path: Path) -> FileMark:
    status = path.stat()
    return FileMark(str(path), status.st_size, status.st_ino, status.st_mtime_ns, 0, "")


def _note(folder: Path, marks: list[FileMark]) -> None:
    handle = hold(folder / LOCK)
    if handle is None:
        return  # of a document that is open: it sees for itself that the file is another
    try:
        (folder / OVERTAKEN).write_text(json.dumps([mark.to_json() for mark in marks]))
    finally:
        os.close(handle)
