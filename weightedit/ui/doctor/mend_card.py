"""One way to mend a finding: what it does, what it would cost, and the presses that preview it and do it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFont, QFontMetrics, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from weightedit.core.edits.outlook import Rehearsal
from weightedit.core.hazards import Hazard
from weightedit.core.words.numbers import count_text
from weightedit.doctor.finding import Mend
from weightedit.ui.doctor.coded import CodedLabel, uncoded
from weightedit.ui.edit_panel.hazard_words import cost_text
from weightedit.ui.errors.errors_view import LEVELS, Notice, wrapping
from weightedit.ui.theme import ui_font
from weightedit.ui.widgets.pieces import IconLabel, label, restyle
from weightedit.ui.widgets.plain import aloud, plain, tip

MOST_HAZARDS = 6
MOST_FORESEEN = 2
"""Hazards that a card names before it is previewed."""
MOST_LINES = 8
MOST_NAMES = 3
"""Operations that a card names beside its button."""
WIDE = 600
"""Width from which on there is room for these."""
ORDER = ("refusal", "warning", "notice", "ok")
NO_HAZARD = "No hazard"
AFTER = "It changes what the mends above it lead to: they come first"
LATER = "Too large to be looked at unasked: the preview says what it would lose"


class MendCard(QFrame):
    """A mend on a card.

    Attributes
    ----------
    mend
        What it is about.
    rehearsal
        What the mend would come to; None before somebody looked.
    hazards
        Those that the press to come accepts; None before a preview.
    holds
        Whether the document is what the mend was found for.

    Signals
    -------
    preview_wanted
        What it would do is asked for.
    apply_wanted
        (kinds of warnings): do it; the press is the answer to these.
    previewed
        It says all of what it would do.
    input_wanted
        Use its input, or its target, instead.
    """

    preview_wanted = Signal()
    apply_wanted = Signal(object)
    previewed = Signal()
    input_wanted = Signal()

    def __init__(self, mend: Mend, *, likely: bool, is_first: bool = True) -> None:
        super().__init__()
        self.mend = mend
        self.rehearsal: Rehearsal | None = None
        self.hazards: Sequence[Hazard] | None = None
        self._comes_after = not is_first
        self.holds: Callable[[], bool] = lambda: True
        self.setProperty("surface", "card")
        self.setProperty("likely", likely and is_first)
        self.setAccessibleName(aloud(mend.title))
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(12, 9, 10, 9)
        self._column.setSpacing(6)
        row = QHBoxLayout()
        row.setSpacing(10)
        row.addLayout(self._words(likely and is_first), 1)
        self.how = label(_how(mend), "caption")
        side = Qt.AlignmentFlag.AlignTop if "\n" in mend.detail else Qt.AlignmentFlag.AlignVCenter
        row.addWidget(self.how, 0, side)
        self.button = QPushButton()
        self._call(_first_press(mend))
        self._steps_back = False
        self._first_kind = self._kind = "primary" if likely and is_first else ""
        self.button.setProperty("kind", self._kind)
        self.button.clicked.connect(self._pressed)
        row.addWidget(self.button, 0, side)
        self._column.addLayout(row)
        self._shown: list[QWidget] = []
        self._is_waiting = False

    def _words(self, likely: bool) -> QVBoxLayout:
        words = QVBoxLayout()
        words.setSpacing(2)
        head = QHBoxLayout()
        head.setSpacing(8)
        title = wrapping(uncoded(self.mend.title), "strong")
        wide = QFontMetrics(ui_font(13, QFont.Weight.DemiBold)).horizontalAdvance(title.text())
        title.setMaximumWidth(wide + 12)  # what follows stands beside it
        head.addWidget(title, 1000)
        if likely:
            chip = label("most likely", "chip")
            chip.setProperty("tone", "accent")
            head.addWidget(chip, 0, Qt.AlignmentFlag.AlignTop)
        head.addStretch(1)
        words.addLayout(head)
        if self.mend.detail:
            words.addWidget(CodedLabel(self.mend.detail, "secondary"))
        self._outlook = QVBoxLayout()
        self._outlook.setSpacing(2)
        words.addLayout(self._outlook)
        return words

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave the names of operations out where the words have no room beside them."""
        super().resizeEvent(event)
        self.how.setVisible(self.width() >= WIDE)

    @property
    def changes_document(self) -> bool:
        """Whether it is a mend of weights or of history, and not of the input."""
        return not (self.mend.inputs or self.mend.target)

    def _pressed(self) -> None:
        if not self.changes_document:
            self.input_wanted.emit()
        elif self._is_waiting:  # for the preview; turned off, the button would give the focus away
            return
        elif self.hazards is None:
            self._is_waiting = True
            self.preview_wanted.emit()
        else:
            self.apply_wanted.emit({hazard.kind for hazard in self.hazards if hazard.level == "warning"})

    def step_back(self, back: bool) -> None:
        """Leave being the primary button to a question while one is asked."""
        self._steps_back = back
        self._dress(self._kind)

    def _dress(self, kind: str) -> None:
        self._kind = kind
        restyle(self.button, "kind", "" if self._steps_back and kind == "primary" else kind)

    def wait_for_press(self) -> None:
        """Take a press again after a preview, or an edit, that came to nothing."""
        self._is_waiting = False
        self.button.setEnabled(True)

    def _call(self, text: str) -> None:
        """Give the button its words; to a screen reader also what they are about."""
        self.button.setText(plain(text))
        self.button.setAccessibleName(aloud(f"{text}: {self.mend.title}"))

    # ---- what it would come to

    def show_outlook(self, found: Rehearsal | None) -> None:
        """Say in a line or two what it would lose, before anything is pressed; None where nobody looked."""
        if self.hazards is not None:  # it was previewed meanwhile
            return
        self.rehearsal = found
        self._clear_outlook()
        waits = self._comes_after and found is not None and {one.kind for one in found.hazards} == {"not-found"}
        lines = [("notice", AFTER)] if waits else _outlook(found)
        for level, text in lines:
            self._outlook.addWidget(_line(level, text))
        for widget in (self, self.button):
            widget.setAccessibleDescription(aloud(". ".join(text for _, text in lines)))

    def show_rehearsal(self, found: Rehearsal) -> None:
        """Say all of what it would do, and let the next press do it."""
        self.rehearsal, self.hazards = found, found.hazards
        self._clear_outlook()
        self._show_hazards(found)
        self._is_waiting = False
        cost = cost_text(list(found.hazards)) + (f" and lose {_values(found)}" if found.lost else "")
        self._call(cost)
        costs = cost != "Apply"
        self._dress("warning" if costs and not found.is_refused else "primary")
        self.button.setEnabled(not found.is_refused)
        self.button.setToolTip(tip("It is refused, for the reason above") if found.is_refused else "")
        self.previewed.emit()

    def forget(self) -> None:
        """Be as it was before anybody looked: the document is another one now."""
        self.rehearsal = self.hazards = None
        self._clear_outlook()
        self._clear_shown()
        self._call(_first_press(self.mend))
        self._dress(self._first_kind)
        self.button.setToolTip("")
        self.wait_for_press()

    def _clear_outlook(self) -> None:
        while (item := self._outlook.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()

    def _clear_shown(self) -> None:
        for old in self._shown:
            old.hide()
            old.deleteLater()
        self._shown = []

    def ask_too(self, hazards: Sequence[Hazard]) -> None:
        """Ask about what was only met when it was applied; nothing was changed."""
        known = [one for one in self.hazards or () if one not in hazards]
        self.show_rehearsal(Rehearsal(tuple(sorted([*hazards, *known], key=lambda one: ORDER.index(one.level)))))

    def _show_hazards(self, found: Rehearsal) -> None:
        self._clear_shown()
        self._shown = [Notice(hazard.level, hazard.title, hazard.detail) for hazard in found.hazards[:MOST_HAZARDS]]
        if len(found.hazards) > MOST_HAZARDS:
            self._shown.append(label(f"and {len(found.hazards) - MOST_HAZARDS:,} more", "caption"))
        if found.is_refused:
            pass
        elif found.lost:
            them = "it" if found.lost == 1 else "them"
            self._shown.insert(0, Notice("warning", _lost(found), f"One undo brings {them} back."))
        elif not found.hazards:
            back = "redo brings back what it undoes" if self.mend.undo_to is not None else "one undo takes it back"
            self._shown.append(Notice("ok", f"No hazard: it does what it says, and {back}"))
        if found.lines and not found.is_refused:
            self._shown.append(_listed(found, self.mend))
        for widget in self._shown:
            self._column.addWidget(widget)


def _outlook(found: Rehearsal | None) -> list[tuple[str, str]]:
    """Return level and words of each line that is said beforehand, the gravest first."""
    if found is None:
        return [("notice", LATER)]
    lines = [("warning", _lost(found))] if found.lost and not found.is_refused else []
    lines += [(hazard.level, hazard.message) for hazard in found.hazards]
    lines.sort(key=lambda one: ORDER.index(one[0]))
    more = len(lines) - MOST_FORESEEN
    shown = lines[:MOST_FORESEEN] + ([("notice", f"and {more:,} more hazards")] if more > 1 else lines[MOST_FORESEEN:])
    return shown or [("ok", NO_HAZARD)]


def _lost(found: Rehearsal) -> str:
    return f"{_values(found)} {'is' if found.lost == 1 else 'are'} lost"


def _values(found: Rehearsal) -> str:
    return f"{count_text(found.lost)} value{'' if found.lost == 1 else 's'}"


def _line(level: str, text: str) -> QWidget:
    name, token = LEVELS[level]
    made = QWidget()
    row = QHBoxLayout(made)
    row.setContentsMargins(0, 1, 0, 0)
    row.setSpacing(6)
    row.addWidget(IconLabel(name, 14, token), 0, Qt.AlignmentFlag.AlignTop)
    said = wrapping(text, "caption")
    said.setProperty("tone", token)
    row.addWidget(said, 1)
    return made


def _listed(found: Rehearsal, mend: Mend) -> QWidget:
    """Say one by one what changes."""
    lines = list(found.lines[:MOST_LINES])
    more = found.changed - len(lines)
    lines += [f"and {count_text(more)} more"] if more > 0 else []
    lead = "Takes back " if mend.undo_to is not None else ""
    return wrapping("\n".join(f"{lead}{line}" if not line.startswith("and ") else line for line in lines), "caption")


def _how(mend: Mend) -> str:
    if mend.undo_to is not None:
        return "history"
    names = list(dict.fromkeys(edit.operation for edit in mend.edits))
    count = len(mend.edits)
    if len(names) > MOST_NAMES:
        return f"{count:,} edits"
    return f"{names[0]} × {count:,}" if len(names) == 1 and count > 1 else ", ".join(names)


def _first_press(mend: Mend) -> str:
    if mend.inputs:
        return "Use this input"
    return "Use this target" if mend.target else "Preview edit"
