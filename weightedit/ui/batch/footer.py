"""The line under the table: how much the edit comes to, and the buttons."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QWidget

from weightedit.core.words.numbers import count_text
from weightedit.ui.batch.texts import Total, large_text, several
from weightedit.ui.widgets.elided import ElidedLabel
from weightedit.ui.widgets.icons import icon
from weightedit.ui.widgets.pieces import IconLabel, label, line, restyle
from weightedit.ui.widgets.plain import tip

HEIGHT = 52
SAVE = " Save as recipe…"


class Footer(QFrame):
    """Totals at the left, buttons at the right.

    Signals
    -------
    apply, cancel, save, undo, again
        A button was pressed.
    """

    apply = Signal()
    cancel = Signal()
    save = Signal()
    undo = Signal()
    again = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedHeight(HEIGHT)
        self.tensors, self.rest = label("", "strong"), ElidedLabel("", "secondary")
        self.levels = {level: (line(vertical=True), IconLabel(name, 14, tone), label(""))
                       for level, name, tone in (("refusal", "refusal", "bad"), ("warning", "warning", "warn"),
                                                 ("notice", "info", "info"), ("left", "minus", "warn"))}  # fmt: skip
        for (_, _, words), tone in zip(self.levels.values(), ("bad", "warn", "info", "warn"), strict=True):
            words.setProperty("tone", tone)
        self.undo_button, self.again_button = QPushButton("Undo"), QPushButton("Preview again")
        self.save_button, self.cancel_button = QPushButton(SAVE), QPushButton("Cancel")
        self.apply_button = QPushButton("Apply")
        self.apply_button.setProperty("kind", "primary")
        self.save_button.setIcon(icon("history", 14))
        row = QHBoxLayout(self)
        row.setContentsMargins(14, 0, 14, 0)
        row.setSpacing(8)
        row.addWidget(self.tensors)
        row.addWidget(self.rest)
        row.addStretch(1)
        for parts in self.levels.values():
            for part in parts:
                row.addWidget(part)
        for button, signal in ((self.again_button, self.again), (self.undo_button, self.undo),
                               (self.save_button, self.save), (self.cancel_button, self.cancel),
                               (self.apply_button, self.apply)):  # fmt: skip
            row.addWidget(button)
            button.clicked.connect(signal)
        for parts in self.levels.values():
            parts[0].setFixedHeight(18)
        self.save_button.setAccessibleName(SAVE.strip())
        self.save_button.setToolTip("Save the edit as a recipe, to replay it on another checkpoint")
        levels = [part for level in ("notice", "warning", "left", "refusal") for part in self.levels[level]]
        self._parts: list[QWidget] = [*levels[:3], self.save_button, *levels[3:], self.tensors]
        self.again_button.hide()
        self.undo_button.hide()
        self._rests: tuple[str, ...] = ()
        self.show_total(None, "")

    def show_total(self, total: Total | None, word: str = "tensor", *, measures: bool = True) -> None:
        """Show the sums, or nothing."""
        numbers = {"refusal": 0, "warning": 0, "notice": 0, "left": 0} if total is None else {
            "refusal": total.refused, "warning": total.warnings, "notice": total.notices, "left": total.left}
        words = {"refusal": "{} refused", "warning": "", "notice": "", "left": "{} left out"}
        for level, (bar, mark, text) in self.levels.items():
            number = numbers[level]
            said = words[level].format(count_text(number)) or several(number, level)
            text.setText(said)
            for part in (bar, mark, text):
                part.setVisible(number > 0)
                part.setProperty("wanted", number > 0)
        self.tensors.setText("" if total is None else several(total.tensors, word))
        if total is None or not measures:
            self._say_rest()
            return
        change = f"{count_text(total.changed)} change"
        self._say_rest(f"{large_text(total.values)} values  ·  {change}", change)

    def say(self, title: str, rest: str = "") -> None:
        """Say something instead of sums."""
        self.show_total(None)
        self.tensors.setText(title)
        self._say_rest(rest)

    def _say_rest(self, *ways: str) -> None:
        """Say the first of some texts, the longest first, that there is room for."""
        self._rests = ways
        self._fit()

    def _fit(self) -> None:
        """Give buttons the room they need; where it is short, the counts go first, then words that icons say too."""
        buttons = (self.again_button, self.undo_button, self.save_button, self.cancel_button, self.apply_button)
        self.save_button.setText(SAVE)
        for button in buttons:
            button.setMinimumWidth(button.sizeHint().width())
        for part in self._parts:
            part.setVisible(part in (self.save_button, self.tensors) or bool(part.property("wanted")))
        self.rest.hide()
        for part in self._parts:
            if self._needed <= self.width():
                break
            if part is self.save_button:
                self._save_by_icon()
            else:
                part.hide()
        text = self._rest_that_fits()
        if not text and any(self._rests) and self.save_button.text():  # the sums say more than the button's words
            self._save_by_icon()
            text = self._rest_that_fits()
        self.rest.setText(text)
        self.rest.setVisible(bool(text))

    def _save_by_icon(self) -> None:
        self.save_button.setText("")
        self.save_button.setMinimumWidth(self.save_button.sizeHint().width())

    def _rest_that_fits(self) -> str:
        room, metrics = self.width() - self._needed - 8, self.rest.fontMetrics()
        return next((text for text in self._rests if text and metrics.horizontalAdvance(text) + 2 <= room), "")

    @property
    def _needed(self) -> int:
        layout = self.layout()
        return 0 if layout is None else layout.minimumSize().width()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Fit to the width."""
        super().resizeEvent(event)
        self._fit()

    def show_apply(self, text: str, off: str, *, warned: bool) -> None:
        """Show what Apply would cost, or why it is off."""
        self.apply_button.setText(text)
        restyle(self.apply_button, "kind", "warning" if warned and not off else "primary")
        self.apply_button.setEnabled(not off)
        self._fit()
        self.apply_button.setToolTip(tip(off or "Apply to all of them in one step  Ctrl+Enter"))
