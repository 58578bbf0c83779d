"""Operations that give the same values another shape, or keep a part of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeVar

from weightedit.core.edits.place import Place
from weightedit.core.operation import Ints, operation
from weightedit.core.region import Box, shape_text
from weightedit.core.spec import TensorSpec
from weightedit.operations.refusing import dimension, few_dimensions, refuse

T = TypeVar("T")

if TYPE_CHECKING:
    from torch import Tensor


def _slice_result(spec: TensorSpec, box: Box) -> TensorSpec:
    return spec.fresh(shape=box.result_shape)


def _slice_inputs(box: Box, result: Box) -> Box:
    axes = iter(result.axes)
    return box.within(Box(tuple(range(1) if dim in box.dropped else next(axes) for dim in range(len(box.axes)))))


@operation("rebind", title="Slice", group="Shape", takes_region=True, converts=True, result=_slice_result,
           inputs=_slice_inputs, moves=True, code="{current}.clone()")  # fmt: skip
def slice_(current: Tensor) -> Tensor:
    """Keep the region and drop the rest of the tensor.

    A single integer drops its dimension, as indexing in torch does.

    References
    ----------
    Indexing, https://docs.pytorch.org/docs/stable/tensor_view.html
    torch.narrow, https://docs.pytorch.org/docs/stable/generated/torch.narrow.html
    """
    return current


def _transpose_result(spec: TensorSpec, box: Box, dim0: int, dim1: int) -> TensorSpec:
    return spec.fresh(shape=_swapped(spec.shape, *(dimension("", spec.shape, dim) for dim in (dim0, dim1))))


def _swapped(items: tuple[T, ...], dim0: int, dim1: int) -> tuple[T, ...]:
    swapped = list(items)
    swapped[dim0], swapped[dim1] = swapped[dim1], swapped[dim0]
    return tuple(swapped)


def _transpose_inputs(box: Box, result: Box, dim0: int, dim1: int) -> Box:
    return Box(_swapped(result.axes, dim0, dim1))


@operation("rebind", title="Transpose", group="Shape", converts=True, result=_transpose_result,
           inputs=_transpose_inputs, moves=True, label="{dim0}, {dim1}",
           code="{current}.transpose({dim0}, {dim1}).contiguous()")  # fmt: skip
def transpose(current: Tensor, dim0: int = -2, dim1: int = -1) -> Tensor:
    """Swap two dimensions.

    Parameters
    ----------
    dim0
        One dimension; negative ones count from the end.
    dim1
        The other dimension.

    References
    ----------
    torch.transpose, https://docs.pytorch.org/docs/stable/generated/torch.transpose.html
    """
    return current.transpose(dim0, dim1)


def _permute_result(spec: TensorSpec, box: Box, dims: Ints) -> TensorSpec:
    found = [dimension("", spec.shape, dim) for dim in dims]
    if sorted(found) != list(range(len(spec.shape))):
        refuse(f"dims of permute is {list(dims)}", f"It takes each of the {len(spec.shape)} dimensions once.")
    return spec.fresh(shape=tuple(spec.shape[dim] for dim in found))


def _permute_inputs(box: Box, result: Box, dims: Ints) -> Box:
    found = {dim % len(dims): axis for dim, axis in zip(dims, result.axes, strict=True)}
    return Box(tuple(found[dim] for dim in range(len(dims))))


@operation("rebind", title="Permute dimensions", group="Shape", converts=True, result=_permute_result,
           inputs=_permute_inputs, moves=True, label="{dims}",
           code="{current}.permute({dims}).contiguous()")  # fmt: skip
def permute(current: Tensor, dims: Ints) -> Tensor:
    """Put the dimensions in another order.

    Parameters
    ----------
    dims
        The old dimension that comes at each place, such as 2, 0, 1; negative ones count from the end.

    References
    ----------
    torch.permute, https://docs.pytorch.org/docs/stable/generated/torch.permute.html
    """
    return current.permute(dims)


def _reshape_result(spec: TensorSpec, box: Box, shape: Ints) -> TensorSpec:
    unknown = [dim for dim, size in enumerate(shape) if size == -1]
    if len(unknown) > 1 or any(size < -1 for size in shape):
        refuse(f"shape is {list(shape)}", "It takes sizes of 0 or more, and -1 once for the size that follows.")
    known = math.prod(size for size in shape if size != -1)
    found = list(shape)
    if unknown and known and spec.numel % known == 0:
        found[unknown[0]] = spec.numel // known
    if math.prod(found) != spec.numel or -1 in found:
        refuse(f"{spec.numel:,} values do not fill {shape_text(shape)}", f"They are {shape_text(spec.shape)} now.",
               kind="shape-mismatch")  # fmt: skip
    return spec.fresh(shape=few_dimensions(tuple(found)))


def _nothing(box: Box, result: Box, **_: object) -> None:
    """Say that the old values are read where they are computed."""


@operation("rebind", title="Reshape", group="Shape", locality="whole", converts=True, result=_reshape_result,
           inputs=_nothing, moves=True, label="to {shape}", code="{current}.reshape({shape}).clone()")  # fmt: skip
def reshape(current: Tensor, shape: Ints, *, place: Place) -> Tensor:
    """Give the tensor another shape; the values stay in row-major order.

    Parameters
    ----------
    shape
        The new sizes; -1 once for the size that follows from the others.

    References
    ----------
    torch.reshape, https://docs.pytorch.org/docs/stable/generated/torch.reshape.html
    """
    from weightedit.operations.flat import read_flat

    return read_flat(place.source, place.spec.shape, place.piece)
