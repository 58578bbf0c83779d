"""A row that does something when it is pressed: icon, title, a line below, and an arrow."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QEnterEvent, QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from weightedit.ui.widgets.pieces import IconLabel, label, restyle
from weightedit.ui.widgets.plain import aloud


class Choice(QFrame):
    """One row.

    Signals
    -------
    clicked
        It was pressed by mouse or keyboard.
    """

    clicked = Signal()

    def __init__(self, icon_name: str, title: str, below: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("surface", "card")
        self.setProperty("pressable", True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAccessibleName(aloud(title))
        self.setAccessibleDescription(aloud(below))
        row = QHBoxLayout(self)
        row.setContentsMargins(14, 9, 14, 9)
        row.setSpacing(12)
        row.addWidget(IconLabel(icon_name, 18))
        column = QVBoxLayout()
        column.setSpacing(2)
        self.below = label(below, "secondary")
        column.addWidget(label(title, "name"))
        column.addWidget(self.below)
        row.addLayout(column, 1)
        row.addWidget(IconLabel("chevron-right", 14))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Press like a button."""
        if event.button() == Qt.MouseButton.LeftButton:
            self.clicked.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Press with Enter or Space."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self.clicked.emit()
            return
        super().keyPressEvent(event)

    def enterEvent(self, event: QEnterEvent) -> None:
        """Show that the row can be pressed."""
        restyle(self, "hovered", True)

    def leaveEvent(self, event: QEvent) -> None:
        """Show the row at rest."""
        restyle(self, "hovered", False)
