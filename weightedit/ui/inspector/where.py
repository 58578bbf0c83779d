"""The cells that lose most in an edit that is previewed, with what they were and become."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QPainter, QResizeEvent
from PySide6.QtWidgets import (
    QFrame,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from weightedit.core.edits.compute import ComputedTensor
from weightedit.core.losing.loss_map import elsewhere, next_cells, worst
from weightedit.core.losing.losses import Cell, Losses
from weightedit.core.words.numbers import count_text
from weightedit.ui.edit_panel.preview_work import Shown
from weightedit.ui.inspector.rows import Section
from weightedit.ui.tasks import TaskProgress, Tasks
from weightedit.ui.theme import mono_font, theme
from weightedit.ui.widgets.plain import row_text, tip

FEW, STEP, ROW, LINE = 6, 50, 24, 18
EDGE, GAP = 4, 8
MOST_SEEN = 12
"""Rows that are seen at once; the list scrolls where there are more."""
WORDS = {"overflow": "out of range", "underflow": "become 0", "truncated": "cut", "imaginary": "lose a part",
         "clamped": "clamped", "rounded": "rounded"}  # fmt: skip
_CELL = Qt.ItemDataRole.UserRole
_Index = QModelIndex | QPersistentModelIndex


class _Lines(QStyledItemDelegate):
    """Draws `[1310, 3964]`, and at the right `70144.0 → inf`, below it where they are long."""

    is_tall = False

    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        """As high as every row: two lines where place and values of one do not fit beside each other."""
        return QSize(100, self.height)

    def take(self, cells: Iterable[Cell], width: int) -> bool:
        """Take in what is listed in a width; returns whether rows are higher or lower now."""
        metrics, had = QFontMetrics(mono_font(11)), self.is_tall
        room = width - 2 * EDGE - GAP
        self.is_tall = any(metrics.horizontalAdvance(f"{cell.place}{cell.exact} → {cell.stored}") > room
                           for cell in cells)  # fmt: skip
        return self.is_tall != had

    @property
    def height(self) -> int:
        """Of a row."""
        return ROW + LINE if self.is_tall else ROW

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        """Draw place and values; of numbers that need more than the width the middle is left out."""
        cell: Cell = index.data(_CELL)
        rect: QRect = option.rect
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        hovered = bool(option.state & QStyle.StateFlag.State_MouseOver)
        if chosen or hovered:
            painter.fillRect(rect, theme.color("accentbg" if chosen else "hover"))
        font = mono_font(11)
        painter.setFont(font)
        metrics = QFontMetrics(font)
        inner = rect.adjusted(EDGE, 0, -EDGE, 0)
        below = inner.adjusted(0, ROW - LINE, 0, 0) if rect.height() > ROW else inner  # of two lines the second
        stored = metrics.elidedText(cell.stored, Qt.TextElideMode.ElideRight, below.width() * 2 // 3)
        wide = metrics.horizontalAdvance(stored)
        tail = metrics.elidedText(f"{cell.exact} → ", Qt.TextElideMode.ElideMiddle, below.width() - wide)
        left = below.right() + 1 - wide - metrics.horizontalAdvance(tail)
        room = inner.width() if below is not inner else left - inner.left() - GAP
        flags = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
        painter.setPen(theme.color("text2"))
        painter.drawText(QRect(inner.left(), rect.top(), max(room, 0), ROW), flags,
                         metrics.elidedText(cell.place, Qt.TextElideMode.ElideRight, max(room, 0)))  # fmt: skip
        painter.setPen(theme.color("text"))
        painter.drawText(QRect(left, below.top(), below.right() - left, below.height()), flags, tail)
        painter.setPen(theme.color(_token(cell.stored)))
        painter.drawText(QRect(below.right() + 1 - wide, below.top(), wide + 2, below.height()), flags, stored)
        if option.state & QStyle.StateFlag.State_HasFocus:
            painter.setPen(theme.color("accent"))
            painter.drawRoundedRect(rect.adjusted(0, 0, -1, -1), 3, 3)


def _token(stored: str) -> str:
    if "nan" in stored:
        return "nan"
    return "neginf" if stored == "-inf" else "posinf" if "inf" in stored else "text"


def _most_looked_at(shown: Shown) -> tuple[str, Losses] | None:
    """Return the tensor whose cells are listed: the one that is shown, or the first other one that loses something."""
    preview = shown.preview
    losing = {name: losses for name, losses in preview.losses.items() if worst(losses)}
    return next(((name, losses) for name, losses in losing.items() if name in preview.shown),
                next(iter(losing.items()), None))  # fmt: skip


class Where(Section):
    """A list of cells, the worst kind of loss first; more on request.

    Signals
    -------
    chosen
        (tensor name, region) of the cell to show.
    """

    chosen = Signal(str, str)

    def __init__(self, tasks: Tasks, parent: QWidget | None = None) -> None:
        super().__init__("Where", parent)
        self._tasks = tasks
        self._shown: Shown | None = None
        self._name, self._kind, self._count = "", "", 0
        self.cells: list[Cell] = []
        self.list = QListWidget()
        self.list.setFrameShape(QFrame.Shape.NoFrame)
        self._lines = _Lines(self.list)
        self.list.setItemDelegate(self._lines)
        self.list.setUniformItemSizes(True)
        self.list.setMouseTracking(True)
        self.list.setAccessibleName("Where values are lost")
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.more = QPushButton("")
        self.more.setProperty("kind", "link")
        self.body.setSpacing(2)
        self.body.addWidget(self.list)
        self.body.addWidget(self.more, 0, Qt.AlignmentFlag.AlignLeft)
        self.list.itemClicked.connect(self._choose)
        self.list.itemActivated.connect(self._choose)
        self.more.clicked.connect(self.show_more)
        self.hide()

    @property
    def _group(self) -> str:
        return f"where {id(self)}"

    def show_preview(self, shown: Shown | None) -> None:
        """Show where values are lost, or nothing where none is."""
        self._tasks.cancel_group(self._group)
        self._shown = shown
        found = None if shown is None else _most_looked_at(shown)
        kind = "" if found is None else worst(found[1])
        self.setVisible(bool(kind))
        self.list.clear()
        self.cells = []
        if found is None or not kind:
            return
        loss = found[1].of(kind)
        self._name, self._kind, self._count = found[0], kind, loss.count
        is_open = shown is not None and self._name in shown.preview.shown and shown.name == shown.request.name
        self.name_tensor("" if is_open else self._name)
        unit = "cell" if loss.count == 1 else "cells"
        self.note.setText(f"{count_text(loss.count)} {unit}")
        self.note.setToolTip(f"{count_text(loss.count)} {WORDS[kind]}")
        self._add(loss.cells[:FEW])

    def _add(self, cells: list[Cell]) -> None:
        for cell in cells:
            item = QListWidgetItem(row_text(f"{cell.place} {cell.exact} → {cell.stored}"))
            item.setData(_CELL, cell)
            item.setToolTip(tip(item.text()))
            self.list.addItem(item)
        self.cells += cells
        left = self._count - len(self.cells)
        self.more.setText(f"{count_text(left)} more")
        self.more.setVisible(left > 0)
        self.more.setEnabled(True)
        self._fit()

    def _fit(self) -> None:
        """Give rows the lines that they need at this width."""
        if self._lines.take(self.cells, self.list.viewport().width()):
            self.list.doItemsLayout()
        self.list.setFixedHeight(self._lines.height * min(max(len(self.cells), 1), MOST_SEEN))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Fit the rows to the width."""
        super().resizeEvent(event)
        self._fit()

    def show_more(self) -> None:
        """Show the next cells: those that are known, then others, computed again in the background."""
        shown, first = self._shown, len(self.cells)
        if shown is None:
            return
        known = shown.preview.losses[self._name].of(self._kind).cells
        if first < len(known):
            self._add(known[first : first + STEP])
            return
        after, kind = shown.preview.after, self._kind
        if not isinstance(after, ComputedTensor):
            return
        after = elsewhere(after, self._name)
        self.more.setEnabled(False)

        def work(progress: TaskProgress) -> list[Cell]:
            return next_cells(after, kind, first, STEP, progress)

        self._tasks.start("Looking for cells", work, on_result=self._add, group=self._group,
                          on_error=lambda _: self.more.setEnabled(True))  # fmt: skip

    def _choose(self, item: QListWidgetItem) -> None:
        cell: Cell = item.data(_CELL)
        self.chosen.emit(self._name, cell.place)

    def text(self) -> str:
        """Return the cells that are listed, one a line: place, value and what is stored, parted by tabs."""
        return "\n".join(f"{cell.place}\t{cell.exact}\t{cell.stored}" for cell in self.cells)
