"""What stands in place of the rows where there are none: what is missing, and what to do."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QPushButton, QVBoxLayout, QWidget

from weightedit.core.operation import Operation
from weightedit.core.words.numbers import bytes_text, count_text
from weightedit.ui.widgets.pieces import RoomForWords, label

ROW_BYTES, ROW_SECONDS = 3_400, 8e-5
"""What a row takes, measured with 1,000,000 of them."""


class NothingYet(RoomForWords):
    """An icon, what is missing, what to do.

    Signals
    -------
    agreed
        All the tensors that are meant are to be worked out, however many they are.
    """

    agreed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("checklist", parent)
        self.title, self.body = label("", "strong"), label("", "secondary")
        self.body.setWordWrap(True)
        self.body.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 24, 24, 24)
        column.setSpacing(6)
        column.addStretch(1)
        for part in (self.icon, self.title):
            column.addWidget(part, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addWidget(self.body)
        self.go_on = QPushButton()
        column.addWidget(self.go_on, 0, Qt.AlignmentFlag.AlignHCenter)
        self.go_on.clicked.connect(self.agreed)
        self.go_on.hide()
        column.addStretch(1)

    def say(self, operation: Operation, problem: str) -> None:
        """Say what the form needs."""
        self.go_on.hide()
        self.icon.show_icon("checklist", "text3")
        self.title.setText(problem.rstrip("."))
        self.body.setText(f"{operation.summary} Each tensor gets a row here before anything changes.")

    def say_nothing(self, text: str) -> None:
        """Say that a pattern means nothing."""
        self.go_on.hide()
        self.icon.show_icon("search", "text3")
        self.title.setText(f"Nothing matches {text}")
        self.body.setText("* stands for any letters, dots too; re: begins a regular expression for the whole name.")

    def say_many(self, count: int) -> None:
        """Say what very many rows take, before they are worked out."""
        self.icon.show_icon("checklist", "text3")
        self.title.setText(f"{count_text(count)} tensors are meant")
        self.body.setText(f"A row for each takes about {bytes_text(count * ROW_BYTES)} of memory and "
                          f"{count_text(max(round(count * ROW_SECONDS), 1))} s. It can be stopped at any time, and "
                          "changes nothing.")  # fmt: skip
        self.go_on.setText(f"Work out {count_text(count)} rows")
        self.go_on.show()

    def say_working(self, count: int) -> None:
        """Say that they are being worked out; the status bar says how far that is."""
        self.go_on.hide()
        self.title.setText(f"Working out {count_text(count)} rows")
        self.body.setText("The status bar shows how far it is, and stops it.")

    def say_refused(self) -> None:
        """Say that the edit cannot be worked out; the cards say why."""
        self.go_on.hide()
        self.icon.show_icon("refusal", "bad")
        self.title.setText("No row can be worked out")
        self.body.setText("What stands in the way is said below.")
