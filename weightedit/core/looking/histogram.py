"""How often values fall into bins, linear in the value or in the logarithm of its magnitude."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from weightedit.core.dtypes import DTYPES
from weightedit.core.progress import Progress
from weightedit.core.statistics import Pinned, Statistics, statistics
from weightedit.core.values.codes import Array, code_values, is_exact, numbers

CHUNK = 1 << 20
"""Bytes of a chunk; counting needs about ten times as much for a moment."""
BINS = 200
DECADES = 12
"""Decades below the largest magnitude that a logarithmic histogram covers by itself."""
HAIR = 1e-12
LARGEST = float(np.finfo(np.float64).max) / 4


@dataclass(frozen=True, slots=True)
class Bins:
    """Equal parts of a range.

    Attributes
    ----------
    low, high
        The range, of values; of log10 of magnitudes where `log`.
    count
        How many parts.
    log
        Whether bins are of log10(abs(w)) instead of w.
    """

    low: float
    high: float
    count: int = BINS
    log: bool = False

    @property
    def edges(self) -> Array:
        """The `count + 1` ends of the bins, float64, as values (magnitudes where `log`)."""
        edges = np.linspace(self.low, self.high, self.count + 1)
        with np.errstate(over="ignore", under="ignore"):
            return 10.0**edges if self.log else edges


@dataclass(frozen=True, eq=False, slots=True)
class Histogram:
    """Counts of values in bins.

    Attributes
    ----------
    bins
        The bins; each holds its lower end, the last one both.
    counts
        int64, `(bins.count,)`.
    below, above
        Finite values past either end (of the magnitudes, and never zero, where `bins.log`).
    statistics
        Of the same values: count, zeros, NaN, infinities.
    """

    bins: Bins
    counts: Array
    below: int
    above: int
    statistics: Statistics


def bins_of(found: tuple[Statistics, ...], *, log: bool = False, percent: float | None = None,
            count: int = BINS) -> Bins | None:  # fmt: skip
    """Return bins that hold the finite values of each of `found`; None where there is none (or only zeros, if `log`).

    Parameters
    ----------
    found
        One or more statistics, such as before and after an edit.
    log
        Bins of log10(abs(w)), at most `DECADES` decades below the largest.
    percent
        Leave out what lies past this percentile of magnitudes, so that a lone outlier does not squeeze the rest.
    count
        Bins wanted. Whole numbers get fewer where that gives each bin as many numbers as the next.
    """
    ends = [_ends(one, log, percent) for one in found]
    known = [end for end in ends if end is not None]
    if not known:
        return None
    low, high = min(low for low, _ in known), max(high for _, high in known)
    if log:
        # 10 ** log10(w) can miss w by a rounding: the ends lie a hair outside
        high = math.log10(high) + HAIR
        low = max(math.log10(low) - HAIR, high - DECADES)
        return Bins(low, high, count, True) if high - low > 0.1 else Bins(low - 0.5, high + 0.5, count, True)
    if all(DTYPES[one.dtype].family in ("int", "uint", "bool") for one in found):
        low, high = math.floor(low), math.ceil(high)
        width = max(1, math.ceil((high - low + 1) / count))
        parts = max(1, math.ceil((high - low + 1) / width))
        return Bins(low - 0.5, low - 0.5 + parts * width, parts)
    most = max(abs(low), abs(high))
    if not math.isfinite(high - low):
        low, high = max(low, -LARGEST), min(high, LARGEST)
    if high - low < 8 * count * float(np.spacing(most)):  # bins need ends that differ
        room = most / 2 if most > 1e-300 else 0.5
        low, high = low - room, high + room
    return Bins(low, high, count)


def _ends(found: Statistics, log: bool, percent: float | None) -> tuple[float, float] | None:
    """Return the smallest and largest value (magnitude where `log`) that bins should hold."""
    if found.minimum is None or found.maximum is None:
        return None
    low, high = float(found.minimum), float(found.maximum)
    most = (None if percent is None else found.abs_percentile(percent)) or math.inf
    if not found.percentile_is_exact:
        most *= 1 + 2**-7  # it stands in the middle of a code, whose values are to be held
    if log:
        smallest, largest = found.smallest_magnitude, min(max(abs(low), abs(high)), most)
        return None if smallest is None else (min(smallest, largest), largest)
    near = max(low, -most), min(high, most)
    return near if near[0] <= near[1] else (low, high)


def histogram(readable: Pinned, found: Statistics, bins: Bins, progress: Progress | None = None,
              nbytes: int = CHUNK) -> Histogram:  # fmt: skip
    """Return the exact counts of a tensor's values in bins; complex values count by their magnitude.

    Parameters
    ----------
    readable
        What to count. It is not read where `found` says everything already (dtypes of 8 and 16 bits).
    found
        Its statistics.
    bins
        Where to count.
    progress
        Advanced by the bytes read; cancelling it raises `Cancelled`.
    nbytes
        How large a chunk may be.
    """
    tally = np.zeros(bins.count + 2, np.int64)
    edges = bins.edges
    if is_exact(found.dtype):
        tally += _counted(code_values(found.dtype), bins, edges, found.code_counts)
        return Histogram(bins, tally[1:-1], int(tally[0]), int(tally[-1]), found)
    spec = readable.spec
    if progress is not None:
        progress.begin("Histogram", spec.nbytes)
    for _, array in readable.chunks(None, nbytes):
        tally += _counted(numbers(array, spec.dtype).reshape(-1), bins, edges)
        if progress is not None:
            progress.advance(array.nbytes)
    return Histogram(bins, tally[1:-1], int(tally[0]), int(tally[-1]), found)


def _counted(values: Array, bins: Bins, edges: Array, weights: Array | None = None) -> Array:
    """Return counts below, in each bin, and above, int64; what is not finite, and zeros of logarithms, are left out."""
    wide = values.astype(np.float64)
    keep = np.isfinite(wide)
    if bins.log:
        np.abs(wide, out=wide)
        keep &= wide > 0
    if weights is not None:
        keep &= weights > 0
    if not keep.all():
        wide = wide[keep]
        weights = None if weights is None else weights[keep]
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = (np.log10(wide) if bins.log else wide) - bins.low
        scaled *= bins.count / (bins.high - bins.low)
        place = np.clip(scaled, -1, bins.count).astype(np.int64)
    # the product is rounded: the edges decide
    inside = np.clip(place, 0, bins.count - 1)
    place = inside - (wide < edges[inside])
    place += (wide >= edges[inside + 1]) & (inside < bins.count - 1)
    place[wide > edges[-1]] = bins.count
    place[wide < edges[0]] = -1
    found: Array = np.bincount(place + 1, minlength=bins.count + 2) if weights is None else \
        _weighted(place + 1, weights, bins.count + 2)  # fmt: skip
    return found


def _weighted(places: Array, weights: Array, size: int) -> Array:
    result = np.zeros(size, np.int64)
    np.add.at(result, places, weights)
    return result


Counting = Callable[[Pinned, Statistics, Bins, "Progress | None"], Histogram]


def histograms(readables: tuple[Pinned, ...], *, log: bool = False, percent: float | None = None,
               known: tuple[Statistics | None, ...] = (), count: int = BINS, progress: Progress | None = None,
               counted: Counting = histogram) -> tuple[tuple[Statistics, ...], tuple[Histogram, ...]]:  # fmt: skip
    """Return statistics and histograms of tensors on the same bins, such as before and after an edit.

    Parameters
    ----------
    readables
        The tensors, one or more.
    log, percent, count
        As in `bins_of`.
    known
        Statistics that were worked out already, in the order of `readables`; None for those that were not.
    progress
        Advanced by the bytes read; cancelling it raises `Cancelled`.
    counted
        What makes one of them, which may know it already.

    Returns
    -------
    statistics, histograms
        One of each per tensor; no histograms where there is nothing to bin, as `bins_of` says.
    """
    known = known + (None,) * (len(readables) - len(known))
    found = tuple(old or statistics(one, progress=progress) for one, old in zip(readables, known, strict=True))
    bins = bins_of(found, log=log, percent=percent, count=count)
    if bins is None:
        return found, ()
    return found, tuple(counted(one, stats, bins, progress) for one, stats in zip(readables, found, strict=True))
