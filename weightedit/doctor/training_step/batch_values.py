"""What the values of the data say: NaN, classes that the output does not have, indices past an embedding's rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from weightedit.core.words.numbers import count_text
from weightedit.core.words.paths import counted
from weightedit.core.words.visible import visible
from weightedit.doctor.finding import Finding
from weightedit.doctor.training_step.batch_facts import BatchFacts, Extreme, Whole
from weightedit.doctor.training_step.case import Case, module_text
from weightedit.doctor.training_step.classes import BY_CLASS, classes_of, counted_classes, more_classes
from weightedit.doctor.training_step.facts import Indexed, TrainingFacts
from weightedit.doctor.training_step.parts import counts_text


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
        case, by_path = Case(training, holds), {one.path: one for one in facts.whole}
        yield from _classes(case, facts, by_path.get(facts.target))
        for indexed in training.indexed:
            whole = by_path.get(indexed.path) or (by_path.get("") if indexed.path == "0" else None)
            yield from _rows(case, facts, whole, indexed)
    yield from _bad(facts)


def _bad(facts: BatchFacts) -> Iterator[Finding]:
    bad = facts.bad
    if bad is None:
        return
    item, name = facts.item(bad.at), facts.called(bad.path)
    of = f"{counted(bad.of, 'value')}{f' of its {name}' if name else ''}"
    first = f", the first {item}" if item and bad.nan + bad.inf > 1 else f", {item}" if item else ""
    more = f"; so {'has' if bad.others == 1 else 'have'} " \
           f"{count_text(bad.others)} more {facts.noun if bad.others == 1 else facts.what}" if bad.others else ""
    yield Finding("non-finite", "", "", f"{facts.place(bad.at)} has {counts_text(bad.nan, bad.inf)} among the "
                  f"{of}{first}{more}.", level="warning")  # fmt: skip


def _classes(case: Case, facts: BatchFacts, whole: Whole | None) -> Iterator[Finding]:
    """Yield the first class that the output does not have."""
    loss, taken, raised = case.facts.loss, case.facts.taken, case.facts.raised
    if whole is None or loss is None or taken is None or loss.function not in BY_CLASS:
        return
    classes = classes_of(taken)
    found = _first_past(whole, classes)
    if found is None or (found.at.number == 0 and raised is not None and raised.stage == "loss"):
        return  # that of the step is told there
    highest = whole.highs[-1].value
    item = facts.item(found.at)
    head = module_text(taken.head) if taken.head else "the output"
    counts_from_1 = highest == classes and whole.lows[-1].value == 1
    hint = f" The data has classes 1 to {count_text(highest)}: write target - 1." if counts_from_1 else ""
    yield Finding("target-range", taken.head, case.tensor(case.own_name(taken.head, "weight")),
                  f"{facts.place(found.at)} has class {count_text(found.value)}{f' {item}' if item else ''}; "
                  f"{head} gives {counted_classes(classes)}, 0 to {count_text(classes - 1)}.{hint}",
                  more_classes(case, taken, classes, highest) if highest >= classes and not hint else ())  # fmt: skip


def _rows(case: Case, facts: BatchFacts, whole: Whole | None, indexed: Indexed) -> Iterator[Finding]:
    """Yield the first index that an embedding does not have a row for."""
    found = None if whole is None else _first_past(whole, indexed.rows)
    raised = case.facts.raised
    if whole is None or found is None or \
            (found.at.number == 0 and raised is not None and raised.module == indexed.module):  # fmt: skip
        return
    name, item, part = case.own_name(indexed.module, "weight"), facts.item(found.at), facts.called(whole.path)
    yield Finding("index", indexed.module, case.tensor(name),
                  f"{facts.place(found.at)} has the index {count_text(found.value)}"
                  f"{f' in its {part}' if part else ''}{f', {item}' if item else ''}; {visible(indexed.module)} has "
                  f"{counted(indexed.rows, 'row')}, 0 to {count_text(indexed.rows - 1)}.",
                  case.more_rows(name, indexed.rows, whole.highs[-1].value))  # fmt: skip


def _first_past(whole: Whole, below: int) -> Extreme | None:
    """Return the first number that is below 0, or not below a limit."""
    high = next((one for one in whole.highs if one.value >= below), None)
    low = next((one for one in whole.lows if one.value < 0), None)
    return min((one for one in (high, low) if one is not None), key=lambda one: one.at.number, default=None)
