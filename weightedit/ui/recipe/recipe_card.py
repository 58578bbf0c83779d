"""A recipe before it is applied: each edit, with what the document as it is now says to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QScrollArea, QVBoxLayout, QWidget

from weightedit.core.edit import Edit
from weightedit.core.hazards import Hazard
from weightedit.core.words.numbers import count_text
from weightedit.ui.errors.errors_view import LEVELS, wrapping
from weightedit.ui.files.reload_notice import edits_text
from weightedit.ui.widgets.elided import ElidedLabel
from weightedit.ui.widgets.pieces import IconLabel, label
from weightedit.ui.widgets.plain import aloud, plain

TALLEST = 210
HOW = ("Each edit is checked against the document as it is now, and once more when its turn comes. "
       "Where one does not fit then, none is applied.")  # fmt: skip
ORDER = ("refusal", "warning", "notice")


@dataclass(frozen=True, slots=True)
class Checked:
    """One edit of a recipe and what it would do silently."""

    edit: Edit
    label: str
    hazards: tuple[Hazard, ...]

    @property
    def level(self) -> str:
        """The gravest level among the hazards, `ok` without any; what was accepted before is a notice."""
        found = {"notice" if one.level == "warning" and one.kind in self.edit.accepted else one.level
                 for one in self.hazards}  # fmt: skip
        return next((level for level in ORDER if level in found), "ok")

    @property
    def says(self) -> str:
        """The first hazard of the gravest level."""
        level = self.level
        first = next((one for one in self.hazards if one.level == level), None) or next(iter(self.hazards), None)
        return "" if first is None else first.title


class RecipeCard(QFrame):
    """The list and the choice, above the tensors.

    Parameters
    ----------
    name, document
        What the recipe and the document are called.
    checked
        The edits.
    apply, leave
        Called when the person applies the recipe, or does not.
    """

    def __init__(self, name: str, document: str, checked: Sequence[Checked], apply: Callable[[], None],
                 leave: Callable[[], None]) -> None:  # fmt: skip
        super().__init__()
        self.setProperty("surface", "card")
        self.setObjectName("recipe-card")
        self.checked = list(checked)
        self.apply_button, self.cancel = QPushButton(plain(self._verb())), QPushButton("Leave it as it is")
        warned = any(one.level == "warning" for one in checked)
        self.apply_button.setProperty("kind", "warning" if warned else "primary")
        self.apply_button.setEnabled(bool(checked))
        self.cancel.setProperty("kind", "quiet")
        self.apply_button.clicked.connect(apply)
        self.cancel.clicked.connect(leave)
        self._lay_out(f"Apply {name} to {document}: {edits_text(len(checked))}")

    def _verb(self) -> str:
        warned = sum(one.level == "warning" for one in self.checked)
        costs = f" with {count_text(warned)} {'warning' if warned == 1 else 'warnings'}" if warned else ""
        return f"Apply {edits_text(len(self.checked))}{costs}"

    def _lay_out(self, title: str) -> None:
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(IconLabel("history", 16, "accent"))
        head.addWidget(label(title, "strong"), 1)
        inner = QWidget()
        inner.setObjectName("recipe-edits")
        rows = QVBoxLayout(inner)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(4)
        for one in self.checked:
            rows.addLayout(self._row(one))
        rows.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidget(inner)
        scroll.setObjectName("recipe-edits")
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setAccessibleName(aloud(title))
        scroll.setFixedHeight(min(inner.sizeHint().height(), TALLEST))
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        for button in (self.apply_button, self.cancel):
            button.setProperty("small", True)
            buttons.addWidget(button)
        buttons.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 10, 12, 10)
        column.setSpacing(8)
        column.addLayout(head)
        column.addWidget(scroll)
        if len(self.checked) > 1:
            column.addWidget(wrapping(HOW, "caption"))
        column.addLayout(buttons)

    def _row(self, one: Checked) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(IconLabel(*_icon(one.level)))
        row.addWidget(ElidedLabel(one.label), 1)
        row.addWidget(ElidedLabel(one.says, "secondary"), 1)
        return row


def _icon(level: str) -> tuple[str, int, str]:
    name, token = LEVELS[level]
    return name, 14, token
