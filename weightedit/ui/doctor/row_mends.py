"""What mends one row of the load table, or all of them: cards below the table, of which the page may have few lines."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from weightedit.doctor.finding import Mend
from weightedit.ui.doctor.mend_card import MendCard
from weightedit.ui.errors.errors_view import wrapping
from weightedit.ui.widgets.elided import ElidedLabel
from weightedit.ui.widgets.plain import aloud

MOST = 8
TALLEST = 260
LOWEST, TWO = 128, 190
TALL = 760
"""Height of a window from which on there is room for two cards."""


class RowMends(QScrollArea):
    """Cards of mends, under a line that says what they are for.

    Signals
    -------
    card_made
        (MendCard): a card that somebody has to do what it asks for.
    """

    card_made = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("row-mends")
        self.setAccessibleName("What mends the row")
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.cards: list[MendCard] = []

    def show_mends(self, of: str, mends: Sequence[Mend]) -> list[MendCard]:
        """Show the mends of something; return their cards."""
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(18, 8, 14, 10)
        column.setSpacing(8)
        title = f"What mends {of}"
        column.addWidget(ElidedLabel(title, "section"))
        self.cards = [MendCard(mend, likely=len(mends) > 1 and place == 0, is_first=False)
                      for place, mend in enumerate(mends[:MOST])]  # fmt: skip
        for card in self.cards:
            column.addWidget(card)
        if not mends:
            column.addWidget(wrapping("No edit of weights mends it; what is wrong is said above.", "secondary"))
        column.addStretch(1)
        self.setWidget(inside)
        self.setAccessibleName(aloud(title))
        for card in self.cards:
            self.card_made.emit(card)
        self.updateGeometry()
        return self.cards

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Need another height in another window."""
        super().resizeEvent(event)
        self.updateGeometry()

    def sizeHint(self) -> QSize:
        """Want what the cards need, up to a part of the page."""
        inside = self.widget()
        needs = 0 if inside is None else inside.heightForWidth(self.viewport().width())
        needs = max(needs, 0 if inside is None else inside.sizeHint().height())
        return QSize(400, max(LOWEST, min(TALLEST, needs + 2)))

    def minimumSizeHint(self) -> QSize:
        """Need room for one card, and in a tall window for two."""
        tall = self.window().height() >= TALL
        return QSize(200, min(self.sizeHint().height(), TWO if tall else LOWEST))
