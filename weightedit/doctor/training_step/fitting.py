"""Whether what the data gives is what the model took when it ran: dtypes and shapes but for the size of the batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from weightedit.core.words.visible import visible
from weightedit.doctor.finding import Finding
from weightedit.doctor.training_step.batch_facts import BatchFacts
from weightedit.doctor.training_step.case import spec
from weightedit.doctor.training_step.parts import Part

_COLLATED = {"float": "float64", "int": "int64", "bool": "bool"}
"""What torch makes of Python's numbers when it makes a batch."""


def fits(facts: BatchFacts, ran: Sequence[Part]) -> Iterator[Finding]:
    """Yield where the usual batch differs from an input with which the model ran.

    Parameters
    ----------
    facts
        Of a pass over the data.
    ran
        The input: positional parts by their number, others by name. A batch that is a dict is compared by names, a
        tuple by numbers.
    """
    if not facts.forms:
        return
    usual = max(facts.forms, key=lambda one: one.count)
    given = {part.path or "0": part for part in usual.parts}
    for taken in ran:
        if not taken.is_tensor:
            continue
        part = given.get(taken.path)
        if part is None:
            if not taken.path.isdigit() and not any(path.isdigit() for path in given):
                yield Finding("fits", "", "", f"The model ran with {visible(taken.path)}, and {facts.what} have none.",
                              level="warning")  # fmt: skip
            continue
        yield from _compared(facts, part, taken)


def _compared(facts: BatchFacts, part: Part, taken: Part) -> Iterator[Finding]:
    dtype, shape = part.dtype or _COLLATED.get(part.type, ""), taken.shape[1:]
    name = f" in {facts.called(part.path)}" if part.path else ""
    wanted = spec(shape, taken.dtype)
    if not dtype:
        yield Finding("fits", "", "", f"{facts.what.capitalize()} have values of type {visible(part.type)}{name}, and "
                      f"the model took {wanted} for each.", level="warning")  # fmt: skip
        return
    if (dtype, part.shape) == (taken.dtype, shape):
        return
    is_other = dtype != taken.dtype or len(part.shape) != len(shape) or \
        (part.shape[:1] != shape[:1] and not dtype.startswith(("int", "uint", "bool")))  # fmt: skip
    yield Finding("fits", "", "", f"{facts.what.capitalize()} have {spec(part.shape, dtype)}{name} for each sample, "
                  f"and the model took {wanted}.", level="warning" if is_other else "notice")  # fmt: skip
