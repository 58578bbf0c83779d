"""What else changes with a write, and what a rebind takes apart."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from weightedit.core.checks.tying import refuse_joining
from weightedit.core.edit import Edit, TensorName
from weightedit.core.edits.plan import Plan, Target, place_of
from weightedit.core.errors import EditRefused
from weightedit.core.hazards import Hazard
from weightedit.core.shared.sharing import common_cells
from weightedit.core.slots import Slot, can_put
from weightedit.core.words.labels import listed


def sharing_hazards(plan: Plan, slots: Sequence[Slot], group: Callable[[Slot], str | None]) -> Iterable[Hazard]:
    """Yield `shared-storage` and `unties` of every target; `group` gives the label of a slot's storage."""
    effect = plan.operation.effect
    if effect not in ("write", "rebind"):
        return
    named = {id(slot) for target in plan.targets for slot in target.slots}
    members: dict[int, list[Slot]] = {}
    wanted = {id(t.slots[0].storage) for t in plan.targets if not t.slots[0].held.is_deferred and group(t.slots[0])}
    for slot in slots if wanted else ():
        if not slot.held.is_deferred and id(slot.storage) in wanted:
            members.setdefault(id(slot.storage), []).append(slot)
    yield from _copied(plan, slots)
    for target in plan.targets:
        others = [slot for slot in members.get(id(target.slots[0].storage), []) if slot not in target.slots]
        if effect == "write" and not target.clones_first:
            yield from _shared(target, others, named, group)
        else:
            yield from _untied(target, others, named, plan.edit, group)


def _copied(plan: Plan, slots: Sequence[Slot]) -> Iterable[Hazard]:
    """Say that a tensor put in another's place is a copy of its source, where both are slots of one document."""
    source = plan.edit.arguments.get("source")
    if plan.operation.effect != "rebind" or not isinstance(source, TensorName) or source.file is not None:
        return
    like = next((slot for slot in slots if slot.name == source.tensor), None)
    for target in plan.targets:
        if source.tensor in [slot.name for slot in target.slots]:
            continue
        tie = Edit("tie", (target.name,), None, {"to": source})
        fits = like is not None and _can_tie(target.slots[0], like, tie)
        names = tuple(slot.name for slot in target.slots)
        yield Hazard("alias", "notice", f"{target.name} gets a copy of {source.tensor}",
                     "They share no storage: a later write to one does not show in the other.",
                     (*names, source.tensor), len(names),
                     alternatives=(tie,) if fits else (),
                     labels=("Tie them instead",) if fits else ())  # fmt: skip


def _can_tie(slot: Slot, like: Slot, edit: Edit) -> bool:
    """Whether `tie` would let a slot hold the tensor of another."""
    try:
        refuse_joining(slot, like, edit)
    except EditRefused:
        return False
    return can_put(slot.owner)


def _shared(target: Target, others: list[Slot], named: set[int],
            group: Callable[[Slot], str | None]) -> Iterable[Hazard]:  # fmt: skip
    """Say which other slots change with a write, and which of their cells."""
    changed: list[tuple[Slot, int, str]] = []
    for slot in others:
        if id(slot) in named:
            continue
        cells = [common_cells(target.spec, box, slot.spec) for box in target.boxes if box.numel]
        hits = [cell for cell in cells if cell is not None]
        if hits:
            changed.append((slot, sum(count for count, _ in hits), hits[0][1]))
    if changed:
        names = listed([slot.name for slot, _, _ in changed], 2 if len(changed) == 2 else 1)
        cells_text = "; ".join(f"cells {region} of {slot.name}" for slot, _, region in changed)
        yield Hazard("shared-storage", "notice", f"Also changes {names}",
                     f"It shares storage {group(target.slots[0])}: {cells_text} change as well.",
                     tuple(slot.name for slot, _, _ in changed), sum(count for _, count, _ in changed),
                     tuple(region for _, _, region in changed), (Edit("untie", (target.name,)),),
                     ("Untie first",))  # fmt: skip


def _untied(target: Target, others: list[Slot], named: set[int], edit: Edit,
            group: Callable[[Slot], str | None]) -> Iterable[Hazard]:  # fmt: skip
    place = place_of(target.slots[0])
    tied = [slot for slot in others if place_of(slot) == place]
    views = [slot for slot in others if place_of(slot) != place and id(slot) not in named]
    if edit.tied == "all" and len(target.slots) > 1:
        rest = ", ".join(slot.name for slot in target.slots[1:])
        yield Hazard("unties", "notice", f"{target.name} and {rest} stay tied", "All of them get the new tensor.",
                     tuple(slot.name for slot in target.slots), len(target.slots),
                     alternatives=(replace(edit, tied="untie", targets=(target.name,)),))  # fmt: skip
    if tied:
        rest = ", ".join(slot.name for slot in tied)
        yield Hazard("unties", "notice", f"{target.name} is no longer tied to {rest}", f"{rest} keeps the old tensor.",
                     tuple(slot.name for slot in (target.slots[0], *tied)), len(tied),
                     alternatives=(replace(edit, tied="all"),))  # fmt: skip
    if views:
        rest = ", ".join(slot.name for slot in views)
        yield Hazard("unties", "notice", f"{target.name} leaves storage {group(target.slots[0])}",
                     f"{rest} keeps the old storage, and edits of one no longer show in the other.",
                     tuple(slot.name for slot in views), len(views))  # fmt: skip
