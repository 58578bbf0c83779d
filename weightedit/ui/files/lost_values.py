"""What the window shows of tensors whose bytes another program changed: a sentence, never what was there before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from weightedit.ui.documents import OpenDocument
from weightedit.ui.tasks import TaskProgress

if TYPE_CHECKING:
    from weightedit.core.journals.reloading import FileChange
    from weightedit.ui.window import MainWindow

TITLE = "The values of this tensor cannot be read any more"


def why_lost(files: Sequence[str]) -> str:
    """Return the sentence under the title; names of files come first."""
    return f"{', '.join(files)} is no longer the file that was opened. Every edit is kept."


class LostValues(QObject):
    """Takes values out of sight once the bytes they came from are another program's."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._lost: dict[int, frozenset[str]] = {}
        self._changed: set[int] = set()
        window.documents.removed.connect(self._forget)

    def is_changed(self, found: OpenDocument) -> bool:
        """Whether another program changed a document's files, as far as anybody looked."""
        return id(found) in self._changed

    def _forget(self, found: OpenDocument) -> None:
        self._lost.pop(id(found), None)
        self._changed.discard(id(found))

    def look(self, found: OpenDocument, changes: list[FileChange]) -> None:
        """Find out in the background which tensors need bytes that are lost; none where all is well again."""
        names = [change.path.name for change in changes]
        document = found.document
        if found in self._window.documents.all:
            (self._changed.add if changes else self._changed.discard)(id(found))
            self._window.actions_of.refresh()
        if not changes:
            self._take(found, frozenset(), names)
            return

        def work(progress: TaskProgress) -> frozenset[str]:
            return frozenset(document.unreadable_names())

        self._window.tasks.start("What can be read", work, on_result=lambda lost: self._take(found, lost, names),
                                 on_error=lambda _: None, group=f"lost {id(found)}", quiet=True)  # fmt: skip

    def _take(self, found: OpenDocument, lost: frozenset[str], names: Sequence[str]) -> None:
        if found not in self._window.documents.all:
            return
        before, self._lost[id(found)] = self._lost.get(id(found), frozenset()), lost
        if lost:
            self._window.tree.thumbnails.forget()
        work = self._window.workbench
        if work is None:
            return
        if lost:
            work.forget_statistics()
        for page in work.tabs.all:
            if page.document is found.document and (page.name in lost or page.name in before or not names):
                page.show_lost(why_lost(names) if page.name in lost else "")
