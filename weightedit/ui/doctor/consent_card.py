"""What running the model's code means, and the yes that is asked for each time."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QPushButton

from weightedit.ui.errors.errors_view import Notice, wrapping
from weightedit.ui.widgets.pieces import button_row
from weightedit.ui.widgets.plain import aloud


class ConsentCard(Notice):
    """Says what will run, and asks.

    Signals
    -------
    agreed, declined
    """

    agreed = Signal()
    declined = Signal()

    def __init__(self, sentences: Sequence[str]) -> None:
        super().__init__("warning", "This runs code")
        for sentence in sentences:
            self.column.addWidget(wrapping(sentence, "secondary"))
        self.yes, no = QPushButton("Run this code"), QPushButton("Do not run it")
        self.yes.setProperty("kind", "primary")
        self.yes.setAccessibleDescription(aloud(" ".join(sentences)))  # said where the focus comes to the button
        self.yes.clicked.connect(self.agreed)
        no.clicked.connect(self.declined)
        self.column.addSpacing(4)
        self.column.addLayout(button_row(self.yes, no))
