"""What must be so, or be said yes to, before an edit, an undo or a redo happens."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from weightedit.core.errors import ConfirmationNeeded, EditRefused
from weightedit.core.hazards import Hazard, refusal
from weightedit.core.history import Step


def changed_elsewhere(step: Step, what: str) -> Hazard:
    """Return the warning that undo or redo would write over what other code wrote."""
    names = tuple(sorted(step.names))
    return Hazard("changed-elsewhere", "warning", f"{', '.join(names)} was changed elsewhere since this edit",
                  f"{what}, and what other code wrote is lost.", names, len(names))  # fmt: skip


def check_hazards(hazards: Sequence[Hazard], accept: Collection[str] | str) -> tuple[str, ...]:
    """Raise what the hazards ask for; returns the kinds of warnings that were accepted."""
    if any(hazard.level == "refusal" for hazard in hazards):
        raise EditRefused(hazards)
    kinds = tuple(dict.fromkeys(hazard.kind for hazard in hazards if hazard.level == "warning"))
    if accept != "all" and any(kind not in accept for kind in kinds):
        raise ConfirmationNeeded(hazards)
    return kinds


def check_device(device: str) -> None:
    """Refuse a device this machine does not have."""
    from weightedit.core.devices import devices

    if device not in devices():
        have = ", ".join(devices())
        raise EditRefused([refusal("device-mix", f"There is no device {device}", f"This machine has: {have}.")])
