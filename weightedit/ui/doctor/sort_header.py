"""The titles of a table that sort it where they are pressed, by mouse or keyboard."""

from __future__ import annotations

from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QFocusEvent, QKeyEvent, QPainter
from PySide6.QtWidgets import QHeaderView, QTableView

from weightedit.ui.theme import theme
from weightedit.ui.widgets.plain import aloud


class SortHeader(QHeaderView):
    """Titles to sort by; Tab gets to them, Left and Right choose one, and Enter presses it."""

    def __init__(self, table: QTableView) -> None:
        super().__init__(Qt.Orientation.Horizontal, table)
        self._table = table
        self._at = 0
        self.setAccessibleName("Columns to sort by: Left and Right choose one, Enter sorts")
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setSectionsClickable(True)
        self.setHighlightSections(False)
        self.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        self.setStretchLastSection(True)

    def paintSection(self, painter: QPainter, rect: QRect, section: int) -> None:
        """Draw a title, and an outline around the one that Enter presses."""
        painter.save()
        super().paintSection(painter, rect, section)
        painter.restore()
        if self.hasFocus() and section == self._at:
            painter.setPen(theme.color("accent"))
            painter.drawRect(rect.adjusted(0, 0, -1, -2))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Choose a title, and press it."""
        if event.key() in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            step = 1 if event.key() == Qt.Key.Key_Right else -1
            self._at = max(0, min(self.count() - 1, self._at + step))
            self._say()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self.sectionClicked.emit(self._at)
            self._say()
        else:
            super().keyPressEvent(event)

    def _say(self) -> None:
        """Say which title Enter would press, and have it in sight."""
        self.setAccessibleDescription(aloud(str(self.model().headerData(self._at, Qt.Orientation.Horizontal))))
        bar = self._table.horizontalScrollBar()
        left = self.sectionPosition(self._at)
        right = left + self.sectionSize(self._at)
        bar.setValue(min(left, max(bar.value(), right - self.viewport().width())))
        self.viewport().update()

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Show which title Enter would press."""
        super().focusInEvent(event)
        self._say()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Show it no more."""
        super().focusOutEvent(event)
        self.viewport().update()
