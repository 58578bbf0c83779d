"""Indices along the dimensions of a box, as arrays and as axes again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from weightedit.core.region import Axis, Box

Array = np.ndarray[Any, Any]


def array_of(axis: Axis) -> Array:
    """Return an axis as an index array."""
    if isinstance(axis, range):
        return np.arange(axis.start, axis.stop, axis.step, dtype=np.int64)
    return np.asarray(axis, np.int64)


def compact(indices: Array) -> Axis:
    """Return indices as an axis of a box: a range where they ascend evenly."""
    if len(indices) == 0:
        return range(0)
    first = int(indices[0])
    if len(indices) == 1:
        return range(first, first + 1)
    steps = np.diff(indices)
    step = int(steps[0])
    if step > 0 and bool((steps == step).all()):
        return range(first, int(indices[-1]) + 1, step)
    return tuple(indices.tolist())


def moved(box: Box, piece: Box, dim: int, to: Callable[[Array], Array]) -> Box:
    """Return a piece of a box with its positions along one dimension replaced by `to(positions)`."""
    axis = box.axes[dim]
    wanted = to(array_of(Box((piece.axes[dim],)).positions_in(Box((axis,))).axes[0]))
    wanted = axis.start + wanted * axis.step if isinstance(axis, range) else np.asarray(axis, np.int64)[wanted]
    return Box((*piece.axes[:dim], compact(wanted), *piece.axes[dim + 1 :]), piece.dropped)
