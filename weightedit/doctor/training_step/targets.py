"""What a loss that compares value with value says of the dtype and the range of its target."""

from __future__ import annotations

from weightedit.core.words.numbers import statistic_text
from weightedit.core.words.visible import visible
from weightedit.doctor.finding import Finding, Mend
from weightedit.doctor.training_step.case import Case, spec
from weightedit.doctor.training_step.code_lines import dtype_code, write
from weightedit.doctor.training_step.facts import LossFacts, Taken
from weightedit.doctor.training_step.parts import Part

BINARY = {"binary_cross_entropy", "binary_cross_entropy_with_logits"}
"""Losses of torch whose target is a probability."""


def dtype_finding(case: Case, loss: LossFacts, taken: Taken, target: Part, says: str) -> Finding | None:
    """Return the finding of a target whose dtype is not the output's."""
    if target.dtype == taken.dtype or not loss.function:
        return None
    text = spec(target.shape, taken.dtype)
    mends = (Mend(f"Give the target {text}", target=text),)
    both = f"The target is {visible(target.dtype)}, the output {visible(taken.dtype)}"
    raised = case.facts.raised
    late = raised is not None and raised.stage == "backward" and "dtype" in raised.message
    if says or late:
        return Finding("target-dtype", "", "", f"{both}; {visible(loss.name)} takes both in one dtype"
                       f"{write(dtype_code(target, taken.dtype))}.", mends,
                       torch_says=says or (raised.message if raised else ""))  # fmt: skip
    if loss.dtype and loss.dtype != taken.dtype:
        return Finding("target-dtype", "", "", f"{both}, so the loss is computed in {visible(loss.dtype)}.", mends,
                       "notice")  # fmt: skip
    return None


def range_finding(case: Case, loss: LossFacts, taken: Taken, says: str) -> Finding | None:
    """Return the finding of a probability that is none: in the target, or in an output that must be one."""
    if loss.function not in BINARY:
        return None
    for what, values in (("target", case.facts.target_values), ("output", taken.values)):
        if what == "output" and loss.function != "binary_cross_entropy":
            continue
        if values is None or values.lowest is None or values.highest is None or \
                0 <= values.lowest <= values.highest <= 1:  # fmt: skip
            continue
        hint = "; BCEWithLogitsLoss takes any score" if what == "output" else ""
        return Finding("target-range" if what == "target" else "not-probability", taken.head if hint else "", "",
                       f"{visible(loss.name)} takes {'an output' if hint else 'targets'} from 0 to 1, and the {what} "
                       f"goes from {statistic_text(values.lowest)} to {statistic_text(values.highest)}{hint}.",
                       level="refusal" if says else "warning", torch_says=says)  # fmt: skip
    return None
