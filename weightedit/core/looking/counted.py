"""Statistics of values that are known by how often each of a few occurs."""

from __future__ import annotations

import numpy as np

from weightedit.core.dtypes import DTYPES
from weightedit.core.statistics import Statistics
from weightedit.core.values.codes import Array, is_exact, numbers, patterns, wide_codes


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
    whole = DTYPES[dtype].is_integer and len(stored)
    ends = (int(stored.min()), int(stored.max())) if whole else None
    return Statistics.of_values(dtype, values, times, found, ends)
