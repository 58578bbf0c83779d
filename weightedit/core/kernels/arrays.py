"""What kernels read and fill: blocks of stored values in a form they take, accumulators of pixels, moments."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from weightedit.core.dtypes import DTYPES
from weightedit.core.values.codes import Array, code_values, numbers


class PixelArrays(NamedTuple):
    """Accumulators of some pixels, all 2-D: `low` and `high` from ±inf on, sums and counts from 0 on."""

    low: Array
    high: Array
    total: Array
    square: Array
    nan: Array
    posinf: Array
    neginf: Array


@dataclass(frozen=True, slots=True)
class Moments:
    """What wide values hold; all but zeros and counts are of the finite ones.

    Attributes
    ----------
    finite, mean, deviation, square
        How many there are, their mean, the sum of squared deviations from it and the sum of their squares.
    minimum, maximum
        ±inf where there is none.
    zeros, nan, posinf, neginf
        How many there are.
    """

    finite: int = 0
    mean: float = 0.0
    deviation: float = 0.0
    square: float = 0.0
    minimum: float = math.inf
    maximum: float = -math.inf
    zeros: int = 0
    nan: int = 0
    posinf: int = 0
    neginf: int = 0

    def joined(self, other: Moments) -> Moments:
        """Return what both hold, means and deviations joined as Chan, Golub and LeVeque (1983) do."""
        finite = self.finite + other.finite
        delta = other.mean - self.mean
        mean = self.mean + delta * (other.finite / finite) if other.finite else self.mean
        between = delta * delta * (self.finite * other.finite / finite) if self.finite and other.finite else 0.0
        return Moments(finite, mean, self.deviation + other.deviation + between, self.square + other.square,
                       min(self.minimum, other.minimum), max(self.maximum, other.maximum), self.zeros + other.zeros,
                       self.nan + other.nan, self.posinf + other.posinf, self.neginf + other.neginf)  # fmt: skip


def loadable(block: Array, dtype: str) -> Array:
    """Return stored values as kernels take them.

    bfloat16 comes as its bits in uint16, float16 as its bits in int16, everything else as float32 or float64 numbers.
    """
    if dtype == "bfloat16":
        return block.view(np.uint16)
    if dtype == "float16":
        return block.view(np.int16)
    if block.dtype in (np.float32, np.float64):
        return block
    if DTYPES[dtype].itemsize == 1:
        return np.take(_values_of_bytes(dtype), block.view(np.uint8), mode="clip")  # the quickest mode; none is outside
    return numbers(block, dtype)


@lru_cache(32)
def _values_of_bytes(dtype: str) -> Array:
    """Return the float32 values of the 256 patterns of a dtype of one byte."""
    return code_values(dtype).astype(np.float32)
