"""Writing the journal of one document: every edit, undo and redo, before it happens."""

from __future__ import annotations

import os
import secrets
import sys
import threading
import weakref
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weightedit.core.errors import EditRefused
from weightedit.core.hazards import refusal
from weightedit.core.journal import VERSION, FileMark, TooLong
from weightedit.core.journals.journal_place import Place
from weightedit.core.journals.journal_records import arguments_of, edit_record
from weightedit.core.journals.keeper import keeper
from weightedit.core.journals.recovery import journals_folder

if TYPE_CHECKING:
    from weightedit.core.history import Group, History, Step


class Journal:
    """The journal of one document, on the disk from its first edit to its close.

    Parameters
    ----------
    history
        Of the document.
    path, title, format_name
        Of the document, for people.
    files
        Marks of its files, in their order.
    recovers
        The key of the journal that this one is made from.

    Attributes
    ----------
    trouble
        Why the last record is not on the disk, in one sentence; None where it is.
    """

    def __init__(self, history: History, *, path: Path, title: str, format_name: str, files: Sequence[FileMark],
                 recovers: str | None = None) -> None:  # fmt: skip
        self.trouble: str | None = None
        self._history = history
        self._header = {"path": os.path.abspath(path), "title": title, "format": format_name}  # noqa: PTH100
        self._files = tuple(files)
        self._recovers = recovers
        self._base = 0
        self._lock = threading.RLock()
        self._place: Place | None = None
        self._owed: list[dict[str, Any]] = []
        self._groups: tuple[int, Group | None] = (0, None)
        self._is_broken = self._is_over = False
        self._branch: int | None = None
        self._finalizer: weakref.finalize[..., Journal] | None = None
        _ALIVE.add(self)

    @property
    def key(self) -> str | None:
        """Its name while it is on the disk."""
        place = self._place
        return None if place is None else place.folder.name

    @property
    def point(self) -> tuple[object, int] | None:
        """The last record, for `back_to`; None where nothing is on the disk yet."""
        with self._lock:
            place = self._place
            return None if place is None else (place, place.count + len(self._owed) - 1)

    def edit(self, step: Step, group: Group | None) -> int:
        """Write down an edit that is about to be done, and return the number of its record.

        Raises
        ------
        EditRefused
            If it cannot be written; nothing is changed then.
        """
        with self._lock:
            if self._is_over:
                return 0
            try:
                place = self._ready()
                for value in arguments_of(step.edit):
                    place.keep(value.digest, value.data)
                at = self._position
                number = place.count + len(self._owed)
                self._put([*self._owed, self._edit_record(step, at, group)])
                self._owed.clear()
            except (OSError, TooLong, TypeError, ValueError, MemoryError) as error:
                raise EditRefused([self._refusal(error)]) from error
            self.trouble = None
            if at < self._start:
                self._branch = at
        keeper().sync_soon(self)
        return number

    def touched(self, number: int, pieces: Sequence[Any]) -> None:
        """Have the bytes that an edit touched hashed."""
        if (place := self._place) is not None:
            keeper().digest(self, place, number, pieces)

    def note(self, record: dict[str, Any]) -> None:
        """Write down what is no edit; where that does not work, it is written with the next one.

        An undo is not refused because a disk is full: after a crash it would be offered as an edit that is in force.
        """
        with self._lock:
            if self._is_over:
                return
            if self._place is None and record["is"] == "snapshot":
                self._owed.append(record)  # a document that is only looked at leaves nothing
                return
            try:
                self._ready()
                self._put([*self._owed, record])
                self._owed.clear()
                self.trouble = None
            except (OSError, TooLong, TypeError, ValueError, MemoryError) as error:
                self._owed.append(record)
                self.trouble = f"The journal cannot be written to: {_why(error)}."
        keeper().sync_soon(self)

    def move(self, position: int) -> None:
        """Write down an undo or redo; `position` counts the edits that were let go too."""
        self.note({"is": "move", "to": position})

    def back_to(self, point: tuple[object, int] | None) -> None:
        """Write down that everything since a point is as if it had never been; the document is back there already."""
        with self._lock:
            if self._place is None:
                return
            if point is not None and point[0] is not self._place:
                self._is_broken = True  # it was made again since, and is made again with the next record
                return
            self.note({"is": "back", "to": self._place.first if point is None else point[1]})

    def snapshot(self, name: str, tensors: Sequence[str] | str, *, older: bool = False) -> None:
        """Write down a snapshot, so that recovery can restore from it; `older`: of what is in no file any more."""
        record: dict[str, Any] = {"is": "snapshot", "name": name, "tensors": tensors}
        self.note({**record, "older": True} if older else record)

    def saving(self, files: Iterable[FileMark]) -> None:
        """Write down what the files will be once the save that is under way is done."""
        with self._lock:
            if self._place is not None:
                self.note({"is": "saving", "files": [mark.to_json() for mark in files]})

    def restart(self, files: Sequence[FileMark]) -> None:
        """Begin anew after a save: what was recorded is in the file."""
        with self._lock:
            self._end()
            self._base, self._branch = self._position, None
            self._files, self._recovers, self._is_broken = tuple(files), None, False

    def complete(self, *, whole: bool) -> None:
        """Write down that a recovery came to its end, and wait until that is on the disk.

        Raises
        ------
        EditRefused
            If that does not work.
        """
        with self._lock:
            if self._place is None:
                return
            self.note({"is": "recovered", "whole": whole})
            self.sync()
            if self.trouble is not None:
                raise EditRefused([self._refusal(OSError(self.trouble))])

    def discard(self) -> None:
        """Remove it: the document is closed, and with it what was not saved is gone.

        An edit that another thread is still at is not written down any more.
        """
        with self._lock:
            self._end()
            self._is_over = True
        keeper().forget(self)

    def _end(self) -> None:
        self._place, self._owed, self.trouble = None, [], None
        if self._finalizer is not None:
            self._finalizer()
            self._finalizer = None

    @property
    def _position(self) -> int:
        """How many edits the document has had, those included that undo let go of."""
        return self._history.forgotten + self._history.position

    @property
    def _start(self) -> int:
        """The position from which on the journal has the edits."""
        return self._base if self._branch is None else self._branch

    def _ready(self) -> Place:
        """Return the journal on the disk; it is made at the first edit, and again where it came to harm."""
        old = self._place
        if old is not None and not self._is_broken:
            return old
        first = self._start - self._history.forgotten
        if first < 0 or (old is not None and self._recovers is not None):
            raise OSError("it was lost, and undo let go of what it held")
        place = Place.made(journals_folder())
        try:
            self._begin(place, self._history.steps[first:], None if old is None else old.folder.name)
        except BaseException:
            place.remove()
            raise
        self._end()
        self._place, self._is_broken = place, False
        self._finalizer = weakref.finalize(self, place.remove)
        self._finalizer.atexit = False  # what a program that ends has not closed, it may have ended over
        return place

    def _begin(self, place: Place, again: Sequence[Step], old: str | None) -> None:
        self._groups = (0, None)
        records = [{**self._first(), "recovers": self._recovers if old is None else old}]
        if self._branch is not None:
            records.append({"is": "move", "to": self._branch})
        for at, step in enumerate(again, self._start):
            for value in arguments_of(step.edit):
                place.keep(value.digest, value.data)
            records.append(self._edit_record(step, at, step.group))
        if self._position != self._start + len(again):
            records.append({"is": "move", "to": self._position})
        records += [record for record in self._owed if record["is"] == "snapshot"]
        if old is not None:
            records.append({"is": "recovered", "whole": True})
        place.put(records)
        place.show()

    def _first(self) -> dict[str, Any]:
        program = getattr(sys.modules[__name__.partition(".")[0]], "__version__", "")  # core imports nothing above it
        return {"weightedit_journal": VERSION, "program": program, "lot": secrets.token_hex(8), **self._header,
                "files": [mark.to_json() for mark in self._files], "base": self._base,
                "time": datetime.now().isoformat()}  # fmt: skip

    def _edit_record(self, step: Step, at: int, group: Group | None) -> dict[str, Any]:
        number, last = self._groups
        if group is not None and group is not last:
            self._groups = (number + 1, group)
        return edit_record(step, at, None if group is None else (self._groups[0], group.label))

    def _put(self, records: Sequence[dict[str, Any]]) -> None:
        assert self._place is not None
        self._place.put(records)

    def sync(self) -> None:
        """Wait until everything written is on the disk; the keeper calls it."""
        with self._lock:
            place = self._place
            if place is None:
                return
            try:
                handle = os.dup(place.handle)  # so that a close meanwhile takes none away that is waited for
            except OSError as error:
                self._lost(place, error)
                return
            unsynced, place.unsynced = place.unsynced, []
        try:
            place.sync(unsynced, handle)
        except OSError as error:
            self._lost(place, error)

    def _lost(self, place: Place, error: OSError) -> None:
        with self._lock:
            if self._place is place:  # not closed meanwhile
                self._is_broken = True
                self.trouble = f"The journal is not on the disk: {_why(error)}."

    def wants(self, place: object) -> bool:
        """Whether the journal is still the one that an edit was written to."""
        return place is self._place

    def add_digest(self, place: object, number: int, digest: dict[str, Any]) -> None:
        """Write down the hashes of what an edit touched; the keeper calls it."""
        with self._lock:
            if place is self._place and not self._is_broken:
                self._put([*self._owed, {"is": "digest", "edit": number, **digest}])
                self._owed.clear()
                self.trouble = None
        keeper().sync_soon(self)

    def _refusal(self, error: BaseException) -> Any:
        title = f"The edit cannot be written to the journal in {journals_folder()}: {_why(error)}"
        return refusal("unrecordable", title,
                       "Nothing was changed. Free some space there or make the folder writable, let WEIGHTEDIT_STATE "
                       "name another folder, or save what there is.")  # fmt: skip

    def close_handles(self) -> None:
        """Close the handles of a process that was forked off: its journals are its parent's."""
        self._lock, self._is_over = threading.RLock(), True
        place, self._place = self._place, None
        if self._finalizer is not None:
            self._finalizer.detach()
        if place is not None:
            place.close()


def _why(error: BaseException) -> str:
    if isinstance(error, MemoryError):
        return "out of memory"
    return getattr(error, "strerror", None) or str(error)


_ALIVE: weakref.WeakSet[Journal] = weakref.WeakSet()


def _forked() -> None:
    for journal in list(_ALIVE):
        journal.close_handles()


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_forked)
