"""What a pass over the data says: samples that differ, batches that cannot be made, what the model does not take."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from weightedit.core.words.numbers import count_text
from weightedit.core.words.paths import counted
from weightedit.core.words.visible import visible, visible_lines
from weightedit.doctor.finding import Finding
from weightedit.doctor.training_step.batch_facts import BatchFacts, Collated, Form
from weightedit.doctor.training_step.batch_values import value_findings
from weightedit.doctor.training_step.case import module_text, spec
from weightedit.doctor.training_step.facts import TrainingFacts
from weightedit.doctor.training_step.fitting import fits
from weightedit.doctor.training_step.forward import at, raised_finding
from weightedit.doctor.training_step.parts import Part


def batch_findings(facts: BatchFacts, training: TrainingFacts | None = None,
                   holds: Mapping[str, str] | None = None) -> list[Finding]:  # fmt: skip
    """Return what a pass over a data set or loader says.

    Parameters
    ----------
    facts
        What was seen of it.
    training
        A training step of the model on a batch that it took; then batches are compared with that, and with what its
        normalizations need, and values with the classes of its output and the rows of its embeddings.
    holds
        As for `training_findings`.

    Returns
    -------
    list of Finding
        What stops a loop over the data first, then in the order in which a loop would meet it; notices last.
    """
    found = [*_raised(facts), *_collated(facts), *_differing(facts), *_uneven(facts),
             *value_findings(facts, training, holds)]  # fmt: skip
    if training is not None:
        found += [*fits(facts, training.inputs), *_alone(facts, training)]
    return sorted(found, key=lambda one: one.level == "notice")


def _raised(facts: BatchFacts) -> Iterator[Finding]:
    if facts.raised is None:
        return
    which = f"Sample {count_text(facts.raised_at)}" if facts.raised_at >= 0 else f"Batch {count_text(facts.seen)}"
    yield raised_finding(facts.raised, "data", f"{which} of {visible(facts.source)} cannot be read: it raises "
                         f"{visible(facts.raised.type)}{at(facts.raised)}")  # fmt: skip


def _collated(facts: BatchFacts) -> Iterator[Finding]:
    found = facts.collated
    if found is None:
        return
    start = f"Batch {count_text(found.batch)} cannot be made"
    odd, usual = _odd(found.forms)
    if odd is None or usual is None:
        kinds = sorted({visible(part.type) for form in found.forms for part in form.parts if not part.dtype})
        of = f" of values of type {', '.join(kinds)}" if kinds else ""
        yield raised_finding(found.raised, "collate", f"{start}{of}: it raises {visible(found.raised.type)}"
                             f"{at(found.raised)}")  # fmt: skip
        return
    yield Finding("collate", "", "", f"{start}: {_sample(found, odd)} has {_difference(facts, odd, usual)}, "
                  f"{'the other' if usual.count > 1 else 'the other one'}"
                  f"{f' {usual.count:,}' if usual.count > 1 else ''} {_difference(facts, usual, odd)}.",
                  torch_says=visible_lines(found.raised.message))  # fmt: skip


def _sample(found: Collated, odd: Form) -> str:
    return f"sample {count_text(odd.first)}" if odd.first >= 0 else "one sample"


def _differing(facts: BatchFacts) -> Iterator[Finding]:
    """Yield the first that differs from the rest."""
    odd, usual = _odd(facts.forms)
    if odd is None or usual is None or facts.collated is not None:
        return
    name = facts.noun.capitalize()
    if _only_sizes(facts.forms) and (usual.count * 2 <= facts.seen or _is_padded(facts, odd, usual)):
        yield Finding("sizes", "", "", f"{name} {count_text(odd.first)} has {_difference(facts, odd, usual)} "
                      f"and {facts.noun} {count_text(usual.first)} {_difference(facts, usual, odd)}: {facts.what} "
                      f"come in {counted(len(facts.forms), 'size')}.", level="notice")  # fmt: skip
        return
    yield Finding("differs", "", "", f"{name} {count_text(odd.first)} has {_difference(facts, odd, usual)}; "
                  f"{usual.count:,} of {facts.seen:,} {facts.what} have {_difference(facts, usual, odd)}.",
                  level="warning")  # fmt: skip


def _uneven(facts: BatchFacts) -> Iterator[Finding]:
    if facts.uneven is None:
        return
    one, other = facts.uneven.parts
    is_pair = all(len(form.parts) == 2 for form in facts.forms)
    yield Finding("batch-size", "", "", f"Batch {count_text(facts.uneven.batch)} has {one.shape[0]} in "
                  f"{_text(facts, one)} and {other.shape[0]} in {_text(facts, other)}.",
                  level="warning" if is_pair else "notice")  # fmt: skip


def _alone(facts: BatchFacts, training: TrainingFacts) -> Iterator[Finding]:
    """Yield a batch of one sample where a normalization has nothing to take a variance over."""
    lonely = next((one for one in facts.sizes if one.size == 1), None)
    given = next((one for one in training.inputs if one.is_tensor and one.shape), None)
    if lonely is None or given is None or len(facts.sizes) == 1:
        return
    norm = next((call for call in training.calls if "BatchNorm" in call.type and len(call.in_shape) > 1
                 and math.prod(call.in_shape) == given.shape[0] * call.in_shape[1]), None)  # fmt: skip
    if norm is not None:
        which = ", the last," if lonely.first == facts.seen - 1 and not facts.stopped else ""
        yield Finding("batch-of-one", norm.module, "", f"Batch {count_text(lonely.first)}{which} has 1 sample, and "
                      f"{module_text(norm.module, norm.type)} takes its mean and variance over the batch while it "
                      "trains; drop_last=True leaves it out.", level="warning")  # fmt: skip


def _odd(forms: Sequence[Form]) -> tuple[Form | None, Form | None]:
    """Return the first form that is not the usual one, and the usual one: the most frequent, or the first of these."""
    if len(forms) < 2:
        return None, None
    usual = max(forms, key=lambda one: one.count)
    return next(one for one in forms if one is not usual), usual


def _only_sizes(forms: Sequence[Form]) -> bool:
    """Whether forms differ in nothing but how long dimensions are."""
    return len({tuple((part.path, part.type, part.dtype, len(part.shape)) for part in one.parts) for one in forms}) == 1


def _is_padded(facts: BatchFacts, odd: Form, usual: Form) -> bool:
    """Whether what differs are batches of whole numbers, such as tokens: each is as long as its longest text."""
    return facts.what == "batches" and all(one.dtype.startswith(("int", "uint", "bool")) for one, other in
                                           zip(odd.parts, usual.parts, strict=True) if one != other)  # fmt: skip


def _difference(facts: BatchFacts, one: Form, other: Form) -> str:
    """Return the first part of one form that is not in the other."""
    there = set(other.parts)
    paths = {part.path for part in other.parts}
    found = next((part for part in one.parts if part not in there), None)
    if found is not None:
        return _text(facts, found)
    missing = next(part for part in other.parts if part.path not in {own.path for own in one.parts})
    return f"no {facts.called(missing.path)}" if missing.path and paths else "less"


def _text(facts: BatchFacts, part: Part) -> str:
    what = spec(part.shape, part.dtype) if part.dtype else _a(visible(part.type))
    name = facts.called(part.path)
    return f"{what} in {name}" if name else what


def _a(noun: str) -> str:
    return "None" if noun == "NoneType" else f"{'an' if noun[:1].lower() in 'aeiou' else 'a'} {noun}"
