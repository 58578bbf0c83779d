"""Statistics of values that are known by how often each of a few occurs."""

from __future__ import annotations

import math

import numpy as np

from weightedit.core.codes import Array, is_exact, numbers, patterns, wide_codes
from weightedit.core.dtypes import DTYPES
from weightedit.core.statistics import Statistics


def of_counts(dtype: str, stored: Array, counts: Array) -> Statistics:
    """Return the statistics of real values of which some are equal.

    Parameters
    ----------
    dtype
        What the values are stored in; not complex.
    stored
        The different values, any that occur twice included, as `numpy_dtype` has them.
    counts
        How often each occurs, int64, of the same length.
    """
    present = counts > 0
    stored, times = stored[present], counts[present]
    wide = numbers(stored, dtype)
    found = np.zeros(256 if DTYPES[dtype].itemsize == 1 and is_exact(dtype) else 1 << 16, np.int64)
    np.add.at(found, patterns(stored, dtype) if is_exact(dtype) else wide_codes(wide), times)
    with np.errstate(invalid="ignore"):  # a signalling NaN warns when it is widened
        values = wide.astype(np.float64)
    finite = np.isfinite(values)
    odd = (int(times[values == 0].sum()), int(times[np.isnan(values)].sum()), int(times[values == np.inf].sum()),
           int(times[values == -np.inf].sum()))  # fmt: skip
    total = int(times.sum())
    if not finite.any() or DTYPES[dtype].family == "opaque":
        return Statistics(total, None, None, None, None, None, *odd, found, dtype)
    seen, weights = values[finite], times[finite].astype(np.float64)
    weights /= weights.sum()
    mean = _sum(seen, weights)
    with np.errstate(over="ignore", invalid="ignore"):
        off, square = (seen - mean) ** 2, seen * seen
    std, l2 = math.sqrt(_sum(off, weights)), math.sqrt(_sum(square, times[finite].astype(np.float64)))
    whole = DTYPES[dtype].is_integer or DTYPES[dtype].family == "bool"
    low, high = (int(stored.min()), int(stored.max())) if whole else (float(seen.min()), float(seen.max()))
    return Statistics(total, low, high, mean, std, l2, *odd, found, dtype)


def _sum(values: Array, weights: Array) -> float:
    """Return the sum of products, rounded once where all of them are finite."""
    with np.errstate(over="ignore", invalid="ignore"):
        parts = values * weights
        return math.fsum(parts) if np.isfinite(parts.sum()) else float(parts.sum())
