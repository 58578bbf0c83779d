"""The rows of an edit of entries, such as one that deletes or renames many."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weightedit.core.batches.batch import IN, LEFT, REFUSED, Batch, BatchRow
from weightedit.core.edit import Edit
from weightedit.core.edits.draft import Draft
from weightedit.core.edits.drafting import entries_of, steps_of
from weightedit.core.errors import EditRefused
from weightedit.core.operation import Operation
from weightedit.core.slots import Entry
from weightedit.core.spec import TensorSpec

if TYPE_CHECKING:
    from weightedit.core.document import Document


def entry_batch(document: Document, declared: Operation, edit: Edit) -> Batch:
    """Return a row for each entry; raises `EditRefused` where the targets mean nothing."""
    meant = entries_of(document, declared, edit, left=False)
    try:
        steps = steps_of(document, declared, edit)
    except EditRefused as error:
        return _refused(edit, meant, error)
    draft = Draft(document)
    if steps.at_once:
        draft.give_up(entry for entry, _ in steps.each)
    rows: dict[int, BatchRow] = {}
    for entry, arguments in steps.each:
        lines, hazards = len(draft.lines), len(draft.hazards)
        try:
            declared.compute(draft, entry, **arguments)
        except EditRefused as error:
            rows[id(entry)] = BatchRow(entry.name, REFUSED, error.hazards[0].title, _spec(entry), None, (entry.name,),
                                       tuple(error.hazards))  # fmt: skip
            continue
        rows[id(entry)] = BatchRow(entry.name, IN, "", _spec(entry), None, (entry.name,),
                                   tuple(draft.hazards[hazards:]), "; ".join(draft.lines[lines:]))  # fmt: skip
    others = [row for key, row in rows.items() if key not in {id(entry) for entry in meant}]
    found = [rows.get(id(entry)) or BatchRow(entry.name, LEFT, _why(edit), _spec(entry), None, (entry.name,))
             for entry in meant]  # fmt: skip
    return Batch(edit, found + others)


def _why(edit: Edit) -> str:
    return ", ".join(edit.leave) if edit.leave else "it is so already"


def _refused(edit: Edit, meant: list[Entry], error: EditRefused) -> Batch:
    """Return rows of an edit that is refused before its first step."""
    named = {name for hazard in error.hazards for name in hazard.targets}
    about = {name: tuple(hazard for hazard in error.hazards if name in hazard.targets) for name in named}
    rows = [BatchRow(entry.name, REFUSED if entry.name in named else IN,
                     about[entry.name][0].title if entry.name in named else "", _spec(entry), None, (entry.name,),
                     about.get(entry.name, ())) for entry in meant]  # fmt: skip
    names = {entry.name for entry in meant}
    return Batch(edit, rows, [hazard for hazard in error.hazards if not names & set(hazard.targets)])


def _spec(entry: Entry) -> TensorSpec | None:
    return None if entry.slot is None else entry.slot.spec
