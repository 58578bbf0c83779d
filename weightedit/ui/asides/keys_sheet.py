"""The page that F1 shows: every action and its keys, by menu; searched, and copied as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QResizeEvent
from PySide6.QtWidgets import QGridLayout, QLineEdit, QPushButton, QWidget

from weightedit.ui.asides.aside import AsidePage
from weightedit.ui.shell.menu_titles import MENUS, key_text
from weightedit.ui.widgets.elided import ElidedLabel
from weightedit.ui.widgets.pieces import label

if TYPE_CHECKING:
    from weightedit.ui.window import MainWindow

IN_THE_TREE = (("Up, Down", "Move; with Shift, select more"), ("Left, Right", "Close, open a row"),
               ("Enter", "Open the tensor"))  # fmt: skip
IN_THE_HISTORY = (("Enter", "Go to the point"), ("Shift+Enter", "Compare the point with the present"),
                  ("Right, Left", "Unfold, fold a group"))  # fmt: skip
NARROW = 760
"""Narrower than this, actions stand in one column."""
Line = tuple[str, str]
"""(keys, what they do)"""


class KeysSheet(AsidePage):
    """Actions in two columns, or in one, under the names of their menus."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__("Keys", "Every action, by the menu it stands in. Those without keys are in the palette.")
        self._window = window
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search actions and keys")
        self.search.setAccessibleName("Search actions and keys")
        self.search.setFixedWidth(220)
        self.search.textChanged.connect(self._fill)
        self.copy = QPushButton("Copy as text")
        self.copy.clicked.connect(self._copy)
        self.head.insertWidget(1, self.search)
        self.head.insertWidget(2, self.copy)
        self._body: QWidget | None = None
        self._is_narrow = False

    def begin(self) -> None:
        """List what there is now, and take the focus."""
        self._fill()
        self.search.setFocus()

    def sections(self) -> list[tuple[str, list[Line]]]:
        """Return (menu, lines) of every action that the search leaves."""
        words = self.search.text().lower().split()
        declared = self._window.actions_of.declared.values()
        found = [(menu, [(", ".join(map(key_text, action.keys)), action.title.removesuffix("…")) for action in declared
                         if action.menu.split("/")[0] == menu]) for menu in MENUS]  # fmt: skip
        found += [("In the tree", list(IN_THE_TREE)), ("In the history", list(IN_THE_HISTORY))]
        kept = [(menu, [line for line in lines if all(word in f"{menu} {line[0]} {line[1]}".lower() for word in words)])
                for menu, lines in found]  # fmt: skip
        return [(menu, lines) for menu, lines in kept if lines]

    def _fill(self, *_: str) -> None:
        if self._body is not None:
            self._body.hide()
            self._body.deleteLater()
        self._body = QWidget()
        grid = QGridLayout(self._body)
        grid.setContentsMargins(0, 10, 0, 0)
        grid.setVerticalSpacing(5)
        grid.setHorizontalSpacing(10)
        self._is_narrow = self.width() < NARROW
        for column in (0,) if self._is_narrow else (0, 3):
            grid.setColumnStretch(column, 1)
        grid.setColumnMinimumWidth(2, 28)
        row = 0
        for menu, lines in self.sections():
            grid.addWidget(label(menu, "section"), row, 0, 1, 5)
            half = -(-len(lines) // (1 if self._is_narrow else 2))
            for at, (keys, what) in enumerate(lines):
                place, column = row + 1 + at % half, 0 if at < half else 3
                grid.addWidget(ElidedLabel(what), place, column)
                if keys:
                    grid.addWidget(label(keys, "key"), place, column + 1, Qt.AlignmentFlag.AlignLeft)
            row += half + 2
            grid.setRowMinimumHeight(row - 1, 8)
        if not row:
            grid.addWidget(label(f"Nothing matches {self.search.text().strip()}.", "secondary"), 0, 0)
        self.add(self._body)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """List in one column where two have no room."""
        super().resizeEvent(event)
        if self._body is not None and self._is_narrow != (self.width() < NARROW):
            self._fill()

    def text(self) -> str:
        """Return what is listed as plain text, to print."""
        parts = [f"{menu}\n" + "\n".join(f"  {what}{f': {keys}' if keys else ''}" for keys, what in lines)
                 for menu, lines in self.sections()]  # fmt: skip
        return "\n\n".join(parts) + "\n"

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.text())
        self._window.status.say("Copied the keys.")
