"""Undo, redo and rename as tasks of the window."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from weightedit.core.errors import ConfirmationNeeded
from weightedit.ui.documents import OpenDocument
from weightedit.ui.tasks import TaskProgress

if TYPE_CHECKING:
    from weightedit.ui.window import MainWindow


class Steps:
    """Steps through the history of a window's current document, and edits that need no panel."""

    def __init__(self, window: MainWindow) -> None:
        self._window = window

    def undo(self) -> None:
        """Take the last edit back."""
        whole = self._whole(True)
        self._step("Undo", lambda found, accept: found.document.undo(accept, whole=whole))

    def redo(self) -> None:
        """Apply the edit that was undone last again."""
        whole = self._whole(False)
        self._step("Redo", lambda found, accept: found.document.redo(accept, whole=whole))

    def _whole(self, back: bool) -> bool:
        """Whether a group is taken as one: not while the history panel lists its steps."""
        work = self._window.workbench
        return work is None or work.history.takes_whole(back) is not False

    def _step(self, name: str, step: Callable[[OpenDocument, str], None], accept: str = "") -> None:
        found = self._window.current
        if found is None:
            return

        def failed(error: Exception) -> None:
            self._window.show_error(error, name)
            if isinstance(error, ConfirmationNeeded):
                self._offer_again(name, step)

        # what the bar said of the last edit may be no longer so
        self._window.tasks.start(name, lambda progress: step(found, accept),
                                 on_result=lambda _: self._window.status.say(""), on_error=failed)  # fmt: skip

    def _offer_again(self, name: str, step: Callable[[OpenDocument, str], None]) -> None:
        card = self._window.errors.cards[0]
        card.offer(f"{name} all the same", lambda: self._step(name, step, "all"))

    def rename(self, found: OpenDocument, name: str, to: str) -> None:
        """Rename a tensor."""

        def work(progress: TaskProgress) -> None:
            found.document.apply("rename", [name], to=to, progress=progress.report, cancel=progress.cancel)

        self._window.tasks.start(f"Renaming {name}", work, on_result=None)
