"""What stands in place of the rows where there are none: what is missing, and what to do."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QVBoxLayout, QWidget

from weightedit.core.operation import Operation
from weightedit.ui.pieces import RoomForWords, label


class NothingYet(RoomForWords):
    """An icon, what is missing, what to do."""

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
        column.addStretch(1)

    def say(self, operation: Operation, problem: str) -> None:
        """Say what the form needs."""
        self.icon.show_icon("checklist", "text3")
        self.title.setText(problem.rstrip("."))
        self.body.setText(f"{operation.summary} Each tensor gets a row here before anything changes.")

    def say_nothing(self, text: str) -> None:
        """Say that a pattern means nothing."""
        self.icon.show_icon("search", "text3")
        self.title.setText(f"Nothing matches {text}")
        self.body.setText("* stands for any letters, dots too; re: begins a regular expression for the whole name.")

    def say_refused(self) -> None:
        """Say that the edit cannot be worked out; the cards say why."""
        self.icon.show_icon("refusal", "bad")
        self.title.setText("No row can be worked out")
        self.body.setText("What stands in the way is said below.")
