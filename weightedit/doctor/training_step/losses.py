"""What the loss of a step says: output and target that do not go together, and those that only seem to."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from weightedit.core.words.numbers import count_text, index_text
from weightedit.core.words.visible import visible, visible_lines
from weightedit.doctor.finding import Finding, Mend
from weightedit.doctor.stretched import stretched
from weightedit.doctor.training_step.accepted import BY_CLASS, shape_of_classes
from weightedit.doctor.training_step.case import Case, spec
from weightedit.doctor.training_step.classes import class_findings, no_targets
from weightedit.doctor.training_step.code_lines import by_class_code, elementwise_code, write
from weightedit.doctor.training_step.facts import LossFacts, Taken
from weightedit.doctor.training_step.forward import at, out_of_memory, raised_finding
from weightedit.doctor.training_step.parts import Part
from weightedit.doctor.training_step.targets import dtype_finding, range_findings

_ALONE = {"output", "sum", "mean"}
"""Losses that take no target."""


def loss_findings(case: Case) -> Iterator[Finding]:
    """Yield what is wrong with the loss, the first cause first; NaN in it is told where it begins."""
    raised = case.facts.raised
    stopped = raised is not None and raised.stage == "loss"
    found = list(_disagreements(case))
    if stopped and raised is not None and not any(one.level == "refusal" for one in found):
        own = out_of_memory(case, raised)
        name = visible(case.facts.loss.name if case.facts.loss is not None else "the loss")
        found.insert(0, own or raised_finding(raised, "loss", f"The loss {name} raises {visible(raised.type)}"
                                              f"{at(raised)}"))  # fmt: skip
    yield from found


def _disagreements(case: Case) -> Iterator[Finding]:
    facts = case.facts
    loss, taken, raised = facts.loss, facts.taken, facts.raised
    inside = (stretched(one.message, "training") for one in facts.warnings if one.stage == "forward")
    yield from [one for one in inside if one is not None][:1]
    if loss is None or not facts.done:
        return
    says = visible_lines(raised.message) if raised is not None and raised.stage == "loss" else ""
    if taken is None:
        yield Finding("output", "", "", f"The model returns {_types(facts.output)}, which has no tensor for the loss "
                      "to take.", torch_says=says)  # fmt: skip
        return
    if loss.function == "output" and taken.path != "loss":
        yield Finding("output", "", "", "The model returns no loss of its own. Models of transformers do where they "
                      "are given labels.", torch_says=says)  # fmt: skip
        return
    if (left_out := no_targets(case, loss)) is not None:
        yield left_out
        return
    if loss.function not in _ALONE:
        target = _target(facts.target)
        if target is None and says:
            yield _no_target(loss, taken, facts.target, says)
            return
        if target is not None:
            yield from _with_target(case, loss, taken, target, says)
    yield from _of_the_loss(loss)


def _with_target(case: Case, loss: LossFacts, taken: Taken, target: Part, says: str) -> Iterator[Finding]:
    if (found := _devices(taken, target, says) or _batches(case, loss, taken, target, says)) is not None:
        yield found
    elif loss.function in BY_CLASS:
        yield from class_findings(case, loss, taken, target, says)
    else:
        yield from _elementwise(case, loss, taken, target, says)


def _no_target(loss: LossFacts, taken: Taken, given: Sequence[Part], says: str) -> Finding:
    what = f"the target is {_types(given)}" if given else "there is no target"
    shape = taken.shape if loss.function not in BY_CLASS else shape_of_classes(taken)
    text = spec(shape, "int64" if loss.function in BY_CLASS else taken.dtype)
    return Finding("target", "", "", f"{visible(loss.name)} compares the output with a target, and {what}.",
                   (Mend(f"Give the target {text}", target=text),), torch_says=says)  # fmt: skip


def _devices(taken: Taken, target: Part, says: str) -> Finding | None:
    if "device" not in says:
        return None
    return Finding("device-mix", "", "", f"The target is on {visible(target.device)}, the output is not; write "
                   "loss(output, target.to(output.device)).", torch_says=says)  # fmt: skip


def _batches(case: Case, loss: LossFacts, taken: Taken, target: Part, says: str) -> Finding | None:
    """Return the finding of batches that differ; one that is stretched in silence is a broadcast."""
    made, wanted = taken.shape[:1], target.shape[:1]
    if not says or not made or not wanted or made == wanted or len(taken.shape) < 1:
        return None
    given = next((one for one in case.facts.inputs if one.is_tensor and one.shape), None)
    by_class = loss.function in BY_CLASS
    if not by_class and len(taken.shape) != len(target.shape) and math.prod(taken.shape) == math.prod(target.shape):
        return None  # the same values in another shape
    if by_class and len(taken.shape) - len(target.shape) not in (0, 1):
        return None
    text = spec((*made, *target.shape[1:]), target.dtype)
    folded = given is not None and given.shape[:1] == wanted
    mends = (Mend(f"Give a target of batch {made[0]}", target=text), *_more_inputs(case, taken, target))
    why = f" The input has batch {wanted[0]} too: the model makes {made[0]} of it." if folded else ""
    code = write(by_class_code(loss.function, taken.shape, target.shape)) if by_class else ""
    return Finding("batch-size", "", "", f"The output has batch {made[0]}, the target {wanted[0]}: "
                   f"{index_text(taken.shape)} against {index_text(target.shape)}{code}.{why}", mends,
                   torch_says=says)  # fmt: skip


def _more_inputs(case: Case, taken: Taken, target: Part) -> tuple[Mend, ...]:
    """Return the mend of an input with the batch of the target, where that and the output's differ."""
    only, made, wanted = case.input, taken.shape[:1], target.shape[:1]
    if only is None or only.shape[:1] != made or not wanted or wanted == made:
        return ()
    return (Mend(f"Give inputs of batch {wanted[0]}", inputs=spec((*wanted, *only.shape[1:]), only.dtype)),)


def _elementwise(case: Case, loss: LossFacts, taken: Taken, target: Part, says: str) -> Iterator[Finding]:
    text = spec(taken.shape, target.dtype if target.dtype.startswith(("float", "bfloat", "complex")) else taken.dtype)
    mends = (Mend(f"Give the target {text}", target=text),)
    if loss.broadcasts and not says:
        yield _broadcast(case, loss, taken, mends + (_more_inputs(case, taken, target)
                                                     if len(target.shape) == len(taken.shape) else ()))  # fmt: skip
    elif says and loss.function and taken.shape != target.shape:
        same = math.prod(taken.shape) == math.prod(target.shape)
        how = ", as many values in another shape" if same else ""
        yield Finding("target-shape", "", "", f"The output is {index_text(taken.shape)}, the target "
                      f"{index_text(target.shape)}{how}; {visible(loss.name)} compares each value with one"
                      f"{write(elementwise_code(taken.shape, target.shape))}.", mends,
                      torch_says=says)  # fmt: skip
    else:
        of_dtype = dtype_finding(case, loss, taken, target, says)
        if of_dtype is not None:
            yield of_dtype
        if of_dtype is None or of_dtype.level == "notice":
            yield from range_findings(case, loss, taken, target, says)


def _broadcast(case: Case, loss: LossFacts, taken: Taken, mends: tuple[Mend, ...]) -> Finding:
    seen = loss.broadcasts[0]
    whole = math.prod(seen.result)
    warned = next((one.message for one in case.facts.warnings if one.stage == "loss" and "target size" in one.message),
                  "")  # fmt: skip
    times = [f"each value of the {name} {count_text(whole // math.prod(shape))} times"
             for name, shape in (("output", seen.output), ("target", seen.target))
             if 0 < math.prod(shape) < whole]  # fmt: skip
    return Finding("broadcast", taken.head, "", f"The loss stretches the output {index_text(seen.output)} and the "
                   f"target {index_text(seen.target)} to {index_text(seen.result)}, {' and '.join(times)}, "
                   f"{'with only a warning' if warned else 'without a word'}"
                   f"{write(elementwise_code(seen.output, seen.target))}.", mends, "warning",
                   torch_says=visible_lines(warned))  # fmt: skip


def _of_the_loss(loss: LossFacts) -> Iterator[Finding]:
    """Yield what keeps the loss itself from going backward."""
    if not loss.type:
        return
    if not loss.dtype:
        yield Finding("loss-type", "", "", f"The loss is of type {visible(loss.type)}, not a tensor: .item() and "
                      "float() end its graph.")  # fmt: skip
    elif math.prod(loss.shape) != 1:
        yield Finding("loss-shape", "", "", f"The loss has shape {index_text(loss.shape)}, and only one number can go "
                      "backward; take its mean or sum, or leave out reduction='none'.")  # fmt: skip


def _target(parts: Sequence[Part]) -> Part | None:
    """Return the target where it is one tensor."""
    return parts[0] if len(parts) == 1 and parts[0].is_tensor else None


def _types(parts: Sequence[Part]) -> str:
    kinds = sorted({visible(one.type) for one in parts})
    return f"values of type {', '.join(kinds)}" if kinds else "nothing"
