"""The strip of a storage: a bar for each slot over it, which says what it is, leads there and marks selected cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QAccessible,
    QAccessibleEvent,
    QBrush,
    QColor,
    QFocusEvent,
    QFont,
    QFontMetrics,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from weightedit.core.shared.storage_strip import LAYOUTS, Bar, Span, Strip
from weightedit.core.spec import TensorSpec
from weightedit.core.words.labels import called
from weightedit.core.words.numbers import bytes_text, count_text
from weightedit.ui.theme import theme, ui_font
from weightedit.ui.widgets.plain import aloud, tip

LANE, BETWEEN, EDGE = 18, 3, 1
"""Pixels of a lane, between lanes, and around all."""
THINNEST = 3
NAMED = 26
"""Pixels from which on a bar has its name on it."""
MARK = 3
_STEPS = {Qt.Key.Key_Left: -1, Qt.Key.Key_Up: -1, Qt.Key.Key_Right: 1, Qt.Key.Key_Down: 1}


@dataclass(frozen=True)
class Members:
    """The slots over one storage, as the strip shows them.

    Attributes
    ----------
    label
        Of the group; empty where one slot is alone in a larger storage.
    names, specs
        Of the slots.
    current
        Which of them is looked at.
    strip
        Where they lie.
    """

    label: str
    names: Sequence[str]
    specs: Sequence[TensorSpec]
    current: int
    strip: Strip


class StorageStrip(QWidget):
    """Paints bars; a click or Enter on one asks for its slot.

    Signals
    -------
    chosen
        The name of a slot to show.
    """

    chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Storage")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.members: Members | None = None
        self.marks: Mapping[int, tuple[Span, ...]] = {}
        self._at = -1  # the bar that keys are at
        self._hovered = -1
        theme.changed.connect(self.update)

    def show_members(self, members: Members | None) -> None:
        """Show other slots; none hides the strip."""
        self.members, self._at, self._hovered, self.marks = members, -1, -1, {}
        self.setVisible(members is not None)
        self.updateGeometry()
        self._describe()
        self.update()

    def show_marks(self, marks: Mapping[int, tuple[Span, ...]]) -> None:
        """Mark bytes on the bars of slots."""
        self.marks = marks
        self._describe()
        self.update()

    def sizeHint(self) -> QSize:
        """Be as high as the lanes."""
        lanes = 1 if self.members is None else max(self.members.strip.lanes, 1)
        return QSize(200, lanes * (LANE + BETWEEN) - BETWEEN + 2 * EDGE)

    # ---- geometry

    def _place(self, byte: float) -> float:
        assert self.members is not None
        room = self.width() - 2 * EDGE
        return EDGE + room * byte / max(self.members.strip.nbytes, 1)

    def rect_of(self, bar: Bar) -> QRectF:
        """Return where a bar is drawn."""
        left, right = self._place(bar.start), self._place(bar.stop)
        width = max(round(right) - round(left) - 1, THINNEST)
        left = min(round(left), self.width() - EDGE - width)
        return QRectF(left, EDGE + bar.lane * (LANE + BETWEEN), width, LANE)

    def bar_at(self, place: QPointF) -> int:
        """Return the number of the bar at a place, or -1."""
        if self.members is None:
            return -1
        strip = self.members.strip
        lane = int((place.y() - EDGE) // (LANE + BETWEEN))
        byte = (place.x() - EDGE) * strip.nbytes / max(self.width() - 2 * EDGE, 1)
        found = strip.at(byte, lane, reach=4 * strip.nbytes / max(self.width(), 1))
        return -1 if found is None else strip.bars.index(found)

    # ---- words

    def text_of(self, bar: Bar) -> str:
        """Return what is known of a slot in this storage, in lines."""
        members = self.members
        assert members is not None
        spec = members.specs[bar.member]
        last = max(bar.stop - 1, bar.start)
        lines = [called(members.names[bar.member]),
                 f"bytes {count_text(bar.start)}–{count_text(last)} of {bytes_text(members.strip.nbytes)}"
                 if spec.numel else f"no bytes, at {count_text(bar.start)}"]  # fmt: skip
        lines.append(f"offset {count_text(spec.offset)}, stride {spec.stride}")
        notes = [LAYOUTS[bar.layout]] if LAYOUTS[bar.layout] else []
        if bar.member == members.current:
            notes.append("this tensor")
        elif self._is_tied(bar):
            notes.append("the same elements as this tensor")
        if bar.member in self.marks:
            notes.append("selected cells lie here")
        return "\n".join([*lines, *([", ".join(notes)] if notes else [])])

    def _is_tied(self, bar: Bar) -> bool:
        assert self.members is not None
        mine, other = self.members.specs[self.members.current], self.members.specs[bar.member]
        return (mine.offset, mine.shape, mine.stride, mine.dtype) == (other.offset, other.shape, other.stride,
                                                                      other.dtype)  # fmt: skip

    def _describe(self) -> None:
        """Say for screen readers what the bar at the keys is, or the whole strip."""
        members = self.members
        if members is None:
            return
        bars = members.strip.bars
        if 0 <= self._at < len(bars):
            text = f"{self.text_of(bars[self._at])}, {self._at + 1} of {len(bars)}".replace("\n", ", ")
        else:
            marked = f"; selected cells lie in {len(self.marks)} of them" if self.marks else ""
            text = f"{members.label} {len(members.specs)} slots over {bytes_text(members.strip.nbytes)}{marked}".strip()
        if text != self.accessibleDescription():
            self.setAccessibleDescription(aloud(text))
            QAccessible.updateAccessibility(QAccessibleEvent(self, QAccessible.Event.DescriptionChanged))

    # ---- mouse and keys

    def _choose(self, at: int) -> None:
        members = self.members
        if members is not None and 0 <= at < len(members.strip.bars):
            member = members.strip.bars[at].member
            if member != members.current:
                self.chosen.emit(members.names[member])

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Go to the slot under the pointer."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._choose(self.bar_at(event.position()))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Show which bar is under the pointer."""
        self._hover(self.bar_at(event.position()))

    def leaveEvent(self, event: QEvent) -> None:
        """Forget the pointer."""
        self._hover(-1)

    def _hover(self, at: int) -> None:
        if at != self._hovered:
            self._hovered = at
            self.setCursor(Qt.CursorShape.PointingHandCursor if at >= 0 else Qt.CursorShape.ArrowCursor)
            self.update()

    def event(self, event: QEvent) -> bool:
        """Say what the bar under the pointer is."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent) and self.members is not None:
            at = self.bar_at(QPointF(event.pos()))
            if at >= 0:
                QToolTip.showText(event.globalPos(), tip(self.text_of(self.members.strip.bars[at])), self)
            else:
                QToolTip.hideText()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Move from bar to bar; Enter or Space goes to the slot."""
        key = Qt.Key(event.key())
        bars = () if self.members is None else self.members.strip.bars
        if key in _STEPS and bars:
            self._move(min(max(self._at + _STEPS[key], 0), len(bars) - 1))
        elif key in (Qt.Key.Key_Home, Qt.Key.Key_End) and bars:
            self._move(0 if key == Qt.Key.Key_Home else len(bars) - 1)
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self._choose(self._at)
        else:
            super().keyPressEvent(event)

    def _move(self, at: int) -> None:
        self._at = at
        self._describe()
        self.update()
        assert self.members is not None
        bar = self.members.strip.bars[at]
        corner = self.mapToGlobal(self.rect_of(bar).bottomLeft().toPoint() + QPoint(0, 2))
        QToolTip.showText(corner, tip(self.text_of(bar)), self)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Begin at the tensor that is looked at."""
        super().focusInEvent(event)
        if self.members is not None and self._at < 0:
            current = self.members.current
            self._at = next((at for at, bar in enumerate(self.members.strip.bars) if bar.member == current), 0)
        self._describe()
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Leave the bars."""
        super().focusOutEvent(event)
        self._at = -1
        QToolTip.hideText()
        self._describe()
        self.update()

    # ---- painting

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw gaps, bars and marks."""
        members = self.members
        if members is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(ui_font(10, QFont.Weight.Medium))
        painter.setPen(QPen(theme.color("line2"), 1.0, Qt.PenStyle.DotLine))
        middle = EDGE + LANE / 2
        for start, stop in members.strip.gaps:
            left, right = self._place(start), self._place(stop)
            if right - left > THINNEST:
                painter.drawLine(QPointF(left + 1, middle), QPointF(right - 1, middle))
        for at, bar in enumerate(members.strip.bars):
            self._draw(painter, at, bar, members)

    def _draw(self, painter: QPainter, at: int, bar: Bar, members: Members) -> None:
        is_current = bar.member == members.current
        inset = 1.0 if is_current else 0.5
        rect = self.rect_of(bar).adjusted(inset, inset, -inset, -inset)
        label = members.label or "S1"
        if members.label:
            fill, border = theme.group_fill(label), theme.group_border(label)
        else:
            fill, border = theme.color("raised"), theme.color("line2")
        if at == self._hovered and not is_current:
            fill = fill.lighter(130) if theme.name == "dark" else fill.darker(108)
        painter.setBrush(fill)
        painter.setPen(QPen(theme.color("accent"), 2.0) if is_current else QPen(border, 1.0))
        painter.drawRoundedRect(rect, 2, 2)
        if bar.layout in ("permuted", "gaps", "repeats"):
            pattern = Qt.BrushStyle.BDiagPattern if bar.layout == "gaps" else Qt.BrushStyle.Dense6Pattern
            painter.fillRect(rect.adjusted(1, 1, -1, -1), QBrush(border, pattern))
        if rect.width() >= NAMED:
            self._name(painter, rect, members.names[bar.member], fill, bar.layout in ("permuted", "gaps", "repeats"))
        for start, stop in self.marks.get(bar.member, ()):
            left, right = self._place(start), self._place(stop)
            width = max(right - left, 4.0)
            left = min(max(left, rect.left()), rect.right() - width)
            painter.fillRect(QRectF(left, rect.bottom() - MARK, width, MARK), theme.color("accent"))
        if at == self._at and self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(theme.color("text"), 1.0))
            painter.drawRoundedRect(rect.adjusted(1.5, 1.5, -1.5, -1.5), 1.5, 1.5)

    def _name(self, painter: QPainter, rect: QRectF, name: str, fill: QColor, is_hatched: bool) -> None:
        metrics = QFontMetrics(painter.font())
        inner = rect.adjusted(5, 0, -4, -2)  # above the marks
        text = metrics.elidedText(_short(name), Qt.TextElideMode.ElideRight, int(inner.width()))
        if len(text) < 2:
            return
        if is_hatched:  # the hatching would cross the letters
            behind = QRectF(inner.left() - 2, rect.top() + 3, metrics.horizontalAdvance(text) + 4, rect.height() - 6)
            painter.fillRect(behind, QBrush(fill))
        painter.setPen(theme.color("text"))
        painter.drawText(inner, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)


def _short(name: str) -> str:
    """Return the last two parts of a name, which tell it from its neighbours."""
    return ".".join(called(name).split(".")[-2:])
