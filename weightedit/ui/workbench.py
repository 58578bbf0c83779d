"""The area of tensors: tabs, pages, the edit panel, and the column of inspector and history."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QSplitter, QVBoxLayout, QWidget

from weightedit.core.document import Change, Document
from weightedit.core.errors import RegionError
from weightedit.core.region import parse_region
from weightedit.core.words.number_formats import NumberFormat
from weightedit.ui.batch.batches import Batches
from weightedit.ui.edit_panel.panel import EditPanel
from weightedit.ui.edit_panel.preview_work import Shown
from weightedit.ui.files.reload_notice import NoticeStrip
from weightedit.ui.history.history_steps import HistorySteps
from weightedit.ui.history.snapshots import Snapshots
from weightedit.ui.history.step_question import StepQuestions
from weightedit.ui.panels.place import Panel, Place
from weightedit.ui.parts import Parts, make_ahead, make_parts
from weightedit.ui.plots.colormaps import DEFAULT_MAPS, FIXED, NAMES
from weightedit.ui.settings import Settings
from weightedit.ui.shell.beside_column import BesideColumn
from weightedit.ui.shell.tab_order import go_on
from weightedit.ui.tabs.following import Following
from weightedit.ui.tabs.tensor_tabs import TensorTabs
from weightedit.ui.tasks import Tasks
from weightedit.ui.tensor_page.heatmap_keys import HeatmapKeys
from weightedit.ui.tensor_page.page import TensorPage
from weightedit.ui.tensor_page.shared_highlight import SharedHighlight

HOW_SHOWN = {"heatmap": "as a heatmap", "values": "as values", "histogram": "as a histogram",
             "profiles": "by rows and columns", "spectrum": "by singular values"}  # fmt: skip


class Workbench(QWidget):
    """Tensors in tabs, and what belongs to the one that is shown.

    Parameters
    ----------
    tasks, settings
        Where its work runs, and what is remembered.
    parts
        What it is put together from, where that was made before.

    Signals
    -------
    current_changed
        Another tab is shown, or none.
    status
        A sentence for the status bar about the tensor that is shown; an empty one takes the last back.
    told
        A sentence for the status bar about an edit, whichever tensor is shown.
    selection_changed
        Other cells are selected in the tensor that is shown, so other actions may be on.
    recipe_wanted
        (Document, edits) to be saved as a recipe.
    """

    current_changed = Signal()
    status = Signal(str)
    told = Signal(str)
    selection_changed = Signal()
    recipe_wanted = Signal(object, object)
    tabs: TensorTabs
    edit_panel: EditPanel
    body: BesideColumn
    questions: StepQuestions

    def __init__(self, tasks: Tasks, settings: Settings | None = None, parts: Parts | None = None) -> None:
        super().__init__()
        self._tasks, self._settings = tasks, settings or Settings()
        parts = parts or next(part for part in make_parts(tasks, self._settings) if part is not None)
        self._facts, self.edit_panel, self.inspector, self.history = parts
        self._facts.setParent(self)
        kept = {kind: self._settings.text(f"map/{kind}") for kind in DEFAULT_MAPS}
        self._maps = {kind: kept[kind] if kept[kind] in FIXED.get(kind, NAMES) else name
                      for kind, name in DEFAULT_MAPS.items()}  # fmt: skip
        self.document: Document | None = None
        self.following = Following(tasks, self)
        self.device = "cpu"
        self.tabs = TensorTabs(tasks, self._facts, self._maps)
        self.batches = Batches(self, tasks)
        self._build()
        self._connect()
        self._show_current()

    def _build(self) -> None:
        self.places = {name: Place(name) for name in ("top", "bottom", "right")}
        self.panels = (Panel("inspector", self.inspector, self.inspector.head),
                       Panel("history", self.history, self.history.head),
                       Panel("edit", self.edit_panel, self.edit_panel.head))  # fmt: skip
        middle = QSplitter(Qt.Orientation.Vertical)
        middle.setHandleWidth(1)
        middle.setChildrenCollapsible(False)
        for part in (self.places["top"], self.tabs, self.places["bottom"]):
            middle.addWidget(part)
        middle.setStretchFactor(1, 1)
        self.body = BesideColumn(middle, self.places["right"], self._settings)
        for panel in self.panels:
            self.places[panel.declared.places[0]].put(panel)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        strip = NoticeStrip()
        self.questions = StepQuestions(self._tasks, strip, self)
        whole.addWidget(strip)
        whole.addWidget(self.body, 1)

    def _connect(self) -> None:
        HeatmapKeys(self)
        self.following.changed.connect(self.document_changed)
        self.following.saved.connect(self.document_saved)
        self._steps = HistorySteps(self, self._tasks)
        self.snapshots = Snapshots(self, self._tasks)
        self.tabs.turned.connect(self._turned)
        self.tabs.added.connect(self._added)
        panel = self.edit_panel
        panel.previewed.connect(self._show_preview)
        panel.status.connect(self.told)
        panel.place.connect(self._show_place)
        panel.revealed.connect(self._reveal)
        panel.form.pattern_wanted.connect(self._edit_alike)
        panel.applied.connect(lambda _: self.tabs.keep(self.page))
        self.inspector.chosen.connect(self._open_here)
        self.inspector.where.chosen.connect(self._show_place)
        self.shared = SharedHighlight(self, self._tasks)

    def make_ahead(self, has_time: Callable[[], bool]) -> Iterator[None]:
        """Make what the first tensor needs, in steps; `has_time` says whether nobody waits for a file."""
        return make_ahead(self, self.tabs, (self.edit_panel, self.inspector), has_time)

    # ---- documents

    def set_document(self, document: Document | None) -> None:
        """Make a document the current one: history and edit panel follow it."""
        self.document = document
        if document is not None:
            self.following.follow(document)
        if self.tabs.shown is not None and self.tabs.shown.document is not document:
            self.tabs.show_document(document)
        self._show_current()

    def forget(self, document: Document) -> None:
        """Close every tab of a document that is being closed."""
        self.tabs.close_document(document)
        self.edit_panel.form.kept.forget(document)
        self.questions.forget(document)
        self.following.forget(document)
        if self.document is document:
            self.set_document(None)

    def document_changed(self, document: Document, change: Change) -> None:
        """Show what an edit, an undo or a redo made of the tensors in tabs."""
        self.questions.look(document)
        self.tabs.change(document, change)
        self._show_current(refreshed=True)

    def document_saved(self, document: Document) -> None:
        """Show a document that was saved: its tensors lie in another file now, and none is modified."""
        self.tabs.refresh(document)
        self._show_current()

    # ---- tabs

    @property
    def page(self) -> TensorPage | None:
        """The page that is shown."""
        return self.tabs.page

    def open_tensor(self, document: Document, name: str) -> None:
        """Show a tensor in a tab."""
        slot = document.find(name)
        if slot is not None:
            self.document = document
            self.following.follow(document)
            self.tabs.open(document, slot)

    def _added(self, page: TensorPage) -> None:
        page.device = self.device
        page.selection_changed.connect(self._selection_changed)
        page.statistics_ready.connect(self._statistics_ready)
        page.status.connect(self.status)
        page.proposed.connect(self._propose)
        page.heatmap_pane.look_changed.connect(self._look_changed)
        page.read_out.field.textChanged.connect(self._region_checked)
        page.values_pane.set_number_format(NumberFormat.parse(self._settings.text("values/format", "")))
        page.values_pane.format_chosen.connect(self._format_chosen)

    def _format_chosen(self, chosen: NumberFormat) -> None:
        """Keep a format of numbers, and show every other table in it."""
        self._settings.set("values/format", chosen.text)
        for page in self.tabs.all:
            page.values_pane.set_number_format(chosen)

    def _propose(self, name: str, arguments: dict[str, object]) -> None:
        """Choose an operation with arguments that a view found; its preview says the rest."""
        form = self.edit_panel.form
        form.choose(name)
        for made in form.fields:
            if made.declared.name in arguments:
                made.set_value(arguments[made.declared.name])

    def _turned(self) -> None:
        if self.tabs.shown is not None:
            self.document = self.tabs.shown.document
        self._show_current()
        self.current_changed.emit()

    def current(self) -> tuple[Document, str] | None:
        """Return the tensor that is shown."""
        page = self.page
        return None if page is None else (page.document, page.name)

    @property
    def is_empty(self) -> bool:
        """Whether no tab is open."""
        return self.tabs.shown is None

    def how_shown(self) -> str:
        """Return how it is shown: `as a heatmap`, `as values`."""
        return HOW_SHOWN["heatmap" if self.page is None else self.page.view_name]

    # ---- what belongs to the page

    def _show_current(self, refreshed: bool = False) -> None:
        page = self.page
        for part in (self.edit_panel, self.inspector):
            part.setVisible(page is not None)
        self.body.give_way(self.batches.page is not None)
        if page is not None:
            self.inspector.show_tensor(page.document, page.slot)
            self._show_statistics(page)
            self._look_changed()
        self._retarget()
        if refreshed:
            self.edit_panel.document_changed()
        self._steps.show()

    def _retarget(self) -> None:
        page = self.page
        if page is None:
            self.edit_panel.set_lost("")
            self.edit_panel.set_target(self.document, None)
        else:
            self._show_lost(page)
            self.edit_panel.set_target(page.document, page.name, page.slot.spec.dtype, page.selection.region,
                                       page.selection.view)  # fmt: skip

    def _selection_changed(self) -> None:
        page = self.page
        if page is not None and self.sender() is page:
            if not page.selection.is_empty:
                self.tabs.keep(page)
            self._retarget()
            self.selection_changed.emit()

    def _region_checked(self, _: str = "") -> None:
        if self.page is not None:
            self.edit_panel.set_region_problem(self.page.read_out.is_wrong)

    def _statistics_ready(self, found: object) -> None:
        page = self.page
        if page is not None and page.pinned is not None and self.sender() is page:
            self._show_statistics(page)
            self._show_lost(page)

    def _show_lost(self, page: TensorPage) -> None:
        if page is self.page:
            self.edit_panel.set_lost(". ".join(page.views.lost or ()))

    def _show_statistics(self, page: TensorPage) -> None:
        is_lost = page.views.lost is not None
        found = None if is_lost or page.pinned is None else self._facts.known(page.pinned)
        self.inspector.show_statistics(found, page.pinned, is_lost=is_lost)

    def _look_changed(self) -> None:
        if self.page is not None:
            pane = self.page.heatmap_pane
            self.edit_panel.set_look(pane.levels, pane.map_name)
        for kind, name in self._maps.items():
            if self._settings.text(f"map/{kind}", DEFAULT_MAPS[kind]) != name:
                self._settings.set(f"map/{kind}", name)

    def _show_preview(self, shown: Shown | None) -> None:
        self.inspector.show_preview(shown)
        for page in self.tabs.all:
            page.show_preview(shown if page is self.page else None)
        self._steps.show_preview(shown)

    def _reveal(self, name: str, region: str) -> None:
        """Bring a place of the slice that is shown into sight; any other place is selected to be seen."""
        page, cells = self.page, None
        if page is not None and page.name == name:
            cells = page.selection.view.cells(parse_region(region, page.slot.spec.shape))
        if page is not None and cells is not None:
            page.heatmap_pane.heatmap.look_at(*cells)
        else:
            self._show_place(name, region)

    def _show_place(self, name: str, region: str) -> None:
        document = self.document
        if document is None:
            return
        page = self.page
        if page is None or page.name != name:
            self.tabs.keep(page)
            self.open_tensor(document, name)
            page = self.page
        if page is not None and page.name == name:
            try:
                page.selection.pick_text(region)
            except RegionError as error:
                self.status.emit(str(error))
                return
            picked = page.selection.cells()
            if picked is not None:
                page.heatmap_pane.heatmap.reveal(*picked)

    def show_place(self, document: Document, name: str, region: str) -> None:
        """Show cells of a tensor in a tab."""
        self.open_beside(document, name)
        self._show_place(name, region)

    def _open_here(self, name: str) -> None:
        if self.document is not None:
            self.open_beside(self.document, name)

    def open_beside(self, document: Document, name: str) -> None:
        """Show a tensor in a tab, and keep the one that is shown now."""
        self.tabs.keep(self.page)
        self.open_tensor(document, name)

    # ---- actions

    def set_device(self, name: str) -> None:
        """Compute previews and edits on this device from now on."""
        self.device = self.edit_panel.form.device = name
        for page in self.tabs.all:
            page.device = name
        self.batches.set_device(name)
        self.edit_panel.document_changed()

    def forget_statistics(self) -> None:
        """Compute the statistics of every tensor anew where they are asked for."""
        self._facts.forget()

    def use_map(self, kind: str, name: str) -> None:
        """Use a colour map for every tensor of a kind."""
        self._maps[kind] = name
        for page in self.tabs.all:
            pane = page.heatmap_pane
            if pane.leveling.kind == kind and pane.map_name != name:
                pane.choose_map(name)

    def set_selected(self, document: Document, names: list[str], count: int | None = None) -> None:
        """Offer what is selected in the tree as a target of edits: names, patterns of groups, and how many that is."""
        if document is self.document:
            self.edit_panel.form.set_selected(tuple(names), len(names) if count is None else count)

    def choose_operation(self, name: str) -> None:
        """Pick an operation in the edit panel, or of the edit of many that is shown, and go to its form."""
        if self.page is not None:
            self.edit_panel.form.choose(name)
        elif self.batches.page is not None:
            self.batches.page.form.choose(name)

    def _edit_alike(self, pattern: str) -> None:
        """Go on with the edit that the panel describes for all tensors of a pattern."""
        form, document = self.edit_panel.form, self.document
        operation, request = form.operation, form.request()
        if document is not None and operation is not None:
            self.batches.open(document, (pattern,), operation.name, None if request is None else request.arguments)

    def apply(self) -> None:
        """Apply the edit that is described: of the tensor that is shown, or of many."""
        if self.batches.page is not None:
            self.batches.page.applying.apply()
        else:
            self.edit_panel.apply()

    def undo(self) -> None:
        """Take the last step of the current document back."""
        self._steps.undo()

    def focusNextPrevChild(self, forward: bool) -> bool:
        """Go on as things stand in the window, wherever a form made its fields anew."""
        return go_on(self.window(), forward)

    def leave(self) -> None:
        """Leave the preview; without one, clear the selection. What was asked, or said of a cell, goes with either."""
        self.questions.leave()
        if self.page is not None:
            self.page.notices.clear()
        if self.edit_panel.is_previewing:
            self.edit_panel.reset()
        elif self.page is not None:
            self.page.selection.clear()
