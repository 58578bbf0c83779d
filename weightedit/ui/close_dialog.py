"""What is asked before unsaved edits would be lost."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QDialog, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from weightedit.core.numbers import count_text
from weightedit.ui.actions.action import plain
from weightedit.ui.documents import OpenDocument
from weightedit.ui.pieces import label
from weightedit.ui.status_bar import Dot, modified_text
from weightedit.ui.theme import ui_font

WIDTH = 480


class CloseDialog(QDialog):
    """Lists the documents with unsaved edits.

    Signals
    -------
    save, discard
        What the person decided; neither comes if they go on editing.
    """

    save = Signal()
    discard = Signal()

    def __init__(self, documents: Sequence[OpenDocument], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setModal(True)
        self.setFixedWidth(WIDTH)
        self.setWindowTitle("Unsaved edits")
        one = documents[0].title if len(documents) == 1 else f"{count_text(len(documents))} files"
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 20, 20, 20)
        column.setSpacing(8)
        title = label(f"Save the edits in {one}?", "title")
        title.setFont(ui_font(15, QFont.Weight.DemiBold))
        title.setWordWrap(True)
        column.addWidget(title)
        for document in documents:
            row = QHBoxLayout()
            row.setSpacing(8)
            dot = Dot()
            dot.set_token("warn")
            row.addWidget(dot)
            row.addWidget(label(document.title, "name"))
            row.addStretch(1)
            row.addWidget(label(modified_text(document), "secondary"))
            column.addLayout(row)
        column.addSpacing(12)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        self.discard_button = QPushButton("&Discard edits")
        self.discard_button.setAutoDefault(False)
        self.keep_button = QPushButton("&Keep editing")
        self.keep_button.setAutoDefault(False)
        self.save_button = QPushButton(f"&Save {plain(one)}")
        self.save_button.setProperty("kind", "primary")
        self.save_button.setDefault(True)
        self.discard_button.clicked.connect(self._discard)
        self.keep_button.clicked.connect(self.reject)
        self.save_button.clicked.connect(self._save)
        buttons.addWidget(self.discard_button)
        buttons.addStretch(1)
        buttons.addWidget(self.keep_button)
        buttons.addWidget(self.save_button)
        column.addLayout(buttons)

    def _save(self) -> None:
        self.accept()
        self.save.emit()

    def _discard(self) -> None:
        self.accept()
        self.discard.emit()
