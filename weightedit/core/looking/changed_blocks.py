"""Which blocks of a slice differ between two contents that are patches over the same bytes."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from weightedit.core.reduction import SliceView
from weightedit.core.spec import TensorSpec
from weightedit.core.storage import Patched
from weightedit.core.undo.segments import Segments
from weightedit.core.values.codes import Array
from weightedit.core.values.reading import storage_order

MOST_RANGES = 1 << 18
"""Ranges of bytes that are looked at one by one; of more, nothing is known."""


def changed_rectangles(before: object, after: object, spec: TensorSpec, view: SliceView,
                       block: tuple[int, int]) -> list[tuple[range, range]] | None:  # fmt: skip
    """Return rectangles of blocks outside which both contents hold the same values of a slice.

    Parameters
    ----------
    before, after
        Two contents of one storage.
    spec, view
        The tensor over both, and the slice of it.
    block
        Rows and columns of a block.

    Returns
    -------
    list of (rows, columns) or None
        In blocks; None where nothing is known, because they are not patches over the same bytes.
    """
    ranges = _differing(before, after, spec)
    if ranges is None or len(ranges[0]) > MOST_RANGES:
        return None
    spans = _spans(spec, *ranges)
    if spans is None:
        return None
    keep = np.ones(len(ranges[0]), bool)
    for dim, at in view.fixed.items():
        keep &= (spans[dim][0] <= at) & (at < spans[dim][1])
    sides: list[Array] = []
    for shown, step in ((view.rows_dim, block[0]), (view.columns_dim, block[1])):
        low, high = (np.zeros(1, np.int64), np.ones(1, np.int64)) if shown is None else spans[shown]
        sides += [np.broadcast_to(low, keep.shape)[keep] // step, -(-np.broadcast_to(high, keep.shape)[keep] // step)]
    return [(range(top, bottom), range(left, right))
            for top, bottom, left, right in _merged(np.stack(sides, axis=1)).tolist()]  # fmt: skip


def _differing(before: object, after: object, spec: TensorSpec) -> tuple[Array, Array] | None:
    """Return starts and stops, in bytes, of ranges outside which two contents are the same."""
    first, second = (one.base if isinstance(one, Patched) else one for one in (before, after))
    if first is not second:
        return None
    mine, theirs = (one.patches.flat if isinstance(one, Patched) else Segments.none() for one in (before, after))
    same = {id(comb) for comb in mine.combs} & {id(comb) for comb in theirs.combs}
    low, high = spec.extent
    starts, stops = [], []
    for patches, others in ((mine, theirs), (theirs, mine)):
        alone = ~np.isin(_segments(patches), _segments(others)) if len(others.starts) else slice(None)
        starts.append(patches.starts[alone])
        stops.append(patches.stops[alone])
        for comb in patches.combs:
            if id(comb) not in same:
                begin, end = comb.ranges(low, high)
                starts.append(begin)
                stops.append(end)
    first_bytes, last_bytes = np.concatenate(starts), np.concatenate(stops)
    inside = (first_bytes < high) & (last_bytes > low)
    return np.maximum(first_bytes[inside], low), np.minimum(last_bytes[inside], high)


def _segments(patches: Segments) -> Array:
    """Return one value for each segment, equal where place and bytes are."""
    found = np.empty(len(patches.starts), [("start", "i8"), ("stop", "i8"), ("at", "i8"), ("kept", "i8")])
    found["start"], found["stop"], found["at"] = patches.starts, patches.stops, patches.table[3]
    kept = np.array([id(buffer) for buffer in patches.buffers], np.int64)
    found["kept"] = kept[patches.table[2]] if len(kept) else 0
    return found.view("V32")


def _spans(spec: TensorSpec, starts: Array, stops: Array) -> dict[int, tuple[Array, Array]] | None:
    """Return, for each dimension, which indices ranges of bytes reach; None where elements overlap or are jumbled."""
    order = [dim for dim in storage_order(spec) if spec.shape[dim] > 1]
    for outer, inner in pairwise(order):
        if spec.stride[outer] < spec.stride[inner] * spec.shape[inner]:
            return None
    if any(spec.stride[dim] < 1 for dim in order):
        return None
    size = spec.type.itemsize
    first, last = starts // size - spec.offset, -(-stops // size) - 1 - spec.offset
    found = {dim: (np.zeros(len(first), np.int64), np.full(len(first), min(spec.shape[dim], 1), np.int64))
             for dim in range(len(spec.shape))}  # fmt: skip
    together = np.ones(len(first), bool)  # while both ends agree in all dimensions so far
    for dim in order:
        step, many = spec.stride[dim], spec.shape[dim]
        low, high = (np.clip(ends // step, 0, many - 1) for ends in (first, last))
        found[dim] = np.where(together, low, 0), np.where(together, high, many - 1) + 1
        first, last = first - low * step, last - high * step
        together &= low == high
    return found


def _merged(rectangles: Array) -> Array:
    """Return each rectangle once, neighbours one below the other joined."""
    rectangles = np.unique(rectangles, axis=0)
    order = np.lexsort((rectangles[:, 0], rectangles[:, 3], rectangles[:, 2]))
    rectangles = rectangles[order]
    if len(rectangles) < 2:
        return rectangles
    follows = (rectangles[1:, 2:] == rectangles[:-1, 2:]).all(axis=1) & (rectangles[1:, 0] <= rectangles[:-1, 1])
    begins = np.flatnonzero(np.append(True, ~follows))
    bottoms = np.maximum.reduceat(rectangles[:, 1], begins)
    found: Array = np.column_stack([rectangles[begins, 0], bottoms, rectangles[begins, 2:]])
    return found
