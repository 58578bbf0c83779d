"""What is shown while no file is open: ways in, and the keys to know."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QEnterEvent, QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from weightedit.ui.actions import key_text
from weightedit.ui.pieces import IconLabel, LogoLabel, label, restyle

WIDTH = 440


class Choice(QFrame):
    """A row that does something when it is pressed: icon, title, a line below, and an arrow."""

    clicked = Signal()

    def __init__(self, icon_name: str, title: str, below: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("surface", "card")
        self.setProperty("pressable", True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAccessibleName(title)
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


class StartPage(QWidget):
    """The start page.

    Signals
    -------
    open_file, open_folder, open_demo
        A way in was pressed.
    """

    open_file = Signal()
    open_folder = Signal()
    open_demo = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("start")
        column = QVBoxLayout()
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addStretch(2)
        column.addLayout(self._head())
        column.addSpacing(24)
        column.addWidget(self._drop_card())
        column.addSpacing(16)
        self.demo = Choice("graduation-cap", "Open the demo checkpoint", "A small network with something to find in it")
        self.demo.setObjectName("demo")
        self.demo.clicked.connect(self.open_demo)
        column.addWidget(self.demo)
        column.addStretch(4)
        column.addLayout(self._keys())
        column.addSpacing(26)
        middle = QWidget()
        middle.setFixedWidth(WIDTH)
        middle.setLayout(column)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addStretch(1)
        row.addWidget(middle)
        row.addStretch(1)

    def _head(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(14)
        row.addWidget(LogoLabel(36))
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(label("weightedit", "start"))
        words.addWidget(label("Open a model, see every weight, change it without surprises.", "secondary"))
        row.addLayout(words, 1)
        return row

    def _drop_card(self) -> QFrame:
        self.card = QFrame()
        self.card.setObjectName("drop")
        column = QVBoxLayout(self.card)
        column.setContentsMargins(20, 20, 20, 24)
        column.setSpacing(0)
        column.addWidget(IconLabel("folder-open", 24, "accent"))
        column.addSpacing(12)
        column.addWidget(label("Drop a checkpoint here", "title"))
        column.addSpacing(6)
        text = label("safetensors, .pt, .pth, .bin, .ckpt, or a folder of shards. Nothing inside a file is run.",
                     "secondary")  # fmt: skip
        text.setWordWrap(True)
        column.addWidget(text)
        column.addSpacing(18)
        self.file_button = QPushButton("Open file…")
        self.file_button.setProperty("kind", "primary")
        self.file_button.clicked.connect(self.open_file)
        self.folder_button = QPushButton("Open folder…")
        self.folder_button.clicked.connect(self.open_folder)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.file_button)
        row.addWidget(self.folder_button)
        row.addStretch(1)
        column.addLayout(row)
        return self.card

    def _keys(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addStretch(1)
        for keys, what in (("Ctrl+O", "open"), ("F1", "keys")):
            row.addWidget(label(key_text(keys), "key"))
            row.addWidget(label(what, "secondary"))
            row.addSpacing(14)
        row.addStretch(1)
        return row

    def mark_drop(self, on: bool) -> None:
        """Show whether what is dragged over the window can be dropped."""
        restyle(self.card, "over", on)


class EmptyState(QWidget):
    """An icon, what is missing or under way, and what to do."""

    def __init__(self, icon_name: str, title: str, body: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        column = QVBoxLayout(self)
        column.setSpacing(8)
        column.addStretch(1)
        column.addWidget(IconLabel(icon_name, 24, "text3"), 0, Qt.AlignmentFlag.AlignHCenter)
        self.title = label(title, "strong")
        self.body = label(body, "secondary")
        self.body.setWordWrap(True)
        self.body.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        column.addWidget(self.title, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addWidget(self.body)
        column.addStretch(1)

    def say(self, title: str, body: str = "") -> None:
        """Show other words."""
        self.title.setText(title)
        self.body.setText(body)
