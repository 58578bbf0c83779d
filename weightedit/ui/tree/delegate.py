"""How a row of the tree is painted: guides, icon, name, modified dot, numbers and the storage chip."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QFont, QFontMetrics, QPainter, QPen
from PySide6.QtWidgets import QLabel, QLineEdit, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QTreeView, QWidget

from weightedit.core.described.contents import kind_of
from weightedit.core.described.outline import Node, Outline
from weightedit.ui.theme import theme, ui_font
from weightedit.ui.tree.devices_beside import DevicesBeside
from weightedit.ui.tree.model import Column, Index, TreeModel
from weightedit.ui.tree.row_texts import detail, slot_of
from weightedit.ui.tree.thumbnails import HEIGHT, WIDTH, Thumbnails
from weightedit.ui.widgets.icons import paint_icon
from weightedit.ui.widgets.literals import FieldError, plain
from weightedit.ui.widgets.plain import Label, tip

ROW = 24
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


def _say_kind(editor: QLineEdit, note: QLabel, text: str) -> None:
    """Say at the right end of the field what kind of value the text will be read as."""
    try:
        kind = kind_of(plain(text))
    except FieldError:
        kind = "does not read"
    note.setText(kind)
    editor.setToolTip(tip(f"Becomes {kind}" if kind != "does not read" else kind))
    note.adjustSize()
    note.move(editor.width() - note.width() - 6, (editor.height() - note.height()) // 2)
    editor.setTextMargins(0, 0, note.width() + 8, 0)


class TreeDelegate(QStyledItemDelegate):
    """Paints rows by hand, so that a long tree costs no more than the rows in sight."""

    def __init__(self, view: QTreeView, model: TreeModel) -> None:
        super().__init__(view)
        self._view = view
        self._model = model
        self._devices = DevicesBeside()
        self.thumbnails: Thumbnails | None = None
        self.fonts_changed()

    def fonts_changed(self) -> None:
        """Measure the fonts anew."""
        self._plain = ui_font(12)
        self._strong = ui_font(12, QFont.Weight.DemiBold)

    def indent(self, node: Node, width: int) -> int:
        """Return where a row's chevron begins; deep rows stop moving right while a name still fits."""
        depth = self._model.depth(node)
        least = NARROW_INDENT * min(depth, 6)
        return LEFT + min(INDENT * depth, max(width - LEFT - ROOM_FOR_NAME, least))

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """Return a row's height; widths are the header's."""
        return QSize(40, ROW)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem,
              index: Index) -> None:  # fmt: skip
        """Draw one cell."""
        node = self._model.node(index)
        if node is None:
            return
        column = Column(index.column())
        rect: QRect = option.rect
        painter.save()
        if column == Column.NAME:
            selected = bool(option.state & QStyle.StateFlag.State_Selected)
            self._paint_name(painter, rect, node, index, selected)
        elif column == Column.STORAGE:
            if label := self._model.text(node, column):
                paint_chip(painter, rect, label)
        else:
            painter.setFont(self._plain)
            painter.setPen(theme.color("text2" if slot_of(node) is not None else "text3"))
            left = column in (Column.DTYPE, Column.GRAD)
            side = Qt.AlignmentFlag.AlignLeft if left else Qt.AlignmentFlag.AlignRight
            place = rect.adjusted(4, 0, -4, 0)
            text = self._model.text(node, column)
            if QFontMetrics(self._plain).horizontalAdvance(text) > place.width():
                text = QFontMetrics(self._plain).elidedText(text, Qt.TextElideMode.ElideRight, place.width())
            painter.drawText(place, side | Qt.AlignmentFlag.AlignVCenter, text)
        painter.restore()

    def _paint_name(self, painter: QPainter, rect: QRect, node: Node, index: Index,
                    selected: bool) -> None:  # fmt: skip
        left = rect.x() + self.indent(node, rect.width())
        middle = rect.center().y()
        self._paint_guides(painter, rect, left)
        if node.is_leaf:
            icon_left = left + 1
        else:
            if index.model().hasChildren(index):  # a ReLU holds nothing
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
        text_left = icon_left + width + 6
        font = self._strong if selected else self._plain
        self._paint_label(painter, rect, node, text_left, font)

    def _paint_thumbnail(self, painter: QPainter, place: QRectF, node: Node) -> bool:
        slot = slot_of(node)
        return slot is not None and self.thumbnails is not None and self.thumbnails.paint(painter, place, slot)

    def _free_beside(self, node: Node) -> int:
        """Return how far a long name may run into the columns beside it, which are empty or wider than their text."""
        free = 0
        for column in (Column.SHAPE, Column.DTYPE, Column.SIZE):
            width = self._view.columnWidth(column)
            if text := self._model.text(node, column):
                return free + max(width - QFontMetrics(self._plain).horizontalAdvance(text) - 10, 0)
            free += width
        return free + self._view.columnWidth(Column.STORAGE) + self._view.columnWidth(Column.GRAD)

    def _paint_guides(self, painter: QPainter, rect: QRect, left: int) -> None:
        painter.setPen(theme.color("line"))
        x = rect.x() + LEFT + CHEVRON // 2
        while x < left + CHEVRON // 2 - 1:
            painter.drawLine(x, rect.top(), x, rect.bottom())
            x += INDENT

    def _paint_label(self, painter: QPainter, rect: QRect, node: Node, left: int, font: QFont) -> None:
        metrics = QFontMetrics(font)
        modified = self._model.is_modified(node)
        right = rect.right() + self._free_beside(node)
        room = right - left - 4 - (12 if modified else 0)
        label = self._model.text(node, Column.NAME)
        # Only what can fit is measured: a name may have thousands of letters.
        shown = metrics.elidedText(label[:300], Qt.TextElideMode.ElideRight, max(room, 0))
        painter.setFont(font)
        painter.setPen(theme.color("text"))
        line = QRect(left, rect.y(), max(room, 0), rect.height())
        painter.drawText(line, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, shown)
        after = left + metrics.horizontalAdvance(shown)
        said = detail(node)
        beside = ", ".join(text for text in (said, self._devices.text(self._model, node)) if text)
        if modified:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.color("warn"))
            painter.drawEllipse(QPointF(after + 8.5, rect.center().y() + 0.5), 3, 3)
            after += 14
        if beside and after + 8 < right - 20:
            painter.setFont(self._plain)
            painter.setPen(theme.color("warn" if said and node.is_leaf and node.kind == "tensor" else "text3"))
            room = right - after - 12
            text = QFontMetrics(self._plain).elidedText(beside[:300], Qt.TextElideMode.ElideRight, room)
            painter.drawText(QRect(after + 8, rect.y(), room, rect.height()),
                             Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, text)  # fmt: skip

    def createEditor(self, parent: QWidget, option: QStyleOptionViewItem,
                     index: Index) -> QWidget:  # fmt: skip
        """Return the field that renames a tensor."""
        editor = QLineEdit(parent)
        editor.setObjectName("rename")
        editor.setProperty("inline", True)
        if self._model.edits_values:
            note = Label("", editor)
            note.setProperty("role", "secondary")
            note.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
            editor.textChanged.connect(lambda text: _say_kind(editor, note, text))
        return editor

    def updateEditorGeometry(self, editor: QWidget, option: QStyleOptionViewItem,
                             index: Index) -> None:  # fmt: skip
        """Give the field the rest of the row."""
        rect: QRect = option.rect
        node = self._model.node(index)
        left = rect.x() if node is None else rect.x() + self.indent(node, rect.width()) + 18
        editor.setGeometry(left, rect.y(), self._view.viewport().width() - left - 4, rect.height())
