"""The recent files as rows: name, folder, size, format, time; what is gone is dimmed and can be taken off."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QAbstractListModel, QEvent, QModelIndex, QPersistentModelIndex, QRect, QSize, Qt, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QFont,
    QFontMetrics,
    QGuiApplication,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPen,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QListView,
    QMenu,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from weightedit.core.words.numbers import count_text
from weightedit.core.words.visible import visible
from weightedit.ui.files.recent import RecentFile, Recents
from weightedit.ui.theme import theme, ui_font
from weightedit.ui.widgets.icons import paint_icon
from weightedit.ui.widgets.plain import tip

ROW = 54
EDGE, GAP = 14, 12
TIME_WIDTH, CROSS = 64, 14
CHIP_HEIGHT = 18
FILE_ROLE = Qt.ItemDataRole.UserRole
Index = QModelIndex | QPersistentModelIndex


class RecentModel(QAbstractListModel):
    """The list of `Recents` as Qt's views see it."""

    def __init__(self, recents: Recents) -> None:
        super().__init__(recents)
        self._recents = recents
        self._files: tuple[RecentFile, ...] = tuple(recents.files)
        recents.changed.connect(self._refresh)

    def _refresh(self) -> None:
        self.beginResetModel()
        self._files = tuple(self._recents.files)
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        """Return how many files there are."""
        return 0 if parent.isValid() else len(self._files)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return what a row says."""
        if not index.isValid() or index.row() >= len(self._files):
            return None
        file = self._files[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return file.name
        if role == FILE_ROLE:
            return file
        missing = self._recents.is_missing(file)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            state = "not found" if missing else f"{file.size}, {file.format_name}, opened {file.when}"
            return f"{file.name}, {file.place}, {state}"
        if role == Qt.ItemDataRole.ToolTipRole:
            return tip(f"{visible(file.path)}\n{'Not found' if missing else f'{count_text(file.nbytes)} bytes'}")
        return None

    def is_missing(self, index: Index) -> bool:
        """Whether a row's file is gone."""
        file = self.data(index, FILE_ROLE)
        return isinstance(file, RecentFile) and self._recents.is_missing(file)


class RecentDelegate(QStyledItemDelegate):
    """Paints a row: icon, name over folder, then from the right: time or cross, format, size."""

    def __init__(self, view: RecentList) -> None:
        super().__init__(view)
        self._view = view

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """Return a row's height."""
        return QSize(200, ROW)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Draw one row."""
        rect: QRect = option.rect
        file: RecentFile = index.data(FILE_ROLE)
        missing = self._view.rows.is_missing(index)
        hovered = self._view.hovered == index.row()
        painter.save()
        if hovered:
            painter.fillRect(rect, theme.color("hover"))
        if index.row():
            painter.fillRect(QRect(rect.x(), rect.y(), rect.width(), 1), theme.color("line"))
        paint_icon(painter, QRect(rect.x() + EDGE, rect.y() + 18, 18, 18), "file-x" if missing else "file",
                   "text3" if missing else "text2")  # fmt: skip
        right = self._facts(painter, rect, file, missing, hovered)
        left = rect.x() + EDGE + 18 + GAP
        room = right - GAP - left
        self._text(painter, QRect(left, rect.y() + 9, room, 18), file.name, 13, "text3" if missing else "text")
        self._text(painter, QRect(left, rect.y() + 28, room, 16), file.place, 11, "text3", Qt.TextElideMode.ElideMiddle)
        if option.state & QStyle.StateFlag.State_HasFocus and self._view.hasFocus():
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(QPen(theme.color("accent"), 2))
            painter.drawRoundedRect(rect.adjusted(2, 2, -2, -2), 4, 4)
        painter.restore()

    def _facts(self, painter: QPainter, rect: QRect, file: RecentFile, missing: bool, hovered: bool) -> int:
        """Draw what stands at the right, and return where it begins."""
        right = rect.right() - EDGE + 1
        if missing or hovered:
            place = self._view.cross(rect)
            paint_icon(painter, place, "close", "text" if self._view.over_cross else "text3")
        else:
            self._text(painter, QRect(right - TIME_WIDTH, rect.y(), TIME_WIDTH, ROW), file.when, 12, "text2",
                       Qt.TextElideMode.ElideRight, Qt.AlignmentFlag.AlignRight)  # fmt: skip
        right -= TIME_WIDTH + 6
        if missing:
            return self._right_text(painter, right, rect, "Not found")
        if file.format_name:
            right = self._chip(painter, right, rect, file.format_name) - GAP
        return self._right_text(painter, right, rect, file.size)

    def _right_text(self, painter: QPainter, right: int, rect: QRect, text: str) -> int:
        width = QFontMetrics(ui_font(12)).horizontalAdvance(text) + 2
        self._text(painter, QRect(right - width, rect.y(), width, ROW), text, 12, "text2",
                   Qt.TextElideMode.ElideRight, Qt.AlignmentFlag.AlignRight)  # fmt: skip
        return right - width

    def _chip(self, painter: QPainter, right: int, rect: QRect, text: str) -> int:
        font = ui_font(11, QFont.Weight.Medium)
        width = QFontMetrics(font).horizontalAdvance(text) + 14
        place = QRect(right - width, rect.y() + (ROW - CHIP_HEIGHT) // 2, width, CHIP_HEIGHT)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color("active"))
        painter.drawRoundedRect(place, 4, 4)
        painter.setFont(font)
        painter.setPen(theme.color("text"))
        painter.drawText(place, Qt.AlignmentFlag.AlignCenter, text)
        return place.x()

    def _text(self, painter: QPainter, rect: QRect, text: str, size: int, token: str,
              elide: Qt.TextElideMode = Qt.TextElideMode.ElideRight,
              side: Qt.AlignmentFlag = Qt.AlignmentFlag.AlignLeft) -> None:  # fmt: skip
        font = ui_font(size)
        painter.setFont(font)
        painter.setPen(theme.color(token))
        shown = QFontMetrics(font).elidedText(text, elide, rect.width())
        painter.drawText(rect, side | Qt.AlignmentFlag.AlignVCenter, shown)


class RecentList(QListView):
    """The rows, by mouse and keyboard.

    Signals
    -------
    opened, removed
        (path)
    """

    opened = Signal(object)
    removed = Signal(object)

    def __init__(self, recents: Recents, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows = RecentModel(recents)
        self.hovered, self.over_cross = -1, False
        self.setModel(self.rows)
        self.setItemDelegate(RecentDelegate(self))
        self.setObjectName("recent")
        self.setAccessibleName("Recent files")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setMouseTracking(True)
        self.setUniformItemSizes(True)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setTabKeyNavigation(False)
        self.rows.modelReset.connect(self._fit)
        theme.changed.connect(self.viewport().update)
        self._fit()

    def _fit(self) -> None:
        """Be as high as the rows, where there is room."""
        self.setMaximumHeight(ROW * self.rows.rowCount() + 2 * self.frameWidth())
        self.hovered = -1
        self.updateGeometry()
        if self.rows.rowCount():
            self.setCurrentIndex(self.rows.index(0))

    def sizeHint(self) -> QSize:
        """Ask for room for every row."""
        return QSize(400, self.maximumHeight())

    def minimumSizeHint(self) -> QSize:
        """Do with one row."""
        return QSize(200, min(ROW, self.maximumHeight()))

    def cross(self, row: QRect) -> QRect:
        """Return where a row's cross is."""
        return QRect(row.right() - EDGE - CROSS + 1, row.y() + (ROW - CROSS) // 2, CROSS, CROSS)

    def _file(self, index: Index) -> RecentFile | None:
        found = index.data(FILE_ROLE)
        return found if isinstance(found, RecentFile) else None

    def _on_cross(self, event: QMouseEvent) -> bool:
        index = self.indexAt(event.position().toPoint())
        area = self.cross(self.visualRect(index)).adjusted(-8, -12, 8, 12)
        return index.isValid() and area.contains(event.position().toPoint())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Mark the row, and its cross, under the pointer."""
        index = self.indexAt(event.position().toPoint())
        self.hovered, self.over_cross = index.row(), self._on_cross(event)
        self.setCursor(Qt.CursorShape.PointingHandCursor if index.isValid() else Qt.CursorShape.ArrowCursor)
        self.viewport().update()

    def leaveEvent(self, event: QEvent) -> None:
        """Mark no row."""
        super().leaveEvent(event)
        self.hovered, self.over_cross = -1, False
        self.viewport().update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Open the file, or take it off by the cross."""
        super().mouseReleaseEvent(event)
        found = self._file(self.indexAt(event.position().toPoint()))
        if found is not None and event.button() == Qt.MouseButton.LeftButton:
            (self.removed if self._on_cross(event) else self.opened).emit(found.path)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Open with Enter or Space, take off with Delete."""
        found = self._file(self.currentIndex())
        if found is not None and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self.opened.emit(found.path)
        elif found is not None and event.key() == Qt.Key.Key_Delete:
            self.removed.emit(found.path)
        else:
            super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Offer what can be done with a file."""
        by_key = event.reason() == QContextMenuEvent.Reason.Keyboard
        index = self.currentIndex() if by_key else self.indexAt(event.pos())
        found = self._file(index)
        if found is None:
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction("&Open", lambda: self.opened.emit(found.path))
        menu.addAction("&Copy path", lambda: QGuiApplication.clipboard().setText(found.path))
        menu.addSeparator()
        menu.addAction("&Remove from the list", lambda: self.removed.emit(found.path))
        menu.popup(self.viewport().mapToGlobal(self.visualRect(index).bottomLeft()) if by_key else event.globalPos())
