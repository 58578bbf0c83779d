"""The list of operations, under the headings of their groups."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import Qt
from PySide6.QtGui import QStandardItem, QStandardItemModel
from PySide6.QtWidgets import QWidget

from weightedit.core.operation import Operation
from weightedit.ui.widgets.elided_combo import ElidedCombo
from weightedit.ui.widgets.plain import row_text, tip

SHOWN = 18
"""Rows the open list has at most; the rest is scrolled to."""


class OperationChoice(ElidedCombo):
    """A list to choose an operation from; typing the beginning of a name goes to it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Operation")
        self.setMaxVisibleItems(SHOWN)
        self._items = QStandardItemModel(self)
        self.setModel(self._items)

    def offer(self, operations: Iterable[Operation]) -> None:
        """List operations, in their order, group by group."""
        self._items.clear()
        groups: dict[str, list[Operation]] = {}
        for operation in operations:
            groups.setdefault(operation.group, []).append(operation)
        for group, members in groups.items():
            heading = QStandardItem(row_text(group))
            heading.setFlags(Qt.ItemFlag.NoItemFlags)
            font = heading.font()
            font.setPixelSize(11)
            font.setBold(True)
            heading.setFont(font)
            self._items.appendRow(heading)
            for operation in members:
                item = QStandardItem(row_text(operation.name))
                item.setData(operation.name, Qt.ItemDataRole.UserRole)
                item.setData(tip(operation.summary), Qt.ItemDataRole.ToolTipRole)
                item.setData(f"{operation.title}, {group}", Qt.ItemDataRole.AccessibleTextRole)
                self._items.appendRow(item)
