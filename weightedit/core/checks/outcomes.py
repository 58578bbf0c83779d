"""What an edit leaves of a tensor where its arguments alone say it: one value everywhere, or nothing at all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from weightedit.core.edits.plan import Plan
from weightedit.core.hazards import Hazard
from weightedit.core.region import shape_text
from weightedit.core.words.labels import called


def outcome_hazards(plan: Plan) -> Iterable[Hazard]:
    """Yield `limits-crossed` of a clamp, and `emptied` of every tensor that has no value afterwards."""
    edit = plan.edit
    low, high = edit.arguments.get("min"), edit.arguments.get("max")
    if plan.operation.name == "clamp" and low is not None and high is not None and low > high:
        cells = sum(box.numel for target in plan.targets for box in target.boxes)
        swapped = replace(edit, arguments={**edit.arguments, "min": high, "max": low})
        yield Hazard("limits-crossed", "warning", f"min {low:,} is above max {high:,}",
                     f"Every one of up to {cells:,} values becomes {high:,}, whatever it was; only NaN stays.",
                     tuple(target.name for target in plan.targets), cells, alternatives=(swapped,),
                     labels=(f"Clamp to {high:,} … {low:,}",))  # fmt: skip
    for target in plan.targets if plan.operation.effect == "rebind" else ():
        if target.spec.numel and not target.result.numel:
            yield Hazard("emptied", "warning", f"{target.name} is empty afterwards",
                         f"{called(target.name)} becomes {shape_text(target.result.shape)}: all "
                         f"{target.spec.numel:,} values go. Delete the entry instead, if that is meant.",
                         (target.name,), target.spec.numel)  # fmt: skip
