"""Sorted disjoint ranges of changed bytes, immutable and cheap to keep many states of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from weightedit.core.comb import Comb
from weightedit.core.sealed import Kept, Window, seal
from weightedit.core.source import ByteSource
from weightedit.core.spill import Spill


@dataclass(frozen=True, slots=True, eq=False)
class Patches:
    """Segments `[starts, stops)` in bytes; segment i holds the bytes of `buffers[which[i]]` from `at[i]` on.

    States made from one another share their buffers, so keeping a state costs its segments, not its bytes.

    Attributes
    ----------
    combs
        Runs at regular steps, which lie under all segments; a later one lies over those before it.
    laid
        How many combs were laid over the others last; 0 where it was segments.
    """

    starts: np.ndarray
    stops: np.ndarray
    which: np.ndarray
    at: np.ndarray
    buffers: tuple[Kept, ...]
    combs: tuple[Comb, ...] = ()
    laid: int = 0

    @classmethod
    def none(cls) -> Patches:
        """No change at all."""
        empty = np.empty(0, np.int64)
        return cls(empty, empty, empty, empty, ())

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

    def ranges(self) -> Iterator[tuple[int, memoryview]]:
        """Yield (start, bytes) of each segment in order; combs are not among them."""
        columns = (self.starts.tolist(), self.stops.tolist(), self.which.tolist(), self.at.tolist())
        windows: dict[int, Window] = {}
        for start, stop, which, at in zip(*columns, strict=True):
            window = windows.get(which)
            if window is None:
                window = windows[which] = Window(self.buffers[which])
            yield start, window.piece(at, stop - start)

    def newest(self) -> Patches:
        """Return what was laid over the others last, as `with_ranges` or `with_combs` made these of those before."""
        if self.laid:
            return replace(Patches.none(), combs=self.combs[-self.laid :])
        pick = self.which == len(self.buffers) - 1
        return Patches(self.starts[pick], self.stops[pick], self.which[pick], self.at[pick], self.buffers)

    def within(self, start: int, stop: int) -> Patches:
        """Return the segments and combs that touch `[start, stop)`, uncut."""
        pick = slice(np.searchsorted(self.stops, start, "right"), np.searchsorted(self.starts, stop, "left"))
        combs = tuple(comb for comb in self.combs if comb.numbers_within(start, stop))
        return Patches(self.starts[pick], self.stops[pick], self.which[pick], self.at[pick], self.buffers, combs)

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

    def with_ranges(self, starts: np.ndarray, lengths: np.ndarray, data: memoryview,
                    at: np.ndarray | None = None) -> Patches:  # fmt: skip
        """Return these patches with `data` laid over them at sorted disjoint ranges (neighbours are joined).

        `at` says where in `data` the bytes of each range begin; without it they follow one another. `data` is final
        from here on.
        """
        at = np.cumsum(lengths) - lengths if at is None else at
        starts, stops, at = _joined(starts.astype(np.int64), lengths.astype(np.int64), at)
        kept = self._outside(starts, stops)
        new = np.full(len(starts), len(kept.buffers), np.int64)
        all_starts = np.concatenate([kept.starts, starts])
        order = np.argsort(all_starts, kind="stable")
        return Patches(
            all_starts[order],
            np.concatenate([kept.stops, stops])[order],
            np.concatenate([kept.which, new])[order],
            np.concatenate([kept.at, at])[order],
            (*kept.buffers, seal(data)),
            self.combs,
        )

    def with_combs(self, combs: Sequence[Comb]) -> Patches:
        """Return these patches with combs laid over them, which do not touch one another."""
        found = self
        for comb in combs:
            found = found._outside(*found._runs_in_segments(comb))
        same = [one for one in found.combs if not any(one.has_place_of(comb) for comb in combs)]
        return replace(found, combs=(*same, *combs), laid=len(combs))

    def _runs_in_segments(self, comb: Comb) -> tuple[np.ndarray, np.ndarray]:
        """Return the runs of a comb that touch a segment, as ranges."""
        inside = self.within(comb.start, comb.stop)
        first = np.maximum((inside.starts - comb.start - comb.run) // comb.step + 1, 0)
        last = np.minimum(-(-(inside.stops - comb.start) // comb.step), comb.count)
        counts = np.maximum(last - first, 0)
        position = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        starts = comb.start + np.unique(np.repeat(first, counts) + position) * comb.step
        return starts, starts + comb.run

    def over(self, under: Patches) -> Patches:
        """Return these patches laid over others: theirs show where these have none."""
        found = under.with_combs(self.combs) if self.combs else under
        if not len(self.starts):
            return found
        buffers = [data for _, data in self.ranges()]
        packed = memoryview(b"".join(buffers))
        return found.with_ranges(self.starts, self.stops - self.starts, packed)

    def reread(self, ranges: Patches, base: ByteSource, spill: Spill) -> Patches:
        """Return these patches and, where they have none, the bytes that `base` has at the ranges of others."""
        fresh = [comb for comb in ranges.combs if not any(one.has_place_of(comb) for one in self.combs)]
        if fresh:  # they lie under what is here
            there = tuple(comb.reread(base, spill) for comb in fresh)
            return replace(self, combs=(*there, *self.combs)).reread(replace(ranges, combs=()), base, spill)
        missing = ranges._outside(self.starts, self.stops)
        if not len(missing.starts):
            return self
        data = spill.allocate(missing.nbytes)
        at = 0
        for start, stop in zip(missing.starts.tolist(), missing.stops.tolist(), strict=True):
            base.read_into(data[at : at + stop - start], start)
            at += stop - start
        return self.with_ranges(missing.starts, missing.stops - missing.starts, data)

    def _outside(self, starts: np.ndarray, stops: np.ndarray) -> Patches:
        """Return what these patches hold outside the given sorted disjoint ranges."""
        if not len(self.starts) or not len(starts):
            return self
        far = np.int64(np.iinfo(np.int64).max)
        gap_starts = np.concatenate([[np.int64(-1)], stops])
        gap_stops = np.concatenate([starts, [far]])
        first = np.searchsorted(gap_stops, self.starts, "right")
        last = np.searchsorted(gap_starts, self.stops, "left")
        counts = np.maximum(last - first, 0)
        segment = np.repeat(np.arange(len(self.starts)), counts)
        position = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        gap = np.repeat(first, counts) + position
        low = np.maximum(self.starts[segment], gap_starts[gap])
        high = np.minimum(self.stops[segment], gap_stops[gap])
        some = low < high
        segment, low, high = segment[some], low[some], high[some]
        used, which = np.unique(self.which[segment], return_inverse=True)
        at = self.at[segment] + low - self.starts[segment]
        return Patches(low, high, which.astype(np.int64), at, tuple(self.buffers[i] for i in used.tolist()),
                       self.combs)  # fmt: skip


def _joined(starts: np.ndarray, lengths: np.ndarray,
            at: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """Join ranges that touch here and in the data; returns starts, stops and where in the data each begins."""
    stops = starts + lengths
    if len(starts) < 2:
        return starts, stops, at
    opens = np.concatenate([[True], (starts[1:] != stops[:-1]) | (at[1:] != at[:-1] + lengths[:-1])])
    closes = np.concatenate([opens[1:], [True]])
    return starts[opens], stops[closes], at[opens]
