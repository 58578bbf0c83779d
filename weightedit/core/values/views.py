"""A tensor argument seen in another way, without copying it: transposed, cut, or in another shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod
from typing import NoReturn

from weightedit.core.edit import TensorView
from weightedit.core.errors import EditRefused, RegionError
from weightedit.core.hazards import refusal
from weightedit.core.region import parse_region, shape_text
from weightedit.core.spec import TensorSpec, contiguous_stride
from weightedit.core.values.pinned import PinnedTensor


def seen(pinned: PinnedTensor, view: TensorView) -> PinnedTensor:
    """Return a pinned tensor as a view of it: another spec over the same bytes, which nobody reads here.

    Raises
    ------
    EditRefused
        If its dimensions, its region or its shape do not fit the tensor, or only a copy could have the shape.
    """
    spec = pinned.spec
    if view.permute is not None:
        spec = _permuted(pinned, spec, view.permute)
    if view.region is not None:
        spec = _cut(pinned, spec, view.region)
    if view.shape is not None:
        stride = viewed_stride(spec, view.shape)
        if stride is None:
            _refuse(pinned, f"{pinned.name} cannot be seen as {shape_text(view.shape)}",
                    f"It is {shape_text(spec.shape)}; its values do not fill it, or not in a row.")  # fmt: skip
        spec = replace(spec, shape=view.shape, stride=stride)
    return replace(pinned, spec=spec)


def _refuse(pinned: PinnedTensor, title: str, detail: str) -> NoReturn:
    raise EditRefused([refusal("shape-mismatch", title, detail, targets=[pinned.name])])


def _permuted(pinned: PinnedTensor, spec: TensorSpec, dims: Sequence[int]) -> TensorSpec:
    if sorted(dims) != list(range(len(spec.shape))):
        _refuse(pinned, f"{list(dims)} is no order of {len(spec.shape)} dimensions",
                f"{pinned.name} is {shape_text(spec.shape)}; name each of its dimensions once.")  # fmt: skip
    return replace(spec, shape=tuple(spec.shape[dim] for dim in dims), stride=tuple(spec.stride[dim] for dim in dims))


def _cut(pinned: PinnedTensor, spec: TensorSpec, region: str) -> TensorSpec:
    try:
        box = parse_region(region, spec.shape)
    except RegionError as error:
        raise EditRefused([refusal("out-of-range", f"{region} does not fit {pinned.name}, {shape_text(spec.shape)}",
                                   str(error), targets=[pinned.name])]) from None  # fmt: skip
    offset, shape, stride = spec.offset, [], []
    for dim, axis in enumerate(box.axes):
        if not isinstance(axis, range):
            _refuse(pinned, f"{region} lists indices", "A part of a source is made of slices, such as [0:5, :].")
        offset += axis.start * spec.stride[dim] if axis else 0
        if dim not in box.dropped:
            shape.append(len(axis))
            stride.append(spec.stride[dim] * axis.step)
    return replace(spec, shape=tuple(shape), stride=tuple(stride), offset=offset)


def viewed_stride(spec: TensorSpec, shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """Return the stride of a tensor's elements in another shape, row-major, as `Tensor.view` has it.

    None where there is none: the number of elements differs, or the shape joins dimensions that do not lie in a row.
    """
    if prod(shape) != spec.numel:
        return None
    if spec.is_contiguous or not spec.numel:
        return contiguous_stride(shape)
    runs: list[tuple[int, int]] = []  # (elements, step) of dimensions that lie in a row, from the last one on
    for size, step in zip(reversed(spec.shape), reversed(spec.stride), strict=True):
        if size == 1:
            continue
        if runs and runs[-1][0] * runs[-1][1] == step:
            runs[-1] = (runs[-1][0] * size, runs[-1][1])
        else:
            runs.append((size, step))
    stride: list[int] = []
    left, step = runs.pop(0) if runs else (1, 1)
    for size in reversed(shape):
        if size > 1 and left == 1 and runs:
            left, step = runs.pop(0)
        if left % size:
            return None
        stride.append(step)
        left, step = left // size, step * size
    return tuple(reversed(stride))
