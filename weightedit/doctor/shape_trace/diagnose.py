"""Says of the first failure of a run, in plain words, which module stopped and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from weightedit.core.words.visible import visible, visible_lines
from weightedit.doctor.checkup import FAKE
from weightedit.doctor.explain.explain import explain
from weightedit.doctor.facts import ModelFacts, TensorFacts
from weightedit.doctor.finding import CheckPart, Finding
from weightedit.doctor.shape_trace.beside import Beside
from weightedit.doctor.shape_trace.disagreement import Disagreement, disagreement
from weightedit.doctor.shape_trace.trace import Failure, Operand, Seen, Trace

_DOUBT = " Tensors have no values here, which alone may be why; run it on cpu to tell."
"""What is said where code raised that might not have with values."""
_RECURRENT = ("LSTM", "GRU", "RNN", "LSTMCell", "GRUCell", "RNNCell")


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What the first failure comes from.

    Attributes
    ----------
    finding
        In words, without mends.
    disagreement
        The operands that do not go together; None where it is something else.
    beside
        What is told beside these; None before a document was looked at.
    """

    finding: Finding
    disagreement: Disagreement | None
    beside: Beside | None = None


def diagnose(trace: Trace, model: ModelFacts) -> Diagnosis | None:
    """Return what stopped a run; None where it ran to its end.

    Parameters
    ----------
    trace
        The run.
    model
        The model, whose modules say what they expect.
    """
    failure = trace.failure
    if failure is None:
        return None
    call = next((call for call in reversed(trace.calls) if call.module == failure.module), None)
    return diagnosed(failure, () if call is None else call.inputs, model.tensors, "trace", is_fake=trace.device == FAKE)


def diagnosed(failure: Failure, given: Sequence[Seen], tensors: Sequence[TensorFacts], part: CheckPart, *,
              is_fake: bool = False) -> Diagnosis:  # fmt: skip
    """Return what a failure comes from.

    Parameters
    ----------
    failure
        What a run or a step stopped at.
    given
        What the module that stopped was given.
    tensors
        The model's, by its own names.
    part
        What ran.
    is_fake
        Whether tensors had no values.
    """
    if failure.needs_values:
        said = f"{_name(failure)} looks at values{_where(failure)}. Tensors have none here, so nothing after it was " \
               "run: run it on a device that has values, such as cpu."  # fmt: skip
        return Diagnosis(Finding("needs-values", failure.module, "", said, level="warning",
                                 torch_says=visible_lines(failure.message), part=part), None)  # fmt: skip
    found = disagreement(failure.operation, failure.operands) or _recurrent(failure, given, tensors)
    if found is None:
        return Diagnosis(_explained(failure, part, is_fake=is_fake), None)
    message, tensor = _WORDS[found.kind](failure, found), found.weight.tensor or found.got.tensor
    return Diagnosis(Finding(found.kind, failure.module, tensor, f"{message}{_where(failure)}.",
                             torch_says=visible_lines(_said(failure)), part=part), found)  # fmt: skip


def _recurrent(failure: Failure, given: Sequence[Seen], tensors: Sequence[TensorFacts]) -> Disagreement | None:
    """Look at an LSTM and its kin, which compare the input by themselves, before any operation."""
    weight = next((one for one in tensors if one.name.rpartition(".")[0] == failure.module
                   and one.name.rpartition(".")[2] in ("weight_ih_l0", "weight_ih")), None)  # fmt: skip
    if failure.type not in _RECURRENT or weight is None:
        return None
    got = next((one for one in given if one.shape is not None), None)
    if got is None or not got.shape or got.shape[-1] == weight.shape[-1]:
        return None
    meets = Operand(Seen("weight", "Tensor", weight.shape, weight.dtype, weight.device), weight.name)
    return Disagreement("features", Operand(got), meets, len(got.shape) - 1, 1, got.shape[-1], weight.shape[-1])


def _features(failure: Failure, found: Disagreement) -> str:
    if not found.weight.tensor:
        return f"{_name(failure)} multiplies {found.got.seen} by {found.weight.seen}: {found.got_size} is not " \
               f"{found.weight_size}"  # fmt: skip
    return f"{_name(failure)} expects {_count(found.weight_size, 'feature')}, got {found.got_size}"


def _channels(failure: Failure, found: Disagreement) -> str:
    return f"{_name(failure)} expects {_count(found.weight_size, 'channel')}, got {found.got_size}"


def _dims(failure: Failure, found: Disagreement) -> str:
    return f"{_name(failure)} expects {_count(found.weight_size, 'dimension')}, got {found.got_size}: {found.got.seen}"


def _dtype(failure: Failure, found: Disagreement) -> str:
    if found.got.seen.dtype == found.weight.seen.dtype:
        return f"{_name(failure)} cannot compute in {found.got.seen.dtype}, which its input and weights have"
    what = "has weights in" if found.weight.tensor else "combines"
    joined = "got" if found.weight.tensor else "with"
    return f"{_name(failure)} {what} {found.weight.seen.dtype}, {joined} {found.got.seen.dtype}"


def _device(failure: Failure, found: Disagreement) -> str:
    tensor = visible(found.weight.tensor) or "a tensor"
    return f"{_name(failure)} has {tensor} on {found.weight.seen.device}, got one on {found.got.seen.device}"


def _broadcast(failure: Failure, found: Disagreement) -> str:
    return f"{_name(failure)} combines {found.got.seen} with {found.weight.seen}: {found.got_size} and " \
           f"{found.weight_size} neither agree nor is one of them 1"  # fmt: skip


def _sizes(failure: Failure, found: Disagreement) -> str:
    return f"{_name(failure)} joins {found.weight.seen} and {found.got.seen}: {found.weight_size} is not " \
           f"{found.got_size} in dim {found.got_dim}"  # fmt: skip


def _index(failure: Failure, found: Disagreement) -> str:
    return f"{_name(failure)} has {_count(found.weight_size, 'row')}, got the index {found.got_size}"


def _index_dtype(failure: Failure, found: Disagreement) -> str:
    return f"{_name(failure)} expects whole numbers as indices, int64 or int32, got {found.got.seen.dtype}"


_WORDS = {"features": _features, "channels": _channels, "dims": _dims, "dtype": _dtype, "device": _device,
          "broadcast": _broadcast, "sizes": _sizes, "index": _index, "index-dtype": _index_dtype}  # fmt: skip


def _count(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _name(failure: Failure) -> str:
    return visible(failure.module) or visible(failure.type) or "The model"


def _where(failure: Failure) -> str:
    """Say where in the person's code: what a weight disagrees with is told by the module alone."""
    if not failure.frames:
        return ""
    frame = failure.frames[-1]
    file = visible(frame.file.replace("\\", "/").rpartition("/")[2])
    return f"; called from {visible(frame.function)}, {file} line {frame.line}" if frame.function else ""


def _said(failure: Failure) -> str:
    return f"{failure.exception}: {failure.message}" if failure.message else failure.exception


def _explained(failure: Failure, part: CheckPart, *, is_fake: bool) -> Finding:
    """Explain what was raised by its text, where no size or dtype does; what is unknown is told as it is."""
    found = explain(_said(failure))
    doubt = _DOUBT if is_fake and not (found.is_known and failure.operation) else ""
    if not found.is_known:
        return Finding("error", failure.module, "", _unknown(failure) + doubt,
                       torch_says=visible_lines(_said(failure)), part=part)  # fmt: skip
    said = f"{_name(failure)} stops: {found.message.rstrip('.')}{_where(failure)}.{doubt}"
    return Finding(found.kind, failure.module, "", said, torch_says=visible_lines(_said(failure)), part=part)


def _unknown(failure: Failure) -> str:
    return f"{_name(failure)} raised {visible(_said(failure), 400).rstrip('.')}{_where(failure)}."
