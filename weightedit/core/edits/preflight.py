"""The hazards of an edit: what its structure shows, and what computing it without storing it shows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from weightedit.core.checks.devices import device_hazards
from weightedit.core.checks.flags import flag_hazards
from weightedit.core.checks.live import live_hazards
from weightedit.core.checks.losses import loss_hazards
from weightedit.core.checks.outcomes import outcome_hazards
from weightedit.core.checks.registration import registration_hazards
from weightedit.core.checks.shapes import result_hazards
from weightedit.core.checks.sharing import sharing_hazards
from weightedit.core.edits.measuring import Seen, measure
from weightedit.core.edits.plan import Plan, Target
from weightedit.core.hazards import LEVELS, Hazard
from weightedit.core.losing.losses import Losses
from weightedit.core.progress import Progress

if TYPE_CHECKING:
    from weightedit.core.document import Document


def structural_hazards(document: Document, plan: Plan) -> list[Hazard]:
    """Return the hazards that need no values: arguments, shapes, sharing, what depends on a live tensor, flags."""
    return [
        *plan.hazards,
        *result_hazards(plan),
        *sharing_hazards(plan, document.slots, document.storage_group),
        *outcome_hazards(plan),
        *live_hazards(plan, document),
        *flag_hazards(plan),
        *registration_hazards(plan),
        *device_hazards(document, plan),
    ]


def value_hazards(plan: Plan, nbytes: int, progress: Progress,
                  seen: Seen | None = None) -> tuple[list[Hazard], list[Losses]]:  # fmt: skip
    """Compute every target once without storing anything, and return what storing would lose.

    `seen` is shown each piece that is computed; targets whose values only move are not computed.
    """
    if plan.operation.effect not in ("write", "rebind"):
        return [], []
    measured = []
    progress.begin("Checking", sum(_work(plan, target) for target in plan.targets))
    for target in plan.targets:
        needless = moves_only(plan, target)
        measured.append(Losses(total=target.result.numel) if needless else
                        measure(plan, target, nbytes, progress, seen))  # fmt: skip
    found: list[Hazard] = []
    for target, losses in zip(plan.targets, measured, strict=True):
        found += loss_hazards(plan, target, losses)
    return found, measured


def moves_only(plan: Plan, target: Target) -> bool:
    """Whether every value of the result is one of the tensor as it is, in the same dtype, so that none is lost."""
    moves = plan.operation.effect == "rebind" and plan.operation.converts and plan.operation.prepare is None
    return moves and target.result.dtype == target.spec.dtype and not (target.tensors or target.lists)


def _work(plan: Plan, target: Target) -> int:
    return sum(box.numel for box in target.boxes) * target.result.type.itemsize


def sorted_hazards(hazards: Iterable[Hazard]) -> list[Hazard]:
    """Refusals first, then warnings, then notices; otherwise in the order found."""
    return sorted(hazards, key=lambda hazard: LEVELS.index(hazard.level))
