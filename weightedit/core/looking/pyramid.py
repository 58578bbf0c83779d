"""Slices of tensors reduced to blocks of many sizes, kept while they are looked at: what was read once is not again.

A level has blocks of one size, powers of two in rows and columns counted from the first ones of the slice, in tiles of
64 × 64. A picture is made of the level whose blocks are just smaller than its pixels. Tiles that are missing are put
together of smaller blocks that are kept, or read; an edit leaves those it does not touch.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field

import numpy as np

from weightedit.core import kernels
from weightedit.core.looking.changed_blocks import changed_rectangles
from weightedit.core.looking.elsewhere import is_live
from weightedit.core.looking.pixels import Pixels, Reduced
from weightedit.core.looking.pyramid_window import TILE, Place, Window, both, meet, reduced, runs, spanned
from weightedit.core.looking.reduced_blocks import Blocks, joined
from weightedit.core.looking.results import Identity, identity
from weightedit.core.progress import Progress
from weightedit.core.reduction import SliceView, cells, lies_across, reduce
from weightedit.core.values import passes
from weightedit.core.values.pinned import PinnedTensor

BUDGET = 64 << 20
"""Bytes of all that is kept."""
WORTH_KEEPING = 4 << 20
"""Bytes that are read at once as quickly as they are put together."""
LONG_RUN = 64 << 10
"""Bytes of neighbours below which a pass is not cut across them."""
MOST_RECTANGLES = 64
"""Parts that an edit touched and that are reduced anew one by one; of more, their tiles are let go."""


@dataclass(eq=False)
class _Level:
    """Blocks of one size of one slice of one state of a tensor."""

    pinned_as: tuple[Identity, Hashable]
    block: tuple[int, int]
    tiles: dict[Place, Blocks] = field(default_factory=dict)

    @property
    def nbytes(self) -> int:
        return sum(tile.nbytes for tile in self.tiles.values())


class Pyramid:
    """Levels of slices, those least lately looked at let go first; any thread may ask.

    Parameters
    ----------
    budget
        Bytes of all that is kept. A picture that would need more is made as without.
    """

    def __init__(self, budget: int = BUDGET) -> None:
        self._budget = budget
        self._levels: OrderedDict[Hashable, _Level] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def nbytes(self) -> int:
        """Bytes of all that is kept."""
        with self._lock:
            return sum(level.nbytes for level in self._levels.values())

    def forget(self) -> None:
        """Keep nothing."""
        with self._lock:
            self._levels.clear()

    def has(self, pinned: PinnedTensor, view: SliceView, rows: range, columns: range, height: int, width: int) -> bool:
        """Whether a picture can be made at once: no tile of it is missing."""
        if lies_across(pinned.spec, view):
            return self.has(pinned, view.turned, columns, rows, width, height)
        window = Window.of(pinned, view, (rows, columns), (height, width))
        if not self._serves(window, rows, columns):
            return False
        with self._lock:
            level = self._levels.get(_key(window))
            return level is not None and all(place in level.tiles for line in window.places for place in line)

    def reduce(self, pinned: PinnedTensor, view: SliceView, rows: range, columns: range, height: int, width: int,
               progress: Progress | None = None, nbytes: int = passes.CHUNK) -> Reduced:  # fmt: skip
        """Reduce rows and columns as `reduction.reduce` does, of what is kept as far as it goes.

        Where pixels are larger than two values, and many are seen, they begin and end on a grid: a picture may reach
        past what was asked by part of a pixel on each side, and has `edges`.
        """
        if lies_across(pinned.spec, view):
            return self.reduce(pinned, view.turned, columns, rows, width, height, progress, nbytes).turned
        window = Window.of(pinned, view, (rows, columns), (height, width))
        if not self._serves(window, rows, columns):
            return reduce(pinned, view, rows, columns, height, width, progress, nbytes)
        level = self._level(window, progress or Progress())
        missing = [place for line in window.places for place in line if place not in level.tiles]
        for place in [place for place in missing if self._put_together(level, window, place)]:
            missing.remove(place)
        self._let_go(level, window, room=len(missing) * window.tile_nbytes)
        if missing:
            self._read(level, window, missing, progress, nbytes)
        else:
            cells(pinned, view, rows[:1], columns[:1])  # which raises if the file is another one now
        found = self._picture(level, window)
        self._let_go(level, window)
        if found is None:  # another thread, which looks elsewhere, had no room for it
            return reduce(pinned, view, rows, columns, height, width, progress, nbytes)
        return found

    def _serves(self, window: Window, rows: range, columns: range) -> bool:
        nbytes = len(rows) * len(columns) * window.pinned.spec.type.itemsize
        return window.block != (1, 1) and nbytes > WORTH_KEEPING and window.nbytes <= self._budget \
            and not is_live(window.pinned) and identity(window.pinned) is not None  # fmt: skip

    def _level(self, window: Window, progress: Progress) -> _Level:
        """Return the level of a window, the latest looked at now; of what an edit left, where there was none."""
        key = _key(window)
        with self._lock:
            found = self._levels.get(key)
            others = [] if found is not None else [
                level for level in reversed(self._levels.values())
                if level.block == window.block and level.pinned_as[1] == key[0][1]]  # fmt: skip
        if found is None:
            found = _Level(key[0], window.block)
            for other in others:
                before = other.pinned_as[0].content
                if before is not None and _take_over(found, window, other, before, progress):
                    break
        with self._lock:
            found = self._levels.setdefault(key, found)
            self._levels.move_to_end(key)
        return found

    def _put_together(self, level: _Level, window: Window, place: Place) -> bool:
        """Make a tile of smaller blocks that are kept; whether they are."""
        with self._lock:
            finer = [other for other in self._levels.values()
                     if other is not level and other.pinned_as == level.pinned_as
                     and all(mine % its == 0 for mine, its in zip(level.block, other.block, strict=True))]  # fmt: skip
        rows, columns = window.blocks(place)
        cover = window.cells(rows, columns)
        for other in finer:
            small = [range(axis.start // step, -(-axis.stop // step))
                     for axis, step in zip(cover, other.block, strict=True)]  # fmt: skip
            down, across = (range(axis.start // TILE, -(-axis.stop // TILE)) for axis in small)
            tiles = [[other.tiles.get((i, j)) for j in across] for i in down]
            there = [[tile for tile in line if tile is not None] for line in tiles]
            if sum(map(len, there)) < len(down) * len(across):
                continue
            edges = [np.minimum(np.arange(len(axis) + 1, dtype=np.int64) * (mine // its), len(axis_of))
                     for axis, mine, its, axis_of in zip((rows, columns), level.block, other.block, small,
                                                         strict=True)]  # fmt: skip
            cut = tuple(slice(axis.start - first.start * TILE, axis.stop - first.start * TILE)
                        for axis, first in zip(small, (down, across), strict=True))  # fmt: skip
            whole = joined(there, (cut[0], cut[1]), (edges[0], edges[1]))
            self._keep(level, {place: whole.cut((slice(None), slice(None)))})
            return True
        return False

    def _read(self, level: _Level, window: Window, missing: list[Place], progress: Progress | None,
              nbytes: int) -> None:  # fmt: skip
        """Reduce the blocks of tiles, runs of neighbours at once, in a few threads."""
        itemsize = window.pinned.spec.type.itemsize
        width = TILE * window.block[1] * itemsize
        most = max(1, passes.PART // (width * TILE * window.block[0]), LONG_RUN // width)
        parts = list(runs(missing, most))
        total = 0
        for run in parts:
            cut = window.cells(*spanned(window, run))
            total += len(cut[0]) * len(cut[1]) * itemsize
        kernels.prepare(total)
        if progress is not None:
            progress.begin("Heatmap", total)

        def work(run: list[Place], progress: Progress) -> None:
            rows, columns = spanned(window, run)
            found = reduced(window, rows, columns, progress, nbytes)
            tiles = {}
            for place in run:
                across = window.blocks(place)[1]
                cut = slice(across.start - columns.start, across.stop - columns.start)
                tiles[place] = found.cut((slice(None), cut))
            self._keep(level, tiles)

        passes.each_part(parts, work, progress, passes.readers_of(window.pinned))

    def _keep(self, level: _Level, tiles: dict[Place, Blocks]) -> None:
        with self._lock:
            level.tiles.update(tiles)

    def _picture(self, level: _Level, window: Window) -> Reduced | None:
        """Make the picture; None where a tile is not there."""
        places = window.places
        with self._lock:
            if any(place not in level.tiles for line in places for place in line):
                return None
            tiles = [[level.tiles[place] for place in line] for line in places]
        first = places[0][0]
        cut = (slice(window.rows.start - first[0] * TILE, window.rows.stop - first[0] * TILE),
               slice(window.columns.start - first[1] * TILE, window.columns.stop - first[1] * TILE))  # fmt: skip
        in_blocks, in_cells = window.edges()
        found = joined(tiles, cut, in_blocks)
        rows, columns = window.cells(window.rows, window.columns)
        pixels = Pixels(rows, columns, 0, 0, window.pinned.spec.dtype, edges=in_cells)
        (pixels.low, pixels.high), (pixels.total, pixels.square) = found.ends, found.sums
        none = np.zeros(found.shape, np.int64)
        pixels.nan, pixels.posinf, pixels.neginf = found.odd or (none, none, none)
        pixels.has_odd = found.odd is not None
        return pixels.result(rows, columns, True)

    def _let_go(self, shown: _Level, window: Window, room: int = 0) -> None:
        """Make room: first of what was least lately looked at, then of what is not seen of the level that is."""
        with self._lock:
            for key in [key for key, level in self._levels.items() if level.pinned_as[0].content is None]:
                del self._levels[key]
            much = sum(level.nbytes for level in self._levels.values()) + room - self._budget
            for key, level in list(self._levels.items()):
                if much <= 0:
                    return
                if level is not shown:
                    much -= level.nbytes
                    del self._levels[key]
            seen = {place for line in window.places for place in line}
            for place in [place for place in shown.tiles if place not in seen]:
                if much <= 0:
                    return
                much -= shown.tiles.pop(place).nbytes


def _take_over(level: _Level, window: Window, other: _Level, before: object, progress: Progress) -> bool:
    """Take the tiles of another state whose blocks are the same; those that differ are reduced anew."""
    found = changed_rectangles(before, window.pinned.content, window.pinned.spec, window.view, window.block)
    if found is None:
        return False
    tiles = dict(other.tiles)
    for rows, columns in found:
        touched = [place for place in tiles if meet(window.blocks(place), (rows, columns))]
        for place in list(touched):
            if len(found) > MOST_RECTANGLES or both(window.blocks(place), (rows, columns)) == window.blocks(place):
                del tiles[place]
                touched.remove(place)
        for run in runs(touched, len(touched)):
            down, across = both(spanned(window, run), (rows, columns))
            fresh = reduced(window, down, across, progress, passes.CHUNK)
            for place in run:
                mine = window.blocks(place)
                part = both(mine, (down, across))
                cut = fresh.cut(_slices(part, (down, across)))
                tiles[place] = tiles[place].with_blocks(_slices(part, mine), cut)
    level.tiles = tiles
    return True


def _slices(part: tuple[range, range], of: tuple[range, range]) -> tuple[slice, slice]:
    """Return where a part of blocks lies among some."""
    (rows, columns), (top, left) = part, (of[0].start, of[1].start)
    return slice(rows.start - top, rows.stop - top), slice(columns.start - left, columns.stop - left)


def _key(window: Window) -> tuple[tuple[Identity, Hashable], tuple[int, int]]:
    spec, view = window.pinned.spec, window.view
    content = identity(window.pinned)
    assert content is not None
    return (content, (spec.dtype, spec.shape, spec.stride, spec.offset, view.rows_dim, view.columns_dim,
                      tuple(sorted(view.fixed.items())))), window.block  # fmt: skip
