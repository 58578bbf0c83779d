"""The area of tensors: tabs, pages, the edit panel, and the column of inspector and history."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import QFrame, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from weightedit.core.document import Change, Document
from weightedit.core.errors import ConfirmationNeeded, RegionError
from weightedit.core.labels import label as edit_label
from weightedit.core.labels import place as edit_place
from weightedit.core.numbers import moment_text
from weightedit.core.slots import Slot
from weightedit.ui.edit_panel.panel import EditPanel
from weightedit.ui.edit_panel.preview_work import Shown
from weightedit.ui.history_panel import HistoryPanel
from weightedit.ui.inspector.inspector import Inspector
from weightedit.ui.pieces import line
from weightedit.ui.plots.colormaps import DEFAULT_MAPS
from weightedit.ui.settings import Settings
from weightedit.ui.tab_strip import TabStrip
from weightedit.ui.tasks import TaskProgress, Tasks
from weightedit.ui.tensor_page.facts import Facts
from weightedit.ui.tensor_page.page import TensorPage, empty_state

LEFT_LEAST = 540
INSPECTOR, INSPECTOR_LEAST, INSPECTOR_MOST = 282, 240, 420


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
        self._passing: TensorPage | None = None
        self._device = "cpu"
        self._shown_preview: Shown | None = None
        self._is_drawer = False
        self.tabs, self.pages = TabStrip(), QStackedWidget()
        self.edit_panel = EditPanel(tasks)
        self.inspector, self.history = Inspector(tasks), HistoryPanel()
        self.nothing = empty_state("grid", "No tensor selected",
                                   "Pick one in the tree, or press Ctrl+F and type its name.")  # fmt: skip
        self._build()
        self._connect()
        self._show_current()

    def _build(self) -> None:
        left = QWidget()
        left.setMinimumWidth(LEFT_LEAST)
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        self.pages.addWidget(self.nothing)
        column.addWidget(self.tabs)
        column.addWidget(self.pages, 1)
        self._parting = line()
        column.addWidget(self._parting)
        column.addWidget(self.edit_panel)
        self.side = QFrame()
        self.side.setObjectName("side")
        self.side.setProperty("surface", "panel")
        self.side.setMinimumWidth(INSPECTOR_LEAST)
        self.side.setMaximumWidth(INSPECTOR_MOST)
        beside = QVBoxLayout(self.side)
        beside.setContentsMargins(0, 0, 0, 0)
        beside.setSpacing(0)
        split = QSplitter(Qt.Orientation.Vertical)
        split.setHandleWidth(1)
        split.setChildrenCollapsible(False)
        split.addWidget(self.inspector)
        split.addWidget(self.history)
        split.setSizes([520, 260])
        split.setStretchFactor(0, 3)
        split.setStretchFactor(1, 2)
        beside.addWidget(split)
        self.splitter = QSplitter(Qt.Orientation.Horizontal)
        self.splitter.setHandleWidth(1)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.addWidget(left)
        self.splitter.addWidget(self.side)
        self.splitter.setStretchFactor(0, 1)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(self.splitter)

    def _connect(self) -> None:
        self._tasks.idle.connect(self._look_for_saves)
        self._announced.connect(self.document_changed, Qt.ConnectionType.QueuedConnection)
        self.tabs.currentChanged.connect(lambda _: self._tab_changed())
        self.tabs.closed.connect(self._close)
        self.tabs.kept.connect(lambda place: self._keep(self._page(place)))
        panel = self.edit_panel
        panel.previewed.connect(self._show_preview)
        panel.status.connect(self.status)
        panel.place.connect(self._show_place)
        panel.applied.connect(lambda _: self._keep(self.page))
        self.inspector.chosen.connect(self._open_beside)
        self.history.go_to.connect(self._go_to)
        self.history.undo.connect(lambda: self._step("Undo", lambda document, accept: document.undo(accept)))
        self.history.redo.connect(lambda: self._step("Redo", lambda document, _: document.redo()))
        self.splitter.splitterMoved.connect(self._remember_width)

    # ---- documents

    def set_document(self, document: Document | None) -> None:
        """Make a document the current one: history and edit panel follow it."""
        self._document = document
        if document is not None:
            self._follow(document)
        page = self.page
        if page is not None and page.document is not document:
            other = next((n for n in range(self.tabs.count()) if self._page(n).document is document), -1)
            if other >= 0:
                self.tabs.setCurrentIndex(other)
        self._show_current()

    def _follow(self, document: Document) -> None:
        if id(document) not in self._following:
            self._opened[id(document)] = moment_text(datetime.now())
            self._saved_points[document] = document.history.saved_position
            self._following[id(document)] = document.subscribe(lambda change: self._announced.emit(document, change))

    def forget(self, document: Document) -> None:
        """Close every tab of a document that is being closed."""
        for place in reversed(range(self.tabs.count())):
            if self._page(place).document is document:
                self._close(place)
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
        for place in reversed(range(self.tabs.count())):
            page = self._page(place)
            if page.document is not document:
                continue
            if document.find(page.slot.name) is not page.slot:
                self._close(place)
                continue
            if change.structure or page.slot.name in change.names:
                page.change(change)
            self.tabs.show_tab(place, page.name, page.slot.is_modified)
        self._show_current(refreshed=True)

    def document_saved(self, document: Document) -> None:
        """Show a document that was saved: its tensors lie in another file now, and none is modified."""
        for place in range(self.tabs.count()):
            page = self._page(place)
            if page.document is document:
                page.refresh()
                self.tabs.show_tab(place, page.name, page.slot.is_modified)
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
        place = self.tabs.currentIndex()
        return None if place < 0 else self._page(place)

    def _page(self, place: int) -> TensorPage:
        page = self.tabs.tabData(place)
        assert isinstance(page, TensorPage)
        return page

    def open_tensor(self, document: Document, name: str) -> None:
        """Show a tensor in a tab.

        A tab that was only looked at gives way to the next one; asking for the shown tensor again, editing it
        or double-clicking its tab keeps it.
        """
        slot = document.find(name)
        if slot is None:
            return
        self._document = document
        self._follow(document)
        for place in range(self.tabs.count()):
            if self._page(place).slot is slot:
                if place == self.tabs.currentIndex():
                    self._keep(self._page(place))
                self.tabs.setCurrentIndex(place)
                return
        self._add(document, slot)

    def _add(self, document: Document, slot: Slot) -> None:
        page = TensorPage(document, slot, self._tasks, self._facts, self._maps)
        page.device = self._device
        page.selection_changed.connect(self._selection_changed)
        page.statistics_ready.connect(self._statistics_ready)
        page.status.connect(self.status)
        page.heatmap_pane.look_changed.connect(self._look_changed)
        page.read_out.field.textChanged.connect(lambda _: self._region_checked())
        passing = self._passing
        before = self.page
        if before is not None and before.view_name == "values":
            page.set_view("values")
        self.pages.addWidget(page)
        self.tabs.blockSignals(True)
        place = self.tabs.add(slot.name, slot.is_modified)
        self.tabs.setTabData(place, page)
        if passing is not None:
            self._passing = None
            self._remove(self._place_of(passing))
        self.tabs.setCurrentIndex(self._place_of(page))
        self.tabs.blockSignals(False)
        self._passing = page
        self._tab_changed()

    def _place_of(self, page: TensorPage) -> int:
        return next((place for place in range(self.tabs.count()) if self._page(place) is page), -1)

    def _keep(self, page: TensorPage | None) -> None:
        if page is not None and page is self._passing:
            self._passing = None

    def _remove(self, place: int) -> None:
        page = self._page(place)
        self.tabs.removeTab(place)
        self.pages.removeWidget(page)
        page.close_work()
        page.hide()
        page.deleteLater()
        if page is self._passing:
            self._passing = None

    def _close(self, place: int) -> None:
        self.tabs.blockSignals(True)
        self._remove(place)
        self.tabs.blockSignals(False)
        self._tab_changed()

    def _tab_changed(self) -> None:
        page = self.page
        self.pages.setCurrentWidget(self.nothing if page is None else page)
        if page is not None:
            self._document = page.document
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
        if self.tabs.count() > 1:
            self.tabs.setCurrentIndex((self.tabs.currentIndex() + 1) % self.tabs.count())

    def close_tab(self) -> None:
        """Close the tab that is shown."""
        if self.tabs.currentIndex() >= 0:
            self._close(self.tabs.currentIndex())

    # ---- what belongs to the page

    def _show_current(self, refreshed: bool = False) -> None:
        page = self.page
        has_page = page is not None
        self.tabs.setVisible(has_page)
        self.edit_panel.setVisible(has_page)
        self._parting.setVisible(has_page)
        self.inspector.setVisible(has_page)
        if page is not None:
            self.inspector.show_tensor(page.document, page.slot)
            self.inspector.show_statistics(None if page.pinned is None else self._facts.known(page.pinned))
            self._look_changed()
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
                self._keep(page)
            self._retarget()

    def _region_checked(self) -> None:
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
            self._keep(page)
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
            self._keep(self.page)
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
        for place in range(self.tabs.count()):
            self._page(place).device = name
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
        """Leave the preview; without one, clear the selection."""
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
        shown = self.side.isHidden()
        self.side.setVisible(shown)
        if self._is_drawer:
            self._place_drawer()
            self.side.raise_()
        else:
            self._settings.set("inspector/shown", shown)

    def set_drawer(self, on: bool) -> None:
        """Keep the inspector out of sight until it is asked for, where there is little room."""
        if on != self._is_drawer:
            self._is_drawer = on
            if on:
                self.side.setParent(self)
                self._place_drawer()
            else:
                self.splitter.addWidget(self.side)
                self._fit_side()
            self.side.setVisible(not on and self._settings.flag("inspector/shown", True))

    def _place_drawer(self) -> None:
        self.side.setGeometry(self.width() - INSPECTOR, 0, INSPECTOR, self.height())

    def _fit_side(self) -> None:
        width = self._settings.number("inspector/width", INSPECTOR)
        self.splitter.setSizes([max(self.width() - width - 1, LEFT_LEAST), width])

    def showEvent(self, event: QShowEvent) -> None:
        """Give the inspector the width it had."""
        super().showEvent(event)
        if not self._is_drawer:
            self._fit_side()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the drawer at the right edge."""
        super().resizeEvent(event)
        if self._is_drawer:
            self._place_drawer()

    def _remember_width(self, *_: int) -> None:
        if not self._is_drawer and self.side.isVisible():
            self._settings.set("inspector/width", self.side.width())
