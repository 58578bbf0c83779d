"""One way to mend a finding: what it does, what it would cost once that is asked, and the press that does it."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout

from weightedit.core.hazards import Hazard
from weightedit.doctor.finding import Mend
from weightedit.ui.edit_panel.hazard_words import cost_text
from weightedit.ui.errors.errors_view import Notice, wrapping
from weightedit.ui.widgets.pieces import label, restyle
from weightedit.ui.widgets.plain import aloud, plain

MOST_HAZARDS = 6


class MendCard(QFrame):
    """A mend on a card.

    Signals
    -------
    preview_wanted
        What it would do is asked for.
    apply_wanted
        (kinds of warnings): do it; the press is the answer to these.
    input_wanted
        Use its input, or its target, instead.
    """

    preview_wanted = Signal()
    apply_wanted = Signal(object)
    input_wanted = Signal()

    def __init__(self, mend: Mend, *, likely: bool, is_first: bool = True) -> None:
        super().__init__()
        self.mend = mend
        self.hazards: Sequence[Hazard] | None = None
        self.setProperty("surface", "card")
        self.setProperty("likely", likely and is_first)
        self.setAccessibleName(aloud(mend.title))
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(12, 9, 10, 9)
        self._column.setSpacing(6)
        row = QHBoxLayout()
        row.setSpacing(10)
        words = QVBoxLayout()
        words.setSpacing(2)
        head = QHBoxLayout()
        head.setSpacing(8)
        title = wrapping(mend.title, "strong")
        head.addWidget(title, 1)
        if likely:
            chip = label("most likely", "chip")
            chip.setProperty("tone", "accent")
            head.addWidget(chip, 0, Qt.AlignmentFlag.AlignTop)
        words.addLayout(head)
        if mend.detail:
            words.addWidget(wrapping(mend.detail, "secondary"))
        row.addLayout(words, 1)
        self.how = label(_how(mend), "caption")
        row.addWidget(self.how)
        self.button = QPushButton(plain(_first_press(mend)))
        if likely and is_first:
            self.button.setProperty("kind", "primary")
        self.button.clicked.connect(self._pressed)
        row.addWidget(self.button, 0, Qt.AlignmentFlag.AlignVCenter)
        self._column.addLayout(row)

    def _pressed(self) -> None:
        if self.mend.inputs or self.mend.target:
            self.input_wanted.emit()
        elif self.hazards is None:
            self.button.setEnabled(False)
            self.preview_wanted.emit()
        else:
            self.apply_wanted.emit({hazard.kind for hazard in self.hazards if hazard.level == "warning"})

    def show_hazards(self, hazards: Sequence[Hazard]) -> None:
        """Say what it would do silently, and let the next press do it."""
        self.hazards = hazards
        for hazard in hazards[:MOST_HAZARDS]:
            self._column.addWidget(Notice(hazard.level, hazard.title, hazard.detail))
        if len(hazards) > MOST_HAZARDS:
            self._column.addWidget(label(f"and {len(hazards) - MOST_HAZARDS:,} more", "caption"))
        if not hazards:
            self._column.addWidget(Notice("ok", "No hazard: it does what it says, and one undo takes it back"))
        refused = any(hazard.level == "refusal" for hazard in hazards)
        cost = cost_text(list(hazards))
        self.button.setText(cost)
        restyle(self.button, "kind", "warning" if cost.removeprefix("Apply") else "primary")
        self.button.setEnabled(not refused)
        self.button.setToolTip("It is refused, for the reason above" if refused else "")


def _how(mend: Mend) -> str:
    if mend.undo_to is not None:
        return "history"
    names = list(dict.fromkeys(edit.operation for edit in mend.edits))
    count = len(mend.edits)
    return f"{names[0]} × {count}" if len(names) == 1 and count > 1 else ", ".join(names)


def _first_press(mend: Mend) -> str:
    if mend.inputs:
        return "Use this input"
    return "Use this target" if mend.target else "Preview edit"
