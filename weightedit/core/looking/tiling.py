"""Tiles: kernels, heads or experts of a tensor side by side, as one large table of cells.

A *group* is one index of the tiled dimension (an output channel, an expert) or one head of a split dimension. A group
is one tile, or one tile for each index of a second dimension, side by side. Groups are laid out line by line,
`per_line` of them on each. A *cell* is a row and a column of the whole table, which mostly is a value of the tensor;
where the last line is not full its cells are no values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from weightedit.core.region import Axis, Box


@dataclass(frozen=True)
class Tiling:
    """Where each value of a tensor lies in its tiles.

    Attributes
    ----------
    shape
        Of the tensor.
    rows_dim, columns_dim
        Dimensions that run down and across inside a tile; None where a tile has one row or one column.
    down
        Dimension whose indices are groups; with `heads` it is `rows_dim` or `columns_dim`, split.
    across
        Dimension whose indices are the tiles of a group; None where a group is one tile.
    heads
        How many equal parts `down` is split into; 0 where it is not.
    per_line
        How many groups stand side by side.
    fixed
        Index in every other dimension.
    words
        What an index of `down` and of `across` is called: `out`, `in`, `head`.
    """

    shape: tuple[int, ...]
    rows_dim: int | None
    columns_dim: int | None
    down: int
    across: int | None = None
    heads: int = 0
    per_line: int = 1
    fixed: Mapping[int, int] = field(default_factory=dict)
    words: tuple[str, str] = ("", "")

    @property
    def tile(self) -> tuple[int, int]:
        """Rows and columns of one tile."""
        rows = 1 if self.rows_dim is None else self.shape[self.rows_dim]
        columns = 1 if self.columns_dim is None else self.shape[self.columns_dim]
        if self.heads and self.down == self.rows_dim:
            rows //= self.heads
        elif self.heads:
            columns //= self.heads
        return rows, columns

    @property
    def groups(self) -> int:
        """How many groups there are."""
        return self.heads or self.shape[self.down]

    @property
    def in_group(self) -> int:
        """How many tiles a group has."""
        return 1 if self.across is None else self.shape[self.across]

    @property
    def lines(self) -> int:
        """How many lines of groups there are."""
        return -(-self.groups // self.per_line)

    @property
    def grid(self) -> tuple[int, int]:
        """How many tiles stand below and beside one another."""
        return self.lines, self.per_line * self.in_group

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of the whole table."""
        (rows, columns), (down, across) = self.tile, self.grid
        return down * rows, across * columns

    @property
    def shown(self) -> Box:
        """What of the tensor the tiles show: all but other indices of the fixed dimensions."""
        return Box(tuple(range(self.fixed.get(dim, 0), self.fixed[dim] + 1 if dim in self.fixed else size)
                         for dim, size in enumerate(self.shape)))  # fmt: skip

    @property
    def missing(self) -> tuple[range, range]:
        """Rows and columns at the end of the last line that are no values."""
        rows, columns = self.size
        height, width = self.tile
        lacking = self.lines * self.per_line - self.groups
        return range(rows - height, rows), range(columns - lacking * self.in_group * width, columns)

    # ---- a place in the table

    def tile_at(self, row: int, column: int) -> tuple[int, int] | None:
        """Return (group, tile in the group) of a cell; None where there is none."""
        height, width = self.tile
        unit = column // width
        group = row // height * self.per_line + unit // self.in_group
        return (group, unit % self.in_group) if group < self.groups else None

    def place(self, group: int, tile: int = 0) -> tuple[range, range]:
        """Return the rows and columns of a tile."""
        height, width = self.tile
        line, unit = group // self.per_line, group % self.per_line * self.in_group + tile
        return range(line * height, (line + 1) * height), range(unit * width, (unit + 1) * width)

    def index(self, row: int, column: int) -> tuple[int, ...] | None:
        """Return the index in the tensor of a cell; None where there is no value."""
        found = self.tile_at(row, column)
        if found is None:
            return None
        height, width = self.tile
        box = self.box(range(found[0], found[0] + 1), range(found[1], found[1] + 1),
                        range(row % height, row % height + 1), range(column % width, column % width + 1))  # fmt: skip
        return tuple(axis[0] for axis in box.axes)

    def cell(self, index: tuple[int, ...]) -> tuple[int, int] | None:
        """Return the row and column of an index of the tensor; None where another slice holds it."""
        if any(index[dim] != at for dim, at in self.fixed.items()):
            return None
        height, width = self.tile
        row = 0 if self.rows_dim is None else index[self.rows_dim]
        column = 0 if self.columns_dim is None else index[self.columns_dim]
        group = index[self.down]
        if self.heads:
            group //= height if self.down == self.rows_dim else width
        rows, columns = self.place(group, 0 if self.across is None else index[self.across])
        return rows.start + row % height, columns.start + column % width

    def name(self, group: int, tile: int) -> str:
        """Return what a tile is called: `out 12 · in 0`."""
        first = f"{self.words[0]} {group}"
        return first if self.across is None else f"{first} · {self.words[1]} {tile}"

    def names(self, row: int, column: int) -> tuple[str, str]:
        """Return what the row and the column of a cell are called: `out 12` and `in 0`, or an index inside the tile."""
        found, inner = self.tile_at(row, column), column % self.tile[1]
        if found is None:
            return "", ""
        first = f"{self.words[0]} {found[0]}"
        return first, str(inner) if self.across is None else f"{self.words[1]} {found[1]}"

    # ---- regions

    def box(self, groups: range, tiles: range, rows: range, columns: range) -> Box:
        """Return the box of the tensor of some rows and columns of some tiles; of one head at a time where split."""
        axes: list[Axis] = [range(self.fixed.get(dim, 0), self.fixed.get(dim, 0) + 1) for dim in range(len(self.shape))]
        height, width = self.tile
        if self.down == self.rows_dim:
            rows = range(groups.start * height + rows.start, (groups.stop - 1) * height + rows.stop)
        elif self.down == self.columns_dim:
            columns = range(groups.start * width + columns.start, (groups.stop - 1) * width + columns.stop)
        else:
            axes[self.down] = groups
        for dim, axis in ((self.across, tiles), (self.rows_dim, rows), (self.columns_dim, columns)):
            if dim is not None:
                axes[dim] = axis
        return Box(tuple(axes), tuple(self.fixed))

    def region(self, groups: range, tiles: range) -> Box:
        """Return the box of whole tiles; what is one index is dropped, as in `[12, 0, :, :]`."""
        height, width = self.tile
        box = self.box(groups, tiles, range(height), range(width))
        one = {dim for dim in (self.down, self.across) if dim is not None and len(box.axes[dim]) == 1 and not
               (self.heads and dim == self.down)}  # fmt: skip
        return Box(box.axes, tuple(sorted({*box.dropped, *one})))

    def regions(self, rows: range, columns: range) -> list[Box]:
        """Return disjoint boxes of the tiles that a rectangle of the table touches."""
        height, width = self.tile
        lines = range(rows.start // height, -(-rows.stop // height))
        units = range(columns.start // width, -(-columns.stop // width))
        return [self.region(groups, tiles) for groups, tiles in self.runs(lines, units)]

    def runs(self, lines: range, units: range) -> Iterator[tuple[range, range]]:
        """Yield (groups, tiles of each) that together are these lines and columns of tiles, a box each."""
        if self.per_line == 1:
            groups = range(lines.start, min(lines.stop, self.groups))
            yield from ((groups, units),) if groups else ()
            return
        for line in lines:
            for first, tiles in split(units, self.in_group):
                start = line * self.per_line
                groups = range(start + first.start, min(start + first.stop, self.groups))
                yield from ((groups, tiles),) if groups else ()

    def rectangles(self, box: Box, most: int = 2000) -> list[tuple[range, range]]:
        """Return where a box lies in the table, as rectangles; none if there are more than `most` or another slice."""
        if any(at not in box.axes[dim] for dim, at in self.fixed.items()):
            return []
        height, width = self.tile
        rows, columns = _cuts(box, self.rows_dim, height), _cuts(box, self.columns_dim, width)
        tiles: Axis = range(1) if self.across is None else box.axes[self.across]
        sides = _neighbours(tiles) if columns == {0: [range(width)]} else [range(tile, tile + 1) for tile in tiles]
        found: dict[range, list[range]] = {}
        count = 0
        for group in range(self.groups) if self.heads else box.axes[self.down]:
            top = group // self.per_line * height
            parts = rows.get(group if self.down == self.rows_dim else 0, [])
            for side in sides if parts else ():
                unit = group % self.per_line * self.in_group + side.start
                for piece in columns.get(group if self.down == self.columns_dim else 0, []):
                    left = unit * width + piece.start
                    across = range(left, left + len(piece) + (len(side) - 1) * width)
                    for part in parts:
                        count += _stack(found.setdefault(across, []), range(top + part.start, top + part.stop))
                        if count > most:
                            return []
        return [(part, across) for across, parts in found.items() for part in parts]


def split(span: range, size: int) -> Iterator[tuple[range, range]]:
    """Yield (units, inner part) that make up a span: a unit cut at its start, whole ones, a unit cut at its end."""
    at = span.start
    while at < span.stop:
        unit, inner = divmod(at, size)
        if inner == 0 and span.stop - at >= size:
            stop = span.stop // size
            yield range(unit, stop), range(size)
            at = stop * size
        else:
            end = min(size, inner + span.stop - at)
            yield range(unit, unit + 1), range(inner, end)
            at += end - inner


def _neighbours(axis: Axis) -> list[range]:
    """Return an axis as ranges of neighbours."""
    if isinstance(axis, range) and axis.step == 1:
        return [axis] if axis else []
    return [range(at, at + 1) for at in axis]


def _cuts(box: Box, dim: int | None, size: int) -> dict[int, list[range]]:
    """Return what a box selects inside tiles of `size`, by the head it lies in; 0 where the dimension is not split."""
    if dim is None:
        return {0: [range(1)]}
    found: dict[int, list[range]] = {}
    for run in _neighbours(box.axes[dim]):
        for units, inner in split(run, size):
            for unit in units:
                found.setdefault(unit, []).append(inner)
    return found


def _stack(above: list[range], rows: range) -> int:
    """Add rows below others of the same columns, joined where they touch; returns how many more parts there are."""
    if above and above[-1].stop == rows.start:
        above[-1] = range(above[-1].start, rows.stop)
        return 0
    above.append(rows)
    return 1
