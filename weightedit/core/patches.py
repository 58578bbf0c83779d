"""Sorted disjoint ranges of changed bytes, immutable and cheap to keep many states of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from weightedit.core.sealed import Kept, Window, seal
from weightedit.core.source import ByteSource
from weightedit.core.spill import Spill


@dataclass(frozen=True, slots=True, eq=False)
class Patches:
    """Segments `[starts, stops)` in bytes; segment i holds the bytes of `buffers[which[i]]` from `at[i]` on.

    States made from one another share their buffers, so keeping a state costs its segments, not its bytes.
    """

    starts: np.ndarray
    stops: np.ndarray
    which: np.ndarray
    at: np.ndarray
    buffers: tuple[Kept, ...]

    @classmethod
    def none(cls) -> Patches:
        """No change at all."""
        empty = np.empty(0, np.int64)
        return cls(empty, empty, empty, empty, ())

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def nbytes(self) -> int:
        """How many bytes are covered."""
        return int((self.stops - self.starts).sum())

    def ranges(self) -> Iterator[tuple[int, memoryview]]:
        """Yield (start, bytes) of each segment in order."""
        columns = (self.starts.tolist(), self.stops.tolist(), self.which.tolist(), self.at.tolist())
        windows: dict[int, Window] = {}
        for start, stop, which, at in zip(*columns, strict=True):
            window = windows.get(which)
            if window is None:
                window = windows[which] = Window(self.buffers[which])
            yield start, window.piece(at, stop - start)

    def newest(self) -> Patches:
        """Return the segments that were laid over the others last, as `with_ranges` made these of those before."""
        pick = self.which == len(self.buffers) - 1
        return Patches(self.starts[pick], self.stops[pick], self.which[pick], self.at[pick], self.buffers)

    def within(self, start: int, stop: int) -> Patches:
        """Return the segments that touch `[start, stop)`, uncut."""
        pick = slice(np.searchsorted(self.stops, start, "right"), np.searchsorted(self.starts, stop, "left"))
        return Patches(self.starts[pick], self.stops[pick], self.which[pick], self.at[pick], self.buffers)

    def cover(self, start: int, stop: int) -> bool:
        """Whether every byte of `[start, stop)` is patched."""
        inside = self.within(start, stop)
        if not len(inside):
            return start >= stop
        gapless = bool((inside.starts[1:] == inside.stops[:-1]).all())
        return gapless and int(inside.starts[0]) <= start and int(inside.stops[-1]) >= stop

    def overlay_onto(self, view: memoryview, offset: int) -> None:
        """Write the patched bytes of `[offset, offset + len(view))` over `view`."""
        end = offset + view.nbytes
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
        )

    def over(self, under: Patches) -> Patches:
        """Return these patches laid over others: theirs show where these have none."""
        if not len(self):
            return under
        buffers = [data for _, data in self.ranges()]
        packed = memoryview(b"".join(buffers))
        return under.with_ranges(self.starts, self.stops - self.starts, packed)

    def reread(self, ranges: Patches, base: ByteSource, spill: Spill) -> Patches:
        """Return these patches and, where they have none, the bytes that `base` has at the ranges of others."""
        missing = ranges._outside(self.starts, self.stops)
        if not len(missing):
            return self
        data = spill.allocate(missing.nbytes)
        at = 0
        for start, stop in zip(missing.starts.tolist(), missing.stops.tolist(), strict=True):
            base.read_into(data[at : at + stop - start], start)
            at += stop - start
        return self.with_ranges(missing.starts, missing.stops - missing.starts, data)

    def _outside(self, starts: np.ndarray, stops: np.ndarray) -> Patches:
        """Return what these patches hold outside the given sorted disjoint ranges."""
        if not len(self) or not len(starts):
            return self
        far = np.int64(np.iinfo(np.int64).max)
        gap_starts = np.concatenate([[np.int64(-1)], stops])
        gap_stops = np.concatenate([starts, [far]])
        first = np.searchsorted(gap_stops, self.starts, "right")
        last = np.searchsorted(gap_starts, self.stops, "left")
        counts = np.maximum(last - first, 0)
        segment = np.repeat(np.arange(len(self)), counts)
        position = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        gap = np.repeat(first, counts) + position
        low = np.maximum(self.starts[segment], gap_starts[gap])
        high = np.minimum(self.stops[segment], gap_stops[gap])
        some = low < high
        segment, low, high = segment[some], low[some], high[some]
        used, which = np.unique(self.which[segment], return_inverse=True)
        at = self.at[segment] + low - self.starts[segment]
        return Patches(low, high, which.astype(np.int64), at, tuple(self.buffers[i] for i in used.tolist()))


def _joined(starts: np.ndarray, lengths: np.ndarray,
            at: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """Join ranges that touch here and in the data; returns starts, stops and where in the data each begins."""
    stops = starts + lengths
    if len(starts) < 2:
        return starts, stops, at
    opens = np.concatenate([[True], (starts[1:] != stops[:-1]) | (at[1:] != at[:-1] + lengths[:-1])])
    closes = np.concatenate([opens[1:], [True]])
    return starts[opens], stops[closes], at[opens]
