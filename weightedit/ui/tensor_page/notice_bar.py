"""What an edit of cells asks or says, on a line above the view."""

from __future__ import annotations

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from weightedit.ui.errors.errors_view import Notice
from weightedit.ui.widgets.plain import plain


class NoticeBar(QWidget):
    """What an edit of cells asks or says, above the table."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(14, 6, 14, 6)
        self.hide()
        self.confirm: QPushButton | None = None
        self._is_passing = False
        self._fresh = QTimer(self)  # Tab says what is wrong and moves on at once; that is still to be read
        self._fresh.setSingleShot(True)
        self._fresh.setInterval(0)

    def clear(self) -> None:
        """Say nothing."""
        while self._column.count():
            item = self._column.takeAt(0)
            widget = None if item is None else item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        self.confirm = None
        self._is_passing = False
        self.hide()

    def move_on(self) -> None:
        """Say nothing any more of a cell that was typed or pasted."""
        if self._is_passing and not self._fresh.isActive():
            self.clear()

    def say(self, level: str, title: str, body: str = "", confirm: str = "", *,
            passing: bool = False) -> None:  # fmt: skip
        """Say a sentence; `confirm` names the button that goes ahead all the same; `passing` goes when one moves on."""
        self.clear()
        self._is_passing = passing
        if passing:
            self._fresh.start()
        holder = QWidget()
        row = QHBoxLayout(holder)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(Notice(level, title, body), 1)
        if confirm:
            self.confirm = QPushButton(plain(confirm))
            self.confirm.setProperty("kind", "warning")
            row.addWidget(self.confirm)
        leave = QPushButton("Leave as it is" if confirm else "Dismiss")
        leave.setProperty("kind", "quiet")
        leave.clicked.connect(self.clear)
        row.addWidget(leave)
        self._column.addWidget(holder)
        self.show()
