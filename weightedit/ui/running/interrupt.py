"""Ctrl+C in the terminal while a window is waited for: the window closes, then the code that waits hears of it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from PySide6.QtCore import QTimer

LOOK_EVERY = 100
"""Milliseconds between two moments at which Python may find that a signal came: Qt's loop gives it none itself."""


@contextmanager
def interruptible(close: Callable[[bool], None]) -> Iterator[None]:
    """Close a window on Ctrl+C, and call the handler that was there once it is gone.

    Where Ctrl+C is ignored, or ends the process without asking Python, it goes on doing so.

    Parameters
    ----------
    close
        Closes the window; called with whether it was asked to before, so that it must not ask back.

    Raises
    ------
    KeyboardInterrupt
        After the window is closed, where the handler raises it, as Python's own does.
    """
    before = signal.getsignal(signal.SIGINT)
    if not callable(before) or threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[tuple[int, FrameType | None]] = []

    def note(number: int, frame: FrameType | None) -> None:
        came.append((number, frame))
        again = len(came) > 1
        QTimer.singleShot(0, lambda: close(again))  # not in the middle of whatever is being done now

    timer = QTimer()
    timer.setInterval(LOOK_EVERY)
    timer.timeout.connect(lambda: None)
    timer.start()
    signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        timer.stop()
        if signal.getsignal(signal.SIGINT) is note:
            signal.signal(signal.SIGINT, before)
    if came:
        before(*came[0])
