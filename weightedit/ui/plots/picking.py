"""What the mouse picks on a heatmap: rectangles by drags and their handles, rows and columns on the axes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QPointF, Qt

from weightedit.ui.plots.overlay import HANDLE, handles

if TYPE_CHECKING:
    from weightedit.ui.plots.heatmap import Heatmap

_EDGES = ("tl", "t", "tr", "r", "br", "b", "bl", "l")


def how_of(modifiers: Qt.KeyboardModifier) -> str:
    """Return what a press does with what is picked already: Ctrl adds, Ctrl+Shift removes."""
    if not modifiers & Qt.KeyboardModifier.ControlModifier:
        return "replace"
    return "remove" if modifiers & Qt.KeyboardModifier.ShiftModifier else "add"


def is_extending(modifiers: Qt.KeyboardModifier) -> bool:
    """Whether a press draws the last rectangle larger: Shift alone."""
    wanted = Qt.KeyboardModifier.ShiftModifier
    return modifiers & (wanted | Qt.KeyboardModifier.ControlModifier) == wanted


class Picking(QObject):
    """Turns drags into rectangles of cells and has the heatmap emit them as `picked`."""

    def __init__(self, heatmap: Heatmap) -> None:
        super().__init__(heatmap)
        self._heatmap = heatmap
        self.anchor: tuple[int, int] | None = None
        self._how = "replace"
        self._edge: str | None = None
        self._line = 0
        heatmap.canvas.pressed.connect(self._press)
        heatmap.canvas.dragged.connect(self._drag)
        heatmap.canvas.released.connect(self._release)
        for axis, is_rows in ((heatmap.rows_axis, True), (heatmap.columns_axis, False)):
            axis.pressed.connect(lambda index, modifiers, is_rows=is_rows: self._press_line(index, modifiers, is_rows))
            axis.dragged.connect(lambda index, is_rows=is_rows: self._drag_line(index, is_rows))

    # ---- cells

    def _press(self, place: QPointF, modifiers: Any) -> None:
        heatmap = self._heatmap
        heatmap.setFocus()
        self._edge = self._handle_at(heatmap.point_of(place.y(), place.x()))
        if self._edge is not None:
            return
        cell = heatmap.cell_at(place)
        if is_extending(modifiers) and self.anchor is not None and heatmap.has_selection:
            self._pick(cell, True)
            return
        self.anchor, self._how = cell, how_of(modifiers)
        self._pick(cell, False)

    def _drag(self, place: QPointF) -> None:
        if self._edge is not None:
            self._resize(place)
        elif self.anchor is not None:
            self._pick(self._heatmap.cell_at(place), True)

    def _release(self) -> None:
        self._edge = None

    def _pick(self, cell: tuple[int, int], continues: bool) -> None:
        assert self.anchor is not None
        rows, columns = (range(min(a, b), max(a, b) + 1) for a, b in zip(self.anchor, cell, strict=True))
        self._heatmap.picked.emit(rows, columns, self._how, continues)

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
        self.anchor, self._how = (top, left), "replace"
        self._pick((bottom, right), False)

    # ---- rows and columns

    def _press_line(self, index: int, modifiers: Any, is_rows: bool) -> None:
        self._heatmap.setFocus()
        if is_extending(modifiers) and self.anchor is not None and self._heatmap.has_selection:
            self._line = self.anchor[0 if is_rows else 1]
            self._pick_lines(index, is_rows, True)
            return
        self.anchor = (index, 0) if is_rows else (0, index)
        self._line, self._how = index, how_of(modifiers)
        self._pick_lines(index, is_rows, False)

    def _drag_line(self, index: int, is_rows: bool) -> None:
        self._pick_lines(index, is_rows, True)

    def _pick_lines(self, index: int, is_rows: bool, continues: bool) -> None:
        canvas = self._heatmap.canvas
        lines = range(min(self._line, index), max(self._line, index) + 1)
        rows, columns = (lines, range(canvas.columns)) if is_rows else (range(canvas.rows), lines)
        self._heatmap.picked.emit(rows, columns, self._how, continues)
