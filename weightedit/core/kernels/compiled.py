"""The inner loops compiled by numba: for each type of element once, kept on disk, run without the interpreter's lock.

What it costs: numba and LLVM are 210 MB on disk and 45 MB of memory, and take 0.9 s to import and load in a thread of
its own. The first time on a machine, and after an update, a process of its own compiles for 16 s before that. What it
earns is in the table of README: exact pictures and statistics of large tensors in a fraction of numpy's time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import types

from weightedit.core.codes import Array
from weightedit.core.kernels import plain
from weightedit.core.kernels.arrays import Moments, PixelArrays, loadable
from weightedit.core.kernels.loops_of_pixels import NARROW, TILE, WIDE, reduce, signature_of
from weightedit.core.kernels.loops_of_statistics import count_patterns, moments_of

INFINITY = {"uint16": 0x7F80, "int16": 0x7C00, "float32": 0x7F800000, "float64": 0x7FF << 52}
"""The bits of infinity by what `loadable` gives."""
KEYS = {"uint16": np.int16, "int16": np.int16, "float32": np.int32, "float64": np.int64}
"""The signed numbers that elements are compared by."""
_LOADED: set[tuple[Any, str]] = set()
"""Kernels and the elements for which they are ready; for others plain ones serve meanwhile."""


def reduce_block(block: Array, dtype: str, row_edges: Array, column_edges: Array, into: PixelArrays) -> None:
    """Take a block of stored values into pixels; as `plain.reduce_block`."""
    values = loadable(block, dtype)
    if into.low.dtype == np.float64:
        values = values.astype(np.float64, copy=False)
    kind = values.dtype.name
    if (reduce, kind) not in _LOADED:
        plain.reduce_block(block, dtype, row_edges, column_edges, into)
        return
    if not values.size:
        return
    step, flat = _flat(values)
    width = values.shape[1] // len(into.low[0])
    tile = min(TILE, max(NARROW, width // (2 * WIDE)) if width >= WIDE * NARROW else values.shape[1])
    reduce(flat, step, row_edges, column_edges, INFINITY[kind], np.empty((2, tile), KEYS[kind]),
           np.empty((2, tile)), *into)  # fmt: skip


def _flat(values: Array) -> tuple[int, Array]:
    """Return a block as one run of elements, and how many lie from one row to the next."""
    size = values.itemsize
    step, rest = divmod(values.strides[0], size)
    rows, columns = values.shape
    is_whole = columns == 1 or values.strides[1] == size
    if rest or step < columns or not is_whole or not values.flags.aligned or not values.flags.writeable:
        values = np.array(values, order="C")
        step = columns
    return step, np.lib.stride_tricks.as_strided(values, ((rows - 1) * step + columns,), (size,))


def count(patterns: Array, counts: Array) -> None:
    """Count how often each bit pattern occurs; as `plain.count`."""
    if (count_patterns, patterns.dtype.name) in _LOADED:
        count_patterns(_writeable(patterns), counts)
    else:
        plain.count(patterns, counts)


def moments(values: Array, counts: Array) -> Moments:
    """Return what the statistics of wide values need, and count their codes; as `plain.moments`."""
    kind = values.dtype.name
    if not values.size or (moments_of, kind) not in _LOADED:
        return plain.moments(values, counts)
    return Moments(*moments_of(_writeable(values), counts[0], INFINITY[kind]))


def _writeable(array: Array) -> Array:
    """Return an array of the only kind that kernels are compiled for."""
    return array if array.flags.writeable and array.flags.aligned else array.copy()


def load(is_ending: Callable[[], bool]) -> None:
    """Load every kernel, those of the largest tensors first, or compile it where that was not done yet.

    Parameters
    ----------
    is_ending
        Asked before each; the rest is left out where the program ends.
    """
    whole = types.int64
    wanted = [(reduce, types.uint16, signature_of(types.uint16))]
    wanted += [(count_patterns, kind, types.void(kind[::1], whole[:, ::1])) for kind in (types.uint16, types.uint8)]
    wanted += [(moments_of, kind, (kind[::1], whole[::1], whole)) for kind in (types.float32, types.float64)]
    wanted += [(reduce, kind, signature_of(kind)) for kind in (types.float32, types.int16, types.float64)]
    for kernel, element, signature in wanted:
        if is_ending():
            return
        kernel.compile(signature)
        _LOADED.add((kernel, element.name))
    for kernel in (reduce, count_patterns, moments_of):
        kernel.disable_compile()  # what is not among them is a mistake, not a reason to wait for a compiler
