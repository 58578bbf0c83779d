"""Picking whole tiles of a heatmap: by a click, a drag, the arrow keys, or all the dead ones."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from weightedit.core.looking.tiling import Tiling

if TYPE_CHECKING:
    from weightedit.ui.tensor_page.heatmap_pane import HeatmapPane
    from weightedit.ui.tensor_page.selection import How, Selection

Cells = tuple[range, range]
MOST_DRAWN = 600
"""Rectangles that are drawn as such."""


class TilePicking:
    """Turns rectangles of the heatmap into regions of tiles, and regions into rectangles.

    Attributes
    ----------
    at
        (line, column) of the tile the keyboard is at; None before the first.
    """

    def __init__(self, pane: HeatmapPane, selection: Selection) -> None:
        self._pane, self._selection = pane, selection
        self.at: tuple[int, int] | None = None
        self._anchor = (0, 0)

    def forget(self) -> None:
        """Begin with other tiles."""
        self.at = None

    def pick(self, rows: range, columns: range, how: How, continues: bool) -> None:
        """Pick the tiles that a rectangle touches."""
        tiling = self._pane.tiling
        if tiling is None:
            return
        height, width = tiling.tile
        first = rows.start // height, columns.start // width
        last = (rows.stop - 1) // height, (columns.stop - 1) // width
        if not continues:
            self._anchor = first
        # a drag grows from the tile it began at, towards the other corner
        self.at = last if first == self._anchor else first
        self._selection.pick_boxes(tiling.regions(rows, columns), how, continues=continues)

    def rectangles(self, tiling: Tiling) -> list[Cells] | None:
        """Return where what is picked lies among the tiles; None where only single cells can show it."""
        picks = self._selection.picks
        found = [tiling.rectangles(box, MOST_DRAWN) for box in picks.boxes]
        crowded = any(not cells and box.intersection(tiling.shown).numel
                      for box, cells in zip(picks.boxes, found, strict=True))  # fmt: skip
        if picks.condition or crowded:
            return None
        return [cells for some in found for cells in some]

    def move(self, down: int, right: int, extend: bool) -> Cells | None:
        """Go to the tile beside the one the keyboard is at; from the last one of a line to none beyond."""
        tiling = self._pane.tiling
        if tiling is None:
            return None
        lines, units = tiling.grid
        if self.at is None:
            self._anchor = at = (0, 0)
        else:
            at = min(max(self.at[0] + down, 0), lines - 1), min(max(self.at[1] + right, 0), units - 1)
            if tiling.tile_at(at[0] * tiling.tile[0], at[1] * tiling.tile[1]) is None:
                at = self.at  # past the last tile
            if not extend:
                self._anchor = at
        self.at = at
        self._show(tiling, extend)
        return self._cells(tiling, at, at)

    def _cells(self, tiling: Tiling, first: tuple[int, int], last: tuple[int, int]) -> Cells:
        height, width = tiling.tile
        (top, bottom), (left, right) = sorted((first[0], last[0])), sorted((first[1], last[1]))
        return range(top * height, (bottom + 1) * height), range(left * width, (right + 1) * width)

    def _show(self, tiling: Tiling, extend: bool) -> None:
        assert self.at is not None
        boxes = tiling.regions(*self._cells(tiling, self._anchor, self.at))
        self._selection.pick_boxes(boxes, "replace", continues=extend)

    def pick_tile(self, group: int, tile: int) -> None:
        """Pick one tile and scroll to it."""
        tiling = self._pane.tiling
        if tiling is None:
            return
        rows, columns = tiling.place(group, tile)
        height, width = tiling.tile
        self.at = self._anchor = rows.start // height, columns.start // width
        self._show(tiling, False)
        self._pane.heatmap.reveal(rows, columns)

    def next_dead(self, step: int) -> bool:
        """Go to the next (or last) dead tile; False where there is none."""
        tiling = self._pane.tiling
        after = None
        if tiling is not None and self.at is not None and not self._selection.is_empty:
            after = tiling.tile_at(self.at[0] * tiling.tile[0], self.at[1] * tiling.tile[1])
        found = self._pane.tiles.next_dead(step, after)
        if found is not None:
            self.pick_tile(*found)
        return found is not None

    def pick_dead(self) -> bool:
        """Pick every dead tile; False where there is none."""
        boxes = self._pane.tiles.dead_boxes()
        if boxes:
            self.at = None
            self._selection.pick_boxes(boxes, "replace")
        return bool(boxes)

    def follow(self, tiling: Tiling, index: tuple[int, ...]) -> None:
        """Show the slice of tiles that holds an index."""
        self._pane.tiles.choose(replace(tiling, fixed={dim: index[dim] for dim in tiling.fixed}))
