"""Works an edit of many tensors out in the background; rows come over to the window as they are known."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable
from dataclasses import replace

from PySide6.QtCore import QObject, QTimer, Signal

from weightedit.core.batches.batch import LEFT, Batch, BatchRow, Measured, batch_of
from weightedit.core.described.name_filter import suggestion
from weightedit.core.described.targets import count_meant
from weightedit.core.document import Document
from weightedit.core.edit import Edit
from weightedit.core.edits.editing import make_edit
from weightedit.core.errors import EditRefused
from weightedit.core.hazards import Hazard
from weightedit.ui.batch.form import Wanted
from weightedit.ui.batch.tally import Tally
from weightedit.ui.tasks import TaskProgress, Tasks

MANY = 100_000
"""Tensors from which on a person is asked first: a row takes 3 kB and a twelfth of a millisecond."""
TICK = 40
"""Milliseconds between two looks at what has come."""
SLICE = 0.006
"""Seconds of one look: less than half a frame."""
FEW = 64
"""Rows taken over in one go."""
Planned = tuple[Batch, Tally]


class BatchRun(QObject):
    """The preview of one page; a new one makes the one before stale.

    Attributes
    ----------
    agreed
        The targets that a person wants worked out however many they are.

    Signals
    -------
    planned
        (Batch, Tally, measures): every row, without what only values say, and what they come to.
    came
        (list of BatchRow) that are known now.
    finished
        Every row is known.
    refused
        (hazards, what was probably meant): it cannot be worked out at all.
    many
        (how many) tensors are meant, and nobody has agreed to so many yet.
    stopped
        The person cancelled it, or it failed: what is wrong, or nothing.
    """

    planned = Signal(object, object, bool)
    came = Signal(object)
    finished = Signal()
    refused = Signal(object, str)
    many = Signal(int)
    stopped = Signal(str)

    def __init__(self, document: Document, tasks: Tasks, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._document, self._tasks = document, tasks
        self.edit: Edit | None = None
        self.is_running = False
        self.agreed: tuple[str, ...] = ()
        self._known: dict[str, Measured] = {}
        self._known_for = ""
        self._came: deque[Planned | BatchRow] = deque()
        self._is_over = False
        self._timer = QTimer(self)
        self._timer.setInterval(TICK)
        self._timer.timeout.connect(lambda: self._take_over())

    @property
    def _group(self) -> str:
        return f"batch {id(self)}"

    def start(self, wanted: Wanted, leave: tuple[str, ...]) -> None:
        """Work it out; what was measured of the same values by the same arguments is not measured again."""
        document = self._document
        key = repr((wanted.operation, wanted.arguments, wanted.settings, document.version))
        if key != self._known_for:
            self._known, self._known_for = {}, key
        known = dict(self._known)
        names, agreed = document.slots.names, self.agreed == wanted.targets
        came: deque[Planned | BatchRow] = deque()
        self._came, self._is_over, self.edit, self.is_running = came, False, None, True

        def work(progress: TaskProgress) -> int:
            if not agreed and len(names) > MANY and (count := count_meant(names, wanted.targets, progress.ask)) > MANY:
                return count
            declared, edit = make_edit(document, wanted.operation, list(wanted.targets), wanted.arguments, leave=leave,
                                       **wanted.settings)  # fmt: skip
            batch = batch_of(document, declared, edit, progress, known)
            found = [replace(row, measured=known[row.name]) if row.name in known and row.state in ("in", LEFT) else row
                     for row in batch.rows]  # fmt: skip
            came.append((replace(batch, rows=found), Tally.of(found, progress.ask)))
            for row in batch:
                if row.name not in known or row.state == "refused":
                    came.append(row)
            return 0

        self._tasks.start("Preview", work, on_result=lambda count: self._ask(count) if count else self._end(),
                          on_error=self._failed, on_cancelled=lambda: self._stop(""), group=self._group)  # fmt: skip
        self._timer.start()

    def cancel(self) -> None:
        """Stop, and say no more of it."""
        self._tasks.cancel_group(self._group)
        self._timer.stop()
        self._came.clear()
        self.is_running = False

    # ---- what comes over

    def _take_over(self) -> None:
        """Take over what has come, as much as fits between two frames."""
        until = time.monotonic() + SLICE
        while self._came and time.monotonic() < until:
            if not isinstance(first := self._came[0], BatchRow):
                self._came.popleft()
                batch, tally = first
                self.edit = batch.edit
                declared = self._document.operations[batch.edit.operation]
                self.planned.emit(batch, tally, declared.effect in ("write", "rebind"))
                continue
            rows: list[BatchRow] = []
            while self._came and len(rows) < FEW and isinstance(row := self._came[0], BatchRow):
                rows.append(row)
                self._came.popleft()
            self._remember(rows)
            self.came.emit(rows)
        if self._is_over and not self._came:
            self._timer.stop()
            self.is_running = False
            self.finished.emit()

    def _remember(self, rows: Iterable[BatchRow]) -> None:
        for row in rows:
            if row.measured is not None:
                self._known[row.name] = row.measured

    def _ask(self, count: int) -> None:
        self._timer.stop()
        self.is_running = False
        self.many.emit(count)

    def _end(self) -> None:
        self._is_over = True
        self._take_over()

    def _stop(self, why: str) -> None:
        while self._came:
            self._take_over()
        self._timer.stop()
        self.is_running = False
        self.stopped.emit(why)

    def _failed(self, error: Exception) -> None:
        self._timer.stop()
        self.is_running = False
        if not isinstance(error, EditRefused):
            self._stop(str(error))
            return
        self._came.clear()
        self.refused.emit(list(error.hazards), "")

    def look_for(self, text: str) -> None:
        """Find what was probably meant by a pattern that matches nothing, and say so by `refused`."""
        document = self._document

        def work(progress: TaskProgress) -> str:
            return suggestion(document.entries, text) or ""

        def done(meant: str) -> None:
            if meant:
                self.refused.emit([], meant)

        self._tasks.start("Looking for names", work, on_result=done, group=self._group, quiet=True)


def nothing_matches(hazards: Iterable[Hazard]) -> Hazard | None:
    """Return the refusal that a target means nothing, if that is among them."""
    return next((hazard for hazard in hazards if hazard.kind == "not-found"), None)
