"""What a forward pass that raised says: the module, what it takes, and what it was given."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from weightedit.core.words.numbers import index_text
from weightedit.core.words.visible import message, visible, visible_lines
from weightedit.doctor.bringing.input_spec import InputSpec, TensorItem
from weightedit.doctor.explain.explain import explain
from weightedit.doctor.facts import TensorFacts
from weightedit.doctor.finding import Finding
from weightedit.doctor.shape_trace.diagnose import diagnosed
from weightedit.doctor.shape_trace.mending import Weights, candidates
from weightedit.doctor.shape_trace.trace import Failure, Seen
from weightedit.doctor.training_step.case import Case, module_text
from weightedit.doctor.training_step.parts import Raised

_MEMORY = ("OutOfMemoryError", "MemoryError")
_UNTRIED = ("dtype", "index", "device")
"""Disagreements that an edit mends without a run to tell: other sizes of weights have to be tried."""


def forward_finding(case: Case) -> Iterator[Finding]:
    """Yield what stopped the forward pass, if anything did."""
    raised = case.facts.raised
    if raised is None or raised.stage != "forward":
        return
    yield out_of_memory(case, raised) or _batch_of_one(case, raised) or _diagnosed(case, raised)


def raised_finding(raised: Raised, kind: str, said: str) -> Finding:
    """Return the finding of an exception that is of no size or dtype: where, and what Python says.

    What it means, where that is known, is a sentence of its own: it is not what was raised.
    """
    known = explain(f"{raised.type}: {raised.message}")
    first = visible(next(iter(raised.message.splitlines()), ""))
    more = f". {known.message}" if known.is_known else f": {first}" if first else ""
    return Finding(kind, raised.module, "", message(f"{said}{more}".rstrip(".") + "."),
                   torch_says=visible_lines(raised.message))  # fmt: skip


def at(raised: Raised) -> str:
    """Return the place of a person's own code as the end of a clause."""
    return f", at {visible(raised.place)}" if raised.place else ""


def out_of_memory(case: Case, raised: Raised) -> Finding | None:
    """Return the finding of memory that ran out, at any stage; None for anything else."""
    if raised.type not in _MEMORY and "DefaultCPUAllocator" not in raised.message:
        return None
    only = case.input
    batch = only.shape[0] if only is not None and only.shape else 0
    mends = case.inputs_mend(only, (batch // 2, *only.shape[1:])) if only is not None and batch > 1 else ()
    return Finding("memory", raised.module, "", f"Memory ran out in {_at_stage(raised)}.", mends,
                   torch_says=visible_lines(raised.message))  # fmt: skip


def _at_stage(raised: Raised) -> str:
    if raised.module_type:
        return f"{module_text(raised.module, raised.module_type)}".replace("The model", "the model")
    return {"loss": "the loss", "backward": "the backward pass"}.get(raised.stage, "the step of the optimizer")


def _batch_of_one(case: Case, raised: Raised) -> Finding | None:
    if "Expected more than 1 value per channel when training" not in raised.message:
        return None
    only = case.input
    given = next((one for one in raised.inputs if one.is_tensor), None)
    shape = given.shape if given is not None else ()
    mends = case.inputs_mend(only, (2, *only.shape[1:])) if only is not None and only.shape[:1] == (1,) else ()
    return Finding("batch-of-one", raised.module, "",
                   f"{module_text(raised.module)} takes its mean and variance over the batch while it trains, and "
                   f"{index_text(shape)} has 1 value per channel.", mends,
                   torch_says=visible_lines(raised.message))  # fmt: skip


def _diagnosed(case: Case, raised: Raised) -> Finding:
    """Return what a run that stops there says, with the mends that need not be tried: of dtypes, rows and inputs."""
    failure = raised.failure or Failure(raised.module, raised.module_type, raised.type, raised.message)
    given = [Seen(one.path, one.type, one.shape if one.dtype else None, one.dtype, one.device) for one in raised.inputs]
    tensors = [TensorFacts(one.name, one.shape, one.dtype, "parameter", one.device) for one in case.facts.parameters]
    told = diagnosed(failure, given, tensors, "training")
    if told.disagreement is None:
        return told.finding
    held = {one.name: replace(one, name=own) for one in tensors if (own := case.tensor(one.name))}
    weights = Weights({name: one.name for name, one in held.items()}, {one.name: one for one in held.values()})
    only = case.input
    spec = None if only is None else InputSpec((TensorItem(only.dtype, only.shape),)) if only.path.isdigit() else \
        InputSpec((), ((only.path, TensorItem(only.dtype, only.shape)),))  # fmt: skip
    mends = [one.mend for one in candidates(told.disagreement, weights, spec)
             if (told.disagreement.kind in _UNTRIED if one.spec is None else not told.disagreement.got.made_by)]
    return replace(told.finding, tensor=case.tensor(told.finding.tensor), mends=tuple(mends))
