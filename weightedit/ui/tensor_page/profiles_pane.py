"""Norms, means and counts of rows or columns: as a line, sorted or in order, and as a table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QItemSelection
from PySide6.QtWidgets import QAbstractItemView, QHBoxLayout, QHeaderView, QPushButton, QTableView, QVBoxLayout, QWidget

from weightedit.core.errors import RegionError
from weightedit.core.looking.profiles import Profile, ordered, profile
from weightedit.core.region import Axis, Box
from weightedit.core.values.codes import Array
from weightedit.core.values.selecting import Picks
from weightedit.core.words.numbers import count_text
from weightedit.ui.plots.chart import Chart, Content
from weightedit.ui.plots.layers import Along, Layer, Spots
from weightedit.ui.plots.scales import Scale
from weightedit.ui.tasks import TaskProgress, Tasks
from weightedit.ui.tensor_page.analysis_pane import AnalysisPane, quiet_combo
from weightedit.ui.tensor_page.header import Segments
from weightedit.ui.tensor_page.lookup import Lookup
from weightedit.ui.tensor_page.profile_model import COLUMNS, COUNTS, DEAD, OUTLIER, TITLES, ProfileModel, lines
from weightedit.ui.tensor_page.selection import Selection
from weightedit.ui.theme import ui_font
from weightedit.ui.widgets.elided import ElidedLabel
from weightedit.ui.widgets.pieces import label, line
from weightedit.ui.widgets.plain import aloud, tip

ROWS, COLUMNS_ = "Rows", "Columns"
IN_ORDER, SORTED = "In order", "Sorted"
INDEX, WIDTH = 66, 82
MOST_REGIONS = 256
RINGED = 500
"""Selected lines that are ringed at most."""


@dataclass(frozen=True, eq=False)
class Found:
    """A profile with what stands out in it, and its lines from the largest of the chosen measure on."""

    profile: Profile
    measure: str
    dead: Array
    outliers: Array
    descending: Array


class ProfilesPane(AnalysisPane):
    """One measure of every row or column of the slice, or of every index of that dimension in the whole tensor."""

    title = "Rows and columns"

    def __init__(self, tasks: Tasks, selection: Selection, lookup: Lookup, parent: QWidget | None = None) -> None:
        super().__init__(tasks, selection, lookup, parent)
        self.found: Found | None = None
        self._is_picking = False
        self.axis = Segments((ROWS, COLUMNS_))
        self.order = Segments((IN_ORDER, SORTED))
        self.measure = quiet_combo("Measure", tuple((title, name) for name, title in COLUMNS))
        self.scope = quiet_combo("Of", (("whole tensor", True), ("shown slice", False)))
        self.chart = Chart("Rows and columns")
        self.model = ProfileModel()
        self.table = QTableView()
        self.count, self.line_text = label("", "secondary"), ElidedLabel("", "caption")
        self.dead, self.outliers = QPushButton(), QPushButton()
        if len(selection.shape) == 1:
            self.axis.choose(COLUMNS_)
        self.hint = self.line_text
        self._set_up_table()
        self._lay_out()
        self._connect()

    def _set_up_table(self) -> None:
        table = self.table
        table.setModel(self.model)
        table.setAccessibleName("Rows and columns")
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setTabKeyNavigation(False)
        table.setShowGrid(False)
        table.setWordWrap(False)
        table.setFont(ui_font(12))
        table.verticalHeader().hide()
        table.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        table.verticalHeader().setDefaultSectionSize(24)
        header = table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header.setDefaultSectionSize(WIDTH)
        header.resizeSection(0, INDEX)
        header.setSectionsClickable(True)
        header.setHighlightSections(False)
        header.setFixedHeight(26)
        table.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerItem)
        table.setFixedWidth(INDEX + 3 * WIDTH + 12)  # whole columns, and the scroll bar

    def _lay_out(self) -> None:
        self.bar.addWidget(self.axis)
        self.caption("Measure")
        self.bar.addWidget(self.measure)
        self.scope_caption = self.caption("Of")
        self.bar.addWidget(self.scope)
        self.bar.addWidget(self.order)
        self.bar.addStretch(1)
        self.bar.addWidget(self.copy_button)
        for button in (self.dead, self.outliers):
            button.hide()  # until it says how many there are
            button.setProperty("kind", "link")
        first = QHBoxLayout()
        first.setSpacing(10)
        for part in (self.count, self.dead, self.outliers):
            first.addWidget(part)
        first.addStretch(1)
        below = QVBoxLayout()
        below.setContentsMargins(14, 5, 14, 5)
        below.setSpacing(3)
        below.addLayout(first)
        below.addWidget(self.line_text)
        both = QHBoxLayout()
        both.setSpacing(0)
        both.addWidget(self.chart, 1)
        both.addWidget(line(vertical=True))
        both.addWidget(self.table)
        column = QVBoxLayout(self.body)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(both, 1)
        column.addWidget(line())
        column.addLayout(below)

    def _connect(self) -> None:
        self.axis.chosen.connect(lambda _: self.ask())
        self.scope.activated.connect(lambda _: self.ask())
        self.measure.activated.connect(lambda _: self.ask())
        self.order.chosen.connect(lambda _: self._draw())
        self.chart.cursor_moved.connect(self._read_line)
        self.chart.picked.connect(self._pick_stops)
        self.dead.clicked.connect(lambda: self._pick_found("dead"))
        self.outliers.clicked.connect(lambda: self._pick_found("outliers"))
        self.table.horizontalHeader().sectionClicked.connect(self._header_pressed)
        self.table.selectionModel().selectionChanged.connect(self._table_picked)
        self._selection.view_changed.connect(self.ask)
        self._selection.changed.connect(self._selection_changed)

    # ---- what is measured

    @property
    def dim(self) -> int | None:
        """The dimension whose indices are measured."""
        view = self._selection.view
        return view.rows_dim if self.axis.current == ROWS else view.columns_dim

    @property
    def is_whole(self) -> bool:
        """Whether the other dimensions are taken together instead of standing where the slice has them."""
        return len(self._selection.shape) > 2 and bool(self.scope.currentData())

    def compute(self) -> None:
        """Measure in the background."""
        pinned, dim, name = self.pinned, self.dim, str(self.measure.currentData())
        assert pinned is not None
        many = len(self._selection.shape) > 2
        self.scope.setVisible(many)
        self.scope_caption.setVisible(many)
        box = Box.whole(pinned.spec.shape) if self.is_whole else self._selection.slice_box
        held = self.found

        def work(progress: TaskProgress) -> Found:
            made = profile(pinned, dim, box, progress)
            return _found(made, name)

        def again(progress: TaskProgress) -> Found:
            assert held is not None
            return _found(held.profile, name)

        key = (pinned, dim, box.axes)
        same = held is not None and key == getattr(self, "_key", None)
        self.start(again if same else work, lambda found: self._take(found, key))

    def _take(self, found: Found, key: object) -> None:
        self.found, self._key = found, key
        self.model.show_profile(found.profile, found.dead, found.outliers, np.arange(found.profile.lines))
        self._sort(*self.model.sorted_by)
        noun = "row" if self.axis.current == ROWS else "column"
        size = found.profile.lines
        nothing = " · none dead, no outliers" if not len(found.dead) + len(found.outliers) else ""
        self.count.setText(f"{count_text(size)} {noun}{'' if size == 1 else 's'}{nothing}")
        for button, sign, indices, name in ((self.dead, DEAD, found.dead, "dead"),
                                            (self.outliers, OUTLIER, found.outliers, "outlier")):  # fmt: skip
            many = "s" if name == "outlier" and len(indices) != 1 else ""
            button.setText(f"{sign} {count_text(len(indices))} {name}{many}")
            button.setVisible(len(indices) > 0)
            button.setToolTip(tip(f"Select them: {_what(name)}"))
        self._draw()
        self.show_body()

    # ---- what is drawn

    def _lines(self) -> Array:
        """Return the line at each place of the chart."""
        assert self.found is not None
        return self.found.descending if self.order.current == SORTED else np.arange(self.found.profile.lines)

    def _draw(self) -> None:
        found = self.found
        if found is None:
            return
        order = self._lines()
        values = found.profile.measure(found.measure).astype(np.float64)
        places = np.empty(len(order), np.int64)
        places[order] = np.arange(len(order))
        layers: list[Layer] = [Along(values[order], "accent")]
        for indices, token, shape in ((found.outliers, "warn", "triangle"), (found.dead, "bad", "cross"),
                                      (self._selected(), "text", "ring")):  # fmt: skip
            if len(indices):
                layers.append(Spots(places[indices], values[indices], token, shape))
        self.chart.show_content(Content(
            Scale(-0.5, len(order) - 0.5, whole=True), _scale(values, found.measure), layers, np.arange(len(order)),
            x_title=f"{self.axis.current.lower()}{', largest first' if self.order.current == SORTED else ''}",
            y_title=TITLES[found.measure]))  # fmt: skip
        self._read_line(self.chart.cursor_at)

    def _read_line(self, place: int) -> None:
        found = self.found
        text = ""
        if found is not None and 0 <= place < found.profile.lines:
            at = int(self._lines()[place])
            shown = ("l2", "mean", "std", "absmax", "zeros")
            columns = {name: column for column, (name, _) in enumerate(COLUMNS, start=1)}
            parts = [f"{TITLES[name]} {self.model.cell_text(at, columns[name])}" for name in
                     (found.measure, *(name for name in shown if name != found.measure))]  # fmt: skip
            text = f"{'Row' if self.axis.current == ROWS else 'Column'} {at}: {' · '.join(parts)}"
        self.line_text.setText(text or "Point at a line, or move with the arrow keys; press or drag to select.")
        self.chart.setAccessibleDescription(aloud(text or self.count.text()))

    # ---- the table

    def _header_pressed(self, column: int) -> None:
        """Sort by a column: measures from the largest on, the other way round when pressed again."""
        before, descending = self.model.sorted_by
        self._sort(column, not descending if column == before else column > 0)

    def _sort(self, column: int, descending: bool) -> None:
        if self.found is None:
            return

        def done(lines_: Array) -> None:
            self.table.clearSelection()
            self.model.show_order(lines_, column, descending)
            self.table.scrollToTop()

        model = self.model
        self._tasks.start("Sorting", lambda _: model.order_by(column, descending), on_result=done,
                          on_error=self.failed.emit, group=f"sort {self._group}", quiet=True)  # fmt: skip

    def _table_picked(self, *_: QItemSelection) -> None:
        ranges = self.table.selectionModel().selection()
        parts = [self.model.order[ranges.at(place).top() : ranges.at(place).bottom() + 1]
                 for place in range(ranges.count())]  # fmt: skip
        if parts and not self._is_picking:
            self._pick(np.unique(np.concatenate(parts)))

    # ---- one selection with the other views

    def _pick_stops(self, first: int, last: int) -> None:
        if self.found is not None:
            self.table.clearSelection()
            self._pick(np.sort(self._lines()[first : last + 1]))

    def _pick_found(self, what: str) -> None:
        if self.found is not None:
            self.table.clearSelection()
            self._pick(getattr(self.found, what))

    def _pick(self, indices: Array) -> None:
        """Select rows or columns; `indices` ascend."""
        dim, shape = self.dim, self._selection.shape
        box = Box.whole(shape) if self.is_whole else self._selection.slice_box
        axes: list[Axis] = [range(0)]
        if dim is not None:
            starts = np.flatnonzero(np.diff(indices, prepend=-2) != 1)
            ends = np.append(starts[1:], len(indices)) - 1
            axes = [range(int(indices[a]), int(indices[b]) + 1) for a, b in zip(starts, ends, strict=True)]
            if len(axes) > 1 and len(indices) <= MOST_REGIONS:
                axes = [tuple(indices.tolist())]
            if len(axes) > MOST_REGIONS:
                self.status.emit(f"{count_text(len(indices))} lines apart from each other are too many to select; "
                                 f"up to {MOST_REGIONS} are.")  # fmt: skip
                return
        boxes = (box,) if dim is None else tuple(
            Box((*box.axes[:dim], axis, *box.axes[dim + 1 :]), box.dropped) for axis in axes)  # fmt: skip
        self._is_picking = True
        try:
            self._selection.pick_picks(Picks(shape, boxes))
        except RegionError as error:
            self.status.emit(str(error))
        finally:
            self._is_picking = False

    def _selected(self) -> Array:
        """Return the lines that are selected, where they are few."""
        dim = self.dim
        boxes = self._selection.picks.boxes
        if dim is None or not boxes or sum(len(box.axes[dim]) for box in boxes) > RINGED:
            return np.zeros(0, np.int64)
        return np.unique(np.concatenate([np.asarray(box.axes[dim], np.int64) for box in boxes]))

    def _selection_changed(self) -> None:
        if self.isVisible() and not self._is_stale:
            if not self._is_picking and self.table.selectionModel().hasSelection():
                self.table.clearSelection()
            self._draw()

    # ---- for the page

    def focus_view(self) -> None:
        """Put the keys on the chart."""
        self.chart.setFocus()

    def cancel(self) -> None:
        """Stop measuring and sorting."""
        super().cancel()
        self._tasks.cancel_group(f"sort {self._group}")

    def text_maker(self) -> Callable[[], str] | None:
        """Return what lists index and measures in the table's order."""
        measures, order = self.model.measures, self.model.order
        return (lambda: lines(measures, order)) if len(order) else None


def _found(made: Profile, measure: str) -> Found:
    dead, outliers = made.dead(), made.outliers(measure)
    values = made.measure(measure).astype(np.float64)
    return Found(made, measure, dead, np.setdiff1d(outliers, dead), ordered(values))


def _what(name: str) -> str:
    return "an L2 norm of 0, or at most a thousandth of the median" if name == "dead" else \
        "more than 5 robust standard deviations from the median"  # fmt: skip


def _scale(values: Array, measure: str) -> Scale:
    known = values[np.isfinite(values)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    if measure != "mean":
        low = 0.0
    room = (high - low) * 0.06 or abs(high) * 0.1 or 0.5
    return Scale(low - (room if measure == "mean" else 0.0), high + room, whole=measure in COUNTS)
