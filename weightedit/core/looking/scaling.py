"""Rows and tiles on one scale: what each is divided by, so that small ones show beside large ones."""

from __future__ import annotations

import numpy as np

from weightedit.core.looking.tile_reading import reduce_tiles
from weightedit.core.looking.tiling import Tiling
from weightedit.core.progress import Progress
from weightedit.core.reduction import Scale, SliceView, reduce
from weightedit.core.statistics import Pinned
from weightedit.core.values.codes import Array


def row_scale(pinned: Pinned, view: SliceView | Tiling, rows: range, progress: Progress | None = None) -> Scale:
    """Return what divides each of these rows of a slice or a table of tiles: its largest finite magnitude.

    Rows are read over all columns, whatever part is shown; a row without a finite value or of zeros is divided by 1.
    """
    if isinstance(view, Tiling):
        found = reduce_tiles(pinned, view, rows, range(view.size[1]), len(rows), 1, progress)
    else:
        found = reduce(pinned, view, rows, range(view.size(pinned.spec.shape)[1]), len(rows), 1, progress)
    peaks = _usable(found.extreme[:, 0])
    return lambda down, _: peaks[down.start - rows.start : down.stop - rows.start, None]


def tile_scale(pinned: Pinned, tiling: Tiling, rows: range, columns: range,
               progress: Progress | None = None) -> Scale:  # fmt: skip
    """Return what divides each tile that rows and columns touch: its largest finite magnitude."""
    height, width = tiling.tile
    lines = range(rows.start // height, -(-rows.stop // height))
    units = range(columns.start // width, -(-columns.stop // width))
    found = reduce_tiles(pinned, tiling, range(lines.start * height, lines.stop * height),
                         range(units.start * width, units.stop * width), len(lines), len(units), progress)  # fmt: skip
    peaks = _usable(found.extreme)

    def scale(down: range, across: range) -> Array:
        return peaks[np.ix_(np.arange(down.start, down.stop) // height - lines.start,
                            np.arange(across.start, across.stop) // width - units.start)]  # fmt: skip

    return scale


def _usable(peaks: Array) -> Array:
    sizes = np.abs(peaks)
    return np.where(sizes > 0, sizes, 1.0)
