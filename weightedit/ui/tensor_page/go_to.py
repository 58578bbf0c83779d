"""The field that takes an index and goes to its cell: above the picture while it is needed, gone afterwards."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLineEdit, QWidget

from weightedit.core.errors import RegionError
from weightedit.ui.tensor_page.going import Going, parse_index
from weightedit.ui.tensor_page.selection import Selection
from weightedit.ui.theme import mono_font
from weightedit.ui.widgets.elided import ElidedLabel
from weightedit.ui.widgets.pieces import icon_button, label, restyle

HEIGHT = 40


class GoTo(QFrame):
    """Takes `12, 40`; Enter goes there, Esc leaves.

    Signals
    -------
    left
        The field is gone, and what was shown should have the keys again.
    """

    left = Signal()

    def __init__(self, going: Going, selection: Selection, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._going, self._selection = going, selection
        self.setProperty("surface", "panel")
        self.setFixedHeight(HEIGHT)
        self.field = QLineEdit()
        self.field.setProperty("mono", True)
        self.field.setFont(mono_font(12))
        self.field.setFixedWidth(180)
        self.field.setAccessibleName("Go to index")
        self.note = ElidedLabel("", "caption")
        close = icon_button("close", "Leave  Esc", 24, 14)
        row = QHBoxLayout(self)
        row.setContentsMargins(14, 0, 12, 0)
        row.setSpacing(8)
        row.addWidget(label("Go to index", "caption"))
        row.addWidget(self.field)
        row.addWidget(self.note, 1)
        row.addWidget(close)
        self.field.textEdited.connect(self._check)
        self.field.returnPressed.connect(self._go)
        close.clicked.connect(self.leave)
        self.hide()

    def ask(self) -> None:
        """Show the field and put the cursor into it."""
        shape = self._selection.shape
        self.field.setPlaceholderText(", ".join("0" for _ in shape))
        self._say("")
        self.show()
        self.field.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.field.selectAll()

    def leave(self) -> None:
        """Hide the field."""
        self.hide()
        self.left.emit()

    def _say(self, problem: str) -> None:
        ranges = ", ".join(f"0–{size - 1}" for size in self._selection.shape)
        restyle(self.note, "role", "bad" if problem else "caption")
        restyle(self.field, "wrong", "true" if problem else "false")
        self.note.setText(problem or ranges)

    def _check(self, text: str) -> None:
        try:
            parse_index(text, self._selection.shape)
        except RegionError as error:
            # while fewer numbers stand there than are needed, more are to come
            is_short = text.count(",") < len(self._selection.shape) - 1 or not text.strip().rstrip(",")
            self._say("" if is_short else str(error))
        else:
            self._say("")

    def _go(self) -> None:
        try:
            index = parse_index(self.field.text(), self._selection.shape)
        except RegionError as error:
            self._say(str(error))
            return
        self.leave()
        self._going.to_index(index, closer=True)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Leave with Esc."""
        if event.key() == Qt.Key.Key_Escape:
            self.leave()
        else:
            super().keyPressEvent(event)
