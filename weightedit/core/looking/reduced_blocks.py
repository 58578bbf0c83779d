"""Blocks of a slice as they were reduced: kept in tiles, joined to larger blocks and to the pixels of a picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from weightedit.core import kernels
from weightedit.core.kernels import plain
from weightedit.core.looking.pixels import Pixels, within
from weightedit.core.values import passes
from weightedit.core.values.codes import Array

THREADS = 2
Cut: TypeAlias = tuple[slice, slice]
Join: TypeAlias = Callable[[tuple[Array, Array], Array, Array, tuple[Array, Array]], None]
"""Takes blocks into pixels, by where those under each begin and end."""
SMALLEST = 1e-30
"""Sums of squares below this, other than 0, keep their float64: float32 has fewer digits for them, or none."""


@dataclass(frozen=True, slots=True, eq=False)
class Blocks:
    """What a rectangle of blocks holds, arrays of one element a block.

    Attributes
    ----------
    ends, sums
        Smallest and largest finite value, ±inf where there is none; sum and sum of squares of the finite values,
        float32 where that holds them all to its rounding.
    odd
        How many are NaN, +inf and -inf, int64; None where none is.
    """

    ends: tuple[Array, Array]
    sums: tuple[Array, Array]
    odd: tuple[Array, Array, Array] | None

    @classmethod
    def of(cls, pixels: Pixels) -> Blocks:
        """Take what was added to pixels, of which each is a block."""
        odd = (pixels.nan, pixels.posinf, pixels.neginf)
        return cls((pixels.low, pixels.high), (_narrowed(pixels.total), _narrowed(pixels.square)),
                   odd if any(counts.any() for counts in odd) else None)  # fmt: skip

    @property
    def shape(self) -> tuple[int, int]:
        """Blocks down and across."""
        down, across = self.ends[0].shape
        return int(down), int(across)

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return sum(array.nbytes for array in (*self.ends, *self.sums, *(self.odd or ())))

    def cut(self, cut: Cut) -> Blocks:
        """Return a copy of some of the blocks."""
        odd = None
        if self.odd is not None and any(counts[cut].any() for counts in self.odd):
            odd = self.odd[0][cut].copy(), self.odd[1][cut].copy(), self.odd[2][cut].copy()
        return Blocks((self.ends[0][cut].copy(), self.ends[1][cut].copy()),
                      (_narrowed(self.sums[0][cut].copy()), _narrowed(self.sums[1][cut].copy())), odd)  # fmt: skip

    def with_blocks(self, cut: Cut, others: Blocks) -> Blocks:
        """Return these with others in the place of some."""

        def put(whole: Array, part: Array) -> Array:
            found = whole.astype(np.result_type(whole, part))
            found[cut] = part
            return found

        odd: tuple[Array, Array, Array] | None = None
        if self.odd is not None or others.odd is not None:
            none, some = np.zeros(self.shape, np.int64), np.zeros(others.shape, np.int64)
            mine, theirs = self.odd or (none, none, none), others.odd or (some, some, some)
            odd = put(mine[0], theirs[0]), put(mine[1], theirs[1]), put(mine[2], theirs[2])
        return Blocks((put(self.ends[0], others.ends[0]), put(self.ends[1], others.ends[1])),
                      (put(self.sums[0], others.sums[0]), put(self.sums[1], others.sums[1])), odd)  # fmt: skip


def _narrowed(sums: Array) -> Array:
    """Return sums as float32 where that holds them to its rounding, else as they are."""
    if sums.dtype == np.float32:
        return sums
    with np.errstate(over="ignore", under="ignore"):
        narrow = sums.astype(np.float32)
    is_small = (np.abs(sums) < SMALLEST) & (sums != 0)
    return narrow if np.isfinite(narrow).all() and not is_small.any() else sums


def joined(tiles: list[list[Blocks]], cut: Cut, edges: tuple[Array, Array]) -> Blocks:
    """Join blocks to larger ones, or to pixels.

    Parameters
    ----------
    tiles
        Neighbours, row by row; those of one row are equally high, those of one column equally wide.
    cut
        Which of their blocks are taken, counted from the first.
    edges
        Where the joined ones begin and end among those taken, int64, down and across.
    """
    height, width = len(edges[0]) - 1, len(edges[1]) - 1
    across = edges[1] + cut[1].start

    def over(take: Callable[[Blocks], tuple[Array, Array]], join: Join, into: tuple[Array, Array]) -> None:
        top = -cut[0].start
        for row in tiles:  # each stays in a core's cache
            start, stop = max(top, 0), min(top + row[0].shape[0], cut[0].stop - cut[0].start)
            if start < stop:
                lines, down = within(edges[0], start, stop - start)
                one, other = (np.concatenate([take(tile)[number][start - top : stop - top] for tile in row], axis=1)
                              for number in (0, 1))  # fmt: skip
                join((one, other), down, across, (into[0][lines], into[1][lines]))
            top += row[0].shape[0]

    kind = np.result_type(*{tile.ends[0].dtype for row in tiles for tile in row})
    ends = np.full((height, width), np.inf, kind), np.full((height, width), -np.inf, kind)
    sums = np.zeros((height, width)), np.zeros((height, width))
    best = kernels.best()
    works = [lambda: over(lambda tile: tile.ends, best.join_ends, ends),
             lambda: over(lambda tile: tile.sums, best.join_sums, sums)]  # fmt: skip
    passes.each_part(works, lambda work, _: work(), None, THREADS)
    if all(tile.odd is None for row in tiles for tile in row):
        return Blocks(ends, sums, None)
    nan, posinf, neginf, unused = (np.zeros((height, width), np.int64) for _ in range(4))
    over(lambda tile: _counts(tile)[:2], plain.join_sums, (nan, posinf))
    over(lambda tile: (_counts(tile)[2],) * 2, plain.join_sums, (neginf, unused))
    return Blocks(ends, sums, (nan, posinf, neginf))


def _counts(tile: Blocks) -> tuple[Array, Array, Array]:
    none = np.zeros(tile.shape, np.int64)
    return tile.odd or (none, none, none)
