"""A card that is pressed as a whole: a button, to the keyboard and to screen readers too, that holds what it shows."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QPushButton, QSizePolicy, QWidget

from weightedit.ui.widgets.plain import aloud


class CardButton(QPushButton):
    """A button as large as the layout it is given; whoever makes one names it by `say`."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.setProperty("kind", "card")

    def say(self, text: str) -> None:
        """Say what the card shows to who does not see it."""
        self.setAccessibleName(aloud(text))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the height of what it shows: styles of buttons allow less, and cut the words."""
        super().resizeEvent(event)
        self.setMinimumHeight(self.minimumSizeHint().height())

    def sizeHint(self) -> QSize:
        """Want what its layout wants, not what a word on a button would."""
        inside = self.layout()
        return super().sizeHint() if inside is None else inside.sizeHint()

    def minimumSizeHint(self) -> QSize:
        """Need what its layout needs."""
        inside = self.layout()
        return super().minimumSizeHint() if inside is None else inside.minimumSize()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Be pressed by Enter too."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.click()
        else:
            super().keyPressEvent(event)
