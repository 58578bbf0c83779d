"""What an edit of several tensors leaves as it is: ready patterns to turn on, and others that are typed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QLineEdit, QPushButton, QToolButton, QVBoxLayout, QWidget

from weightedit.core.edits.leaving import Left
from weightedit.core.errors import EditRefused
from weightedit.core.hazards import Hazard
from weightedit.ui.theme import mono_font
from weightedit.ui.widgets.flow import FlowLayout
from weightedit.ui.widgets.icons import icon
from weightedit.ui.widgets.pieces import label, restyle
from weightedit.ui.widgets.plain import aloud, plain, tip

READY = {"*norm*": "*norm*", "dtype:integer": "integer buffers", "dtype:bool": "bool buffers"}
"""The patterns that are offered ready, and what their chips say."""
TITLE = "Keep as they are"
STAYS = "{} stays as it is; press to take it out"


def read_patterns(text: str) -> list[str]:
    """Return the patterns that a text holds, one after each comma; a regular expression may have commas itself."""
    found, rest = [], text.strip()
    while rest:
        one, _, rest = (rest, "", "") if rest.startswith("re:") else rest.partition(",")
        found += [one.strip()] if one.strip() else []
        rest = rest.strip()
    return found


def pattern_problem(pattern: str) -> str:
    """Return what is wrong with a pattern, or nothing."""
    try:
        Left((pattern,), lambda name: False)
    except EditRefused as error:
        return error.hazards[0].message
    return ""


class LeaveField(QWidget):
    """Chips of patterns, and a line to type more; what is typed counts at once, and becomes chips when it is done.

    Signals
    -------
    changed
        Other tensors are left now.
    """

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.ready: dict[str, QToolButton] = {}
        self.typed: dict[str, QPushButton] = {}
        self.edit = QLineEdit()
        self.note = label("", "caption")
        self.note.setWordWrap(True)
        self.note.hide()
        self._chips = QWidget()
        self._flow = FlowLayout(4, 4)
        self._flow.setContentsMargins(0, 0, 0, 0)
        self._chips.setLayout(self._flow)
        self._lay_out()

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(label(TITLE, "section"))
        for pattern, words in READY.items():
            chip = QToolButton()
            chip.setText(words)
            chip.setCheckable(True)
            chip.setProperty("kind", "chip")
            chip.setToolTip(tip(f"Leave {pattern} as it is"))
            chip.setAccessibleName(aloud(f"Keep {words}"))
            chip.toggled.connect(lambda _: self.changed.emit())
            self.ready[pattern] = chip
            self._flow.addWidget(chip)
        column.addWidget(self._chips)
        self.edit.setFont(mono_font(12))
        self.edit.setProperty("mono", True)
        self.edit.setPlaceholderText("*bias, dtype:bf16, re:…")
        self.edit.setAccessibleName(TITLE)
        self.edit.setToolTip("Names, patterns, re: with a regular expression, or dtype: with a dtype, parted by commas")
        self.edit.editingFinished.connect(self._take_typed)  # by Enter, and where the focus goes elsewhere
        self.edit.textEdited.connect(self._typed)
        self.edit.installEventFilter(self)
        column.addWidget(self.edit)
        column.addWidget(self.note)

    def patterns(self) -> tuple[str, ...]:
        """Return what is left, ready patterns first, what is being typed last."""
        typed = [] if self.problem() else read_patterns(self.edit.text())
        ready = [pattern for pattern, chip in self.ready.items() if chip.isChecked() or pattern in typed]
        return tuple(dict.fromkeys((*ready, *self.typed, *typed)))

    def offer(self, names: Sequence[str]) -> None:
        """Offer the ready pattern of names only where a tensor of the document has such a name."""
        for pattern, chip in self.ready.items():
            if not pattern.startswith("dtype:"):
                chip.setVisible(chip.isChecked() or any(pattern.strip("*") in name for name in names))

    def start_with(self, patterns: Collection[str]) -> None:
        """Turn the ready dtypes on that an operation had better leave, and the others off; all can be turned."""
        for pattern, chip in self.ready.items():
            if pattern.startswith("dtype:"):
                chip.blockSignals(True)
                chip.setChecked(pattern in patterns)
                chip.blockSignals(False)

    def problem(self) -> str:
        """Return what is wrong with what is being typed, or nothing."""
        return next(filter(None, map(pattern_problem, read_patterns(self.edit.text()))), "")

    def heard(self, hazards: Sequence[Hazard]) -> list[Hazard]:
        """Mark the chips of patterns that leave nothing, and return the hazards that are not about a ready dtype.

        Those are turned on for whatever numbers there may be, so that there are none is nothing to know.
        """
        missing: dict[str, str] = {}
        for hazard in hazards if self.isVisible() else ():
            words = [f"{pattern} leaves none" if hazard.level == "notice" else f"Nothing is called {pattern}, "
                     for pattern in self.patterns()]  # fmt: skip
            found = [pattern for pattern, said in zip(self.patterns(), words, strict=True)
                     if hazard.kind == "not-found" and hazard.title.startswith(said)]  # fmt: skip
            missing |= dict.fromkeys(found, hazard.title)
        for pattern, chip in self.typed.items():
            restyle(chip, "wrong", "true" if pattern in missing else "false")
            chip.setToolTip(tip(missing.get(pattern) or STAYS.format(pattern)))
            chip.setAccessibleDescription(aloud(missing.get(pattern, "")))
        quiet = [title for pattern, title in missing.items() if pattern in self.ready and pattern.startswith("dtype:")]
        return [hazard for hazard in hazards if hazard.title not in quiet]

    def set_patterns(self, patterns: Iterable[str]) -> None:
        """Show what is left, without saying that it changed."""
        wanted = list(dict.fromkeys(patterns))
        self.edit.clear()
        self._say("")
        for pattern, chip in self.ready.items():
            chip.blockSignals(True)
            chip.setChecked(pattern in wanted)
            chip.blockSignals(False)
        for pattern in list(self.typed):
            self._drop(pattern)
        for pattern in wanted:
            if pattern not in self.ready:
                self._add(pattern)

    def focus_order(self) -> Sequence[QWidget]:
        """Return its parts in the order of the keyboard."""
        return [*self.ready.values(), *self.typed.values(), self.edit]

    def _typed(self, text: str) -> None:
        """Count what is being typed; a comma ends a pattern."""
        if text.endswith(",") and not text.lstrip().startswith("re:"):
            self._take_typed()
        self._say(self.problem())
        self.changed.emit()

    def _take_typed(self) -> None:
        """Make chips of what is typed, which counts already; what does not read stays where it can be mended."""
        self._say(self.problem())
        if self.problem():
            return
        patterns = read_patterns(self.edit.text())
        self.edit.clear()
        for pattern in patterns:
            if pattern in self.ready:
                chip = self.ready[pattern]
                chip.blockSignals(True)
                chip.setChecked(True)
                chip.blockSignals(False)
            elif pattern not in self.typed:
                self._add(pattern)

    def _say(self, problem: str) -> None:
        restyle(self.edit, "wrong", "true" if problem else "false")
        self.note.setText(problem)
        restyle(self.note, "role", "bad" if problem else "caption")
        self.note.setVisible(bool(problem))

    def _add(self, pattern: str) -> None:
        chip = QPushButton(plain(pattern))
        chip.setProperty("kind", "chip")
        chip.setIcon(icon("close", 12))
        chip.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
        chip.setAutoDefault(False)
        chip.setToolTip(tip(STAYS.format(pattern)))
        chip.setAccessibleName(aloud(f"Do not keep {pattern}"))
        chip.clicked.connect(lambda _=False: self._take_out(pattern))
        self.typed[pattern] = chip
        self._flow.addWidget(chip)
        chip.show()
        self._chips.updateGeometry()

    def _take_out(self, pattern: str) -> None:
        had_focus = self.typed[pattern].hasFocus()
        self._drop(pattern)
        if had_focus:
            self.edit.setFocus()
        self.changed.emit()

    def _drop(self, pattern: str) -> None:
        chip = self.typed.pop(pattern)
        self._flow.removeWidget(chip)
        chip.hide()
        chip.deleteLater()
        self._chips.updateGeometry()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Take the last typed chip out with Backspace in the empty line."""
        if watched is self.edit and isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress and \
                event.key() == Qt.Key.Key_Backspace and not self.edit.text() and self.typed:  # fmt: skip
            self._take_out(list(self.typed)[-1])
            return True
        return super().eventFilter(watched, event)
