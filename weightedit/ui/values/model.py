"""An item model over a slice of any size: blocks of values are read in the background where someone looks."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt, QTimer, Signal
from PySide6.QtGui import QColor

from weightedit.core.dtypes import DTYPES
from weightedit.core.reduction import SliceView, cells
from weightedit.core.values.codes import Array
from weightedit.core.values.pinned import PinnedTensor
from weightedit.core.words.number_formats import NumberFormat
from weightedit.ui.tasks import TaskProgress, Tasks
from weightedit.ui.tensor_page.lookup import Lookup
from weightedit.ui.theme import theme

BLOCK_ROWS, BLOCK_COLUMNS = 64, 32
KEPT = 512
"""Blocks kept, about a million values."""
MOST = 1_000_000
"""Rows or columns in the table at once; a view cannot scroll through more pixels than 2³¹."""
LOADING = "…"
PICKED = Qt.ItemDataRole.UserRole + 1
"""Role: whether a condition picks the cell; False while that is looked up."""
_Index = QModelIndex | QPersistentModelIndex
_Key = tuple[int, int]


@dataclass(frozen=True)
class _Block:
    """Texts of 64 × 32 cells at most: as they are shown, and as they are edited."""

    shown: list[list[str]]
    exact: list[list[str]]
    longest: int


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
    grown
        (letters) of the longest text so far is more than before.
    """

    typed = Signal(int, int, str)
    failed = Signal(object)
    grown = Signal(int)

    def __init__(self, tasks: Tasks, parent: QObject | None = None, lookup: Lookup | None = None) -> None:
        super().__init__(parent)
        self._tasks, self._lookup = tasks, lookup
        self.format = NumberFormat()
        self.longest = 0
        self._pinned: PinnedTensor | None = None
        self._view = SliceView(None, None)
        self.window = Window(0, 0, 0, 0)
        self._size = (0, 0)
        self._blocks: OrderedDict[_Key, _Block] = OrderedDict()
        self._masks: OrderedDict[_Key, Array] = OrderedDict()
        self._wanted: OrderedDict[_Key, None] = OrderedDict()
        self._wanted_masks: OrderedDict[_Key, None] = OrderedDict()
        self._reading = self._looking = False
        self._generation = self._picks_generation = 0
        self.is_editable = True
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(0)
        self._soon.timeout.connect(self._read)
        self._soon.timeout.connect(self._look_up)

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of the whole slice."""
        return self._size

    @property
    def dtype(self) -> str | None:
        """The dtype of the cells; None while there are none."""
        return None if self._pinned is None else self._pinned.spec.dtype

    def show_slice(self, pinned: PinnedTensor, view: SliceView) -> None:
        """Show another slice, or another state of the same one."""
        size = view.size(pinned.spec.shape)
        same = size == self._size and view == self._view and self._pinned is not None
        self._generation += 1
        if same:
            self._pinned = pinned
            self._forget()
            self._all_changed()
            return
        self.beginResetModel()
        self._pinned, self._view, self._size = pinned, view, size
        self.longest = 0
        self._forget()
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
        self._forget()
        self._generation += 1
        self.window = Window(first_row, first_column, min(rows, MOST), min(columns, MOST))
        self.endResetModel()

    def set_format(self, format: NumberFormat) -> None:
        """Show the values in another format."""
        if format != self.format:
            self.format = format
            self.longest = 0
            self._generation += 1
            self._forget()
            self._all_changed()

    def show_picks(self) -> None:
        """Look up anew which cells a condition picks."""
        self._masks.clear()
        self._wanted_masks.clear()
        self._picks_generation += 1

    def _forget(self) -> None:
        self._blocks.clear()
        self._wanted.clear()
        self.show_picks()

    def _all_changed(self) -> None:
        if self.rowCount() and self.columnCount():
            self.dataChanged.emit(self.index(0, 0), self.index(self.rowCount() - 1, self.columnCount() - 1))

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
        if role == PICKED:
            return self._is_picked(*self.cell(index))
        if role not in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole, Qt.ItemDataRole.ForegroundRole):
            return None
        text = self._text(*self.cell(index), exact=role == Qt.ItemDataRole.EditRole)
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
        if str(value) != self._text(row, column, exact=True):
            self.typed.emit(row, column, str(value))
        return False

    # ---- reading

    def _text(self, row: int, column: int, *, exact: bool = False) -> str:
        key = (row // BLOCK_ROWS, column // BLOCK_COLUMNS)
        block = self._blocks.get(key)
        if block is None:
            self._wanted[key] = None
            self._wanted.move_to_end(key)
            if not self._reading:
                self._soon.start()
            return LOADING
        return (block.exact if exact else block.shown)[row % BLOCK_ROWS][column % BLOCK_COLUMNS]

    def _is_picked(self, row: int, column: int) -> bool:
        if self._lookup is None or not self._lookup.is_conditional:
            return False
        key = (row // BLOCK_ROWS, column // BLOCK_COLUMNS)
        mask = self._masks.get(key)
        if mask is None:
            self._wanted_masks[key] = None
            self._wanted_masks.move_to_end(key)
            if not self._looking:
                self._soon.start()
            return False
        return bool(mask[row % BLOCK_ROWS, column % BLOCK_COLUMNS])

    def _cells_of(self, key: _Key) -> tuple[range, range]:
        return (range(key[0] * BLOCK_ROWS, min((key[0] + 1) * BLOCK_ROWS, self._size[0])),
                range(key[1] * BLOCK_COLUMNS, min((key[1] + 1) * BLOCK_COLUMNS, self._size[1])))  # fmt: skip

    def _read(self) -> None:
        pinned, view, generation, shape = self._pinned, self._view, self._generation, self.format
        keys = list(self._wanted)[-16:]  # the latest wanted are the ones in sight
        if pinned is None or not keys or self._reading:
            return
        places = {key: self._cells_of(key) for key in keys}
        for key in keys:
            del self._wanted[key]
        self._reading = True

        def work(progress: TaskProgress) -> dict[_Key, _Block]:
            return {key: _block(cells(pinned, view, *place), pinned.spec.dtype, shape) for key, place in places.items()}

        def done(found: dict[_Key, _Block]) -> None:
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

    def _look_up(self) -> None:
        """Find the cells in sight that a condition picks."""
        make = None if self._lookup is None else self._lookup.matcher()
        keys = list(self._wanted_masks)[-16:]
        if make is None or not keys or self._looking:
            return
        self._wanted_masks.clear()
        view, generation, places = self._view, self._picks_generation, {key: self._cells_of(key) for key in keys}
        self._looking = True

        def work(progress: TaskProgress) -> dict[_Key, Array]:
            found = make(progress)
            return {key: found.pixels(view, *place, len(place[0]), len(place[1])) for key, place in places.items()}

        def done(found: dict[_Key, Array]) -> None:
            self._looking = False
            if generation == self._picks_generation:
                self._masks.update(found)
                for key in found:
                    self._changed(key)
            elif self._wanted_masks:
                self._soon.start()
            while len(self._masks) > KEPT:
                self._masks.popitem(last=False)

        def ended(_: Exception | None = None) -> None:
            self._looking = False  # the read-out says what is wrong with a condition

        self._tasks.start("Selected cells", work, on_result=done, on_error=ended, on_cancelled=ended, quiet=True)

    def _take(self, found: dict[_Key, _Block]) -> None:
        for key, block in found.items():
            self._blocks[key] = block
            self._changed(key)
        longest = max(block.longest for block in found.values())
        if longest > self.longest:
            self.longest = longest
            self.grown.emit(longest)
        while len(self._blocks) > KEPT:
            self._blocks.popitem(last=False)

    def _changed(self, key: _Key) -> None:
        rows, columns = self._cells_of(key)
        first = self.index(max(rows.start - self.window.row, 0), max(columns.start - self.window.column, 0))
        last = self.index(min(rows.stop - self.window.row, self.window.rows) - 1,
                          min(columns.stop - self.window.column, self.window.columns) - 1)  # fmt: skip
        if first.isValid() and last.isValid():
            self.dataChanged.emit(first, last)


def _block(values: Array, dtype: str, shape: NumberFormat) -> _Block:
    def lines(texts: list[str]) -> list[list[str]]:
        width = values.shape[1]
        return [texts[start : start + width] for start in range(0, len(texts), width)]

    texts = shape.texts(values, dtype)
    shown = lines(texts)
    reads_back = shape.kind == "shortest" or (shape.kind == "hex" and DTYPES[dtype].is_floating)
    exact = shown if reads_back else lines(NumberFormat().texts(values, dtype))
    return _Block(shown, exact, max(map(len, texts), default=0))


def _color(text: str) -> QColor | None:
    if text == LOADING:
        return theme.color("text3")
    if "nan" in text:
        return theme.color("nan")
    if "inf" in text:
        return theme.color("neginf" if text.startswith("-") else "posinf")
    return None
