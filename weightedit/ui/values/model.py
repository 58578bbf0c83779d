"""An item model over a slice of any size: blocks of values are read in the background where someone looks."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt, QTimer, Signal
from PySide6.QtGui import QColor

from weightedit.core.numbers import value_texts
from weightedit.core.pinned import PinnedTensor
from weightedit.core.reduction import SliceView, cells
from weightedit.ui.tasks import TaskProgress, Tasks
from weightedit.ui.theme import theme

BLOCK_ROWS, BLOCK_COLUMNS = 64, 32
KEPT = 512
"""Blocks kept, about a million values."""
MOST = 1_000_000
"""Rows or columns in the table at once; a view cannot scroll through more pixels than 2³¹."""
LOADING = "…"
_Index = QModelIndex | QPersistentModelIndex
_Block = list[list[str]]


@dataclass(frozen=True)
class Window:
    """The part of a slice that is in the table."""

    row: int
    column: int
    rows: int
    columns: int


class ValuesModel(QAbstractTableModel):
    """Texts of the values of a slice.

    Signals
    -------
    typed
        (row, column, text): a person typed into a cell. The model changes only when the document does.
    failed
        (exception) of reading.
    """

    typed = Signal(int, int, str)
    failed = Signal(object)

    def __init__(self, tasks: Tasks, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._tasks = tasks
        self._pinned: PinnedTensor | None = None
        self._view = SliceView(None, None)
        self.window = Window(0, 0, 0, 0)
        self._size = (0, 0)
        self._blocks: OrderedDict[tuple[int, int], _Block] = OrderedDict()
        self._wanted: OrderedDict[tuple[int, int], None] = OrderedDict()
        self._reading = False
        self._generation = 0
        self.is_editable = True
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(0)
        self._soon.timeout.connect(self._read)

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of the whole slice."""
        return self._size

    def show_slice(self, pinned: PinnedTensor, view: SliceView) -> None:
        """Show another slice, or another state of the same one."""
        size = view.size(pinned.spec.shape)
        same = size == self._size and view == self._view and self._pinned is not None
        self._generation += 1
        if same:
            self._pinned = pinned
            self._blocks.clear()
            self._wanted.clear()
            if self.rowCount() and self.columnCount():
                self.dataChanged.emit(self.index(0, 0), self.index(self.rowCount() - 1, self.columnCount() - 1))
            return
        self.beginResetModel()
        self._pinned, self._view, self._size = pinned, view, size
        self._blocks.clear()
        self._wanted.clear()
        self.window = Window(0, 0, min(size[0], MOST), min(size[1], MOST))
        self.endResetModel()

    def show_window(self, row: int, column: int) -> None:
        """Bring a cell that is not in the table into it."""
        rows, columns = self._size
        first_row = min(max(row - MOST // 2, 0), max(rows - MOST, 0))
        first_column = min(max(column - MOST // 2, 0), max(columns - MOST, 0))
        if (first_row, first_column) == (self.window.row, self.window.column):
            return
        self.beginResetModel()
        self._blocks.clear()
        self._wanted.clear()
        self._generation += 1
        self.window = Window(first_row, first_column, min(rows, MOST), min(columns, MOST))
        self.endResetModel()

    def cell(self, index: _Index) -> tuple[int, int]:
        """Return the row and column in the slice of an index."""
        return self.window.row + index.row(), self.window.column + index.column()

    def index_of(self, row: int, column: int) -> QModelIndex:
        """Return the index of a cell of the slice; not valid where it is not in the table."""
        return self.index(row - self.window.row, column - self.window.column)

    # ---- the model's interface

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        """How many rows are in the table."""
        return 0 if parent.isValid() else self.window.rows

    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        """How many columns are in the table."""
        return 0 if parent.isValid() else self.window.columns

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return a value's text, or … while it is being read."""
        if not index.isValid():
            return None
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        if role not in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole, Qt.ItemDataRole.ForegroundRole):
            return None
        text = self._text(*self.cell(index))
        if role == Qt.ItemDataRole.ForegroundRole:
            return _color(text)
        return "" if role == Qt.ItemDataRole.EditRole and text == LOADING else text

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return the index in the tensor."""
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        first = self.window.row if orientation == Qt.Orientation.Vertical else self.window.column
        return str(first + section)

    def flags(self, index: _Index) -> Qt.ItemFlag:
        """Values can be picked, and typed over."""
        if not index.isValid():
            return Qt.ItemFlag.NoItemFlags
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemNeverHasChildren
        if self.is_editable:
            flags |= Qt.ItemFlag.ItemIsEditable
        return flags

    def setData(self, index: _Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        """Hand what was typed on; the value shows when the edit is applied."""
        if not index.isValid() or role != Qt.ItemDataRole.EditRole or not self.is_editable:
            return False
        row, column = self.cell(index)
        if str(value) != self._text(row, column):
            self.typed.emit(row, column, str(value))
        return False

    # ---- reading

    def _text(self, row: int, column: int) -> str:
        key = (row // BLOCK_ROWS, column // BLOCK_COLUMNS)
        block = self._blocks.get(key)
        if block is None:
            self._wanted[key] = None
            self._wanted.move_to_end(key)
            if not self._reading:
                self._soon.start()
            return LOADING
        return block[row % BLOCK_ROWS][column % BLOCK_COLUMNS]

    def _read(self) -> None:
        pinned, view, size, generation = self._pinned, self._view, self._size, self._generation
        keys = list(self._wanted)[-16:]  # the latest wanted are the ones in sight
        if pinned is None or not keys or self._reading:
            return
        for key in keys:
            del self._wanted[key]
        self._reading = True

        def work(progress: TaskProgress) -> dict[tuple[int, int], _Block]:
            found = {}
            for key in keys:
                rows = range(key[0] * BLOCK_ROWS, min((key[0] + 1) * BLOCK_ROWS, size[0]))
                columns = range(key[1] * BLOCK_COLUMNS, min((key[1] + 1) * BLOCK_COLUMNS, size[1]))
                flat = value_texts(cells(pinned, view, rows, columns), pinned.spec.dtype)
                width = len(columns)
                found[key] = [flat[start : start + width] for start in range(0, len(flat), width)]
            return found

        def done(found: dict[tuple[int, int], _Block]) -> None:
            self._reading = False
            if generation == self._generation:
                self._take(found)
            if self._wanted:
                self._soon.start()

        def failed(error: Exception) -> None:
            self._reading = False
            self._wanted.clear()
            self.failed.emit(error)

        def cancelled() -> None:
            self._reading = False

        self._tasks.start("Values", work, on_result=done, on_error=failed, on_cancelled=cancelled, quiet=True)

    def _take(self, found: dict[tuple[int, int], _Block]) -> None:
        for key, block in found.items():
            self._blocks[key] = block
            top, left = key[0] * BLOCK_ROWS - self.window.row, key[1] * BLOCK_COLUMNS - self.window.column
            bottom, right = top + len(block) - 1, left + len(block[0]) - 1
            first = self.index(max(top, 0), max(left, 0))
            last = self.index(min(bottom, self.window.rows - 1), min(right, self.window.columns - 1))
            if first.isValid() and last.isValid():
                self.dataChanged.emit(first, last)
        while len(self._blocks) > KEPT:
            self._blocks.popitem(last=False)


def _color(text: str) -> QColor | None:
    if text == LOADING:
        return theme.color("text3")
    if "nan" in text:
        return theme.color("nan")
    if "inf" in text:
        return theme.color("neginf" if text.startswith("-") else "posinf")
    return None
