"""Blocks of cells: where a selection is a grid, how a block fits it, and how one is continued."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from weightedit.core.errors import RegionError
from weightedit.core.reduction import SliceView
from weightedit.core.region import Axis, Box
from weightedit.core.values.codes import Array
from weightedit.core.values.matching import rectangles
from weightedit.core.values.selecting import Picks, disjoint, region_text

MOST_RECTANGLES = 1024
"""Rectangles a selection may have to be looked at as a block."""


@dataclass(frozen=True)
class Grid:
    """Rows crossed with columns of a slice, each in ascending order."""

    rows: Axis
    columns: Axis

    @property
    def shape(self) -> tuple[int, int]:
        """How many rows and columns."""
        return len(self.rows), len(self.columns)

    @property
    def numel(self) -> int:
        """How many cells."""
        return len(self.rows) * len(self.columns)

    def region(self, view: SliceView, shape: tuple[int, ...]) -> str:
        """Return it as a region of the tensor; RegionError where a region cannot say it."""
        if not isinstance(self.rows, range) and not isinstance(self.columns, range):
            raise RegionError("These cells lie in several rows and several columns with gaps in both; "
                              "an edit takes gaps in one of them.")  # fmt: skip
        box = view.box(shape, self.rows, self.columns)
        if box.numel == 1:
            box = Box(box.axes, tuple(range(len(shape))))
        return region_text(box, shape)


def grid_of(picks: Picks, view: SliceView, shape: tuple[int, ...]) -> Grid:
    """Return the grid that a selection is in a slice; nothing picked is all of it.

    Raises
    ------
    RegionError
        If the picked cells are no rows crossed with columns, lie in another slice, or depend on a condition.
    """
    height, width = view.size(shape)
    if not picks:
        return Grid(range(height), range(width))
    if picks.condition:
        raise RegionError("A condition selects single cells, which form no block of rows and columns.")
    found = rectangles(picks, view, MOST_RECTANGLES)
    if found is None:
        raise RegionError("The selection has too many parts to form a block.")
    if not found:
        raise RegionError("The selection lies in another slice.")
    rows, columns = (_union([cells[side] for cells in found]) for side in (0, 1))
    several = len(picks.boxes) > 1  # a single box always is rows crossed with columns
    if several and sum(box.numel for box in disjoint(Box(cells) for cells in found)) != len(rows) * len(columns):
        raise RegionError("The selected cells form no block: select the same columns in each row.")
    return Grid(rows, columns)


def _union(axes: Sequence[range]) -> Axis:
    """Return the indices of ranges together, as one range where they have no gap."""
    merged: list[range] = []
    for axis in sorted(axes, key=lambda one: one.start):
        if merged and axis.start <= merged[-1].stop:
            merged[-1] = range(merged[-1].start, max(merged[-1].stop, axis.stop))
        else:
            merged.append(axis)
    return merged[0] if len(merged) == 1 else tuple(index for axis in merged for index in axis)


def fit(block: tuple[int, int], grid: Grid | None, at: tuple[int, int], size: tuple[int, int]) -> tuple[Grid, int]:
    """Return the cells a block of rows and columns is pasted into, and how often it repeats there.

    Parameters
    ----------
    block
        Its rows and columns.
    grid
        What is selected; a single cell or None pastes the block from `at` on.
    at
        Row and column of the first cell.
    size
        Rows and columns of the slice.

    Raises
    ------
    RegionError
        If it reaches past the slice, or does not divide what is selected.
    """
    if grid is not None and grid.numel > 1:
        (high, wide), (tall, broad) = block, grid.shape
        if tall % high or broad % wide:
            raise RegionError(f"The block has {_size(block)} values and {_size(grid.shape)} are selected; it repeats "
                              "only where both divide. Select one cell to paste it from there.")  # fmt: skip
        return grid, tall // high * (broad // wide)
    rows, columns = range(at[0], at[0] + block[0]), range(at[1], at[1] + block[1])
    if rows.stop > size[0] or columns.stop > size[1]:
        raise RegionError(f"The pasted block of {_size(block)} values reaches past the slice, which has "
                          f"{size[0] - at[0]:,} rows and {size[1] - at[1]:,} columns from here.")  # fmt: skip
    return Grid(rows, columns), 1


def _size(shape: tuple[int, int]) -> str:
    return f"{shape[0]:,} × {shape[1]:,}"


def repeated(block: Array, shape: tuple[int, int]) -> Array:
    """Return a block repeated down and across to a shape it divides."""
    return np.tile(block, (shape[0] // block.shape[0], shape[1] // block.shape[1]))


def in_order(values: Any, view: SliceView) -> Any:
    """Lay rows and columns (an array or a tensor of two dimensions) out as the dimensions of the tensor stand."""
    if view.rows_dim is None:
        return values[0] if view.columns_dim is not None else values[0, 0]
    if view.columns_dim is not None and view.columns_dim < view.rows_dim:
        return values.T
    return values


def filled(block: Array, count: int, axis: int, backwards: bool = False) -> Array:
    """Return `count` more rows (axis 0) or columns (axis 1) that repeat a block after, or before, its end."""
    size = block.shape[axis]
    places = np.arange(count)
    found: Array = block.take((size - 1 - places[::-1] % size) if backwards else places % size, axis=axis)
    return found


def series(block: Array, count: int, axis: int, backwards: bool = False) -> Array:
    """Return `count` more rows or columns that continue the straight line from the block's first to its last.

    A block of one row or column goes on in steps of 1. Whole numbers stay whole where the step is.

    Parameters
    ----------
    block
        Integers, float64 or complex128, `(rows, columns)`.
    """
    first, last = block.take([0], axis=axis), block.take([-1], axis=axis)
    gaps = block.shape[axis] - 1
    places = np.arange(1, count + 1).reshape((-1, 1) if axis == 0 else (1, -1))
    if gaps == 0:
        step: Array = np.ones_like(first)
    elif block.dtype.kind == "i" and not ((last - first) % gaps).any():
        step = (last - first) // gaps
    else:
        step = (last - first) / gaps
    return first - step * places[::-1] if backwards and axis == 0 else \
        first - step * places[:, ::-1] if backwards else last + step * places  # fmt: skip
