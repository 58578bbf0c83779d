"""What several edits would do one after the other, each on what those before it lead to, before any of them is made.

Tensors that an edit would make are computed where a check of a later one looks at them; nothing is written out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

from weightedit.core.commands import Command, Rebind
from weightedit.core.described.targets import find_slots
from weightedit.core.dtypes import numpy_dtype
from weightedit.core.edit import Edit
from weightedit.core.edits.compute import ComputedTensor
from weightedit.core.edits.drafted import NewTensor
from weightedit.core.edits.drafting import draft_of
from weightedit.core.edits.editing import carry_out, completed, plan_of, step_of
from weightedit.core.edits.outlook import Rehearsal
from weightedit.core.edits.plan import Plan, Target
from weightedit.core.edits.preflight import sorted_hazards
from weightedit.core.edits.twin import Twin
from weightedit.core.edits.workshop import Workshop
from weightedit.core.errors import EditRefused
from weightedit.core.hazards import Hazard
from weightedit.core.history import Step
from weightedit.core.operation import Operation
from weightedit.core.progress import CancelFlag, Progress, Report
from weightedit.core.region import Box, parse_region, shape_text
from weightedit.core.slots import Described, HeldTensor, Slot
from weightedit.core.spec import TensorSpec
from weightedit.core.stage import bytes_of, staged
from weightedit.core.storage import Storage
from weightedit.core.values.pinned import CHUNK, Chunks, PinnedRegion, Readable
from weightedit.core.values.reading import pieces
from weightedit.core.writing.alone import RegionBytes

if TYPE_CHECKING:
    import torch

    from weightedit.core.document import Document


MOST_LINES = 200
"""Lines of what changes that are kept of one rehearsal."""


def rehearsed(document: Document, edits: Sequence[Edit], *, progress: Report | None = None,
              cancel: CancelFlag | None = None) -> Rehearsal:  # fmt: skip
    """Return what edits in order would do; nothing is changed.

    The first is looked at as `Document.preflight` does it. Those after it are looked at on a twin of the document,
    which is none of live tensors: what only these know, such as an optimizer, is said when they are applied. The
    first that is refused ends it.

    Parameters
    ----------
    document
        What they are for.
    edits
        In the order in which they will be applied.
    progress, cancel
        Called with (label, done, total); checked between pieces.

    Raises
    ------
    Cancelled
        If `cancel` was set.
    """
    found: list[Hazard] = []
    twin = Twin(document)
    for place, edit in enumerate(edits):
        said = (twin if place else document).preflight(edit, progress=progress, cancel=cancel)
        found += said
        if any(hazard.level == "refusal" for hazard in said):
            break
        try:
            _go_on(twin, edit, Progress(progress, cancel))
        except EditRefused as error:  # by a twin of live tensors alone, where it is the first
            found += error.hazards if place or len(edits) > 1 else []
            break
    once = {(hazard.kind, hazard.message, hazard.targets): hazard for hazard in found}
    lines = list(_changes(twin))
    return Rehearsal(tuple(sorted_hazards(once.values())), _lost(twin), len(lines), tuple(lines[:MOST_LINES]))


def reads(document: Document, edits: Sequence[Edit]) -> int:
    """Return how many bytes a rehearsal of edits reads at most, as far as their tensors are there before the first."""
    total = 0
    for edit in edits:
        declared = document.operations.get(edit.operation)
        if declared is None or declared.effect not in ("write", "rebind") or \
                (declared.moves is True and declared.parameter("dtype") is None):  # fmt: skip
            continue  # places alone change, which is known without a look
        for target in edit.targets:
            with suppress(EditRefused):
                total += sum(slot.spec.nbytes for slot in find_slots(document, [target]))
    return total


def _lost(twin: Twin) -> int:
    """Return how many values its edits took out of tensors, or with them."""
    lost = 0
    there = {id(slot.held) for slot in twin.slots}
    for step in twin.history.steps:
        for command in step.commands:
            if isinstance(command, Rebind):
                lost += max(0, command.before[1].spec.numel - command.after[1].spec.numel)
        gone = {id(slot.held): slot.held for slot, _ in step.layout.gone}
        lost += sum(held.spec.numel for key, held in gone.items() if key not in there)
    return lost


def _changes(twin: Twin) -> Iterator[str]:
    """Yield what becomes of each slot that is not what it was."""
    there = set(map(id, twin.slots))
    for slot in twin.was:
        name, held = slot.saved
        if id(slot) not in there:
            yield f"{name} goes"
        elif slot.name != name:
            yield f"{name} becomes {slot.name}{_made_of(held.saved, slot)}"
        elif said := _made_of(held.saved, slot):
            yield f"{name}{said}"
        elif slot.held is not held or held.is_rebound:
            yield f"{name} is made anew" if slot.held is held else f"{name} becomes one with another tensor"
    known = set(map(id, twin.was))
    for slot in twin.slots:
        if id(slot) not in known:
            yield f"{slot.name} comes, {shape_text(slot.spec.shape)} {slot.spec.dtype}"


def _made_of(before: Described | None, slot: Slot) -> str:
    if before is None:  # nobody looked, so nothing was done to it
        return ""
    was, now = before.spec, slot.spec
    parts = [] if was.shape == now.shape else [f"{shape_text(was.shape)} → {shape_text(now.shape)}"]
    parts += [] if was.dtype == now.dtype else [f"{was.dtype} → {now.dtype}"]
    return f": {', '.join(parts)}" if parts else ""


def _go_on(twin: Twin, given: Edit, progress: Progress) -> None:
    """Be what the twin is after an edit."""
    declared, edit = completed(twin, given)
    if declared.effect == "restructure":
        twin.commit(_restructured(twin, declared, edit, progress))
        return
    if declared.effect in ("write", "rebind") and not declared.relocates:
        plan = plan_of(twin, declared, edit, progress)
        if all(_is_whole(twin, plan, target) for target in plan.targets):
            commands = [command for target in plan.targets for command in _bound(plan, target)]
            twin.commit(step_of(twin, plan, edit, tuple(commands)))
            return
    twin.commit(carry_out(twin, declared, edit, "all", progress))


def _restructured(twin: Twin, declared: Operation, edit: Edit, progress: Progress) -> Step:
    draft = draft_of(twin, declared, edit)
    commands = tuple(draft.commands(Workshop.of(twin, progress), _unfilled))
    return Step(edit, commands, "", "", frozenset(draft.names), dict.fromkeys(draft.names), datetime.now(), True)


def _unfilled(new: NewTensor) -> HeldTensor:
    spec = replace(new.spec.fresh(), device="cpu")
    return HeldTensor((spec, Storage(_as_bytes(_Filled(spec, new.fill)))))


def _is_whole(twin: Twin, plan: Plan, target: Target) -> bool:
    """Whether all of a tensor is made anew and no other one sees it, so that it can be thought of as another one."""
    if plan.operation.effect == "rebind":
        return True
    spec, boxes = target.spec, target.boxes
    return (target.condition is None and len(boxes) == 1 and boxes[0].is_whole(spec.shape)
            and len(target.held) == 1 and twin.storage_group(target.slots[0]) is None)  # fmt: skip


def _bound(plan: Plan, target: Target) -> list[Command]:
    """Give the slots of a target the tensor that it becomes."""
    result = target.result.fresh()
    storage = Storage(_as_bytes(ComputedTensor(plan, target, Box.whole(result.shape))))
    made: list[Command] = []
    for held in target.held:
        before = held.described
        grad = before.spec.requires_grad and (result.type.is_floating or result.type.family == "complex")
        own = replace(result, kind=before.spec.kind, requires_grad=grad, device=before.spec.device)
        after = Described(own, storage)
        now = HeldTensor(after) if plan.edit.tied == "untie" else held
        made.append(Rebind([slot for slot in target.slots if slot.held is held], (held, before), (now, after), 0))
    return made


def _as_bytes(values: Readable) -> RegionBytes:
    return RegionBytes(PinnedRegion(values, Box.whole(values.spec.shape)), values.spec.dtype)


@dataclass(frozen=True, slots=True)
class _Filled:
    """A tensor that a draft would make, its values made where someone looks."""

    spec: TensorSpec
    fill: Callable[[Box], torch.Tensor]

    def chunks(self, region: str | Box | None = None, nbytes: int = CHUNK) -> Chunks:
        """Yield (box, values)."""
        whole = region if isinstance(region, Box) else parse_region(region, self.spec.shape)
        for piece in pieces(self.spec, whole, nbytes):
            yield piece, self.read(piece)

    def read(self, box: Box) -> np.ndarray[tuple[int, ...], np.dtype[np.generic]]:
        """Return an independent array of the box's shape."""
        dtype = numpy_dtype(self.spec.dtype)
        if not box.numel:
            return np.empty(box.shape, dtype)
        stored = staged(self.fill(box).expand(box.shape), self.spec.dtype)
        return np.frombuffer(bytes_of(stored), dtype).reshape(box.shape).copy()
