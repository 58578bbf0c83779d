"""What is open as tabs, tensors and edits of many: which page is shown, which tab gives way, which closes."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from weightedit.core.document import Change, Document
from weightedit.core.slots import Slot
from weightedit.ui.running.in_steps import InSteps, polished
from weightedit.ui.tabs.tab_page import TabPage
from weightedit.ui.tabs.tab_strip import TabStrip
from weightedit.ui.tasks import Tasks
from weightedit.ui.tensor_page.facts import Facts
from weightedit.ui.tensor_page.page import TensorPage
from weightedit.ui.widgets.pieces import empty_state

CALM = 400
"""Milliseconds after a tensor was opened in which the next is likely to be: only then the page after it is made."""


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
    closing
        (TabPage) that is about to be closed.
    """

    turned = Signal()
    added = Signal(object)
    closing = Signal(object)

    def __init__(self, tasks: Tasks, facts: Facts, maps: dict[str, str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tasks, self._facts, self._maps = tasks, facts, maps
        self._passing: TensorPage | None = None
        self._ahead: TensorPage | None = None
        self._makes_ahead = False
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(CALM)
        self._later.timeout.connect(self._make_the_next)
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
    def shown(self) -> TabPage | None:
        """The page that is shown, of whatever kind."""
        place = self.strip.currentIndex()
        return None if place < 0 else self.at(place)

    @property
    def page(self) -> TensorPage | None:
        """The tensor that is shown; None where something else is."""
        shown = self.shown
        return shown if isinstance(shown, TensorPage) else None

    def at(self, place: int) -> TabPage:
        """Return the page of a tab."""
        page = self.strip.tabData(place)
        assert isinstance(page, TabPage)
        return page

    @property
    def every(self) -> list[TabPage]:
        """Every page, in the order of the tabs."""
        return [self.at(place) for place in range(len(self))]

    @property
    def all(self) -> list[TensorPage]:
        """Every tensor that is open, in the order of the tabs."""
        return [page for page in self.every if isinstance(page, TensorPage)]

    def place_of(self, page: TabPage) -> int:
        """Return the number of a page's tab."""
        return next((place for place, found in enumerate(self.every) if found is page), -1)

    def open(self, document: Document, slot: Slot) -> None:
        """Show a tensor in a tab."""
        for page in self.all:
            if page.slot is slot:
                if page is self.shown:
                    self.keep(page)
                self.show_page(page)
                return
        before, passing = self.page, self._passing
        self._view = self._view if before is None else before.view_name
        page = self._ready_page()
        with self._tasks.held(page):  # what reads beside would take the time in which it is laid out and painted
            page.show_tensor(document, slot)
            if self._view != page.view_name:
                page.set_view(self._view)
            self.added.emit(page)
            self._passing = page
            self.add(page, instead=passing)

    def _make_the_next(self) -> None:
        if self._tasks.active:  # beside which it would take several times as long
            self._later.start()
        else:
            InSteps(self, self.make_ahead())

    def make_ahead(self) -> Iterator[None]:
        """Make the page of the next tensor that is opened, and style it, a part each time."""
        if self._ahead is None:
            self._makes_ahead = True
            made = self._ahead = TensorPage(self._tasks, self._facts, self._maps)
            self.pages.addWidget(made)
            yield
            if self._ahead is made:  # else it is in a tab by now
                yield from polished(made)

    @property
    def made_ahead(self) -> list[TensorPage]:
        """The page that waits for a tensor, if there is one."""
        return [] if self._ahead is None else [self._ahead]

    def _ready_page(self) -> TensorPage:
        page, self._ahead = self._ahead, None
        if self._makes_ahead:
            self._later.start()
        return page or TensorPage(self._tasks, self._facts, self._maps)

    def add(self, page: TabPage, instead: TabPage | None = None) -> None:
        """Show a page in a new tab; another one gives way to it."""
        if self.pages.indexOf(page) < 0:
            self.pages.addWidget(page)
        self.strip.blockSignals(True)
        self.strip.setTabData(self.strip.add(page.tab_title, page.is_modified, page.icon_name), page)
        if instead is not None:
            self._remove(self.place_of(instead))
        self.strip.setCurrentIndex(self.place_of(page))
        self.strip.blockSignals(False)
        self._turn()

    def show_page(self, page: TabPage) -> None:
        """Show a page that is open."""
        self.strip.setCurrentIndex(self.place_of(page))

    def keep(self, page: TabPage | None) -> None:
        """Let a page stay when another tensor is looked at."""
        if page is not None and page is self._passing:
            self._passing = None

    def _remove(self, place: int) -> None:
        page = self.at(place)
        if isinstance(page, TensorPage) and place == self.strip.currentIndex():
            self._view = page.view_name
        self.closing.emit(page)
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

    def close_page(self, page: TabPage) -> None:
        """Close the tab of a page."""
        if (place := self.place_of(page)) >= 0:
            self.close_at(place)

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
        for page in self.every:
            if page.document is document:
                self.show_page(page)
                return

    def change(self, document: Document, change: Change) -> None:
        """Show what an edit, an undo or a redo made of the tensors in tabs."""
        for place in reversed(range(len(self))):
            page = self.at(place)
            if page.document is not document:
                continue
            if page.is_gone:
                self.close_at(place)
            elif change.structure or page.is_about(change):
                page.change(change)
        self._show_names()

    def refresh(self, document: Document) -> None:
        """Read a document's tensors anew, which lie in another file after a save."""
        for page in self.every:
            if page.document is document:
                page.refresh()
        self._show_names()

    def _show_names(self) -> None:
        """Write on each tab what it shows, and its document's where a tab of another one has the same name."""
        pages = self.every
        documents: dict[str, set[int]] = {}
        for page in pages:
            documents.setdefault(page.tab_title, set()).add(id(page.document))
        for place, page in enumerate(pages):
            title = page.document.title if len(documents[page.tab_title]) > 1 else ""
            self.strip.show_tab(place, page.tab_title, page.is_modified, title)

    def retitle(self) -> None:
        """Write on the tabs what the pages are called now."""
        self._show_names()

    def _turn(self, _: int = 0) -> None:
        page = self.shown
        self._show_names()
        self.strip.setVisible(page is not None)
        self.pages.setCurrentWidget(self.nothing if page is None else page)
        self.turned.emit()
