"""What a loss over classes says: targets that are no class, of another dtype or shape, and outputs it does not take."""

from __future__ import annotations

import math
from collections.abc import Iterator

from weightedit.core.words.numbers import count_text, index_text, statistic_text
from weightedit.core.words.paths import counted
from weightedit.core.words.visible import visible
from weightedit.doctor.finding import Finding, Mend
from weightedit.doctor.training_step.accepted import (
    PROBABILITIES,
    accepted,
    classes_of,
    is_probabilities,
    shape_of_classes,
)  # fmt: skip
from weightedit.doctor.training_step.batch_facts import Extremes
from weightedit.doctor.training_step.case import Case, module_text, spec
from weightedit.doctor.training_step.code_lines import by_class_code, dtype_code, write
from weightedit.doctor.training_step.facts import LossFacts, Taken
from weightedit.doctor.training_step.parts import Part
from weightedit.doctor.training_step.targets import (
    classes_dtype_finding,
    last_call,
    not_log_finding,
    target_finding,
)  # fmt: skip


def class_findings(case: Case, loss: LossFacts, taken: Taken, target: Part, says: str) -> Iterator[Finding]:
    """Yield what is wrong between an output of scores and a target of classes, or of a probability for each."""
    if is_probabilities(loss, taken, target):
        found = target_finding(case, loss, PROBABILITIES, says)
    else:
        found = _shape(loss, taken, target, says) or classes_dtype_finding(loss, target, says, ("int64", "uint8")) or \
            _range(case, loss, taken, target, says)  # fmt: skip
    if found is not None:
        yield found
    elif not says:
        yield from _silent(case, loss, taken)


LEFT_OUT = -100
"""The class that torch leaves out where a loss over classes was told of no other."""


def no_targets(case: Case, loss: LossFacts) -> Finding | None:
    """Return the finding of a target in which the loss leaves out everything; None where it does not.

    Of a loss inside the model, or of a person's own, it is known by its value: the mean of nothing is NaN.
    """
    values, target = case.facts.target_values, next(iter(case.facts.target), None)
    if values is None or target is None or not target.dtype.startswith(("int", "uint")) or loss.value is None:
        return None
    ignored = loss.ignore_index if loss.ignore_index is not None else LEFT_OUT if math.isnan(loss.value) else None
    if ignored is None or not values.lowest == values.highest == ignored:
        return None
    name = visible(loss.name) if loss.ignore_index is not None else "cross entropy"
    how = "mean" if math.isnan(loss.value) else "sum"
    return Finding("no-targets", "", "", f"Every target is {count_text(ignored)}, which {name} leaves out, so the loss "
                   f"is {statistic_text(loss.value)}: the {how} of nothing.", level="warning")  # fmt: skip


def _shape(loss: LossFacts, taken: Taken, target: Part, says: str) -> Finding | None:
    wanted = shape_of_classes(taken)
    if not says or target.shape == wanted:
        return None
    text = spec(wanted, "int64")
    mends: tuple[Mend, ...] = (Mend(f"Give the target {text}", target=text),)
    code = by_class_code(loss.function, taken.shape, target.shape)
    start = f"{visible(loss.name)} takes one class for each row of the output {index_text(taken.shape)}"
    if target.shape == taken.shape:
        floats = ""
        if loss.function == "cross_entropy":
            mends += (Mend(f"Give the target {spec(taken.shape, taken.dtype)}", target=spec(taken.shape, taken.dtype)),)
            floats = f", or {dtype_code(target, taken.dtype)} where they are probabilities"
        return Finding("target-shape", "", "", f"{start}; the target {index_text(target.shape)} has one value for each "
                       f"score{write(code)}{floats}.", mends, torch_says=says)  # fmt: skip
    last = len(taken.shape) > 2 and target.shape == taken.shape[:-1]
    why = f"; it takes classes as the second dimension, which is {taken.shape[1]}, not the last" if last else ""
    return Finding("target-shape", "", "", f"{start}, so a target of {index_text(wanted)}, got "
                   f"{index_text(target.shape)}{why}{write(code)}.", () if last else mends,
                   torch_says=says)  # fmt: skip


def _range(case: Case, loss: LossFacts, taken: Taken, target: Part, says: str) -> Finding | None:
    values, takes = case.facts.target_values, accepted(loss, taken, target)
    if values is None or values.lowest is None or values.highest is None or takes is None or takes.holds(values) or \
            not says:  # fmt: skip
        return None
    low, high, classes = int(values.lowest), int(values.highest), classes_of(taken)
    most = "lowest" if high < classes else "highest"
    head = module_text(taken.head) if taken.head else "The model"
    also = f" Only {count_text(loss.ignore_index)} is left out." \
        if most == "lowest" and loss.ignore_index is not None else ""  # fmt: skip
    hint = "" if case.targets is None else from_1(case.targets, classes)
    highest = high if case.targets is None else max(high, int(case.targets.high))
    return Finding("target-range", taken.head, case.tensor(case.own_name(taken.head, "weight")),
                   f"{head} gives {counted_classes(classes)}, so targets go from 0 to {count_text(classes - 1)}; the "
                   f"{most} target is {count_text(low if most == 'lowest' else high)}.{also}{hint}",
                   more_classes(case, taken, classes, highest) if not hint else (), torch_says=says)  # fmt: skip


def from_1(seen: Extremes, classes: int) -> str:
    """Return what to write where the data counts its classes from 1, as a sentence; empty where it does not."""
    return f" The data has classes 1 to {count_text(classes)}: write target - 1." \
        if (seen.low, seen.high) == (1, classes) else ""  # fmt: skip


def more_classes(case: Case, taken: Taken, classes: int, highest: int) -> tuple[Mend, ...]:
    """Return the mend that gives the last layer a row for each class, where its rows are too few classes."""
    rows = [one for one in case.own(taken.head) if one.shape[:1] == (classes,)] if taken.head else []
    more = highest + 1 - classes
    if not rows or more < 1:
        return ()
    held = [visible(case.tensor(one.name)) for one in rows if case.tensor(one.name)]
    return case.mend(f"Insert {counted(more, 'row')} into {' and '.join(held)}", "insert_rows",
                     [one.name for one in rows], f"{classes} → {highest + 1} classes, the new ones the mean of the "
                     "old; the code must make the module with as many", count=more, method="mean")  # fmt: skip


def counted_classes(count: int) -> str:
    """Return `1 class` or `10 classes`."""
    return counted(count, "class")


def _silent(case: Case, loss: LossFacts, taken: Taken) -> Iterator[Finding]:
    """Yield what torch takes without a word and what teaches a model nothing, or the wrong thing."""
    call = last_call(case)
    if loss.function == "cross_entropy" and classes_of(taken) == 1:
        yield Finding("one-class", taken.head, case.tensor(case.own_name(taken.head, "weight")),
                      f"The output {index_text(taken.shape)} has 1 class, over which cross entropy is always 0; "
                      "BCEWithLogitsLoss takes one score for yes or no.", level="warning")  # fmt: skip
    elif loss.function == "cross_entropy" and taken.sums_to_one:
        yield Finding("softmax-twice", "" if call is None else call.module, "", f"The output {index_text(taken.shape)} "
                      "sums to 1 over the classes, as softmax makes it, and cross entropy does softmax again; leave "
                      "the model's out.", level="warning")  # fmt: skip
    elif loss.function == "nll_loss" and \
            (found := not_log_finding(case, loss, taken, "CrossEntropyLoss takes scores")) is not None:  # fmt: skip
        yield found
