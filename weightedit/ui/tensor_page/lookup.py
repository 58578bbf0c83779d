"""How much is picked, in all and in the slice that is shown; and what finds picked cells in the background."""

from __future__ import annotations

import threading
from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer, Signal

from weightedit.core.document import Document
from weightedit.core.errors import WeightEditError
from weightedit.core.progress import Progress
from weightedit.core.values.matching import Match, match
from weightedit.core.values.pinned import PinnedTensor
from weightedit.core.values.selecting import Picks
from weightedit.ui.tasks import TaskProgress, Tasks
from weightedit.ui.tensor_page.selection import Selection

FEW = 8
"""Boxes that are counted at once; more of them, and every condition, as a task."""


class Lookup(QObject):
    """Follows a selection and the state of its tensor.

    Attributes
    ----------
    document
        What the tensor is of; to be given before the first `show_pinned`.
    pinned
        The state that is looked at.
    total, in_slice
        How many values are picked in all and in the slice that is shown; None while that is not known yet.
    problem
        Why the condition cannot be looked up; empty where it can.

    Signals
    -------
    counted
        The numbers, or the problem, are others now.
    """

    counted = Signal()

    document: Document

    def __init__(self, selection: Selection, tasks: Tasks, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._selection, self._tasks = selection, tasks
        self.pinned: PinnedTensor | None = None
        self.total: int | None = None
        self.in_slice: int | None = None
        self.problem = ""
        self._lock = threading.Lock()
        self._made: tuple[PinnedTensor, Picks, Match] | None = None
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(50)
        self._soon.timeout.connect(self._count)
        selection.changed.connect(self._ask)

    @property
    def _group(self) -> str:
        return f"picked {id(self)}"

    def show_pinned(self, pinned: PinnedTensor) -> None:
        """Look things up in another state of the tensor."""
        self.pinned = pinned
        self._ask()

    @property
    def is_waiting(self) -> bool:
        """Whether a count is about to begin."""
        return self._soon.isActive()

    @property
    def is_conditional(self) -> bool:
        """Whether values decide what is picked."""
        return bool(self._selection.picks.condition)

    def matcher(self) -> Callable[[Progress], Match] | None:
        """Return what finds the cells that are picked now, for a task to call; None without a tensor."""
        pinned, picks = self.pinned, self._selection.picks
        if pinned is None:
            return None

        def make(progress: Progress) -> Match:
            with self._lock:  # one task makes the passes a condition needs, the others wait for it
                if self._made is None or self._made[0] is not pinned or self._made[1] != picks:
                    made = match(pinned, picks, self.document.conditions, self.document.resolve, progress)
                    self._made = (pinned, picks, made)
                return self._made[2]

        return make

    def _ask(self) -> None:
        picks = self._selection.picks
        self._tasks.cancel_group(self._group)
        if not picks.condition and len(picks.boxes) <= FEW:
            self._soon.stop()
            self._take((picks.numel(), picks.numel(self._selection.slice_box)))
            return
        self.total = self.in_slice = None
        self.problem = ""
        self.counted.emit()
        self._soon.start()

    def _count(self) -> None:
        make, within = self.matcher(), self._selection.slice_box
        if make is None:
            return

        def work(progress: TaskProgress) -> tuple[int, int]:
            found = make(progress)
            return found.count(None, progress), found.count(within, progress)

        self._tasks.start("Counting the selection", work, on_result=self._take, on_error=self._failed,
                          group=self._group)  # fmt: skip

    def _take(self, found: tuple[int, int]) -> None:
        self.total, self.in_slice = found
        self.problem = ""
        self.counted.emit()

    def _failed(self, error: Exception) -> None:
        self.problem = str(error) if isinstance(error, WeightEditError) else f"The selection was not counted: {error}."
        self.counted.emit()

    def cancel(self) -> None:
        """Stop counting."""
        self._soon.stop()
        self._tasks.cancel_group(self._group)
