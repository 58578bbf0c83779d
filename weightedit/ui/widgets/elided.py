"""Labels that fit the width they get: one that ends in … where it is cut, and one that breaks long numbers."""

from __future__ import annotations

import re

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from weightedit.core.words.visible import LONGEST
from weightedit.ui.widgets.plain import BREAK, Label, aloud, breaking

LONG = 10
"""Characters that a word may have before it is broken like a line."""


def name_that_fits(metrics: QFontMetrics, name: str, room: int) -> str:
    """Return a dotted name, or `…` and as many of its last parts as fit: `…mlp.down_proj`, never `…wn_proj`."""
    shown = name
    while metrics.horizontalAdvance(shown) > room and "." in shown.removeprefix("…"):
        shown = "…" + shown.removeprefix("…").partition(".")[2]
    return shown if metrics.horizontalAdvance(shown) <= room else \
        metrics.elidedText(shown, Qt.TextElideMode.ElideRight, room)  # fmt: skip


class ElidedLabel(Label):
    """One line of plain text; what does not fit ends in …, and the whole is the tooltip then."""

    def __init__(self, text: str = "", role: str = "", parent: QWidget | None = None, *,
                 cut: Qt.TextElideMode = Qt.TextElideMode.ElideRight) -> None:  # fmt: skip
        super().__init__(text, parent, LONGEST)
        self._cut = cut
        if role:
            self.setProperty("role", role)

    def setText(self, text: str) -> None:
        """Show another text, on one line."""
        super().setText(text.replace("\n", "\\n"))

    @property
    def is_cut(self) -> bool:
        """Whether the text does not fit."""
        return self.fontMetrics().horizontalAdvance(self.text()) > self.contentsRect().width()

    def minimumSizeHint(self) -> QSize:
        """Leave the width to the layout."""
        return QSize(10, super().minimumSizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the text, or as much as fits and an ellipsis."""
        if not self.is_cut:
            super().paintEvent(event)
            return
        rect = self.contentsRect()
        painter = QPainter(self)
        painter.setPen(self.palette().color(self.foregroundRole()))
        text = self.fontMetrics().elidedText(self.text(), self._cut, rect.width())
        painter.drawText(rect, self.alignment() | Qt.TextFlag.TextSingleLine, text)


class TwoLineLabel(ElidedLabel):
    """One line of plain text, or two where one has no room for it; what does not fit these ends in …."""

    @property
    def is_folded(self) -> bool:
        """Whether it takes two lines."""
        return self.fontMetrics().horizontalAdvance(self.text()) > self.contentsRect().width()

    @property
    def is_cut(self) -> bool:
        """Whether the text does not fit."""
        room = self.contentsRect().width()
        return self.is_folded and self.fontMetrics().horizontalAdvance(self._folded()[1]) > room

    def setText(self, text: str) -> None:
        """Show another text."""
        super().setText(text)
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Take as many lines as the width asks for."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        self.setFixedHeight(self.fontMetrics().height() * (2 if self.is_folded else 1))

    def _folded(self) -> tuple[str, str]:
        """Return the words that fit the first line, at least one, and the others."""
        words, room = self.text().split(" "), self.contentsRect().width()
        count = len(words) - 1
        while count > 1 and self.fontMetrics().horizontalAdvance(" ".join(words[:count])) > room:
            count -= 1
        return " ".join(words[:count]), " ".join(words[count:])

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the text on its lines."""
        if not self.is_folded:
            super().paintEvent(event)
            return
        painter, metrics, rect = QPainter(self), self.fontMetrics(), self.contentsRect()
        painter.setPen(self.palette().color(self.foregroundRole()))
        for place, text in enumerate(self._folded()):
            shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, rect.width())
            painter.drawText(rect.left(), rect.top() + place * metrics.height() + metrics.ascent(), shown)


class BreakingLabel(Label):
    """Plain text over several lines that never needs more width than there is: long numbers go on in the next line."""

    def __init__(self, role: str = "", parent: QWidget | None = None) -> None:
        super().__init__("", parent)
        self._plain = ""
        self.setWordWrap(True)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        if role:
            self.setProperty("role", role)

    def setText(self, text: str) -> None:
        """Show a text; a long word begins a line, and a zero-width space after each character lets it break there."""
        self._plain = text
        self.setAccessibleName(aloud(text))
        super().setText(breaking(text, _anywhere))

    def text(self) -> str:
        """Return the text as it was given."""
        return self._plain


def _anywhere(text: str) -> str:
    broken = re.sub(rf"\S{{{LONG + 1},}}", lambda found: BREAK.join(found[0]), text)
    return re.sub(rf" (?=\S{BREAK})", "\n", broken)
