"""The tabs over the pages: a mark for edited tensors, and a close button."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QEnterEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractButton, QTabBar, QWidget

from weightedit.core.words.labels import called
from weightedit.ui.theme import theme
from weightedit.ui.widgets.icons import icon, paint_icon
from weightedit.ui.widgets.plain import plain, tip

HEIGHT = 35
LONGEST = 36


def shortened(name: str) -> str:
    """Return a name without its first parts where it is too long for a tab."""
    if len(name) <= LONGEST:
        return name
    rest = name[-LONGEST:]
    return f"…{rest.partition('.')[2] or rest}"


class _TabEnd(QAbstractButton):
    """A dot where the tensor is modified, a cross under the pointer and elsewhere."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.is_modified = False
        self.setFixedSize(QSize(18, 18))
        self.setToolTip("Close tab  Ctrl+W")
        self.setAccessibleName("Close tab")
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw dot or cross."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        over = self.underMouse()
        if over:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.color("active"))
            painter.drawRoundedRect(self.rect(), 4, 4)
        if self.is_modified and not over:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.color("warn"))
            painter.drawEllipse(QRectF(6, 6, 6, 6))
        else:
            paint_icon(painter, QRectF(3, 3, 12, 12), "close", "text" if over else "text3")

    def enterEvent(self, event: QEnterEvent) -> None:
        """Show the cross."""
        self.update()

    def leaveEvent(self, event: QEvent) -> None:
        """Show the dot again."""
        self.update()


class TabStrip(QTabBar):
    """One tab per open tensor.

    Signals
    -------
    closed
        The number of a tab whose close button was pressed.
    kept
        The number of a tab that was double-clicked: it stays when another tensor is looked at.
    """

    closed = Signal(int)
    kept = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedHeight(HEIGHT)
        self.setExpanding(False)
        self.setUsesScrollButtons(True)
        self.setElideMode(Qt.TextElideMode.ElideNone)
        self.setMovable(False)
        self.setDrawBase(False)
        self.setIconSize(QSize(14, 14))
        self.setAccessibleName("Open tensors")
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)

    def add(self, name: str, modified: bool, icon_name: str = "grid") -> int:
        """Add a tab and return its number."""
        place = self.addTab(icon(icon_name, 14), "")
        end = _TabEnd()
        end.clicked.connect(lambda: self._close(end))
        self.setTabButton(place, QTabBar.ButtonPosition.RightSide, end)
        self.show_tab(place, name, modified)
        return place

    def _close(self, end: _TabEnd) -> None:
        for place in range(self.count()):
            if self.tabButton(place, QTabBar.ButtonPosition.RightSide) is end:
                self.closed.emit(place)
                return

    def show_tab(self, place: int, name: str, modified: bool, title: str = "") -> None:
        """Show a tab's name, cut at the front where it is long, its mark, and its document where that must be said."""
        name = called(name)
        short = f"{shortened(name)} · {shortened(title)}" if title else shortened(name)
        self.setTabText(place, plain(short))
        self.setTabToolTip(place, tip(f"{name}\n{title}" if title else name))
        end = self.tabButton(place, QTabBar.ButtonPosition.RightSide)
        if isinstance(end, _TabEnd):
            end.is_modified = modified
            end.update()

    def is_marked(self, place: int) -> bool:
        """Whether a tab has the modified mark."""
        end = self.tabButton(place, QTabBar.ButtonPosition.RightSide)
        return isinstance(end, _TabEnd) and end.is_modified

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Keep the tab."""
        place = self.tabAt(event.position().toPoint())
        if place >= 0:
            self.kept.emit(place)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Close with the middle button."""
        place = self.tabAt(event.position().toPoint())
        if event.button() == Qt.MouseButton.MiddleButton and place >= 0:
            self.closed.emit(place)
            return
        super().mousePressEvent(event)
