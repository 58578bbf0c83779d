"""Steps of a document done, taken back and done again: one by one, or a whole group at once, all or nothing."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from weightedit.core.commands import changed_since_undo, do_all, undo_all
from weightedit.core.consent import changed_elsewhere, check_hazards
from weightedit.core.history import Layout, Step
from weightedit.core.slots import Slot

if TYPE_CHECKING:
    from weightedit.core.document import Document


def move(document: Document, to: int, accept: Collection[str] | str) -> list[Step]:
    """Undo or redo until `to` steps are applied, and return the steps in the order in which they were moved over.

    Raises
    ------
    ConfirmationNeeded
        With `changed-elsewhere` if other code changed in between what a step would write over; the document is as
        it was.
    """
    history = document.history
    back = to < history.position
    steps = list(history.steps[to : history.position])[::-1] if back else list(history.steps[history.position : to])
    moved: list[Step] = []
    try:
        for step in steps:
            _over(document, step, back, accept)
            moved.append(step)
    except BaseException:
        for step in reversed(moved):
            _over(document, step, not back, "all")
        raise
    history.position = to
    return steps


def _over(document: Document, step: Step, back: bool, accept: Collection[str] | str) -> None:
    if back:
        if any(command.was_changed_elsewhere() for command in step.commands):
            check_hazards([changed_elsewhere(step, "Undo puts the values before the edit back")], accept)
        undo_all(step.commands)
    else:
        if any(changed_since_undo(command) for command in step.commands):
            check_hazards([changed_elsewhere(step, "Redo writes over it")], accept)
        do_all(step.commands)
    document.settle(step)


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
