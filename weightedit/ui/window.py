"""The window: bars, tree and the area of tensors, joined; it decides nothing itself but what is shown where."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QCloseEvent, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QApplication, QMainWindow, QWidget

from weightedit.core.words.visible import message
from weightedit.ui.errors.answers import About, reading, reading_all
from weightedit.ui.running.in_steps import InSteps, last_of
from weightedit.ui.settings import Settings
from weightedit.ui.shell.loading import Loading
from weightedit.ui.shell.warming import MakeWorkbench, real_workbench, warm_up
from weightedit.ui.theme import system_theme, theme

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weightedit.core.document import Change
    from weightedit.ui.actions import Bound
    from weightedit.ui.asides.aside import Aside, Pages
    from weightedit.ui.batch.editing_many import EditingMany
    from weightedit.ui.documents import Documents, OpenDocument
    from weightedit.ui.errors.error_strip import ErrorStrip
    from weightedit.ui.errors.faults import Faults
    from weightedit.ui.files.closing import Closing
    from weightedit.ui.files.file_work import FileWork
    from weightedit.ui.files.filing import Filing
    from weightedit.ui.files.recent import Recents
    from weightedit.ui.history.steps import Steps
    from weightedit.ui.live.live_watching import LiveWatching
    from weightedit.ui.palette.palette import Palette
    from weightedit.ui.panels.panels import Panels
    from weightedit.ui.panels.place import Place
    from weightedit.ui.preferences import Preferences
    from weightedit.ui.shell.rail import Rail
    from weightedit.ui.shell.sides import Sides
    from weightedit.ui.shell.start_page import EmptyState, StartPage
    from weightedit.ui.shell.status_bar import StatusBar
    from weightedit.ui.shell.top_bar import TopBar
    from weightedit.ui.tasks import Tasks
    from weightedit.ui.tree.entry_edits import EntryEdits
    from weightedit.ui.tree.panel import TreePanel
    from weightedit.ui.workbench import Workbench

SMALLEST = (1024, 640)
DRAWER_BELOW = 1200
"""Narrower than this, the inspector stays out of sight until it is asked for."""


class MainWindow(QMainWindow):
    """The whole window.

    Parameters
    ----------
    settings
        What is remembered between runs.
    make_workbench
        Makes the area of tensors, after the first paint.
    first
        Whether it is painted before what it is made of is even imported; until `furnished` it has no parts.

    Signals
    -------
    painted
        The window was painted for the first time.
    furnished
        All parts are in a window that was painted without them.
    ready
        The area of tensors is there.
    failed
        (exception): an error is shown.
    closed
        The window is gone.
    """

    painted = Signal()
    furnished = Signal()
    ready = Signal()
    failed = Signal(object)
    closed = Signal()
    tasks: Tasks
    faults: Faults
    documents: Documents
    recents: Recents
    filing: Filing
    steps: Steps
    closing: Closing
    files: FileWork
    entry_edits: EntryEdits
    live: LiveWatching
    many: EditingMany
    tree: TreePanel
    work: QWidget
    actions_of: Bound
    top: TopBar
    rail: Rail
    status: StatusBar
    start: StartPage
    opening: EmptyState
    errors: ErrorStrip
    pages: Pages
    splitter: Sides
    left: Place
    search: Palette
    panels: Panels
    preferences: Preferences
    aside: Aside

    def __init__(self, settings: Settings, make_workbench: MakeWorkbench = real_workbench, *,
                 first: bool = False) -> None:  # fmt: skip
        super().__init__()
        self.settings = settings
        self.current: OpenDocument | None = None
        self.workbench: Workbench | None = None
        self._make_workbench = make_workbench
        self._was_painted = self.is_furnished = self._holds_refresh = False
        self.setMinimumSize(*SMALLEST)
        self.loading = Loading(self) if first else None
        if self.loading is None:
            for _ in self.furnish():
                pass
        begins = self.furnished if first else self.painted
        begins.connect(lambda: QTimer.singleShot(0, self._after_first_paint))

    def furnish(self) -> Iterator[None]:
        """Put everything into the window, a piece each time; to be gone through once."""
        from weightedit.ui.shell import furniture  # with most modules of the window, after its first paint

        yield from furniture.make(self)
        self._connect()
        yield
        furniture.join(self)
        yield
        yield from furniture.put_in(self)
        self.is_furnished = True

    def _connect(self) -> None:
        actions = self.actions_of
        self.start.open_file.connect(actions["open-file"].trigger)
        self.start.open_folder.connect(actions["open-folder"].trigger)
        self.start.open_demo.connect(actions["open-demo"].trigger)
        self.rail.edit_pressed.connect(lambda: self.aside.close())
        self.rail.doctor_pressed.connect(actions["doctor"].trigger)
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

    def _tree_selected(self, *_: object) -> None:
        from weightedit.ui.tree.meaning import offer_selected

        self.refresh()
        if self.workbench is not None and (here := self.current) is not None:
            offer_selected(self.tree.tree, here, self.workbench.set_selected, self.tasks)

    # ---- first paint, then the rest

    def paintEvent(self, event: QPaintEvent) -> None:
        """Note the first paint, after which everything slow begins."""
        super().paintEvent(event)
        if self.loading is None and not self._was_painted:
            self._was_painted = True
            self.painted.emit()

    def _after_first_paint(self) -> None:
        self.tasks.start("Starting torch", warm_up, on_result=self._warm, quiet=True, stops=False)
        self.files.look_back()

    def _warm(self, found: tuple[str, list[str]]) -> None:
        self.status.show_torch(*found)
        InSteps(self, self._add_workbench())

    def _add_workbench(self) -> Iterator[None]:
        made = yield from last_of(self._make_workbench(self.tasks, self.settings))
        self.pages.addWidget(made)
        yield
        yield from made.make_ahead(lambda: self.current is None and not self.documents.is_opening)
        made.current_changed.connect(self._tensor_changed)
        made.selection_changed.connect(self.actions_of.refresh)
        made.status.connect(self.status.say_passing)
        made.told.connect(self.status.say)
        self.status.device_chosen.connect(made.set_device)
        self.workbench = made
        self.panels.take(made.places.values(), made.panels)
        self._fit_inspector()
        self.tree.thumbnails.turn(self.settings.flag("thumbnails", True))
        self.ready.emit()
        if self.current is not None:
            made.set_document(self.current.document)
            self._show_first(self.current, self.tree.tree.tensor_at(self.tree.tree.currentIndex()))
        self.show_pages()

    # ---- documents

    def open(self, paths: list[str]) -> None:
        """Open files in the background."""
        self.errors.clear()
        self.documents.open(paths)

    def _added(self, opened: OpenDocument) -> None:
        with self._refreshing_once():
            leads = self.documents.leads(opened)
            if leads:
                self._make_current(opened)
            self.show_pages()
            if leads and self.workbench is not None:
                self._show_first(opened, self.tree.taken_over)
        QTimer.singleShot(0, self, lambda: self._offer_operations(opened))  # after what was clicked meanwhile

    def _arrived(self) -> None:
        if not self.tree.isVisible():
            self.show_pages()

    def _offer_operations(self, opened: OpenDocument) -> None:
        """Fill the Operations menu with what a document offers."""
        if self.actions_of.offer(opened.document.operations):
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
        with self._refreshing_once():
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
        names = self.documents.names_being_opened
        self.opening.say(f"Opening {', '.join(names)}" if names else "Starting torch")
        self.pages.setCurrentWidget(self.aside.current or page)
        room = self.aside.room or ("edit" if present and self.aside.current is None else "")
        self.tree.setVisible((present or self.documents.arrivals.shown is not None) and room != "doctor")
        self.top.show_document_buttons(present)
        self.rail.set_room(room)
        self.refresh()

    @contextmanager
    def _refreshing_once(self) -> Iterator[None]:
        """Refresh at the end of several changes, each of which would: it takes some milliseconds."""
        self._holds_refresh = True
        try:
            yield
        finally:
            self._holds_refresh = False
            self.refresh()

    def refresh(self) -> None:
        """Follow the current document: title, status, and which actions are on."""
        if self._holds_refresh:
            return
        from weightedit.ui.widgets.plain import title_text

        found = self.current
        self.status.show_document(found, self.documents.is_opening)
        self.setWindowTitle("weightedit" if found is None else f"{title_text(found.title)}[*] — weightedit")
        self.setWindowModified(bool(found is not None and found.document.is_modified))
        self.actions_of.refresh()

    def show_error(self, error: BaseException, doing: str = "", about: About | None = None) -> None:
        """Show an error in the window, or a fault of the program in its dialog, and as one line on stderr.

        A success in what it is `about` takes it away again.
        """
        from weightedit.core.words.shortages import is_fault, shortage
        from weightedit.ui.errors.faults import Fault, taken_before

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
        from weightedit.ui.shell.tab_order import go_on

        return go_on(self, forward)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Ask about unsaved edits first; then stop every task and close the files."""
        if self.loading is not None:
            self.loading.leave()
        if self.is_furnished:
            if self.closing.asks():
                event.ignore()
                return
            self.closing.leave()
        super().closeEvent(event)
        self.closed.emit()
