"""What is asked before unsaved edits would be lost: each document with its edits, and what becomes of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QDialog, QFrame, QHBoxLayout, QPushButton, QScrollArea, QVBoxLayout, QWidget

from weightedit.core.words.numbers import count_text
from weightedit.ui.documents import OpenDocument
from weightedit.ui.shell.status_bar import Dot, modified_text
from weightedit.ui.tensor_page.header import Segments
from weightedit.ui.theme import ui_font
from weightedit.ui.widgets.elided import ElidedLabel
from weightedit.ui.widgets.pieces import label, line, restyle
from weightedit.ui.widgets.plain import aloud, plain, tip

WIDTH, TALLEST_LIST = 560, 380
MOST_EDITS = 4
"""Edits of a document that are named; the rest is counted."""
SAVE, DISCARD = "Save", "Discard"


def edit_lines(opened: OpenDocument) -> list[tuple[str, str]]:
    """Return what was done and where, for each edit since the last save, the latest first."""
    history = opened.document.history
    steps = history.steps[history.saved_position or 0 : history.position]
    lines, last = [], None
    for step in reversed(steps):
        if step.group is None:
            lines.append((step.label, step.where))
        elif step.group is not last:  # edits made as one are named as one
            lines.append((step.group.label, step.where))
        last = step.group
    return lines


class UnsavedRow(QFrame):
    """One document: its name and folder, its edits, and Save or Discard."""

    def __init__(self, opened: OpenDocument, choice: bool, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.opened = opened
        self.choice = Segments((SAVE, DISCARD))
        self.choice.setAccessibleName(aloud(f"What becomes of the edits in {opened.title}"))
        for name, button in self.choice.buttons.items():
            button.setAccessibleName(aloud(f"{name} the edits in {opened.title}"))
        if not choice:
            self.choice.hide()
        dot = Dot()
        dot.set_token("warn")
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(dot)
        names = QVBoxLayout()
        names.setSpacing(1)
        title = ElidedLabel(opened.title, "name")
        title.setToolTip(tip(str(opened.document.path)))
        names.addWidget(title)
        folder = Path(str(opened.document.path)).absolute().parent
        names.addWidget(ElidedLabel(f"{modified_text(opened)} · {folder}", "caption"))
        head.addLayout(names, 1)
        head.addWidget(self.choice, 0, Qt.AlignmentFlag.AlignTop)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 10, 0, 10)
        column.setSpacing(3)
        column.addLayout(head)
        lines = edit_lines(opened)
        for what, where in lines[:MOST_EDITS]:
            column.addLayout(self._edit(what, where))
        if len(lines) > MOST_EDITS:
            column.addLayout(self._edit("", f"and {count_text(len(lines) - MOST_EDITS)} more"))

    def _edit(self, what: str, where: str) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setContentsMargins(16, 0, 0, 0)
        row.setSpacing(8)
        if what:
            row.addWidget(label(what))
        row.addWidget(ElidedLabel(where, "secondary"), 1)
        return row

    @property
    def saves(self) -> bool:
        """Whether its edits are to be saved."""
        return self.choice.current == SAVE


class CloseDialog(QDialog):
    """Lists the documents with unsaved edits.

    Signals
    -------
    decided
        (list of OpenDocument to save first): the rest is discarded. It does not come if they go on editing.
    """

    decided = Signal(object)

    def __init__(self, documents: Sequence[OpenDocument], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setModal(True)
        self.setFixedWidth(WIDTH)
        self.setWindowTitle("Unsaved edits")
        several = len(documents) > 1
        self._one = f"{count_text(len(documents))} files" if several else documents[0].title
        self.rows = [UnsavedRow(document, several) for document in documents]
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 20, 20, 20)
        column.setSpacing(8)
        title = label(f"Save the edits in {self._one}?", "title")
        title.setFont(ui_font(15, QFont.Weight.DemiBold))
        title.setWordWrap(True)
        column.addWidget(title)
        column.addWidget(self._list())
        column.addSpacing(8)
        column.addLayout(self._buttons(several))
        for row in self.rows:
            row.choice.chosen.connect(lambda _: self._name_buttons())
        self._name_buttons()
        self.save_button.setFocus()

    def _list(self) -> QWidget:
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        for number, row in enumerate(self.rows):
            if number:
                column.addWidget(line())
            column.addWidget(row)
        scroll = QScrollArea()
        scroll.setWidget(inner)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFixedHeight(min(inner.sizeHint().height(), TALLEST_LIST))
        return scroll

    def _buttons(self, several: bool) -> QHBoxLayout:
        self.discard_button = QPushButton("&Discard all" if several else "&Discard edits")
        self.keep_button = QPushButton("&Keep editing")
        self.save_all_button = QPushButton("Save &all")
        self.save_button = QPushButton()
        self.discard_button.clicked.connect(lambda: self._decide([]))
        self.keep_button.clicked.connect(self.reject)
        self.save_all_button.clicked.connect(lambda: self._decide([row.opened for row in self.rows]))
        self.save_button.clicked.connect(lambda: self._decide([row.opened for row in self.rows if row.saves]))
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.discard_button)
        row.addStretch(1)
        for button in (self.keep_button, self.save_all_button, self.save_button):
            row.addWidget(button)
        for button in (self.discard_button, self.keep_button, self.save_all_button):
            button.setAutoDefault(False)
        self.save_button.setDefault(True)
        return row

    def _name_buttons(self) -> None:
        """Let the button that goes ahead say what becomes of each document."""
        saved = sum(row.saves for row in self.rows)
        dropped = len(self.rows) - saved
        self.save_all_button.setVisible(saved > 0 and dropped > 0)
        if not dropped:
            text = f"&Save {plain(self._one)}"
        elif not saved:
            text = f"Discard the edits in {plain(self._one)}"
        else:
            text = f"&Save {count_text(saved)}, discard {count_text(dropped)}"
        self.save_button.setText(text)
        restyle(self.save_button, "kind", "warning" if dropped else "primary")

    def _decide(self, save: list[OpenDocument]) -> None:
        self.accept()
        self.decided.emit(save)
