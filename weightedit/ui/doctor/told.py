"""What stands between the fields and the parts: what was said, that a result is of another state, and notes."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QLayout, QPlainTextEdit, QPushButton, QVBoxLayout, QWidget

from weightedit.core.words.paths import counted
from weightedit.doctor.checkup import Checkup
from weightedit.ui.doctor.consent_card import ConsentCard
from weightedit.ui.errors.errors_view import Notice, wrapping
from weightedit.ui.theme import mono_font
from weightedit.ui.widgets.elided import ElidedLabel
from weightedit.ui.widgets.pieces import IconLabel, button_row
from weightedit.ui.widgets.plain import aloud, lines_text, plain

UNFOLDED = 108
CHANGED = "The document has changed since this check"


class LeftLine(QWidget):
    """Says that the document is not as it was when what is shown was found.

    Signals
    -------
    pressed
        It is to be found again.
    """

    pressed = Signal()

    def __init__(self) -> None:
        super().__init__()
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 2, 0, 2)
        row.setSpacing(8)
        row.addWidget(IconLabel("info", 16, "info"))
        row.addWidget(ElidedLabel(CHANGED, "secondary"))
        self.again = QPushButton("Check again")
        self.again.setProperty("kind", "link")
        self.again.clicked.connect(self.pressed)
        row.addWidget(self.again)
        row.addStretch(1)


class Notes(Notice):
    """What is worth knowing of a check itself, and folded below it what the model printed and warned of."""

    def __init__(self, notes: Sequence[str], folded: dict[str, str]) -> None:
        super().__init__("notice", notes[0] if notes else "Said while it ran")
        self._notes, self._folded = notes, folded
        for note in notes[1:]:
            self.column.addWidget(wrapping(note, "strong"))
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setFont(mono_font(11))
        self.text.setProperty("mono", True)
        self.text.setFixedHeight(UNFOLDED)
        self.text.setTabChangesFocus(True)
        self.text.hide()
        self.links = {title: self._link(f"▸ {title}") for title in folded}
        for title, link in self.links.items():
            link.clicked.connect(lambda _=False, title=title: self._fold(title))
        if folded or len(notes) > 1:
            copy = self._link("Copy all")
            copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self.whole))
            self.column.addLayout(button_row(*self.links.values(), copy))
        self.column.addWidget(self.text)
        self._shown = ""

    def _link(self, text: str) -> QPushButton:
        made = QPushButton(plain(text))
        made.setProperty("kind", "link")
        made.setAccessibleName(aloud(text.removeprefix("▸ ")))
        return made

    @property
    def whole(self) -> str:
        """Everything, to be copied."""
        return "\n\n".join(["\n".join(self._notes)] * bool(self._notes)
                           + [f"{title}\n{text}" for title, text in self._folded.items()])  # fmt: skip

    def _fold(self, title: str) -> None:
        self._shown = "" if self._shown == title else title
        self.text.setPlainText(lines_text(self._folded.get(self._shown, "")))
        self.text.setAccessibleName(aloud(self._shown))
        self.text.setVisible(bool(self._shown))
        for other, link in self.links.items():
            link.setText(f"{'▾' if other == self._shown else '▸'} {other}")


def notes_of(found: Checkup | None) -> Notes | None:
    """Return what is to be known of a check; None where there is nothing."""
    if found is None:
        return None
    notes, folded = list(found.notes), {}
    if output := found.output.strip("\n"):
        folded[counted(len(output.splitlines()), "line") + " printed"] = output
    warned = list(() if found.trace is None else found.trace.warnings)
    warned += [] if found.training is None else [one.message for one in found.training.warnings]
    if warned := [one for one in dict.fromkeys(warned) if not any(one in note for note in notes)]:
        folded[counted(len(warned), "warning")] = "\n".join(warned)
    return Notes(notes, folded) if notes or folded else None


class Told(QWidget):
    """Everything that is told above the parts; it takes no room where there is nothing.

    Attributes
    ----------
    question
        What is asked before code runs; None where nothing is.

    Signals
    -------
    again_pressed
        What is shown is to be found again, as the document is now.
    asked
        (whether something is asked): that began, or ended.
    """

    again_pressed = Signal()
    asked = Signal(bool)

    def __init__(self) -> None:
        super().__init__()
        self.question: ConsentCard | None = None
        self._said: tuple[str, str, str] | None = None
        self._found: Checkup | None = None
        column = QVBoxLayout(self)
        column.setContentsMargins(18, 10, 18, 0)
        column.setSpacing(6)
        self.notices, self._notes = QVBoxLayout(), QVBoxLayout()
        self.left = LeftLine()
        self.left.pressed.connect(self.again_pressed)
        self.left.hide()
        column.addLayout(self.notices)
        column.addWidget(self.left)
        column.addLayout(self._notes)
        self._fit()

    def show_question(self, card: ConsentCard) -> None:
        """Ask, in the place of what was said."""
        _clear(self.notices)
        self.question, self._said = card, None
        self.notices.addWidget(card)
        self._fit()
        self.asked.emit(True)

    def show_said(self, said: tuple[str, str, str] | None) -> None:
        """Say level, title and body, in the place of what was said or asked before."""
        if said == self._said and self.question is None:
            return
        _clear(self.notices)
        was_asked = self.question is not None
        self.question, self._said = None, said
        if said is not None:
            self.notices.addWidget(Notice(*said))
        self._fit()
        if was_asked:
            self.asked.emit(False)

    def show_left(self, left: bool) -> None:
        """Say that the document is elsewhere than what is shown, or nothing of it."""
        self.left.setVisible(left)
        self._fit()

    def show_notes(self, found: Checkup | None) -> None:
        """Say what is worth knowing of a check."""
        if found is self._found:
            return
        _clear(self._notes)
        self._found = found
        notes = notes_of(found)
        if notes is not None:
            self._notes.addWidget(notes)
        self._fit()

    def _fit(self) -> None:
        self.setVisible(bool(self.notices.count() or self._notes.count() or not self.left.isHidden()))


def _clear(layout: QLayout) -> None:
    while (item := layout.takeAt(0)) is not None:
        if (widget := item.widget()) is not None:
            widget.hide()
            widget.deleteLater()
