"""The edits that were applied, in order, and where in them the document is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from weightedit.core.commands import Command
from weightedit.core.edit import Edit
from weightedit.core.errors import EditRefused
from weightedit.core.hazards import refusal

DEFAULT_BUDGET = 64 << 30
"""Bytes undo may keep, most of them in the spill; the oldest steps go first."""


@dataclass(frozen=True, slots=True)
class Step:
    """One applied edit.

    Attributes
    ----------
    edit, commands
        The record, and what it did.
    label, where
        `scale × 0.5`, and the tensors and region it was applied to.
    names, regions
        The tensors whose values or description it changes; regions of the ones written in part.
    time
        When it was applied.
    structure
        Whether it changed slots' names, shapes or sharing.
    """

    edit: Edit
    commands: tuple[Command, ...]
    label: str
    where: str
    names: frozenset[str]
    regions: dict[str, list[str] | None]
    time: datetime
    structure: bool

    @property
    def nbytes(self) -> int:
        """Bytes kept for undo and redo."""
        return sum(command.nbytes for command in self.commands)


class History:
    """Steps behind and ahead of the present position, within a budget of bytes.

    Attributes
    ----------
    position
        How many steps are applied; 0 is the state as opened, or after the steps that were let go.
    saved_position
        The position the file on disk has, or None when no step leads there any more.
    forgotten
        How many of the oldest steps were let go.
    """

    def __init__(self, budget: int = DEFAULT_BUDGET) -> None:
        self.budget = budget
        self._steps: list[Step] = []
        self.position = 0
        self.saved_position: int | None = 0
        self.forgotten = 0
        self._holding = 0

    def __len__(self) -> int:
        return len(self._steps)

    @property
    def steps(self) -> Sequence[Step]:
        """All steps, the undone ones too."""
        return tuple(self._steps)

    @property
    def nbytes(self) -> int:
        """Bytes kept for undo and redo."""
        return sum(step.nbytes for step in self._steps)

    @property
    def is_saved(self) -> bool:
        """Whether the present position is the saved one."""
        return self.position == self.saved_position

    def check_room(self, nbytes: int) -> None:
        """Raise `EditRefused` if one step of this size cannot be kept at all."""
        if nbytes > self.budget:
            raise EditRefused([refusal(
                "unsupported", f"Undo would need {nbytes:,} bytes, and its budget is {self.budget:,}",
                "Edit fewer tensors at once, or raise the budget; nothing was changed.")])  # fmt: skip

    def push(self, step: Step) -> None:
        """Add a step that was just applied; undone steps are dropped, and the oldest while over budget."""
        del self._steps[self.position :]
        if self.saved_position is not None and self.saved_position > self.position:
            self.saved_position = None
        self._steps.append(step)
        self.position += 1
        self._trim()

    @contextmanager
    def kept_whole(self) -> Iterator[tuple[list[Step], int, int | None]]:
        """Let no step go while several are pushed together; gives what `put_back` takes."""
        self._holding += 1
        try:
            yield list(self._steps), self.position, self.saved_position
        finally:
            self._holding -= 1
            self._trim()

    def put_back(self, before: tuple[list[Step], int, int | None]) -> None:
        """Be again what `kept_whole` gave; the steps between are undone already."""
        self._steps, self.position, self.saved_position = list(before[0]), before[1], before[2]

    def _trim(self) -> None:
        while not self._holding and self.nbytes > self.budget and len(self._steps) > 1:
            del self._steps[0]
            self.position -= 1
            self.forgotten += 1
            if self.saved_position is not None:
                self.saved_position = self.saved_position - 1 if self.saved_position else None

    def behind(self) -> Step | None:
        """Return the step undo takes back."""
        return self._steps[self.position - 1] if self.position else None

    def ahead(self) -> Step | None:
        """Return the step redo applies again."""
        return self._steps[self.position] if self.position < len(self._steps) else None

    def mark_saved(self) -> None:
        """Make the present position the saved one."""
        self.saved_position = self.position
