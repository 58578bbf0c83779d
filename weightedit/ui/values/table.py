"""The table of values: picks what the heatmap picks, takes typed numbers and expressions, and fills."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QItemSelection, QItemSelectionModel, QModelIndex, Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHBoxLayout,
    QHeaderView,
    QMenu,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from weightedit.core.values.matching import holds_line
from weightedit.core.values.pinned import PinnedTensor
from weightedit.core.words.number_formats import KINDS, NumberFormat
from weightedit.core.words.numbers import count_text
from weightedit.ui.tasks import Tasks
from weightedit.ui.tensor_page.lookup import Lookup
from weightedit.ui.tensor_page.selection import How, Selection
from weightedit.ui.theme import mono_font, ui_font
from weightedit.ui.values.cell_view import CellView
from weightedit.ui.values.delegate import CellDelegate, Check
from weightedit.ui.values.model import MOST, ValuesModel
from weightedit.ui.widgets.pieces import icon_button, label

ROW_HEIGHT, COLUMN_WIDTH = 24, 88
NARROWEST, WIDEST, BESIDE = 56, 620, 18
"""Pixels of a column, and of what lies beside its text."""

BESIDE_SIGHT = 64
"""Rows and columns around those in sight that are kept selected in Qt's sense."""


class ValuesPane(QWidget):
    """The table and, for slices of more than a million rows or columns, where in them it stands.

    Signals
    -------
    typed
        (row, column, text) in the slice.
    read
        (row, column) of the current cell.
    filled
        As of the fill handle.
    format_chosen
        (NumberFormat): numbers are shown in another one.
    """

    typed = Signal(int, int, str)
    read = Signal(int, int)
    failed = Signal(object)
    filled = Signal(object, object, bool)
    format_chosen = Signal(object)

    def __init__(self, tasks: Tasks, selection: Selection, lookup: Lookup, check: Check,
                 parent: QWidget | None = None) -> None:  # fmt: skip
        super().__init__(parent)
        self._selection = selection
        self._stale = True
        self.pinned: PinnedTensor | None = None
        self.model = ValuesModel(tasks, self, lookup)
        self.table = CellView(self.model)
        self._set_up_table(check)
        self.where = label("", "caption")
        self.before, self.after = icon_button("chevron-up", "Earlier rows", 22, 12), \
            icon_button("chevron-down", "Later rows", 22, 12)  # fmt: skip
        self.formats = QPushButton()  # in the bar above, where the picture has its map
        self.footer = QFrame()
        self._lay_out()
        self._connect()

    def _lay_out(self) -> None:
        menu = QMenu(self.formats)
        for kind, title in KINDS.items():
            menu.addAction(title).setData(kind)
        menu.triggered.connect(lambda action: self.set_number_format(replace(self.number_format, kind=action.data())))
        self.formats.setMenu(menu)
        self.formats.setProperty("kind", "quiet")
        self.formats.setProperty("size", "small")
        self.formats.setAccessibleName("Number format")
        self.formats.setToolTip("How numbers are shown; copying keeps every bit in any format")
        self._say_format()
        row = QHBoxLayout(self.footer)
        row.setContentsMargins(14, 2, 14, 2)
        row.setSpacing(6)
        row.addWidget(self.where)
        row.addWidget(self.before)
        row.addWidget(self.after)
        row.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.table, 1)
        column.addWidget(self.footer)

    def _connect(self) -> None:
        table, selection = self.table, self._selection
        self.before.clicked.connect(lambda: self._step(-1))
        self.after.clicked.connect(lambda: self._step(1))
        self.model.typed.connect(self.typed)
        self.model.failed.connect(self.failed)
        self.model.modelReset.connect(self._say_where)
        self.model.modelReset.connect(self._mirror)
        for bar in (table.verticalScrollBar(), table.horizontalScrollBar()):
            bar.valueChanged.connect(self._mirror)
        self.model.grown.connect(self._fit_columns)
        table.selectionModel().currentChanged.connect(self._current)
        table.pointed.connect(selection.point)
        table.stretched.connect(selection.stretch)
        table.lines_pointed.connect(self._point_lines)
        table.lines_stretched.connect(selection.stretch_lines)
        table.moved.connect(self._move)
        table.lines_asked.connect(selection.widen)
        table.all_asked.connect(selection.pick_all)
        table.past_end.connect(self._go_past)
        table.fill.filled.connect(self.filled)
        selection.changed.connect(self._follow)
        selection.view_changed.connect(self._show_slice)

    def _set_up_table(self, check: Check) -> None:
        table = self.table
        table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        table.setFont(mono_font(12))
        table.setWordWrap(False)
        # whole columns at the left, and … at the right edge: half a number reads as another number
        table.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerItem)
        table.setItemDelegate(CellDelegate(table, check))
        table.setTabKeyNavigation(False)
        table.setCornerButtonEnabled(True)
        table.setMouseTracking(True)
        table.setAccessibleName("Values")
        table.setEditTriggers(QAbstractItemView.EditTrigger.DoubleClicked | QAbstractItemView.EditTrigger.AnyKeyPressed
                              | QAbstractItemView.EditTrigger.EditKeyPressed)  # fmt: skip
        table.rows_header.is_picked = lambda at: self._has_line(True, at + self.model.window.row)
        table.columns_header.is_picked = lambda at: self._has_line(False, at + self.model.window.column)
        for header, size in ((table.verticalHeader(), ROW_HEIGHT), (table.horizontalHeader(), COLUMN_WIDTH)):
            header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
            header.setMinimumSectionSize(8)
            header.setDefaultSectionSize(size)
            header.setFont(ui_font(10))
            header.setHighlightSections(False)
            header.setDefaultAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)

    def show_pinned(self, pinned: PinnedTensor) -> None:
        """Show a state of the tensor."""
        before, self.pinned = self.pinned, pinned
        self.model.is_editable = pinned.spec.encoding == "plain" and pinned.spec.type.family != "opaque"
        if before is None or before.spec.dtype != pinned.spec.dtype:
            self.model.longest = 0
            self.table.horizontalHeader().setDefaultSectionSize(COLUMN_WIDTH)
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

    def _fit_columns(self, letters: int) -> None:
        """Make columns as wide as the longest text seen in this slice; narrower only for another slice or format."""
        header = self.table.horizontalHeader()
        last = header.fontMetrics().horizontalAdvance(str(max(self.model.size[1] - 1, 0))) + BESIDE
        text = self.table.fontMetrics().horizontalAdvance("0") * letters + BESIDE
        width = min(max(text, last, NARROWEST), WIDEST)
        if width != header.defaultSectionSize():
            header.setDefaultSectionSize(width)

    @property
    def number_format(self) -> NumberFormat:
        """How the values are shown."""
        return self.model.format

    def set_number_format(self, chosen: NumberFormat) -> None:
        """Show the values in another way."""
        if chosen == self.number_format:
            return
        self.model.set_format(chosen)
        self._say_format()
        self.format_chosen.emit(chosen)

    def _say_format(self) -> None:
        shown = self.number_format
        digits = "" if shown.is_exact else f", {shown.digits} {'digit' if shown.digits == 1 else 'digits'}"
        self.formats.setText(KINDS[shown.kind] + digits)

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

    def _go_past(self, step: int) -> None:
        """Bring rows past the end of the table into it, where the slice has more."""
        window, (rows, _) = self.model.window, self.model.size
        edge = window.row + window.rows if step > 0 else window.row - 1
        if 0 <= edge < rows:
            self.model.show_window(edge, window.column)
            self.table.scrollTo(self.model.index_of(edge, self.model.window.column),
                                QAbstractItemView.ScrollHint.PositionAtCenter)  # fmt: skip

    # ---- one selection with the heatmap

    def _point_lines(self, is_rows: bool, index: int, how: How) -> None:
        self._selection.point_lines(is_rows, index, how)

    def _move(self, down: int, right: int, extend: bool) -> None:
        current = self.table.currentIndex()
        if current.isValid() and not self._is_among(current):
            self._selection.point(*self.model.cell(current))
        at = self._selection.move(down, right, extend)
        if at is not None:
            self._go_to(at[0].start, at[1].start)

    def _is_among(self, current: QModelIndex) -> bool:
        """Whether arrow keys go on from what is picked: the current cell is in it, or cells show it."""
        found = self._selection.rectangles()
        if not found:
            return found is None or not current.isValid()
        if not current.isValid():
            return False
        row, column = self.model.cell(current)
        return any(row in rows and column in columns for rows, columns in found)

    def _go_to(self, row: int, column: int) -> None:
        """Make a cell current and bring it into sight."""
        if not self.model.index_of(row, column).isValid():
            self.model.show_window(row, column)
        index = self.model.index_of(row, column)
        self.table.show_index(index)
        self.table.scrollTo(index)

    def _has_line(self, is_rows: bool, index: int) -> bool:
        picks = self._selection.picks
        return not picks.condition and holds_line(picks, self._selection.view, is_rows, index)

    def _follow(self) -> None:
        """Show in the table what is picked."""
        if self._stale:
            return
        found = self._selection.rectangles()
        self.model.show_picks()
        only = found[0] if found and len(found) == 1 else None
        if only is not None and not self.table.is_dragging and not self._is_among(self.table.currentIndex()):
            self._go_to(only[0].start, only[1].start)
        self.table.fill.show_block(only if self.model.is_editable else None)
        self._mirror()

    def _mirror(self, *_: object) -> None:
        """Have Qt's selection, which paints cells and which screen readers know, be what is picked near those in sight.

        Qt asks the model about each cell of it, and a column may have a million.
        """
        chosen, (high, wide) = QItemSelection(), self._near()
        window = self.model.window
        for rows, columns in self._selection.rectangles() or ():
            down = range(max(rows.start - window.row, high.start), min(rows.stop - window.row, high.stop))
            across = range(max(columns.start - window.column, wide.start), min(columns.stop - window.column, wide.stop))
            if down and across:
                chosen.select(self.model.index(down[0], across[0]), self.model.index(down[-1], across[-1]))
        self.table.selectionModel().select(chosen, QItemSelectionModel.SelectionFlag.ClearAndSelect)
        for part in (self.table.viewport(), self.table.rows_header.viewport(), self.table.columns_header.viewport()):
            part.update()

    def _near(self) -> tuple[range, range]:
        """Return the table's rows and columns in sight, and a few more on each side."""
        table, found = self.table, []
        for first, last, count in ((table.rowAt(0), table.rowAt(table.viewport().height() - 1), self.model.rowCount()),
                                   (table.columnAt(0), table.columnAt(table.viewport().width() - 1),
                                    self.model.columnCount())):  # fmt: skip
            end = last if last >= 0 else count - 1 if count < 4 * BESIDE_SIGHT else max(first, 0) + BESIDE_SIGHT
            found.append(range(max(max(first, 0) - BESIDE_SIGHT, 0), min(end + BESIDE_SIGHT, count - 1) + 1))
        return found[0], found[1]

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
