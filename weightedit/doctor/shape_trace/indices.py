"""Whether a run without values may have passed over indices that an embedding does not have."""

from __future__ import annotations

from weightedit.doctor.bringing.input_spec import FileItem, InputSpec, NumbersItem, TensorItem
from weightedit.doctor.facts import ModelFacts
from weightedit.doctor.shape_trace.trace import Trace


def may_be_past(trace: Trace, model: ModelFacts, spec: InputSpec | None) -> bool:
    """Say whether the values of indices have to be looked at; that is so for those a person gives.

    Parameters
    ----------
    trace
        A run that came to its end.
    model
        Its embeddings say how many rows they have.
    spec
        The inputs; None where they are given as they are.
    """
    rows = {one.name: one.says["num_embeddings"] for one in model.modules if one.says and "num_embeddings" in one.says}
    used = {call.module: call for call in trace.calls if call.module in rows}
    if not used:
        return False
    items = [] if spec is None else list(spec.leaves())
    least = min(rows[name] for name in used)
    if spec is None or any(isinstance(item, FileItem | NumbersItem) or
                           (isinstance(item, TensorItem) and (item.below or 0) > least) for item in items):  # fmt: skip
        return True
    lengths = {name: [one.shape[-1] for one in call.inputs if one.shape] for name, call in used.items()}
    return any(length > rows[name] for name, found in lengths.items() for length in found)  # positions count along it
