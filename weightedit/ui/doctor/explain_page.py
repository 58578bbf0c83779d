"""Explains a pasted error: what happens, why, which tensors of the open document it is about, and what mends it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPlainTextEdit, QPushButton, QVBoxLayout, QWidget

from weightedit.core.words.visible import visible
from weightedit.doctor.explain.explain import explain
from weightedit.doctor.explain.explained import Explained
from weightedit.doctor.facts import facts_of
from weightedit.ui.asides.aside import AsidePage
from weightedit.ui.doctor.coded import CodedLabel, CodeLines, lines_of_code
from weightedit.ui.doctor.ground import Ground
from weightedit.ui.doctor.mend_card import MendCard
from weightedit.ui.doctor.mending import Mending
from weightedit.ui.doctor.standing import Standing
from weightedit.ui.edit_panel.hazard_card import Link
from weightedit.ui.errors.errors_view import Notice, wrapping
from weightedit.ui.tasks import TaskProgress
from weightedit.ui.theme import mono_font
from weightedit.ui.widgets.flow import FlowLayout
from weightedit.ui.widgets.pieces import label

if TYPE_CHECKING:
    from weightedit.ui.documents import OpenDocument
    from weightedit.ui.window import MainWindow

PAUSE = 250
"""Milliseconds after the last letter before what was pasted is explained."""
FIELD = 150


class ExplainPage(AsidePage):
    """A field to paste into, and below it what the text means."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__("Explain an error", "Paste a message or traceback of PyTorch; nothing of it is run")
        self._window = window
        self.found: Explained | None = None
        self._opened: OpenDocument | None = None
        self._ground: Ground | None = None
        self._mending = Mending(window, self._mended)
        self.text = QPlainTextEdit()
        self.text.setAccessibleName("Error to explain")
        self.text.setFont(mono_font(12))
        self.text.setProperty("mono", True)
        self.text.setPlaceholderText("Traceback (most recent call last): …")
        self.text.setTabChangesFocus(True)
        self.text.setFixedHeight(FIELD)
        self.add(self.text)
        row = QHBoxLayout()
        paste, clear = QPushButton("Paste"), QPushButton("Clear")
        paste.clicked.connect(self.text.selectAll)
        paste.clicked.connect(self.text.paste)
        clear.clicked.connect(self.text.clear)
        row.setContentsMargins(0, 8, 0, 14)
        row.addWidget(paste)
        row.addWidget(clear)
        row.addStretch(1)
        buttons = QWidget()
        buttons.setLayout(row)
        self.add(buttons)
        self.result = QWidget()
        self._result = QVBoxLayout(self.result)
        self._result.setContentsMargins(0, 0, 0, 0)
        self._result.setSpacing(10)
        self.add(self.result)
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(PAUSE)
        self._pause.timeout.connect(self._explain)
        self.text.textChanged.connect(self._pause.start)
        window.documents.removed.connect(self._removed)

    def begin(self) -> None:
        """Take the focus where text goes, and explain it for the document that is there now."""
        self.text.setFocus()
        if self._window.current is not self._opened:
            self._pause.start()

    def _removed(self, opened: OpenDocument) -> None:
        if opened is self._opened:
            self._explain()

    def _explain(self) -> None:
        text, opened = self.text.toPlainText(), self._window.current
        ground = None if opened is None else Ground.of(opened.document)
        if not text.strip():
            self._window.tasks.cancel_group("explain")
            self._clear()
            return

        def work(_: TaskProgress) -> Explained:
            return explain(text, () if opened is None else facts_of(opened.document))

        def show(found: Explained) -> None:
            self._opened, self._ground = opened if opened in self._window.documents.all else None, ground
            self.show_explained(found)

        self._window.tasks.start("Explaining", work, on_result=show, quiet=True, group="explain")

    def show_explained(self, found: Explained) -> None:
        """Show what a text means."""
        self.found = found
        self._clear()
        self._add(label(found.title, "title"))
        self._add(CodedLabel(found.message))
        if found.why:
            self._add(CodedLabel(found.why, "secondary"))
        if found.caret is not None:
            shown = label(found.caret.shown)
            shown.setFont(mono_font(12))
            self._add(_well(shown))
        for cause in found.causes:
            self._add(CodedLabel(f"• {cause}", "secondary"))
        if lines := lines_of_code(found.message, found.why, *found.causes):
            self._add(CodeLines(lines))
        if found.frame is not None:
            where = f"{found.frame.file}, line {found.frame.line}"
            where += f", in {found.frame.function}" if found.frame.function else ""
            self._add(wrapping(f"Your code: {where}{': ' if found.frame.code else ''}{found.frame.code}", "caption"))
        self._add_tensors(found)
        self._add_mends(found)

    def _add_tensors(self, found: Explained) -> None:
        opened = self._opened
        if not found.tensors or opened is None:
            return
        row = QWidget()
        flow = FlowLayout(8, 4, row)
        flow.setContentsMargins(0, 0, 0, 0)
        flow.addWidget(label(f"In {opened.title} it fits", "secondary"))
        for name in found.tensors:
            link = Link(visible(name, 120))
            link.clicked.connect(lambda _=False, name=name: self._window.show_tensor(opened, name))
            flow.addWidget(link)
        more = found.tensor_count - len(found.tensors)
        if more > 0:
            flow.addWidget(label(f"and {more:,} more", "secondary"))
        self._add(row)

    def _add_mends(self, found: Explained) -> None:
        opened, ground = self._opened, self._ground
        if not found.mends or opened is None or ground is None:
            return
        self._add(label("What mends it", "section"))
        for place, mend in enumerate(found.mends):
            card = MendCard(mend, likely=place == 0)
            self._mending.join(card, opened.document)
            standing = Standing(card, opened.document, ground)
            self._window.documents.changed.connect(standing.look)
            self._add(card)

    def _add(self, widget: QWidget) -> None:
        self._result.addWidget(widget)

    def _clear(self) -> None:
        while (item := self._result.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()

    def _mended(self, said: str) -> None:
        self._result.insertWidget(0, Notice("ok", said))


def _well(inner: QWidget) -> QFrame:
    frame = QFrame()
    frame.setProperty("surface", "well")
    column = QVBoxLayout(frame)
    column.setContentsMargins(12, 9, 12, 9)
    column.addWidget(inner)
    return frame
