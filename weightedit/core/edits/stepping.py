"""Steps of a document done, taken back and done again: one by one, or a whole group at once, all or nothing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from weightedit.core.commands import Command, LiveWrite, Rebind, changed_since_undo, do_all, undo_all
from weightedit.core.edits.consent import changed_elsewhere, check_hazards
from weightedit.core.errors import EditRefused
from weightedit.core.hazards import refusal
from weightedit.core.history import History, Layout, Step
from weightedit.core.progress import Ask, unasked
from weightedit.core.slots import Slot, at

if TYPE_CHECKING:
    from weightedit.core.document import Document


def move(document: Document, to: int, accept: Collection[str] | str, ask: Ask) -> list[Step]:
    """Undo or redo until `to` steps are applied, and return the steps in the order in which they were moved over.

    `ask` is called before each of their commands; where it raises, the document is as it was.

    Raises
    ------
    ConfirmationNeeded
        With `changed-elsewhere` if other code changed in between what a step would write over; the document is as
        it was.
    """
    history = document.history
    steps, back = between(history, to)
    moved: list[Step] = []
    try:
        for step in steps:
            _over(document, step, back, accept, ask)
            moved.append(step)
    except BaseException:
        for step in reversed(moved):
            _over(document, step, not back, "all", unasked)
        raise
    history.position = to
    return steps


def between(history: History, to: int) -> tuple[list[Step], bool]:
    """Return the steps from the present to a place in the order in which they are moved over, and whether backwards."""
    back = to < history.position
    steps = history.steps
    return (list(steps[to : history.position])[::-1] if back else list(steps[history.position : to])), back


def _over(document: Document, step: Step, back: bool, accept: Collection[str] | str, ask: Ask) -> None:
    _check_live_tensors(document, step, back, accept)
    if back:
        if any(command.was_changed_elsewhere() for command in _asking(step.commands, ask)):
            check_hazards([changed_elsewhere(step, "Undo puts the values before the edit back")], accept)
        undo_all(step.commands, ask)
        turn = do_all
    else:
        if any(changed_since_undo(command) for command in _asking(step.commands, ask)):
            check_hazards([changed_elsewhere(step, "Redo writes over it")], accept)
        do_all(step.commands, ask)
        turn = undo_all
    with settled_or_back(document, step, turn):
        document.settle(step)


def _asking(commands: Sequence[Command], ask: Ask) -> Iterator[Command]:
    for command in commands:
        ask()
        yield command


@contextmanager
def settled_or_back(document: Document, step: Step, turn: Callable[[Sequence[Command]], None]) -> Iterator[None]:
    """Turn a step that was just made back if looking at the document again raises, as it may for want of memory."""
    try:
        yield
    except BaseException:
        turn(step.commands)
        document.settle(step)
        raise


def _check_live_tensors(document: Document, step: Step, back: bool, accept: Collection[str] | str) -> None:
    """Ask before writing into a tensor that other code put away, and refuse where it has another shape or dtype."""
    writes = [command for command in step.commands if isinstance(command, LiveWrite)]
    if not writes:
        return
    what, names = "undone" if back else "done again", tuple(sorted(step.names))
    if any(not command.fits(command.tensor) for command in writes):
        title = f"An edit of {', '.join(names)} cannot be {what}"
        detail = "Other code gave the tensor another shape or dtype since, and the values kept for it do not fit."
        raise EditRefused([refusal("shape-mismatch", title, detail, targets=names)])
    there = {id(at(slot)) for slot in document.slots}
    if not back:  # an expanded tensor is cloned first, and the clone that is written into comes with the step
        there |= {id(command.after[1].live) for command in step.commands if isinstance(command, Rebind)}
    if any(id(command.tensor) not in there and not command.beside for command in writes):
        told = "It writes into the tensor that was there, which stays where other code keeps it"
        check_hazards([changed_elsewhere(step, told)], accept)


def joined(steps: Sequence[Step]) -> tuple[frozenset[str], dict[str, list[str] | None], bool]:
    """Return names, regions and structure of several steps together."""
    names = frozenset().union(*(step.names for step in steps))
    regions: dict[str, list[str] | None] = {}
    for step in steps:
        for name, found in step.regions.items():
            known = regions.get(name, [])
            regions[name] = None if found is None or known is None else [*known, *found]
    return names, regions, any(step.structure for step in steps)


def with_layout(step: Step, before: dict[Slot, str], after: dict[Slot, str]) -> Step:
    """Return a step that knows which slots it added, removed and renamed."""
    came = tuple((slot, name) for slot, name in after.items() if slot not in before)
    gone = tuple((slot, name) for slot, name in before.items() if slot not in after)
    renamed = tuple((slot, name, after[slot]) for slot, name in before.items()
                    if slot in after and after[slot] != name)  # fmt: skip
    return replace(step, layout=Layout(came, gone, renamed))


def names_of(document: Document) -> dict[Slot, str]:
    """Return every slot's name."""
    return {slot: slot.name for slot in document.slots}
