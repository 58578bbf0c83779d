"""Edits that take the other tensors of a module along, where one of them is given another number of rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from weightedit.core.edit import Edit
from weightedit.core.edits.compute import surveyed
from weightedit.core.edits.plan import Plan, make_plan
from weightedit.core.errors import EditRefused
from weightedit.core.live.attributes import ModuleChange
from weightedit.core.live.changes import changes_of
from weightedit.core.words.labels import listed
from weightedit.core.words.paths import counted

if TYPE_CHECKING:
    from weightedit.core.document import Document

ALONG_ROWS = ("delete_rows", "insert_rows", "slice", "permute_rows", "pad")
"""Operations that do the same to every tensor with the same rows."""
Offer = tuple[Edit, str]


def sibling_offers(plan: Plan, change: ModuleChange, edited: Sequence[str], document: Document) -> Iterator[Offer]:
    """Yield the same edit on the module's other tensors too, or what has to be done to those by itself.

    Parameters
    ----------
    plan
        The edit, of some of the module's tensors.
    change
        What it means for the module.
    edited
        Their names.
    document
        The document.
    """
    edit = plan.edit
    if plan.operation.name not in ALONG_ROWS or edit.arguments.get("dim", 0) != 0:
        return
    dot = f"{change.name}." if change.name else ""
    names = [name for key in change.siblings
             if (name := f"{dot}{key}") not in edited and document.find(name) is not None]  # fmt: skip
    names = names or _with_as_many_rows(plan, dot, edited, document)
    if not names:
        return
    all_names = list(names)
    for _ in range(2):  # what a weight is computed from first, and then what does not fit that weight
        both = _both(edit, plan.operation.name, all_names)
        left = None if both is None else _left_over(plan, both, change, document)
        if both is not None and left == []:
            yield both, f"Do the same to {listed([name.removeprefix(dot) for name in all_names])}"
            return
        all_names += [name for key in left or () if (name := f"{dot}{key}") not in (*edited, *all_names)
                      and document.find(name) is not None]  # fmt: skip
    beside = _beside(plan, names, edited, document)
    if beside is not None and _left_over(plan, beside[0], None, document) == []:
        yield beside


def _with_as_many_rows(plan: Plan, dot: str, edited: Sequence[str], document: Document) -> list[str]:
    """Return the tensors of a module that had as many rows as the edited one, where that one is what does not fit."""
    sizes = {target.spec.shape[:1] for target in plan.targets for slot in target.slots if slot.name in edited}
    return [slot.name for slot in document.slots
            if slot.name.startswith(dot) and "." not in slot.name.removeprefix(dot) and slot.name not in edited
            and slot.spec.shape and slot.spec.shape[:1] in sizes]  # fmt: skip


def _both(edit: Edit, operation: str, names: Sequence[str]) -> Edit | None:
    region = edit.region
    if operation == "slice":
        rows, *rest = str(region).strip().removeprefix("[").removesuffix("]").split(",")
        if not isinstance(region, str) or any(part.strip() not in (":", "...") for part in rest):
            return None
        region = f"[{rows.strip()}]"
    return replace(edit, targets=(*edit.targets, *names), region=region)


def _left_over(plan: Plan, edit: Edit, change: ModuleChange | None, document: Document) -> list[str] | None:
    """Return keys of what would still not fit the module, None where the edit cannot be planned; computes no value."""
    operation = document.operations[edit.operation]
    try:
        found = make_plan(document, operation, edit, plan.bench)
        for target in found.targets if operation.prepare is not None else ():
            surveyed(found, target)
    except EditRefused:
        return None
    left = changes_of(found, document.entries, document.origin.root) if change is not None else []
    unfit = [one for one in left if change is not None and one.module is change.module and one.complaints]
    return [key for one in unfit for key in (one.siblings or ("",))]


def _beside(plan: Plan, names: Sequence[str], edited: Sequence[str], document: Document) -> Offer | None:
    """Return what to do to tensors of one dimension where the edit as it is does not fit them."""
    edit = plan.edit
    slots = [slot for name in names if (slot := document.find(name)) is not None]
    if not slots or any(len(slot.spec.shape) != 1 for slot in slots):
        return None
    if plan.operation.name == "insert_rows":
        count = int(edit.arguments["count"])
        return replace(edit, targets=tuple(names), arguments={**edit.arguments, "method": "zeros"}), \
            f"Add {count:,} zero{'' if count == 1 else 's'} to {listed(list(names))}"  # fmt: skip
    if plan.operation.name == "pad":
        pad = list(edit.arguments["pad"])
        rows = {len(target.spec.shape) for target in plan.targets for slot in target.slots if slot.name in edited}
        if len(rows) != 1 or len(pad) != 2 * (dims := rows.pop()) or any(pad[: 2 * dims - 2]):
            return None
        given = type(edit.arguments["pad"])(pad[-2:])
        return replace(edit, targets=tuple(names), arguments={**edit.arguments, "pad": given}), \
            f"Pad {listed(list(names))} by {counted(sum(pad[-2:]), 'value')} too"  # fmt: skip
    return None
