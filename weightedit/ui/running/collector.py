"""Python's garbage, collected on the GUI thread alone while a window lives.

Python collects in whichever thread happens to make an object. In a worker it would release widgets, models and
pictures that are part of a cycle there, and Qt objects may only end in the thread they belong to.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

from PySide6.QtCore import QCoreApplication, QEvent, QObject, QTimer

from weightedit.ui.running.collecting import is_paused, set_apart

LOOK_EVERY = 100
"""Milliseconds between two looks at how many objects were made."""
LONG = 0.02
"""Seconds a full pass may take at any moment; a longer one waits until nobody types or moves the mouse."""
CALM = 1.0
"""Seconds without a key or a mouse after which nobody notices such a pass."""
SHARE = 50
"""A full pass comes only after this many times as long as the last one took, which costs 2 % at most."""
STARVED_LIMIT = 500_000
"""Objects a program around the window may make before Python collects by itself: it may handle no events for hours."""
INPUT = frozenset({QEvent.Type.KeyPress, QEvent.Type.MouseMove, QEvent.Type.MouseButtonPress, QEvent.Type.Wheel,
                   QEvent.Type.ShortcutOverride, QEvent.Type.DragMove})  # fmt: skip


class Collector(QObject):
    """Holds Python's own collector off, and does its work from a timer.

    A program that has switched the collector off before is left alone: nothing is collected then.

    Parameters
    ----------
    is_busy
        Whether work is under way, so that a long pass should wait.
    own
        Whether the process is ours alone. A program around the window may keep the GUI thread to itself for hours, so
        Python's collector stays on there with a far higher limit; and nothing of it is set apart here.
    """

    def __init__(self, is_busy: Callable[[], bool], own: bool = True) -> None:
        super().__init__()
        self._is_busy = is_busy
        self._limits = gc.get_threshold()
        self.works = gc.isenabled() and self._limits[0] > 0
        self._full_took = 0.0
        self._full_at = self._input_at = time.monotonic()
        self._waits = False
        self._raised = None if own else (STARVED_LIMIT, *self._limits[1:])
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_EVERY)
        self._timer.timeout.connect(self.look)
        if self.works:
            self._hold_off()
            self._timer.start()

    def _hold_off(self) -> None:
        if self._raised is None:
            gc.disable()
        else:
            gc.set_threshold(*self._raised)

    def put_back(self) -> None:
        """Let Python collect again as it did before."""
        self._timer.stop()
        self._wait_no_more()
        if not self.works:
            return
        self.works = False
        if self._raised is None:
            gc.enable()
        elif gc.get_threshold() == self._raised:  # else the program has chosen limits of its own meanwhile
            gc.set_threshold(*self._limits)

    def look(self) -> None:
        """Collect what is due by the counts that Python keeps."""
        if self._raised is None and gc.isenabled():  # somebody has switched it on meanwhile
            gc.disable()
        if is_paused():
            return  # a document is being made: a pass over a million objects that all stay takes a second and a half
        due = self._due()
        if due == 2:
            self._full()
        elif due is not None:
            gc.collect(due)

    def full_soon(self) -> None:
        """Look through everything at the next moment in which nobody does anything, as after closing a document."""
        if self.works:
            self._waits = True
            self._full_took = max(self._full_took, LONG)
            self._wait_for_calm()

    def _due(self) -> int | None:
        """Return the oldest generation whose turn it is, as Python would."""
        counts, limits = gc.get_count(), self._limits
        if self._waits:
            return 2
        if counts[0] <= limits[0]:
            return None
        if counts[2] > limits[2] and time.monotonic() - self._full_at > SHARE * self._full_took:
            return 2
        return 1 if counts[1] > limits[1] else 0

    def _full(self) -> None:
        """Look through everything; what is alive then is set apart if that took long, so that the next is short."""
        if self._full_took > LONG and not self._is_calm():
            self._waits = True
            self._wait_for_calm()
            gc.collect(1)
            return
        begun = time.monotonic()
        gc.collect(2)
        self._full_at = time.monotonic()
        self._full_took = self._full_at - begun
        self._wait_no_more()
        if self._full_took > LONG and self._raised is None and not self._is_busy():
            set_apart()
            self._full_took = 0.0

    def _is_calm(self) -> bool:
        return time.monotonic() - self._input_at > CALM and not self._is_busy()

    def _wait_for_calm(self) -> None:
        app = QCoreApplication.instance()
        if app is not None:
            app.installEventFilter(self)  # only while it is waited for: every event then comes through Python

    def _wait_no_more(self) -> None:
        self._waits = False
        app = QCoreApplication.instance()
        if app is not None:
            app.removeEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Note when a person last did something."""
        if event.type() in INPUT:
            self._input_at = time.monotonic()
        return False
