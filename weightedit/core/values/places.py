"""Finding cells by their value, in chunks: the next NaN or Inf, the next that a test picks out, the largest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import prod
from typing import Literal

import numpy as np

from weightedit.core.progress import Progress
from weightedit.core.region import Box
from weightedit.core.statistics import Pinned
from weightedit.core.values.codes import Array, numbers
from weightedit.core.values.passes import CHUNK

Extreme = Literal["largest", "smallest", "magnitude"]
Index = tuple[int, ...]
Test = Callable[[Array, Box], Array]
"""Takes stored values and where they lie, and returns which of them are meant, bool in their shape."""


@dataclass(frozen=True)
class Found:
    """A cell, its flat position in row-major order, and its value (of complex tensors the magnitude)."""

    index: Index
    position: int
    value: float


def is_nonfinite(dtype: str) -> Test:
    """Return the test that picks out NaN and infinite values."""
    return lambda array, _: ~np.isfinite(numbers(array, dtype))


def find_next(pinned: Pinned, start: Index, step: int, test: Test, progress: Progress | None = None,
              nbytes: int = CHUNK) -> Index | None:  # fmt: skip
    """Return the next index after `start` in row-major order (before it, for a step of -1) that a test picks out.

    The search goes around the end and looks at `start` last; None where nothing is picked out.
    """
    shape = pinned.spec.shape
    numel = prod(shape)
    if not numel:
        return None
    if not shape:
        return () if any(test(array, part).any() for part, array in pinned.chunks(Box(()), nbytes)) else None
    if progress is not None:
        progress.begin("Looking for cells", numel)
    at = int(np.ravel_multi_index(start, shape))
    bands = list(_bands(shape, max(1, nbytes // pinned.spec.type.itemsize)))
    here = next(number for number, (first, box) in enumerate(bands) if first <= at < first + box.numel)
    turn = [*range(here, len(bands)), *range(here + 1)] if step > 0 else \
        [*range(here, -1, -1), *range(len(bands) - 1, here - 1, -1)]  # fmt: skip
    for count, number in enumerate(turn):
        first, box = bands[number]
        low, high = first, first + box.numel
        if number == here and (count > 0) == (step > 0):
            high = at + 1 if step > 0 else at  # what lies before the start, looked at last, or first going back
        elif number == here:
            low = at + 1 if step > 0 else at
        found = _in_band(pinned, box, test, low, high, step, nbytes)
        if found is not None:
            return tuple(int(axis) for axis in np.unravel_index(found, shape))
        if progress is not None:
            progress.advance(box.numel)
    return None


def _bands(shape: Index, most: int) -> Iterator[tuple[int, Box]]:
    """Cut a tensor into boxes of about `most` elements that follow one another in row-major order."""
    dim = next(dim for dim in range(len(shape)) if prod(shape[dim + 1 :]) <= most)
    inner = prod(shape[dim + 1 :])
    step = max(1, most // max(inner, 1))
    rest = tuple(range(size) for size in shape[dim + 1 :])
    for number, outer in enumerate(np.ndindex(*shape[:dim])):
        for start in range(0, shape[dim], step):
            axes = (*(range(at, at + 1) for at in outer), range(start, min(start + step, shape[dim])), *rest)
            yield (number * shape[dim] + start) * inner, Box(axes)


def _in_band(pinned: Pinned, box: Box, test: Test, low: int, high: int, step: int, nbytes: int) -> int | None:
    """Return the first (or last) flat position in `[low, high)` of a box; chunks may come in any order."""
    best: int | None = None
    for part, array in pinned.chunks(box, nbytes):
        places = np.nonzero(test(array, part))
        flat = _flat(part, places, pinned.spec.shape)
        flat = flat[(flat >= low) & (flat < high)]
        if flat.size:
            found = int(flat.min() if step > 0 else flat.max())
            best = found if best is None else (min if step > 0 else max)(best, found)
    return best


def _flat(part: Box, places: tuple[Array, ...], shape: Index) -> Array:
    """Return the flat positions in a tensor of places in a part of it, int64."""
    if not shape:
        return np.zeros(len(places[0]), np.int64)
    indices = []
    for axis, at in zip(part.axes, places, strict=True):
        indices.append(axis.start + at * axis.step if isinstance(axis, range) else np.asarray(axis)[at])
    return np.ravel_multi_index(tuple(indices), shape).astype(np.int64)


def find_extreme(pinned: Pinned, kind: Extreme, after: Found | None = None,
                 progress: Progress | None = None) -> Found | None:  # fmt: skip
    """Return the largest, the smallest or the finite value of largest magnitude; the next one after `after`.

    Equal values follow one another in row-major order; None where there is no (further) finite value.
    """
    spec = pinned.spec
    if progress is not None:
        progress.begin(f"Looking for the {kind}", spec.nbytes)
    best: tuple[float, int, float] | None = None
    limit = None if after is None else _keys(np.array([after.value]), kind)[0]
    for part, array in pinned.chunks(Box.whole(spec.shape), CHUNK):
        values = numbers(array, spec.dtype)
        keys = np.atleast_1d(np.where(np.isfinite(values), _keys(values, kind), -np.inf))
        if after is not None:
            same = np.nonzero(keys == limit)
            gone = _flat(part, same, spec.shape) <= after.position
            keys[keys > limit] = -np.inf
            keys[tuple(axis[gone] for axis in same)] = -np.inf
        place = np.unravel_index(int(np.argmax(keys)), keys.shape)
        key = float(keys[place])
        if key > -np.inf:
            position = int(_flat(part, tuple(np.array([at]) for at in place), spec.shape)[0])
            if best is None or (key, -position) > best[:2]:
                best = (key, -position, float(np.atleast_1d(values)[place]))
        if progress is not None:
            progress.advance(array.nbytes)
    if best is None:
        return None
    index = tuple(int(at) for at in np.unravel_index(-best[1], spec.shape)) if spec.shape else ()
    return Found(index, -best[1], best[2])


def _keys(values: Array, kind: Extreme) -> Array:
    return values if kind == "largest" else -values if kind == "smallest" else np.abs(values)
