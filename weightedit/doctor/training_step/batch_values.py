"""What the values of the data say: NaN, targets that the loss does not take, indices past an embedding's rows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from weightedit.core.words.numbers import count_text, statistic_text
from weightedit.core.words.paths import counted
from weightedit.core.words.visible import visible
from weightedit.doctor.finding import Finding
from weightedit.doctor.training_step.accepted import BY_CLASS, PROBABILITIES, accepted, classes_of
from weightedit.doctor.training_step.batch_facts import BatchFacts, Extremes
from weightedit.doctor.training_step.case import Case, module_text
from weightedit.doctor.training_step.classes import counted_classes, from_1, more_classes
from weightedit.doctor.training_step.facts import Indexed, Taken, TrainingFacts
from weightedit.doctor.training_step.parts import counts_text
from weightedit.doctor.training_step.targets import other_targets

_MEANT = "; the loss of a step on such values is finite, as where they are masked"


def value_findings(facts: BatchFacts, training: TrainingFacts | None,
                   holds: Mapping[str, str] | None) -> Iterator[Finding]:  # fmt: skip
    """Yield what the values of the data say, what raises first.

    Parameters
    ----------
    facts
        Of a pass over the data.
    training
        A training step, whose output has the classes and whose embeddings have the rows; None where there was none.
    holds
        The name of a tensor in the document by its name in the model.
    """
    if training is not None:
        case, by_path = Case(training, holds), {one.path: one for one in facts.extremes}
        yield from _targets(case, facts)
        for indexed in training.indexed:
            seen = by_path.get(indexed.path) or (by_path.get("") if indexed.path == "0" else None)
            yield from _rows(case, facts, seen, indexed)
    yield from _bad(facts, training)


def _bad(facts: BatchFacts, training: TrainingFacts | None) -> Iterator[Finding]:
    for bad in facts.bad:
        item, name = facts.item(bad.at), facts.called(bad.path)
        of = f"{counted(bad.of, 'value')}{f' of its {name}' if name else ''}"
        first = f", the first {item}" if item and bad.nan + bad.inf > 1 else f", {item}" if item else ""
        more = f"; so {'has' if bad.others == 1 else 'have'} {count_text(bad.others)} more " \
               f"{facts.noun if bad.others == 1 else facts.what}" if bad.others else ""  # fmt: skip
        meant = training is not None and _is_meant(training, bad.path, is_target=bad.path == facts.target)
        yield Finding("non-finite", "", "", f"{facts.place(bad.at)} has {counts_text(bad.nan, bad.inf)} among the "
                      f"{of}{first}{more}{_MEANT if meant else ''}.",
                      level="notice" if meant else "warning")  # fmt: skip


def _is_meant(training: TrainingFacts, path: str, *, is_target: bool) -> bool:
    """Whether a step on a batch with NaN or infinities there came to a finite loss and gradients, as with a mask."""
    values = training.target_values if is_target else training.bad_inputs.get(path)
    loss, grads = training.loss, [one.grad for one in training.parameters if one.grad is not None]
    return values is not None and not values.is_finite and loss is not None and loss.value is not None and \
        math.isfinite(loss.value) and all(one.is_finite for one in grads)  # fmt: skip


def _targets(case: Case, facts: BatchFacts) -> Iterator[Finding]:
    """Yield the first target that the loss does not take with this output."""
    loss, taken, seen = case.facts.loss, case.facts.taken, facts.targets
    target = case.facts.target[0] if len(case.facts.target) == 1 else None
    if seen is None or loss is None or taken is None or target is None:
        return
    takes = accepted(loss, taken, target)
    found = None if takes is None else seen.first_not(takes.takes)
    if takes is None or found is None or (found.at.number == 0 and not takes.holds(case.facts.target_values)):
        return  # that of the step is told there
    item = facts.item(found.at)
    if loss.function in BY_CLASS and takes is not PROBABILITIES:
        yield _class(case, taken, f"{facts.place(found.at)} has class {count_text(int(found.value))}"
                     f"{f' {item}' if item else ''}", seen)  # fmt: skip
        return
    all_go = f"; those of the data go from {statistic_text(seen.low)} to {statistic_text(seen.high)}"
    yield Finding(takes.kind, "", "", f"{facts.place(found.at)} has a target of {statistic_text(found.value)}"
                  f"{f' {item}' if item else ''}, and {visible(loss.name)} takes {takes.said}{all_go}"
                  f"{other_targets(loss, takes, seen.low, seen.high)}.",
                  level="refusal" if takes.raises else "warning")  # fmt: skip


def _class(case: Case, taken: Taken, has: str, seen: Extremes) -> Finding:
    """Return the finding of a class that the output does not have."""
    classes, head = classes_of(taken), module_text(taken.head) if taken.head else "the output"
    hint = from_1(seen, classes)
    return Finding("target-range", taken.head, case.tensor(case.own_name(taken.head, "weight")),
                   f"{has}; {head} gives {counted_classes(classes)}, 0 to {count_text(classes - 1)}.{hint}",
                   more_classes(case, taken, classes, int(seen.high)) if not hint else ())  # fmt: skip


def _rows(case: Case, facts: BatchFacts, seen: Extremes | None, indexed: Indexed) -> Iterator[Finding]:
    """Yield the first index that an embedding does not have a row for."""
    found = None if seen is None else seen.first_not(lambda value: 0 <= value < indexed.rows)
    raised = case.facts.raised
    if seen is None or found is None or \
            (found.at.number == 0 and raised is not None and raised.module == indexed.module):  # fmt: skip
        return
    name, item, part = case.own_name(indexed.module, "weight"), facts.item(found.at), facts.called(seen.path)
    yield Finding("index", indexed.module, case.tensor(name),
                  f"{facts.place(found.at)} has the index {count_text(int(found.value))}"
                  f"{f' in its {part}' if part else ''}{f', {item}' if item else ''}; "
                  f"{visible(indexed.module or case.facts.model)} has "
                  f"{counted(indexed.rows, 'row')}, 0 to {count_text(indexed.rows - 1)}.",
                  case.more_rows(name, indexed.rows, int(seen.high)))  # fmt: skip
