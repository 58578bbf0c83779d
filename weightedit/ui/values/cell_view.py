"""The view of cells: drags, keys and headers pick in the slice's own rows and columns, and a handle fills."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QItemSelectionModel, QModelIndex, QPoint, QRect, QRectF, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QWheelEvent
from PySide6.QtWidgets import QAbstractItemView, QTableView, QWidget

from weightedit.ui.plots.overlay import draw_dashed
from weightedit.ui.plots.picking import how_of, is_extending
from weightedit.ui.theme import theme
from weightedit.ui.values.filling import FillHandle
from weightedit.ui.values.headers import LineHeader
from weightedit.ui.values.model import ValuesModel

_ARROWS = {Qt.Key.Key_Up: (-1, 0), Qt.Key.Key_Down: (1, 0), Qt.Key.Key_Left: (0, -1), Qt.Key.Key_Right: (0, 1)}
FAR = 1 << 62
"""More rows and columns than any slice has."""


class CellView(QTableView):
    """A table that says what its mouse and keys ask for, and leaves picking to who knows the tensor.

    Signals
    -------
    pointed
        (row, column, how) of the slice: a rectangle begins; how is `replace`, `add` or `remove`.
    stretched
        (row, column): it reaches to there.
    lines_pointed, lines_stretched
        (is rows, index, how) and (is rows, index): whole rows or columns.
    moved
        (rows down, columns right, extend): a key.
    lines_asked
        (is rows): take the rows or the columns of what is picked, whole.
    all_asked
        Everything, by the corner.
    past_end
        (rows): a wheel turned on at the first or last row that the table holds.
    """

    pointed = Signal(object, object, str)
    stretched = Signal(object, object)
    lines_pointed = Signal(bool, object, str)
    lines_stretched = Signal(bool, object)
    moved = Signal(object, object, bool)
    lines_asked = Signal(bool)
    all_asked = Signal()
    past_end = Signal(int)

    def __init__(self, model: ValuesModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = model
        self.setModel(model)
        self.rows_header = LineHeader(Qt.Orientation.Vertical, self)
        self.columns_header = LineHeader(Qt.Orientation.Horizontal, self)
        self.setVerticalHeader(self.rows_header)
        self.setHorizontalHeader(self.columns_header)
        for header, is_rows in ((self.rows_header, True), (self.columns_header, False)):
            # with the table's own, a header asks the model about every cell of a row or column it draws
            header.setSelectionModel(QItemSelectionModel(model, header))
            header.line_pressed.connect(lambda at, keys, is_rows=is_rows: self._press_line(is_rows, at, keys))
            header.line_dragged.connect(lambda at, is_rows=is_rows: self._drag_line(is_rows, at))
        self.fill = FillHandle(self)
        self.shared: list[tuple[range, range]] = []
        self.shared_label = ""
        self.is_dragging = False

    # ---- mouse

    def cell_at(self, place: QPoint) -> tuple[int, int]:
        """Return the row and column of the slice at a place, the nearest one that is there."""
        rows, columns = self.rowAt(place.y()), self.columnAt(place.x())
        if rows < 0:
            rows = 0 if place.y() < 0 else self._model.rowCount() - 1
        if columns < 0:
            columns = 0 if place.x() < 0 else self._model.columnCount() - 1
        return self._model.window.row + rows, self._model.window.column + columns

    def rect_of(self, rows: range, columns: range) -> QRect:
        """Return where cells of the slice lie on the viewport, as far as the table holds them."""
        window = self._model.window
        top, left = max(rows.start - window.row, 0), max(columns.start - window.column, 0)
        bottom = min(rows.stop - window.row, window.rows) - 1
        right = min(columns.stop - window.column, window.columns) - 1
        if bottom < top or right < left:
            return QRect()
        y, x = self.rowViewportPosition(top), self.columnViewportPosition(left)
        return QRect(x, y, self.columnViewportPosition(right) + self.columnWidth(right) - x,
                     self.rowViewportPosition(bottom) + self.rowHeight(bottom) - y)  # fmt: skip

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin a rectangle, or draw the last one to here with Shift."""
        if event.button() == Qt.MouseButton.LeftButton and self.fill.press(event):
            return
        place = event.position().toPoint()
        hit = self.indexAt(place).isValid()
        super().mousePressEvent(event)
        if not hit or event.button() != Qt.MouseButton.LeftButton:
            return
        self.is_dragging = True
        if is_extending(event.modifiers()):
            self.stretched.emit(*self.cell_at(place))
        else:
            self.pointed.emit(*self.cell_at(place), how_of(event.modifiers()))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Draw the rectangle to the pointer."""
        if self.fill.move(event):
            return
        super().mouseMoveEvent(event)
        if self.is_dragging and event.buttons() & Qt.MouseButton.LeftButton:
            self.stretched.emit(*self.cell_at(event.position().toPoint()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End a drag."""
        self.is_dragging = False
        if not self.fill.release(event):
            super().mouseReleaseEvent(event)

    def setSelection(self, rect: QRect, command: QItemSelectionModel.SelectionFlag) -> None:
        """Leave picking to the signals; Qt's own selection only mirrors it."""

    def selectAll(self) -> None:
        """Ask for everything."""
        self.all_asked.emit()

    def _press_line(self, is_rows: bool, at: int, keys: Qt.KeyboardModifier) -> None:
        self.setFocus()
        index = at + (self._model.window.row if is_rows else self._model.window.column)
        if is_extending(keys):
            self.lines_stretched.emit(is_rows, index)
        else:
            self.lines_pointed.emit(is_rows, index, how_of(keys))

    def _drag_line(self, is_rows: bool, at: int) -> None:
        self.lines_stretched.emit(is_rows, at + (self._model.window.row if is_rows else self._model.window.column))

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Scroll; past the last row the table holds, say so."""
        bar, turned = self.verticalScrollBar(), event.angleDelta().y()
        at_end = bar.value() == (bar.minimum() if turned > 0 else bar.maximum())
        super().wheelEvent(event)
        if turned and at_end:
            self.past_end.emit(-1 if turned > 0 else 1)

    # ---- keyboard

    def event(self, event: QEvent) -> bool:
        """Take what is typed into a cell, numbers and expressions, where the window has keys of one letter."""
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            plain = not event.modifiers() & ~(Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.KeypadModifier)
            if plain and event.text().isprintable() and event.text().strip():
                event.accept()
                return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Move, extend, take whole rows and columns; begin typing where a number begins."""
        key, modifiers = Qt.Key(event.key()), event.modifiers()
        extend = bool(modifiers & Qt.KeyboardModifier.ShiftModifier)
        control = bool(modifiers & Qt.KeyboardModifier.ControlModifier)
        editing = self.state() == QAbstractItemView.State.EditingState
        if not editing and key in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_F2) and not control:
            if self.currentIndex().isValid():
                self.edit(self.currentIndex())
            return
        step = self._step_of(key, control)
        if step is not None and not modifiers & Qt.KeyboardModifier.AltModifier:
            self.moved.emit(*step, extend)
        elif key == Qt.Key.Key_Space and (extend or control):
            self.lines_asked.emit(extend)
        else:
            super().keyPressEvent(event)

    def _step_of(self, key: Qt.Key, control: bool) -> tuple[int, int] | None:
        if key in _ARROWS:
            down, right = _ARROWS[key]
            return (down * FAR, right * FAR) if control else (down, right)
        page = max(self.rowAt(self.viewport().height() - 1) - self.rowAt(0), 1) \
            if self.rowAt(self.viewport().height() - 1) >= 0 else max(self._model.rowCount(), 1)  # fmt: skip
        return {Qt.Key.Key_PageUp: (-page, 0), Qt.Key.Key_PageDown: (page, 0),
                Qt.Key.Key_Home: (-FAR if control else 0, -FAR), Qt.Key.Key_End: (FAR if control else 0, FAR)}.get(key)

    # ---- painting

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the cells, and over them the handle and what it is dragged over."""
        super().paintEvent(event)
        painter = QPainter(self.viewport())
        self._draw_shared(painter)
        corner, target = self.fill.corner(), self.fill.target_rect()
        if target is not None:
            painter.setPen(QPen(theme.color("accent"), 1, Qt.PenStyle.DashLine))
            painter.drawRect(target.adjusted(0, 0, -1, -1))
        if corner is not None:
            painter.setPen(QPen(theme.color("panel"), 1))
            painter.setBrush(theme.color("accent"))
            painter.drawRect(corner)

    def show_shared(self, cells: list[tuple[range, range]], label: str) -> None:
        """Outline cells that change with those selected in another slot, in the colour of the storage group."""
        if cells != self.shared or label != self.shared_label:
            self.shared, self.shared_label = cells, label
            self.viewport().update()

    def _draw_shared(self, painter: QPainter) -> None:
        seen = self.viewport().rect().adjusted(-4, -4, 4, 4)
        for cells in self.shared:
            rect = self.rect_of(*cells)
            if rect.intersects(seen):
                draw_dashed(painter, QRectF(rect.adjusted(0, 0, -1, -1).intersected(seen)), self.shared_label)

    def show_index(self, index: QModelIndex) -> None:
        """Make an index current without picking it."""
        self.selectionModel().setCurrentIndex(index, QItemSelectionModel.SelectionFlag.NoUpdate)
