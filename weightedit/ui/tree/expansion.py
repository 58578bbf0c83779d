"""Which rows of the tree are open: the first levels, those that were open before a filter; their rows in batches."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QObject, QPersistentModelIndex, QTimer
from PySide6.QtWidgets import QTreeView

from weightedit.core.described.outline import Node
from weightedit.ui.tree.model import TreeModel

OPENED_ROWS = 24
"""A new tree is opened level by level while it has fewer rows than this."""


class Expansion(QObject):
    """Opens and closes the rows of a tree, remembers them, and fetches what open ones hold.

    Parameters
    ----------
    view, rows
        The tree.
    """

    def __init__(self, view: QTreeView, rows: TreeModel) -> None:
        super().__init__(view)
        self._view, self._rows = view, rows
        self._expanded: set[tuple[int, tuple[str, ...]]] = set()
        self._filling: list[QPersistentModelIndex] = []
        self._filler = QTimer(self)
        self._filler.setInterval(0)
        self._filler.timeout.connect(self._fill)
        rows.rowsInserted.connect(self._rows_came)
        view.expanded.connect(self._fill_later)

    def remember(self) -> None:
        """Note which rows are expanded, before the rows are made anew."""
        self._expanded = {self._rows.key(node) for node in self._expanded_nodes()}

    def _expanded_nodes(self) -> list[Node]:
        found: list[Node] = []
        stack = [QModelIndex()]
        while stack:
            parent = stack.pop()
            for row in range(self._rows.rowCount(parent)):
                index = self._rows.index(row, 0, parent)
                node = self._rows.node(index)
                if node is not None and self._view.isExpanded(index):
                    found.append(node)
                    stack.append(index)
        return found

    def restore(self) -> None:
        """Expand the rows that were expanded before."""
        stack = [QModelIndex()]
        while stack:
            parent = stack.pop()
            for row in range(self._rows.rowCount(parent)):
                index = self._rows.index(row, 0, parent)
                node = self._rows.node(index)
                if node is not None and not node.is_leaf and self._rows.key(node) in self._expanded:
                    self._open(index)
                    stack.append(index)

    def _open(self, index: QModelIndex) -> None:
        """Expand a row and have its first rows at once; the rest comes batch by batch."""
        if not self._rows.rowCount(index):
            self._rows.fetchMore(index)
        self._view.expand(index)

    def open_first(self, most: int = OPENED_ROWS) -> None:
        """Expand rows from the top, level by level, while there are not too many of them."""
        level = [self._rows.index(row, 0) for row in range(self._rows.rowCount())]
        shown = len(level)
        while level:
            below: list[QModelIndex] = []
            for index in level:
                node = self._rows.node(index)
                if node is None or not node.tensors or not self._rows.hasChildren(index):
                    continue
                count = self._rows.size(node)
                if shown + count > most:
                    continue
                self._open(index)
                shown += count
                below += [self._rows.index(row, 0, index) for row in range(self._rows.rowCount(index))]
            level = below

    def open_above(self, index: QModelIndex) -> None:
        """Expand everything that a row lies in."""
        parent = index.parent()
        while parent.isValid():
            self._view.expand(parent)
            parent = parent.parent()

    def close_all(self) -> None:
        """Close every row."""
        self._expanded.clear()
        self._view.collapseAll()

    # ---- more rows

    def _fill_later(self, index: QModelIndex) -> None:
        self._filling.append(QPersistentModelIndex(index))
        self._filler.start()

    def _fill(self) -> None:
        """Fetch one more batch of a level that is open; Qt asks for the rest of the top level alone."""
        level = self._filling[-1] if self._filling else None
        if level is None:
            self._filler.stop()
        elif level.isValid() and self._view.isExpanded(level) and self._rows.canFetchMore(level):
            self._rows.fetchMore(level)
        else:
            self._filling.pop()

    def _rows_came(self, parent: QModelIndex, first: int, last: int) -> None:
        if self._expanded:
            for row in range(first, last + 1):
                index = self._rows.index(row, 0, parent)
                node = self._rows.node(index)
                if node is not None and not node.is_leaf and self._rows.key(node) in self._expanded:
                    self._view.expand(index)
