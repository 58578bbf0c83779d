"""A storage as a strip: each slot over it a bar from its first byte to its last, overlapping ones in separate lanes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from weightedit.core.region import Box
from weightedit.core.shared.shared_cells import SharedCells, cells_on
from weightedit.core.spec import TensorSpec
from weightedit.core.values.reading import span
from weightedit.core.values.streaming import has_repeats

MOST_LANES = 8
MOST_GAPS = 256
MOST_MARKS = 64
LEAST = 400
"""A bar gets at least this part of the strip's length to itself, as long as the first lanes have room for that."""
ROOMY_LANES = 4
Span = tuple[int, int]
"""Bytes `[start, stop)` of a storage."""
Layout = Literal["row-major", "permuted", "gaps", "repeats", "empty"]
LAYOUTS: dict[str, str] = {
    "row-major": "", "permuted": "elements in another order", "gaps": "with gaps between its elements",
    "repeats": "elements that repeat", "empty": "no elements",
}  # fmt: skip
"""What is said of each layout."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One slot on the strip.

    Attributes
    ----------
    member
        Which of the slots it is.
    start, stop
        Bytes of the storage, from the slot's first element to past its last.
    lane
        0 is the top one.
    layout
        How the elements lie between: in row-major order, in another order without gaps (`permuted`), with gaps, with
        elements that share bytes (`repeats`), or none at all (`empty`).
    """

    member: int
    start: int
    stop: int
    lane: int
    layout: Layout


@dataclass(frozen=True, slots=True)
class Strip:
    """A storage and the slots over it.

    Attributes
    ----------
    nbytes
        Of the storage.
    bars
        In the order of their first byte.
    lanes
        How many there are.
    gaps
        Bytes that belong to no slot, the first `MOST_GAPS` of them.
    hidden
        Slots that have no bar, since more than `MOST_LANES` lie over one another.
    """

    nbytes: int
    bars: tuple[Bar, ...]
    lanes: int
    gaps: tuple[Span, ...]
    hidden: int

    def at(self, byte: float, lane: int, reach: float = 0.0) -> Bar | None:
        """Return the bar of a lane at a byte, or the nearest one within `reach` bytes of it."""
        found = [(max(bar.start - byte, byte - bar.stop, 0.0), bar) for bar in self.bars if bar.lane == lane]
        near = min(found, key=lambda one: one[0], default=None)
        return None if near is None or near[0] > reach else near[1]


def layout_of(spec: TensorSpec) -> Layout:
    """Say how a tensor's elements lie in its part of the storage."""
    if not spec.numel:
        return "empty"
    if has_repeats(spec):
        return "repeats"
    if spec.is_contiguous:
        return "row-major"
    low, high = spec.extent
    return "permuted" if high - low == spec.nbytes else "gaps"


def strip_of(specs: Sequence[TensorSpec], nbytes: int, current: int = 0) -> Strip:
    """Lay the slots over one storage out.

    Parameters
    ----------
    specs
        Of the slots, in file order.
    nbytes
        Of the storage.
    current
        The slot that has a bar in any case.
    """
    least = max(1, nbytes // LEAST)
    extents = [spec.extent for spec in specs]
    order = sorted(range(len(specs)), key=lambda one: (extents[one][0], -extents[one][1], one != current, one))
    ends, roomy = [0] * MOST_LANES, [0] * ROOMY_LANES
    placed: dict[int, int] = {}
    for member in order:
        start, stop = extents[member]
        lane = next((lane for lane, end in enumerate(roomy) if start >= end),
                    next((lane for lane, end in enumerate(ends) if start >= end), None))  # fmt: skip
        if lane is None:
            if member != current:
                continue
            lane = MOST_LANES - 1  # the one that is looked at takes the place of what it overlaps there
            placed = {one: at for one, at in placed.items() if at != lane or extents[one][1] <= start}
        ends[lane] = stop
        if lane < ROOMY_LANES:
            roomy[lane] = max(stop, start + least)
        placed[member] = lane
    bars = tuple(Bar(one, *extents[one], placed[one], layout_of(specs[one])) for one in order if one in placed)
    lanes = max((bar.lane for bar in bars), default=-1) + 1
    return Strip(nbytes, bars, lanes, tuple(_gaps((extents[one] for one in order), nbytes)), len(specs) - len(bars))


def _gaps(extents: Iterable[Span], nbytes: int) -> list[Span]:
    """Return the bytes between extents that are in order of their start."""
    gaps: list[Span] = []
    end = 0
    for start, stop in extents:
        if start > end:
            gaps.append((end, start))
        end = max(end, stop)
    if end < nbytes:
        gaps.append((end, nbytes))
    return gaps[:MOST_GAPS]


def marks_of(spec: TensorSpec, cells: SharedCells | Sequence[Box]) -> tuple[Span, ...]:
    """Return where cells of a tensor lie in the storage, joined where they would be many."""
    boxes = cells.boxes if isinstance(cells, SharedCells) else cells
    spans = sorted(span(spec, box) for box in boxes if box.numel)
    joined: list[Span] = []
    for start, stop in spans:
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], stop))
        else:
            joined.append((start, stop))
    if len(joined) <= MOST_MARKS:
        return tuple(joined)
    apart = sorted(later[0] - earlier[1] for earlier, later in pairwise(joined))
    widest = apart[-MOST_MARKS + 1]
    kept = [joined[0]]
    for start, stop in joined[1:]:
        if start - kept[-1][1] <= widest and len(kept) < MOST_MARKS:
            kept[-1] = (kept[-1][0], stop)
        else:
            kept.append((start, stop))
    return tuple(kept)


def shared_marks(specs: Sequence[TensorSpec], current: int, boxes: Sequence[Box],
                 members: Iterable[int]) -> dict[int, tuple[Span, ...]]:  # fmt: skip
    """Return where the cells that change with a selection lie, by slot.

    Parameters
    ----------
    specs
        Of the slots over one storage.
    current, boxes
        The slot that cells are selected in, and which.
    members
        The slots that are asked for.
    """
    found = {}
    for member in members:
        cells: SharedCells | Sequence[Box] = boxes if member == current else cells_on(specs[current], boxes,
                                                                                      specs[member])  # fmt: skip
        marks = marks_of(specs[member], cells)
        if marks:
            found[member] = marks
    return found
