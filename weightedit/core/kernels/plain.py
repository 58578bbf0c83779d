"""The inner loops in numpy alone.

Floats of 16 bits are compared as their bits. Positive patterns sort as whole numbers do, negative ones the other way
round, and every negative pattern is the larger one unsigned and the smaller one signed. So among finite values of both
signs the largest is the signed maximum of the bits and the smallest is the unsigned maximum. Where all have one sign
the missing end is the signed minimum: the smallest magnitude. Bits from those of infinity on are infinities and NaN,
and they too are among the largest of their sign: either maximum shows whether there is one, and such blocks are
compared as numbers. numpy compares 16-bit numbers 32 at a time, so this is a sixth of the work of widening them first.
"""

from __future__ import annotations

import numpy as np

from weightedit.core.codes import Array, numbers, wide_codes
from weightedit.core.dtypes import numpy_dtype
from weightedit.core.kernels.arrays import Moments, PixelArrays, loadable

AT_ONCE = 1 << 16
"""Values that are widened at once: 512 KiB of float64, which stay in a core's cache."""
DTYPE = {np.dtype(np.uint16): "bfloat16", np.dtype(np.int16): "float16"}
"""What comes as its bits."""
INFINITY = {"bfloat16": 0x7F80, "float16": 0x7C00}
SIGN = 0x8000
COUNTED = 1 << 19
"""Patterns that are counted at once; numpy makes whole numbers of 64 bits of them first."""


def reduce_block(block: Array, dtype: str, row_edges: Array, column_edges: Array, into: PixelArrays) -> None:
    """Take a block of stored values into pixels.

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
    values = loadable(block, dtype)
    starts = column_edges[:-1]
    for line in range(len(row_edges) - 1):
        part = values[row_edges[line] : row_edges[line + 1]]
        if not part.size:
            continue
        arrays = PixelArrays(*(array[line] for array in into))
        if values.dtype in DTYPE:
            _add_bits(part, starts, arrays)
        else:
            _add_numbers(part, starts, arrays)


def _add_bits(part: Array, starts: Array, into: PixelArrays) -> None:
    """Take in the rows under one line of pixels, floats of 16 bits."""
    infinity = INFINITY[DTYPE[part.dtype]]
    signed, unsigned = part.view(np.int16), part.view(np.uint16)
    largest = np.maximum.reduceat(_along(np.maximum, signed), starts)
    largest_bits = np.maximum.reduceat(_along(np.maximum, unsigned), starts)
    if int(largest.max()) >= infinity or int(largest_bits.max()) >= SIGN | infinity:
        _add_numbers(numbers(part.view(numpy_dtype(DTYPE[part.dtype])), DTYPE[part.dtype]), starts, into)
        return
    highest, lowest = largest.view(np.uint16), largest_bits
    one_signed = (largest < 0) | (largest_bits < SIGN)
    if one_signed.any():
        nearest = np.minimum.reduceat(_along(np.minimum, signed), starts).view(np.uint16)
        highest = np.where(largest < 0, nearest, highest)
        lowest = np.where(largest_bits < SIGN, nearest, lowest)
    np.minimum(into.low, _widened(lowest.view(part.dtype)), out=into.low)
    np.maximum(into.high, _widened(highest.view(part.dtype)), out=into.high)
    step = max(1, AT_ONCE // part.shape[1])
    for first in range(0, len(part), step):
        _add_sums(_widened(part[first : first + step]), starts, into)


def _along(ufunc: np.ufunc, values: Array) -> Array:
    found: Array = ufunc.reduce(values, axis=0) if len(values) > 1 else values[0]
    return found


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


def _add_numbers(values: Array, starts: Array, into: PixelArrays) -> None:
    """Take in the rows under one line of pixels, float32 or float64."""
    finite = np.isfinite(values)
    low = high = values
    if not finite.all():
        for counts, mask in ((into.nan, np.isnan(values)), (into.posinf, values == np.inf),
                             (into.neginf, values == -np.inf)):  # fmt: skip
            counts += np.add.reduceat(mask.sum(axis=0), starts)
        low, high = np.where(finite, values, np.inf), np.where(finite, values, -np.inf)
        values = np.where(finite, values, 0)
    np.minimum(into.low, np.minimum.reduceat(_along(np.minimum, low), starts), out=into.low)
    np.maximum(into.high, np.maximum.reduceat(_along(np.maximum, high), starts), out=into.high)
    _add_sums(values, starts, into)


def _add_sums(values: Array, starts: Array, into: PixelArrays) -> None:
    wide = values.astype(np.float64, copy=False)
    with np.errstate(over="ignore", invalid="ignore"):
        into.total[...] += np.add.reduceat(_along(np.add, wide), starts)
        into.square[...] += np.add.reduceat(np.einsum("ij,ij->j", wide, wide), starts)


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
