"""Operations on the shape."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from weightedit.core.errors import EditRefused
from weightedit.core.hazards import refusal
from weightedit.core.operation import operation
from weightedit.core.region import Box
from weightedit.core.spec import TensorSpec

T = TypeVar("T")

if TYPE_CHECKING:
    from torch import Tensor


def _slice_result(spec: TensorSpec, box: Box) -> TensorSpec:
    return spec.fresh(shape=box.result_shape)


def _slice_inputs(box: Box, result: Box) -> Box:
    axes = iter(result.axes)
    return box.within(Box(tuple(range(1) if dim in box.dropped else next(axes) for dim in range(len(box.axes)))))


@operation("rebind", title="Slice", takes_region=True, converts=True, result=_slice_result, inputs=_slice_inputs,
           code="{current}.clone()")  # fmt: skip
def slice_(current: Tensor) -> Tensor:
    """Keep the region and drop the rest of the tensor.

    A single integer drops its dimension, as indexing in torch does.
    """
    return current


def _dims(spec: TensorSpec, dim0: int, dim1: int) -> tuple[int, int]:
    count = len(spec.shape)
    for dim in (dim0, dim1):
        if not -count <= dim < count:
            raise EditRefused([refusal(
                "out-of-range", f"Dimension {dim} does not exist",
                f"The tensor has {count}; valid: {-count} to {count - 1}." if count else "It is a single number.",
            )])  # fmt: skip
    return dim0 % count, dim1 % count


def _transpose_result(spec: TensorSpec, box: Box, dim0: int, dim1: int) -> TensorSpec:
    return spec.fresh(shape=_swapped(spec.shape, *_dims(spec, dim0, dim1)))


def _swapped(items: tuple[T, ...], dim0: int, dim1: int) -> tuple[T, ...]:
    swapped = list(items)
    swapped[dim0], swapped[dim1] = swapped[dim1], swapped[dim0]
    return tuple(swapped)


def _transpose_inputs(box: Box, result: Box, dim0: int, dim1: int) -> Box:
    return Box(_swapped(result.axes, dim0, dim1))


@operation("rebind", title="Transpose", converts=True, result=_transpose_result, inputs=_transpose_inputs,
           label="{dim0}, {dim1}", code="{current}.transpose({dim0}, {dim1}).contiguous()")  # fmt: skip
def transpose(current: Tensor, dim0: int = -2, dim1: int = -1) -> Tensor:
    """Swap two dimensions.

    Parameters
    ----------
    dim0
        One dimension; negative ones count from the end.
    dim1
        The other dimension.
    """
    return current.transpose(dim0, dim1)
