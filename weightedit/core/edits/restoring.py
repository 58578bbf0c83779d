"""Putting tensors back to what a snapshot holds, as one step: values by `copy_`, another shape or dtype by a rebind."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, cast

from weightedit.core.described.targets import SlotIndex, find_slots
from weightedit.core.edit import Edit, TensorName
from weightedit.core.edits.consent import check_hazards
from weightedit.core.edits.editing import hazards_of, step_of
from weightedit.core.edits.execute import execute
from weightedit.core.edits.plan import Bench, Plan, make_plan, place_of
from weightedit.core.edits.preflight import sorted_hazards
from weightedit.core.edits.workshop import Workshop
from weightedit.core.errors import EditRefused
from weightedit.core.hazards import Hazard, refusal
from weightedit.core.history import Step
from weightedit.core.progress import Progress
from weightedit.core.slots import Slot
from weightedit.core.snapshot import Kept, Snapshot
from weightedit.core.stage import copies
from weightedit.core.undo.history_compare import measure
from weightedit.core.undo.snapshotting import RESTORE
from weightedit.core.values.pinned import PinnedTensor
from weightedit.core.words.labels import place
from weightedit.core.words.paths import counted, some

if TYPE_CHECKING:
    from weightedit.core.document import Document


@dataclass(frozen=True, slots=True)
class Restoring:
    """What restoring does: plans of `set` and `replace`, and what the person should know."""

    edit: Edit
    plans: tuple[Plan, ...]
    hazards: tuple[Hazard, ...]


def plan_restore(document: Document, snapshot: Snapshot, targets: object, progress: Progress) -> Restoring:
    """Work out which tensors differ from a snapshot, and the edits that put them back.

    Raises
    ------
    EditRefused
        If nothing matches, nothing differs, or a tensor cannot take its old values.
    """
    kept = cast("list[Kept]", find_slots(cast("SlotIndex", snapshot), targets))
    present = set(document.slots)
    gone = [one for one in kept if one.slot not in present]
    edit = Edit(RESTORE, tuple(one.name for one in kept), None, MappingProxyType({"snapshot": snapshot.name}))
    progress.begin(f"Comparing with {snapshot.name}", sum(one.spec.nbytes for one in kept))
    plans = _merged(_plans(document, [one for one in kept if one.slot in present], progress))
    hazards: list[Hazard] = []
    if gone:
        names = tuple(one.name for one in gone)
        hazards.append(Hazard("not-found", "warning", f"{counted(len(gone), 'tensor')} of {snapshot.name} not restored",
                              f"{some(list(names))}: deleted since. Undo brings back what was deleted.",
                              names, len(names)))  # fmt: skip
    if not plans:
        raise EditRefused([_nothing(snapshot, gone, kept)])
    for plan in plans:
        found = hazards_of(document, plan, progress)[0]
        hazards += [replace(hazard, alternatives=(), labels=()) for hazard in found
                    if hazard.kind != "alias"]  # the source is of the snapshot, not the slot of that name
    return Restoring(edit, tuple(plans), tuple(sorted_hazards(hazards)))


def _nothing(snapshot: Snapshot, gone: Sequence[Kept], kept: Sequence[Kept]) -> Hazard:
    """Return the refusal of a restore that would change nothing, with what is not there to be restored."""
    names = [one.name for one in gone]
    absent, back = set(gone), "Undo brings back what was deleted."
    if len(gone) == len(kept):
        verb, them = ("was", "it") if len(gone) == 1 else ("were", "them")
        return refusal("not-found", f"{some(names)} {verb} deleted since {snapshot.name} was taken",
                       f"A restore does not bring {them} back. {back}", targets=names, count=len(names))  # fmt: skip
    left = [one.slot.name for one in kept if one not in absent]
    which = f"{some(left)} {'does' if len(left) == 1 else 'do'} not differ from {snapshot.name}"
    is_all = len(kept) == len(snapshot.tensors)
    if not gone:
        return refusal("argument", f"Nothing differs from {snapshot.name}" if is_all else which,
                       "There is nothing to restore.")  # fmt: skip
    return refusal("not-found", f"What is left of {snapshot.name} does not differ from it" if is_all else which,
                   f"{some(names)}: deleted since. {back}", targets=names, count=len(names))  # fmt: skip


def _plans(document: Document, kept: Sequence[Kept], progress: Progress) -> Iterator[Plan]:
    """Yield the plan of each tensor that differs; slots that are tied now and were then are one."""
    groups: dict[object, list[Kept]] = {}
    for one in kept:
        groups.setdefault(place_of(one.slot), []).append(one)
    for group in groups.values():
        alike = all((one.content, one.spec) == (group[0].content, replace(group[0].spec, kind=one.spec.kind))
                    for one in group)  # fmt: skip
        for one in group[:1] if alike else group:
            if _differs(one, progress):
                yield _plan(document, one, "all" if alike else "untie", progress)
        progress.advance(sum(one.spec.nbytes for one in group))


def _differs(kept: Kept, progress: Progress) -> bool:
    now = PinnedTensor.of(kept.slot)
    if (now.spec.shape, now.spec.dtype) != (kept.spec.shape, kept.spec.dtype):
        return True
    if now.content is kept.content and (now.spec.stride, now.spec.offset) == (kept.spec.stride, kept.spec.offset):
        return False
    return measure(kept.pinned, now, lambda _: progress.advance(0)).changed > 0


def _plan(document: Document, kept: Kept, tied: str, progress: Progress) -> Plan:
    now = kept.slot.spec
    same = (now.shape, now.dtype) == (kept.spec.shape, kept.spec.dtype)
    name, argument = ("set", "values") if same and tied == "all" else ("replace", "source")
    edit = Edit(name, (kept.slot.name,), None, MappingProxyType({argument: TensorName(kept.name)}), tied=tied)
    bench = Bench(lambda _: kept.pinned, copies, document.conditions, document.spill, document.chunk,
                  lambda: progress.advance(0))  # fmt: skip
    return make_plan(document, document.operations[name], edit, bench)


def _merged(plans: Iterator[Plan]) -> list[Plan]:
    """Join plans of one operation, so that writes into one storage become one."""
    found: dict[tuple[str, str], Plan] = {}
    for plan in plans:
        known = found.setdefault((plan.edit.operation, plan.edit.tied), plan)
        if known is not plan:
            known.targets += plan.targets
            known.hazards += plan.hazards
            known.edit = replace(known.edit, targets=known.edit.targets + plan.edit.targets)
    return list(found.values())


def restored(document: Document, snapshot: Snapshot, targets: object, accept: Collection[str] | str,
             progress: Progress) -> Step:  # fmt: skip
    """Compute a restore and return it as a step that was not done yet."""
    found = plan_restore(document, snapshot, targets, progress)
    edit = replace(found.edit, accepted=check_hazards(found.hazards, accept))
    work = sum(target.nbytes for plan in found.plans for target in plan.targets)
    document.history.check_room(work * (2 if document.is_live else 1))
    progress.begin(f"Restoring {snapshot.name}", work)
    shop = Workshop.of(document, progress)
    steps = [step_of(document, plan, plan.edit, tuple(execute(plan, shop))) for plan in found.plans]
    slots: list[Slot] = [slot for plan in found.plans for target in plan.targets for slot in target.slots]
    return Step(edit, tuple(command for step in steps for command in step.commands), f"restore {snapshot.name}",
                place(edit, [slot.name for slot in slots]), frozenset().union(*(step.names for step in steps)),
                {name: region for step in steps for name, region in step.regions.items()}, datetime.now(),
                any(step.structure for step in steps))  # fmt: skip
