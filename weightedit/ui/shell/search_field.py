"""The field in the middle of the top bar, which opens the palette."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QWidget

from weightedit.ui.shell.first_frame import SEARCH_SAYS, search_place
from weightedit.ui.shell.menu_titles import key_text
from weightedit.ui.widgets.pieces import IconLabel, label
from weightedit.ui.widgets.plain import tip


class SearchField(QFrame):
    """Looks like a field and acts as a button: what is typed is typed into the palette.

    Parameters
    ----------
    keys
        The palette's shortcut.

    Signals
    -------
    pressed
    """

    pressed = Signal()

    def __init__(self, keys: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("search")
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.IBeamCursor)
        self.setAccessibleName(SEARCH_SAYS)
        self.setToolTip(tip(f"{SEARCH_SAYS} ({key_text(keys)})"))
        self._says = label(SEARCH_SAYS, "secondary")
        self._keys = label(key_text(keys), "key")
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 0, 8, 0)
        row.setSpacing(7)
        row.addWidget(IconLabel("search", 14, "text2"))
        row.addWidget(self._says, 1)
        row.addWidget(self._keys, 0, Qt.AlignmentFlag.AlignVCenter)

    def place(self, left: int, right: int, whole: int, height: int) -> None:
        """Stand in the middle of a bar `whole` wide, or between `left` and `right` where that is taken."""
        found = search_place(left, right, whole, height)
        self.setGeometry(found)
        self._keys.setVisible(found.width() > 300)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Open the palette."""
        if event.button() == Qt.MouseButton.LeftButton:
            self.pressed.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Open the palette on Enter and Space."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self.pressed.emit()
        else:
            super().keyPressEvent(event)
