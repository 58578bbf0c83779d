"""The open tensors as tabs: which page is shown, which tab gives way, which closes."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from weightedit.core.document import Change, Document
from weightedit.core.slots import Slot
from weightedit.ui.pieces import empty_state
from weightedit.ui.tab_strip import TabStrip
from weightedit.ui.tasks import Tasks
from weightedit.ui.tensor_page.facts import Facts
from weightedit.ui.tensor_page.page import TensorPage


class TensorTabs(QWidget):
    """Tabs and pages.

    A tab that was only looked at gives way to the next one; asking for the shown tensor again, selecting in it,
    editing it or double-clicking its tab keeps it.

    Signals
    -------
    turned
        Another page is shown, or none.
    added
        (TensorPage) that was just made.
    """

    turned = Signal()
    added = Signal(object)

    def __init__(self, tasks: Tasks, facts: Facts, maps: dict[str, str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tasks, self._facts, self._maps = tasks, facts, maps
        self._passing: TensorPage | None = None
        self._view = "heatmap"  # of the tab that was shown last: a new one opens in it
        self.strip, self.pages = TabStrip(), QStackedWidget()
        self.nothing = empty_state("grid", "No tensor selected",
                                   "Pick one in the tree, or press Ctrl+F and type its name.")  # fmt: skip
        self.pages.addWidget(self.nothing)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.strip)
        column.addWidget(self.pages, 1)
        self.strip.hide()
        self.strip.currentChanged.connect(self._turn)
        self.strip.closed.connect(self.close_at)
        self.strip.kept.connect(lambda place: self.keep(self.at(place)))

    def __len__(self) -> int:
        return self.strip.count()

    def __bool__(self) -> bool:
        return True

    @property
    def page(self) -> TensorPage | None:
        """The page that is shown."""
        place = self.strip.currentIndex()
        return None if place < 0 else self.at(place)

    def at(self, place: int) -> TensorPage:
        """Return the page of a tab."""
        page = self.strip.tabData(place)
        assert isinstance(page, TensorPage)
        return page

    @property
    def all(self) -> list[TensorPage]:
        """Every page, in the order of the tabs."""
        return [self.at(place) for place in range(len(self))]

    def place_of(self, page: TensorPage) -> int:
        """Return the number of a page's tab."""
        return next((place for place, found in enumerate(self.all) if found is page), -1)

    def open(self, document: Document, slot: Slot) -> None:
        """Show a tensor in a tab."""
        for place, page in enumerate(self.all):
            if page.slot is slot:
                if place == self.strip.currentIndex():
                    self.keep(page)
                self.strip.setCurrentIndex(place)
                return
        self._add(document, slot)

    def _add(self, document: Document, slot: Slot) -> None:
        page = TensorPage(document, slot, self._tasks, self._facts, self._maps)
        before, passing = self.page, self._passing
        self._view = self._view if before is None else before.view_name
        if self._view != page.view_name:
            page.set_view(self._view)
        self.added.emit(page)
        self.pages.addWidget(page)
        self.strip.blockSignals(True)
        self.strip.setTabData(self.strip.add(slot.name, slot.is_modified), page)
        if passing is not None:
            self._remove(self.place_of(passing))
        self.strip.setCurrentIndex(self.place_of(page))
        self.strip.blockSignals(False)
        self._passing = page
        self._turn()

    def keep(self, page: TensorPage | None) -> None:
        """Let a page stay when another tensor is looked at."""
        if page is not None and page is self._passing:
            self._passing = None

    def _remove(self, place: int) -> None:
        page = self.at(place)
        if place == self.strip.currentIndex():
            self._view = page.view_name
        self.strip.removeTab(place)
        self.pages.removeWidget(page)
        page.close_work()
        page.hide()
        page.deleteLater()
        if page is self._passing:
            self._passing = None

    def close_at(self, place: int) -> None:
        """Close a tab."""
        self.strip.blockSignals(True)
        self._remove(place)
        self.strip.blockSignals(False)
        self._turn()

    def close_current(self) -> None:
        """Close the tab that is shown."""
        if self.strip.currentIndex() >= 0:
            self.close_at(self.strip.currentIndex())

    def close_document(self, document: Document) -> None:
        """Close every tab of a document."""
        for place in reversed(range(len(self))):
            if self.at(place).document is document:
                self.close_at(place)

    def show_next(self) -> None:
        """Show the next tab."""
        if len(self) > 1:
            self.strip.setCurrentIndex((self.strip.currentIndex() + 1) % len(self))

    def show_document(self, document: Document | None) -> None:
        """Show a tab of a document, if there is one."""
        for place, page in enumerate(self.all):
            if page.document is document:
                self.strip.setCurrentIndex(place)
                return

    def change(self, document: Document, change: Change) -> None:
        """Show what an edit, an undo or a redo made of the tensors in tabs."""
        for place in reversed(range(len(self))):
            page = self.at(place)
            if page.document is not document:
                continue
            if document.find(page.slot.name) is not page.slot:
                self.close_at(place)
                continue
            if change.structure or page.slot.name in change.names:
                page.change(change)
        self._show_names()

    def refresh(self, document: Document) -> None:
        """Read a document's tensors anew, which lie in another file after a save."""
        for page in self.all:
            if page.document is document:
                page.refresh()
        self._show_names()

    def _show_names(self) -> None:
        """Write on each tab its tensor's name, and its document's where a tab of another one has the same name."""
        pages = self.all
        documents: dict[str, set[int]] = {}
        for page in pages:
            documents.setdefault(page.name, set()).add(id(page.document))
        for place, page in enumerate(pages):
            title = page.document.title if len(documents[page.name]) > 1 else ""
            self.strip.show_tab(place, page.name, page.slot.is_modified, title)

    def _turn(self, _: int = 0) -> None:
        page = self.page
        self._show_names()
        self.strip.setVisible(page is not None)
        self.pages.setCurrentWidget(self.nothing if page is None else page)
        self.turned.emit()
