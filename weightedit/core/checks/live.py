"""What depends on a live tensor and would be left behind: sizes of modules, the optimizer and its state."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from weightedit.core.hazards import Hazard
from weightedit.core.live.attributes import attribute_hazard
from weightedit.core.live.optimizer import state_hazard
from weightedit.core.plan import Plan


def live_hazards(plan: Plan, optimizer: Any) -> Iterable[Hazard]:
    """Yield `module-attribute` and `optimizer-state-shape` of every target."""
    for target in plan.targets:
        stale = attribute_hazard(target) if plan.operation.effect == "rebind" else None
        if stale is not None:
            yield stale
        for held in target.held if optimizer is not None else ():
            hazard = state_hazard(optimizer, held.described.live, target.result.shape, target.name)
            if hazard is not None:
                yield hazard
