"""Weights that a parametrization computes: how an edit of them reaches what they are computed from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from weightedit.core.edits.plan import Plan
from weightedit.core.errors import EditRefused
from weightedit.core.hazards import Hazard, refusal
from weightedit.core.live.parametrized import ComputedHeld, inverted, wanted_values
from weightedit.core.words.labels import listed

if TYPE_CHECKING:
    from weightedit.core.document import Document

ROUNDING = 1e-4
"""A difference of this share of the largest value is rounding on the way there and back."""


def parametrized_hazards(plan: Plan, document: Document) -> Iterable[Hazard]:
    """Yield `parametrized`: written through `right_inverse`, with what comes out another, or refused."""
    for target in plan.targets:
        held = target.slots[0].held
        if not isinstance(held, ComputedHeld):
            continue
        if plan.operation.effect != "write":
            offers = tuple(replace(plan.edit, targets=(name,)) for name in held.originals if len(held.originals) == 1)
            yield refusal("parametrized", f"{target.name} is computed, and only its values can be edited",
                          f"{plan.operation.title} would have to be done to {listed(held.originals)}.",
                          targets=[target.name], alternatives=offers,
                          labels=[f"Edit {held.originals[0]}"] * len(offers))  # fmt: skip
            continue
        try:
            found = inverted(target, wanted_values(plan, target, document.chunk))
        except EditRefused as error:
            yield from error.hazards
            continue
        into = f"It is written into {listed(held.originals)} through right_inverse"
        if found.error > ROUNDING * max(found.largest, 1e-30):
            yield Hazard("parametrized", "warning", f"{target.name} will not be what is written",
                         f"{into}, and what is computed of these then differs by up to {found.error:.3g}.",
                         (target.name, *held.originals), 1)  # fmt: skip
        else:
            yield Hazard("parametrized", "notice", f"{target.name} is computed from {listed(held.originals)}",
                         f"{into}; the largest rounding on the way is {found.error:.3g}.",
                         (target.name, *held.originals), 1)  # fmt: skip
