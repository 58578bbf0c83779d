"""Pictures of the tensors in sight in the tree: made in the background, a few at a time, and kept by content."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QEvent, QModelIndex, QObject, QPointF, QRectF, Qt, QTimer
from PySide6.QtGui import QImage, QPainter, QPen, QPolygonF
from PySide6.QtWidgets import QTreeView

from weightedit.ui.tasks import TaskProgress, Tasks
from weightedit.ui.theme import theme
from weightedit.ui.tree.model import TreeModel
from weightedit.ui.tree.row_texts import slot_of

if TYPE_CHECKING:
    from weightedit.core.slots import Slot
    from weightedit.core.values.pinned import PinnedTensor
    from weightedit.ui.plots.tree_pictures import TreePicture

WIDTH, HEIGHT = 20, 12
BATCH = 6
"""Pictures made by one task, so that others never wait long."""
KEPT = 2_000
PAUSE = 60
"""Milliseconds without scrolling before pictures are made."""
BUSY = 2
"""With so many tasks under way pictures wait."""
AGAIN = 150
"""Milliseconds until they look again."""


class Thumbnails(QObject):
    """Makes pictures for the rows in sight; nothing is read for others.

    Parameters
    ----------
    view, rows
        The tree.
    tasks
        What runs the work.
    """

    def __init__(self, view: QTreeView, rows: TreeModel, tasks: Tasks) -> None:
        super().__init__(view)
        self._view, self._rows, self._tasks = view, rows, tasks
        self._on = False
        self._kept: OrderedDict[int, _Kept] = OrderedDict()
        self._running: set[int] = set()
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(self._make)
        view.verticalScrollBar().valueChanged.connect(self._later)
        view.viewport().installEventFilter(self)
        rows.dataChanged.connect(self._changed)
        for moved in (rows.modelReset, rows.rowsInserted, view.expanded, view.collapsed):
            moved.connect(self._later)

    @property
    def _group(self) -> str:
        return f"thumbnails {id(self)}"

    @property
    def is_on(self) -> bool:
        """Whether pictures are made and shown."""
        return self._on

    def turn(self, on: bool) -> None:
        """Show pictures, or icons only."""
        if on != self._on:
            self._on = on
            self._tasks.cancel_group(self._group)
            self._running.clear()
            self._later()
            self._view.viewport().update()

    def forget(self) -> None:
        """Keep nothing of documents that were closed."""
        self._kept.clear()
        self._later()

    def _changed(self, first: QModelIndex, last: QModelIndex, _: Any = None) -> None:
        """Make the pictures of these rows anew: a live tensor has other values in the same place."""
        for row in range(first.row(), last.row() + 1):
            node = self._rows.node(first.sibling(row, 0))
            slot = None if node is None else slot_of(node)
            if slot is not None and id(slot) in self._kept:
                self._kept[id(slot)].is_stale = True
        self._later()

    def _later(self, *_: Any) -> None:
        if self._on:
            self._soon.start(PAUSE)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Look again when the tree is shown or has another size."""
        if event.type() in (QEvent.Type.Resize, QEvent.Type.Show):
            self._later()
        return False

    # ---- making

    def in_sight(self) -> list[Slot]:
        """Return the slots of the rows in sight, from the top."""
        found: list[Slot] = []
        if not self._view.isVisible():
            return found
        bottom = self._view.viewport().height()
        index = self._view.indexAt(self._view.viewport().rect().topLeft())
        while index.isValid() and self._view.visualRect(index).top() < bottom:
            node = self._rows.node(index)
            slot = None if node is None else slot_of(node)
            if slot is not None:
                found.append(slot)
            index = self._view.indexBelow(index)
        return found

    def _make(self) -> None:
        """Start on the rows in sight that have no picture of their present content."""
        if not self._on:
            return
        from weightedit.core.values.pinned import PinnedTensor

        seen = self.in_sight()
        if self._running and not self._running & {id(slot) for slot in seen}:
            self._tasks.cancel_group(self._group)  # scrolled away
            self._running.clear()
        if self._running:
            return
        wanted = []
        for slot in seen:
            pinned = PinnedTensor.of(slot)
            kept = self._kept.get(id(slot))
            if kept is None or not kept.is_of(slot, pinned):
                wanted.append((slot, pinned))
            if len(wanted) == BATCH:
                break
        if not wanted:
            return
        if len(self._tasks.active) >= BUSY:
            self._soon.start(AGAIN)
            return
        self._start(wanted)

    def _start(self, wanted: list[tuple[Slot, PinnedTensor]]) -> None:
        self._running = {id(slot) for slot, _ in wanted}

        def work(progress: TaskProgress) -> list[TreePicture | None]:
            return [_made(pinned, progress) for _, pinned in wanted]

        def done(found: list[TreePicture | None]) -> None:
            for (slot, pinned), picture in zip(wanted, found, strict=True):
                self._kept[id(slot)] = _Kept(slot, pinned, picture)
                self._kept.move_to_end(id(slot))
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
            self._view.viewport().update()
            again()

        def again(*_: object) -> None:
            self._running.clear()
            self._soon.start(0)

        self._tasks.start("Thumbnails", work, on_result=done, on_error=lambda _: self._running.clear(),
                          group=self._group, quiet=True)  # fmt: skip

    # ---- drawing

    def paint(self, painter: QPainter, rect: QRectF, slot: Slot) -> bool:
        """Draw the picture of a tensor, the one before its last edit until the new one is there; False without one."""
        kept = self._kept.get(id(slot)) if self._on else None
        if kept is None or kept.slot is not slot or kept.picture is None:
            return False
        picture = kept.picture
        painter.save()
        painter.fillRect(rect, theme.color("canvas"))
        if picture.pixels:
            image = QImage(picture.pixels[theme.name], picture.width, picture.height, 4 * picture.width,
                           QImage.Format.Format_RGBA8888)  # fmt: skip
            painter.drawImage(rect, image)
        else:
            self._draw_line(painter, rect.adjusted(1, 1.5, -1, -1.5), picture)
        painter.setPen(QPen(theme.color("line2"), 1))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(rect.adjusted(-0.5, -0.5, 0.5, 0.5))
        painter.restore()
        return True

    def _draw_line(self, painter: QPainter, rect: QRectF, picture: TreePicture) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if picture.zero is not None:
            painter.setPen(QPen(theme.color("line2"), 1))
            y = rect.bottom() - picture.zero * rect.height()
            painter.drawLine(QPointF(rect.left(), y), QPointF(rect.right(), y))
        painter.setPen(QPen(theme.color("text2"), 1.1))
        step = rect.width() / max(len(picture.line) - 1, 1)
        part = QPolygonF()
        for number, share in enumerate(picture.line):
            if share is None:
                painter.drawPolyline(part)
                part = QPolygonF()
            else:
                part.append(QPointF(rect.left() + number * step, rect.bottom() - share * rect.height()))
        painter.drawPolyline(part)


class _Kept:
    """A picture, and the content it shows; the content is held, so that its id stays taken."""

    __slots__ = ("is_stale", "picture", "pinned", "slot")

    def __init__(self, slot: Slot, pinned: PinnedTensor, picture: TreePicture | None) -> None:
        self.slot, self.pinned, self.picture = slot, pinned, picture
        self.is_stale = False

    def is_of(self, slot: Slot, pinned: PinnedTensor) -> bool:
        """Whether this is the picture of a slot's present content."""
        if self.is_stale:
            return False
        return self.slot is slot and self.pinned.content is pinned.content and self.pinned.spec == pinned.spec


def _made(pinned: PinnedTensor, progress: TaskProgress) -> TreePicture | None:
    """Make one picture; a tensor that cannot be read keeps its icon, and says why when it is opened."""
    from weightedit.core.errors import WeightEditError
    from weightedit.ui.plots.tree_pictures import can_have_picture, tree_picture

    progress.advance(0)
    try:
        return tree_picture(pinned) if can_have_picture(pinned) else None
    except (WeightEditError, OSError):
        return None
