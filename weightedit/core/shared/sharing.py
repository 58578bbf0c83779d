"""Which elements of a storage two tensors have in common, and where in each they are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from weightedit.core.region import Box
from weightedit.core.shared.shared_cells import cells_on
from weightedit.core.spec import TensorSpec
from weightedit.core.values.reading import blocks, element_offsets, span
from weightedit.core.values.streaming import has_repeats

PIECE = 1 << 14
"""Elements whose places are worked out at once, eight bytes each and several times over."""


def same_elements(first: TensorSpec, second: TensorSpec) -> bool:
    """Whether two specs over one storage cover exactly the same elements, in any order of axes."""
    if first.type.itemsize != second.type.itemsize or first.offset != second.offset:
        return False

    def axes(spec: TensorSpec) -> list[tuple[int, int]]:
        return sorted((step, size) for step, size in zip(spec.stride, spec.shape, strict=True) if size > 1)

    if not first.numel or not second.numel:
        return first.numel == second.numel
    dense = first.is_contiguous and second.is_contiguous and first.numel == second.numel
    return dense or axes(first) == axes(second)


def share_elements(first: TensorSpec, boxes: Sequence[Box], second: TensorSpec, others: Sequence[Box]) -> bool:
    """Whether any byte belongs to both selections."""
    return any(
        common_cells(first, box, second, other) is not None
        for box in boxes if box.numel for other in others if other.numel
    )  # fmt: skip


def common_cells(spec: TensorSpec, box: Box, other: TensorSpec, within: Box | None = None) -> tuple[int, str] | None:
    """Return how many cells of `other` lie on bytes of `box`, and their bounding region; None if none do.

    Parameters
    ----------
    spec, box
        What is written, over the same storage as `other`.
    other
        The spec whose cells are counted.
    within
        Only cells of `other` inside this box.
    """
    low, high = span(spec, box)
    start, stop = other.extent
    if high <= start or stop <= low or not other.numel:
        return None
    if within is None and spec.type.itemsize == other.type.itemsize and not _have_repeats(spec, other):
        shared = cells_on(spec, [box], other)
        if shared.is_exact:
            return None if shared.bounds is None else (shared.count, str(shared.bounds))
    count = 0
    lows = np.full(len(other.shape), np.iinfo(np.int64).max)
    highs = np.full(len(other.shape), -1)
    for piece in blocks(spec, box, PIECE):
        inside, indices = _cells_at(element_offsets(spec, piece).reshape(-1) * spec.type.itemsize, other)
        if within is not None:
            for index, axis in zip(indices, within.axes, strict=True):
                inside &= np.isin(index, np.fromiter(axis, np.int64, len(axis)))
        found = int(np.count_nonzero(inside))
        if found:
            count += found
            lows = np.minimum(lows, [index[inside].min() for index in indices])
            highs = np.maximum(highs, [index[inside].max() for index in indices])
    if not count:
        return None
    return count, "[" + ", ".join(f"{a}:{b + 1}" for a, b in zip(lows.tolist(), highs.tolist(), strict=True)) + "]"


def _have_repeats(*specs: TensorSpec) -> bool:
    """Whether in any of the tensors several indices mean the same element."""
    return any(has_repeats(spec) for spec in specs)


def _cells_at(offsets: np.ndarray, other: TensorSpec) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return which byte offsets are cells of `other`, and their index along each of its dimensions.

    Strides are taken from the largest down, which is right for every tensor that does not overlap itself; in an
    expanded one (stride 0) the first of the equal cells is meant.
    """
    rest = offsets - other.offset * other.type.itemsize
    inside = rest >= 0
    indices: list[np.ndarray] = [np.zeros(len(offsets), np.int64) for _ in other.shape]
    for dim in sorted(range(len(other.shape)), key=lambda dim: -other.stride[dim]):
        step = other.stride[dim] * other.type.itemsize
        if step and other.shape[dim] > 1:
            indices[dim] = np.where(inside, rest // step, 0)
            inside &= indices[dim] < other.shape[dim]
            rest = rest - indices[dim] * step
    inside &= (rest >= 0) & (rest < other.type.itemsize)
    return inside, indices
