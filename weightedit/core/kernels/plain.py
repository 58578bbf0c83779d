"""The inner loops in numpy alone.

Floats of 16 bits are compared as their bits. Positive patterns sort as whole numbers do, negative ones the other way
round, and every negative pattern is the larger one unsigned and the smaller one signed. So among finite values of both
signs the largest is the signed maximum of the bits and the smallest is the unsigned maximum. Where all have one sign
the missing end is the signed minimum: the smallest magnitude. Bits from those of infinity on are infinities and NaN,
and they too are among the largest of their sign: either maximum shows whether there is one, and such blocks are
compared as numbers. numpy compares 16-bit numbers 32 at a time, so this is a sixth of the work of widening them first.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from weightedit.core.dtypes import numpy_dtype
from weightedit.core.kernels.arrays import Moments, PixelArrays, loadable
from weightedit.core.values.codes import Array, numbers, wide_codes

AT_ONCE = 1 << 17
"""Values that are widened at once: 1 MiB of float64, which stay in a core's cache."""
DTYPE = {np.dtype(np.uint16): "bfloat16", np.dtype(np.int16): "float16"}
"""What comes as its bits."""
INFINITY = {"bfloat16": 0x7F80, "float16": 0x7C00}
SIGN = 0x8000
FEW = 16
"""Rows under a line of pixels below which lines are taken in together: each alone takes as many steps of Python."""
COUNTED = 1 << 17
"""Patterns that are counted at once, for which no other thread runs for a fifth of a millisecond."""


def reduce_block(block: Array, dtype: str, row_edges: Array, column_edges: Array, into: PixelArrays) -> bool:
    """Take a block of stored values into pixels; return whether all of it is finite.

    Parameters
    ----------
    block
        2-D, stored values of `dtype`, or float32 or float64 numbers where that is `dtype`.
    dtype
        What they are.
    row_edges, column_edges
        Where the parts of the block under each pixel begin and end, int64, one more than there are pixels.
    into
        The pixels.
    """
    starts, lines = column_edges[:-1], len(row_edges) - 1
    is_finite = True
    if not block.size:
        return is_finite
    if len(block) < FEW * lines:
        step = max(1, AT_ONCE * lines // block.size)
        for first in range(0, lines, step):
            edges = row_edges[first : first + step + 1]
            part = _numbers(loadable(block[edges[0] : edges[-1]], dtype))
            some = PixelArrays(*(a[first : first + step] for a in into))
            is_finite &= _add_lines(part, edges[:-1] - edges[0], starts, some)
        return is_finite
    step = max(1, AT_ONCE // block.shape[1])
    for line in range(lines):
        part = block[row_edges[line] : row_edges[line + 1]]
        columns, arrays = _Columns(block.shape[1]), PixelArrays(*(array[line] for array in into))
        for first in range(0, len(part), step):
            is_finite &= columns.add(loadable(part[first : first + step], dtype), starts, arrays)
        columns.give(starts, arrays)
    return is_finite


def _numbers(values: Array) -> Array:
    """Return what `loadable` gives as float32 or float64."""
    if values.dtype not in DTYPE:
        return values
    dtype = DTYPE[values.dtype]
    return numbers(values.view(numpy_dtype(dtype)), dtype)


def _add_lines(values: Array, rows: Array, columns: Array, into: PixelArrays) -> bool:
    """Take in numbers of which few rows lie under each line of pixels: all lines at once; as `reduce_block`."""

    def joined(ufunc: np.ufunc, array: Array) -> Array:
        if len(rows) < len(array):
            array = ufunc.reduceat(array, rows, axis=0)
        return ufunc.reduceat(array, columns, axis=1) if len(columns) < array.shape[1] else array

    finite = np.isfinite(values)
    low = high = values
    is_finite = bool(finite.all())
    if not is_finite:
        for counts, mask in ((into.nan, np.isnan(values)), (into.posinf, values == np.inf),
                             (into.neginf, values == -np.inf)):  # fmt: skip
            counts += joined(np.add, mask.astype(np.int64))
        low, high, values = (np.where(finite, values, instead) for instead in (np.inf, -np.inf, 0))
    np.minimum(into.low, joined(np.minimum, low), out=into.low)
    np.maximum(into.high, joined(np.maximum, high), out=into.high)
    wide = values.astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        into.total[...] += joined(np.add, wide)
        wide *= wide
        into.square[...] += joined(np.add, wide)
    return is_finite


class _Columns:
    """What the rows under one line of pixels hold, column by column: pixels are made of it once."""

    def __init__(self, width: int) -> None:
        self.total, self.square = np.zeros(width), np.zeros(width)
        self.low: Array | None = None
        self.high: Array | None = None

    def add(self, values: Array, starts: Array, into: PixelArrays) -> bool:
        """Take in some rows, as `loadable` gives them; what is not finite is counted under its pixel.

        Returns whether all is finite.
        """
        ends, is_finite = _ends_of_bits(values) if values.dtype in DTYPE else None, True
        if ends is not None:
            (low, high), values = ends, _widened(values)
        else:
            values, low, high, is_finite = _sifted(_numbers(values), starts, into)
        self.low = low if self.low is None else np.minimum(self.low, low)
        self.high = high if self.high is None else np.maximum(self.high, high)
        wide = values.astype(np.float64, copy=False)
        with np.errstate(over="ignore", invalid="ignore"):
            self.total += wide.sum(axis=0)
            self.square += np.einsum("ij,ij->j", wide, wide)
        return is_finite

    def give(self, starts: Array, into: PixelArrays) -> None:
        """Put it all into the pixels."""
        assert self.low is not None
        assert self.high is not None
        with np.errstate(over="ignore", invalid="ignore"):
            np.minimum(into.low, np.minimum.reduceat(self.low, starts), out=into.low)
            np.maximum(into.high, np.maximum.reduceat(self.high, starts), out=into.high)
            into.total[...] += np.add.reduceat(self.total, starts)
            into.square[...] += np.add.reduceat(self.square, starts)


def _ends_of_bits(bits: Array) -> tuple[Array, Array] | None:
    """Return the smallest and largest value of each column, float32, by the bits; None where not all are finite."""
    infinity = INFINITY[DTYPE[bits.dtype]]
    signed, unsigned = bits.view(np.int16), bits.view(np.uint16)
    largest, largest_bits = signed.max(axis=0), unsigned.max(axis=0)
    if int(largest.max()) >= infinity or int(largest_bits.max()) >= SIGN | infinity:
        return None
    highest, lowest = largest.view(np.uint16), largest_bits
    if (largest < 0).any() or (largest_bits < SIGN).any():
        nearest = signed.min(axis=0).view(np.uint16)
        highest = np.where(largest < 0, nearest, highest)
        lowest = np.where(largest_bits < SIGN, nearest, lowest)
    return _widened(lowest.view(bits.dtype)), _widened(highest.view(bits.dtype))


def _sifted(values: Array, starts: Array, into: PixelArrays) -> tuple[Array, Array, Array, bool]:
    """Return numbers with 0 for what is not finite, which is counted; finite ends of each column; whether all is."""
    finite = np.isfinite(values)
    if finite.all():
        return values, values.min(axis=0), values.max(axis=0), True
    for counts, mask in ((into.nan, np.isnan(values)), (into.posinf, values == np.inf),
                         (into.neginf, values == -np.inf)):  # fmt: skip
        counts += np.add.reduceat(mask.sum(axis=0), starts)
    low, high = np.where(finite, values, np.inf).min(axis=0), np.where(finite, values, -np.inf).max(axis=0)
    return np.where(finite, values, 0), low, high, False


def _widened(bits: Array) -> Array:
    """Return the float32 values of the bits of finite values, as `loadable` gives them."""
    if bits.dtype == np.uint16:
        wide = bits.astype(np.uint32)
        wide <<= np.uint32(16)
        return wide.view(np.float32)
    wide = bits.view(np.uint16).astype(np.uint32)
    sign = wide & np.uint32(SIGN)
    wide ^= sign
    wide <<= np.uint32(13)
    sizes = wide.view(np.float32)
    sizes *= np.float32(2.0**112)  # for the other bias, and for what is subnormal; numpy takes four times as long
    sign <<= np.uint32(16)
    wide |= sign
    return sizes


def join_ends(blocks: tuple[Array, Array], down: Array, across: Array, into: tuple[Array, Array]) -> None:
    """Take smallest and largest values of blocks into pixels.

    Parameters
    ----------
    blocks
        2-D, float32 or float64.
    down, across
        Where those under each pixel begin and end, int64, one more than there are pixels; no pixel is empty.
    into
        Smallest and largest of the pixels, ±inf at first.
    """
    for ufunc, array, found in zip((np.minimum, np.maximum), blocks, into, strict=True):
        ufunc(found, _along(ufunc, _along(ufunc, array, across, 1), down, 0), out=found)


def join_sums(blocks: tuple[Array, Array], down: Array, across: Array, into: tuple[Array, Array]) -> None:
    """Take sums and sums of squares of blocks, or how many they count, into pixels; else as `join_ends`."""
    for array, found in zip(blocks, into, strict=True):
        np.add(found, _along(np.add, _along(np.add, array, across, 1, found.dtype), down, 0, found.dtype), out=found)


def _along(ufunc: np.ufunc, array: Array, edges: Array, axis: int, dtype: Any = None) -> Array:
    """Return `ufunc` over each run between edges: gathered where none is of more than two, as in most pictures."""
    sizes = np.diff(edges)
    if sizes.max() > 2:
        return ufunc.reduceat(array[: edges[-1]] if axis == 0 else array[:, : edges[-1]], edges[:-1], axis=axis,
                              dtype=dtype)  # fmt: skip
    first, last = (np.take(array, places, axis, mode="clip") for places in (edges[:-1], edges[1:] - 1))
    if ufunc is np.add:  # smallest and largest may meet themselves
        alone = sizes == 1
        np.copyto(last, 0, where=alone[:, None] if axis == 0 else alone)
    found: Array = ufunc(first, last, dtype=dtype)
    return found


def count(patterns: Array, counts: Array) -> None:
    """Count how often each bit pattern occurs.

    Parameters
    ----------
    patterns
        uint8 or uint16, flat.
    counts
        int64, two tables of 256 or 65,536 whose sum counts; added to.
    """
    for start in range(0, len(patterns), COUNTED):
        counts[0] += np.bincount(patterns[start : start + COUNTED], minlength=counts.shape[1])


def moments(values: Array, counts: Array) -> Moments:
    """Return what the statistics of wide values need, and count their codes.

    Parameters
    ----------
    values
        float32 or float64, flat.
    counts
        int64, two tables of 65,536 whose sum counts; added to.
    """
    count(wide_codes(values), counts)
    finite = np.isfinite(values)
    zeros = values.size - int(np.count_nonzero(values))
    nan = posinf = neginf = 0
    if not finite.all():
        nan = int(np.count_nonzero(np.isnan(values)))
        posinf, neginf = (int(np.count_nonzero(values == end)) for end in (np.inf, -np.inf))
        values = values[finite]
    if not values.size:
        return Moments(0, 0.0, 0.0, 0.0, np.inf, -np.inf, zeros, nan, posinf, neginf)
    low, high = float(values.min()), float(values.max())
    wide = values.astype(np.float64, copy=False)
    with np.errstate(over="ignore", invalid="ignore"):
        mean = float(wide.mean())
        off = wide - mean
        # no dot product: for one this long BLAS wakes threads of its own
        deviation, square = float(np.einsum("i,i->", off, off)), float(np.einsum("i,i->", wide, wide))
    return Moments(values.size, mean, deviation, square, low, high, zeros, nan, posinf, neginf)
