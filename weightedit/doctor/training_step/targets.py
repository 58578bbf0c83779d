"""What a loss that compares value with value says of the dtype and the range of its target."""

from __future__ import annotations

from collections.abc import Iterator

from weightedit.core.words.numbers import index_text, statistic_text
from weightedit.core.words.visible import visible
from weightedit.doctor.finding import Finding, Mend
from weightedit.doctor.training_step.accepted import CLASS_LISTS, PROBABILITIES, Accepted, accepted
from weightedit.doctor.training_step.case import Case, spec
from weightedit.doctor.training_step.code_lines import dtype_code, write
from weightedit.doctor.training_step.facts import LossFacts, Taken, TrainedCall
from weightedit.doctor.training_step.parts import Part, Values


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


def range_findings(case: Case, loss: LossFacts, taken: Taken, target: Part, says: str) -> Iterator[Finding]:
    """Yield the first that a loss does not mean of the values: in the output, or in the target."""
    found = None
    if loss.function == "kl_div":
        found = not_log_finding(case, loss, taken, "write loss(output.log_softmax(1), target)")
    takes = accepted(loss, taken, target)
    found = found or (None if takes is None else target_finding(case, loss, takes, says))
    if found is None and loss.function == "binary_cross_entropy" and not PROBABILITIES.holds(taken.values):
        found = Finding("not-probability", taken.head, "", f"{visible(loss.name)} takes an output from 0 to 1, and the "
                        f"output {_goes(taken.values)}; BCEWithLogitsLoss takes any score.",
                        level="refusal" if says else "warning", torch_says=says)  # fmt: skip
    found = found or _sigmoid_twice(case, loss, taken)
    if found is not None:
        yield found


def target_finding(case: Case, loss: LossFacts, takes: Accepted, says: str) -> Finding | None:
    """Return the finding of a target with values that its loss does not take; None where it takes all."""
    values = case.facts.target_values
    if values is None or takes.holds(values):
        return None
    seen = (values.lowest, values.highest) if case.targets is None else (case.targets.low, case.targets.high)
    return Finding(takes.kind, "", "", f"{visible(loss.name)} takes {takes.said}, and the target {_goes(values)}"
                   f"{other_targets(loss, takes, *seen)}.", level="refusal" if says else "warning",
                   torch_says=says)  # fmt: skip


def other_targets(loss: LossFacts, takes: Accepted, low: float | None, high: float | None) -> str:
    """Return what to write for targets that go from one number to another, as the end of a sentence."""
    if takes.only_ends and (low, high) == (0, 1):
        return "; write loss(output, 2 * target - 1)"
    if loss.function == "kl_div":
        return ", whose logarithm is NaN; KLDivLoss(log_target=True) takes logarithms"
    return ""


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


def _sigmoid_twice(case: Case, loss: LossFacts, taken: Taken) -> Finding | None:
    call = last_call(case)
    if loss.function != "binary_cross_entropy_with_logits" or call is None or call.type != "Sigmoid" or \
            not PROBABILITIES.holds(taken.values):  # fmt: skip
        return None
    return Finding("sigmoid-twice", call.module, "", f"The output is what {visible(call.module)} (Sigmoid) gives, and "
                   f"{visible(loss.name)} does sigmoid again; leave the model's out, or take BCELoss.",
                   level="warning")  # fmt: skip


def _goes(values: Values) -> str:
    return f"goes from {statistic_text(values.lowest)} to {statistic_text(values.highest)}"
