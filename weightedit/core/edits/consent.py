"""What must be so, or be said yes to, before an edit, an undo or a redo happens."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from difflib import get_close_matches

from weightedit.core.errors import ConfirmationNeeded, EditRefused
from weightedit.core.hazards import Hazard, refusal
from weightedit.core.history import Step


def changed_elsewhere(step: Step, what: str) -> Hazard:
    """Return the warning that undo or redo would write over what other code wrote."""
    names = tuple(sorted(step.names))
    verb = "was" if len(names) == 1 else "were"
    return Hazard("changed-elsewhere", "warning", f"{', '.join(names)} {verb} changed elsewhere since this edit",
                  f"{what}, and what other code wrote is lost.", names, len(names))  # fmt: skip


def check_hazards(hazards: Sequence[Hazard], accept: Collection[str] | str) -> tuple[str, ...]:
    """Raise what the hazards ask for; returns the kinds of warnings that were accepted."""
    from weightedit.core.hazard_kinds import KINDS

    given = [accept] if isinstance(accept, str) else accept
    unknown = [kind for kind in given if kind not in KINDS and kind != "all"]
    if unknown:
        near = get_close_matches(str(unknown[0]), KINDS, 1, 0.0)
        raise EditRefused([refusal("argument", f"There is no kind of hazard {unknown[0]!r} to accept",
                                   f"Did you mean {near[0]!r}?")])  # fmt: skip
    if any(hazard.level == "refusal" for hazard in hazards):
        raise EditRefused(hazards)
    kinds = tuple(dict.fromkeys(hazard.kind for hazard in hazards if hazard.level == "warning"))
    if accept != "all" and any(kind not in accept for kind in kinds):
        raise ConfirmationNeeded(hazards)
    return kinds


def check_device(device: str) -> None:
    """Refuse a device this machine does not have."""
    from weightedit.core.values.devices import devices

    if device not in devices():
        have = ", ".join(devices())
        raise EditRefused([refusal("device-mix", f"There is no device {device}", f"This machine has: {have}.")])
