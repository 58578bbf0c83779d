"""The hazards of an edit: what its structure shows, and what computing it without storing it shows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from weightedit.core.checks.flags import flag_hazards
from weightedit.core.checks.live import live_hazards
from weightedit.core.checks.losses import loss_hazards
from weightedit.core.checks.shapes import result_hazards
from weightedit.core.checks.sharing import sharing_hazards
from weightedit.core.compute import measure
from weightedit.core.hazards import LEVELS, Hazard
from weightedit.core.plan import Plan, Target
from weightedit.core.precision import Losses
from weightedit.core.progress import Progress

if TYPE_CHECKING:
    from weightedit.core.document import Document


def structural_hazards(document: Document, plan: Plan) -> list[Hazard]:
    """Return the hazards that need no values: arguments, shapes, sharing, what depends on a live tensor, flags."""
    return [
        *plan.hazards,
        *result_hazards(plan),
        *sharing_hazards(plan, document.slots, document.storage_group),
        *live_hazards(plan, document.origin.optimizer),
        *flag_hazards(plan),
    ]


def value_hazards(plan: Plan, nbytes: int, progress: Progress) -> tuple[list[Hazard], list[Losses]]:
    """Compute every target once without storing anything, and return what storing would lose."""
    if plan.operation.effect not in ("write", "rebind"):
        return [], []
    measured = []
    progress.begin("Checking", sum(_work(plan, target) for target in plan.targets))
    for target in plan.targets:
        moves_only = plan.operation.effect == "rebind" and plan.operation.converts and plan.operation.prepare is None
        needless = moves_only and target.result.dtype == target.spec.dtype and not (target.tensors or target.lists)
        measured.append(Losses(total=target.result.numel) if needless else measure(plan, target, nbytes, progress))
    found: list[Hazard] = []
    for target, losses in zip(plan.targets, measured, strict=True):
        found += loss_hazards(target, losses)
    return found, measured


def _work(plan: Plan, target: Target) -> int:
    return sum(box.numel for box in target.boxes) * target.result.type.itemsize


def sorted_hazards(hazards: Iterable[Hazard]) -> list[Hazard]:
    """Refusals first, then warnings, then notices; otherwise in the order found."""
    return sorted(hazards, key=lambda hazard: LEVELS.index(hazard.level))
