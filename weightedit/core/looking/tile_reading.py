"""Reading what lies in tiles: chunks of a tensor as rectangles of the table, and the pixels made of them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from weightedit.core import kernels
from weightedit.core.looking.pixels import Pixels, Reduced
from weightedit.core.looking.tiling import Tiling, split
from weightedit.core.progress import Progress
from weightedit.core.reduction import Scale
from weightedit.core.region import Box
from weightedit.core.statistics import Pinned
from weightedit.core.values import passes
from weightedit.core.values.codes import Array

DEAD = 1e-3
"""A tile is dead if its largest magnitude is less than this part of the median tile's."""


def blocks(pinned: Pinned, tiling: Tiling, rows: range, columns: range,
           nbytes: int = passes.CHUNK) -> Iterator[tuple[int, int, Array, int]]:  # fmt: skip
    """Yield (row, column, stored values, bytes read): a rectangle of the table, in smaller ones.

    The values are 2-D, of about `nbytes`, in a buffer that the next step uses again.
    """
    for box, groups in _parts(tiling, rows, columns):
        for part, array in pinned.chunks(box, nbytes):
            yield from _laid_out(tiling, part, array, groups)


def _parts(tiling: Tiling, rows: range, columns: range) -> Iterator[tuple[Box, range]]:
    """Yield boxes that cover a rectangle of the table, each with its groups."""
    height, width = tiling.tile
    joins = not tiling.heads or (tiling.per_line == 1 and tiling.down == tiling.rows_dim)
    for lines, inner_rows in split(rows, height):
        for units, inner_columns in split(columns, width):
            for groups, tiles in tiling.runs(lines, units):
                for some in (groups,) if joins else (range(group, group + 1) for group in groups):
                    yield tiling.box(some, tiles, inner_rows, inner_columns), some


def _laid_out(tiling: Tiling, part: Box, array: Array, groups: range) -> Iterator[tuple[int, int, Array, int]]:
    """Yield a chunk as rectangles of the table."""
    height, width = tiling.tile
    order = [None if tiling.heads else tiling.down, tiling.across, tiling.rows_dim, tiling.columns_dim]
    values = _table(array, order)
    row = 0 if tiling.rows_dim is None else part.axes[tiling.rows_dim][0]
    column = 0 if tiling.columns_dim is None else part.axes[tiling.columns_dim][0]
    if len(groups) > 1 and tiling.heads:  # heads on lines of their own are the rows of the dimension itself
        yield row, column, values[0, 0], array.nbytes
        return
    group = groups.start if tiling.heads else part.axes[tiling.down][0]
    tile = 0 if tiling.across is None else part.axes[tiling.across][0]
    inner = row % height, column % width
    many_groups, many_tiles = values.shape[0] > 1, values.shape[1] > 1
    fills_rows, fills_columns = values.shape[2] == height, values.shape[3] == width
    if tiling.per_line == 1:
        joins = (fills_rows or not many_groups) and (fills_columns or not many_tiles)
    else:
        fills_group = fills_columns and values.shape[1] == tiling.in_group
        joins = (fills_columns or not many_tiles) and (fills_group or not many_groups)
    if joins:
        yield *_placed(tiling, values, (group, tile), inner), array.nbytes
        return
    for first in range(values.shape[0]):
        for second in range(values.shape[1]):
            one = values[first : first + 1, second : second + 1]
            nbytes = array.nbytes if first == second == 0 else 0
            yield *_placed(tiling, one, (group + first, tile + second), inner), nbytes


def _placed(tiling: Tiling, values: Array, at: tuple[int, int], inner: tuple[int, int]) -> tuple[int, int, Array]:
    """Return where (groups, tiles, rows, columns) lie in the table, and the values as a table."""
    groups, tiles, height, width = values.shape
    rows, columns = tiling.place(*at)
    if tiling.per_line == 1:
        table = values.transpose(0, 2, 1, 3).reshape(groups * height, tiles * width)
    else:
        table = values.transpose(2, 0, 1, 3).reshape(height, groups * tiles * width)
    return rows.start + inner[0], columns.start + inner[1], table


def _table(array: Array, order: list[int | None]) -> Array:
    """Return a chunk as (groups, tiles, rows, columns), a dimension of one where there is none."""
    named = [dim for dim in order if dim is not None]
    rest = [dim for dim in range(array.ndim) if dim not in named]  # of size one each
    moved = array.transpose(*rest, *named)
    sizes = iter(array.shape[dim] for dim in named)
    return moved.reshape(tuple(1 if dim is None else next(sizes) for dim in order))


def reduce_tiles(pinned: Pinned, tiling: Tiling, rows: range, columns: range, height: int, width: int,
                 progress: Progress | None = None, *, scale: Scale | None = None,
                 nbytes: int = passes.CHUNK) -> Reduced:  # fmt: skip
    """Reduce a rectangle of the table of tiles to at most `height` × `width` pixels, reading only what lies in it.

    Parameters are those of `reduction.reduce`. Pixels past the last tile hold no value and count none.
    """
    height, width = min(height, len(rows)), min(width, len(columns))
    pixels = Pixels(rows, columns, height, width, pinned.spec.dtype, scale is not None)
    size = len(rows) * len(columns) * pinned.spec.type.itemsize
    kernels.prepare(size)
    if progress is not None:
        progress.begin("Heatmap", size)

    def take_in(part: tuple[range, range], progress: Progress) -> None:
        for row, column, values, read in blocks(pinned, tiling, *part, nbytes):
            by = None if scale is None else scale(range(row, row + values.shape[0]),
                                                  range(column, column + values.shape[1]))  # fmt: skip
            pixels.add(values, row - rows.start, column - columns.start, by)
            progress.advance(read)

    if pinned.spec.numel and height and width:
        parts = pixels.parts(size // passes.PART)
        passes.each_part(parts, take_in, progress, passes.readers_of(pinned))
        pixels.leave_out(*tiling.missing)
    return pixels.result(rows, columns, True)


def tile_peaks(pinned: Pinned, tiling: Tiling, progress: Progress | None = None, nbytes: int = passes.CHUNK) -> Array:
    """Return the largest finite magnitude of each tile, float64 `tiling.grid`; NaN where a tile has none."""
    (rows, columns), (down, across) = tiling.size, tiling.grid
    found = reduce_tiles(pinned, tiling, range(rows), range(columns), down, across, progress, nbytes=nbytes)
    return np.abs(found.extreme)


def dead_tiles(tiling: Tiling, peaks: Array) -> list[tuple[int, int]]:
    """Return (group, tile) of every tile whose largest magnitude is 0 or next to nothing beside the median tile's."""
    known = peaks[np.isfinite(peaks)]
    if not known.size:
        return []
    limit = DEAD * float(np.median(known))
    with np.errstate(invalid="ignore"):
        places = np.argwhere((peaks == 0) | (peaks < limit))
    found = [(int(line) * tiling.per_line + int(unit) // tiling.in_group, int(unit) % tiling.in_group)
             for line, unit in places]  # fmt: skip
    return sorted(tile for tile in found if tile[0] < tiling.groups)


def dead_groups(tiling: Tiling, dead: list[tuple[int, int]]) -> list[int]:
    """Return the groups all of whose tiles are dead."""
    counts: dict[int, int] = {}
    for group, _ in dead:
        counts[group] = counts.get(group, 0) + 1
    return [group for group, count in counts.items() if count == tiling.in_group]
