"""Compiled loops over flat values: bit patterns counted, moments of wide numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from weightedit.core.kernels.elements import bits32, compiled, least_of, most_of, order, ordered_float


@compiled(kept=True)
def count_patterns(patterns: Any, counts: Any) -> None:
    """Count bit patterns; two tables in turn, since the same pattern again waits for its last count."""
    size = len(patterns)
    for i in range(0, size - 1, 2):
        counts[0, patterns[i]] += 1
        counts[1, patterns[i + 1]] += 1
    if size % 2:
        counts[0, patterns[size - 1]] += 1


@compiled(sums=True)
def _ends_and_sum(values: Any) -> Any:
    least = most = order(values[0])
    total, zeros = 0.0, 0
    for value in values:
        key = order(value)
        least, most = least_of(least, key), most_of(most, key)
        total += np.float64(value)
        zeros += value == 0
    return least, most, total, zeros


@compiled(sums=True)
def _deviations(values: Any, mean: float) -> Any:
    deviation, square = 0.0, 0.0
    for value in values:
        wide = np.float64(value)
        deviation += (wide - mean) * (wide - mean)
        square += wide * wide
    return deviation, square


@compiled()
def _code(value: Any) -> int:
    """Return the code of `core.codes` of a wide value: what float32 cannot hold counts as its largest."""
    limit = 3.4028234663852886e38
    if abs(value) > limit and abs(value) < np.inf:
        value = math.copysign(limit, value)
    return int(bits32(np.float32(value)) >> np.uint32(16))


@compiled()
def _sifted(values: Any, infinity: int) -> Any:
    """Return the finite values, and how many are NaN and either infinity."""
    kept = np.empty_like(values)
    size = nan = posinf = neginf = 0
    for value in values:
        key = order(value)
        if ~infinity < key < infinity:
            kept[size] = value
            size += 1
        elif key == infinity:
            posinf += 1
        elif key == ~infinity:
            neginf += 1
        else:
            nan += 1
    return kept[:size], nan, posinf, neginf


@compiled(kept=True)
def moments_of(values: Any, counts: Any, infinity: int) -> Any:
    """Return what `Moments` has, of values of which there is one at least, and count their codes."""
    for value in values:
        counts[_code(value)] += 1
    nan = posinf = neginf = 0
    least, most, total, zeros = _ends_and_sum(values)
    if least <= ~infinity or most >= infinity:
        values, nan, posinf, neginf = _sifted(values, infinity)
        if len(values) == 0:
            return 0, 0.0, 0.0, 0.0, np.inf, -np.inf, 0, nan, posinf, neginf
        least, most, total, zeros = _ends_and_sum(values)
    mean = total / len(values)
    deviation, square = _deviations(values, mean)
    return (len(values), mean, deviation, square, np.float64(ordered_float(least)),
            np.float64(ordered_float(most)), zeros, nan, posinf, neginf)  # fmt: skip
