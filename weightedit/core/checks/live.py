"""What depends on a live tensor and would be left behind: sizes of modules, the optimizer and its state."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from weightedit.core.checks.modules import module_hazards
from weightedit.core.checks.optimizer import detached_hazards, state_hazards
from weightedit.core.hazards import Hazard
from weightedit.core.plan import Plan

if TYPE_CHECKING:
    from weightedit.core.document import Document


def live_hazards(plan: Plan, document: Document) -> Iterable[Hazard]:
    """Yield what an edit means for modules and for the optimizer."""
    yield from state_hazards(plan, document.origin.optimizer)
    yield from detached_hazards(plan, document)
    yield from module_hazards(plan, document)
