"""The first frame: bars and rail of the window, drawn where they will stand, before what makes them is imported.

It lies over the window until everything stands beneath it, so that nothing jumps, and keeps what is pressed meanwhile.
Shapes are one SVG and words take the colour of their widget's palette, for the first pen, brush or alignment has PySide
make every enum of the namespace `Qt`, which takes a tenth of the time to the first paint.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from PySide6.QtCore import QByteArray, QEvent, QObject, QPointF, QRect, QRectF, Signal
from PySide6.QtGui import (
    QDropEvent,
    QFont,
    QFontMetrics,
    QFontMetricsF,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPalette,
    QResizeEvent,
)
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QWidget

from weightedit.ui.shell.menu_titles import MENUS, key_text, lettered
from weightedit.ui.theme import theme, ui_font
from weightedit.ui.widgets.icons import logo, paint_icon

if TYPE_CHECKING:
    from weightedit.ui.shell.early_presses import Early

TOP, RAIL, STATUS = 44, 46, 25
"""Height of the top bar, width of the rail, height of the status bar."""
MARK, MARK_AT = 19, 13
MENUS_AT, MENU_PADDING, MENU_HEIGHT = 39, 9, 24
SEARCH_SAYS, SEARCH_KEYS = "Search tensors and actions", "Ctrl+Shift+P"
SEARCH_WIDTH, SEARCH_HEIGHT, SEARCH_LEAST = 360, 28, 150
NO_FILE = "No file open"
_ICON, _ICON_AT, _ROOM, _MARGIN, _GAP = 18, 14, 36, 8, 4
"""An icon of the rail, and where it stands; the button around it, and the room between and beyond buttons."""


def search_place(left: int, right: int, whole: int, height: int) -> QRect:
    """Return where the search field stands: in the middle of a bar `whole` wide, or between `left` and `right`."""
    width = max(min(SEARCH_WIDTH, right - left), SEARCH_LEAST)
    x = min(max((whole - width) // 2, left), right - width)
    return QRect(x, (height - SEARCH_HEIGHT) // 2, width, SEARCH_HEIGHT)


def parted(title: str) -> tuple[str, str, str]:
    """Return what stands before the letter that picks a menu, the letter, and the rest: Qt draws them one by one."""
    before, _, after = title.partition("&")
    return before, after[:1], after[1:]


def _wide(parts: list[tuple[str, float]]) -> int:
    """Return how wide the title of a menu is, with the room around it."""
    return math.ceil(sum(width for _, width in parts)) + 2 * MENU_PADDING


def _baseline(y: int, height: int, metrics: QFontMetrics) -> int:
    """Return where a line of text stands that is in the middle of a height."""
    return y + (height - metrics.height()) // 2 + metrics.ascent()


class _Words(QWidget):
    """A line of text in the colour of a token, in the middle of its height.

    Parameters
    ----------
    frame
        Where it stands.
    text, font
        What it shows.
    token
        Its colour.
    """

    def __init__(self, frame: QWidget, text: str, font: QFont, token: str) -> None:
        super().__init__(frame)
        self._text, self._token = text, token
        self.setFont(font)
        self.wide = math.ceil(QFontMetricsF(font).horizontalAdvance(text))
        self._color()
        theme.changed.connect(self._color)

    def _color(self) -> None:
        colored = QPalette()
        colored.setColor(QPalette.ColorRole.WindowText, theme.color(self._token))
        self.setPalette(colored)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the text."""
        painter = QPainter(self)
        painter.drawText(QPointF(0, _baseline(0, self.height(), self.fontMetrics())), self._text)


class FirstFrame(QWidget):
    """What a window shows while its parts are not there.

    Parameters
    ----------
    window
        The window it covers.

    Attributes
    ----------
    early
        What came meanwhile: key presses, as events of our own, places of the clicks on what is drawn, and addresses of
        files that were dropped.

    Signals
    -------
    painted
        It was painted for the first time.
    """

    painted = Signal()

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self.early: list[Early] = []
        self._was_painted = False
        self.setAutoFillBackground(True)
        self._says = _Words(self, SEARCH_SAYS, ui_font(), "text2")
        self._keys = _Words(self, key_text(SEARCH_KEYS), ui_font(10, QFont.Weight.DemiBold), "text2")
        self._state = _Words(self, NO_FILE, ui_font(11), "text")
        metrics = QFontMetricsF(ui_font())
        # the system of a Mac has the menus in a bar of its own
        titles = () if sys.platform == "darwin" else lettered(MENUS)
        self._menus = [[(part, metrics.horizontalAdvance(part)) for part in parted(title)] for title in titles]
        window.setAcceptDrops(True)
        window.installEventFilter(self)

    def stay_first(self) -> None:
        """Stay above what was put into the window meanwhile, and before what takes its events."""
        self.raise_()
        self.window().installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Cover all of the window, and take its keys and drops before what is half made there."""
        kind = event.type()
        if kind == QEvent.Type.Resize:
            self.setGeometry(self.window().rect())
        elif kind == QEvent.Type.ShortcutOverride:
            event.accept()
            return True
        elif isinstance(event, QKeyEvent):
            if kind == QEvent.Type.KeyPress:
                self._keep(event)
            return True
        elif isinstance(event, QDropEvent):  # which a drag over the window is too
            self._take(event)
            return True
        return False

    # ---- what it shows

    @property
    def _indent(self) -> int:
        """What a label with a border leaves beside its text, as wide as an `x`."""
        return self._keys.fontMetrics().horizontalAdvance("x")

    @property
    def _titles_at(self) -> int:
        return _baseline((TOP - MENU_HEIGHT) // 2, MENU_HEIGHT, self.fontMetrics())

    @property
    def _search(self) -> QRect:
        left = MENUS_AT + sum(_wide(parts) for parts in self._menus) + 12
        return search_place(left, self.width() - 12, self.width(), TOP)

    @property
    def _key(self) -> QRect:
        wide = self._keys.wide + 12 + self._indent
        return QRect(self._search.right() - 8 - wide, self._search.y() + 7, wide, 14)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Put the words where they stand."""
        found, key = self._search, self._key
        self._keys.setVisible(found.width() > 300)
        self._keys.setGeometry(key.adjusted(6 + self._indent // 2, 0, 0, 0))
        self._says.setGeometry(found.adjusted(30, 0, -9, 0))
        self._state.setGeometry(QRect(28, self.height() - STATUS, 400, STATUS))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the bars and the rail."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        QSvgRenderer(QByteArray(self._shapes().encode())).render(painter, QRectF(self.rect()))
        painter.drawPixmap(MARK_AT, (TOP - MARK) // 2, logo(MARK, self.devicePixelRatioF()))
        for part, x, _, _ in self._placed():
            painter.drawText(QPointF(x, self._titles_at), part)
        paint_icon(painter, QRect(self._search.x() + 9, self._search.y() + 7, 14, 14), "search", "text2")
        bottom = self.height() - STATUS - 1 - _MARGIN
        inset = (_ROOM - _ICON) // 2
        top, step = TOP + 1 + _MARGIN, _ROOM + _GAP
        places = {"grid": top, "doctor": top + step, "settings": bottom - _ROOM, "help": bottom - _ROOM - step}
        for name, y in places.items():
            paint_icon(painter, QRect(_ICON_AT, y + inset, _ICON, _ICON), name)
        painter.end()
        if not self._was_painted:
            self._was_painted = True
            self.painted.emit()

    def _shapes(self) -> str:
        def box(place: QRect, radius: float, fill: str, edge: str = "") -> str:
            half = 0.5 if edge else 0.0  # the middle of an edge of one pixel
            return (f'<rect x="{place.x() + half}" y="{place.y() + half}" width="{place.width() - 2 * half}" '
                    f'height="{place.height() - 2 * half}" rx="{max(radius - half, 0)}" '
                    f'fill="{theme.color(fill).name()}" stroke="{theme.color(edge).name() if edge else "none"}"/>')

        width, height = self.width(), self.height()
        drawn = [box(QRect(0, TOP, width, 1), 0, "line"),
                 box(QRect(RAIL, TOP + 1, 1, height - TOP - STATUS - 2), 0, "line"),
                 box(QRect(0, height - STATUS - 1, width, 1), 0, "line"),
                 box(self._search, 5, "raised", "line2"), box(QRect(13, height - STATUS + 9, 6, 6), 3, "text3")]
        if not self._keys.isHidden():
            drawn.append(box(self._key, 4, "raised", "line2"))
        metrics = self.fontMetrics()
        y = self._titles_at + metrics.underlinePos() + 1
        drawn += [box(QRect(round(x), y, round(width), metrics.lineWidth()), 0, "text")
                  for _, x, width, has_line in self._placed() if has_line]  # fmt: skip
        return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">{"".join(drawn)}</svg>'

    def _placed(self) -> Iterator[tuple[str, float, float, bool]]:
        """Yield the parts of titles of menus, where they stand, how wide, and whether a line is under them."""
        left = MENUS_AT
        for parts in self._menus:
            x = float(left + MENU_PADDING)
            for number, (part, width) in enumerate(parts):
                yield part, x, width, number == 1
                x += width
            left += _wide(parts)

    # ---- what is pressed meanwhile

    def _keep(self, event: QKeyEvent) -> None:
        """Keep a key; to quit needs nothing that is not there."""
        if event.matches(QKeySequence.StandardKey.Quit):
            self.window().close()
        else:
            self.early.append(QKeyEvent(event.type(), event.key(), event.modifiers(), event.text()))

    def _take(self, event: QDropEvent) -> None:
        """Keep what is dropped, and copy it whatever is proposed: nobody's file goes."""
        from PySide6.QtCore import Qt  # which makes every enum of its namespace

        if not any(url.isLocalFile() for url in event.mimeData().urls()):
            event.ignore()
            return
        event.setDropAction(Qt.DropAction.CopyAction)
        event.accept()
        if event.type() == QEvent.Type.Drop:
            self.early.append(event.mimeData().urls())

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Keep a click on what is drawn: nobody clicked on what will stand in the middle."""
        place = event.position()
        if event.button().name == "LeftButton" and (place.y() < TOP or place.x() < RAIL):
            self.early.append(place)
