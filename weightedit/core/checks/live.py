"""What depends on a live tensor and would be left behind: sizes of modules, the optimizer and its state."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from weightedit.core.checks.modules import module_hazards
from weightedit.core.checks.optimizer import detached_hazards, state_hazards
from weightedit.core.checks.parametrized import parametrized_hazards
from weightedit.core.checks.recomputed import recomputed_hazards
from weightedit.core.edits.plan import Plan
from weightedit.core.hazards import Hazard
from weightedit.core.live.hooks import hook_names
from weightedit.core.region import shape_text
from weightedit.core.words.labels import listed

if TYPE_CHECKING:
    from weightedit.core.document import Document


def live_hazards(plan: Plan, document: Document) -> Iterable[Hazard]:
    """Yield what an edit means for modules and for the optimizer."""
    yield from recomputed_hazards(plan)
    yield from parametrized_hazards(plan, document)
    yield from state_hazards(plan, document.origin.optimizer)
    yield from detached_hazards(plan, document)
    yield from module_hazards(plan, document)
    yield from hook_hazards(plan)
    yield from outside_hazards(plan, document)


def outside_hazards(plan: Plan, document: Document) -> Iterable[Hazard]:
    """Yield the notice that other code, such as a training step, wrote into tensors since they were last seen."""
    marks = document.origin.marks
    if marks is None or plan.operation.effect not in ("write", "rebind"):
        return
    names = tuple(target.name for target in plan.targets
                  if any(marks.changed(slot) for slot in target.slots if not slot.held.is_deferred))  # fmt: skip
    if names:
        verb = "was" if len(names) == 1 else "were"
        yield Hazard("changed-elsewhere", "notice", f"{listed(names)} {verb} changed by other code meanwhile",
                     "Such as a training step. The edit is made on the values there are now; undo puts these back.",
                     names, len(names))  # fmt: skip


def hook_hazards(plan: Plan) -> Iterable[Hazard]:
    """Yield the notice that hooks on tensors of another shape come along: what they do may expect the old one."""
    for target in plan.targets if plan.operation.effect == "rebind" else ():
        names = [name for held in target.held if not held.is_deferred for name in hook_names(held.described.live)]
        if names and target.spec.shape != target.result.shape:
            yield Hazard("tensor-hooks", "notice", f"{target.name} keeps its hooks, and changes its shape",
                         f"{listed(names)} will be called with a gradient of {shape_text(target.result.shape)} "
                         f"instead of {shape_text(target.spec.shape)}.", (target.name,), len(names))  # fmt: skip
