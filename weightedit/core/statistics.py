"""Statistics of a tensor in one pass over its chunks, in the memory of a few of them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from weightedit.core import kernels
from weightedit.core.dtypes import DTYPES
from weightedit.core.kernels.arrays import Moments
from weightedit.core.looking.elsewhere import is_elsewhere
from weightedit.core.progress import Progress
from weightedit.core.region import Box, parse_region
from weightedit.core.spec import TensorSpec
from weightedit.core.values import passes
from weightedit.core.values.codes import Array, code_values, is_exact, numbers, patterns


class Pinned(Protocol):
    """One state of a tensor that a reader holds on to."""

    @property
    def spec(self) -> TensorSpec:
        """What the tensor is."""
        ...

    def chunks(self, region: Any = None, nbytes: int = ...) -> Iterator[tuple[Box, Any]]:
        """Yield boxes of the region and their stored values in a buffer that is used again."""
        ...


@dataclass(frozen=True, slots=True)
class Statistics:
    """What a pass over a tensor, or a region of it, found.

    Attributes
    ----------
    count
        How many values were seen.
    minimum, maximum, mean, std
        Of the finite values; `std` is that of the whole population, `torch.std(correction=0)`. None where no value is
        finite, or the dtype has no values. Integers keep their exact minimum and maximum. Complex values count by
        their magnitude.
    l2
        The L2 norm of the finite values.
    zeros, nan, posinf, neginf
        How many there are; a complex value is NaN or infinite if either part is.
    code_counts, dtype
        How often each code of `core.codes` occurs.
    """

    count: int
    minimum: float | int | None
    maximum: float | int | None
    mean: float | None
    std: float | None
    l2: float | None
    zeros: int
    nan: int
    posinf: int
    neginf: int
    code_counts: Array
    dtype: str

    @classmethod
    def of_values(cls, dtype: str, values: Array, times: Array, code_counts: Array,
                  ends: tuple[int, int] | None = None) -> Statistics:  # fmt: skip
        """Work everything out of how often each value occurs.

        Parameters
        ----------
        dtype
            What the values are stored in.
        values
            float64, any that occur twice included.
        times
            How often each occurs, int64, of the same length.
        code_counts
            The same by code.
        ends
            Smallest and largest, where float64 does not hold them.
        """
        total, zeros = int(times.sum()), int(times[values == 0].sum())
        nan, posinf, neginf = (int(times[mask].sum())
                               for mask in (np.isnan(values), values == np.inf, values == -np.inf))  # fmt: skip
        odd = nan, posinf, neginf
        finite = (times > 0) & np.isfinite(values)
        if not finite.any() or DTYPES[dtype].family == "opaque":
            return cls(total, None, None, None, None, None, zeros, *odd, code_counts, dtype)
        seen, weights = values[finite], times[finite].astype(np.float64)
        mean = _mean(seen, weights)
        with np.errstate(over="ignore", invalid="ignore"):
            off, square = (seen - mean) ** 2, seen * seen
        std, l2 = math.sqrt(_mean(off, weights)), math.sqrt(_sum(square, weights))
        low, high = float(seen.min()), float(seen.max())
        if DTYPES[dtype].family != "float":
            least, most = ends or (int(low), int(high))
            return cls(total, least, most, mean, std, l2, zeros, *odd, code_counts, dtype)
        return cls(total, low, high, mean, std, l2, zeros, *odd, code_counts, dtype)

    @property
    def nonfinite(self) -> int:
        """How many values are NaN or infinite."""
        return self.nan + self.posinf + self.neginf

    @property
    def distinct(self) -> int | None:
        """How many different values there are: zeros of both signs are one, and so are all NaN; None for wide dtypes.

        Dtypes without values count their bit patterns.
        """
        if not is_exact(self.dtype):
            return None
        return len(np.unique(code_values(self.dtype)[self.code_counts > 0]))

    @property
    def percentile_is_exact(self) -> bool:
        """Whether `abs_percentile` is one of the values; otherwise it is within 0.8 %."""
        return is_exact(self.dtype)

    def abs_percentile(self, percent: float = 99.9) -> float | None:
        """Return the smallest magnitude that `percent` of the finite values do not exceed."""
        values = code_values(self.dtype)
        present = (self.code_counts > 0) & np.isfinite(values)
        if not present.any():
            return None
        sizes, counts = np.abs(values[present]), self.code_counts[present]
        order = np.argsort(sizes, kind="stable")
        reached = np.cumsum(counts[order])
        place = int(np.searchsorted(reached, percent / 100 * reached[-1]))
        found = float(sizes[order][min(place, len(order) - 1)])
        if self.minimum is None or self.maximum is None:
            return found
        return min(found, float(max(abs(self.minimum), abs(self.maximum))))  # the middle of a code may lie beyond

    @property
    def smallest_magnitude(self) -> float | None:
        """The smallest magnitude that is neither zero nor infinite, for wide dtypes at most 0.8 % above it; or None."""
        values = code_values(self.dtype)
        sizes = np.abs(values[(self.code_counts > 0) & np.isfinite(values) & (values != 0)])
        if not len(sizes):  # wide values too small for a code of their own share that of zero
            return float(np.finfo(np.float32).smallest_subnormal) if self.count - self.zeros - self.nonfinite else None
        return float(sizes.min()) if is_exact(self.dtype) else float(sizes.min()) * (1 - 2**-8)

    def quantile(self, q: float) -> float | None:
        """Return what `torch.quantile` gives for the finite values; `core.quantiles` makes it exact for wide dtypes.

        The value at place q · (n - 1) in order, between the two neighbours where that is no whole number. For dtypes
        of more than 16 bits, each is the middle of its code, within 0.8 %.
        """
        values = code_values(self.dtype)
        present = np.flatnonzero((self.code_counts > 0) & np.isfinite(values))
        if not len(present) or DTYPES[self.dtype].family == "opaque":
            return None
        present = present[np.argsort(values[present], kind="stable")]
        reached = np.cumsum(self.code_counts[present])
        place = q * float(reached[-1] - 1)
        first, second = (float(values[present[np.searchsorted(reached, at, side="right")]])
                         for at in (math.floor(place), math.ceil(place)))  # fmt: skip
        return between(first, second, place - math.floor(place))

    def histogram(self, low: float, high: float, bins: int) -> Array:
        """Return how many finite values fall in each of `bins` equal parts of `[low, high]`, float64.

        Values past an end count in the last bin of that end. A code of a wide dtype that covers several bins is
        spread over them evenly.
        """
        values = code_values(self.dtype)
        present = np.flatnonzero((self.code_counts > 0) & np.isfinite(values))
        result = np.zeros(bins)
        if not high > low or not len(present):
            return result
        scale = bins / (high - low)
        weights = self.code_counts[present].astype(np.float64)
        if is_exact(self.dtype):
            place = np.clip((values[present] - low) * scale, 0, bins - 1)
            np.add.at(result, place.astype(np.int64), weights)
            return result
        half = np.abs(values[present]) / 256
        first = np.clip((values[present] - half - low) * scale, -1, bins + 1)
        last = np.clip((values[present] + half - low) * scale, -1, bins + 1)
        parts = np.ceil(last - first).astype(np.int64) + 1
        steps = np.arange(int(parts.sum())) - np.repeat(np.cumsum(parts) - parts, parts)
        at = np.repeat(first, parts) + (steps + 0.5) * np.repeat((last - first) / parts, parts)
        np.add.at(result, np.clip(at, 0, bins - 1).astype(np.int64), np.repeat(weights / parts, parts))
        return result


def _sum(values: Array, weights: Array) -> float:
    """Return the sum of products, rounded once where all of them are finite."""
    with np.errstate(over="ignore", invalid="ignore"):
        parts = values * weights
        return math.fsum(parts) if np.isfinite(parts.sum()) else float(parts.sum())


def _mean(values: Array, weights: Array) -> float:
    """Return the weighted mean, also where the sum is past what float64 holds."""
    total, number = _sum(values, weights), float(weights.sum())
    return total / number if math.isfinite(total) else _sum(values, weights / number)


def between(first: float, second: float, share: float) -> float:
    """Return the point `share` of the way from one value to the next, exactly either where they are equal."""
    if first == second or share == 0:
        return first
    return first * (1 - share) + second * share  # a difference could overflow


def statistics(pinned: Pinned, region: Box | str | None = None, progress: Progress | None = None,
               nbytes: int = passes.CHUNK) -> Statistics:  # fmt: skip
    """Return the statistics of a tensor or of one region of it, in one pass.

    Parameters
    ----------
    pinned
        The state to read.
    region
        What of it; None for all.
    progress
        Advanced by the bytes read; cancelling it raises `Cancelled`.
    nbytes
        How large a chunk may be; each of a few threads reads one at a time.
    """
    spec = pinned.spec
    box = region if isinstance(region, Box) else parse_region(region, spec.shape)
    size = box.numel * spec.type.itemsize
    kernels.prepare(size)
    if progress is not None:
        progress.begin("Statistics", size)

    def collect(part: Box, progress: Progress) -> Collecting:
        seen = Collecting(spec)
        if is_elsewhere(pinned) and all(isinstance(axis, range) for axis in part.axes):
            from weightedit.core.looking import on_device

            on_device.collect(pinned, part, seen, progress)
            return seen
        for _, array in pinned.chunks(part, nbytes):
            seen.add(array)
            progress.advance(array.nbytes)
        return seen

    first, *others = passes.each_part(passes.parts_of(spec, box), collect, progress, passes.readers_of(pinned))
    for other in others:
        first.join(other)
    return first.found()


class Collecting:
    """Statistics of a tensor whose values come piece by piece, in any order.

    Parameters
    ----------
    spec
        Its dtype is that of the pieces.
    """

    def __init__(self, spec: TensorSpec) -> None:
        self._spec = spec
        is_byte = spec.type.itemsize == 1 and is_exact(spec.dtype)
        self._counts = np.zeros((2, 256 if is_byte else 1 << 16), np.int64)
        self._moments = Moments()
        self._low: int | None = None
        self._high: int | None = None

    def add(self, array: Array) -> None:
        """Take in stored values, of any shape."""
        spec = self._spec
        if is_exact(spec.dtype):
            kernels.best().count(patterns(array, spec.dtype), self._counts)
            return
        if not array.size:
            return
        values = np.ascontiguousarray(numbers(array, spec.dtype)).reshape(-1)
        found = kernels.best().moments(values, self._counts)
        if spec.type.is_integer:  # float64 does not hold all of them
            self._meet(int(array.min()), int(array.max()))
        elif spec.type.family == "complex" and found.finite < values.size:
            found = _by_parts(found, array, values.size)
        self._moments = self._moments.joined(found)

    def add_counted(self, counts: Array, moments: Moments, ends: tuple[int, int] | None) -> None:
        """Take in what was counted elsewhere: codes, moments of wide values, exact ends of integers."""
        self._counts[0] += counts
        self._moments = self._moments.joined(moments)
        if ends is not None:
            self._meet(*ends)

    def _meet(self, low: int, high: int) -> None:
        self._low = low if self._low is None else min(self._low, low)
        self._high = high if self._high is None else max(self._high, high)

    def join(self, other: Collecting) -> None:
        """Take in what another one of the same dtype has seen."""
        self._counts += other._counts
        self._moments = self._moments.joined(other._moments)
        if other._low is not None and other._high is not None:
            self._meet(other._low, other._high)

    def found(self) -> Statistics:
        """Return what the pieces so far have."""
        counts: Array = self._counts.sum(axis=0)
        spec, seen = self._spec, self._moments
        if is_exact(spec.dtype):
            return Statistics.of_values(spec.dtype, code_values(spec.dtype), counts, counts)
        total, odd = int(counts.sum()), (seen.zeros, seen.nan, seen.posinf, seen.neginf)
        if not seen.finite or spec.type.family == "opaque":
            return Statistics(total, None, None, None, None, None, *odd, counts, spec.dtype)
        low = seen.minimum + 0.0 if self._low is None else self._low  # -0.0 becomes 0.0
        high = seen.maximum + 0.0 if self._high is None else self._high
        return Statistics(total, low, high, seen.mean, math.sqrt(seen.deviation / seen.finite),
                          math.sqrt(seen.square), *odd, counts, spec.dtype)  # fmt: skip


def _by_parts(found: Moments, array: Array, size: int) -> Moments:
    """Count what is not finite among complex values by their parts: one with a NaN in it counts as NaN."""
    parts = (array["real"], array["imag"]) if array.dtype.names else (array.real, array.imag)
    nan = int(np.count_nonzero(np.isnan(parts[0]) | np.isnan(parts[1])))
    return replace(found, nan=nan, posinf=size - found.finite - nan, neginf=0)
