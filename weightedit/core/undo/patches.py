"""Changed bytes of a storage, immutable: a state keeps what was laid over the one before it, and a link to that."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from weakref import ref

import numpy as np

from weightedit.core.source import ByteSource
from weightedit.core.undo.comb import Comb
from weightedit.core.undo.sealed import Kept, Sealed, seal
from weightedit.core.undo.segments import ROW, Segments, together
from weightedit.core.undo.spill import Spill

FLAT_STATES = 4
"""States of a storage that keep one table of all they hold: the present one, its neighbours, one that is compared."""
STRIDE = 64
"""States that undo may go back until a table has to be worked out from far away again."""
COMB = 64
"""Bytes that the description of a comb takes."""


class Patches:
    """Ranges of changed bytes over a base, and combs; a state is its own ones and what it was laid over.

    Reads look all of them up in one table. That is worked out from the nearest state before that has one, in one go
    however many lie between, and only the states that were read last keep theirs. So a thousand edits remember a
    thousand times what one of them changed, and no table of those before it.

    Parameters
    ----------
    own
        What is laid over `under`.
    under
        The state before, or None.
    """

    __slots__ = ("__weakref__", "_flat", "_link", "_shelf")

    def __init__(self, own: Segments, under: Patches | None = None) -> None:
        self._link: tuple[Segments, Patches | None] = own, under  # one attribute: another thread may settle it
        self._flat: Segments | None = None
        self._shelf: _Shelf = _Shelf() if under is None else under._shelf

    @classmethod
    def none(cls) -> Patches:
        """No change at all."""
        return cls(Segments.none())

    @property
    def flat(self) -> Segments:
        """All there is, in one table."""
        own, under = self._link
        if under is None:
            return own
        found = self._flat
        if found is None:
            layers, states = self._to_merge()
            if len(states) > 2 * STRIDE:  # undo goes back state by state: what is asked for next finds one near by
                middle = together(layers[:-STRIDE])
                self._shelf.put(states[-STRIDE - 1], middle)
                layers = [middle, *layers[-STRIDE:]]
            found = together(layers)
            self._shelf.put(self, found)
        return found

    def _to_merge(self) -> tuple[list[Segments], list[Patches]]:
        """Return the nearest table there is and what was laid over it one after the other, and the states of each."""
        layers, states = [self._link[0]], [self]
        under = self._link[1]
        while under is not None:
            flat = under._flat
            own, before = under._link
            layers.append(own if flat is None else flat)
            states.append(under)
            if flat is not None:
                self._shelf.put(under, flat)
                break
            under = before
        return layers[::-1], states[::-1]

    def since(self, before: Patches | None) -> Segments:
        """Return what was laid over an earlier state; over nothing, everything."""
        layers, state = [Segments.none()], self if self is not before else None
        while state is not None:
            own, state = state._link
            layers.append(own)
            state = None if state is before else state
        return together([layers[0], *layers[:0:-1]])

    def remembered(self, before: Patches | None) -> int:
        """Return how many bytes are kept besides those that an earlier state keeps."""
        total, state = 0, self if self is not before else None
        while state is not None:
            own, state = state._link
            total += own.nbytes + ROW * len(own.starts) + COMB * len(own.combs)
            state = None if state is before else state
        return total

    def settle(self) -> None:
        """Let go of the states before this one: none of them will be shown again, and what they hid is not needed."""
        self._link = self.flat, None
        self._flat = None

    def __len__(self) -> int:
        return len(self.flat)

    @property
    def nbytes(self) -> int:
        """How many bytes are covered; those that several combs share count for each."""
        return self.flat.nbytes

    @property
    def combs(self) -> tuple[Comb, ...]:
        """Runs at regular steps, which lie under all segments."""
        return self.flat.combs

    @property
    def kept(self) -> tuple[Kept, ...]:
        """Everything that holds bytes that show, each once."""
        return self.flat.kept

    @property
    def sealed(self) -> tuple[Sealed, ...]:
        """What of that is in files of our own, with checksums."""
        return self.flat.sealed

    def ranges(self) -> Iterator[tuple[int, memoryview]]:
        """Yield (start, bytes) of each segment in order; combs are not among them."""
        return self.flat.ranges()

    def changed(self, start: int, stop: int, gap: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """Return starts and stops of what is changed within `[start, stop)`, sorted; those nearer than `gap` joined."""
        return self.flat.changed(start, stop, gap)

    def cover(self, start: int, stop: int) -> bool:
        """Whether every byte of `[start, stop)` is patched."""
        return self.flat.cover(start, stop)

    def overlay_onto(self, view: memoryview, offset: int) -> None:
        """Write the patched bytes of `[offset, offset + len(view))` over `view`."""
        self.flat.overlay_onto(view, offset)

    def with_ranges(self, starts: np.ndarray, lengths: np.ndarray, data: memoryview,
                    at: np.ndarray | None = None) -> Patches:  # fmt: skip
        """Return these patches with `data` laid over them at sorted disjoint ranges (neighbours are joined).

        `at` says where in `data` the bytes of each range begin; without it they follow one another. `data` is final
        from here on.
        """
        return Patches(Segments.of(starts, lengths, seal(data), at), self._known)

    def with_combs(self, combs: Sequence[Comb]) -> Patches:
        """Return these patches with combs laid over them, which do not touch one another."""
        return Patches(replace(Segments.none(), combs=tuple(combs)), self._known)

    @property
    def _known(self) -> Patches | None:
        """These, where there is anything in them."""
        own, under = self._link
        return self if len(own) or under is not None else None

    def over(self, under: Patches, made: dict[Patches, Patches] | None = None) -> Patches:
        """Return these patches laid over others: theirs show where these have none.

        Parameters
        ----------
        under
            The others.
        made
            What earlier states became over the same ones: they are shared, as the states themselves share theirs.
        """
        made = {} if made is None else made
        states: list[Patches] = []
        state: Patches | None = self
        while state is not None and state not in made:
            states.append(state)
            state = state._link[1]
        found = under if state is None else made[state]
        for state in reversed(states):
            found = made[state] = Patches(state._link[0], found._known)
        return found

    def reread(self, ranges: Patches, base: ByteSource, spill: Spill) -> Patches:
        """Return these patches and, where they have none, the bytes that `base` has at the ranges of others."""
        mine, theirs, under = self.flat, ranges.flat, Patches.none()
        fresh = [comb for comb in theirs.combs if not any(one.has_place_of(comb) for one in mine.combs)]
        if fresh:
            under = under.with_combs([comb.reread(base, spill) for comb in fresh])
        missing = replace(theirs, combs=()).outside(mine.starts, mine.stops)
        if not len(missing):
            return Patches(together([under.flat, mine])) if fresh else self
        data = spill.allocate(missing.nbytes)
        at = 0
        for start, stop in zip(missing.starts.tolist(), missing.stops.tolist(), strict=True):
            base.read_into(data[at : at + stop - start], start)
            at += stop - start
        lengths = missing.stops - missing.starts
        return Patches(together([under.flat, mine, Segments.of(missing.starts, lengths, seal(data))]))


class _Shelf:
    """Which states made from one another keep a table of all they hold; the one not used for longest gives way."""

    __slots__ = ("_lock", "_states")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._states: list[ref[Patches]] = []

    def put(self, state: Patches, flat: Segments) -> None:
        with self._lock:
            state._flat = flat
            self._states = [one for one in self._states if one() not in (None, state)]
            self._states.append(ref(state))
            if len(self._states) > FLAT_STATES and (first := self._states.pop(0)()) is not None:
                first._flat = None
