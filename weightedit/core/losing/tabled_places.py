"""Where the first values of some bit patterns are, looked for piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from weightedit.core.edits.plan import Target
from weightedit.core.losing.tabled import looked_up, patterns_in
from weightedit.core.progress import Progress
from weightedit.core.region import Box
from weightedit.core.values.codes import Array
from weightedit.core.values.reading import ReadBuffer, pieces

LOOKED_AT = 1 << 20
"""Bytes that are looked through at once: they stay in a core's cache, and the first ones are soon found."""
MOST_RUNS = 4
"""Runs of patterns up to which comparing with their ends is faster than looking each value up."""


@dataclass(frozen=True, slots=True)
class Part:
    """A box of a tensor, and how often the classes of patterns occur in it."""

    box: Box
    classes: Array


@dataclass(slots=True)
class Look:
    """A search for the first values of some patterns.

    Attributes
    ----------
    mask
        Which patterns, bool.
    classes
        Which classes they are of, bool.
    wanted
        How many places are still wanted.
    found
        Is given indices in the tensor and the patterns there.
    runs
        First and last of the runs that the patterns form among those that occur at all; None where they are many.
    """

    mask: Array
    classes: Array
    wanted: int
    found: Callable[[Sequence[tuple[int, ...]], Array], object]
    runs: list[tuple[int, int]] | None = field(default=None)

    def among(self, present: Array) -> Look:
        """Be told which patterns occur, bool."""
        codes = np.flatnonzero(present)
        edges = np.flatnonzero(np.diff(self.mask[codes], prepend=False, append=False))
        few = len(edges) <= 2 * MOST_RUNS
        self.runs = [(int(codes[first]), int(codes[stop - 1])) for first, stop in
                     edges.reshape(-1, 2).tolist()] if few else None  # fmt: skip
        return self

    def at(self, box: Box, patterns: Array) -> None:
        """Look through one piece."""
        places = np.flatnonzero(self._hits(patterns))[: self.wanted]
        if not len(places):
            return
        self.wanted -= len(places)
        at = np.unravel_index(places, patterns.shape)
        indices = [tuple(int(axis[i]) for axis, i in zip(box.axes, index, strict=True))
                   for index in zip(*(one.tolist() for one in at), strict=True)]  # fmt: skip
        self.found(indices, patterns[at])

    def _hits(self, patterns: Array) -> Array:
        if self.runs is None:
            return looked_up(self.mask, patterns)
        hits: Array = np.zeros(patterns.shape, bool)
        for first, last in self.runs:  # below the first, the difference goes round and is larger than any of the run
            hits |= patterns - patterns.dtype.type(first) <= last - first
        return hits


def find_places(target: Target, looks: Sequence[Look], parts: Sequence[Part], progress: Progress) -> None:
    """Read again the parts that have values someone looks for, until all have what they want."""
    pinned, buffer = target.pinned, ReadBuffer()
    for part in parts:
        here = [look for look in looks if look.wanted and part.classes[look.classes].any()]
        if here:
            progress.advance(0)
            for piece in pieces(pinned.spec, part.box, LOOKED_AT):
                patterns = patterns_in(pinned.spec, pinned.content, piece, buffer)
                for look in here:
                    look.at(piece, patterns)
                here = [look for look in here if look.wanted]
                if not here:
                    break
        elif not any(look.wanted for look in looks):
            break
