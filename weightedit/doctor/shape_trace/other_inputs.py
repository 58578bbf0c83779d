"""Inputs that were perhaps meant: with a batch of one before them, or with sides that a model can halve evenly."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

from weightedit.doctor.bringing.input_spec import InputSpec, NumbersItem, TensorItem, ValueItem
from weightedit.doctor.shape_trace.disagreement import Disagreement
from weightedit.doctor.shape_trace.mending import Candidate, respecified, with_tensors

Runs = Callable[[InputSpec], bool]
"""Whether the model runs to its end on other inputs."""
MOST_DIMS_OF_ONE = 3
"""Of a picture without its batch."""
STEPS = (2, 4, 8, 16, 32)
"""What sides are multiples of in models that halve them once to five times."""


def other_inputs(found: Disagreement | None, spec: InputSpec, runs: Runs) -> Iterator[Candidate]:
    """Give inputs on which the model runs to its end, looked for by what stopped it.

    Parameters
    ----------
    found
        What disagrees where it stopped; None where that is not known.
    spec
        The inputs it stopped with.
    runs
        Tries others.
    """
    if (shaped := _shaped(spec)) is not None and runs(shaped):
        yield from respecified(spec, shaped)
    elif (batched := with_tensors(spec, _batched)) != spec and runs(batched):
        yield from respecified(spec, batched, "unsqueeze(0)")
    elif found is not None and found.kind in ("sizes", "broadcast") and not found.weight.tensor:
        for step in STEPS:
            even = with_tensors(spec, partial(_even, step))
            if even != spec and runs(even):
                yield from respecified(spec, even)
                return


def _shaped(spec: InputSpec) -> InputSpec | None:
    """Return a tensor of the shape that was perhaps meant by numbers alone, `2,3,32,32` or `[2,3,32,32]`."""
    values = [item.value for item in spec.args if isinstance(item, ValueItem)]
    if len(spec.args) == 1 and isinstance(spec.args[0], NumbersItem) and len(spec.args[0].shape) == 1:
        values = list(spec.args[0].values)
    sizes = tuple(one for one in values if type(one) is int and one > 0)
    if spec.kwargs or len(sizes) < 2 or len(sizes) != max(len(values), len(spec.args)):
        return None
    return InputSpec((TensorItem("float32", sizes),))


def _batched(item: TensorItem) -> TensorItem:
    is_one = 1 <= len(item.shape) <= (MOST_DIMS_OF_ONE if item.dtype.startswith(("float", "bfloat")) else 1)
    return replace(item, shape=(1, *item.shape)) if is_one else item


def _even(step: int, item: TensorItem) -> TensorItem:
    sides = tuple(-(-side // step) * step for side in item.shape[2:])
    return replace(item, shape=(*item.shape[:2], *sides))
