"""Lets the GUI thread go first where there are more busy threads than cores, or one of them holds the interpreter."""

from __future__ import annotations

import os
import sys
import threading
import time

from PySide6.QtCore import QObject, Qt, Signal

BEHIND = 5
"""By how much the threads of tasks are nicer: a third of the time of an equal, where the two share a core."""
EVERY = 0.01
"""Seconds a task works between two questions whether the window has something to do."""
PATIENCE = 0.3
"""Seconds that tasks wait for the answer; then they go on until it comes: the window may be held up for hours."""


class _Door(QObject):
    """Where tasks knock, and the GUI thread answers between two of its events."""

    knocked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._at = 0.0
        self._answered = threading.Event()
        self._answered.set()
        self.knocked.connect(self._answered.set, Qt.ConnectionType.QueuedConnection)

    def wait(self) -> None:
        now = time.monotonic()
        if self._answered.is_set():
            if now - self._at < EVERY:
                return
            self._at = now
            self._answered.clear()
            self.knocked.emit()
        self._answered.wait(max(0.0, self._at + PATIENCE - now))


_door: _Door | None = None


def turn(on: bool) -> None:
    """Have tasks give way from now on, or not: in a program around a window they do not. Call it on the GUI thread."""
    global _door
    _door = _Door() if on else None


def give_way() -> None:
    """Let this thread, and those it starts, give way to the others of this process; on Linux, which has it so.

    Nothing is lost where a core is free. It cannot be taken back, so it is for threads that never get to be another's.
    """
    if _door is None or sys.platform != "linux":
        return
    me = threading.get_native_id()
    try:
        os.setpriority(os.PRIO_PROCESS, me, os.getpriority(os.PRIO_PROCESS, me) + BEHIND)
    except OSError:  # some sandboxes forbid it; the thread is as good as before
        return


def after_you() -> None:
    """Wait, in a task's thread and between two of its steps, while the window handles an event.

    A paint asks for the interpreter's lock hundreds of times, and some functions of numpy hold it for a millisecond:
    beside three tasks a paint of 60 ms took half a second.
    """
    door = _door
    if door is not None:
        door.wait()
