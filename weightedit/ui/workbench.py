"""The area of tensors: tabs, pages, the edit panel, and the column of inspector and history."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from weightedit.core.document import Change, Document
from weightedit.core.errors import ConfirmationNeeded, RegionError
from weightedit.core.labels import label as edit_label
from weightedit.core.labels import place as edit_place
from weightedit.core.numbers import moment_text
from weightedit.ui.beside_column import BesideColumn
from weightedit.ui.edit_panel.panel import EditPanel
from weightedit.ui.edit_panel.preview_work import Shown
from weightedit.ui.heatmap_keys import HeatmapKeys
from weightedit.ui.history_panel import HistoryPanel
from weightedit.ui.inspector.inspector import Inspector
from weightedit.ui.pieces import line
from weightedit.ui.plots.colormaps import DEFAULT_MAPS
from weightedit.ui.settings import Settings
from weightedit.ui.tasks import TaskProgress, Tasks
from weightedit.ui.tensor_page.facts import Facts
from weightedit.ui.tensor_page.page import TensorPage
from weightedit.ui.tensor_tabs import TensorTabs


class Workbench(QWidget):
    """Tensors in tabs, and what belongs to the one that is shown.

    Signals
    -------
    current_changed
        Another tab is shown, or none.
    status
        A sentence for the status bar.
    """

    current_changed = Signal()
    status = Signal(str)
    _announced = Signal(object, object)

    def __init__(self, tasks: Tasks, settings: Settings | None = None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tasks, self._settings = tasks, settings or Settings()
        self._facts = Facts(tasks, self)
        self._maps = {kind: self._settings.text(f"map/{kind}", name) for kind, name in DEFAULT_MAPS.items()}
        self._document: Document | None = None
        self._following: dict[int, Callable[[], None]] = {}
        self._opened: dict[int, str] = {}
        self._saved_points: dict[Document, int | None] = {}
        self._device = "cpu"
        self._shown_preview: Shown | None = None
        self.tabs = TensorTabs(tasks, self._facts, self._maps)
        self.edit_panel = EditPanel(tasks)
        self.inspector, self.history = Inspector(tasks), HistoryPanel()
        self._build()
        self._connect()
        self._show_current()

    def _build(self) -> None:
        left = QWidget()
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.tabs, 1)
        self._parting = line()
        column.addWidget(self._parting)
        column.addWidget(self.edit_panel)
        self.body = BesideColumn(left, [self.inspector, self.history], self._settings)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(self.body)

    def _connect(self) -> None:
        HeatmapKeys(self)
        self._tasks.idle.connect(self._look_for_saves)
        self._announced.connect(self.document_changed, Qt.ConnectionType.QueuedConnection)
        self.tabs.turned.connect(self._turned)
        self.tabs.added.connect(self._added)
        panel = self.edit_panel
        panel.previewed.connect(self._show_preview)
        panel.status.connect(self.status)
        panel.place.connect(self._show_place)
        panel.applied.connect(lambda _: self.tabs.keep(self.page))
        self.inspector.chosen.connect(self._open_beside)
        self.history.go_to.connect(self._go_to)
        self.history.undo.connect(lambda: self._step("Undo", lambda document, accept: document.undo(accept)))
        self.history.redo.connect(lambda: self._step("Redo", lambda document, _: document.redo()))

    # ---- documents

    def set_document(self, document: Document | None) -> None:
        """Make a document the current one: history and edit panel follow it."""
        self._document = document
        if document is not None:
            self._follow(document)
        if self.page is not None and self.page.document is not document:
            self.tabs.show_document(document)
        self._show_current()

    def _follow(self, document: Document) -> None:
        if id(document) not in self._following:
            self._opened[id(document)] = moment_text(datetime.now())
            self._saved_points[document] = document.history.saved_position
            self._following[id(document)] = document.subscribe(lambda change: self._announced.emit(document, change))

    def forget(self, document: Document) -> None:
        """Close every tab of a document that is being closed."""
        self.tabs.close_document(document)
        stop = self._following.pop(id(document), None)
        self._saved_points.pop(document, None)
        if stop is not None:
            stop()
        if self._document is document:
            self.set_document(None)

    def document_changed(self, document: Document, change: Change) -> None:
        """Show what an edit, an undo or a redo made of the tensors in tabs."""
        if id(document) not in self._following:
            return
        self.tabs.change(document, change)
        self._show_current(refreshed=True)

    def document_saved(self, document: Document) -> None:
        """Show a document that was saved: its tensors lie in another file now, and none is modified."""
        self.tabs.refresh(document)
        self._show_current()

    def _look_for_saves(self) -> None:
        """Notice a save, which no document announces."""
        for document, known in list(self._saved_points.items()):
            if document.history.saved_position != known:
                self._saved_points[document] = document.history.saved_position
                self.document_saved(document)

    # ---- tabs

    @property
    def page(self) -> TensorPage | None:
        """The page that is shown."""
        return self.tabs.page

    def open_tensor(self, document: Document, name: str) -> None:
        """Show a tensor in a tab."""
        slot = document.find(name)
        if slot is not None:
            self._document = document
            self._follow(document)
            self.tabs.open(document, slot)

    def _added(self, page: TensorPage) -> None:
        page.device = self._device
        page.selection_changed.connect(self._selection_changed)
        page.statistics_ready.connect(self._statistics_ready)
        page.status.connect(self.status)
        page.heatmap_pane.look_changed.connect(self._look_changed)
        page.read_out.field.textChanged.connect(self._region_checked)

    def _turned(self) -> None:
        if self.page is not None:
            self._document = self.page.document
        self._show_current()
        self.current_changed.emit()

    def current(self) -> tuple[Document, str] | None:
        """Return the tensor that is shown."""
        page = self.page
        return None if page is None else (page.document, page.name)

    def how_shown(self) -> str:
        """Return how it is shown: `as a heatmap`, `as values`."""
        return "as values" if self.page is not None and self.page.view_name == "values" else "as a heatmap"

    def next_tab(self) -> None:
        """Show the next tab."""
        self.tabs.show_next()

    def close_tab(self) -> None:
        """Close the tab that is shown."""
        self.tabs.close_current()

    # ---- what belongs to the page

    def _show_current(self, refreshed: bool = False) -> None:
        page = self.page
        has_page = page is not None
        self.edit_panel.setVisible(has_page)
        self._parting.setVisible(has_page)
        self.inspector.setVisible(has_page)
        if page is not None:
            self.inspector.show_tensor(page.document, page.slot)
            self.inspector.show_statistics(None if page.pinned is None else self._facts.known(page.pinned))
            self._look_changed()
            self.edit_panel.order_tabs(page.read_out.field)
        self._retarget()
        if refreshed:
            self.edit_panel.document_changed()
        self._show_history()

    def _retarget(self) -> None:
        page = self.page
        if page is None:
            self.edit_panel.set_target(self._document, None)
        else:
            self.edit_panel.set_target(page.document, page.name, page.slot.spec.dtype, page.selection.region,
                                       page.selection.view)  # fmt: skip

    def _selection_changed(self) -> None:
        page = self.page
        if page is not None and self.sender() is page:
            if not page.selection.is_empty:
                self.tabs.keep(page)
            self._retarget()

    def _region_checked(self, _: str = "") -> None:
        if self.page is not None:
            self.edit_panel.set_region_problem(self.page.read_out.is_wrong)

    def _statistics_ready(self, found: object) -> None:
        page = self.page
        if page is not None and page.pinned is not None and self.sender() is page:
            self.inspector.show_statistics(self._facts.known(page.pinned))

    def _look_changed(self) -> None:
        if self.page is not None:
            pane = self.page.heatmap_pane
            self.edit_panel.set_look(pane.levels, pane.map_name)
        for kind, name in self._maps.items():
            if self._settings.text(f"map/{kind}", DEFAULT_MAPS[kind]) != name:
                self._settings.set(f"map/{kind}", name)

    def _show_preview(self, shown: Shown | None) -> None:
        self._shown_preview = shown
        self.inspector.show_preview(shown)
        self._show_history()

    def _show_history(self) -> None:
        document, shown = self._document, self._shown_preview
        preview = None
        if document is not None and shown is not None:
            edit = shown.preview.edit
            preview = (edit_label(document.operations[edit.operation], edit), edit_place(edit, shown.preview.targets))
        self.history.show_document(document, self._opened.get(id(document), ""), preview)

    def _show_place(self, name: str, region: str) -> None:
        document = self._document
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

    def _open_beside(self, name: str) -> None:
        if self._document is not None:
            self.tabs.keep(self.page)
            self.open_tensor(self._document, name)

    # ---- history

    def _go_to(self, position: int) -> None:
        self._step("Going back", lambda document, accept: document.go_to(position, accept))

    def _step(self, name: str, step: Callable[[Document, str], None], accept: str = "") -> None:
        document, page = self._document, self.page
        if document is None:
            return

        def work(progress: TaskProgress) -> None:
            step(document, accept)

        def failed(error: Exception) -> None:
            if page is None or not isinstance(error, ConfirmationNeeded):
                self.status.emit(str(error))
                return
            first = error.hazards[0]
            page.notices.say("warning", first.title, first.detail, f"{name} all the same")
            assert page.notices.confirm is not None
            page.notices.confirm.clicked.connect(page.notices.clear)
            page.notices.confirm.clicked.connect(lambda: self._step(name, step, "all"))

        self._tasks.start(name, work, on_result=None, on_error=failed)

    # ---- actions

    def set_view(self, name: str) -> None:
        """Show the tensor as `heatmap` or `values`."""
        if self.page is not None:
            self.page.set_view(name)

    def set_device(self, name: str) -> None:
        """Compute previews and edits on this device from now on."""
        self._device = self.edit_panel.form.device = name
        for page in self.tabs.all:
            page.device = name
        self.edit_panel.document_changed()

    def set_selected(self, document: Document, names: list[str]) -> None:
        """Offer the tensors selected in the tree as a target of edits."""
        if document is self._document:
            self.edit_panel.form.set_selected(tuple(names))

    def choose_operation(self, name: str) -> None:
        """Pick an operation in the edit panel and go to its form."""
        if self.page is not None:
            self.edit_panel.form.choose(name)

    def apply(self) -> None:
        """Apply the edit that the form describes."""
        self.edit_panel.apply()

    def leave(self) -> None:
        """Leave the preview; without one, clear the selection. What was said of a cell goes with either."""
        if self.page is not None:
            self.page.notices.clear()
        if self.edit_panel.is_previewing:
            self.edit_panel.reset()
        elif self.page is not None:
            self.page.selection.clear()

    def reset_preview(self) -> None:
        """Leave the preview."""
        self.edit_panel.reset()

    def focus_region(self) -> None:
        """Go to the field that takes a region."""
        if self.page is not None:
            self.page.read_out.focus_region()

    def select_all(self) -> None:
        """Select the whole tensor."""
        if self.page is not None:
            self.page.selection.pick_all()

    def copy(self) -> None:
        """Copy the selected cells as text."""
        if self.page is not None:
            self.page.copy()

    def paste(self) -> None:
        """Take cells from the clipboard as an edit of the selected ones."""
        if self.page is not None:
            self.page.paste()

    def copy_as_pytorch(self) -> None:
        """Copy the edit as lines of PyTorch."""
        self.edit_panel.copy_as_pytorch()

    def zoom_in(self) -> None:
        """Show fewer cells, larger."""
        if self.page is not None:
            self.page.heatmap_pane.heatmap.zoom_in()

    def zoom_out(self) -> None:
        """Show more cells, smaller."""
        if self.page is not None:
            self.page.heatmap_pane.heatmap.zoom_out()

    def fit(self) -> None:
        """Show the whole tensor."""
        if self.page is not None:
            self.page.heatmap_pane.heatmap.fit()

    def next_nonfinite(self, step: int = 1) -> None:
        """Go to the next NaN or Inf; `step` -1 goes to the one before."""
        if self.page is not None:
            self.page.heatmap_pane.go_to_nonfinite(step, self.status.emit)

    def previous_nonfinite(self) -> None:
        """Go to the previous NaN or Inf."""
        self.next_nonfinite(-1)

    # ---- the column at the right

    def toggle_inspector(self) -> None:
        """Show or hide inspector and history."""
        self.body.toggle()

    def set_drawer(self, on: bool) -> None:
        """Keep the inspector out of sight until it is asked for, where there is little room."""
        self.body.set_drawer(on)
