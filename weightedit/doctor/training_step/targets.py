"""What a loss that compares value with value says of the dtype and the range of its target."""

from __future__ import annotations

import math

from weightedit.core.words.numbers import index_text, statistic_text
from weightedit.core.words.visible import visible
from weightedit.doctor.finding import Finding, Level, Mend
from weightedit.doctor.training_step.case import Case, spec
from weightedit.doctor.training_step.code_lines import dtype_code, write
from weightedit.doctor.training_step.facts import LossFacts, Taken, TrainedCall
from weightedit.doctor.training_step.parts import Part, Values

BINARY = {"binary_cross_entropy", "binary_cross_entropy_with_logits", "multilabel_soft_margin_loss"}
"""Losses of torch whose target is a probability."""
SIGNS = {"soft_margin_loss", "hinge_embedding_loss"}
"""Losses of torch whose target is −1 or 1; they take anything."""
CLASS_LISTS = {"multilabel_margin_loss"}
"""Losses of torch whose target lists numbers of classes, ended by −1."""


def dtype_finding(case: Case, loss: LossFacts, taken: Taken, target: Part, says: str) -> Finding | None:
    """Return the finding of a target whose dtype is not the output's."""
    if loss.function in CLASS_LISTS:
        return classes_dtype_finding(loss, target, says, ("int64",))
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


def classes_dtype_finding(loss: LossFacts, target: Part, says: str, takes: tuple[str, ...]) -> Finding | None:
    """Return the finding of a target of classes of another dtype than torch takes."""
    if target.dtype in takes or not says:
        return None
    text = spec(target.shape, "int64")
    return Finding("target-dtype", "", "", f"{visible(loss.name)} takes classes as int64, got {visible(target.dtype)} "
                   f"of {index_text(target.shape)}{write(dtype_code(target, 'int64'))}.",
                   (Mend(f"Give the target {text}", target=text),), torch_says=says)  # fmt: skip


def range_finding(case: Case, loss: LossFacts, taken: Taken, says: str) -> Finding | None:
    """Return the finding of values that a loss does not mean: in the target, or in the output."""
    target, output = case.facts.target_values, taken.values
    level: Level = "refusal" if says else "warning"
    if loss.function in BINARY and (found := probability_finding(case, loss, says)) is not None:
        return found
    if loss.function == "binary_cross_entropy" and not _within(output, 0, 1):
        return Finding("not-probability", taken.head, "", f"{visible(loss.name)} takes an output from 0 to 1, and the "
                       f"output {_goes(output)}; BCEWithLogitsLoss takes any score.", level=level,
                       torch_says=says)  # fmt: skip
    if loss.function in SIGNS and target is not None and not {target.lowest, target.highest} <= {-1.0, 1.0, None}:
        code = "; write loss(output, 2 * target - 1)" if (target.lowest, target.highest) == (0, 1) else ""
        return Finding("target-range", "", "", f"{visible(loss.name)} takes targets of −1 and 1, and the target "
                       f"{_goes(target)}{code}.", level=level, torch_says=says)  # fmt: skip
    if loss.function in CLASS_LISTS and taken.shape and not _within(target, -1, taken.shape[-1] - 1):
        return Finding("target-range", "", "", f"{visible(loss.name)} takes classes from 0 to {taken.shape[-1] - 1}, "
                       f"ended by −1, and the target {_goes(target)}.", level=level, torch_says=says)  # fmt: skip
    return _of_logarithms(case, loss, taken) if loss.function == "kl_div" else _sigmoid_twice(case, loss, taken)


def probability_finding(case: Case, loss: LossFacts, says: str) -> Finding | None:
    """Return the finding of a target of probabilities that has others than from 0 to 1; None where all are."""
    target = case.facts.target_values
    if _within(target, 0, 1):
        return None
    return Finding("target-range", "", "", f"{visible(loss.name)} takes targets from 0 to 1, and the target "
                   f"{_goes(target)}.", level="refusal" if says else "warning", torch_says=says)  # fmt: skip


def last_call(case: Case) -> TrainedCall | None:
    """Return the last module inside the model that ran."""
    return next((call for call in reversed(case.facts.calls) if call.module), None)


def not_log_finding(case: Case, loss: LossFacts, taken: Taken, hint: str) -> Finding | None:
    """Return the finding of an output that cannot be logarithms of probabilities; None where it can."""
    highest, call = taken.values.highest, last_call(case)
    if highest is None or highest <= 0:
        return None
    return Finding("not-log", call.module if call is not None else "", "", f"{visible(loss.name)} takes logarithms of "
                   f"probabilities, at most 0, and the output goes up to {statistic_text(highest)}; {hint}.",
                   level="warning")  # fmt: skip


def _of_logarithms(case: Case, loss: LossFacts, taken: Taken) -> Finding | None:
    """Return what is wrong with either side of a divergence, which compares logarithms with probabilities."""
    target = case.facts.target_values
    if (found := not_log_finding(case, loss, taken, "write loss(output.log_softmax(1), target)")) is not None:
        return found
    if target is None or target.lowest is None or target.lowest >= 0 or loss.value is None or \
            not math.isnan(loss.value):  # fmt: skip
        return None
    return Finding("target-negative", "", "", f"{visible(loss.name)} takes targets from 0 to 1, and the target "
                   f"{_goes(target)}, of which the loss is {statistic_text(loss.value)}; KLDivLoss(log_target=True) "
                   "takes logarithms.", level="warning")  # fmt: skip


def _sigmoid_twice(case: Case, loss: LossFacts, taken: Taken) -> Finding | None:
    call = last_call(case)
    if loss.function != "binary_cross_entropy_with_logits" or call is None or call.type != "Sigmoid" or \
            not _within(taken.values, 0, 1):  # fmt: skip
        return None
    return Finding("sigmoid-twice", call.module, "", f"The output is what {visible(call.module)} (Sigmoid) gives, and "
                   f"{visible(loss.name)} does sigmoid again; leave the model's out, or take BCELoss.",
                   level="warning")  # fmt: skip


def _within(values: Values | None, low: float, high: float) -> bool:
    """Whether no value is known to be outside."""
    return values is None or values.lowest is None or values.highest is None or \
        low <= values.lowest <= values.highest <= high  # fmt: skip


def _goes(values: Values | None) -> str:
    assert values is not None
    return f"goes from {statistic_text(values.lowest)} to {statistic_text(values.highest)}"
