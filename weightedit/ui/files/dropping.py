"""What is dropped on the window: files and folders are opened; on a tensor they, or another one, are pasted into it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, QPoint, QRect, Qt, QUrl
from PySide6.QtGui import QDragMoveEvent, QDropEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QWidget

from weightedit.core.words.labels import called
from weightedit.core.words.visible import visible
from weightedit.ui.documents import OpenDocument
from weightedit.ui.paste.tensor_mime import Carried, carried_by
from weightedit.ui.widgets.elided import ElidedLabel

if TYPE_CHECKING:
    from weightedit.ui.window import MainWindow

Place = tuple[OpenDocument, str, QRect]
"""A tensor, and where in the window it is shown."""


class DropMark(QFrame):
    """The frame around the tensor that would be pasted into, with a word on what would happen."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self.setObjectName("drop-mark")
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.words = ElidedLabel("", "strong")
        self.words.setAlignment(Qt.AlignmentFlag.AlignCenter)
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 0, 8, 0)
        row.addWidget(self.words)
        self.hide()

    def show_at(self, place: QRect, words: str) -> None:
        """Stand around a place; there are words where there is room for them."""
        self.setGeometry(place)
        self.words.setText(words)
        self.words.setVisible(place.height() > 60)
        self.raise_()
        self.show()


class Dropping(QObject):
    """An event filter that takes drops on a window and marks what they would do."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self.mark = DropMark(window)
        window.setAcceptDrops(True)
        window.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Take what is dragged in and dropped."""
        kind = event.type()
        if kind in (QEvent.Type.DragEnter, QEvent.Type.DragMove) and isinstance(event, QDragMoveEvent):
            self._over(event)
        elif kind == QEvent.Type.DragLeave:
            self._leave()
        elif kind == QEvent.Type.Drop and isinstance(event, QDropEvent):
            self._leave()
            self._drop(event)
        else:
            return False
        return True

    def _leave(self) -> None:
        self._window.start.mark_drop(False)
        self.mark.hide()

    def _over(self, event: QDragMoveEvent) -> None:
        paths, tensor = local_paths(event.mimeData().urls()), carried_by(event.mimeData())
        place = self._tensor_at(event.position().toPoint()) if tensor is not None or len(paths) == 1 else None
        if place is not None and tensor is not None and _is_itself(tensor, place):
            place = None
        if place is None:
            self.mark.hide()
        else:
            what = visible(Path(paths[0]).name) if tensor is None else called(tensor.name)
            self.mark.show_at(place[2], f"Paste {what} into {called(place[1])}")
        if paths:
            self._window.start.mark_drop(True)
        if paths or place is not None:
            event.setDropAction(Qt.DropAction.CopyAction)
            event.accept()
        else:
            event.ignore()

    def _drop(self, event: QDropEvent) -> None:
        paths, tensor = local_paths(event.mimeData().urls()), carried_by(event.mimeData())
        place = self._tensor_at(event.position().toPoint())
        if tensor is not None:
            if place is not None and not _is_itself(tensor, place):
                event.acceptProposedAction()
                self._window.files.importing.take(tensor, place[0], place[1])
        elif paths:
            event.acceptProposedAction()
            if place is not None and len(paths) == 1:
                self._window.files.importing.offer(paths[0], place[0], place[1])
            else:
                self._window.open(paths)

    def _tensor_at(self, point: QPoint) -> Place | None:
        """Return the tensor whose row in the tree, or whose page, is under a point of the window."""
        window = self._window
        under = window.childAt(point)
        view = window.tree.tree.viewport()
        if under is view:
            index = window.tree.tree.indexAt(view.mapFrom(window, point))
            found = window.tree.tree.tensor_at(index)
            if found is None:
                return None
            row = window.tree.tree.visualRect(index.siblingAtColumn(0))
            corner = view.mapTo(window, QPoint(0, row.y()))
            return found[0], found[1], QRect(corner.x(), corner.y(), view.width(), row.height())
        page = None if window.workbench is None else window.workbench.page
        if page is None or under is None or not page.isAncestorOf(under):
            return None
        opened = window.documents.of(page.document)
        return None if opened is None else (opened, page.name, QRect(page.mapTo(window, QPoint(0, 0)), page.size()))


def _is_itself(tensor: Carried, place: Place) -> bool:
    return tensor.document == id(place[0].document) and tensor.name == place[1]


def local_paths(urls: list[QUrl]) -> list[str]:
    """Return the paths among some addresses that lie on this machine."""
    return [str(Path(url.toLocalFile())) for url in urls if url.isLocalFile()]
