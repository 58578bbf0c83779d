"""The value at a place among all values in order, found in a few passes and no more memory than a table of counts."""

from __future__ import annotations

import math

import numpy as np

from weightedit.core.statistics import between
from weightedit.core.values.codes import Array
from weightedit.search.accumulator import Accumulator

DIGIT = 16
"""Bits decided by each pass."""


def ordered_keys(values: Array, bits: int) -> Array:
    """Return unsigned integers in the order of float values: the sign bit turned, negative ones turned whole."""
    pattern: Array = np.ascontiguousarray(values, f"f{bits // 8}").view(f"u{bits // 8}")
    sign = pattern.dtype.type(1 << (bits - 1))
    return np.where(pattern & sign, np.bitwise_not(pattern), pattern | sign)


def value_of(key: int, bits: int) -> float:
    """Return the float with this key."""
    sign = 1 << (bits - 1)
    pattern = key ^ sign if key & sign else ~key & ((1 << bits) - 1)
    return float(np.array([pattern], f"u{bits // 8}").view(f"f{bits // 8}")[0])


class Quantile(Accumulator):
    """The value that a share of all values does not exceed, exact: linear between two values, or the lower of them.

    Parameters
    ----------
    shape, dims
        Of all values; every dimension is reduced.
    share
        From 0 to 1.
    lower
        Take the lower value instead of what lies between.
    bits
        32 where all values are float32, 64 otherwise.
    """

    def __init__(self, shape: tuple[int, ...], dims: tuple[int, ...], share: float, *, lower: bool, bits: int) -> None:
        super().__init__(shape, dims)
        self._bits, self._shift = bits, bits - DIGIT
        count = math.prod(shape)
        place = share * (count - 1)
        self._rank = math.floor(place)
        self._fraction = 0.0 if lower else place - self._rank
        self._prefix = 0
        self._counts = np.zeros(1 << DIGIT, np.int64)
        self._after: float | None = None
        self._has_nan = count == 0

    def add(self, values: Array, where: tuple[slice, ...]) -> None:
        """Count a block's values by the digit this pass decides, or look for the next larger value."""
        flat = values.reshape(-1)
        if self._shift == self._bits - DIGIT and bool(np.isnan(flat).any()):
            self._has_nan = True
        keys = ordered_keys(flat, self._bits)
        if self._shift < 0:
            larger = keys[keys > self._prefix]
            if larger.size:
                after = value_of(int(larger.min()), self._bits)
                self._after = after if self._after is None else min(after, self._after)
            return
        if self._shift + DIGIT < self._bits:
            keys = keys[(keys >> keys.dtype.type(self._shift + DIGIT)) == self._prefix]
        digits = (keys >> keys.dtype.type(self._shift)) & keys.dtype.type((1 << DIGIT) - 1)
        self._counts += np.bincount(digits.astype(np.intp), minlength=1 << DIGIT)

    def ended(self) -> bool:
        """Decide the next digit; returns whether the value is known."""
        if self._has_nan or self._shift < 0:
            return True
        reached = np.cumsum(self._counts)
        digit = int(np.searchsorted(reached, self._rank, side="right"))
        equal = int(self._counts[digit])
        self._rank -= int(reached[digit]) - equal
        self._prefix = (self._prefix << DIGIT) | digit
        self._shift -= DIGIT
        self._counts[:] = 0
        return self._shift < 0 and (self._fraction == 0 or self._rank + 1 < equal)

    def result(self) -> Array:
        """Return one number; NaN if a value is NaN, or there are none."""
        if self._has_nan:
            return np.full(self.shape, np.nan)
        found = value_of(self._prefix, self._bits)
        if self._after is not None:
            found = between(found, self._after, self._fraction)
        return np.full(self.shape, found)
