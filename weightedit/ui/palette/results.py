"""The palette's list: headings and lines as a model, and how they are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPen
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from weightedit.ui.palette.items import Item
from weightedit.ui.theme import theme, ui_font
from weightedit.ui.widgets.icons import paint_icon
from weightedit.ui.widgets.plain import tip

ROW, HEADING = 34, 26
_Index = QModelIndex | QPersistentModelIndex
Line = Item | str
"""A line of the list, or the heading of those that follow."""


class Results(QAbstractListModel):
    """Headings and lines."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.lines: list[Line] = []

    def show(self, lines: Sequence[Line]) -> None:
        """Show other lines."""
        self.beginResetModel()
        self.lines = list(lines)
        self.endResetModel()

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        """How many lines and headings there are."""
        return 0 if parent.isValid() else len(self.lines)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return a line's text, what a screen reader says of it, or the line itself."""
        if not index.isValid():
            return None
        found = self.lines[index.row()]
        if role == Qt.ItemDataRole.UserRole:
            return found
        if isinstance(found, str):
            return found if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole) else None
        if role == Qt.ItemDataRole.DisplayRole:
            return found.title
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return spoken(found)
        if role == Qt.ItemDataRole.ToolTipRole:
            return tip(f"{found.title}\n{found.off or found.detail}".strip())
        return None

    def flags(self, index: _Index) -> Qt.ItemFlag:
        """Headings cannot be picked."""
        if not index.isValid() or isinstance(self.lines[index.row()], str):
            return Qt.ItemFlag.NoItemFlags
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemNeverHasChildren

    def next_line(self, row: int, step: int) -> int:
        """Return the next line that is no heading, past the end from the other one; -1 where there is none."""
        places = [place for place, found in enumerate(self.lines) if isinstance(found, Item)]
        if not places:
            return -1
        if row not in places:
            return places[0] if step > 0 else places[-1]
        return places[(places.index(row) + step) % len(places)]


def spoken(item: Item) -> str:
    """Return a line in words, for a screen reader."""
    return ", ".join(part for part in (item.title, item.detail, item.section, item.off, item.keys) if part)


class ResultDelegate(QStyledItemDelegate):
    """Draws icon, title with its matched letters, detail and key cap."""

    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        """Lines are 34 high, headings 26."""
        heading = isinstance(index.data(Qt.ItemDataRole.UserRole), str)
        return QSize(100, HEADING if heading else ROW)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        """Draw one line."""
        line: Line = index.data(Qt.ItemDataRole.UserRole)
        rect: QRect = option.rect
        state: QStyle.StateFlag = option.state
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if isinstance(line, str):
            painter.setFont(ui_font(11, QFont.Weight.DemiBold))
            painter.setPen(theme.color("text2"))
            painter.drawText(rect.adjusted(10, 4, -10, 0), Qt.AlignmentFlag.AlignVCenter, line)
        else:
            selected = bool(state & QStyle.StateFlag.State_Selected)
            if selected:
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(theme.color("accentbg"))
                painter.drawRoundedRect(QRectF(rect), 5, 5)
            paint_icon(painter, QRect(rect.left() + 10, rect.center().y() - 7, 16, 16), line.icon,
                       "textoff" if line.off else "accent" if selected else "text2")  # fmt: skip
            right = self._draw_keys(painter, rect, line.keys or ("Enter" if selected and not line.off else ""))
            self._draw_words(painter, QRect(rect.left() + 36, rect.top(), right - rect.left() - 46, ROW), line)
        painter.restore()

    def _draw_keys(self, painter: QPainter, rect: QRect, keys: str) -> int:
        """Draw the key cap and return where its left edge is."""
        if not keys:
            return rect.right()
        font = ui_font(10, QFont.Weight.DemiBold)
        painter.setFont(font)
        width = QFontMetrics(font).horizontalAdvance(keys) + 12
        cap = QRectF(rect.right() - 10 - width, rect.center().y() - 8, width, 18)
        painter.setPen(QPen(theme.color("line2"), 1.0))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(cap, 4, 4)
        painter.setPen(theme.color("text2"))
        painter.drawText(cap, Qt.AlignmentFlag.AlignCenter, keys)
        return int(cap.left()) - 6

    def _draw_words(self, painter: QPainter, room: QRect, item: Item) -> None:
        detail = item.off or item.detail
        small = ui_font(12)
        reserved = min(QFontMetrics(small).horizontalAdvance(detail) + 14, room.width() // 2) if detail else 0
        base, strong = theme.color("textoff" if item.off else "text"), theme.color("text2" if item.off else "accent")
        end = draw_matched(painter, room.adjusted(0, 0, -reserved, 0), item.title, item.places, base, strong)
        if detail:
            painter.setFont(small)
            painter.setPen(theme.color("text2"))
            left = QRect(end + 10, room.top(), room.right() - end - 10, room.height())
            text = QFontMetrics(small).elidedText(detail, Qt.TextElideMode.ElideMiddle, left.width())
            painter.drawText(left, Qt.AlignmentFlag.AlignVCenter, text)


def draw_matched(painter: QPainter, room: QRect, text: str, places: Sequence[int], base: QColor,
                 strong: QColor) -> int:  # fmt: skip
    """Draw a text with some of its letters strong, elided at its start where it is too long; return its right end."""
    plain, bold = ui_font(13), ui_font(13, QFont.Weight.DemiBold)
    wide, wider = QFontMetrics(plain), QFontMetrics(bold)
    marked = set(places)
    runs: list[tuple[str, bool]] = []
    for place, letter in enumerate(text):
        on = place in marked
        if runs and runs[-1][1] == on:
            runs[-1] = (runs[-1][0] + letter, on)
        else:
            runs.append((letter, on))
    width = sum((wider if on else wide).horizontalAdvance(run) for run, on in runs)
    while width > room.width() and runs:
        first, on = runs[0]
        run = first.lstrip("…")[1:]
        runs[0:1] = [("…" + run, on)] if run else []
        if runs and not run:
            runs[0] = ("…" + runs[0][0], runs[0][1])
        width = sum((wider if on else wide).horizontalAdvance(run) for run, on in runs)
    x = room.left()
    for run, on in runs:
        painter.setFont(bold if on else plain)
        painter.setPen(strong if on else base)
        advance = (wider if on else wide).horizontalAdvance(run)
        painter.drawText(QRect(x, room.top(), advance + 4, room.height()), Qt.AlignmentFlag.AlignVCenter, run)
        x += advance
    return x
