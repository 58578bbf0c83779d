"""One tensor in a tab: header, dims, the view that is chosen, read-out."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from weightedit.core.document import Change, Document
from weightedit.core.errors import CheckpointError, RegionError, SourceChanged
from weightedit.core.region import parse_region
from weightedit.core.slots import Slot
from weightedit.core.statistics import Statistics
from weightedit.core.values.pinned import PinnedTensor
from weightedit.ui.edit_panel.preview_work import Shown
from weightedit.ui.files.lost_values import TITLE, why_lost
from weightedit.ui.tabs.tab_page import TabPage
from weightedit.ui.tasks import Tasks
from weightedit.ui.tensor_page.analysis_pane import AnalysisPane
from weightedit.ui.tensor_page.block_work import BlockWork
from weightedit.ui.tensor_page.cell_work import CellWork, check_formula
from weightedit.ui.tensor_page.dims_bar import DimsBar
from weightedit.ui.tensor_page.facts import Facts
from weightedit.ui.tensor_page.go_to import GoTo
from weightedit.ui.tensor_page.header import TITLES, Header
from weightedit.ui.tensor_page.heatmap_pane import HeatmapPane
from weightedit.ui.tensor_page.histogram_pane import HistogramPane
from weightedit.ui.tensor_page.look import Look
from weightedit.ui.tensor_page.lookup import Lookup
from weightedit.ui.tensor_page.notice_bar import NoticeBar
from weightedit.ui.tensor_page.profiles_pane import ProfilesPane
from weightedit.ui.tensor_page.read_out import ReadOut
from weightedit.ui.tensor_page.selection import Selection
from weightedit.ui.tensor_page.spectrum_pane import SpectrumPane
from weightedit.ui.tensor_page.tinting import Tinting
from weightedit.ui.tensor_page.views import Views
from weightedit.ui.tensor_page.where_bar import WhereBar
from weightedit.ui.values.table import ValuesPane
from weightedit.ui.widgets.pieces import line


class TensorPage(TabPage):
    """Everything about one tensor that lies between the tabs and the edit panel.

    It is made without the tensor, ahead of the moment in which it is wanted; `show_tensor` gives it one.

    Signals
    -------
    selection_changed
        Cells or slice are others.
    statistics_ready
        (Statistics) of the state that is shown.
    status
        A sentence for the status bar.
    proposed
        (operation, arguments) for the edit panel to show.
    """

    selection_changed = Signal()
    statistics_ready = Signal(object)
    status = Signal(str)
    proposed = Signal(str, object)

    document: Document
    slot: Slot
    selection: Selection
    dims: DimsBar
    heatmap_pane: HeatmapPane
    go_to: GoTo
    read_out: ReadOut
    where: WhereBar
    blocks: BlockWork

    def __init__(self, tasks: Tasks, facts: Facts, maps: dict[str, str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tasks, self._facts = tasks, facts
        self.device = "cpu"
        self.selection = Selection((), self)
        self.lookup = Lookup(self.selection, tasks, self)
        self.header = Header()
        self.dims = DimsBar()
        self.heatmap_pane = HeatmapPane(tasks, facts, self.selection, maps)
        self.go_to = GoTo(self.heatmap_pane.going, self.selection)
        self.look = Look(self.dims, self.heatmap_pane, self.selection)
        self.values_pane = ValuesPane(tasks, self.selection, self.lookup, check_formula)
        self.tinting = Tinting(self.heatmap_pane, self.lookup, self.selection, tasks)
        self.read_out = ReadOut(self.selection, self.lookup)
        self.where = WhereBar(self.selection, self.lookup)
        self.notices = NoticeBar()
        self.views = Views(self.heatmap_pane, self.values_pane,
                           {"histogram": self._histogram, "profiles": self._profiles, "spectrum": self._spectrum})
        self.cells = CellWork(self, tasks)
        self.blocks = BlockWork(self, self.cells, tasks)
        self.pinned: PinnedTensor | None = None
        self._lay_out()
        self._connect()

    def show_tensor(self, document: Document, slot: Slot) -> None:
        """Show a tensor, once: another one is shown by another page."""
        self.document = self.lookup.document = document
        self.slot = slot
        self.refresh()

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        self._dims_line = line()
        for part in (self.header, line(), self.dims, self._dims_line, self.where, self.notices, self.go_to):
            column.addWidget(part)
        self.dims.add_control(self.values_pane.formats)
        self.values_pane.formats.hide()
        column.addWidget(self.views, 1)
        column.addWidget(self.read_out)

    def _connect(self) -> None:
        selection, pane = self.selection, self.heatmap_pane
        self.header.views.chosen.connect(self._view_chosen)
        self.header.sides.chosen.connect(pane.sides.choose)
        pane.sides.changed.connect(self.header.show_sides)
        pane.read.connect(self.read_out.show_value)
        pane.failed.connect(self.show_error)
        self.go_to.left.connect(self.focus_view)
        self.values_pane.failed.connect(self.show_error)
        self.values_pane.typed.connect(self.cells.type)
        self.values_pane.read.connect(self.cells.read)
        self.values_pane.filled.connect(self.blocks.fill)
        self.where.closed.connect(self.focus_view)
        self.read_out.where_asked.connect(self.where.open)
        self.read_out.region_typed.connect(self._reveal)
        selection.view_changed.connect(self._read_again)
        selection.changed.connect(self.notices.move_on)
        selection.changed.connect(self.selection_changed)
        selection.refused.connect(self.status)

    # ---- what is shown

    @property
    def name(self) -> str:
        """The tensor's name."""
        return self.slot.name

    @property
    def tab_title(self) -> str:
        """The tensor's name."""
        return self.slot.name

    @property
    def is_modified(self) -> bool:
        """Whether the tensor differs from the saved point."""
        return self.slot.is_modified

    @property
    def is_gone(self) -> bool:
        """Whether the tensor is no longer in the document."""
        return self.document.find(self.slot.name) is not self.slot

    def is_about(self, change: Change) -> bool:
        """Whether a change is one of this tensor."""
        return self.slot.name in change.names

    @property
    def view_name(self) -> str:
        """The view that is chosen, a key of `header.TITLES`."""
        return self.views.name

    @property
    def nothing(self) -> QWidget | None:
        """What stands in place of every view where the tensor cannot be shown."""
        return self.views.nothing

    def refresh(self) -> None:
        """Show the present state of the tensor."""
        spec = self.slot.spec
        self.header.show_tensor(self.slot.name, self.slot.path, spec, self.document.storage_group(self.slot))
        reshaped = spec.shape != self.selection.shape
        if reshaped:
            self.selection.set_shape(spec.shape)
            self._show_dims()
        self.pinned = PinnedTensor.of(self.slot)
        self.lookup.show_pinned(self.pinned)
        is_shown = self.views.show_pinned(self.pinned)
        if reshaped:
            self.selection.announce()  # after every view has the tensor that the slice is of
        self.look.show_view()
        if is_shown:
            self._read_again()
            self._facts.release(self)
            self._facts.request(self, self.pinned, self._take_statistics, lambda _: None)

    def _take_statistics(self, found: Statistics) -> None:
        self.statistics_ready.emit(found)

    def _view_chosen(self, title: str) -> None:
        self.set_view(next(name for name, shown in TITLES.items() if shown == title))

    def set_view(self, name: str) -> None:
        """Show the tensor as `heatmap`, `values` or another of `header.TITLES`."""
        self.views.choose(name)
        self.header.views.choose(TITLES[name])
        self.dims.show_picture_controls(name == "heatmap")
        self.look.show_view()
        self.values_pane.formats.setVisible(name == "values")
        self._show_dims()
        self._read_again()
        if self.isVisible():
            self.focus_view()

    def _show_dims(self) -> None:
        """Leave the dims out where they say nothing: what is computed of a matrix is so either way round."""
        shows = self.view_name in ("heatmap", "values") or \
            (self.view_name != "histogram" and len(self.selection.shape) > 2)  # fmt: skip
        for part in (self.dims, self._dims_line):
            part.setVisible(shows)

    def focus_view(self) -> None:
        """Put the keys on the view that is shown."""
        self.views.focus_view()

    def change(self, change: Change) -> None:
        """Show what an edit made of the tensor, also where what was there before cannot be read any more."""
        self.views.lost = None
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
        if isinstance(error, SourceChanged):  # what to do about it is asked once for the whole document, above
            self.show_lost(why_lost([self.document.title]))
            return
        place = error.file if isinstance(error, CheckpointError) else None
        self.notices.say("refusal", str(error), "" if place is None else f"{self.slot.name} could not be read.")

    def show_lost(self, why: str) -> None:
        """Show no values, and why: the bytes they came from are another program's; nothing says they are back."""
        if (self.views.lost is None) != (not why):
            self.views.lost = (TITLE, why) if why else None
            self.views.cancel()
            self.read_out.show_value("", "", "")
            self.refresh()
            self.statistics_ready.emit(None)  # there are none of what cannot be read

    def _reveal(self) -> None:
        picked = self.selection.cells()
        if picked is not None:
            self.heatmap_pane.heatmap.reveal(*picked)

    def _read_again(self) -> None:
        """Read the cell that the line under the table names: slice or values are others now."""
        if self.view_name == "values" and self.values_pane.isVisible():
            current = self.values_pane.table.currentIndex()
            if current.isValid():
                self.cells.read(*self.values_pane.model.cell(current))
            else:
                self.read_out.show_value("", "", "")
        elif self.views.analysis is not None:
            self.read_out.show_value("", "", "")

    # ---- the views that compute something

    def _histogram(self) -> AnalysisPane:
        return self._connected(HistogramPane(self._tasks, self._facts, self.selection, self.lookup))

    def _profiles(self) -> AnalysisPane:
        return self._connected(ProfilesPane(self._tasks, self.selection, self.lookup))

    def _spectrum(self) -> AnalysisPane:
        offers = "low_rank" in self.document.operations
        made = SpectrumPane(self._tasks, self.selection, self.lookup, offers_rank=offers)
        made.rank_chosen.connect(lambda rank: self.proposed.emit("low_rank", {"rank": rank}))
        return self._connected(made)

    def _connected(self, made: AnalysisPane) -> AnalysisPane:
        made.failed.connect(self.show_error)
        made.status.connect(self.status)
        return made

    def show_preview(self, shown: Shown | None) -> None:
        """Take the preview of an edit, where its before and after are of this tensor."""
        mine = shown is not None and self.name in shown.preview.shown
        self.views.show_preview(shown if mine else None)

    def copy(self) -> None:
        """Put the picked cells on the clipboard, as text that reads back to the same bits; or what a view computed."""
        if self.views.analysis is not None:
            self.views.analysis.copy()
        else:
            self.blocks.copy()

    def paste(self) -> None:
        """Set cells from the clipboard, from the first picked cell on."""
        self.blocks.paste()

    def close_work(self) -> None:
        """Stop what is under way for this page."""
        self.views.cancel()
        self.cells.cancel()
        self.blocks.cancel()
        self.lookup.cancel()
        self.tinting.cancel()
        self._facts.release(self)
