"""Values sorted into 65,536 codes: one count of codes gives histograms and percentiles, whatever the range.

For dtypes of 8 and 16 bits the code is the bit pattern itself, so counts of codes say everything about the values.
Wider values are coded by the upper half of their float32 pattern (sign, exponent, 7 bits of mantissa), which places
them within 0.8 %.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from weightedit.core.dtypes import DTYPES, numpy_dtype

Array = np.ndarray[Any, Any]


def is_exact(dtype: str) -> bool:
    """Whether codes of `dtype` tell all of its values apart."""
    facts = DTYPES[dtype]
    return facts.itemsize <= 2 and facts.family != "complex"


def numbers(array: Array, dtype: str) -> Array:
    """Return the real numbers that stand for stored values: float32 where that is exact, else float64.

    Complex values give their magnitude, bool 0 and 1, dtypes without values their bits.
    """
    facts = DTYPES[dtype]
    if dtype == "bfloat16":
        return (array.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
    if dtype == "complex32":
        with np.errstate(all="ignore"):
            return np.hypot(array["real"].astype(np.float32), array["imag"].astype(np.float32))
    if facts.family == "complex":
        with np.errstate(all="ignore"):
            return np.abs(array)
    wide = facts.itemsize >= 4 and dtype != "float32"
    with np.errstate(all="ignore"):  # a signalling NaN warns when it is widened
        return array.astype(np.float64 if wide else np.float32, order="C")


def patterns(array: Array, dtype: str) -> Array:
    """Return the bits of stored values whose codes tell them apart, uint8 or uint16, flat."""
    return np.ascontiguousarray(array).reshape(-1).view(f"u{DTYPES[dtype].itemsize}")


def wide_codes(values: Array) -> Array:
    """Return the code of each float32 or float64 number, uint16, flat as they are."""
    narrow = values
    if narrow.dtype != np.float32:
        limit = np.finfo(np.float32).max
        with np.errstate(all="ignore"):
            narrow = np.where(np.isfinite(narrow), np.clip(narrow, -limit, limit), narrow).astype(np.float32)
    return (narrow.view(np.uint32) >> 16).astype(np.uint16)


@lru_cache(32)
def code_values(dtype: str) -> Array:
    """Return the float64 value that each code stands for; for wide dtypes the middle of the values it covers."""
    if is_exact(dtype):
        width = DTYPES[dtype].itemsize
        patterns = np.arange(1 << (8 * width), dtype=f"u{width}")
        if DTYPES[dtype].family == "bool":
            truth: Array = (patterns != 0).astype(np.float64)
            return truth
        with np.errstate(all="ignore"):
            exact: Array = numbers(patterns.view(numpy_dtype(dtype)), dtype).astype(np.float64)
        return exact
    upper = np.arange(1 << 16, dtype=np.uint32) << 16
    low, high = upper.view(np.float32), (upper | 0xFFFF).view(np.float32)
    with np.errstate(all="ignore"):
        middle = (low.astype(np.float64) + high.astype(np.float64)) / 2
    is_zero = (upper & 0x7FFFFFFF) == 0
    return np.where(np.isinf(low), low, np.where(is_zero, 0.0, middle))
