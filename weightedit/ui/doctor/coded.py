"""Sentences with code between backticks: shown in the font of code, copied and read aloud without the marks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QSizePolicy, QVBoxLayout

from weightedit.core.words.visible import LONGEST_MESSAGE, visible_lines
from weightedit.ui.errors.errors_view import broken
from weightedit.ui.theme import mono_font
from weightedit.ui.widgets.elided import ElidedLabel
from weightedit.ui.widgets.plain import BREAK, Breaking, Label, aloud, breaking

_CODE = re.compile(r"`([^`\n]+)`")
_TO_COPY = re.compile(r"[A-Za-z].*[\s(=]|[\s(=].*[A-Za-z]")
MOST_LINES = 6


def uncoded(text: str) -> str:
    """Return a text without the marks of its code, for what is one line or is read aloud."""
    return _CODE.sub(r"\1", text)


def lines_of_code(*texts: str) -> tuple[str, ...]:
    """Return the code in texts that is more than a name and whole, each once, as it is to be typed."""
    found = dict.fromkeys(one for text in texts for one in _CODE.findall(text))
    return tuple(one for one in found if _TO_COPY.search(one) and "…" not in one)[:MOST_LINES]


class CodedLabel(Label):
    """Text over several lines with code in it, which can be copied from."""

    def __init__(self, text: str, role: str = "") -> None:
        super().__init__()
        self._plain = self._shown = ""
        if role:
            self.setProperty("role", role)
        self.setWordWrap(True)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self.setText(text)

    def setText(self, text: str) -> None:
        """Show another text."""
        said = breaking(visible_lines(text, LONGEST_MESSAGE), broken)
        self._shown = uncoded(said)
        self._plain = self._shown.replace(BREAK, "")
        self.setAccessibleName(aloud(self._plain))
        has_code = said != self._shown  # markup, in which everything is escaped, takes far longer to lay out
        self.setTextFormat(Qt.TextFormat.RichText if has_code else Qt.TextFormat.PlainText)
        super().setText(Breaking(_marked(said) if has_code else said))

    def text(self) -> str:
        """Return the text as it reads."""
        return self._plain

    def select_all(self) -> None:
        """Select the whole text, whose markup is none of it."""
        self.setFocus(Qt.FocusReason.OtherFocusReason)
        self.setSelection(0, len(self._shown.encode("utf-16-le")) // 2)


class CodeLines(QFrame):
    """Lines of code out of what is said above, each with a button that copies it."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__()
        self.setProperty("surface", "well")
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 7, 8, 7)
        column.setSpacing(4)
        for one in lines:
            row = QHBoxLayout()
            shown = ElidedLabel(one)
            shown.setFont(mono_font(11))
            row.addWidget(shown, 1)
            copy = QPushButton("Copy")
            copy.setProperty("kind", "link")
            copy.setToolTip("Copy this line of code")
            copy.setAccessibleName(aloud(f"Copy {one}"))
            copy.clicked.connect(lambda _=False, one=one: QGuiApplication.clipboard().setText(one))
            row.addWidget(copy)
            column.addLayout(row)


def _marked(text: str) -> str:
    """Return a visible text as the markup of a label, its code in the font of code."""
    families = ", ".join(f"'{name}'" for name in mono_font(12).families())
    code = f'<span style="font-family: {escape(families)}">'
    parts = _CODE.split(text)
    marked = "".join(f"{code}{escape(part)}</span>" if place % 2 else escape(part) for place, part in enumerate(parts))
    return f'<span style="white-space: pre-wrap">{marked}</span>'.replace("\n", "<br>")
