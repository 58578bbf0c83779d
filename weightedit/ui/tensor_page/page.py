"""One tensor in a tab: header, dims, heatmap or values, read-out; and cells typed, copied and pasted."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from weightedit.core.document import Change, Document
from weightedit.core.errors import CheckpointError, ConfirmationNeeded, HazardError, RegionError
from weightedit.core.numbers import NumberError, bits_text, count_text, index_text, value_text
from weightedit.core.pinned import PinnedTensor
from weightedit.core.reduction import cells
from weightedit.core.region import parse_region
from weightedit.core.slots import Slot
from weightedit.core.statistics import Statistics
from weightedit.ui.errors_view import Notice
from weightedit.ui.pieces import IconLabel, label, line
from weightedit.ui.tasks import TaskProgress, Tasks
from weightedit.ui.tensor_page.dims_bar import DimsBar
from weightedit.ui.tensor_page.facts import Facts
from weightedit.ui.tensor_page.header import Header
from weightedit.ui.tensor_page.heatmap_pane import HeatmapPane
from weightedit.ui.tensor_page.read_out import ReadOut
from weightedit.ui.tensor_page.selection import Selection
from weightedit.ui.values.cell_edits import MOST_COPIED, CellEdit, copied_text, parsed_block, paste_edit, typed_edit
from weightedit.ui.values.table import ValuesPane


def empty_state(icon_name: str, title: str, body: str) -> QWidget:
    """Make what stands where there is nothing: an icon, what is missing, what to do."""
    made = QWidget()
    column = QVBoxLayout(made)
    column.setSpacing(6)
    column.addStretch(1)
    column.addWidget(IconLabel(icon_name, 24, "text3"), 0, Qt.AlignmentFlag.AlignHCenter)
    column.addWidget(label(title, "strong"), 0, Qt.AlignmentFlag.AlignHCenter)
    said = label(body, "secondary")
    said.setWordWrap(True)
    said.setAlignment(Qt.AlignmentFlag.AlignHCenter)
    said.setMaximumWidth(460)
    said.setMinimumWidth(min(460, said.fontMetrics().horizontalAdvance(body) + 8))
    column.addWidget(said, 0, Qt.AlignmentFlag.AlignHCenter)
    column.addStretch(1)
    return made


class NoticeBar(QWidget):
    """What an edit of cells asks or says, above the table."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(14, 6, 14, 6)
        self.hide()
        self.confirm: QPushButton | None = None
        self._is_passing = False
        self._fresh = QTimer(self)  # Tab says what is wrong and moves on at once; that is still to be read
        self._fresh.setSingleShot(True)
        self._fresh.setInterval(0)

    def clear(self) -> None:
        """Say nothing."""
        while self._column.count():
            item = self._column.takeAt(0)
            widget = None if item is None else item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        self.confirm = None
        self._is_passing = False
        self.hide()

    def move_on(self) -> None:
        """Say nothing any more of a cell that was typed or pasted."""
        if self._is_passing and not self._fresh.isActive():
            self.clear()

    def say(self, level: str, title: str, body: str = "", confirm: str = "", *,
            passing: bool = False) -> None:  # fmt: skip
        """Say a sentence; `confirm` names the button that goes ahead all the same; `passing` goes when one moves on."""
        self.clear()
        self._is_passing = passing
        if passing:
            self._fresh.start()
        holder = QWidget()
        row = QHBoxLayout(holder)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(Notice(level, title, body), 1)
        if confirm:
            self.confirm = QPushButton(confirm)
            self.confirm.setProperty("kind", "warning")
            row.addWidget(self.confirm)
        leave = QPushButton("Leave as it is" if confirm else "Dismiss")
        leave.setProperty("kind", "quiet")
        leave.clicked.connect(self.clear)
        row.addWidget(leave)
        self._column.addWidget(holder)
        self.show()


class TensorPage(QWidget):
    """Everything about one tensor that lies between the tabs and the edit panel.

    Signals
    -------
    selection_changed
        Cells or slice are others.
    statistics_ready
        (Statistics) of the state that is shown.
    status
        A sentence for the status bar.
    """

    selection_changed = Signal()
    statistics_ready = Signal(object)
    status = Signal(str)

    def __init__(self, document: Document, slot: Slot, tasks: Tasks, facts: Facts, maps: dict[str, str],
                 parent: QWidget | None = None) -> None:  # fmt: skip
        super().__init__(parent)
        self.document, self.slot = document, slot
        self._tasks, self._facts = tasks, facts
        self.device = "cpu"
        self.selection = Selection(slot.spec.shape, self)
        self.header = Header()
        self.dims = DimsBar()
        self.heatmap_pane = HeatmapPane(tasks, facts, self.selection, maps)
        self.values_pane = ValuesPane(tasks, self.selection)
        self.read_out = ReadOut(self.selection)
        self.notices = NoticeBar()
        self.views = QStackedWidget()
        self.pinned: PinnedTensor | None = None
        self.nothing: QWidget | None = None
        self._lay_out()
        self._connect()
        self.refresh()

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        self.views.addWidget(self.heatmap_pane)
        self.views.addWidget(self.values_pane)
        for part in (self.header, line(), self.dims, line(), self.notices):
            column.addWidget(part)
        column.addWidget(self.views, 1)
        column.addWidget(self.read_out)

    def _connect(self) -> None:
        selection, pane = self.selection, self.heatmap_pane
        self.header.views.chosen.connect(lambda name: self.set_view(name.lower()))
        self.dims.view_chosen.connect(selection.set_view)
        self.dims.map_chosen.connect(pane.choose_map)
        self.dims.levels_chosen.connect(pane.choose_levels)
        self.dims.zoom_in.clicked.connect(pane.heatmap.zoom_in)
        self.dims.zoom_out.clicked.connect(pane.heatmap.zoom_out)
        self.dims.fit.clicked.connect(pane.heatmap.fit)
        self.dims.square.toggled.connect(pane.heatmap.canvas.set_square)
        pane.read.connect(self.read_out.show_value)
        pane.look_changed.connect(self._show_look)
        pane.failed.connect(self.show_error)
        self.values_pane.failed.connect(self.show_error)
        self.values_pane.typed.connect(self._typed)
        self.values_pane.read.connect(self._read_cell)
        self.read_out.region_typed.connect(self._reveal)
        selection.view_changed.connect(self._show_view)
        selection.view_changed.connect(self._read_again)
        selection.changed.connect(self.notices.move_on)
        selection.changed.connect(self.selection_changed)

    # ---- what is shown

    @property
    def name(self) -> str:
        """The tensor's name."""
        return self.slot.name

    @property
    def view_name(self) -> str:
        """`heatmap` or `values`."""
        return "heatmap" if self.views.currentWidget() is self.heatmap_pane else "values"

    def refresh(self) -> None:
        """Show the present state of the tensor."""
        spec = self.slot.spec
        self.header.show_tensor(self.slot.name, self.slot.path, spec, self.document.storage_group(self.slot))
        if spec.shape != self.selection.shape:
            self.selection.set_shape(spec.shape)
        self._show_view()
        self.pinned = PinnedTensor.of(self.slot)
        reason = _why_not_shown(self.pinned)
        self._show_nothing(reason)
        if reason is None:
            self.values_pane.show_pinned(self.pinned)
            self.heatmap_pane.show_pinned(self.pinned)
            self._read_again()
            self._facts.release(self)
            self._facts.request(self, self.pinned, self._take_statistics, lambda _: None)

    def _show_nothing(self, reason: tuple[str, str] | None) -> None:
        if self.nothing is not None:
            self.views.removeWidget(self.nothing)
            self.nothing.deleteLater()
            self.nothing = None
        if reason is not None:
            self.nothing = empty_state("tensor", *reason)
            self.views.addWidget(self.nothing)
            self.views.setCurrentWidget(self.nothing)
        elif self.views.currentWidget() not in (self.heatmap_pane, self.values_pane):
            self.set_view(self.header.views.current.lower())

    def _take_statistics(self, found: Statistics) -> None:
        self.statistics_ready.emit(found)

    def _show_view(self) -> None:
        self.dims.show_view(self.selection.shape, self.selection.view)

    def _show_look(self) -> None:
        pane = self.heatmap_pane
        self.dims.show_map(pane.map_name)
        self.dims.show_levels(pane.levels, pane.offered_levels())

    def set_view(self, name: str) -> None:
        """Show the tensor as `heatmap` or `values`."""
        if self.nothing is None:
            self.views.setCurrentWidget(self.heatmap_pane if name == "heatmap" else self.values_pane)
        self.header.views.choose(name.capitalize())
        self.dims.show_picture_controls(name == "heatmap")
        self._read_again()
        if self.isVisible():
            self.focus_view()

    def focus_view(self) -> None:
        """Put the keys on the heatmap or the table."""
        (self.heatmap_pane.heatmap if self.view_name == "heatmap" else self.values_pane.table).setFocus()

    def change(self, change: Change) -> None:
        """Show what an edit made of the tensor."""
        self.refresh()
        for text in change.regions.get(self.slot.name) or ():
            try:
                shown = self.selection.view.cells(parse_region(text, self.selection.shape))
            except RegionError:
                shown = None
            if shown is not None:
                self.heatmap_pane.heatmap.flash(*shown)

    def show_error(self, error: Exception) -> None:
        """Say what is wrong with the tensor; the rest of the window stays as it is."""
        if self.pinned is not None and self.pinned.content is not self.slot.storage.content:
            self.refresh()  # a save moved the document onto another file while this was read
            return
        place = error.file if isinstance(error, CheckpointError) else None
        self.notices.say("refusal", str(error), "" if place is None else f"{self.slot.name} could not be read.")

    def _reveal(self) -> None:
        picked = self.selection.cells()
        if picked is not None:
            self.heatmap_pane.heatmap.reveal(*picked)

    def _read_again(self) -> None:
        """Read the cell that the line under the table names: slice or values are others now."""
        if self.view_name == "values" and self.values_pane.isVisible():
            current = self.values_pane.table.currentIndex()
            if current.isValid():
                self._read_cell(*self.values_pane.model.cell(current))
            else:
                self.read_out.show_value("", "", "")

    def _read_cell(self, row: int, column: int) -> None:
        pinned, view = self.pinned, self.selection.view
        if pinned is None:
            return

        def work(progress: TaskProgress) -> tuple[str, str]:
            value = cells(pinned, view, range(row, row + 1), range(column, column + 1)).reshape(-1)[0]
            return value_text(value, pinned.spec.dtype), bits_text(value, pinned.spec.dtype)

        def done(found: tuple[str, str]) -> None:
            self.read_out.show_value(index_text(view.index(pinned.spec.shape, row, column)), *found)

        self._tasks.start("Value", work, on_result=done, on_error=self.show_error, group=f"cell {id(self)}", quiet=True)

    # ---- cells typed, copied, pasted

    def _typed(self, row: int, column: int, text: str) -> None:
        if self.pinned is None:
            return
        try:
            self._set(typed_edit(text, row, column, self.selection.view, self.pinned))
        except NumberError as error:
            self.notices.say("refusal", str(error), passing=True)

    def _set(self, edit: CellEdit, accept: tuple[str, ...] = ()) -> None:
        """Apply `set` to cells; a warning is shown and asks once."""
        document, name, device = self.document, self.slot.name, self.device
        self.notices.clear()

        def work(progress: TaskProgress) -> None:
            document.apply("set", name, region=edit.region, values=edit.values, accept=accept, device=device,
                           progress=progress.report, cancel=progress.cancel)  # fmt: skip

        def failed(error: Exception) -> None:
            if isinstance(error, ConfirmationNeeded):
                warnings = [hazard for hazard in error.hazards if hazard.level == "warning"]
                kinds = tuple(hazard.kind for hazard in warnings)
                first = warnings[0]
                rest = f"{len(warnings) - 1} more: {warnings[1].title}" if len(warnings) > 1 else first.detail
                self.notices.say("warning", first.title, rest, "Set all the same", passing=True)
                assert self.notices.confirm is not None
                self.notices.confirm.clicked.connect(lambda: self._set(edit, kinds))
            elif isinstance(error, HazardError):
                first = error.hazards[0]
                self.notices.say("refusal", first.title, first.detail, passing=True)
            else:
                self.notices.say("refusal", str(error), passing=True)

        def done(_: None) -> None:
            self.status.emit(f"Set {name} {edit.region}.")

        self._tasks.start("Set values", work, on_result=done, on_error=failed)

    def copy(self) -> None:
        """Put the picked cells on the clipboard, as text that reads back to the same bits."""
        self.notices.move_on()
        pinned, view = self.pinned, self.selection.view
        if pinned is None:
            return
        height, width = self.selection.size
        rows, columns = self.selection.cells() or (range(height), range(width))
        if len(rows) * len(columns) > MOST_COPIED:
            self.status.emit(f"Copying takes up to {count_text(MOST_COPIED)} values; "
                             f"{count_text(len(rows) * len(columns))} are selected.")  # fmt: skip
            return

        def work(progress: TaskProgress) -> str:
            return copied_text(pinned, view, rows, columns)

        def done(text: str) -> None:
            QGuiApplication.clipboard().setText(text)
            count = len(rows) * len(columns)
            self.status.emit(f"Copied {count_text(count)} {'value' if count == 1 else 'values'}.")

        self._tasks.start("Copying", work, on_result=done, on_error=self.show_error, group=f"copy {id(self)}")

    def paste(self) -> None:
        """Set cells from the clipboard, from the first picked cell on."""
        if self.pinned is None:
            return
        try:
            block = parsed_block(QGuiApplication.clipboard().text(), self.pinned.spec.dtype)
            picked = self.selection.cells()
            self._set(paste_edit(block, self.values_pane.current_cell(), picked, self.selection.view,
                                 self.selection.shape))  # fmt: skip
        except NumberError as error:
            self.notices.say("refusal", str(error), passing=True)

    def close_work(self) -> None:
        """Stop what is under way for this page."""
        self.heatmap_pane.cancel()
        self._facts.release(self)
        for what in ("copy", "cell"):
            self._tasks.cancel_group(f"{what} {id(self)}")


def _why_not_shown(pinned: PinnedTensor) -> tuple[str, str] | None:
    spec = pinned.spec
    if spec.encoding != "plain":
        return f"{spec.encoding} values are not shown", "They have no plain form to read; the tensor is kept as it is."
    if spec.numel == 0:
        return "This tensor is empty", f"Its shape is {list(spec.shape)}, so it holds no values."
    return None


