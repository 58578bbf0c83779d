"""The line that selects by condition: typed, or one of the conditions people want most, counted as it is typed."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QFrame,
    QHBoxLayout,
    QLineEdit,
    QMenu,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from weightedit.core.errors import ExpressionError
from weightedit.core.values.selecting import Picks, region_text
from weightedit.core.words.numbers import count_text
from weightedit.search.condition import parse_condition
from weightedit.ui.tensor_page.lookup import Lookup
from weightedit.ui.tensor_page.selection import Selection
from weightedit.ui.theme import mono_font
from weightedit.ui.widgets.elided import ElidedLabel
from weightedit.ui.widgets.pieces import IconLabel, icon_button, label, restyle
from weightedit.ui.widgets.plain import tip

HEIGHT = 36
CHOICES = {
    "NaN and Inf": "nonfinite(w)", "Zeros": "w == 0", "Beyond 3 sigma": "outliers(w, 3)",
    "Smallest 1 %": "abs(w) <= quantile(abs(w), 0.01)", "Largest 1 %": "abs(w) >= quantile(abs(w), 0.99)",
}  # fmt: skip
"""Ready-made conditions: what menus call them, and what they are."""


class WhereBar(QFrame):
    """A field for a condition, above the tensor while it is open.

    Signals
    -------
    closed
        The keys should go back to the tensor.
    """

    closed = Signal()

    def __init__(self, selection: Selection, lookup: Lookup, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("surface", "panel")
        self._selection, self._lookup = selection, lookup
        self._before = Picks(selection.shape)
        self.field = _Field()
        self.field.setProperty("mono", True)
        self.field.setFont(mono_font(12))
        self.field.setAccessibleName("Select where")
        self.field.setPlaceholderText("abs(w) < 1e-4")
        self.choices = QPushButton("Choices")
        self.choices.setProperty("kind", "quiet")
        self.choices.setAccessibleName("Ready-made conditions")
        self.within = QCheckBox()
        self.said, self.problem = ElidedLabel("", "caption"), label("", "bad")
        self.leave = icon_button("close", "Close (Esc)", 22, 12)
        self._lay_out()
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(250)
        self._soon.timeout.connect(self._take)
        self.field.textEdited.connect(self._check)
        self.field.returnPressed.connect(self._accept)
        self.field.left.connect(self._give_up)
        self.within.toggled.connect(lambda _: self._take())
        self.leave.clicked.connect(self.close_bar)
        lookup.counted.connect(self._show_count)
        self.hide()

    def _lay_out(self) -> None:
        menu = QMenu(self.choices)
        for title, condition in CHOICES.items():
            menu.addAction(title).setData(condition)
        menu.triggered.connect(lambda action: self.choose(action.data()))
        self.choices.setMenu(menu)
        holder = QWidget()
        holder.setFixedHeight(HEIGHT)
        row = QHBoxLayout(holder)
        row.setContentsMargins(14, 0, 10, 0)
        row.setSpacing(8)
        row.addWidget(IconLabel("filter", 14))
        row.addWidget(label("Select where", "caption"))
        row.addWidget(self.field, 3)
        row.addWidget(self.choices)
        row.addWidget(self.within)
        self.said.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        row.addWidget(self.said, 2)
        row.addWidget(self.leave)
        self.problem.setWordWrap(True)
        self.problem.setContentsMargins(14, 0, 14, 8)
        self.problem.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(holder)
        column.addWidget(self.problem)

    # ---- open and closed

    def open(self) -> None:
        """Show the line; what is picked, where it is one region, can be searched alone."""
        picks = self._selection.picks
        if self.isHidden():
            self._before = picks if not picks.condition else Picks(picks.shape)
            box = self._before.box
            self.within.blockSignals(True)
            self.within.setChecked(box is not None and box.numel > 1)
            self.within.blockSignals(False)
            self.within.setVisible(box is not None and box.numel > 1)
            if box is not None:
                self.within.setText(f"Only in {region_text(box, self._selection.shape)}")
            self.field.setText(picks.condition)
            self._say("", "")
        self.show()
        self.field.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.field.selectAll()

    def close_bar(self) -> None:
        """Hide the line; what it selected stays."""
        self._soon.stop()
        self.hide()
        self.closed.emit()

    def _give_up(self) -> None:
        """Hide the line and select again what was selected before it."""
        if self._selection.picks.condition and self._selection.picks != self._before:
            self._selection.pick_picks(self._before)
        self.close_bar()

    def choose(self, condition: str) -> None:
        """Select by one of the ready-made conditions, which stands in the field to be changed."""
        self.open()
        self.field.setText(condition)
        self._take()
        numbers = [at for at, letter in enumerate(condition) if letter.isdigit() or letter == "."]
        if numbers and condition.endswith(")"):
            self.field.setSelection(numbers[0], numbers[-1] - numbers[0] + 1)

    # ---- typing

    @property
    def is_waiting(self) -> bool:
        """Whether what was typed is about to be taken."""
        return self._soon.isActive()

    @property
    def text(self) -> str:
        """The condition as typed, without a leading `where`."""
        typed = self.field.text().strip()
        return typed.removeprefix("where ").strip() if typed.startswith("where ") else typed

    def _read(self) -> bool:
        """Check what is typed and say what is wrong with it."""
        if not self.text:
            self._say("", "")
            return False
        try:
            parse_condition(self.text)
        except ExpressionError as error:
            self._say("", str(error))
            self.field.setProperty("column", error.column + max(self.field.text().rfind(self.text), 0))
            return False
        self._say("counting…", "")
        return True

    def _check(self, _: str) -> None:
        if self._read():
            self._soon.start()
        else:
            self._soon.stop()

    def _take(self) -> None:
        self._soon.stop()
        if not self._read():
            return
        box = self._before.box if self.within.isChecked() else None
        shape = self._selection.shape
        self._selection.pick_picks(Picks(shape, () if box is None else (box,)).where(self.text))
        self._show_count()

    def _accept(self) -> None:
        self._take()
        if self.problem.isHidden():
            if self.text:
                self.close_bar()
        else:
            self.field.setCursorPosition(int(self.field.property("column") or 0))

    def _show_count(self) -> None:
        if self.isHidden() or not self._selection.picks.condition:
            return
        total, here = self._lookup.total, self._lookup.in_slice
        if self._lookup.problem:
            self._say("", self._lookup.problem)
        elif total is None or here is None:
            self._say("counting…", "")
        else:
            elsewhere = "" if here == total else f", {count_text(here)} in this slice"
            self._say(f"{count_text(total)} selected{elsewhere}", "")

    def _say(self, said: str, problem: str) -> None:
        restyle(self.field, "wrong", "true" if problem else "false")
        self.said.setText(said)
        self.problem.setText(problem)
        self.problem.setToolTip(tip(problem))
        self.problem.setVisible(bool(problem))


class _Field(QLineEdit):
    """A line whose Esc goes to the bar and not to the window."""

    left = Signal()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Give up on Esc."""
        if event.key() == Qt.Key.Key_Escape:
            self.left.emit()
            return
        super().keyPressEvent(event)

    def event(self, event: object) -> bool:
        """Take Esc before the window's own."""
        if isinstance(event, QKeyEvent) and event.type() == event.Type.ShortcutOverride \
                and event.key() == Qt.Key.Key_Escape:  # fmt: skip
            event.accept()
            return True
        return super().event(event)  # type: ignore[arg-type]
