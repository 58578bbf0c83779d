"""Edits of entries in the tree: values set, tensors and containers deleted, copied and moved, as tasks."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Qt, QTimer
from PySide6.QtGui import QShortcut

from weightedit.core.described.contents import dotted
from weightedit.core.described.targets import group_target
from weightedit.core.document import Document
from weightedit.core.edits.arrange import pairs_of
from weightedit.core.errors import ConfirmationNeeded
from weightedit.ui.documents import OpenDocument
from weightedit.ui.tasks import TaskProgress

if TYPE_CHECKING:
    from weightedit.ui.window import MainWindow

ACTIONS = ("rename", "set-value", "duplicate-entry", "move-entry-up", "move-entry-down", "delete-entry", "tie", "untie",
           "retie")  # fmt: skip
"""What the menu of a row offers."""


class EntryEdits(QObject):
    """Applies restructures to the rows that are selected in a window's tree."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._wanted: tuple[OpenDocument, str, Callable[[], None] | None] | None = None
        window.documents.outlined.connect(self._outlined)
        tree = window.tree.tree
        tree.rows.value_requested.connect(self.set_value)
        tree.rows.group_rename_requested.connect(self.rename_group)
        tree.entry_actions += [window.actions_of[name] for name in ACTIONS]

    def _run(self, name: str, document: Document, work: Callable[[TaskProgress], Any],
             then: Callable[[Any], None] | None = None) -> None:  # fmt: skip
        self._window.tasks.start(name, work, on_result=then)

    def set_value(self, found: OpenDocument, path: tuple[Any, ...], value: Any,
                  accept: tuple[str, ...] = ()) -> None:  # fmt: skip
        """Set a value that is no tensor; what could not be read is said instead."""
        if isinstance(value, Exception):
            self._window.show_error(value, "Set value")
            return

        def work(progress: TaskProgress) -> None:
            found.document.apply("set_value", [path], value=value, accept=accept, progress=progress.report,
                                 cancel=progress.cancel)  # fmt: skip

        def failed(error: Exception) -> None:
            self._window.show_error(error, "Set value")
            if isinstance(error, ConfirmationNeeded):
                card = self._window.errors.cards[0]
                kinds = tuple(hazard.kind for hazard in error.hazards)
                button = card.offer("Set it all the same", lambda: self.set_value(found, path, value, kinds))
                button.setFocus(Qt.FocusReason.OtherFocusReason)
                for key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):  # what was typed is confirmed by Enter once more
                    QShortcut(key, button, button.click, context=Qt.ShortcutContext.WidgetShortcut)

        self._window.tasks.start("Setting a value", work, on_result=None, on_error=failed)

    def delete(self) -> None:
        """Delete the selected entries, each document's in one step."""
        for found, targets in self._by_document().items():

            def work(progress: TaskProgress, found: OpenDocument = found, targets: list[Any] = targets) -> None:
                exact = [_exact(found.document, target) for target in targets]
                found.document.apply("delete", exact, progress=progress.report, cancel=progress.cancel)

            self._run("Deleting", found.document, work)

    def duplicate(self) -> None:
        """Put a copy after the current entry, and open the field of its name."""
        chosen = self._window.tree.tree.selected_targets()
        if not chosen:
            return
        found, target = chosen[0]
        name = target if isinstance(target, str) else dotted(target)

        def work(progress: TaskProgress) -> str:
            exact, to = _exact(found.document, target), _free_name(found.document, name)
            found.document.apply("duplicate", [exact], to=to, progress=progress.report, cancel=progress.cancel)
            return to

        def done(to: str) -> None:
            self._go_to(found, to, self._window.tree.tree.edit_current)

        self._run("Duplicating", found.document, work, done)

    def _go_to(self, found: OpenDocument, name: str, then: Callable[[], None] | None = None) -> None:
        """Select the row of a new name, now or as soon as the tree shows it."""
        self._wanted = (found, name, then)
        QTimer.singleShot(0, self, self._look)

    def _outlined(self, found: OpenDocument) -> None:
        if self._wanted is not None and self._wanted[0] is found:
            QTimer.singleShot(0, self, lambda: self._look(for_the_last_time=True))

    def _look(self, for_the_last_time: bool = False) -> None:
        if self._wanted is None:
            return
        (found, name, then), tree = self._wanted, self._window.tree.tree
        is_there = tree.select(found, name) or tree.select_group(found, name)
        if is_there or for_the_last_time:
            self._wanted = None
        if is_there and then is not None:
            then()

    def move(self, step: int) -> None:
        """Move the current entry by one place among its siblings."""
        chosen = self._window.tree.tree.selected_entries()
        if not chosen:
            return
        found, entry = chosen[0]

        def work(progress: TaskProgress) -> None:
            keys = [key for key, _ in pairs_of(entry.owner)] if isinstance(entry.owner, dict | list) else []
            to = keys.index(entry.key) + step if entry.key in keys else step
            if keys and not 0 <= to < len(keys):
                return
            found.document.apply("move", [entry.path], to=to, progress=progress.report, cancel=progress.cancel)

        self._run("Moving", found.document, work)

    def _by_document(self) -> dict[OpenDocument, list[Any]]:
        grouped: dict[OpenDocument, list[Any]] = {}
        for found, target in self._window.tree.tree.selected_targets():
            grouped.setdefault(found, []).append(target)
        return grouped

    def rename_group(self, found: OpenDocument, prefix: str, to: str) -> None:
        """Give every entry below a dotted prefix another prefix, in one step."""

        def work(progress: TaskProgress) -> None:
            target = group_target(found.document.entries, prefix)
            found.document.apply("rename", [target], to=to, progress=progress.report, cancel=progress.cancel)

        def done(_: object) -> None:
            self._go_to(found, to)

        self._run(f"Renaming {prefix}", found.document, work, done)


def _exact(document: Document, target: str | tuple[Any, ...]) -> str | tuple[Any, ...]:
    """Return what a row stands for as a target that means nothing else."""
    return group_target(document.entries, target) if isinstance(target, str) else target


def _free_name(document: Document, name: str) -> str:
    """Return a name with `_copy`, and a number where that is taken by an entry or a group."""
    taken = {other.name for other in document.entries}
    to, number = f"{name}_copy", 2
    while to in taken or any(other.startswith(f"{to}.") for other in taken):
        to, number = f"{name}_copy{number}", number + 1
    return to
