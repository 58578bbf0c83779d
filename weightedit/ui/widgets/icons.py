"""Our thin-stroke icons, drawn in token colours at the size and pixel ratio they are shown in."""

from __future__ import annotations

import math
from functools import cache

from PySide6.QtCore import QByteArray, QRect, QRectF, QSize
from PySide6.QtGui import QColor, QIcon, QIconEngine, QPainter, QPixmap, QPixmapCache
from PySide6.QtSvg import QSvgRenderer

from weightedit.resources import resource
from weightedit.ui.theme import theme

CLEAR = QColor(0, 0, 0, 0)


@cache
def _drawing(name: str) -> str:
    return resource("icons", f"{name}.svg").read_text(encoding="utf-8")


@cache
def _renderer(name: str, color: str) -> QSvgRenderer:
    return QSvgRenderer(QByteArray(_drawing(name).replace("currentColor", color).encode()))


def paint_icon(painter: QPainter, rect: QRect | QRectF, name: str, token: str = "text2") -> None:
    """Draw an icon into `rect` in a token's colour, from a picture that is kept: rows have two or three each."""
    place, color, ratio = QRectF(rect), theme.color(token).name(), painter.device().devicePixelRatioF()
    if ratio != int(ratio):  # no picture would fall on whole pixels
        _render(painter, place, name, color)
        return
    left, top = math.floor(place.x()), math.floor(place.y())
    place.translate(-left, -top)
    key = f"weightedit/{name}/{color}/{ratio:g}/{place.x():g},{place.y():g},{place.width():g}x{place.height():g}"
    pixmap = QPixmap()
    if not QPixmapCache.find(key, pixmap):
        pixmap = _drawn(name, color, place, ratio)
        QPixmapCache.insert(key, pixmap)
    painter.drawPixmap(left, top, pixmap)


def _render(painter: QPainter, place: QRectF, name: str, color: str) -> None:
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    _renderer(name, color).render(painter, place)
    painter.restore()


def _drawn(name: str, color: str, place: QRectF, ratio: float) -> QPixmap:
    """Draw an icon somewhere into a pixmap that just holds it."""
    pixmap = QPixmap(math.ceil(place.right() * ratio), math.ceil(place.bottom() * ratio))
    pixmap.setDevicePixelRatio(ratio)
    pixmap.fill(CLEAR)
    painter = QPainter(pixmap)
    _render(painter, place, name, color)
    painter.end()
    return pixmap


def icon_pixmap(name: str, size: int = 16, token: str = "text2", ratio: float = 1.0) -> QPixmap:
    """Return an icon as a pixmap of `size` logical pixels."""
    pixmap = _pixmap(name, QSize(round(size * ratio), round(size * ratio)), theme.color(token).name())
    pixmap.setDevicePixelRatio(ratio)
    return pixmap


def _pixmap(name: str, size: QSize, color: str) -> QPixmap:
    key = f"weightedit/{name}/{color}/{size.width()}x{size.height()}"
    pixmap = QPixmap()
    if QPixmapCache.find(key, pixmap):
        return QPixmap(pixmap)
    pixmap = QPixmap(size)
    pixmap.fill(CLEAR)
    painter = QPainter(pixmap)
    side = min(size.width(), size.height())
    place = QRectF((size.width() - side) / 2, (size.height() - side) / 2, side, side)
    _render(painter, place, name, color)
    painter.end()
    QPixmapCache.insert(key, pixmap)
    return QPixmap(pixmap)


class _Engine(QIconEngine):
    """Draws one SVG in the colour its state asks for, so an icon follows the theme by itself."""

    def __init__(self, name: str, size: int, token: str) -> None:
        super().__init__()
        self._name = name
        self._size = size
        self._token = token

    def _color(self, mode: QIcon.Mode, state: QIcon.State) -> str:
        if mode == QIcon.Mode.Disabled:
            return theme.color("textoff").name()
        if state == QIcon.State.On:
            return theme.color("accent").name()
        if mode == QIcon.Mode.Active and self._token == "text2":
            return theme.color("text").name()
        return theme.color(self._token).name()

    def paint(self, painter: QPainter, rect: QRect, mode: QIcon.Mode, state: QIcon.State) -> None:
        _render(painter, QRectF(rect), self._name, self._color(mode, state))

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        return _pixmap(self._name, size, self._color(mode, state))

    def clone(self) -> QIconEngine:
        return _Engine(self._name, self._size, self._token)

    def availableSizes(self, mode: QIcon.Mode = QIcon.Mode.Normal, state: QIcon.State = QIcon.State.Off) -> list[QSize]:
        return [QSize(self._size, self._size)]


def icon(name: str, size: int = 16, token: str = "text2") -> QIcon:
    """Return an icon: `text2` at rest, `text` under the pointer, `accent` when on, `textoff` when disabled.

    Parameters
    ----------
    name
        Of a drawing in `resources/icons`, without `.svg`.
    size
        Logical pixels it asks for; it is drawn crisp at whatever size it is given.
    token
        Colour at rest where it is not `text2`.
    """
    return QIcon(_Engine(name, size, token))


def logo(size: int = 18, ratio: float = 1.0) -> QPixmap:
    """Return the nine-cell mark as a pixmap of `size` logical pixels."""
    drawing = resource(f"logo-{theme.name}.svg").read_bytes()
    pixmap = QPixmap(round(size * ratio), round(size * ratio))
    pixmap.fill(CLEAR)
    painter = QPainter(pixmap)
    QSvgRenderer(QByteArray(drawing)).render(painter)
    painter.end()
    pixmap.setDevicePixelRatio(ratio)
    return pixmap


def app_icon() -> QIcon:
    """Return the mark as the icon of windows and the task bar."""
    made = QIcon()
    for size in (16, 24, 32, 48, 64, 128, 256):
        made.addPixmap(logo(size))
    return made
