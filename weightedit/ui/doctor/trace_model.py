"""The rows of a trace as an item model: calls inside calls."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from weightedit.core.words.numbers import bytes_text
from weightedit.doctor.shape_trace.outline import TraceNode, shape_of
from weightedit.doctor.shape_trace.trace import Call
from weightedit.ui.widgets.plain import aloud, row_text, tip

Index = QModelIndex | QPersistentModelIndex
_NOWHERE = QModelIndex()


class Column(IntEnum):
    """The columns."""

    MODULE = 0
    SHAPES = 1


class TraceModel(QAbstractItemModel):
    """Calls in the order in which they began, each below the call it happened in."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._roots: list[TraceNode] = []

    def show(self, roots: list[TraceNode]) -> None:
        """Show other rows."""
        self.beginResetModel()
        self._roots = roots
        self.endResetModel()

    @property
    def roots(self) -> list[TraceNode]:
        """The outermost rows."""
        return self._roots

    def node(self, index: Index) -> TraceNode | None:
        """Return the row at an index."""
        found = index.internalPointer() if index.isValid() else None
        return found if isinstance(found, TraceNode) else None

    def index_of(self, node: TraceNode) -> QModelIndex:
        """Return where a row is."""
        beside = self._roots if node.parent is None else node.parent.children
        return self.createIndex(next(at for at, one in enumerate(beside) if one is node), 0, node)

    # ---- what Qt asks

    def rowCount(self, parent: Index = _NOWHERE) -> int:
        """Return how many rows are inside one."""
        if parent.column() > 0:
            return 0
        node = self.node(parent)
        return len(self._roots if node is None else node.children)

    def columnCount(self, parent: Index = _NOWHERE) -> int:
        """Return how many columns there are."""
        return len(Column)

    def index(self, row: int, column: int, parent: Index = _NOWHERE) -> QModelIndex:
        """Return the index of a row inside another."""
        if not self.hasIndex(row, column, parent):
            return QModelIndex()
        node = self.node(parent)
        return self.createIndex(row, column, (self._roots if node is None else node.children)[row])

    def parent(self, index: Index = _NOWHERE) -> Any:
        """Return the index of the row that one is in."""
        node = self.node(index)
        return QModelIndex() if node is None or node.parent is None else self.index_of(node.parent)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return what a cell says."""
        node = self.node(index)
        if node is None:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return row_text(f"{node.title}  {node.type}" if index.column() == Column.MODULE else shapes(node))
        if role == Qt.ItemDataRole.ToolTipRole:
            return tip(told(node))
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return aloud(f"{node.title}, {node.type}, {shapes(node)}")
        return None


def shapes(node: TraceNode) -> str:
    """Return what went in and came out: `1, 16 → 1, 16, 4096`, or what became of it."""
    if node.call is None:
        return node.state
    given = shape_of(node.call.inputs)
    return f"{given} → {shape_of(node.call.outputs) if node.state == 'done' else node.state}"


def told(node: TraceNode) -> str:
    """Return everything of a row, for a tooltip and to be copied."""
    lines = [f"{node.module or node.type}: {node.type}"]
    if node.call is None:
        return "\n".join([*lines, node.state])
    lines += [f"in {one.place}: {one}{_on(one.device)}" for one in node.call.inputs[:12]]
    lines += [f"out{' ' + one.place if one.place else ''}: {one}{_on(one.device)}" for one in node.call.outputs[:12]]
    lines += [] if node.state == "done" else [node.state]
    return "\n".join([*lines, *_measured(node.call)])


def _on(device: str) -> str:
    return f" on {device}" if device else ""


def _measured(call: Call) -> list[str]:
    if call.seconds is None:
        return []
    kept = "" if call.nbytes is None else f", {bytes_text(max(0, call.nbytes))} kept"
    return [f"{call.seconds * 1e3:.2f} ms{kept}"]
