"""The window: bars, tree and the area of tensors, joined; it decides nothing itself but what is shown where."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QCloseEvent, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QApplication, QMainWindow, QWidget

from weightedit.core.shortages import is_fault, shortage
from weightedit.core.visible import message
from weightedit.ui.actions import ACTIONS, Bound, Reach
from weightedit.ui.actions.operations import operation_actions
from weightedit.ui.answers import About, reading, reading_all
from weightedit.ui.aside import Aside, Pages
from weightedit.ui.closing import Closing
from weightedit.ui.documents import Documents, OpenDocument
from weightedit.ui.dropping import Dropping
from weightedit.ui.editing_many import EditingMany
from weightedit.ui.entry_edits import EntryEdits
from weightedit.ui.error_strip import ErrorStrip
from weightedit.ui.faults import Fault, Faults, taken_before
from weightedit.ui.file_work import FileWork
from weightedit.ui.filing import Filing
from weightedit.ui.layout import fill_work, sides, whole
from weightedit.ui.live_watching import LiveWatching
from weightedit.ui.palette.palette import Palette
from weightedit.ui.panels.panels import Panels
from weightedit.ui.panels.place import Panel
from weightedit.ui.plain import title_text
from weightedit.ui.preferences import Preferences
from weightedit.ui.rail import Rail
from weightedit.ui.recent import Recents
from weightedit.ui.settings import Settings
from weightedit.ui.start_page import EmptyState, StartPage
from weightedit.ui.status_bar import StatusBar
from weightedit.ui.steps import Steps
from weightedit.ui.tab_order import go_on
from weightedit.ui.tasks import Tasks
from weightedit.ui.theme import system_theme, theme
from weightedit.ui.top_bar import TopBar
from weightedit.ui.tree.panel import TreePanel
from weightedit.ui.unrecorded import Unrecorded
from weightedit.ui.warming import MakeWorkbench, real_workbench, warm_up

if TYPE_CHECKING:
    from weightedit.core.document import Change
    from weightedit.ui.workbench import Workbench

SMALLEST = (1024, 640)
DRAWER_BELOW = 1200
"""Narrower than this, the inspector stays out of sight until it is asked for."""
TREE_WIDTH = 400


class MainWindow(QMainWindow):
    """The whole window.

    Parameters
    ----------
    settings
        What is remembered between runs.
    make_workbench
        Makes the area of tensors, after the first paint.

    Signals
    -------
    painted
        The window was painted for the first time.
    ready
        The area of tensors is there.
    failed
        (exception): an error is shown.
    closed
        The window is gone.
    """

    painted = Signal()
    ready = Signal()
    failed = Signal(object)
    closed = Signal()
    faults: Faults
    filing: Filing
    steps: Steps
    files: FileWork
    entry_edits: EntryEdits
    live: LiveWatching
    many: EditingMany
    recents: Recents
    tree: TreePanel
    actions_of: Bound
    search: Palette
    panels: Panels
    preferences: Preferences
    aside: Aside

    def __init__(self, settings: Settings, make_workbench: MakeWorkbench = real_workbench) -> None:
        super().__init__()
        self.settings = settings
        self.tasks = Tasks(self)
        self.faults = Faults(self)
        self.documents = Documents(self.tasks, self)
        self.current: OpenDocument | None = None
        self.workbench: Workbench | None = None
        self._make_workbench = make_workbench
        self._was_painted = False
        self.setMinimumSize(*SMALLEST)
        self.recents = Recents(self.settings, self.tasks, self)
        self.filing = Filing(self.documents, self.tasks, self)
        self.steps = Steps(self)
        self.closing = Closing(self)
        self._offered: tuple[str, ...] = ()
        self._build()
        self._connect()
        self.files = FileWork(self)
        self.live = LiveWatching(self)
        self.entry_edits = EntryEdits(self)
        self.many = EditingMany(self)
        self.preferences = Preferences(self)
        Unrecorded(self)
        self.aside = Aside(self)
        self.show_pages()
        theme.dress(self)

    # ---- layout

    def _build(self) -> None:
        self.tree = TreePanel(self.documents, self.tasks)
        self.work = QWidget()
        self.work.setObjectName("work")
        hosts = {"window": self, "tree": self.tree, "work": self.work}
        self.actions_of = Bound(Reach(self), hosts, ACTIONS)
        self.top = TopBar(self.actions_of)
        self.rail = Rail()
        self.status = StatusBar(self.tasks)
        self.start = StartPage(self.recents)
        Dropping(self)
        self.opening = EmptyState("file", "Opening")
        self.errors = ErrorStrip()
        self.pages = Pages()
        for page in (self.start, self.opening):
            self.pages.addWidget(page)
        fill_work(self.work, self.errors, self.pages)
        self.splitter, self.left = sides(self.work, self.settings.number("window/tree", TREE_WIDTH))
        self.panels = Panels(self.settings, self)
        self.panels.take([self.left], [Panel("tree", self.tree, self.tree.head)])
        everything = whole(self.top, self.rail, self.splitter, self.status)
        self.setCentralWidget(everything)
        self.search = Palette(self)
        everything.setFocus()  # nothing is marked before a key is pressed

    def _connect(self) -> None:
        actions = self.actions_of
        self.start.open_file.connect(actions["open-file"].trigger)
        self.start.open_folder.connect(actions["open-folder"].trigger)
        self.start.open_demo.connect(actions["open-demo"].trigger)
        self.rail.edit_pressed.connect(lambda: self.aside.close())
        self.rail.help_pressed.connect(actions["keys"].trigger)
        self.rail.settings_pressed.connect(actions["settings"].trigger)
        self.tree.chosen.connect(self.show_tensor)
        self.tree.opened.connect(self.show_tensor)
        self.tree.rename_requested.connect(self.steps.rename)
        self.tree.close_requested.connect(self.close_document)
        self.tree.tree.selectionModel().selectionChanged.connect(self._tree_selected)
        self.documents.opening.connect(lambda _: self.show_pages())
        self.documents.arrivals.came.connect(self._arrived)
        self.documents.added.connect(self._added)
        self.documents.added.connect(lambda found: self.errors.answer(*reading_all(found)))
        self.documents.removed.connect(self._removed)
        self.documents.refused.connect(lambda path, error: self.show_error(error, about=reading(path)))
        self.documents.settled.connect(self.show_pages)
        self.documents.changed.connect(self._changed)
        self.filing.said.connect(self.status.say_filed)
        self.filing.saved.connect(self._saved)
        self.filing.refused.connect(lambda name, error, about: self.show_error(error, name, about))
        self.filing.written.connect(lambda about: self.errors.answer(about))
        self.panels.changed.connect(self.refresh)
        self.tasks.failed.connect(lambda name, error: self.show_error(error, name))
        self.tasks.faulted.connect(lambda name, error: self.show_error(error, name))
        self.painted.connect(self._after_first_paint, Qt.ConnectionType.QueuedConnection)

    def _tree_selected(self, *_: object) -> None:
        self.refresh()
        if self.workbench is not None and (here := self.current) is not None:
            self.workbench.set_selected(here.document, *self.tree.tree.selected_patterns(here))

    # ---- first paint, then the rest

    def paintEvent(self, event: QPaintEvent) -> None:
        """Note the first paint, after which everything slow begins."""
        super().paintEvent(event)
        if not self._was_painted:
            self._was_painted = True
            self.painted.emit()

    def _after_first_paint(self) -> None:
        self.tasks.start("Starting torch", warm_up, on_result=self._warm, quiet=True, stops=False)
        self.files.look_back()

    def _warm(self, found: tuple[str, list[str]]) -> None:
        self.status.show_torch(*found)
        self.workbench = self._make_workbench(self.tasks, self.settings)
        self.workbench.current_changed.connect(self._tensor_changed)
        self.workbench.selection_changed.connect(self.actions_of.refresh)
        self.workbench.status.connect(self.status.say_passing)
        self.workbench.told.connect(self.status.say)
        self.status.device_chosen.connect(self.workbench.set_device)
        self.pages.addWidget(self.workbench)
        self.panels.take(self.workbench.places.values(), self.workbench.panels)
        self._fit_inspector()
        self.tree.thumbnails.turn(self.settings.flag("thumbnails", True))
        self.ready.emit()
        if self.current is not None:
            self.workbench.set_document(self.current.document)
            self._show_first(self.current, self.tree.tree.tensor_at(self.tree.tree.currentIndex()))
        self.show_pages()

    # ---- documents

    def open(self, paths: list[str]) -> None:
        """Open files in the background."""
        self.errors.clear()
        self.documents.open(paths)

    def _added(self, opened: OpenDocument) -> None:
        leads = self.documents.leads(opened)
        if leads:
            self._make_current(opened)
        self._offer_operations(opened)
        self.show_pages()
        if leads and self.workbench is not None:
            self._show_first(opened, self.tree.taken_over)

    def _arrived(self) -> None:
        if not self.tree.isVisible():
            self.show_pages()

    def _offer_operations(self, opened: OpenDocument) -> None:
        """Fill the Operations menu with what a document offers."""
        offered = opened.document.operations
        if tuple(offered) != self._offered:
            for name in self._offered:
                self.actions_of.remove(f"operation:{name}")
            for action in operation_actions(offered.values()):
                self.actions_of.add(action)
            self._offered = tuple(offered)
            self.top.menus.fill("Operations")

    def _make_current(self, opened: OpenDocument | None) -> None:
        if opened is not self.current:
            self.current = opened
            if self.workbench is not None:
                self.workbench.set_document(None if opened is None else opened.document)

    def show_document(self, opened: OpenDocument) -> None:
        """Go to a document: the tab it had last, or its first tensor."""
        self._make_current(opened)
        shown = None if self.workbench is None else self.workbench.current()
        if self.workbench is not None and (shown is None or shown[0] is not opened.document):
            self._show_first(opened)
        self.refresh()

    def _show_first(self, opened: OpenDocument, picked: tuple[OpenDocument, str] | None = None) -> None:
        if QApplication.focusWidget() in (None, self.centralWidget()):
            self.tree.tree.setFocus()
        name = opened.first_tensor() if picked is None else picked[1]
        if name is not None and (picked or not self.tree.tree.select(opened, name)):
            self.show_tensor(opened, name)

    def show_tensor(self, opened: OpenDocument, name: str) -> None:
        """Show a tensor in the area of tensors."""
        self.aside.close()
        self._make_current(opened)
        if self.workbench is not None:
            self.workbench.open_tensor(opened.document, name)
        self.refresh()

    def _tensor_changed(self) -> None:
        """Follow the tab that is shown: its document is the current one, and its row too."""
        self.status.say_passing("")
        shown = None if self.workbench is None else self.workbench.current()
        if shown is not None:
            opened = self.documents.of(shown[0])
            self.current = opened or self.current
            if opened is not None and not self.tree.tree.is_at(opened, shown[1]):
                self.tree.tree.blockSignals(True)
                self.tree.tree.select(opened, shown[1])
                self.tree.tree.blockSignals(False)
        elif self.workbench is not None and self.workbench.is_empty:
            self.tree.tree.selectionModel().clear()
        self.refresh()

    def close_document(self, opened: OpenDocument) -> None:
        """Close one document, after asking about unsaved edits."""
        self.filing.before_closing([opened], lambda: self.documents.close(opened))

    def _removed(self, opened: OpenDocument) -> None:
        left = self.documents.all
        if self.workbench is not None:
            self.workbench.forget(opened.document)
        if opened is self.current:
            self._make_current(left[-1] if left else None)
        self.show_pages()
        if not left:
            self.start.setFocus()  # the focus would go on to whatever is left, such as the status bar

    def _changed(self, opened: OpenDocument, change: Change) -> None:
        if opened.document.is_modified:
            self.status.forget_filed()
        self.refresh()

    def _saved(self, opened: OpenDocument) -> None:
        self.tree.tree.viewport().update()
        self.refresh()

    # ---- what is shown where

    def show_pages(self) -> None:
        """Show the start page, that a file is being opened, or the document."""
        present = len(self.documents) > 0
        if not present:
            page: QWidget = self.opening if self.documents.is_opening else self.start
        else:
            page = self.workbench or self.opening
        page = self.aside.current or page
        names = self.documents.names_being_opened
        self.opening.say(f"Opening {', '.join(names)}" if names else "Starting torch")
        self.pages.setCurrentWidget(page)
        self.tree.setVisible(present or self.documents.arrivals.shown is not None)
        self.top.show_document_buttons(present)
        self.rail.set_room("" if self.aside.current else "edit" if present else "")
        self.refresh()

    def refresh(self) -> None:
        """Follow the current document: title, status, and which actions are on."""
        found = self.current
        names = self.documents.names_being_opened
        self.status.show_document(found, ", ".join(names))
        self.setWindowTitle("weightedit" if found is None else f"{title_text(found.title)}[*] — weightedit")
        self.setWindowModified(bool(found is not None and found.document.is_modified))
        self.actions_of.refresh()

    def show_error(self, error: BaseException, doing: str = "", about: About | None = None) -> None:
        """Show an error in the window, or a fault of the program in its dialog, and as one line on stderr.

        A success in what it is `about` takes it away again.
        """
        error = shortage(error) or error
        if is_fault(error):
            if taken_before(error):
                return
            self.faults.take(Fault.of(error, f"in the task {doing}" if doing else ""))
        else:
            self.errors.add(error, doing, about)
        print(f"weightedit: {message(str(error) or type(error).__name__)}", file=sys.stderr, flush=True)
        self.failed.emit(error)

    def choose_theme(self, name: str) -> None:
        """Turn a theme on and keep it; an empty name follows the system."""
        self.settings.set("theme", name or None)
        theme.switch(name or system_theme())
        self.preferences.changed.emit("theme")

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Put the inspector away where there is little room."""
        super().resizeEvent(event)
        self._fit_inspector()

    def _fit_inspector(self) -> None:
        if self.workbench is not None:
            self.workbench.body.set_drawer(self.width() < DRAWER_BELOW)

    def focusNextPrevChild(self, forward: bool) -> bool:
        """Go on as things stand, for Qt's own order is that in which they were made."""
        return go_on(self, forward)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Ask about unsaved edits first; then stop every task and close the files."""
        if self.closing.asks():
            event.ignore()
            return
        self.closing.leave()
        super().closeEvent(event)
        self.closed.emit()
