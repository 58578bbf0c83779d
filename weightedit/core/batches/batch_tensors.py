"""The rows of an edit of tensors: which are meant, which are left and why, which are refused, which go together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from weightedit.core.batches.batch import IN, LEFT, REFUSED, TIED, Batch, BatchRow, BatchWork, Measured
from weightedit.core.checks.shapes import argument_hazards
from weightedit.core.described.targets import find_slots
from weightedit.core.edit import Edit
from weightedit.core.edits.editing import plan_of
from weightedit.core.edits.leaving import Left
from weightedit.core.edits.plan import Plan, Target, group_by_tensor
from weightedit.core.edits.preflight import structural_hazards
from weightedit.core.errors import EditRefused
from weightedit.core.hazards import Hazard
from weightedit.core.operation import Operation
from weightedit.core.progress import Progress
from weightedit.core.slots import Slot

if TYPE_CHECKING:
    from weightedit.core.document import Document

Because = Callable[[Slot], str]


def tensor_batch(document: Document, declared: Operation, edit: Edit, progress: Progress,
                 known: Mapping[str, Measured]) -> Batch:  # fmt: skip
    """Return the rows of a write, a rebind or a flag; raises `EditRefused` where the targets mean nothing."""
    meant = find_slots(document, list(edit.targets))
    order = {id(slot): place for place, slot in enumerate(document.slots)}
    meant.sort(key=lambda slot: order[id(slot)])
    because = _because(document, edit)
    left = {slot.name: why for slot in meant if (why := because(slot))}
    planned = _Planned(document, declared, edit, progress)
    planned.plan_whole()
    if not planned.is_whole:
        planned.plan_each([slot for slot in meant if slot.name not in left])
    hazards = planned.hazards_by_row(meant)
    rows, targets = [], dict[str, Target]()
    for slot in meant:
        row, target = _row(slot, left, planned, hazards)
        rows.append(row)
        if target is not None:
            targets[row.name] = target
    for place, row in enumerate(rows):
        if row.state == LEFT:
            progress.advance(0)
            rows[place], target = planned.plan_left(row)
            targets |= {} if target is None else {row.name: target}
    work = BatchWork(planned.plan, targets, known, progress, document.chunk) if planned.plan is not None else None
    return Batch(edit, rows, planned.rest, work)


def _because(document: Document, edit: Edit) -> Because:
    """Return what says which pattern leaves a slot, or nothing."""
    each = [(pattern, Left((pattern,), lambda name: document.find(name) is not None)) for pattern in edit.leave]

    def because(slot: Slot) -> str:
        return next((pattern for pattern, left in each if left.slot(slot)), "")

    return because


class _Planned:
    """The plan of an edit as a whole, or of each tensor where the whole is refused.

    Attributes
    ----------
    plan
        With every target that can be done; None where none can.
    targets
        By the id of each slot they hold.
    refused
        Refusals by the id of a slot, for those planned alone.
    said
        Refusals of the whole, and afterwards what its structure shows.
    rest
        Those of them that are about no single row.
    also
        By the id of a slot: what is about it too and stands with another one.
    """

    def __init__(self, document: Document, declared: Operation, edit: Edit, progress: Progress) -> None:
        self._document, self._declared, self._edit, self._progress = document, declared, edit, progress
        self.plan: Plan | None = None
        self.targets: dict[int, Target] = {}
        self.refused: dict[int, list[Hazard]] = {}
        self.said: list[Hazard] = []
        self.rest: list[Hazard] = []
        self.also: dict[int, list[Hazard]] = {}
        self.is_whole = False

    def plan_whole(self) -> None:
        """Plan the edit as it will be applied."""
        try:
            self.plan = plan_of(self._document, self._declared, self._edit, self._progress)
        except EditRefused as error:
            self.said = list(error.hazards)
            return
        self.is_whole = True
        self._take(self.plan.targets)

    def _take(self, targets: Iterable[Target]) -> None:
        for target in targets:
            self.targets.update((id(slot), target) for slot in target.slots)

    def plan_each(self, slots: Sequence[Slot]) -> None:
        """Plan every tensor by itself, so that one that is refused does not hide the others."""
        if not slots:
            return
        named = replace(self._edit, targets=tuple(slot.name for slot in slots), leave=())
        plans, unnamed = [], 0
        groups = group_by_tensor(self._document, self._declared, named)
        for group in groups:
            found = self.plan_alone([slot.name for slot in group])
            if isinstance(found, Plan):
                plans.append(found)
                continue
            unnamed += any(not one.targets for one in found)
            for slot in group:
                self.refused[id(slot)] = found
        if unnamed < len(groups):  # else it is about the edit, such as an argument
            self.said = [one for one in self.said if one.targets]
        targets = [target for plan in plans for target in plan.targets]
        if plans:
            hazards = [hazard for target in targets for hazard in argument_hazards(target, self._declared, self._edit)]
            self.plan = replace(plans[0], edit=self._edit, targets=targets, hazards=hazards)
            self._take(targets)

    def plan_alone(self, names: Sequence[str]) -> Plan | list[Hazard]:
        """Return the plan of one tensor, or what refuses it."""
        try:
            one = replace(self._edit, targets=tuple(names), leave=())
            return plan_of(self._document, self._declared, one, self._progress)
        except EditRefused as error:
            return list(error.hazards)

    def plan_left(self, row: BatchRow) -> tuple[BatchRow, Target | None]:
        """Return a row that is left with what the edit would do to it, and its target."""
        found = self.plan_alone([row.name])
        if not isinstance(found, Plan):
            return replace(row, said=tuple(found)), None
        self.plan = self.plan or replace(found, edit=self._edit, targets=[], hazards=[])
        said = structural_hazards(self._document, found)
        return replace(row, said=tuple(said), after=found.targets[0].result), found.targets[0]

    def hazards_by_row(self, meant: Sequence[Slot]) -> dict[int, list[Hazard]]:
        """Share out the hazards of the whole among the slots they are about, a refusal to all, others to the first.

        What the others have with the first of them is put down in `also`.
        """
        if self.plan is not None:
            self.said += [one for one in structural_hazards(self._document, self.plan) if one not in self.said]
        by_name = {slot.name: slot for slot in meant}
        by_storage: dict[int, list[Slot]] = {}
        for slot in meant:
            if id(slot) in self.targets and not slot.held.is_deferred:
                by_storage.setdefault(id(slot.storage), []).append(slot)
        found = {key: list(hazards) for key, hazards in self.refused.items()}
        for hazard in self.said:
            is_refusal = hazard.level == "refusal"
            about = [by_name[name] for name in hazard.targets if name in by_name]
            if not is_refusal:  # a notice of what changes along names other tensors
                about = [slot for slot in about if id(slot) in self.targets]
                for slot in about[1:]:
                    self.also.setdefault(id(slot), []).append(hazard)
                about = about[:1] or self._over_the_same(hazard, by_storage, found)
            if not about and hazard not in self.rest:
                self.rest.append(hazard)
            for slot in about:
                listed = found.setdefault(id(slot), [])
                listed += [] if is_refusal and hazard in listed else [hazard]
        return found

    def _over_the_same(self, hazard: Hazard, by_storage: Mapping[int, list[Slot]],
                       found: Mapping[int, list[Hazard]]) -> list[Slot]:  # fmt: skip
        """Return the slot whose edit changes what a hazard names: one over the same storage, each in its turn."""
        for name in hazard.targets:
            other = self._document.find(name)
            if other is not None and not other.held.is_deferred:
                for slot in by_storage.get(id(other.storage), ()):
                    if hazard not in found.get(id(slot), ()):
                        return [slot]
        return []


def _row(slot: Slot, left: Mapping[str, str], planned: _Planned,
         hazards: Mapping[int, list[Hazard]]) -> tuple[BatchRow, Target | None]:  # fmt: skip
    said = tuple(hazards.get(id(slot), ()))
    row = BatchRow(slot.name, IN, before=slot.spec, names=(slot.name,), said=said,
                   also=tuple(planned.also.get(id(slot), ())))  # fmt: skip
    if slot.name in left:
        return replace(row, state=LEFT, why=left[slot.name], said=(), also=()), None
    target = planned.targets.get(id(slot))
    refused = next((one for one in said if one.level == "refusal"), None)
    if refused is not None or target is None:
        first = refused or next(iter(planned.rest), None)
        why = "" if first is None else first.title
        return replace(row, state=REFUSED, why=why), None
    names = tuple(one.name for one in target.slots if one.name not in left)
    if target.slots[0] is not slot:
        return replace(row, state=TIED, why=target.name, names=names, after=target.result), None
    return replace(row, names=names, before=target.spec, after=target.result), target
