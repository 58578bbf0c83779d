"""Which blocks of a slice a picture is made of, in tiles, and how they are read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from weightedit.core.looking.pixels import Pixels
from weightedit.core.looking.reduced_blocks import Blocks
from weightedit.core.progress import Progress
from weightedit.core.reduction import SliceView, take_in
from weightedit.core.values.codes import Array
from weightedit.core.values.pinned import PinnedTensor

TILE = 64
"""Blocks down and across a tile."""
Place: TypeAlias = tuple[int, int]
"""Which tile of a level, down and across."""


@dataclass(frozen=True)
class Window:
    """The tiles of a level that a picture needs, and the pixels over their blocks.

    Attributes
    ----------
    pinned, view, size
        The tensor, the slice, and how many rows and columns that has.
    block
        Rows and columns under a block.
    rows, columns
        The blocks that are shown.
    pixels
        Down and across.
    """

    pinned: PinnedTensor
    view: SliceView
    size: tuple[int, int]
    block: tuple[int, int]
    rows: range
    columns: range
    pixels: tuple[int, int]

    @classmethod
    def of(cls, pinned: PinnedTensor, view: SliceView, shown: tuple[range, range], pixels: tuple[int, int]) -> Window:
        """Return what is needed to show rows and columns in at most so many pixels."""
        size = view.size(pinned.spec.shape)
        block = (_power(len(shown[0]), pixels[0]), _power(len(shown[1]), pixels[1]))
        rows, columns = (range(axis.start // step, -(-axis.stop // step))
                         for axis, step in zip(shown, block, strict=True))  # fmt: skip
        return cls(pinned, view, size, block, rows, columns, (min(pixels[0], len(rows)), min(pixels[1], len(columns))))

    @property
    def places(self) -> list[list[Place]]:
        """The tiles, row by row."""
        down, across = (range(axis.start // TILE, -(-axis.stop // TILE)) for axis in (self.rows, self.columns))
        return [[(i, j) for j in across] for i in down]

    @property
    def nbytes(self) -> int:
        """About how many bytes its tiles take."""
        return sum(map(len, self.places)) * self.tile_nbytes

    @property
    def tile_nbytes(self) -> int:
        """About how many bytes a tile takes."""
        return TILE * TILE * (16 if self.pinned.spec.type.itemsize < 8 else 32)

    def cells(self, rows: range, columns: range, block: tuple[int, int] | None = None) -> tuple[range, range]:
        """Return rows and columns of the slice under blocks."""
        down, across = block or self.block
        return (range(rows.start * down, min(rows.stop * down, self.size[0])),
                range(columns.start * across, min(columns.stop * across, self.size[1])))  # fmt: skip

    def blocks(self, place: Place) -> tuple[range, range]:
        """Return which blocks a tile has."""
        down, across = (-(-size // step) for size, step in zip(self.size, self.block, strict=True))
        return (range(place[0] * TILE, min((place[0] + 1) * TILE, down)),
                range(place[1] * TILE, min((place[1] + 1) * TILE, across)))  # fmt: skip

    def edges(self) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
        """Return where pixels begin and end, in blocks and in cells, counted from the first shown."""
        found = []
        for axis, cut, step, many in zip((self.rows, self.columns), self.cells(self.rows, self.columns), self.block,
                                         self.pixels, strict=True):  # fmt: skip
            places = (np.arange(many + 1, dtype=np.int64) * len(axis) + many // 2) // many
            found.append((places, np.minimum(places * step, len(cut))))
        return (found[0][0], found[1][0]), (found[0][1], found[1][1])


def _power(cells: int, pixels: int) -> int:
    """Return the largest power of two that is no more than the cells under a pixel, and 1 at least."""
    return 1 << max(0, (cells // max(1, pixels)).bit_length() - 1)


def both(mine: tuple[range, range], other: tuple[range, range]) -> tuple[range, range]:
    """Return the rows and columns of two rectangles that meet."""
    rows, columns = (range(max(one.start, two.start), min(one.stop, two.stop))
                     for one, two in zip(mine, other, strict=True))  # fmt: skip
    return rows, columns


def meet(mine: tuple[range, range], other: tuple[range, range]) -> bool:
    """Whether two rectangles share anything."""
    return all(one.start < two.stop and two.start < one.stop for one, two in zip(mine, other, strict=True))


def runs(places: list[Place], most: int) -> Iterator[list[Place]]:
    """Yield tiles that are neighbours in one row, at most so many at once."""
    run: list[Place] = []
    for place in sorted(places):
        if run and (place != (run[-1][0], run[-1][1] + 1) or len(run) >= most):
            yield run
            run = []
        run.append(place)
    if run:
        yield run


def spanned(window: Window, run: list[Place]) -> tuple[range, range]:
    """Return the blocks of neighbours in one row."""
    rows, first = window.blocks(run[0])
    return rows, range(first.start, window.blocks(run[-1])[1].stop)


def reduced(window: Window, rows: range, columns: range, progress: Progress, nbytes: int) -> Blocks:
    """Read every value under blocks."""
    cut = window.cells(rows, columns)
    edges = [np.minimum(np.arange(len(axis) + 1, dtype=np.int64) * step, len(under))
             for axis, step, under in zip((rows, columns), window.block, cut, strict=True)]  # fmt: skip
    pixels = Pixels(*cut, len(rows), len(columns), window.pinned.spec.dtype, edges=(edges[0], edges[1]))
    take_in(window.pinned, window.view, pixels, cut, progress, nbytes)
    return Blocks.of(pixels)
