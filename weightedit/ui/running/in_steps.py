"""Goes through work of the GUI thread a step at a time, so that no event waits for more than the longest step."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import TypeVar

from PySide6.QtCore import QObject, QTimer
from PySide6.QtWidgets import QWidget
from shiboken6 import isValid

T = TypeVar("T")
AT_ONCE = 0.005
"""Seconds of styling between two steps."""


def last_of(steps: Iterable[T | None]) -> Generator[None, None, T]:
    """Go through steps as one's own, and return what the last gave."""
    found: T | None = None
    for step in steps:
        found = step
        yield
    assert found is not None
    return found


def polished(part: QWidget) -> Iterator[None]:
    """Style a part of a window, and all that is in it, ahead of the moment in which it is shown."""
    begun = time.perf_counter()
    for widget in (part, *part.findChildren(QWidget)):
        if isValid(widget):  # it may have been closed between two steps
            widget.ensurePolished()
        if time.perf_counter() - begun > AT_ONCE:
            yield
            begun = time.perf_counter()


class InSteps(QObject):
    """Takes a step each time the events that wait have been handled.

    Parameters
    ----------
    parent
        With which it ends.
    steps
        What is done; gone through once.
    on_end
        Called after the last step.
    on_error
        Called with what a step raised, after which there are no more; None raises it.
    on_step
        Called after each step.
    """

    def __init__(self, parent: QObject, steps: Iterator[object], on_end: Callable[[], object] = lambda: None,
                 on_error: Callable[[Exception], object] | None = None,
                 on_step: Callable[[], object] = lambda: None) -> None:  # fmt: skip
        super().__init__(parent)
        self._steps: Iterator[object] | None = steps
        self._on_end, self._on_error, self._on_step = on_end, on_error, on_step
        self._step()

    def leave(self) -> None:
        """Take no further step."""
        self._steps = None

    def _step(self) -> None:
        if self._steps is None:
            return
        try:
            next(self._steps)
        except StopIteration:
            self.leave()
            self._on_end()
        except Exception as error:
            self.leave()
            if self._on_error is None:
                raise
            self._on_error(error)
        else:
            self._on_step()
            QTimer.singleShot(0, self, self._step)
