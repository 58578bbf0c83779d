"""Progress and cancel of one piece of work, passed down instead of kept in a global."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Found:
    """Some of the tensors of a file that is being opened, in file order: columns of one length, one row a tensor.

    Attributes
    ----------
    names
        As they will be in the document, unless a later file of the checkpoint turns out to be wrong.
    dtypes
        torch's names of them, without `torch.`.
    shapes
        In elements.
    nbytes
        Of the values.
    """

    names: Sequence[str]
    dtypes: Sequence[str]
    shapes: Sequence[tuple[int, ...]]
    nbytes: Sequence[int]


Arrivals = Callable[[Found], None]
"""Takes what was found while the rest is still on its way; called in the worker's thread, in the order of the files."""


class Progress:
    """One running piece of work: how far it is, what it found so far, and whether it should stop.

    Parameters
    ----------
    report
        Called with (label, done, total) after each step, in the worker's thread.
    cancel
        Checked at each step; when set, the step raises `Cancelled`.
    arrivals
        Given the tensors of a checkpoint piece by piece while it is opened, so that a window can list what is there
        before the last shard was read:

            task_progress = Progress(report, cancel, arrivals=lambda found: rows.append(found))
            document = open_document(path, progress=task_progress)  # a piece for each shard, in the order of the index

        It is called in the worker's thread. The document that opening returns has all of them, so what was given is
        dropped then, and also where opening raises. A checkpoint that is one small file comes without it.
    """

    def __init__(self, report: Report | None = None, cancel: CancelFlag | None = None,
                 arrivals: Arrivals | None = None) -> None:  # fmt: skip
        self._report = report
        self._cancel = cancel
        self._arrivals = arrivals
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

    def found(self, found: Found) -> None:
        """Hand on tensors that were found, to whoever shows them before the rest is there."""
        if self._arrivals is not None:
            self._arrivals(found)


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
