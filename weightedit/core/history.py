"""The edits that were applied, in order, and where in them the document is."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from numbers import Integral

from weightedit.core.commands import Command, let_go
from weightedit.core.edit import Edit
from weightedit.core.errors import EditRefused
from weightedit.core.hazards import refusal
from weightedit.core.slots import Slot

DEFAULT_BUDGET = 64 << 30
"""Bytes undo may keep, most of them in the spill; the oldest steps go first."""


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Steps that one press takes back together, such as cells typed one after the other.

    Attributes
    ----------
    label
        What they are together.
    key
        Says which later steps belong to it; None for those of one `with` alone.
    """

    label: str
    key: Hashable = None


@dataclass(frozen=True, slots=True)
class Layout:
    """Which slots a step added, removed and renamed, so that an earlier point can be seen without going there.

    Attributes
    ----------
    came, gone
        (slot, its name)
    renamed
        (slot, name before, name after)
    """

    came: tuple[tuple[Slot, str], ...] = ()
    gone: tuple[tuple[Slot, str], ...] = ()
    renamed: tuple[tuple[Slot, str, str], ...] = ()


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
    group
        The group it belongs to, or None.
    layout
        The slots that came, went and were renamed.
    """

    edit: Edit
    commands: tuple[Command, ...]
    label: str
    where: str
    names: frozenset[str]
    regions: dict[str, list[str] | None]
    time: datetime
    structure: bool
    group: Group | None = None
    layout: Layout = Layout()

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
        self._group: Group | None = None

    def __len__(self) -> int:
        return len(self._steps)

    @property
    def group(self) -> Group | None:
        """The group that the next step goes into."""
        return self._group

    @property
    def steps(self) -> Sequence[Step]:
        """All steps, the undone ones too."""
        return tuple(self._steps)

    def has(self, edit: Edit) -> bool:
        """Whether an edit that was applied is in force, and not undone."""
        return any(step.edit is edit for step in self._steps[: self.position])

    @property
    def nbytes(self) -> int:
        """Bytes kept for undo and redo."""
        return sum(step.nbytes for step in self._steps)

    @property
    def is_saved(self) -> bool:
        """Whether the present position is the saved one."""
        return self.position == self.saved_position

    def place(self, position: object) -> int:
        """Return how many steps are applied at a place in the history; raises `EditRefused` where it is none."""
        if isinstance(position, bool) or not isinstance(position, Integral) or not 0 <= int(position) <= len(self):
            have = f"Give a whole number from 0 to {len(self)}, the number of steps."
            raise EditRefused([refusal("argument", f"There is no step {position}", have)])
        return int(position)

    def check_room(self, nbytes: int) -> None:
        """Raise `EditRefused` if one step of this size cannot be kept at all."""
        if nbytes > self.budget:
            raise EditRefused([refusal(
                "unsupported", f"Undo would need {nbytes:,} bytes, and its budget is {self.budget:,}",
                "Edit fewer tensors at once, or raise the budget; nothing was changed.")])  # fmt: skip

    def push(self, step: Step) -> None:
        """Add a step that was just applied; undone steps are dropped, and the oldest while over budget."""
        steps = [*self._steps[: self.position], step if self._group is None else replace(step, group=self._group)]
        if self.saved_position is not None and self.saved_position > self.position:
            self.saved_position = None
        self._steps = steps
        self.position += 1
        self._trim()

    def set_budget(self, nbytes: int) -> None:
        """Keep at most this many bytes from now on; the oldest steps are let go at once where there are more."""
        self.budget = nbytes
        self._trim()

    @contextmanager
    def grouping(self, label: str, key: Hashable = None, within: float = 0.0) -> Iterator[None]:
        """Put the steps pushed inside into one group.

        Parameters
        ----------
        label
            What they are together.
        key, within
            Steps go on with the group of the last applied step where that has the same key, is at most `within`
            seconds old, and nothing was undone since.
        """
        outer = self._group
        self._group = outer or self._going_on(key, within) or Group(label, key)
        try:
            yield
        finally:
            self._group = outer

    @contextmanager
    def going_on(self, group: Group | None) -> Iterator[None]:
        """Put the steps pushed inside into a group that is there, or into none."""
        outer, self._group = self._group, group
        try:
            yield
        finally:
            self._group = outer

    def _going_on(self, key: Hashable, within: float) -> Group | None:
        last = self.behind()
        if key is None or last is None or last.group is None or self.ahead() is not None or self.is_saved:
            return None
        fresh = (datetime.now() - last.time).total_seconds() <= within
        return last.group if fresh and last.group.key == key else None

    def start_of(self, position: int) -> int:
        """Return where the group that ends at `position` begins; one less where the step has no group."""
        group = self._steps[position - 1].group
        start = position - 1
        while group is not None and start and self._steps[start - 1].group is group:
            start -= 1
        return start

    def end_of(self, position: int) -> int:
        """Return where the group that begins at `position` ends; one more where the step has no group."""
        group = self._steps[position].group
        end = position + 1
        while group is not None and end < len(self._steps) and self._steps[end].group is group:
            end += 1
        return end

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
            if not self.position:  # what is shown is before all of them: the ones that redo would reach last go
                del self._steps[-1]
                if self.saved_position == len(self._steps) + 1:
                    self.saved_position = None
                continue
            let_go(self._steps.pop(0).commands)
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
