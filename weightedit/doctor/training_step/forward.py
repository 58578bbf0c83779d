"""What a forward pass that raised says: the module, what it takes, and what it was given."""

from __future__ import annotations

import re
from collections.abc import Iterator

from weightedit.core.words.numbers import count_text, index_text
from weightedit.core.words.paths import counted
from weightedit.core.words.visible import message, visible, visible_lines
from weightedit.doctor.cast_loss import cast_loss
from weightedit.doctor.explain.explain import explain
from weightedit.doctor.finding import Finding
from weightedit.doctor.training_step.case import Case, module_text, spec
from weightedit.doctor.training_step.parts import Part, Raised

FLOATS = {"float64", "float32", "bfloat16", "float16"}
_CONV = re.compile(r"(Lazy)?Conv(Transpose)?([123])d")
_LAST = {"Linear": "in_features", "RNN": "input_size", "LSTM": "input_size", "GRU": "input_size",
         "RNNCell": "input_size", "LSTMCell": "input_size", "GRUCell": "input_size"}  # fmt: skip
"""The number that the last dimension of the input must be, by the type of a module."""
_MEMORY = ("OutOfMemoryError", "MemoryError")


def forward_finding(case: Case) -> Iterator[Finding]:
    """Yield what stopped the forward pass, if anything did."""
    raised = case.facts.raised
    if raised is None or raised.stage != "forward":
        return
    found = (out_of_memory(case, raised) or _channels(case, raised) or _features(case, raised) or _indices(case, raised)
             or _batch_of_one(case, raised) or _devices(case, raised) or _dtypes(case, raised))  # fmt: skip
    yield found or raised_finding(raised, "forward", f"{module_text(raised.module, raised.module_type)} raises "
                                  f"{visible(raised.type)} in the forward pass{at(raised)}")  # fmt: skip


def raised_finding(raised: Raised, kind: str, said: str) -> Finding:
    """Return the finding of an exception that is of no size or dtype: where, and what it means, or what Python says."""
    known = explain(f"{raised.type}: {raised.message}")
    first = known.message if known.is_known else visible(next(iter(raised.message.splitlines()), ""))
    return Finding(kind, raised.module, "", message(f"{said}{': ' if first else ''}{first.rstrip('.')}."),
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


def _tensor(raised: Raised) -> Part | None:
    return next((one for one in raised.inputs if one.is_tensor), None)


def _channels(case: Case, raised: Raised) -> Finding | None:
    given, kind = _tensor(raised), _CONV.fullmatch(raised.module_type)
    is_norm = raised.module_type.startswith(("BatchNorm", "InstanceNorm"))
    expected = raised.says.get("num_features" if is_norm else "in_channels")
    if given is None or expected is None or not (kind or is_norm) or len(given.shape) < 2:
        return None
    place = 1 if kind is None else len(given.shape) - int(kind[3]) - 1
    if place not in (0, 1) or given.shape[place] == expected:
        return None
    shape = (*given.shape[:place], expected, *given.shape[place + 1 :])
    return Finding("channels", raised.module, case.tensor(case.own_name(raised.module, "weight")),
                   f"{module_text(raised.module)} expects {counted(expected, 'channel')}, got {given.shape[place]} in "
                   f"{index_text(given.shape)}.", case.inputs_mend(given, shape),
                   torch_says=visible_lines(raised.message))  # fmt: skip


def _features(case: Case, raised: Raised) -> Finding | None:
    given, expected = _tensor(raised), raised.says.get(_LAST.get(raised.module_type, ""))
    if given is None or expected is None or not given.shape or given.shape[-1] == expected:
        return None
    return Finding("features", raised.module, case.tensor(case.own_name(raised.module, "weight")),
                   f"{module_text(raised.module)} expects {counted(expected, 'feature')} in the last dimension, got "
                   f"{given.shape[-1]} in {index_text(given.shape)}.",
                   case.inputs_mend(given, (*given.shape[:-1], expected)),
                   torch_says=visible_lines(raised.message))  # fmt: skip


def _indices(case: Case, raised: Raised) -> Finding | None:
    rows, values, given = raised.says.get("num_embeddings"), raised.values, _tensor(raised)
    if rows is None or given is None:
        return None
    name = case.own_name(raised.module, "weight")
    if given.dtype not in ("int64", "int32"):
        return Finding("dtype-mix", raised.module, case.tensor(name),
                       f"{module_text(raised.module)} takes indices as int64 or int32, got {visible(given.dtype)}.",
                       case.inputs_mend(given, dtype="int64"), torch_says=visible_lines(raised.message))  # fmt: skip
    if values is None or values.highest is None or values.lowest is None or 0 <= values.lowest <= values.highest < rows:
        return None
    low, high = int(values.lowest), int(values.highest)
    mends = case.more_rows(name, rows, high)
    wrong = high if high >= rows else low
    return Finding("out-of-range", raised.module, case.tensor(name),
                   f"{module_text(raised.module)} has {counted(rows, 'row')}, so indices go from 0 to "
                   f"{count_text(rows - 1)}; the input has {count_text(wrong)}.", mends,
                   torch_says=visible_lines(raised.message))  # fmt: skip


def _batch_of_one(case: Case, raised: Raised) -> Finding | None:
    if "Expected more than 1 value per channel when training" not in raised.message:
        return None
    given, only = _tensor(raised), case.input
    shape = given.shape if given is not None else ()
    mends = case.inputs_mend(only, (2, *only.shape[1:])) if only is not None and only.shape[:1] == (1,) else ()
    return Finding("batch-of-one", raised.module, "",
                   f"{module_text(raised.module)} takes its mean and variance over the batch while it trains, and "
                   f"{index_text(shape)} has 1 value per channel.", mends,
                   torch_says=visible_lines(raised.message))  # fmt: skip


def _devices(case: Case, raised: Raised) -> Finding | None:
    given, own = _tensor(raised), case.own(raised.module)
    other = next((one for one in own if given is not None and one.device != given.device), None)
    if given is None or other is None or "device" not in raised.message:
        return None
    return Finding("device-mix", raised.module, case.tensor(other.name),
                   f"{visible(other.name)} is on {visible(other.device)}, the input of "
                   f"{module_text(raised.module)} on {visible(given.device)}.".replace("The model", "the model"),
                   torch_says=visible_lines(raised.message))  # fmt: skip


def _dtypes(case: Case, raised: Raised) -> Finding | None:
    """Return the finding of an input and a weight of different dtypes, with whichever is easier to change."""
    own = [one for one in case.own(raised.module) if one.dtype in FLOATS]
    given = next((one for one in raised.inputs if one.is_tensor and any(one.dtype != has.dtype for has in own)), None)
    if given is None or not own or "type" not in raised.message.lower():
        return None
    other = next(one for one in own if one.dtype != given.dtype)
    mends = case.inputs_mend(given, dtype=other.dtype)
    if given.dtype in FLOATS:
        names = [one.name for one in own if one.dtype != given.dtype]
        if mends:  # the input is what differs: all weights would have to follow it
            names = [one.name for one in case.facts.parameters if one.dtype in FLOATS and one.dtype != given.dtype]
        what = case.what(names, "tensor")
        lost = cast_loss(other.dtype, given.dtype)
        mends += case.mend(f"Cast {what} to {given.dtype}", "cast", names,
                           f"{other.dtype} → {given.dtype}{f', {lost}' if lost else ''}",
                           dtype=given.dtype)  # fmt: skip
    return Finding("dtype-mix", raised.module, case.tensor(other.name),
                   f"{module_text(raised.module)} has its {visible(other.name.rpartition('.')[2])} in "
                   f"{visible(other.dtype)} and got {spec(given.shape, given.dtype)}.", mends,
                   torch_says=visible_lines(raised.message))  # fmt: skip

