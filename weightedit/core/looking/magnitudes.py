"""How many values there are of each magnitude, by powers of ten, and the ends of a dtype among them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from weightedit.core.statistics import Statistics
from weightedit.core.values.codes import code_values

BINS = 96
BESIDE = 4.0
"""Powers of ten past the values within which an end of the dtype is still drawn."""


@dataclass(frozen=True)
class Ends:
    """The smallest and the largest magnitude of a dtype that are not 0."""

    smallest: float
    largest: float


def by_magnitude(found: Statistics | None, low: float, high: float, bins: int = BINS) -> Any:
    """Return how many values have a magnitude in each of `bins` equal parts of the exponents `low` to `high`.

    Zeros and what is not finite are left out; values past an end count in its last bin.
    """
    if found is None:
        return None
    values = np.abs(code_values(found.dtype))
    present = (found.code_counts > 0) & np.isfinite(values) & (values > 0)
    places = (np.log10(values[present]) - low) / (high - low) * bins
    places = np.clip(places, 0, bins - 1).astype(np.intp)
    return np.bincount(places, found.code_counts[present].astype(np.float64), bins)


def span(found: list[Statistics], ends: Ends | None) -> tuple[float, float]:
    """Return the exponents of ten that are drawn: those of the values, and of the ends that are not far from them."""
    sizes = [size for one in found for size in (one.smallest_magnitude, _largest(one)) if size]
    if not sizes:
        return -1.0, 1.0
    low, high = math.log10(min(sizes)), math.log10(max(sizes))
    if ends is not None:
        bottom, top = math.log10(ends.smallest), math.log10(ends.largest)
        first, last = low - BESIDE, high + BESIDE
        low = min(low, bottom) if bottom > first else low
        high = max(high, top) if top < last else high
    room = max((high - low) * 0.06, 0.3)
    return low - room, high + room


def _largest(found: Statistics) -> float:
    return 0.0 if found.minimum is None or found.maximum is None else max(abs(found.minimum), abs(found.maximum))
