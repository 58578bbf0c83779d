"""Lays over a heatmap's picture what belongs to it: selection, markers, tiles, crosshair, each where its cells are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QPointF, QRectF, QTimer

from weightedit.ui.plots.markers import SMALLEST_CELL, Marker, clusters
from weightedit.ui.plots.overlay import Tint
from weightedit.ui.plots.tile_marks import Crosshair, TileGrid, dead_places, separators

if TYPE_CHECKING:
    from weightedit.ui.plots.heatmap import Heatmap


class Dressing(QObject):
    """What is drawn over the picture, in rows and columns; `place` turns it into pixels of the overlay.

    Attributes
    ----------
    selection
        The rectangle that is picked, where it is one.
    others
        The rectangles, where there are several.
    shared, shared_label
        Cells that change with those selected in another slot, and the label of their storage group.
    tint
        Single cells that are picked.
    tiles
        Where the picture falls into tiles.
    crosshair
        Whether lines go through the cell under the pointer, or else under the keyboard's cursor.
    pointed, cursor
        Those cells.
    """

    def __init__(self, heatmap: Heatmap) -> None:
        super().__init__(heatmap)
        self._heatmap = heatmap
        self.selection: tuple[range, range] | None = None
        self.others: list[tuple[range, range]] = []
        self.shared: list[tuple[range, range]] = []
        self.shared_label = ""
        self.tint: Tint | None = None
        self.tiles: TileGrid | None = None
        self.crosshair = False
        self.pointed: tuple[int, int] | None = None
        self.cursor: tuple[int, int] | None = None
        self._markers: list[Marker] = []
        self._flash = QTimer(self)
        self._flash.setSingleShot(True)
        self._flash.timeout.connect(self._unflash)

    def clear(self) -> None:
        """Begin another picture."""
        self.selection, self.others, self.tint, self.tiles = None, [], None, None
        self.pointed = self.cursor = None
        self._markers = []

    def flash(self, rows: range, columns: range) -> None:
        """Tint cells for a moment."""
        overlay = self._heatmap.overlay
        overlay.flash = self._heatmap.rect_of(rows, columns)
        overlay.update()
        self._flash.start(400)

    def _unflash(self) -> None:
        self._heatmap.overlay.flash = None
        self._heatmap.overlay.update()

    def mark(self) -> None:
        """Find the non-finite cells that are too small to be seen."""
        heatmap, reduced = self._heatmap, self._heatmap.reduced
        self._markers = []
        if reduced is not None and min(heatmap.cell_size()) < SMALLEST_CELL:
            size = heatmap.canvas.size()
            self._markers = clusters(reduced, (size.height(), size.width()))
        self.place()

    def place(self) -> None:
        """Put everything where its cells are now."""
        heatmap, overlay = self._heatmap, self._heatmap.overlay
        overlay.setGeometry(heatmap.graphics.rect())
        top_left = heatmap.graphics.mapFromScene(heatmap.canvas.scenePos())
        overlay.frame = frame = QRectF(QPointF(top_left), heatmap.canvas.size())
        heatmap.color_bar.place(frame.top(), max(frame.bottom(), frame.top() + 170))
        overlay.markers = [(marker, heatmap.point_of(marker.row, marker.column)) for marker in self._markers]
        overlay.selection, overlay.size_text = None, ""
        if self.selection is not None:
            overlay.selection = heatmap.rect_of(*self.selection)
            overlay.size_text = self._size_text(*self.selection)
        overlay.others = [heatmap.rect_of(*cells) for cells in self.others]
        overlay.shared = [heatmap.rect_of(*cells) for cells in self.shared]
        overlay.shared_label = self.shared_label
        tint = self.tint
        overlay.tint = None if tint is None else (tint, heatmap.rect_of(tint.rows, tint.columns))
        overlay.separators, overlay.dead = [], []
        if self.tiles is not None and heatmap.reduced is not None:
            (left, right), (top, bottom) = heatmap.canvas.viewRange()
            seen = (*heatmap.visible(), frame, QRectF(left, top, right - left, bottom - top))
            overlay.separators, overlay.dead = separators(self.tiles, *seen), dead_places(self.tiles, *seen)
        self.cross()
        overlay.update()

    def _size_text(self, rows: range, columns: range) -> str:
        grid = self.tiles
        if grid is None:
            return f"{len(rows)} × {len(columns)}"
        down, across = len(rows) // grid.height, len(columns) // grid.width
        if down * grid.height != len(rows) or across * grid.width != len(columns):
            return f"{len(rows)} × {len(columns)}"
        return "1 tile" if down * across == 1 else f"{down} × {across} tiles"

    def cross(self) -> None:
        """Put the crosshair through the cell under the pointer or the cursor."""
        heatmap, overlay = self._heatmap, self._heatmap.overlay
        cell = self.pointed or self.cursor
        overlay.crosshair = None
        if self.crosshair and cell is not None:
            at = heatmap.point_of(cell[0] + 0.5, cell[1] + 0.5)
            if overlay.frame.contains(at):
                names = None if self.tiles is None else self.tiles.cell_names
                overlay.crosshair = Crosshair(at, *((str(cell[0]), str(cell[1])) if names is None else names(*cell)))
