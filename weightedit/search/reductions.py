"""Reductions: one pass over the values for all that do not wait for each other, in the memory of one block."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from weightedit.core.region import Box
from weightedit.core.spec import TensorSpec
from weightedit.core.values.codes import Array
from weightedit.core.values.reading import array_index, blocks
from weightedit.search.accumulator import Accumulator, Finite, Fold, Spread
from weightedit.search.arithmetic import of_number
from weightedit.search.evaluate import Frame
from weightedit.search.functions import function
from weightedit.search.nodes import Reduce
from weightedit.search.selection import Quantile

BLOCK = 1 << 15
"""Values reduced at once; always as many, so that a sum has the same bits whatever the budget is."""


@dataclass(frozen=True, slots=True)
class Reduced:
    """The result of a reduction, a leaf of the expression.

    Attributes
    ----------
    shape
        Reduced dimensions have size 1; `()` where all were reduced without naming any.
    dtype
        As values compute: that of the operand, float64 for fractions of whole numbers, int64 or bool.
    values
        In that shape; None before the pass, when only the dtype is known.
    """

    shape: tuple[int, ...]
    dtype: torch.dtype
    values: Array | None = None
    is_stored: bool = False

    def part(self, box: Box) -> torch.Tensor:
        """Return the values of a box."""
        assert self.values is not None
        return torch.from_numpy(np.array(self.values[array_index(box)], copy=True))


def reduced_dtype(node: Reduce, operand: torch.dtype) -> torch.dtype:
    """Return the dtype a reduction gives."""
    facts = function(node.name)
    if facts.gives == "condition":
        return torch.bool
    if node.name == "count":
        return torch.int64
    if node.name == "norm" and operand.is_complex:
        return torch.float32 if operand == torch.complex64 else torch.float64
    if operand in (torch.bool, torch.int64) and facts.whole == "float64":
        return torch.float64
    return torch.int64 if operand == torch.bool and node.name in ("sum", "prod") else operand


@dataclass(frozen=True, slots=True)
class Pending:
    """A reduction to work out: its operand's shape, the dimensions it reduces, and what it will be."""

    node: Reduce
    shape: tuple[int, ...]
    dims: tuple[int, ...]
    expected: Reduced
    operand: torch.dtype


def work_out(pending: Sequence[Pending], layout: TensorSpec, frame: Callable[[Box], Frame],
             check: Callable[[], None]) -> list[Reduced]:  # fmt: skip
    """Work out reductions of values of one shape, whose operands are known, in as few passes as they need.

    Parameters
    ----------
    pending
        The reductions.
    layout
        By whose strides the values are cut into blocks.
    frame
        Gives the values of a block.
    check
        Called between blocks.
    """
    found = [_accumulator(one) for one in pending]
    going = list(zip(pending, found, strict=True))
    while going:
        for box in blocks(layout, Box.whole(layout.shape), BLOCK):
            check()
            here = frame(box)
            where = array_index(box)
            for one, accumulator in going:
                at = tuple(slice(0, 1) if dim in one.dims else place for dim, place in enumerate(where))
                with np.errstate(all="ignore"):
                    accumulator.add(_wide(here.value(one.node.operand), box), at)
        going = [(one, accumulator) for one, accumulator in going if not accumulator.ended()]
    with np.errstate(all="ignore"):
        return [_finished(one, accumulator) for one, accumulator in zip(pending, found, strict=True)]


def _wide(values: Any, box: Box) -> Array:
    """Return values as bool, int64, float64 or complex128, in the box's shape."""
    given = values if isinstance(values, torch.Tensor) else of_number(values)
    kind = {torch.float32: torch.float64, torch.complex64: torch.complex128}.get(given.dtype, given.dtype)
    array: Array = given.cpu().to(kind).numpy()
    return np.broadcast_to(array, box.shape)


def _finished(one: Pending, accumulator: Accumulator) -> Reduced:
    expected = one.expected
    values = torch.from_numpy(np.ascontiguousarray(accumulator.result())).to(expected.dtype)
    return Reduced(expected.shape, expected.dtype, values.reshape(expected.shape).numpy())


def _extreme(node: Reduce, shape: tuple[int, ...], dims: tuple[int, ...], dtype: np.dtype[Any]) -> Accumulator:
    low = node.name == "max"
    if dtype.kind == "b":
        reduce, join = (np.any, np.logical_or) if low else (np.all, np.logical_and)
        return Fold(shape, dims, bool, not low, reduce, join)
    limits = np.iinfo(np.int64)
    first: Any = (limits.min if low else limits.max) if dtype.kind == "i" else (-np.inf if low else np.inf)
    return Fold(shape, dims, dtype, first, *((np.max, np.maximum) if low else (np.min, np.minimum)))


_ARRIVES: dict[torch.dtype, Any] = {
    torch.bool: np.bool_, torch.int64: np.int64, torch.complex64: np.complex128, torch.complex128: np.complex128,
}  # fmt: skip


def _accumulator(one: Pending) -> Accumulator:
    """Return what a reduction keeps of the values, which arrive as bool, int64, float64 or complex128."""
    node, shape, dims = one.node, one.shape, one.dims
    dtype: np.dtype[Any] = np.dtype(_ARRIVES.get(one.operand, np.float64))
    name = node.name
    if name in ("min", "max"):
        return _extreme(node, shape, dims, dtype)
    if name in ("median", "quantile"):
        return Quantile(shape, dims, node.quantile, lower=name == "median",
                        bits=32 if one.operand == torch.float32 else 64)  # fmt: skip
    if name in ("var", "std"):
        return Spread(shape, dims, root=name == "std")
    if name.startswith("finite_"):
        return Finite(shape, dims, deviation=name == "finite_std")
    if name in ("any", "all"):
        reduce, join = (np.any, np.logical_or) if name == "any" else (np.all, np.logical_and)
        return Fold(shape, dims, bool, name == "all", reduce, join)
    if name == "count":
        return Fold(shape, dims, np.int64, 0, np.count_nonzero, np.add)
    if name == "norm":
        return Fold(shape, dims, np.float64, 0, _squares, np.add, lambda found, count: np.sqrt(found))
    kept = np.dtype(np.int64) if dtype.kind in "bi" else dtype
    if name == "prod":
        return Fold(shape, dims, kept, 1, np.prod, np.multiply)
    if name == "sum":
        return Fold(shape, dims, kept, 0, np.sum, np.add)
    wide = np.dtype(np.float64) if dtype.kind in "bi" else dtype
    return Fold(shape, dims, wide, 0, np.sum, np.add, lambda found, count: found / np.float64(count))


def _squares(values: Array, axis: tuple[int, ...], keepdims: bool) -> Array:
    found: Array = np.square(np.abs(values).astype(np.float64)).sum(axis=axis, keepdims=keepdims)
    return found
