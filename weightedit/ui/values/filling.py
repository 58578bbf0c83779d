"""The fill handle: the small square at the corner of a picked rectangle, dragged to repeat or continue it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QRect, Qt, Signal
from PySide6.QtGui import QMouseEvent

if TYPE_CHECKING:
    from weightedit.ui.values.cell_view import CellView

SIZE = 7
GRIP = 4
"""Pixels around the square that take the mouse as well."""


class FillHandle(QObject):
    """Follows the rectangle that is picked.

    Signals
    -------
    filled
        ((rows, columns) of the block, (rows, columns) to fill beside it, series) after a drag; with Alt `series` is
        true.
    """

    filled = Signal(object, object, bool)

    def __init__(self, table: CellView) -> None:
        super().__init__(table)
        self._table = table
        self.block: tuple[range, range] | None = None
        self.target: tuple[range, range] | None = None
        self._dragging = False

    def show_block(self, block: tuple[range, range] | None) -> None:
        """Stand at the corner of these rows and columns, or nowhere."""
        self.block = block
        self._table.viewport().update()

    def corner(self) -> QRect | None:
        """Return the square on the viewport."""
        if self.block is None:
            return None
        rect = self._table.rect_of(*self.block)
        if rect.isEmpty():
            return None
        return QRect(rect.right() - SIZE + 2, rect.bottom() - SIZE + 2, SIZE, SIZE)

    def target_rect(self) -> QRect | None:
        """Return what the drag would fill, on the viewport."""
        return None if self.target is None else self._table.rect_of(*self.target)

    def _is_on(self, event: QMouseEvent) -> bool:
        corner = self.corner()
        return corner is not None and corner.adjusted(-GRIP, -GRIP, GRIP, GRIP).contains(event.position().toPoint())

    def press(self, event: QMouseEvent) -> bool:
        """Begin a drag of the square; False where the press is elsewhere."""
        self._dragging = self._is_on(event)
        return self._dragging

    def move(self, event: QMouseEvent) -> bool:
        """Follow a drag; False where there is none."""
        viewport = self._table.viewport()
        if not self._dragging:
            if self._is_on(event):
                viewport.setCursor(Qt.CursorShape.CrossCursor)
                viewport.setToolTip("Drag to repeat these cells; with Alt, to continue their series.")
            else:
                viewport.unsetCursor()
                viewport.setToolTip("")
            return False
        place = event.position().toPoint()
        row, column = self._table.cell_at(place)
        assert self.block is not None
        self.target = beside(self.block, row, column)
        index = self._table.indexAt(place)
        if index.isValid():
            self._table.scrollTo(index)
        viewport.update()
        return True

    def release(self, event: QMouseEvent) -> bool:
        """Fill; False where nothing was dragged."""
        if not self._dragging:
            return False
        self._dragging = False
        target, self.target = self.target, None
        self._table.viewport().update()
        if target is not None and self.block is not None:
            self.filled.emit(self.block, target, bool(event.modifiers() & Qt.KeyboardModifier.AltModifier))
        return True


def beside(block: tuple[range, range], row: int, column: int) -> tuple[range, range] | None:
    """Return the cells between a block and a cell, along the direction in which it lies farther off."""
    rows, columns = block
    down = row - rows.stop + 1 if row >= rows.stop else row - rows.start if row < rows.start else 0
    right = column - columns.stop + 1 if column >= columns.stop else column - columns.start \
        if column < columns.start else 0  # fmt: skip
    if not down and not right:
        return None
    if abs(down) >= abs(right):
        return (range(rows.stop, row + 1) if down > 0 else range(row, rows.start)), columns
    return rows, (range(columns.stop, column + 1) if right > 0 else range(column, columns.start))
