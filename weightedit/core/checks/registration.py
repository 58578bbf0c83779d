"""What a module does not know of the tensors set on it: plain attributes."""

from __future__ import annotations

from collections.abc import Iterable

from weightedit.core.hazards import Hazard
from weightedit.core.live.facts import registration
from weightedit.core.paths import counted, some
from weightedit.core.plan import Plan


def registration_hazards(plan: Plan) -> Iterable[Hazard]:
    """Yield `unregistered`, once for all targets that are plain attributes of modules."""
    if plan.operation.effect not in ("write", "rebind"):
        return
    found = tuple(slot.name for target in plan.targets for slot in target.slots
                  if registration(slot) == "not registered")  # fmt: skip
    if found:
        few = f"{found[0]} is" if len(found) == 1 else f"{counted(len(found), 'tensor')} are"
        yield Hazard("unregistered", "notice", f"{few} not registered",
                     f"{some(found)}: state_dict(), parameters() and to() pass plain attributes by, so saving the "
                     "module loses the edit. register_buffer or nn.Parameter registers it.", found,
                     len(found))  # fmt: skip
