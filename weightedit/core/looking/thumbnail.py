"""A tensor as a picture of a few pixels, made of a small sample, whatever its size."""

from __future__ import annotations

from math import prod

import numpy as np

from weightedit.core.looking.pixels import Pixels, Reduced
from weightedit.core.region import Axis, Box
from weightedit.core.values.codes import Array, numbers
from weightedit.core.values.pinned import Readable

BUDGET = 64 << 10
"""Bytes read at most for one picture."""


def thumbnail(readable: Readable, height: int = 12, width: int = 20, budget: int = BUDGET) -> Reduced:
    """Reduce a tensor to at most `height` × `width` pixels: its first dimension down, all others across.

    Parameters
    ----------
    readable
        The tensor, of one value or more. One of one dimension is a single row.
    height, width
        Pixels.
    budget
        A tensor of more bytes is sampled: short runs of neighbours, one or two for each pixel.
    """
    spec = readable.spec
    shape = spec.shape if len(spec.shape) > 1 else (1, *spec.shape) if spec.shape else (1, 1)
    rows, columns = shape[0], prod(shape[1:])
    height, width = min(height, rows), min(width, columns)
    if spec.nbytes <= budget and _extent(readable) <= 4 * budget:
        values = numbers(readable.read(Box.whole(spec.shape)), spec.dtype).reshape(rows, columns)
        return _reduced(values, rows, columns, height, width, True)
    runs = max(1, min(2, rows // height))
    run = _run(readable, budget // (runs * height * width))
    sample = np.empty((height * runs, width * run), np.float64)
    for line in range(height * runs):
        row = (2 * line + 1) * rows // (2 * height * runs)
        for pixel in range(width):
            found = _read(readable, shape, row, (2 * pixel + 1) * columns // (2 * width), run)
            sample[line, pixel * run : (pixel + 1) * run] = found
    return _reduced(sample, rows, columns, height, width, False)


def _extent(readable: Readable) -> int:
    """Return how many bytes lie from the first to the last value."""
    spec = readable.spec
    reach = sum((size - 1) * step for size, step in zip(spec.shape, spec.stride, strict=True))
    return (reach + 1) * spec.type.itemsize


def _run(readable: Readable, nbytes: int) -> int:
    """Return how many neighbours along the last dimension are read together."""
    spec = readable.spec
    apart = max(abs(spec.stride[-1]), 1) * spec.type.itemsize
    return max(1, min(spec.shape[-1], nbytes // apart))


def _read(readable: Readable, shape: tuple[int, ...], row: int, column: int, run: int) -> Array:
    """Return the values of a run about the middle of a pixel."""
    last = shape[-1]
    *outer, at = (int(place) for place in np.unravel_index(column, shape[1:]))
    start = min(max(at - run // 2, 0), last - run)
    axes: list[Axis] = [range(place, place + 1) for place in (row, *outer)]
    axes.append(range(start, start + run))
    box = Box(tuple(axes[len(axes) - len(readable.spec.shape) :]))
    return numbers(readable.read(box), readable.spec.dtype).reshape(-1)


def _reduced(values: Array, rows: int, columns: int, height: int, width: int, exact: bool) -> Reduced:
    pixels = Pixels(range(values.shape[0]), range(values.shape[1]), height, width, "float64")
    pixels.add(values, 0, 0)
    return pixels.result(range(rows), range(columns), exact)
