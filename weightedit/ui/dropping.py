"""Files and folders that are dropped on the window."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent

if TYPE_CHECKING:
    from weightedit.ui.window import MainWindow


class Dropping(QObject):
    """An event filter that takes drops on a window and marks the start page's card meanwhile."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        window.setAcceptDrops(True)
        window.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Take what is dragged in and dropped."""
        card = self._window.start
        if isinstance(event, QDragEnterEvent) and event.type() == QEvent.Type.DragEnter:
            if local_paths(event.mimeData().urls()):
                card.mark_drop(True)
                event.acceptProposedAction()
        elif event.type() == QEvent.Type.DragLeave:
            card.mark_drop(False)
        elif isinstance(event, QDropEvent) and event.type() == QEvent.Type.Drop:
            card.mark_drop(False)
            if paths := local_paths(event.mimeData().urls()):
                event.acceptProposedAction()
                self._window.open(paths)
        else:
            return False
        return True


def local_paths(urls: list[QUrl]) -> list[str]:
    """Return the paths among some addresses that lie on this machine."""
    return [str(Path(url.toLocalFile())) for url in urls if url.isLocalFile()]
