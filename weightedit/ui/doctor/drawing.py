"""Draws what disagrees: a product with its inner sizes, or two operands whose sizes, dtypes or devices differ."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from weightedit.doctor.shape_trace.disagreement import Disagreement
from weightedit.doctor.shape_trace.trace import Operand
from weightedit.ui.theme import theme, ui_font
from weightedit.ui.widgets.plain import aloud

HEIGHT = 190
BOX = 108
"""Height of the tallest box."""
LEAST = 44
WIDE = 620
"""Width from which on a product is drawn as large as it gets."""
SIDE = 46.0
"""Room for a number beside the first box."""
CENTER = Qt.AlignmentFlag.AlignCenter


class Drawing(QWidget):
    """The picture of a disagreement."""

    def __init__(self, found: Disagreement) -> None:
        super().__init__()
        self.found = found
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(aloud(f"{found.got.seen} meets {found.weight.seen}: {said(found)}"))

    def sizeHint(self) -> QSize:
        """Want room for the boxes, their sizes and the arc below."""
        return QSize(560, HEIGHT)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the boxes, the sizes around them, and what joins the two that disagree."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.translate(0.5, 0.5)
        if is_product(self.found):
            self._paint_product(painter, self.found)
        else:
            self._paint_pair(painter, self.found)

    # ---- a product

    def _paint_product(self, painter: QPainter, found: Disagreement) -> None:
        rows = (found.got.seen.shape or (1,))[-2] if len(found.got.seen.shape or ()) > 1 else 1
        shape = found.weight.seen.shape or (1, 1)
        columns = shape[1 - found.weight_dim]
        across = max(found.got_size, found.weight_size, columns, 1)
        part = min(1.0, max(0.45, (self.width() - 2 * SIDE) / (WIDE - 2 * SIDE)))
        left = QSize(_length(found.got_size, across, 190 * part), _length(rows, across, BOX))
        right = QSize(_length(columns, across, 110 * part), _length(found.weight_size, across, BOX))
        right.setHeight(max(right.height(), 74))
        last = _length(columns, across, 110 * part)
        gap = max(40.0, 76 * part)
        x = max(SIDE, (self.width() - left.width() - right.width() - last - 2 * gap - 24) / 2)
        middle = 24 + BOX / 2
        one = QRectF(x, middle - left.height() / 2, left.width(), left.height())
        two = QRectF(one.right() + gap + 24, middle - right.height() / 2, right.width(), right.height())
        made = QRectF(two.right() + gap, middle - left.height() / 2, last, left.height())
        self._box(painter, one, _label(found.got, "input"))
        self._box(painter, two, "weightᵀ" if found.weight_dim else "weight")
        self._box(painter, made, "output", dashed=True)
        self._side(painter, QPointF(one.left() - 8, middle), str(rows), right=True)
        self._above(painter, one, str(found.got_size), wrong=True)
        self._above(painter, two, str(columns))
        self._above(painter, made, str(columns))
        self._side(painter, QPointF(two.left() - 8, middle), str(found.weight_size), right=True, wrong=True)
        self._edge(painter, one.topLeft(), one.topRight())
        self._edge(painter, two.topLeft(), two.bottomLeft())
        self._sign(painter, QPointF(one.right() + gap / 2 - 14, middle), "×")
        self._sign(painter, QPointF(two.right() + gap / 2, middle), "=")
        start, end = QPointF(one.center().x(), one.bottom() + 5), QPointF(two.left() - 30, middle + 12)
        self._arc(painter, start, end, said(found))

    # ---- two operands

    def _paint_pair(self, painter: QPainter, found: Disagreement) -> None:
        width = min(250.0, (self.width() - 120) / 2)
        x = max(14.0, (self.width() - 2 * width - 90) / 2)
        one, two = QRectF(x, 40, width, 58), QRectF(x + width + 90, 40, width, 58)
        places = []
        for box, operand, name, dim in ((one, found.got, "input", found.got_dim),
                                        (two, found.weight, "weight", found.weight_dim)):  # fmt: skip
            self._box(painter, box, "")
            self._above(painter, box, _label(operand, name))
            places.append(self._shape(painter, box, operand, dim, found.kind))
        first, second = (QPointF(place, 102) for place in places)
        self._arc(painter, first, second, said(found))

    def _shape(self, painter: QPainter, box: QRectF, operand: Operand, dim: int, kind: str) -> float:
        """Write what an operand is, the part that disagrees in red; return where that is."""
        seen = operand.seen
        whole = f"{seen.dtype} on {seen.device}" if kind in ("dtype", "device") else seen.dtype
        sizes = [str(size) for size in seen.shape or ()]
        font, strong = ui_font(13, QFont.Weight.Medium), ui_font(13, QFont.Weight.DemiBold)
        parts = [("[", False)]
        for place, size in enumerate(sizes):
            parts += [(", ", False)] if place else []
            parts.append((size, place == dim))
        parts.append(("]", False))
        total = sum(QFontMetricsF(strong if bad else font).horizontalAdvance(text) for text, bad in parts)
        x, found = box.center().x() - total / 2, box.center().x()
        for text, bad in parts:
            used = strong if bad else font
            width = QFontMetricsF(used).horizontalAdvance(text)
            painter.setFont(used)
            painter.setPen(theme.color("bad" if bad else "text"))
            painter.drawText(QRectF(x, box.y() + 8, width + 1, 22), CENTER, text)
            found = x + width / 2 if bad else found
            x += width
        painter.setFont(ui_font(11))
        painter.setPen(theme.color("bad" if kind in ("dtype", "device", "index-dtype") else "text3"))
        painter.drawText(QRectF(box.x(), box.y() + 30, box.width(), 18), CENTER, whole)
        return found

    # ---- pieces

    def _box(self, painter: QPainter, box: QRectF, text: str, *, dashed: bool = False) -> None:
        pen = QPen(theme.color("line2"), 1, Qt.PenStyle.DashLine if dashed else Qt.PenStyle.SolidLine)
        painter.setPen(pen)
        painter.setBrush(QColor(0, 0, 0, 0) if dashed else theme.color("accentbg"))
        painter.drawRoundedRect(box, 3, 3)
        font = ui_font(12, QFont.Weight.DemiBold)
        if QFontMetricsF(font).horizontalAdvance(text) > box.width() - 6:
            font = ui_font(10)
        painter.setFont(font)
        painter.setPen(theme.color("text3" if dashed else "text"))
        painter.drawText(box, CENTER, text)

    def _edge(self, painter: QPainter, start: QPointF, end: QPointF) -> None:
        painter.setPen(QPen(theme.color("bad"), 3))
        painter.drawLine(start, end)

    def _above(self, painter: QPainter, box: QRectF, text: str, *, wrong: bool = False) -> None:
        painter.setFont(ui_font(12, QFont.Weight.DemiBold if wrong else QFont.Weight.Normal))
        painter.setPen(theme.color("bad" if wrong else "text2"))
        painter.drawText(QRectF(box.center().x() - 120, box.top() - 22, 240, 18), CENTER, text)

    def _side(self, painter: QPainter, at: QPointF, text: str, *, right: bool, wrong: bool = False) -> None:
        painter.setFont(ui_font(12, QFont.Weight.DemiBold if wrong else QFont.Weight.Normal))
        painter.setPen(theme.color("bad" if wrong else "text2"))
        align = Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft
        painter.drawText(QRectF(at.x() - 80, at.y() - 9, 80, 18), align | Qt.AlignmentFlag.AlignVCenter, text)

    def _sign(self, painter: QPainter, at: QPointF, text: str) -> None:
        painter.setFont(ui_font(15))
        painter.setPen(theme.color("text2"))
        painter.drawText(QRectF(at.x() - 12, at.y() - 12, 24, 24), CENTER, text)

    def _arc(self, painter: QPainter, start: QPointF, end: QPointF, text: str) -> None:
        """Join two numbers below the boxes, with what is to be said of them."""
        low = 24 + BOX + 26.0
        path = QPainterPath(start)
        path.cubicTo(QPointF(start.x(), low), QPointF(end.x(), low), end)
        painter.setBrush(QColor(0, 0, 0, 0))
        painter.setPen(QPen(theme.color("bad"), 1, Qt.PenStyle.DashLine))
        painter.drawPath(path)
        painter.setFont(ui_font(11, QFont.Weight.DemiBold))
        width = QFontMetricsF(painter.font()).horizontalAdvance(text) + 16
        chip = QRectF((start.x() + end.x()) / 2 - width / 2, low - 12, width, 20)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color("badbg"))
        painter.drawRoundedRect(chip, 4, 4)
        painter.setPen(theme.color("bad"))
        painter.drawText(chip, CENTER, text)


def is_product(found: Disagreement) -> bool:
    """Whether it is a matrix product whose inner sizes differ."""
    return found.kind == "features" and len(found.weight.seen.shape or ()) == 2 and bool(found.got.seen.shape)


def said(found: Disagreement) -> str:
    """Return what is to be said of the two."""
    if found.kind == "dtype":
        return "must be one dtype" if found.got.seen.dtype != found.weight.seen.dtype else "torch has no such product"
    if found.kind == "device":
        return "must be on one device"
    if found.kind == "index-dtype":
        return "indices must be int64 or int32"
    if found.kind == "index":
        return f"index {found.got_size:,} needs {found.got_size + 1:,} rows"
    if found.kind == "dims":
        return f"{found.got_size} dimensions meet {found.weight_size}"
    if found.kind == "channels" and found.weight_dim >= 0 and \
            (found.weight.seen.shape or ())[found.weight_dim] != found.weight_size:  # fmt: skip
        return f"must be {found.weight_size:,}, in groups"
    return f"must be equal, differ by {abs(found.got_size - found.weight_size):,}"


def _label(operand: Operand, otherwise: str) -> str:
    return operand.tensor.rpartition(".")[2] or otherwise


def _length(size: int, across: int, most: float) -> int:
    """Return the pixels of a side: the larger the longer, with the small ones still to be seen."""
    return int(max(LEAST, most * (size / across) ** 0.5))
