"""What the window does with files beyond opening and saving: recent ones, ones changed outside, single tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QVBoxLayout

from weightedit.ui.documents import OpenDocument
from weightedit.ui.errors.answers import reading
from weightedit.ui.files.lost_values import LostValues
from weightedit.ui.files.naming_code import NamingCode
from weightedit.ui.files.recent_menu import RecentMenu
from weightedit.ui.files.reload_notice import NoticeStrip
from weightedit.ui.files.reloading import Reloading
from weightedit.ui.files.tensor_exporting import TensorExporting
from weightedit.ui.files.tidying import tidy
from weightedit.ui.files.watching import Watching
from weightedit.ui.paste.importing import Importing
from weightedit.ui.recipe.recipes import Recipes
from weightedit.ui.recovery.recovering import Recovering
from weightedit.ui.tree.dragging import Dragging

if TYPE_CHECKING:
    from weightedit.ui.window import MainWindow

ROW_ACTIONS = ("export-tensor", "replace-with-file", "copy-tensor", "paste-tensor")
"""What the menu of a tensor's row offers besides its edits."""


class FileWork(QObject):
    """Joins the parts to a window.

    Attributes
    ----------
    strip
        The notices above the tensors.
    watching, reloading
        What notices that a file changed, and what opens it again.
    lost
        What takes values out of sight whose bytes are another program's.
    importing, exporting
        Tensors out of files and into them.
    recipes
        Edits out of files and into them.
    recovering
        Edits that a crash left unsaved.
    looks_back
        Whether the window looks, once it is there, for what earlier runs left behind.
    """

    importing: Importing
    exporting: TensorExporting
    recipes: Recipes
    recovering: Recovering
    lost: LostValues

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._tabs: tuple[list[str], str | None] = ([], None)
        self.strip = NoticeStrip()
        centre = window.work.layout()
        assert isinstance(centre, QVBoxLayout)
        centre.insertWidget(1, self.strip)
        self.watching = Watching(window.documents, window.tasks, window.filing.is_writing, window)
        self.recipes = Recipes(window, self.strip)
        self.importing, self.exporting = Importing(window, self.strip), TensorExporting(window)
        self.recovering = Recovering(window, self.strip)
        self.looks_back = True
        self.lost = LostValues(window)
        NamingCode(window, self.strip)
        self.reloading = Reloading(window.documents, window.tasks, self.strip, self.recipes.save, self)
        RecentMenu(window)
        Dragging(window.tree.tree)
        window.tree.tree.entry_actions += [window.actions_of[name] for name in ROW_ACTIONS]
        self._connect()

    def _connect(self) -> None:
        window = self._window
        window.start.open_path.connect(lambda path: window.open([path]))
        window.start.run_recipe.connect(self.recipes.run_on_another)
        window.documents.added.connect(self._remember)
        window.documents.already_open.connect(self._show_again)
        self.watching.changed.connect(self.reloading.tell)
        self.watching.changed.connect(self.lost.look)
        self.reloading.export_asked.connect(lambda found: window.filing.export(found, only_readable=True))
        self.reloading.refused.connect(lambda name, error, path: window.show_error(error, name, reading(path)))
        self.reloading.said.connect(window.status.say_filed)
        self.reloading.replacing.connect(self._note_tabs)
        self.reloading.replaced.connect(self._open_tabs)
        self.recovering.replacing.connect(self._note_tabs)
        self.recovering.replaced.connect(self._open_tabs)
        window.filing.saved.connect(self._remember)

    def look_back(self) -> None:
        """Look for what earlier runs left behind: unsaved edits, and saves that were cut short."""
        if self.looks_back:
            tidy(self._window, self.strip)
            self.recovering.look()

    def _remember(self, found: OpenDocument) -> None:
        """Put a document's file on top of the recent ones."""
        if not found.is_scratch:
            self._window.recents.add(found.document)

    def _show_again(self, found: OpenDocument) -> None:
        """Go to a document whose file was asked for once more."""
        self._window.show_document(found)
        self._window.status.say(f"{found.title} is open already; this is it.")
        self.watching.look()

    # ---- tabs of a document that is opened again

    def _note_tabs(self, old: OpenDocument, new: OpenDocument) -> None:
        work = self._window.workbench
        if work is None:
            return
        shown = work.current()
        names = [page.name for page in work.tabs.all if page.document is old.document]
        self._tabs = names, shown[1] if shown is not None and shown[0] is old.document else None

    def _open_tabs(self, new: OpenDocument) -> None:
        work, (names, shown) = self._window.workbench, self._tabs
        if work is None:
            return
        for name in [*(name for name in names if name != shown), *([] if shown is None else [shown])]:
            if new.document.find(name) is not None:
                work.open_tensor(new.document, name)
                work.tabs.keep(work.page)
