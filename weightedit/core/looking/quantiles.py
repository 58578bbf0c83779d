"""Exact quantiles in bounded memory: order statistics found 16 bits at a time.

The bits of a number, turned so that they sort as the numbers do, are counted by their upper 16 bits; the bucket that
holds a wanted place is counted by the next 16, and so on, until what is left is few enough to be sorted.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from weightedit.core.dtypes import numpy_dtype
from weightedit.core.progress import Progress
from weightedit.core.spec import TensorSpec
from weightedit.core.statistics import Pinned, Statistics, between
from weightedit.core.values.codes import Array, is_exact, numbers

SHOWN = (0.001, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 0.999)
CHUNK = 1 << 20
"""Bytes of a chunk; telling buckets apart needs about ten times as much for a moment."""
DIGIT = 16
FEW = 1 << 18
"""Values that are sorted instead of counted once more."""


def quantiles(readable: Pinned, found: Statistics, wanted: Sequence[float] = SHOWN, progress: Progress | None = None,
              nbytes: int = CHUNK) -> tuple[float | None, ...]:  # fmt: skip
    """Return exact quantiles of the finite values, as `torch.quantile` with its linear interpolation defines them.

    Parameters
    ----------
    readable
        The tensor. It is read two or three times, not at all for dtypes of 8 and 16 bits.
    found
        Its statistics.
    wanted
        Shares from 0 to 1.
    progress
        Advanced by the bytes read; cancelling it raises `Cancelled`.
    nbytes
        How large a chunk may be.

    Returns
    -------
    tuple of float or None
        float64; None where no value is finite or the dtype has no values. Complex values count by magnitude.
    """
    total = found.count - found.nonfinite
    if is_exact(found.dtype) or found.minimum is None or not total:
        return tuple(found.quantile(share) for share in wanted)
    places = [share * (total - 1) for share in wanted]
    ranks = sorted({rank for place in places for rank in (math.floor(place), math.ceil(place))})
    values = _order_statistics(readable, ranks, progress, nbytes)
    return tuple(between(values[math.floor(place)], values[math.ceil(place)], place - math.floor(place))
                 for place in places)  # fmt: skip


@dataclass
class _Bucket:
    """Values whose keys share their upper bits, and the wanted places among them.

    Attributes
    ----------
    upper
        The bits they share, shifted down.
    before
        How many values are smaller than all of them.
    ranks
        Wanted places, counted from the smallest of all values.
    """

    upper: int
    before: int
    ranks: list[int]
    counts: Array = field(default_factory=lambda: np.zeros(1 << DIGIT, np.int64))


def _order_statistics(readable: Pinned, ranks: list[int], progress: Progress | None, nbytes: int) -> dict[int, float]:
    """Return the values that stand at places of the sorted finite values."""
    spec = readable.spec
    shift = _number_type(spec).itemsize * 8 - DIGIT
    buckets = [_Bucket(0, 0, ranks)]
    for keys in _all_keys(readable, progress, nbytes):
        _count(buckets[0], keys, shift)
    while True:
        buckets, left = _refined(buckets)
        if shift == 0:
            return {rank: _value(bucket.upper, spec) for bucket in buckets for rank in bucket.ranks}
        if left <= FEW:
            return _sorted(readable, buckets, shift, progress, nbytes)
        for keys in _all_keys(readable, progress, nbytes):
            for bucket, inside in zip(buckets, _parted(keys, buckets, shift), strict=True):
                _count(bucket, inside, shift - DIGIT)
        shift -= DIGIT


def _count(bucket: _Bucket, keys: Array, shift: int) -> None:
    digits = (keys >> keys.dtype.type(shift)).astype(np.uint16)
    bucket.counts += np.bincount(digits, minlength=1 << DIGIT)


def _parted(keys: Array, buckets: list[_Bucket], shift: int) -> Iterator[Array]:
    """Yield the keys that lie in each bucket; the upper 16 bits leave most out at once."""
    top = keys.dtype.itemsize * 8 - DIGIT
    wanted = np.zeros(1 << DIGIT, bool)
    wanted[[bucket.upper >> (top - shift) for bucket in buckets]] = True
    near = keys[wanted[(keys >> keys.dtype.type(top)).astype(np.uint16)]]
    upper = near >> keys.dtype.type(shift)
    for bucket in buckets:
        yield near[upper == keys.dtype.type(bucket.upper)]


def _refined(buckets: list[_Bucket]) -> tuple[list[_Bucket], int]:
    """Return the buckets one digit finer that hold the wanted places, and how many values they hold."""
    finer: dict[int, _Bucket] = {}
    left = 0
    for bucket in buckets:
        reached = np.cumsum(bucket.counts)
        for rank in bucket.ranks:
            digit = int(np.searchsorted(reached, rank - bucket.before, side="right"))
            upper = bucket.upper << DIGIT | digit
            if upper not in finer:
                size = int(bucket.counts[digit])
                finer[upper] = _Bucket(upper, bucket.before + int(reached[digit]) - size, [])
                left += size
            finer[upper].ranks.append(rank)
    return list(finer.values()), left


def _sorted(readable: Pinned, buckets: list[_Bucket], shift: int, progress: Progress | None,
            nbytes: int) -> dict[int, float]:  # fmt: skip
    """Gather the values of buckets that hold few, and look the places up."""
    spec = readable.spec
    kept: list[list[Array]] = [[] for _ in buckets]
    for keys in _all_keys(readable, progress, nbytes):
        for gathered, inside in zip(kept, _parted(keys, buckets, shift), strict=True):
            gathered.append(inside)
    result = {}
    for bucket, gathered in zip(buckets, kept, strict=True):
        ordered = np.sort(np.concatenate(gathered))
        result.update({rank: _value(int(ordered[rank - bucket.before]), spec) for rank in bucket.ranks})
    return result


def _all_keys(readable: Pinned, progress: Progress | None, nbytes: int) -> Iterator[Array]:
    """Yield the keys of the finite values, chunk by chunk."""
    spec = readable.spec
    if progress is not None:
        progress.begin("Quantiles", spec.nbytes)
    for _, array in readable.chunks(None, nbytes):
        yield _keys(array, spec)
        if progress is not None:
            progress.advance(array.nbytes)


def _number_type(spec: TensorSpec) -> np.dtype[Any]:
    """Return the type of the numbers that stand for the values."""
    stored = numpy_dtype(spec.dtype)
    return stored if spec.type.is_integer else numbers(np.zeros(0, stored), spec.dtype).dtype


def _keys(array: Array, spec: TensorSpec) -> Array:
    """Return unsigned integers that sort as the finite values do, flat."""
    unsigned = np.dtype(f"u{_number_type(spec).itemsize}").type
    sign = unsigned(1 << (8 * unsigned().itemsize - 1))
    if spec.type.is_integer:
        whole: Array = np.ascontiguousarray(array).reshape(-1).view(unsigned)
        return whole ^ sign if spec.type.family == "int" else whole.copy()
    values = numbers(array, spec.dtype).reshape(-1)
    finite = np.isfinite(values)
    bits = np.ascontiguousarray(values if finite.all() else values[finite]).view(unsigned)
    keys: Array = np.where(bits & sign, ~bits, bits | sign)
    return keys


def _value(key: int, spec: TensorSpec) -> float:
    """Return the number that a key stands for."""
    kind = _number_type(spec)
    sign = 1 << (8 * kind.itemsize - 1)
    if spec.type.is_integer:
        return float(key - sign if spec.type.family == "int" else key)
    bits = key ^ sign if key & sign else key ^ (2 * sign - 1)
    return float(np.array([bits], f"u{kind.itemsize}").view(kind)[0])
