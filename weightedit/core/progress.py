"""Progress and cancel of one piece of work, passed down instead of kept in a global."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from weightedit.core.errors import Cancelled


class CancelFlag(Protocol):
    """What `cancel=` takes: a `threading.Event`, or anything with `is_set()`."""

    def is_set(self) -> bool:
        """Whether the work should stop."""
        ...


Ask = Callable[[], None]
"""Raises `Cancelled` where what runs is to stop; called about every thousand steps of it."""
OFTEN = 1024
"""Steps of some microseconds between two questions: all of them together take a few milliseconds."""


def unasked() -> None:
    """Ask nobody: what runs goes on to its end."""


Report = Callable[[str, int, int], None]
"""Called with (label, done, total); the unit is bytes unless the label says otherwise."""


class Progress:
    """One running piece of work: how far it is, and whether it should stop.

    Parameters
    ----------
    report
        Called with (label, done, total) after each step, in the worker's thread.
    cancel
        Checked at each step; when set, the step raises `Cancelled`.
    """

    def __init__(self, report: Report | None = None, cancel: CancelFlag | None = None) -> None:
        self._report = report
        self._cancel = cancel
        self.label = ""
        self.done = 0
        self.total = 0

    def begin(self, label: str, total: int) -> None:
        """Start a stage of `total` units."""
        self.label, self.done, self.total = label, 0, total
        self.advance(0)

    def advance(self, amount: int) -> None:
        """Say that `amount` more units are done; raises `Cancelled` if asked to stop."""
        if self._cancel is not None and self._cancel.is_set():
            raise Cancelled(f"{self.label or 'The work'} was cancelled; nothing was changed.")
        self.done += amount
        if self._report is not None:
            self._report(self.label, self.done, self.total)

    def ask(self) -> None:
        """Raise `Cancelled` if asked to stop."""
        self.advance(0)


class Asking(Progress):
    """The progress of a part of some work that the whole does not count: it only asks whether to stop."""

    def __init__(self, whole: Progress) -> None:
        super().__init__()
        self._whole = whole

    def begin(self, label: str, total: int) -> None:
        """Start a stage, of which the whole says nothing."""
        self._whole.advance(0)

    def advance(self, amount: int) -> None:
        """Raise `Cancelled` if the whole was asked to stop."""
        self._whole.advance(0)


class Within(Asking):
    """The progress of a part of some work: what it advances counts for the whole, which goes on under its own label."""

    def advance(self, amount: int) -> None:
        """Say that `amount` more units are done; raises `Cancelled` if the whole was asked to stop."""
        self._whole.advance(amount)
