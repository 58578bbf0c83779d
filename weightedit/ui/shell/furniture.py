"""The parts of the window, made one after the other and put together; imported after the first paint."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QWidget

from weightedit.ui.actions import ACTIONS, Bound, Reach
from weightedit.ui.asides.aside import Aside, Pages
from weightedit.ui.batch.editing_many import EditingMany
from weightedit.ui.documents import Documents
from weightedit.ui.errors.error_strip import ErrorStrip
from weightedit.ui.errors.faults import Faults
from weightedit.ui.files.closing import Closing
from weightedit.ui.files.dropping import Dropping
from weightedit.ui.files.file_work import FileWork
from weightedit.ui.files.filing import Filing
from weightedit.ui.files.recent import Recents
from weightedit.ui.history.steps import Steps
from weightedit.ui.live.live_watching import LiveWatching
from weightedit.ui.palette.palette import Palette
from weightedit.ui.panels.panels import Panels
from weightedit.ui.panels.place import Panel
from weightedit.ui.preferences import Preferences
from weightedit.ui.recovery.unrecorded import Unrecorded
from weightedit.ui.shell.layout import fill_work, sides, whole
from weightedit.ui.shell.rail import Rail
from weightedit.ui.shell.start_page import EmptyState, StartPage
from weightedit.ui.shell.status_bar import StatusBar
from weightedit.ui.shell.top_bar import TopBar
from weightedit.ui.tasks import Tasks
from weightedit.ui.theme import theme
from weightedit.ui.tree.entry_edits import EntryEdits
from weightedit.ui.tree.panel import TreePanel

if TYPE_CHECKING:
    from weightedit.ui.window import MainWindow

TREE_WIDTH = 400


def make(window: MainWindow) -> Iterator[None]:
    """Make the parts of a window, some at a time."""
    window.tasks = Tasks(window)
    window.faults = Faults(window)
    window.documents = Documents(window.tasks, window)
    window.recents = Recents(window.settings, window.tasks, window)
    window.filing = Filing(window.documents, window.tasks, window)
    window.steps = Steps(window)
    window.closing = Closing(window)
    yield
    window.tree = TreePanel(window.documents, window.tasks)
    yield
    window.work = QWidget()
    window.work.setObjectName("work")
    hosts = {"window": window, "tree": window.tree, "work": window.work}
    window.actions_of = Bound(Reach(window), hosts, ACTIONS)
    window.top = TopBar(window.actions_of)
    yield
    window.rail = Rail()
    window.status = StatusBar(window.tasks)
    window.start = StartPage(window.recents)
    Dropping(window)
    window.opening = EmptyState("file", "Opening")
    window.errors = ErrorStrip()
    window.pages = Pages()
    for page in (window.start, window.opening):
        window.pages.addWidget(page)
    fill_work(window.work, window.errors, window.pages)
    window.splitter, window.left = sides(window.work, window.settings.number("window/tree", TREE_WIDTH))
    window.panels = Panels(window.settings, window)
    window.panels.take([window.left], [Panel("tree", window.tree, window.tree.head)])
    window.search = Palette(window)
    yield


def join(window: MainWindow) -> None:
    """Make what has no place of its own and goes between the parts."""
    window.files = FileWork(window)
    window.live = LiveWatching(window)
    window.entry_edits = EntryEdits(window)
    window.many = EditingMany(window)
    window.preferences = Preferences(window)
    Unrecorded(window)
    window.aside = Aside(window)


def put_in(window: MainWindow) -> Iterator[None]:
    """Put the parts into a window, and style them there once."""
    everything = whole(window.top, window.rail, window.splitter, window.status)
    window.setCentralWidget(everything)
    yield
    window.show_pages()
    theme.dress(window)
    yield
    everything.setFocus()  # nothing is marked before a key is pressed
