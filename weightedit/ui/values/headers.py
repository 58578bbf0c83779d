"""Headers of the table: indices that stay in sight, and whole rows and columns picked on them."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QRect, QSize, Qt, Signal
from PySide6.QtGui import QFont, QFontMetrics, QMouseEvent, QPainter
from PySide6.QtWidgets import QHeaderView, QTableView, QWidget

from weightedit.ui.theme import theme, ui_font

EDGE = 2
"""Pixels of the bar beside a row or column that is picked."""


class LineHeader(QHeaderView):
    """Row or column indices.

    Signals
    -------
    line_pressed, line_dragged
        (section, keyboard modifiers) of a press with the left button, (section) of a drag from there.
    """

    line_pressed = Signal(int, object)
    line_dragged = Signal(int)

    def __init__(self, orientation: Qt.Orientation, parent: QWidget) -> None:
        super().__init__(orientation, parent)
        self.setSectionsClickable(False)
        self.is_picked: Callable[[int], bool] = lambda section: False
        self._dragging = False
        self._hint: tuple[str, QSize] | None = None
        self.setMouseTracking(True)
        self.setAccessibleName("Rows" if orientation == Qt.Orientation.Vertical else "Columns")

    def _section(self, event: QMouseEvent) -> int:
        place = event.position().toPoint()
        vertical = self.orientation() == Qt.Orientation.Vertical
        at = place.y() if vertical else place.x()
        found = self.logicalIndexAt(at)
        return found if found >= 0 else 0 if at < 0 else self.count() - 1

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Pick a row or column."""
        if event.button() == Qt.MouseButton.LeftButton and self.count():
            self._dragging = True
            self.line_pressed.emit(self._section(event), event.modifiers())
            return
        super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Pick the rows or columns up to the pointer, and scroll where it is at the edge."""
        if self._dragging:
            section = self._section(event)
            table = self.parent()
            assert isinstance(table, QTableView)
            vertical = self.orientation() == Qt.Orientation.Vertical
            row, column = (section, table.columnAt(0)) if vertical else (table.rowAt(0), section)
            table.scrollTo(table.model().index(max(row, 0), max(column, 0)))
            self.line_dragged.emit(section)
            return
        super().mouseMoveEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End a drag."""
        self._dragging = False
        super().mouseReleaseEvent(event)

    def paintSection(self, painter: QPainter, rect: QRect, logicalIndex: int) -> None:  # noqa: N803
        """Draw an index, with a bar where the row or column has picked cells."""
        painter.save()
        seen = rect & self.viewport().rect()  # the index of a column at the edge is read where its values are
        super().paintSection(painter, seen if self.orientation() == Qt.Orientation.Horizontal else rect, logicalIndex)
        painter.restore()
        if self.is_picked(logicalIndex):
            vertical = self.orientation() == Qt.Orientation.Vertical
            edge = QRect(rect.right() - EDGE + 1, rect.top(), EDGE, rect.height()) if vertical else \
                QRect(rect.left(), rect.bottom() - EDGE + 1, rect.width(), EDGE)  # fmt: skip
            painter.fillRect(edge, theme.color("accent"))

    def sizeHint(self) -> QSize:
        """Leave room for the largest index, measured once: Qt asks for hundreds of sections, and again for each."""
        if self.model() is None or not self.count():
            return super().sizeHint()
        last = str(self.model().headerData(self.count() - 1, self.orientation()))
        if self._hint is None or self._hint[0] != last:
            size = self.sectionSizeFromContents(self.count() - 1)
            if self.orientation() == Qt.Orientation.Vertical:
                digits = "0" * max(len(last), 2)
                size.setWidth(QFontMetrics(ui_font(11, QFont.Weight.Medium)).horizontalAdvance(digits) + 16)
            self._hint = last, size
        return QSize(self._hint[1])

    def changeEvent(self, event: QEvent) -> None:
        """Measure anew in another style or font."""
        if event.type() in (QEvent.Type.StyleChange, QEvent.Type.FontChange):
            self._hint = None
        super().changeEvent(event)
