"""Undo and redo that ask: what a step would write over, and the yes to just that step and just that loss."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from weightedit.core.commands import LiveWrite
from weightedit.core.errors import ConfirmationNeeded
from weightedit.core.hazards import Hazard
from weightedit.core.history import History, Step
from weightedit.core.progress import CancelFlag, Report

if TYPE_CHECKING:
    from weightedit.core.document import Document

Goal = Callable[[History], int]
"""Returns the position to go to from where the history is."""


@dataclass(frozen=True, slots=True)
class Point:
    """Where a history is: another edit, an undo or a redo makes it another point.

    Attributes
    ----------
    position, behind, ahead
        How many steps are applied, and the steps on either side.
    """

    position: int
    behind: Step | None
    ahead: Step | None

    @classmethod
    def of(cls, history: History) -> Point:
        """Return the present point."""
        return cls(history.position, history.behind(), history.ahead())


@dataclass(frozen=True, slots=True)
class StepAsked:
    """A step that waits for a yes; nothing was changed.

    Attributes
    ----------
    hazards
        What is asked about.
    point
        Where the history was; the yes is meant for a step from there.
    label
        The edit it is about, `scale × 0.5`; empty where it is more than one.
    lost
        How many values that other code wrote are lost; 0 where that is not known.
    """

    hazards: tuple[Hazard, ...]
    point: Point
    label: str
    lost: int

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of hazards that a yes accepts."""
        return tuple(dict.fromkeys(hazard.kind for hazard in self.hazards))


def back_one(whole: bool) -> Goal:
    """Return what undo goes to; with `whole`, a step takes its group along."""

    def goal(history: History) -> int:
        at = history.position
        return at if not at else history.start_of(at) if whole else at - 1

    return goal


def on_one(whole: bool) -> Goal:
    """Return what redo goes to; with `whole`, a step takes its group along."""

    def goal(history: History) -> int:
        at = history.position
        return at if at >= len(history) else history.end_of(at) if whole else at + 1

    return goal


def take(document: Document, goal: Goal, accept: Collection[str] = (),
         point: Point | None = None, *, progress: Report | None = None,
         cancel: CancelFlag | None = None) -> StepAsked | None:  # fmt: skip
    """Go to a point of the history, or return what is to be asked first.

    Parameters
    ----------
    goal
        Where to.
    accept
        Kinds of warnings that are fine.
    point
        Where the history has to be; if it is elsewhere by now, nothing happens.
    progress, cancel
        As for `Document.go_to`.
    """
    with document.grouped(""):  # no other thread edits it between the look and the step
        history = document.history
        if point is not None and point != Point.of(history):
            return None
        to = goal(history)
        try:
            document.go_to(to, accept, progress=progress, cancel=cancel)
        except ConfirmationNeeded as error:
            back = to < history.position
            steps = history.steps[min(to, history.position) : max(to, history.position)]
            one = steps[0] if len(steps) == 1 else None
            lost = 0 if one is None else lost_values(one, back)
            return StepAsked(tuple(error.hazards), Point.of(history), "" if one is None else one.label, lost)
    return None


def lost_values(step: Step, back: bool) -> int:
    """Return how many values that other code wrote since a step are lost by undoing it, or by doing it again.

    Values are compared by their bytes, where the step wrote into a live tensor in place; a step that gave slots
    another tensor keeps no bytes to compare with, and counts 0.
    """
    count = 0
    for command in step.commands:
        if isinstance(command, LiveWrite) and not command.beside and command.fits(command.tensor):
            size = command.tensor.element_size()
            for box, before, after in command.pieces:
                count += _different(command.read(command.tensor, box), after if back else before, size)
    return count


def _different(now: bytes, then: memoryview, size: int) -> int:
    """Return how many items of `size` bytes differ."""
    import numpy as np

    first, second = (np.frombuffer(part, dtype=np.uint8).reshape(-1, size) for part in (now, then))
    return int((first != second).any(axis=1).sum())
