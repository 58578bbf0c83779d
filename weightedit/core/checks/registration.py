"""What a module does not know of the tensors set on it: plain attributes."""

from __future__ import annotations

from collections.abc import Iterable

from weightedit.core.edit import Edit
from weightedit.core.edits.plan import Plan
from weightedit.core.hazards import Hazard
from weightedit.core.live.facts import registration
from weightedit.core.words.paths import counted, some

KINDS = ("parameter", "buffer")
"""What an attribute can be registered as."""


def registration_hazards(plan: Plan) -> Iterable[Hazard]:
    """Yield `unregistered`, once for all targets that are plain attributes of modules.

    A weight that a parametrization computes is no attribute at all: what is written goes into its originals.
    """
    if plan.operation.effect not in ("write", "rebind"):
        return
    found = tuple(slot.name for target in plan.targets for slot in target.slots
                  if not hasattr(slot.held, "originals") and registration(slot) == "not registered")  # fmt: skip
    if found:
        one = len(found) == 1
        what, them = (f"{found[0]} is", "it") if one else (f"{counted(len(found), 'tensor')} are", "them")
        kinds = KINDS if one else ()
        yield Hazard("unregistered", "notice", f"{what} not registered",
                     f"{some(found)}: state_dict(), parameters() and to() pass plain attributes by, so saving the "
                     f"module loses the edit. Register {them} to keep it.", found, len(found),
                     alternatives=tuple(Edit("register", found, None, {"kind": kind}) for kind in kinds),
                     labels=tuple(f"Register it as a {kind}" for kind in kinds))  # fmt: skip
