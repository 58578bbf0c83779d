"""The inner loops compiled by numba: for each type of element once, kept on disk, run without the interpreter's lock.

What it costs: numba and LLVM are 210 MB on disk and 45 MB of memory, and take 0.9 s to import and load in a thread of
its own. The first time on a machine, and after an update, a process of its own compiles for 20 s before that. What it
earns is in the table of README: exact pictures and statistics of large tensors in a fraction of numpy's time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import types

from weightedit.core.kernels import loops_of_blocks, plain
from weightedit.core.kernels.arrays import Moments, PixelArrays, loadable
from weightedit.core.kernels.loops_of_pixels import NARROW, TILE, WIDE, reduce, signature_of
from weightedit.core.kernels.loops_of_statistics import count_patterns, moments_of
from weightedit.core.values.codes import Array

INFINITY = {np.dtype(np.uint16): 0x7F80, np.dtype(np.int16): 0x7C00, np.dtype(np.float32): 0x7F800000,
            np.dtype(np.float64): 0x7FF << 52}  # fmt: skip
"""The bits of infinity by what `loadable` gives."""
APART = 40
"""Sums between those of two rows of the work space: a multiple of a page apart, they wait for each other."""
KEYS = {np.dtype(np.uint16): np.int16, np.dtype(np.int16): np.int16, np.dtype(np.float32): np.int32,
        np.dtype(np.float64): np.int64}  # fmt: skip
"""The signed numbers that elements are compared by."""
_LOADED: set[tuple[Any, np.dtype[Any]]] = set()
"""Kernels and the elements for which they are ready; for others plain ones serve meanwhile."""


def reduce_block(block: Array, dtype: str, row_edges: Array, column_edges: Array, into: PixelArrays) -> bool:
    """Take a block of stored values into pixels; as `plain.reduce_block`."""
    values = loadable(block, dtype)
    if into.low.dtype == np.float64:
        values = values.astype(np.float64, copy=False)
    kind = values.dtype
    if (reduce, kind) not in _LOADED:
        return plain.reduce_block(block, dtype, row_edges, column_edges, into)
    if not values.size:
        return True
    step, flat = _flat(values)
    width = values.shape[1] // len(into.low[0])
    tile = min(TILE, max(NARROW, width // (2 * WIDE)) if width >= WIDE * NARROW else values.shape[1])
    return bool(reduce(flat, step, row_edges, column_edges, INFINITY[kind], np.empty((2, tile), KEYS[kind]),
                       np.empty((6, tile + APART)), *into))  # fmt: skip


def join_ends(blocks: tuple[Array, Array], down: Array, across: Array, into: tuple[Array, Array]) -> None:
    """Take smallest and largest values of blocks into pixels; as `plain.join_ends`."""
    if _is_for(loops_of_blocks.join_ends, (*blocks, *into)):
        loops_of_blocks.join_ends(*blocks, down, across, *into)
    else:
        plain.join_ends(blocks, down, across, into)


def join_sums(blocks: tuple[Array, Array], down: Array, across: Array, into: tuple[Array, Array]) -> None:
    """Take sums and sums of squares of blocks into pixels; as `plain.join_sums`."""
    if _is_for(loops_of_blocks.join_sums, (*blocks, *into)):
        loops_of_blocks.join_sums(*blocks, down, across, *into)
    else:
        plain.join_sums(blocks, down, across, into)


def _is_for(join: Any, arrays: tuple[Array, ...]) -> bool:
    """Whether blocks and pixels are what one of both is ready for."""
    wide = np.float64 if join is loops_of_blocks.join_sums else np.float32
    return (join, np.dtype(np.float32)) in _LOADED and all(
        array.dtype == kind and array.flags.carray for array, kind in zip(arrays, (np.float32, np.float32, wide, wide),
                                                                          strict=True))  # fmt: skip


def _flat(values: Array) -> tuple[int, Array]:
    """Return a block as one run of elements, and how many lie from one row to the next."""
    if values.flags.carray:
        return values.shape[1], values.reshape(-1)
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
    if (count_patterns, patterns.dtype) in _LOADED:
        count_patterns(_as_compiled_for(patterns), counts)
    else:
        plain.count(patterns, counts)


def moments(values: Array, counts: Array) -> Moments:
    """Return what the statistics of wide values need, and count their codes; as `plain.moments`."""
    kind = values.dtype
    if not values.size or (moments_of, kind) not in _LOADED:
        return plain.moments(values, counts)
    return Moments(*moments_of(_as_compiled_for(values), counts[0], INFINITY[kind]))


def _as_compiled_for(array: Array) -> Array:
    """Return a flat array of the only kind that kernels are compiled for: every other column is not one."""
    return array if array.flags.carray else array.copy()


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
    wanted += [(loops_of_blocks.join_ends, types.float32, loops_of_blocks.signature_of(types.float32)),
               (loops_of_blocks.join_sums, types.float32, loops_of_blocks.signature_of(types.float64))]
    wanted += [(moments_of, kind, (kind[::1], whole[::1], whole)) for kind in (types.float32, types.float64)]
    wanted += [(reduce, kind, signature_of(kind)) for kind in (types.float32, types.int16, types.float64)]
    for kernel, element, signature in wanted:
        if is_ending():
            return
        kernel.compile(signature)
        _LOADED.add((kernel, np.dtype(element.name)))
    for kernel in {kernel for kernel, _, _ in wanted}:
        kernel.disable_compile()  # what is not among them is a mistake, not a reason to wait for a compiler
