"""The rows of an edit of which slots hold one and the same tensor, such as one that unties many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from weightedit.core.batches.batch import IN, LEFT, REFUSED, Batch, BatchRow, Measured
from weightedit.core.described.targets import find_slots
from weightedit.core.edit import Edit
from weightedit.core.edits.leaving import Left
from weightedit.core.edits.tying import Sharing, sharing_of
from weightedit.core.errors import EditRefused
from weightedit.core.hazards import Hazard
from weightedit.core.operation import Operation
from weightedit.core.progress import Progress
from weightedit.core.slots import Slot

if TYPE_CHECKING:
    from weightedit.core.document import Document

ALREADY = "it is so already"


def sharing_batch(document: Document, declared: Operation, edit: Edit, progress: Progress) -> Batch:
    """Return a row for each slot; raises `EditRefused` where the targets mean nothing."""
    left = Left(edit.leave, lambda name: document.find(name) is not None)
    meant = find_slots(document, list(edit.targets))
    try:
        sharing = sharing_of(document, declared, edit, progress)
    except EditRefused as error:
        return _shared_out(edit, [_row(slot, left, edit, None) for slot in meant], error.hazards)
    return _shared_out(edit, [_row(slot, left, edit, sharing) for slot in meant], sharing.hazards)


def _row(slot: Slot, left: Left, edit: Edit, sharing: Sharing | None) -> BatchRow:
    row = BatchRow(slot.name, IN, "", slot.spec, slot.spec, (slot.name,))
    if edit.leave and left.slot(slot):
        return replace(row, state=LEFT, why=", ".join(edit.leave))
    if sharing is None:
        return row
    move = next((move for move in sharing.moves if slot in move.slots), None)
    if move is None:
        return replace(row, state=LEFT, why=ALREADY)
    line = "holds a copy of its own" if move.like is None else f"holds the tensor of {move.like.name}"
    given_up = Measured((), move.differing, 0 if move.like is None else slot.spec.numel)
    first = slot is move.slots[0]  # the others are at the same place of the same container
    return replace(row, line=f"{slot.name} {line}", measured=given_up if first else Measured())


def _shared_out(edit: Edit, rows: list[BatchRow], hazards: Sequence[Hazard]) -> Batch:
    """Put each hazard in the first row it names, and beside the others; a refusal in all of them."""
    places = {row.name: place for place, row in enumerate(rows)}
    rest = []
    for hazard in hazards:
        about = [places[name] for name in hazard.targets if name in places]
        if not about:
            rest.append(hazard)
        for place in about if hazard.level == "refusal" else about[:1]:
            row = rows[place]
            state = (REFUSED, hazard.title) if hazard.level == "refusal" else (row.state, row.why)
            rows[place] = replace(row, state=state[0], why=state[1], said=(*row.said, hazard))
        for place in about[1:] if hazard.level != "refusal" else ():
            if rows[place].is_in:
                rows[place] = replace(rows[place], also=(*rows[place].also, hazard))
    return Batch(edit, rows, rest)
