"""Edits of entries in the tree: values set, tensors and containers deleted, copied and moved, as tasks."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QTimer

from weightedit.core.arrange import pairs_of
from weightedit.core.document import Document
from weightedit.core.slots import Entry
from weightedit.ui.documents import OpenDocument
from weightedit.ui.tasks import TaskProgress

if TYPE_CHECKING:
    from weightedit.ui.window import MainWindow

ACTIONS = ("rename", "set-value", "duplicate-entry", "move-entry-up", "move-entry-down", "delete-entry")
"""What the menu of a row offers."""


class EntryEdits(QObject):
    """Applies restructures to the rows that are selected in a window's tree."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        tree = window.tree.tree
        tree.rows.value_requested.connect(self.set_value)
        tree.entry_actions += [window.actions_of[name] for name in ACTIONS]

    def _run(self, name: str, document: Document, work: Callable[[TaskProgress], Any],
             then: Callable[[Any], None] | None = None) -> None:  # fmt: skip
        self._window.tasks.start(name, work, on_result=then)

    def set_value(self, found: OpenDocument, path: tuple[Any, ...], value: Any) -> None:
        """Set a value that is no tensor; what could not be read is said instead."""
        if isinstance(value, Exception):
            self._window.show_error(value, "Set value")
            return

        def work(progress: TaskProgress) -> None:
            found.document.apply("set_value", [path], value=value, progress=progress.report, cancel=progress.cancel)

        self._run("Setting a value", found.document, work)

    def delete(self) -> None:
        """Delete the selected entries, each document's in one step."""
        for found, entries in self._by_document().items():
            paths = [entry.path for entry in entries]

            def work(progress: TaskProgress, found: OpenDocument = found, paths: list[Any] = paths) -> None:
                found.document.apply("delete", paths, progress=progress.report, cancel=progress.cancel)

            self._run("Deleting", found.document, work)

    def duplicate(self) -> None:
        """Put a copy after the current entry, and open the field of its name."""
        chosen = self._window.tree.tree.selected_entries()
        if not chosen:
            return
        found, entry = chosen[0]
        to = _free_name(found.document, entry)

        def work(progress: TaskProgress) -> None:
            found.document.apply("duplicate", [entry.path], to=to, progress=progress.report, cancel=progress.cancel)

        def done(_: object) -> None:
            QTimer.singleShot(0, self, lambda: self._name_copy(found, to))

        self._run("Duplicating", found.document, work, done)

    def _name_copy(self, found: OpenDocument, name: str) -> None:
        if self._window.tree.tree.select(found, name):
            self._window.tree.tree.edit_current()

    def move(self, step: int) -> None:
        """Move the current entry by one place among its siblings."""
        chosen = self._window.tree.tree.selected_entries()
        if not chosen:
            return
        found, entry = chosen[0]
        keys = [key for key, _ in pairs_of(entry.owner)] if isinstance(entry.owner, dict | list) else []
        to = keys.index(entry.key) + step if entry.key in keys else step
        if keys and not 0 <= to < len(keys):
            return

        def work(progress: TaskProgress) -> None:
            found.document.apply("move", [entry.path], to=to, progress=progress.report, cancel=progress.cancel)

        self._run("Moving", found.document, work)

    def _by_document(self) -> dict[OpenDocument, list[Entry]]:
        grouped: dict[OpenDocument, list[Entry]] = {}
        for found, entry in self._window.tree.tree.selected_entries():
            grouped.setdefault(found, []).append(entry)
        return grouped


def _free_name(document: Document, entry: Entry) -> str:
    """Return the entry's name with `_copy`, and a number where that is taken."""
    taken = {other.name for other in document.entries}
    name, number = f"{entry.name}_copy", 2
    while name in taken:
        name, number = f"{entry.name}_copy{number}", number + 1
    return name
