"""The ways from a window into an edit of many tensors: the tree's selection, its filter, the tensor that is shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from weightedit.core.described.name_filter import glob

if TYPE_CHECKING:
    from weightedit.core.document import Document
    from weightedit.core.edit import Edit
    from weightedit.ui.window import MainWindow

ACTION = "edit-many"


class EditingMany(QObject):
    """Opens edits of many tensors, and saves them as recipes.

    Parameters
    ----------
    window
        Whose tree, filter and tabs say what is meant.
    """

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        window.tree.tree.entry_actions.append(window.actions_of[ACTION])
        window.ready.connect(self._join)

    def _join(self) -> None:
        work = self._window.workbench
        if work is not None and hasattr(work, "recipe_wanted"):
            work.recipe_wanted.connect(self._save)

    def _save(self, document: Document, edits: Sequence[Edit]) -> None:
        self._window.files.recipes.save(edits, document.title)

    def start(self) -> None:
        """Open an edit of what is selected in the tree, else of what its filter matches, else of nothing yet."""
        window = self._window
        here, work = window.current, window.workbench
        if here is None or work is None:
            return
        names, count = window.tree.tree.selected_patterns(here)
        text = window.tree.filter.text().strip()
        if count < 2:
            names = [glob(text)] if text else []
        page = work.page
        request = None if page is None else work.edit_panel.form.request()
        if request is not None:  # what the edit panel says goes along
            work.batches.open(here.document, tuple(names), request.operation, request.arguments)
        else:
            work.batches.open(here.document, tuple(names))
