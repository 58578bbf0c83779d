"""The question which tensor of a file takes another one's place: a list with shapes, the fitting ones first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLineEdit, QListWidget, QListWidgetItem, QPushButton, QVBoxLayout

from weightedit.core.words.numbers import count_text, shape_text
from weightedit.core.words.visible import visible
from weightedit.ui.widgets.pieces import IconLabel, label
from weightedit.ui.widgets.plain import aloud, row_text

TALLEST, LOWEST = 190, 48
MOST_LISTED = 2_000


@dataclass(frozen=True, slots=True)
class Offered:
    """One tensor of a file."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    short: str

    def fit(self, shape: tuple[int, ...], dtype: str) -> int:
        """Return how well it fits: 0 the same shape and dtype, 1 the shape, 2 as many values, 3 neither."""
        if self.shape == shape:
            return 0 if self.dtype == dtype else 1
        mine = theirs = 1
        for size in self.shape:
            mine *= size
        for size in shape:
            theirs *= size
        return 2 if mine == theirs else 3


class SourceCard(QFrame):
    """The list, above the tensors.

    Parameters
    ----------
    title
        What is asked.
    offered
        The tensors of the file.
    shape, dtype
        Of the tensor whose place is taken.
    choose
        Called with the name that was chosen.
    leave
        Called when nothing is to be done.
    open_file
        Called when the file was meant to be opened.
    """

    def __init__(self, title: str, offered: Sequence[Offered], shape: tuple[int, ...], dtype: str,
                 choose: Callable[[str], None], leave: Callable[[], None],
                 open_file: Callable[[], None]) -> None:  # fmt: skip
        super().__init__()
        self.setProperty("surface", "card")
        self.setObjectName("source")
        self._choose, self._leave = choose, leave
        self._offered = sorted(offered, key=lambda one: one.fit(shape, dtype))
        self._shape, self._dtype = shape, dtype
        self.filter = QLineEdit()
        self.filter.setPlaceholderText("Filter by name")
        self.filter.setAccessibleName("Filter the tensors of the file")
        self.filter.textChanged.connect(self._fill)
        self.filter.installEventFilter(self)
        self.list = QListWidget()
        self.list.setObjectName("offered")
        self.list.setAccessibleName(aloud(title))
        self.list.itemActivated.connect(lambda _: self._take())
        self.list.installEventFilter(self)
        self.use = QPushButton("Preview the replacement")
        self.list.currentRowChanged.connect(lambda row: self.use.setEnabled(row >= 0))
        self.use.setProperty("kind", "primary")
        self.use.clicked.connect(self._take)
        self.open_file = QPushButton("Open the file instead")
        self.open_file.setProperty("kind", "quiet")
        self.open_file.clicked.connect(open_file)
        self.cancel = QPushButton("Leave it as it is")
        self.cancel.setProperty("kind", "quiet")
        self.cancel.clicked.connect(leave)
        self._lay_out(title)
        self._fill("")

    def _lay_out(self, title: str) -> None:
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(IconLabel("file", 16, "accent"))
        head.addWidget(label(title, "strong"), 1)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        for button in (self.use, self.open_file, self.cancel):
            button.setProperty("small", True)
            buttons.addWidget(button)
        buttons.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 10, 12, 10)
        column.setSpacing(8)
        column.addLayout(head)
        column.addWidget(self.filter)
        column.addWidget(self.list)
        column.addLayout(buttons)

    def _fill(self, text: str) -> None:
        self.list.clear()
        found = [one for one in self._offered if text.strip().lower() in one.name.lower()]
        for one in found[:MOST_LISTED]:
            fit = ("same shape and dtype", "same shape", "as many values", "")[one.fit(self._shape, self._dtype)]
            said = "  ·  ".join(filter(None, (visible(one.name), shape_text(one.shape), one.short, fit)))
            item = QListWidgetItem(row_text(said))
            item.setData(Qt.ItemDataRole.UserRole, one)  # not its name: Qt's texts lose what is no text
            self.list.addItem(item)
        if len(found) > MOST_LISTED:
            more = QListWidgetItem(f"and {count_text(len(found) - MOST_LISTED)} more: type a part of the name")
            more.setFlags(Qt.ItemFlag.NoItemFlags)
            self.list.addItem(more)
        row = self.list.sizeHintForRow(0) if self.list.count() else 0
        self.list.setFixedHeight(max(min(row * self.list.count() + 6, TALLEST), LOWEST))
        self.list.setCurrentRow(0 if found else -1)
        self.use.setEnabled(bool(found))

    def _take(self) -> None:
        item = self.list.currentItem()
        found = None if self.list.currentRow() < 0 else item.data(Qt.ItemDataRole.UserRole)
        if found is not None:
            self._choose(found.name)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Choose with Enter, leave with Esc, go from the field to the list with Down."""
        if not isinstance(event, QKeyEvent):
            return super().eventFilter(watched, event)
        if event.type() == QEvent.Type.ShortcutOverride:
            if event.key() == Qt.Key.Key_Escape:
                event.accept()  # it means this list, not the preview below
        elif event.type() == QEvent.Type.KeyPress:
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self._take()
                return True
            if event.key() == Qt.Key.Key_Escape:
                self._leave()
                return True
            if event.key() == Qt.Key.Key_Down and watched is self.filter:
                self.list.setFocus()
                return True
        return super().eventFilter(watched, event)
