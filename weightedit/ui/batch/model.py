"""The rows of an edit of many tensors as Qt's views see them: filtered, sorted, and told of only where they change."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from enum import IntEnum
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal

from weightedit.core.batches.batch import IN, LEFT, TIED, BatchRow
from weightedit.core.progress import Ask
from weightedit.core.words.numbers import shape_text
from weightedit.ui.batch.order import FIRST, KEYS, order_of
from weightedit.ui.batch.tally import PASSES, Tally
from weightedit.ui.batch.texts import after_text, before_text, changes_text, chip_of
from weightedit.ui.widgets.plain import tip

ROW = Qt.ItemDataRole.UserRole
Index = QModelIndex | QPersistentModelIndex


class Column(IntEnum):
    """What stands in each column."""

    TICK = 0
    TENSOR = 1
    SHAPE = 2
    BEFORE = 3
    AFTER = 4
    CHANGES = 5
    HAZARDS = 6


HEADERS = ("", "Tensor", "Shape", "Before", "After", "Changes", "Hazards")
SEGMENTS = tuple(PASSES)
SORTS = tuple(KEYS)
AT_ONCE = 20_000
"""Rows that are filtered and sorted at once."""
Later = Callable[[Callable[[Ask], Sequence[int]], Callable[[Sequence[int]], None]], None]


class BatchModel(QAbstractTableModel):
    """Rows of a `Batch`.

    Attributes
    ----------
    rows
        All of them, shown or not.
    tally
        Rows in each segment, the sums over all, and of which rows there is something to say.

    Signals
    -------
    ticked
        (names, on): the box of a row was pressed, for every name that holds its tensor.
    """

    ticked = Signal(object, bool)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.rows: list[BatchRow] = []
        self.measures = True
        self._shown: Sequence[int] = []
        self._at: Mapping[int, int] | None = {}
        self.later: Later | None = None
        """What puts very many rows in order in the background; None does so at once."""
        self._segment, self._sort = "All", "Model order"
        self._stale = False
        self.tally = Tally()

    # ---- what is shown

    def set_rows(self, rows: Sequence[BatchRow], measures: bool, tally: Tally | None = None) -> None:
        """Show other rows, which were counted already or are now; the same tensors as before keep their places."""
        tally = tally or Tally.of(rows)
        same = len(rows) == len(self.rows) and tally.order == self.tally.order
        self.measures = measures
        if same:
            self.rows, self.tally = list(rows), tally
            self._arrange()
            return
        self.beginResetModel()
        self.rows, self.tally = list(rows), tally
        many = self._is_for_later
        self._take(range(len(rows)) if many else order_of(self.rows, self._segment, self._sort))
        self.endResetModel()
        if many:
            self._arrange()

    def update(self, rows: Iterable[BatchRow]) -> None:
        """Take in rows of which more is known; a filter or an order they change waits for `settle`."""
        low, high = len(self._shown), -1
        for row in rows:
            place = self.tally.places.get(row.name)
            if place is None:
                continue
            self.tally.change(place, self.rows[place], row)
            self.rows[place] = row
            at = self._place_shown(place)
            if at >= 0:
                low, high = min(low, at), max(high, at)
        if high >= 0:
            self.dataChanged.emit(self.index(low, 0), self.index(high, len(HEADERS) - 1))
        self._stale = self._segment != "All" or self._sort in ("Changes", "Hazards")

    def settle(self) -> None:
        """Filter and sort again, if what came since may have changed either."""
        if self._stale:
            self._stale = False
            self._arrange()

    def show_segment(self, name: str) -> None:
        """Show the rows of one segment."""
        self._segment = name
        self._arrange()

    def sort_by(self, name: str) -> None:
        """Put the rows in another order."""
        self._sort = name
        self._arrange()

    @property
    def telling(self) -> list[BatchRow]:
        """The rows of which there is something to say, in their order."""
        return [self.rows[place] for place in sorted(self.tally.telling)]

    @property
    def _is_for_later(self) -> bool:
        return len(self.rows) > AT_ONCE and self.later is not None and (self._segment, self._sort) != FIRST

    def _arrange(self) -> None:
        rows, segment, sort = self.rows, self._segment, self._sort

        def done(order: Sequence[int]) -> None:
            if rows is self.rows and (segment, sort) == (self._segment, self._sort):
                self._show_order(order)

        if self._is_for_later and self.later is not None:
            self.later(lambda ask: order_of(rows, segment, sort, ask), done)
        else:
            self._show_order(order_of(rows, segment, sort))

    def _show_order(self, order: Sequence[int]) -> None:
        if order == self._shown:
            if order:
                self.dataChanged.emit(self.index(0, 0), self.index(len(order) - 1, len(HEADERS) - 1))
            return
        self.beginResetModel()
        self._take(order)
        self.endResetModel()

    def _take(self, order: Sequence[int]) -> None:
        self._shown = order
        self._at = None if isinstance(order, range) else {}

    def _place_shown(self, place: int) -> int:
        """Return where a row is shown; -1 where it is not."""
        if self._at is None:
            return place if 0 <= place < len(self._shown) else -1
        if not self._at and self._shown:
            self._at = {row: at for at, row in enumerate(self._shown)}
        return self._at.get(place, -1)

    def row(self, at: int) -> BatchRow | None:
        """Return a row that is shown."""
        return self.rows[self._shown[at]] if 0 <= at < len(self._shown) else None

    def place_of(self, name: str) -> int:
        """Return where a tensor is shown; -1 where it is not."""
        return self._place_shown(self.tally.places.get(name, -1))

    def named(self, name: str) -> BatchRow | None:
        """Return the row of a tensor, shown or not."""
        place = self.tally.places.get(name)
        return None if place is None else self.rows[place]

    # ---- boxes

    def tick(self, rows: Sequence[BatchRow], on: bool) -> None:
        """Take tensors in or leave them, at once in the picture of it; whoever listens works out what follows."""
        names = list(dict.fromkeys(name for row in rows for name in row.names))
        changed = []
        for name in names:
            place = self.tally.places.get(name)
            if place is not None:
                row = self.rows[place]
                changed.append(replace(row, state=IN if on else LEFT, why="" if on else name))
        self.update(changed)
        self.ticked.emit(names, on)

    # ---- Qt's questions

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        """Return how many rows are shown."""
        return 0 if parent.isValid() else len(self._shown)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        """Return how many columns there are."""
        return 0 if parent.isValid() else len(HEADERS)

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Say that the first column is a box."""
        if not index.isValid():
            return Qt.ItemFlag.NoItemFlags
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemNeverHasChildren
        return flags | Qt.ItemFlag.ItemIsUserCheckable if index.column() == Column.TICK else flags

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return a column's heading."""
        if orientation != Qt.Orientation.Horizontal or not 0 <= section < len(HEADERS):
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return HEADERS[section]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            right = section in (Column.SHAPE, Column.CHANGES)
            side = Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft
            return side | Qt.AlignmentFlag.AlignVCenter
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return what a cell shows."""
        row = self.row(index.row()) if index.isValid() else None
        if row is None:
            return None
        if role == ROW:
            return row
        if role == Qt.ItemDataRole.CheckStateRole and index.column() == Column.TICK:
            return Qt.CheckState.Unchecked if row.state == LEFT else Qt.CheckState.Checked
        if role == Qt.ItemDataRole.DisplayRole:
            return self.text(row, Column(index.column()))
        if role == Qt.ItemDataRole.ToolTipRole:
            return tip(self._tooltip(row, Column(index.column())))
        if role == Qt.ItemDataRole.AccessibleTextRole:
            words = self.text(row, Column(index.column())) or ""
            return f"{row.name}, {row.state}" if index.column() == Column.TICK else words
        return None

    def text(self, row: BatchRow, column: Column) -> str:
        """Return what a column says of a row, as it is copied too."""
        if column == Column.TENSOR:
            return row.name
        if column == Column.SHAPE:
            return "" if row.before is None else shape_text(row.before.shape)
        if column == Column.BEFORE:
            return before_text(row)
        if column == Column.AFTER:
            return after_text(row)
        if column == Column.CHANGES:
            return changes_text(row) if self.measures else ""
        return chip_of(row, measures=self.measures).text if column == Column.HAZARDS else ""

    def _tooltip(self, row: BatchRow, column: Column) -> str:
        if column == Column.HAZARDS:
            lines = [hazard.message for hazard in row.shown]
            reason = {LEFT: f"Left as it is by {row.why}", TIED: f"Tied to {row.why}: it gets the same values"}
            return "\n".join([*filter(None, [reason.get(row.state, "")]), *lines])
        if column == Column.TICK:
            return "Take it in  Space" if row.state == LEFT else "Leave it as it is  Space"
        return row.name if column == Column.TENSOR else row.line if column == Column.AFTER else ""

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        """Tick a row, or take its tick away."""
        row = self.row(index.row())
        if role != Qt.ItemDataRole.CheckStateRole or row is None:
            return False
        self.tick([row], Qt.CheckState(value) == Qt.CheckState.Checked)
        return True
