"""The four parts of a check as cards in a row: how each went; pressed, it is shown below."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from weightedit.ui.doctor.aging import PAST
from weightedit.ui.widgets.card_button import CardButton
from weightedit.ui.widgets.elided import ElidedLabel
from weightedit.ui.widgets.pieces import IconLabel, restyle
from weightedit.ui.widgets.plain import tip

PARTS = {"load": "Load report", "trace": "Shape trace", "training": "Training step", "activations": "Activations"}
ONE_ROW = 720
"""Pixels from which on the cards stand in one row."""
STATES = {"waiting": ("waiting", "text3"), "passed": ("passed", "ok"), "failed": ("failed", "bad"),
          "warning": ("warning", "warn"), "notice": ("info", "info")}  # fmt: skip


class PartCard(CardButton):
    """One part: its state and a few words."""

    def __init__(self, title: str) -> None:
        super().__init__()
        self._title = title
        self.setObjectName("part-card")
        self.setProperty("on", False)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 7, 10, 8)
        row.setSpacing(10)
        self._icon = IconLabel("waiting", 18, "text3")
        row.addWidget(self._icon)
        words = QVBoxLayout()
        words.setSpacing(1)
        words.addWidget(ElidedLabel(title, "strong"))
        self.says = ElidedLabel("", "caption")
        words.addWidget(self.says)
        row.addLayout(words, 1)

    def show_state(self, state: str, says: str, *, past: bool = False) -> None:
        """Say how it went; without its colour where that was before the document changed."""
        icon, token = STATES[state]
        self._icon.show_icon(icon, "text3" if past else token)
        self.says.setText(says)
        self.say(f"{self._title}: {says}{f'. {PAST}' if past else ''}")
        self.setToolTip(tip(PAST) if past else "")

    def choose(self, on: bool) -> None:
        """Be the part that is shown, or not."""
        self.setAccessibleDescription("shown below" if on else "")
        restyle(self, "on", on)


class PartCards(QWidget):
    """The row of them.

    Signals
    -------
    chosen
        (name): show this part.
    """

    chosen = Signal(str)

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(18, 12, 18, 12)
        self._grid.setSpacing(10)
        self._columns = 0
        self.cards = {name: PartCard(PARTS[name]) for name in names}
        for name, card in self.cards.items():
            card.clicked.connect(lambda _=False, name=name: self.chosen.emit(name))
        self._lay_out(len(self.cards))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Lay the cards out in two rows where one has no room for their words."""
        super().resizeEvent(event)
        self._lay_out(len(self.cards) if self.width() >= ONE_ROW else 2)

    def _lay_out(self, columns: int) -> None:
        if columns == self._columns:
            return
        self._columns = columns
        for place, card in enumerate(self.cards.values()):
            self._grid.addWidget(card, place // columns, place % columns)
        for column in range(len(self.cards)):
            self._grid.setColumnStretch(column, 1 if column < columns else 0)

    def choose(self, name: str) -> None:
        """Mark the part that is shown."""
        for other, card in self.cards.items():
            card.choose(other == name)
