"""The table of values: picks what the heatmap picks, takes typed and pasted numbers."""

from __future__ import annotations

from PySide6.QtCore import (
    QEvent,
    QItemSelection,
    QItemSelectionModel,
    QItemSelectionRange,
    QModelIndex,
    QPersistentModelIndex,
    QRect,
    Qt,
    Signal,
)
from PySide6.QtGui import QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHBoxLayout,
    QHeaderView,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from weightedit.core.numbers import count_text
from weightedit.core.pinned import PinnedTensor
from weightedit.ui.pieces import icon_button, label
from weightedit.ui.tasks import Tasks
from weightedit.ui.tensor_page.selection import Selection
from weightedit.ui.theme import mono_font, ui_font
from weightedit.ui.values.model import MOST, ValuesModel

ROW_HEIGHT, COLUMN_WIDTH = 24, 88


class _View(QTableView):
    """A table whose picked cells are always one rectangle."""

    def event(self, event: QEvent) -> bool:
        """Take what a number is typed with, nan and inf too, where the window has keys of one letter."""
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            plain = not event.modifiers() & ~(Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.KeypadModifier)
            if plain and event.text().isprintable() and event.text().strip():
                event.accept()
                return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Leave copying and pasting to the window's actions; begin typing where a number begins."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_F2) and self.currentIndex().isValid() \
                and self.state() != QAbstractItemView.State.EditingState:  # fmt: skip
            self.edit(self.currentIndex())
            return
        super().keyPressEvent(event)


class _Delegate(QStyledItemDelegate):
    """Draws a number that the right edge cuts with … in place of what is cut."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem,
              index: QModelIndex | QPersistentModelIndex) -> None:  # fmt: skip
        """Draw a cell within what is seen of it."""
        table = self.parent()
        assert isinstance(table, QTableView)
        rect: QRect = option.rect
        rect.setRight(min(rect.right(), table.viewport().width() - 1))
        option.rect = rect
        super().paint(painter, option, index)


class ValuesPane(QWidget):
    """The table and, for slices of more than a million rows or columns, where in them it stands.

    Signals
    -------
    typed
        (row, column, text) in the slice.
    read
        (row, column) of the current cell.
    """

    typed = Signal(int, int, str)
    read = Signal(int, int)
    failed = Signal(object)

    def __init__(self, tasks: Tasks, selection: Selection, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._selection = selection
        self._syncing = False
        self._stale = True
        self.pinned: PinnedTensor | None = None
        self.model = ValuesModel(tasks, self)
        self.table = _View()
        self.table.setModel(self.model)
        self._set_up_table()
        self.where = label("", "caption")
        self.before, self.after = icon_button("chevron-up", "Earlier rows", 22, 12), \
            icon_button("chevron-down", "Later rows", 22, 12)  # fmt: skip
        self.footer = QFrame()
        row = QHBoxLayout(self.footer)
        row.setContentsMargins(14, 2, 14, 2)
        row.addWidget(self.where)
        row.addStretch(1)
        row.addWidget(self.before)
        row.addWidget(self.after)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.table, 1)
        column.addWidget(self.footer)
        self.before.clicked.connect(lambda: self._step(-1))
        self.after.clicked.connect(lambda: self._step(1))
        self.model.typed.connect(self.typed)
        self.model.failed.connect(self.failed)
        self.model.modelReset.connect(self._say_where)
        self.table.selectionModel().selectionChanged.connect(self._picked)
        self.table.selectionModel().currentChanged.connect(self._current)
        selection.changed.connect(self._follow)
        selection.view_changed.connect(self._show_slice)

    def _set_up_table(self) -> None:
        table = self.table
        table.setSelectionMode(QAbstractItemView.SelectionMode.ContiguousSelection)
        table.setFont(mono_font(12))
        table.setWordWrap(False)
        # whole columns at the left, and … at the right edge: half a number reads as another number
        table.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerItem)
        table.setItemDelegate(_Delegate(table))
        table.setTabKeyNavigation(False)
        table.setCornerButtonEnabled(True)
        table.setAccessibleName("Values")
        table.setEditTriggers(QAbstractItemView.EditTrigger.DoubleClicked | QAbstractItemView.EditTrigger.AnyKeyPressed
                              | QAbstractItemView.EditTrigger.EditKeyPressed)  # fmt: skip
        for header, size in ((table.verticalHeader(), ROW_HEIGHT), (table.horizontalHeader(), COLUMN_WIDTH)):
            header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
            header.setMinimumSectionSize(8)
            header.setDefaultSectionSize(size)
            header.setFont(ui_font(10))
            header.setHighlightSections(False)
        table.verticalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        table.horizontalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)

    def show_pinned(self, pinned: PinnedTensor) -> None:
        """Show a state of the tensor."""
        self.pinned = pinned
        self.model.is_editable = pinned.spec.encoding == "plain" and pinned.spec.type.family != "opaque"
        widest = {"complex": 190, "int": 110, "bool": 70}.get(pinned.spec.type.family, COLUMN_WIDTH)
        widest = 116 if pinned.spec.dtype == "float32" else widest  # nine digits, and a sign
        wide = 170 if pinned.spec.dtype in ("float64", "int64", "uint64") else widest
        self.table.horizontalHeader().setDefaultSectionSize(max(wide, widest))
        self._show_slice()

    def _show_slice(self) -> None:
        # a table nobody looks at need not be rebuilt at each move of a slider
        self._stale = True
        if self.pinned is not None and self.isVisible():
            self._stale = False
            self.model.show_slice(self.pinned, self._selection.view)
            self._say_where()
            self._follow()

    def showEvent(self, event: object) -> None:
        """Catch up with what changed while the heatmap was shown."""
        super().showEvent(event)  # type: ignore[arg-type]
        if self._stale:
            self._show_slice()

    # ---- more than a table can hold

    def _say_where(self) -> None:
        window, (rows, columns) = self.model.window, self.model.size
        self.footer.setVisible(max(rows, columns) > MOST)
        down = f"rows {count_text(window.row)} to {count_text(window.row + window.rows - 1)} of {count_text(rows)}"
        across = f"columns {count_text(window.column)} to {count_text(window.column + window.columns - 1)} " \
                 f"of {count_text(columns)}"  # fmt: skip
        self.where.setText(f"{down}, {across}" if columns > MOST else down)

    def _step(self, step: int) -> None:
        window = self.model.window
        tall = self.model.size[0] > MOST
        row = window.row + (window.rows // 2 + step * window.rows if tall else 0)
        column = window.column + (0 if tall else window.columns // 2 + step * window.columns)
        self.model.show_window(row, column)

    # ---- one selection with the heatmap

    def _follow(self) -> None:
        """Pick in the table what is picked elsewhere."""
        if self._syncing or self._stale:
            return
        picked = self._selection.cells()
        model = self.table.selectionModel()
        self._syncing = True
        try:
            if picked is None:
                model.clearSelection()
                return
            rows, columns = picked
            self._bring(rows.start, columns.start)
            window = self.model.window
            last_row = min(rows.stop, window.row + window.rows) - 1
            last_column = min(columns.stop, window.column + window.columns) - 1
            first, last = self.model.index_of(rows.start, columns.start), self.model.index_of(last_row, last_column)
            model.select(QItemSelection(first, last), QItemSelectionModel.SelectionFlag.ClearAndSelect)
            if not QItemSelectionRange(first, last).contains(self.table.currentIndex()):
                model.setCurrentIndex(first, QItemSelectionModel.SelectionFlag.NoUpdate)
                self.table.scrollTo(first)
        finally:
            self._syncing = False

    def _bring(self, row: int, column: int) -> None:
        if not self.model.index_of(row, column).isValid():
            self.model.show_window(row, column)

    def _picked(self, *_: object) -> None:
        """Pick elsewhere what is picked in the table."""
        if self._syncing:
            return
        selection = self.table.selectionModel().selection()
        ranges = [selection.at(place) for place in range(selection.count())]
        if not ranges:
            return
        window = self.model.window
        top, left = min(part.top() for part in ranges), min(part.left() for part in ranges)
        bottom, right = max(part.bottom() for part in ranges), max(part.right() for part in ranges)
        self._syncing = True
        try:
            self._selection.pick(range(window.row + top, window.row + bottom + 1),
                                 range(window.column + left, window.column + right + 1))  # fmt: skip
        finally:
            self._syncing = False

    def _current(self, current: QModelIndex, _: QModelIndex) -> None:
        if current.isValid():
            self.read.emit(*self.model.cell(current))

    def current_cell(self) -> tuple[int, int]:
        """Return the row and column of the slice where pasting begins."""
        picked = self._selection.cells()
        if picked is not None:
            return picked[0].start, picked[1].start
        current = self.table.currentIndex()
        return self.model.cell(current) if current.isValid() else (0, 0)
