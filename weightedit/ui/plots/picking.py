"""What the mouse picks on a heatmap: a press, a drag from it, and the handles of what is picked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QPointF, Qt

from weightedit.ui.plots.overlay import HANDLE, handles

if TYPE_CHECKING:
    from weightedit.ui.plots.heatmap import Heatmap

_EDGES = ("tl", "t", "tr", "r", "br", "b", "bl", "l")


class Picking(QObject):
    """Turns the canvas's drags into rectangles of cells and has the heatmap emit them as `picked`."""

    def __init__(self, heatmap: Heatmap) -> None:
        super().__init__(heatmap)
        self._heatmap = heatmap
        self.anchor: tuple[int, int] | None = None
        self._edge: str | None = None
        heatmap.canvas.pressed.connect(self._press)
        heatmap.canvas.dragged.connect(self._drag)
        heatmap.canvas.released.connect(self._release)

    def _press(self, place: QPointF, modifiers: Any) -> None:
        heatmap = self._heatmap
        heatmap.setFocus()
        self._edge = self._handle_at(heatmap.point_of(place.y(), place.x()))
        if self._edge is not None:
            return
        cell = heatmap.cell_at(place)
        extend = modifiers & Qt.KeyboardModifier.ShiftModifier and heatmap.selection is not None
        if not extend or self.anchor is None:
            self.anchor = cell
        self._pick(cell, False)

    def _drag(self, place: QPointF) -> None:
        if self._edge is not None:
            self._resize(place)
        elif self.anchor is not None:
            self._pick(self._heatmap.cell_at(place), False)

    def _release(self) -> None:
        self._edge = None
        if self._heatmap.selection is not None:
            self._heatmap.picked.emit(*self._heatmap.selection, True)

    def _pick(self, cell: tuple[int, int], done: bool) -> None:
        assert self.anchor is not None
        rows, columns = (range(min(a, b), max(a, b) + 1) for a, b in zip(self.anchor, cell, strict=True))
        self._heatmap.show_selection((rows, columns))
        self._heatmap.picked.emit(rows, columns, done)

    def _handle_at(self, point: QPointF) -> str | None:
        rect = self._heatmap.overlay.selection
        if rect is None or max(rect.width(), rect.height()) <= 3 * HANDLE:
            return None
        for name, place in zip(_EDGES, handles(rect), strict=True):
            if (place - point).manhattanLength() <= HANDLE + 1:
                return name
        return None

    def _resize(self, place: QPointF) -> None:
        if self._heatmap.selection is None or self._edge is None:
            return
        (rows, columns), cell = self._heatmap.selection, self._heatmap.cell_at(place)
        top, bottom, left, right = rows.start, rows.stop - 1, columns.start, columns.stop - 1
        if "t" in self._edge:
            top = min(cell[0], bottom)
        if "b" in self._edge:
            bottom = max(cell[0], top)
        if "l" in self._edge:
            left = min(cell[1], right)
        if "r" in self._edge:
            right = max(cell[1], left)
        self.anchor = (top, left)
        self._pick((bottom, right), False)
