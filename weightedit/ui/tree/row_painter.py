"""How a row of the tree is painted: guides, icon, name, modified dot, numbers and the storage chip."""

from __future__ import annotations

from functools import lru_cache

from PySide6.QtCore import QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QFont, QFontMetrics, QPainter, QPen
from PySide6.QtWidgets import QTreeView

from weightedit.core.described.outline import Node, Outline
from weightedit.ui.theme import theme, ui_font
from weightedit.ui.tree.devices_beside import DevicesBeside
from weightedit.ui.tree.model import Column, Index, TreeModel
from weightedit.ui.tree.row_texts import detail, slot_of
from weightedit.ui.tree.thumbnails import HEIGHT, WIDTH, Thumbnails
from weightedit.ui.widgets.icons import paint_icon

INDENT = 9
NARROW_INDENT = 5
"""Of the first levels, where there is no room for more."""
LEFT = 8
"""Where the chevrons of the top rows begin."""
CHEVRON = 12
ICON = 14
CHIP_W, CHIP_H = 24, 15
ROOM_FOR_NAME = 96
"""Pixels a name keeps however deep its row is."""
AT_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
AT_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
SIDES = {Column.SHAPE: AT_RIGHT, Column.DTYPE: AT_LEFT, Column.SIZE: AT_RIGHT, Column.GRAD: AT_LEFT}
"""The columns of plain text, in which order a long name runs into those that are empty."""
MEASURED = 4_096
"""Texts whose width is kept."""

ICONS = {"dict": "braces", "value": "braces", "list": "brackets", "tuple": "brackets", "module": "cube",
         "object": "object", "root": "file", "group": "cube", "range": "layers", "buffer": "tensor",
         "parameter": "parameter", "tensor": "tensor"}  # fmt: skip


def icon_name(node: Node, outline: Outline | None) -> str:
    """Return the icon that says what kind of thing a row is."""
    slot = slot_of(node)
    if slot is not None:
        return ICONS.get(slot.spec.kind, "tensor")
    if outline is not None and node.kind in ("group", "module") and outline.count(node) is not None:
        return "layers"
    if outline is not None and node.kind == "dict" and outline.is_state_dict(node):
        return "cube"
    return ICONS.get(node.kind, "object")


def paint_chip(painter: QPainter, rect: QRect, label: str) -> None:
    """Draw a storage group's chip in the middle of `rect`."""
    place = QRectF(0, 0, max(CHIP_W, 10 + 7 * len(label)), CHIP_H)
    place.moveCenter(QRectF(rect).center())
    place.translate(0.5 - place.x() % 1, 0.5 - place.y() % 1)
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(theme.group_border(label), 1))
    painter.setBrush(theme.group_fill(label))
    painter.drawRoundedRect(place.adjusted(0, 0, -1, -1), 3, 3)
    painter.setFont(ui_font(10, QFont.Weight.DemiBold))
    painter.setPen(theme.group_color(label))
    painter.drawText(place.adjusted(0, 0, -1, -1), Qt.AlignmentFlag.AlignCenter, label)
    painter.restore()


class RowPainter:
    """Paints rows as a whole, by hand, so that a long tree costs no more than the rows in sight.

    Left to itself a view asks the model ten times for the flags of each row alone, and twice as long passes until they
    are painted.
    """

    def __init__(self, view: QTreeView, model: TreeModel) -> None:
        self._view, self._model = view, model
        self._devices = DevicesBeside()
        self._cells: dict[Column, tuple[int, int]] = {}
        self.thumbnails: Thumbnails | None = None
        self.fonts_changed()

    def fonts_changed(self) -> None:
        """Measure the fonts anew."""
        self._plain, self._strong = ui_font(12), ui_font(12, QFont.Weight.DemiBold)
        self._metrics, self._strong_metrics = QFontMetrics(self._plain), QFontMetrics(self._strong)
        self._width_of = lru_cache(MEASURED)(self._metrics.horizontalAdvance)

    def begin(self) -> None:
        """Look where the columns are, before some rows are painted."""
        header = self._view.header()
        self._cells = {column: (header.sectionViewportPosition(column), header.sectionSize(column))
                       for column in Column if not header.isSectionHidden(column)}  # fmt: skip

    def indent(self, node: Node, width: int) -> int:
        """Return where a row's chevron begins; deep rows stop moving right while a name still fits."""
        depth = self._model.depth(node)
        least = NARROW_INDENT * min(depth, 6)
        return LEFT + min(INDENT * depth, max(width - LEFT - ROOM_FOR_NAME, least))

    def paint(self, painter: QPainter, row: QRect, index: Index, selected: bool) -> None:
        """Draw the cells of one row; `row` is all of it, in the viewport."""
        node = self._model.node(index)
        if node is None:
            return
        painter.save()
        texts = {column: self._model.text(node, column) for column in self._cells if column in SIDES}
        self._paint_name(painter, row, node, index, selected, texts)
        painter.setFont(self._plain)
        painter.setPen(theme.color("text2" if slot_of(node) is not None else "text3"))
        for column, text in texts.items():
            if text:
                x, width = self._cells[column]
                if self._width_of(text) > width - 8:
                    text = self._metrics.elidedText(text, Qt.TextElideMode.ElideRight, width - 8)
                painter.drawText(QRect(x + 4, row.y(), width - 8, row.height()), SIDES[column], text)
        if Column.STORAGE in self._cells and (label := self._model.text(node, Column.STORAGE)):
            x, width = self._cells[Column.STORAGE]
            paint_chip(painter, QRect(x, row.y(), width, row.height()), label)
        painter.restore()

    def _paint_name(self, painter: QPainter, row: QRect, node: Node, index: Index, selected: bool,
                    texts: dict[Column, str]) -> None:  # fmt: skip
        x, across = self._cells[Column.NAME]
        rect = QRect(x, row.y(), across, row.height())
        left = x + self.indent(node, across)
        middle = rect.center().y()
        self._paint_guides(painter, rect, left)
        if node.is_leaf:
            icon_left = left + 1
        else:
            if self._model.hasChildren(index):  # a ReLU holds nothing
                name = "chevron-down" if self._view.isExpanded(index) else "chevron-right"
                paint_icon(painter, QRect(left, middle - CHEVRON // 2 + 1, CHEVRON, CHEVRON), name, "text3")
            icon_left = left + CHEVRON + 1
        tensor = slot_of(node) is not None
        on = "accent" if selected and tensor else "text2" if not node.is_leaf else "text3"
        width = WIDTH if tensor else ICON
        if not self._paint_thumbnail(painter, QRectF(icon_left, middle - HEIGHT // 2, WIDTH, HEIGHT), node):
            size = 18 if tensor else ICON
            drawn = icon_name(node, self._model.outline_of(node))
            place = QRectF(icon_left + (width - size) / 2, middle - size / 2 + 0.5, size, size)
            paint_icon(painter, place, drawn, on)
        self._paint_label(painter, rect, node, icon_left + width + 6, selected, self._free_beside(texts))

    def _paint_thumbnail(self, painter: QPainter, place: QRectF, node: Node) -> bool:
        slot = slot_of(node)
        return slot is not None and self.thumbnails is not None and self.thumbnails.paint(painter, place, slot)

    def _free_beside(self, texts: dict[Column, str]) -> int:
        """Return how far a long name may run into the columns beside it, which are empty or wider than their text."""
        free = 0
        for column in (Column.SHAPE, Column.DTYPE, Column.SIZE):
            width = self._cells.get(column, (0, 0))[1]
            if text := texts.get(column):
                return free + max(width - self._width_of(text) - 10, 0)
            free += width
        return free + sum(self._cells.get(column, (0, 0))[1] for column in (Column.STORAGE, Column.GRAD))

    def _paint_guides(self, painter: QPainter, rect: QRect, left: int) -> None:
        painter.setPen(theme.color("line"))
        x = rect.x() + LEFT + CHEVRON // 2
        while x < left + CHEVRON // 2 - 1:
            painter.drawLine(x, rect.top(), x, rect.bottom())
            x += INDENT

    def _paint_label(self, painter: QPainter, rect: QRect, node: Node, left: int, selected: bool, free: int) -> None:
        metrics = self._strong_metrics if selected else self._metrics
        modified = self._model.is_modified(node)
        right = rect.right() + free
        room = right - left - 4 - (12 if modified else 0)
        label = self._model.text(node, Column.NAME)
        # Only what can fit is measured: a name may have thousands of letters.
        shown = metrics.elidedText(label[:300], Qt.TextElideMode.ElideRight, max(room, 0))
        painter.setFont(self._strong if selected else self._plain)
        painter.setPen(theme.color("text"))
        painter.drawText(QRect(left, rect.y(), max(room, 0), rect.height()), AT_LEFT, shown)
        after = left + metrics.horizontalAdvance(shown)
        said = detail(node)
        beside = ", ".join(text for text in (said, self._devices.text(self._model, node)) if text)
        if modified:
            painter.save()
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.color("warn"))
            painter.drawEllipse(QPointF(after + 8.5, rect.center().y() + 0.5), 3, 3)
            painter.restore()
            after += 14
        if beside and after + 8 < right - 20:
            painter.setFont(self._plain)
            painter.setPen(theme.color("warn" if said and node.is_leaf and node.kind == "tensor" else "text3"))
            room = right - after - 12
            text = self._metrics.elidedText(beside[:300], Qt.TextElideMode.ElideRight, room)
            painter.drawText(QRect(after + 8, rect.y(), room, rect.height()), AT_LEFT, text)
