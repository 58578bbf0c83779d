"""Errors nobody expected: turned into text at once, counted, logged, and shown in one dialog that goes on counting."""

from __future__ import annotations

import logging
import threading
import traceback
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, Signal

from weightedit.core.files.logbook import NAME
from weightedit.core.words.visible import visible

if TYPE_CHECKING:
    from weightedit.ui.errors.fault_dialog import FaultDialog
    from weightedit.ui.window import MainWindow

LOGGED = 20
"""Times the same fault is written to the log; a fault in painting comes sixty times a second."""
LONGEST_TRACE = 60_000
MARK = "_weightedit_taken"


@dataclass(frozen=True, slots=True)
class Fault:
    """One unexpected error as text, so that nothing of the frames it came through is kept alive.

    Attributes
    ----------
    sentence
        Its kind and what it says.
    where
        What was going on: `while exporting net.pt`, `in the thread loader`; empty in the window itself.
    trace
        The traceback.
    """

    sentence: str
    where: str
    trace: str

    @classmethod
    def of(cls, error: BaseException, where: str = "", trace: TracebackType | None = None) -> Fault:
        """Make the text of an error; called in whichever thread it was raised."""
        lines = traceback.format_exception(type(error), error, trace or error.__traceback__)
        text = "".join(lines).rstrip()
        if len(text) > LONGEST_TRACE:
            text = f"{text[: LONGEST_TRACE // 2]}\n…\n{text[-LONGEST_TRACE // 2 :]}"
        said = str(error)
        kind = type(error).__name__
        return cls(visible(f"{kind}: {said}" if said else kind), where, text)

    @property
    def key(self) -> str:
        """What is the same each time the same place fails: the traceback without what it says at the end."""
        return "\n".join(line for line in self.trace.splitlines() if line.startswith("  ")) or self.sentence


def taken_before(error: BaseException) -> bool:
    """Whether this very error was taken in already; it is marked as such."""
    marks = vars(error)
    before = MARK in marks
    marks[MARK] = True
    return before


class Faults(QObject):
    """The faults of one window.

    Signals
    -------
    came
        (Fault, how many times by now), on the GUI thread.
    """

    came = Signal(object, int)
    _taken = Signal(object)

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._counts: dict[str, int] = {}
        self._lock = threading.Lock()
        self._dismissed: set[str] = set()
        self.dialog: FaultDialog | None = None
        self.all: list[Fault] = []
        self._taken.connect(self._show, Qt.ConnectionType.QueuedConnection)

    def take(self, fault: Fault) -> None:
        """Log a fault and show it; may be called in any thread, and in the middle of painting."""
        with self._lock:
            count = self._counts[fault.key] = self._counts.get(fault.key, 0) + 1
        if count <= LOGGED:
            where = f" {fault.where}" if fault.where else ""
            logging.getLogger(NAME).error("fault%s, %d times: %s\n%s", where, count, fault.sentence, fault.trace)
        self._taken.emit(fault)

    def count(self, fault: Fault) -> int:
        """Return how many times it came."""
        return self._counts.get(fault.key, 0)

    def _show(self, fault: Fault) -> None:
        from weightedit.ui.errors.fault_dialog import FaultDialog

        known = any(one.key == fault.key for one in self.all)
        if not known:
            self.all.append(fault)
        count = self.count(fault)
        if self.dialog is not None:
            self.dialog.add(fault)
        elif fault.key in self._dismissed:
            times = f"{count:,} times by now"
            self._window.status.say(f"The same fault as before: {fault.sentence}, {times}.", "refusal")
        else:
            self.dialog = FaultDialog(self._window, fault, self.count)
            self.dialog.finished.connect(self._closed)
            self.dialog.show()
        self.came.emit(fault, count)

    def _closed(self) -> None:
        dialog, self.dialog = self.dialog, None
        if dialog is not None:
            self._dismissed.update(fault.key for fault in dialog.faults)
            dialog.deleteLater()

    def show_again(self) -> None:
        """Show every fault of this run once more."""
        for fault in self.all:
            self._dismissed.discard(fault.key)
            if self.dialog is None:
                self._show(fault)
            else:
                self.dialog.add(fault)
