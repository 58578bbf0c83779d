"""Sections of the inspector: a head with a copy button, and rows whose values can be copied."""

from __future__ import annotations

import re

from PySide6.QtCore import Qt
from PySide6.QtGui import QFont, QGuiApplication, QResizeEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from weightedit.core.words.numbers import plain
from weightedit.ui.theme import ui_font
from weightedit.ui.widgets.elided import ElidedLabel
from weightedit.ui.widgets.pieces import icon_button, label, line, restyle
from weightedit.ui.widgets.plain import BREAK, breaking, tip

GAP, LEAST_GAP = 10, 6
"""Pixels between columns of names and numbers, and where there is little room."""


def value_label(text: str, tone: str = "") -> QLabel:
    """Make a value that can be selected and copied."""
    made = ElidedLabel(text)
    made.setFont(ui_font(12, QFont.Weight.Medium))
    made.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    made.setCursor(Qt.CursorShape.IBeamCursor)
    if tone:
        restyle(made, "tone", tone)
    return made


class Section(QWidget):
    """A titled part of the inspector."""

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.title = title
        self.note = label("", "caption")
        self.copy_button = icon_button("copy", f"Copy {title.lower()}", 22, 14)
        self.copy_button.clicked.connect(self.copy)
        self.head = QHBoxLayout()
        self.head.setSpacing(6)
        self.head.addWidget(label(title, "section"))
        self.head.addStretch(1)
        self.head.addWidget(self.note)
        self.head.addWidget(self.copy_button)
        self.about = ElidedLabel("", "caption")
        self.about.hide()
        self.body = QVBoxLayout()
        self.body.setSpacing(6)
        inner = QVBoxLayout()
        inner.setContentsMargins(14, 8, 10, 10)
        inner.setSpacing(8)
        inner.addLayout(self.head)
        inner.addWidget(self.about)
        inner.addLayout(self.body)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        outer.addLayout(inner)
        outer.addWidget(line())

    def name_tensor(self, name: str) -> None:
        """Name the tensor this is about, where it is not the one that is open."""
        self.about.setText(name)
        self.about.setToolTip(tip(name))
        self.about.setVisible(bool(name))

    def text(self) -> str:
        """Return the section as lines, as it is copied."""
        return ""

    def copy(self) -> None:
        """Put the section on the clipboard."""
        QGuiApplication.clipboard().setText(self.text())


class Facts(Section):
    """Rows of a name, a value, and a remark at the right."""

    def __init__(self, title: str, names: tuple[str, ...], parent: QWidget | None = None) -> None:
        super().__init__(title, parent)
        self.names: dict[str, QLabel] = {}
        self.values: dict[str, QLabel] = {}
        self.remarks: dict[str, QLabel] = {}
        grid = QGridLayout()
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(6)
        grid.setColumnStretch(1, 1)
        for row, name in enumerate(names):
            self.names[name] = label(name, "secondary")
            self.values[name], self.remarks[name] = value_label("–"), label("", "caption")
            for shown in (self.values[name], self.remarks[name]):
                shown.setMinimumWidth(10)  # a narrow panel cuts them, it does not grow
            grid.addWidget(self.names[name], row, 0)
            both = QHBoxLayout()
            both.setSpacing(6)
            both.addWidget(self.values[name])
            both.addStretch(1)
            both.addWidget(self.remarks[name])
            grid.addLayout(both, row, 1)
        self.body.addLayout(grid)

    def show_value(self, name: str, value: str, remark: str = "", tooltip: str = "") -> None:
        """Show one row."""
        self.values[name].setText(value)
        self.values[name].setToolTip(tip(tooltip))
        self.remarks[name].setText(remark)

    def text(self) -> str:
        """Return `name: value` lines."""
        return "\n".join(f"{plain(name)}: {plain(value.text())}" for name, value in self.values.items())


class Pairs(Section):
    """Two columns of names and right-aligned values."""

    def __init__(self, title: str, names: tuple[tuple[str, str], ...], parent: QWidget | None = None) -> None:
        super().__init__(title, parent)
        self.values: dict[str, QLabel] = {}
        grid = QGridLayout()
        grid.setHorizontalSpacing(GAP)
        grid.setVerticalSpacing(6)
        self._grid, self._pairs, self.is_wide = grid, names, True
        self._names: dict[str, QLabel] = {}
        for name in (name for pair in names for name in pair):
            self._names[name], self.values[name] = label(name, "secondary"), value_label("–")
            self.values[name].setMinimumWidth(10)
            self.values[name].setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._arrange()
        self.body.addLayout(grid)

    def _arrange(self) -> None:
        rows = self._pairs if self.is_wide else tuple((name,) for pair in self._pairs for name in pair)
        for row, shown in enumerate(rows):
            for place, name in enumerate(shown):
                for step, widget in enumerate((self._names[name], self.values[name])):
                    self._grid.removeWidget(widget)
                    self._grid.addWidget(widget, row, 2 * place + step)

    def _make_room(self) -> None:
        """Share the width among the numbers; stand one in a row where two do not fit."""
        columns = list(zip(*self._pairs, strict=True))
        wide = [max(self.values[name].sizeHint().width() for name in column) + 2 for column in columns]
        names = [max(self._names[name].sizeHint().width() for name in column) for column in columns]
        room = self.width() - 24 - sum(wide) - sum(names)
        is_wide = room >= 3 * LEAST_GAP
        self._grid.setHorizontalSpacing(GAP if room >= 3 * GAP else LEAST_GAP)
        if is_wide != self.is_wide:
            self.is_wide = is_wide
            self._arrange()
        self._grid.setColumnStretch(1, wide[0])
        self._grid.setColumnStretch(3, wide[1] if is_wide else 0)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Give the numbers room."""
        super().resizeEvent(event)
        self._make_room()

    def show_value(self, name: str, value: str, tone: str = "", tooltip: str = "") -> None:
        """Show one value; `tone` colours what needs attention."""
        shown = self.values[name]
        shown.setText(value)
        shown.setToolTip(tip(tooltip))
        restyle(shown, "tone", tone)
        self._make_room()

    def text(self) -> str:
        """Return `name: value` lines."""
        return "\n".join(f"{plain(name)}: {plain(value.text())}" for name, value in self.values.items())


class Columns(Section):
    """Rows of a name, a value before and a value after."""

    def __init__(self, title: str, names: tuple[str, ...], parent: QWidget | None = None) -> None:
        super().__init__(title, parent)
        self.names = names
        self.chip = label("not applied", "chip")
        self.chip.setFixedHeight(18)
        restyle(self.chip, "tone", "accent")
        self.head.insertWidget(1, self.chip)
        grid = QGridLayout()
        grid.setHorizontalSpacing(GAP)
        grid.setVerticalSpacing(5)
        grid.setColumnStretch(0, 1)
        after = label("after", "caption")
        restyle(after, "tone", "accent")
        grid.addWidget(label("before", "caption"), 0, 1, Qt.AlignmentFlag.AlignRight)
        grid.addWidget(after, 0, 2, Qt.AlignmentFlag.AlignRight)
        self.cells: dict[str, tuple[QLabel, QLabel]] = {}
        for row, name in enumerate(names, 1):
            before, later = value_label("–"), value_label("–")
            before.setMinimumWidth(10)
            later.setMinimumWidth(10)
            grid.addWidget(label(name, "secondary"), row, 0)
            grid.addWidget(before, row, 1, Qt.AlignmentFlag.AlignRight)
            grid.addWidget(later, row, 2, Qt.AlignmentFlag.AlignRight)
            self.cells[name] = before, later
        self.body.addLayout(grid)

    def show_values(self, name: str, before: str, after: str, tone: str = "") -> None:
        """Show one row; what stays the same is not coloured."""
        shown, later = self.cells[name]
        shown.setText(before)
        later.setText(after)
        restyle(later, "tone", tone if before != after else "")

    def text(self) -> str:
        """Return `name: before -> after` lines."""
        return "\n".join(f"{name}: {plain(a.text())} -> {plain(b.text())}" for name, (a, b) in self.cells.items())


class Wrapped(Section):
    """Lines of text that wrap and can be copied."""

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(title, parent)
        self.lines = label("")
        self.lines.setWordWrap(True)
        self.lines.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.lines.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self.body.addWidget(self.lines)

    def show_text(self, text: str) -> None:
        """Show lines; a zero-width space lets long names break."""
        self._plain = text
        self.lines.setText(breaking(text, lambda shown: re.sub("([/_.])", f"\\1{BREAK}", shown)))

    def text(self) -> str:
        """Return the lines."""
        return getattr(self, "_plain", "")
