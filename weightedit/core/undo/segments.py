"""Sorted disjoint ranges of changed bytes, and combs under them: one flat table that reads look up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from weightedit.core.undo.comb import Comb
from weightedit.core.undo.sealed import Kept, Sealed, Window

ROW = 32
"""Bytes that a segment takes in the table."""


@dataclass(frozen=True, slots=True, eq=False)
class Segments:
    """Segments `[starts, stops)` in bytes; segment i holds the bytes of `buffers[which[i]]` from `at[i]` on.

    Attributes
    ----------
    table
        int64, `(4, segments)`: starts, stops, which and at.
    combs
        Runs at regular steps, which lie under all segments; a later one lies over those before it.
    """

    table: np.ndarray
    buffers: tuple[Kept, ...] = ()
    combs: tuple[Comb, ...] = ()

    @classmethod
    def none(cls) -> Segments:
        """No change at all."""
        return cls(np.empty((4, 0), np.int64))

    @classmethod
    def of(cls, starts: np.ndarray, lengths: np.ndarray, data: Kept, at: np.ndarray | None = None) -> Segments:
        """Return sorted disjoint ranges whose bytes are in `data` from `at` on, by default one after the other."""
        at = np.cumsum(lengths) - lengths if at is None else at
        starts, stops, at = _joined(starts.astype(np.int64), lengths.astype(np.int64), at)
        return cls(np.stack([starts, stops, np.zeros(len(starts), np.int64), at]), (data,))

    @property
    def starts(self) -> np.ndarray:
        """Where each begins."""
        found: np.ndarray = self.table[0]
        return found

    @property
    def stops(self) -> np.ndarray:
        """Where each ends."""
        found: np.ndarray = self.table[1]
        return found

    def __len__(self) -> int:
        return len(self.starts) + len(self.combs)

    @property
    def nbytes(self) -> int:
        """How many bytes are covered; those that several combs share count for each."""
        return int((self.stops - self.starts).sum()) + sum(comb.nbytes for comb in self.combs)

    @property
    def kept(self) -> tuple[Kept, ...]:
        """Everything that holds bytes, each once."""
        return tuple({id(one): one for one in (*self.buffers, *(comb.kept for comb in self.combs))}.values())

    @property
    def sealed(self) -> tuple[Sealed, ...]:
        """What of that is in files of our own, with checksums."""
        every = (*self.buffers, *(comb.kept for comb in self.combs))
        return tuple({id(one): one for one in every if isinstance(one, Sealed)}.values())

    def ranges(self) -> Iterator[tuple[int, memoryview]]:
        """Yield (start, bytes) of each segment in order; combs are not among them."""
        windows: dict[int, Window] = {}
        for start, stop, which, at in zip(*self.table.tolist(), strict=True):
            window = windows.get(which)
            if window is None:
                window = windows[which] = Window(self.buffers[which])
            yield start, window.piece(at, stop - start)

    def within(self, start: int, stop: int) -> Segments:
        """Return the segments and combs that touch `[start, stop)`, uncut."""
        pick = slice(np.searchsorted(self.stops, start, "right"), np.searchsorted(self.starts, stop, "left"))
        combs = tuple(comb for comb in self.combs if comb.numbers_within(start, stop))
        return Segments(self.table[:, pick], self.buffers, combs)

    def changed(self, start: int, stop: int, gap: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """Return starts and stops of what is changed within `[start, stop)`, sorted; those nearer than `gap` joined."""
        starts, stops = [self.starts], [self.stops]
        for comb in self.combs:
            near = comb.step - comb.run < gap
            some = (np.array([comb.start]), np.array([comb.stop])) if near else comb.ranges(start, stop)
            starts.append(some[0])
            stops.append(some[1])
        first, last = (np.clip(np.concatenate(one), start, stop) for one in (starts, stops))
        order = np.argsort(first, kind="stable")[np.sort(first, kind="stable") < stop]
        order = order[last[order] > start]
        first, last = first[order], np.maximum.accumulate(last[order])
        parts = np.flatnonzero(first[1:] - last[:-1] >= max(gap, 1))
        return first[np.concatenate([[0], parts + 1])[: len(first)]], last[np.concatenate([parts, [-1]])[: len(last)]]

    def cover(self, start: int, stop: int) -> bool:
        """Whether every byte of `[start, stop)` is patched."""
        if start >= stop:
            return True
        inside = self.within(start, stop)
        if inside.combs:
            there = sum(len(comb.numbers_within(start, stop)) * comb.run for comb in inside.combs)
            if there + int((inside.stops - inside.starts).sum()) < stop - start:
                return False
            starts, stops = inside.changed(start, stop)
            return len(starts) == 1 and (int(starts[0]), int(stops[0])) == (start, stop)
        if not len(inside):
            return False
        gapless = bool((inside.starts[1:] == inside.stops[:-1]).all())
        return gapless and int(inside.starts[0]) <= start and int(inside.stops[-1]) >= stop

    def overlay_onto(self, view: memoryview, offset: int) -> None:
        """Write the patched bytes of `[offset, offset + len(view))` over `view`."""
        end = offset + view.nbytes
        for comb in self.combs:
            comb.overlay_onto(view, offset)
        for start, data in self.within(offset, end).ranges():
            low, high = max(start, offset), min(start + data.nbytes, end)
            view[low - offset : high - offset] = data[low - start : high - start]

    def under_combs(self, combs: Sequence[Comb]) -> Segments:
        """Return these with combs laid over them, which do not touch one another."""
        found = self
        for comb in combs:
            found = found.outside(*found._runs_in_segments(comb))
        same = [one for one in found.combs if not any(one.has_place_of(comb) for comb in combs)]
        return replace(found, combs=(*same, *combs))

    def _runs_in_segments(self, comb: Comb) -> tuple[np.ndarray, np.ndarray]:
        """Return the runs of a comb that touch a segment, as ranges."""
        inside = self.within(comb.start, comb.stop)
        first = np.maximum((inside.starts - comb.start - comb.run) // comb.step + 1, 0)
        last = np.minimum(-(-(inside.stops - comb.start) // comb.step), comb.count)
        counts = np.maximum(last - first, 0)
        starts = comb.start + np.unique(_each(first, counts)) * comb.step
        return starts, starts + comb.run

    def outside(self, starts: np.ndarray, stops: np.ndarray) -> Segments:
        """Return what these hold outside the given sorted disjoint ranges."""
        if not len(self.starts) or not len(starts):
            return self
        far = np.int64(np.iinfo(np.int64).max)
        gap_starts = np.concatenate([[np.int64(-1)], stops])
        gap_stops = np.concatenate([starts, [far]])
        first = np.searchsorted(gap_stops, self.starts, "right")
        last = np.searchsorted(gap_starts, self.stops, "left")
        counts = np.maximum(last - first, 0)
        segment, gap = np.repeat(np.arange(len(self.starts)), counts), _each(first, counts)
        low = np.maximum(self.starts[segment], gap_starts[gap])
        high = np.minimum(self.stops[segment], gap_stops[gap])
        some = low < high
        segment, low, high = segment[some], low[some], high[some]
        _, _, which, at = self.table[:, segment]
        return _using(np.stack([low, high, which, at + low - self.starts[segment]]), self.buffers, self.combs)


def together(layers: Sequence[Segments]) -> Segments:
    """Return what layers are together, each laid over those before it."""
    plain = [layers[0]]
    for layer in layers[1:]:
        if layer.combs:
            plain = [_painted(plain).under_combs(layer.combs)]
            layer = replace(layer, combs=())
        if layer.table.shape[1]:
            plain.append(layer)
    return _painted(plain)


def _painted(layers: Sequence[Segments]) -> Segments:
    """Return layers over one another of which only the first may have combs.

    Between two neighbouring edges of any segment one and the same segment shows everywhere: it is painted there, layer
    by layer, and what is next to each other in the end and of one segment is one again.
    """
    if len(layers) == 1:
        return layers[0]
    table = np.concatenate([layer.table for layer in layers], axis=1)
    sizes = [layer.table.shape[1] for layer in layers]
    table[2] += np.repeat(np.cumsum([0, *(len(layer.buffers) for layer in layers[:-1])]), sizes)
    edges = np.unique(table[:2])
    low, high = np.searchsorted(edges, table[0]), np.searchsorted(edges, table[1])
    shown = np.full(len(edges), -1, np.int64)
    for first, stop in pairwise(np.cumsum([0, *sizes]).tolist()):
        if stop - first == 1:
            shown[low[first] : high[first]] = first
        else:
            counts = high[first:stop] - low[first:stop]
            shown[_each(low[first:stop], counts)] = np.repeat(np.arange(first, stop), counts)
    heads = np.flatnonzero(np.diff(shown, prepend=-1))  # the last edge shows nothing: all begins somewhere and ends
    segment, starts = shown[heads], edges[heads]
    some = segment >= 0
    ends = np.append(starts[1:], 0)[some]
    segment, starts = segment[some], starts[some]
    found = np.stack([starts, ends, table[2, segment], table[3, segment] + starts - table[0, segment]])
    return _using(found, tuple(one for layer in layers for one in layer.buffers), layers[0].combs)


def _each(first: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return `first[i]`, `first[i] + 1`, … for each i, `counts[i]` of them."""
    found: np.ndarray = np.arange(counts.sum()) + np.repeat(first - np.cumsum(counts) + counts, counts)
    return found


def _using(table: np.ndarray, buffers: tuple[Kept, ...], combs: tuple[Comb, ...]) -> Segments:
    """Return segments that hold on to the buffers they use, and no others."""
    used, table[2] = np.unique(table[2], return_inverse=True)
    return Segments(table, tuple(buffers[number] for number in used.tolist()), combs)


def _joined(starts: np.ndarray, lengths: np.ndarray,
            at: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """Join ranges that touch here and in the data; returns starts, stops and where in the data each begins."""
    stops = starts + lengths
    if len(starts) < 2:
        return starts, stops, at
    opens = np.concatenate([[True], (starts[1:] != stops[:-1]) | (at[1:] != at[:-1] + lengths[:-1])])
    closes = np.concatenate([opens[1:], [True]])
    return starts[opens], stops[closes], at[opens]
