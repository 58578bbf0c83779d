"""What stands above the rows of a trace: a field that filters them, and the titles of the columns of a measured run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QRect, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QLineEdit, QWidget

from weightedit.ui.theme import theme, ui_font
from weightedit.ui.widgets.pieces import label

if TYPE_CHECKING:
    from weightedit.ui.doctor.trace_panel import TraceView


class TraceFilter(QWidget):
    """A field for words of a module's name or class, and a box for what did not run to its end.

    Signals
    -------
    changed
        (text, whether only what failed)
    left
        Esc was pressed.
    """

    changed = Signal(str, bool)
    left = Signal()

    def __init__(self) -> None:
        super().__init__()
        row = QHBoxLayout(self)
        row.setContentsMargins(10, 0, 10, 6)
        row.setSpacing(8)
        self.text = QLineEdit()
        self.text.setPlaceholderText("Name or class")
        self.text.setAccessibleName("Filter the modules by name or class")
        self.text.setClearButtonEnabled(True)
        self.failing = QCheckBox("Only failing")
        self.failing.setToolTip("What stopped, and what was not reached because of it")
        self._count = label("", "caption")
        row.addWidget(self.text, 1)
        row.addWidget(self._count)
        row.addWidget(self.failing)
        self.text.textChanged.connect(self._changed)
        self.failing.toggled.connect(self._changed)

    def _changed(self) -> None:
        self.changed.emit(self.text.text(), self.failing.isChecked())

    def say(self, text: str) -> None:
        """Say how many fit."""
        self._count.setText(text)

    def clear(self) -> None:
        """Fit everything again."""
        for part in (self.text, self.failing):
            part.blockSignals(True)
        self.text.clear()
        self.failing.setChecked(False)
        for part in (self.text, self.failing):
            part.blockSignals(False)
        self._changed()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Leave the filter on Esc."""
        if event.key() == Qt.Key.Key_Escape:
            self.left.emit()
        else:
            super().keyPressEvent(event)


class TraceColumns(QWidget):
    """The titles of shapes, time and memory, above where they are drawn."""

    def __init__(self, view: TraceView) -> None:
        super().__init__()
        self._view = view
        self.setFixedHeight(20)

    def sizeHint(self) -> QSize:
        """Be as wide as the rows."""
        return QSize(200, 20)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw them."""
        painter = QPainter(self)
        painter.setFont(ui_font(11))
        painter.setPen(theme.color("text3"))
        width = self._view.viewport().width()
        align = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        right = width - 11
        for title, room in reversed(self._view.drawn.columns(width)):
            painter.drawText(QRect(right - room, 0, room, self.height()), align, title)
            right -= room
        painter.drawText(QRect(right - 160, 0, 160, self.height()), align, "Shapes")
        painter.drawText(QRect(14, 0, 160, self.height()), Qt.AlignmentFlag.AlignVCenter, "Module")
