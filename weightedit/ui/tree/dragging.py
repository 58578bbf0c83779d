"""Dragging a tensor out of the tree, onto another tensor."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QPoint, Qt
from PySide6.QtGui import QDrag, QMouseEvent
from PySide6.QtWidgets import QApplication

from weightedit.ui.documents import OpenDocument
from weightedit.ui.paste.tensor_mime import carried, mime_of
from weightedit.ui.tree.view import TreeView


class Dragging(QObject):
    """Begins a drag where the mouse goes down on a tensor's row and moves on."""

    def __init__(self, tree: TreeView) -> None:
        super().__init__(tree)
        self._tree = tree
        self._pressed: QPoint | None = None
        self._tensor: tuple[OpenDocument, str] | None = None
        tree.viewport().installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Watch the left button."""
        if not isinstance(event, QMouseEvent):
            return False
        point = event.position().toPoint()
        if event.type() == QEvent.Type.MouseButtonPress and event.button() == Qt.MouseButton.LeftButton:
            self._pressed = point
            self._tensor = self._tree.tensor_at(self._tree.indexAt(point))
        elif event.type() == QEvent.Type.MouseButtonRelease:
            self._tensor = None
        elif event.type() == QEvent.Type.MouseMove and self._tensor is not None and self._pressed is not None:
            if (point - self._pressed).manhattanLength() >= QApplication.startDragDistance():
                tensor, self._tensor = self._tensor, None
                self.drag(*tensor)
            return True  # the rows passed over are not selected meanwhile
        return False

    def drag(self, found: OpenDocument, name: str) -> None:
        """Carry a tensor until it is dropped."""
        drag = QDrag(self._tree)
        drag.setMimeData(mime_of(carried(found, name)))
        drag.exec(Qt.DropAction.CopyAction)
