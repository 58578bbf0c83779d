"""The sheet that F1 shows: every key and what it does, made from the actions."""

from __future__ import annotations

from PySide6.QtGui import QFont
from PySide6.QtWidgets import QDialog, QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from weightedit import __version__
from weightedit.ui.actions.action import MENUS, Action, key_text
from weightedit.ui.pieces import label
from weightedit.ui.theme import ui_font

WIDTH = 640
IN_THE_TREE = (("Up, Down", "Move; with Shift, select more"), ("Left, Right", "Close, open a row"),
               ("Enter", "Open the tensor"))  # fmt: skip


class KeysSheet(QDialog):
    """Lists the keys by menu, in two columns."""

    def __init__(self, actions: list[Action], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keys")
        self.setMinimumWidth(WIDTH)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 20, 20, 20)
        column.setSpacing(10)
        head = QHBoxLayout()
        title = label("Keys", "title")
        title.setFont(ui_font(15, QFont.Weight.DemiBold))
        head.addWidget(title)
        head.addStretch(1)
        head.addWidget(label(f"weightedit {__version__}", "caption"))
        column.addLayout(head)
        halves = QHBoxLayout()
        halves.setSpacing(24)
        column.addLayout(halves)
        sections = [(menu, [(action.keys[0], action.title.removesuffix("…")) for action in actions
                            if action.menu == menu and action.keys]) for menu in MENUS]  # fmt: skip
        sections.append(("In the tree", list(IN_THE_TREE)))
        sections = [section for section in sections if section[1]]
        left = [section for section in sections if section[0] in ("File", "Edit")]
        for part in (left, [section for section in sections if section not in left]):
            halves.addLayout(self._part(part), 1)

    def _part(self, sections: list[tuple[str, list[tuple[str, str]]]]) -> QVBoxLayout:
        column = QVBoxLayout()
        column.setSpacing(6)
        for name, rows in sections:
            column.addWidget(label(name, "section"))
            grid = QGridLayout()
            grid.setVerticalSpacing(4)
            grid.setHorizontalSpacing(10)
            grid.setColumnStretch(0, 1)
            for row, (keys, what) in enumerate(rows):
                grid.addWidget(label(what), row, 0)
                holder = QHBoxLayout()
                holder.addStretch(1)
                holder.addWidget(label(keys if "," in keys else key_text(keys), "key"))
                grid.addLayout(holder, row, 1)
            column.addLayout(grid)
            column.addSpacing(8)
        column.addStretch(1)
        return column
