"""The rows of a trace as an item model: calls inside calls."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import Any

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from weightedit.core.words.numbers import bytes_text
from weightedit.doctor.shape_trace.outline import TraceNode, shape_of
from weightedit.ui.widgets.plain import aloud, row_text, tip

Index = QModelIndex | QPersistentModelIndex
_NOWHERE = QModelIndex()


class Column(IntEnum):
    """The columns."""

    MODULE = 0
    SHAPES = 1
    TIME = 2
    MEMORY = 3


class TraceModel(QAbstractItemModel):
    """Calls in the order in which they began, each below the call it happened in."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._all: list[TraceNode] = []
        self._roots: list[TraceNode] = []
        self._inside: dict[int, list[TraceNode]] = {}
        self._places: dict[int, int] = {}
        self.is_measured = False

    def show(self, roots: list[TraceNode]) -> None:
        """Show other rows, all of them."""
        self._all = roots
        self.is_measured = any(_is_measured(node) for root in roots for node in root.walk())
        self.filter("", only_failing=False)

    def filter(self, text: str, *, only_failing: bool) -> int:
        """Show the rows whose module or class has every word of a text, and what they are in; return how many fit."""
        words = text.lower().split()
        fits = {id(node) for root in self._all for node in root.walk()
                if (not only_failing or node.state in FAILING) and _has(node, words)}  # fmt: skip
        self.beginResetModel()
        self._inside, self._places = {}, {}
        self._roots = self._kept(self._all, fits)
        self.endResetModel()
        return len(fits)

    def _kept(self, nodes: list[TraceNode], fits: set[int]) -> list[TraceNode]:
        """Return the rows of a level that fit, or have rows inside that do."""
        kept: list[TraceNode] = []
        for node in nodes:
            self._inside[id(node)] = self._kept(node.children, fits)
            if self._inside[id(node)] or id(node) in fits:
                self._places[id(node)] = len(kept)
                kept.append(node)
        return kept

    def inside(self, node: TraceNode) -> list[TraceNode]:
        """Return the rows that are shown inside one."""
        return self._inside.get(id(node), [])

    @property
    def roots(self) -> list[TraceNode]:
        """The outermost rows."""
        return self._roots

    def node(self, index: Index) -> TraceNode | None:
        """Return the row at an index."""
        found = index.internalPointer() if index.isValid() else None
        return found if isinstance(found, TraceNode) else None

    def index_of(self, node: TraceNode) -> QModelIndex:
        """Return where a row is; an index that is not valid where it is not shown."""
        place = self._places.get(id(node))
        return QModelIndex() if place is None else self.createIndex(place, 0, node)

    # ---- what Qt asks

    def rowCount(self, parent: Index = _NOWHERE) -> int:
        """Return how many rows are inside one."""
        if parent.column() > 0:
            return 0
        node = self.node(parent)
        return len(self._roots if node is None else self.inside(node))

    def columnCount(self, parent: Index = _NOWHERE) -> int:
        """Return how many columns there are."""
        return len(Column)

    def index(self, row: int, column: int, parent: Index = _NOWHERE) -> QModelIndex:
        """Return the index of a row inside another."""
        if not self.hasIndex(row, column, parent):
            return QModelIndex()
        node = self.node(parent)
        return self.createIndex(row, column, (self._roots if node is None else self.inside(node))[row])

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
            return row_text(_TEXTS[Column(index.column())](node))
        if role == Qt.ItemDataRole.ToolTipRole:
            return tip(told(node))
        if role == Qt.ItemDataRole.AccessibleTextRole:
            told_too = [part for part in (time_text(node), memory_text(node)) if part]
            return aloud(", ".join([node.title, node.type, shapes(node), *told_too]))
        return None


def shapes(node: TraceNode) -> str:
    """Return what went in and came out: `1, 16 → 1, 16, 4096`, or what became of it."""
    if node.call is None:
        return f"{node.expects} → {node.state}" if node.expects else node.state
    given = shape_of(node.call.inputs)
    return f"{given} → {shape_of(node.call.outputs) if node.state == 'done' else node.state}"


def time_text(node: TraceNode) -> str:
    """Return how long a call took, with what it calls; empty where that was not measured."""
    seconds = None if node.call is None else node.call.seconds
    if seconds is None:
        return ""
    if seconds >= 1:
        return f"{seconds:.2f} s"
    return f"{seconds * 1e3:.2f} ms" if seconds < 0.1 else f"{seconds * 1e3:.0f} ms"


def memory_text(node: TraceNode) -> str:
    """Return what a call allocated and kept; empty where that was not measured."""
    nbytes = None if node.call is None or node.call.seconds is None else node.call.nbytes
    return "" if nbytes is None else bytes_text(max(0, nbytes))


def _is_measured(node: TraceNode) -> bool:
    return node.call is not None and node.call.seconds is not None


def _has(node: TraceNode, words: list[str]) -> bool:
    text = f"{node.module} {node.title} {node.type}".lower()
    return all(word in text for word in words)


FAILING = ("fails", "stopped", "caught", "not reached")
"""States of what did not run to its end."""
_TEXTS: dict[Column, Callable[[TraceNode], str]] = {
    Column.MODULE: lambda node: f"{node.title}  {node.type}", Column.SHAPES: shapes, Column.TIME: time_text,
    Column.MEMORY: memory_text,
}  # fmt: skip


def told(node: TraceNode) -> str:
    """Return everything of a row, for a tooltip and to be copied."""
    lines = [f"{node.module or node.type}: {node.type}"]
    if node.call is None:
        return "\n".join([*lines, *([f"takes {node.expects}"] if node.expects else []), node.state])
    lines += [f"in {one.place}: {one}{_on(one.device)}" for one in node.call.inputs[:12]]
    lines += [f"out{' ' + one.place if one.place else ''}: {one}{_on(one.device)}" for one in node.call.outputs[:12]]
    lines += [] if node.state == "done" else [node.state]
    measured = [time_text(node)] + ([f"{memory_text(node)} kept"] if memory_text(node) else [])
    return "\n".join([*lines, *([", ".join(measured)] if measured[0] else [])])


def _on(device: str) -> str:
    return f" on {device}" if device else ""

