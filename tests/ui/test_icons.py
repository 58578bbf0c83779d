"""Icons that are painted from a kept picture look as they do when they are drawn in their place."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QByteArray, QRectF
from PySide6.QtGui import QColor, QImage, QPainter
from PySide6.QtSvg import QSvgRenderer

from weightedit.resources import resource
from weightedit.ui.theme import theme
from weightedit.ui.widgets.icons import paint_icon


def canvas(ratio: float) -> QImage:
    image = QImage(round(40 * ratio), round(40 * ratio), QImage.Format.Format_ARGB32_Premultiplied)
    image.setDevicePixelRatio(ratio)
    image.fill(QColor("#203040"))
    return image


def drawn(place: QRectF, name: str, token: str, ratio: float) -> QImage:
    """Draw the file itself, without anything of ours."""
    image, text = canvas(ratio), resource("icons", f"{name}.svg").read_text(encoding="utf-8")
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    colored = text.replace("currentColor", theme.color(token).name())
    QSvgRenderer(QByteArray(colored.encode())).render(painter, place)
    painter.end()
    return image


def painted(place: QRectF, name: str, token: str, ratio: float) -> QImage:
    image = canvas(ratio)
    painter = QPainter(image)
    paint_icon(painter, place, name, token)
    painter.end()
    return image


def furthest(first: QImage, second: QImage) -> int:
    """Return by how much of 255 the worst channel of two pictures differs."""
    assert first.size() == second.size()
    assert first.sizeInBytes() == second.sizeInBytes()
    return max(abs(a - b) for a, b in zip(bytes(first.constBits()), bytes(second.constBits()), strict=True))


@pytest.mark.parametrize("ratio", [1.0, 1.25, 2.0])
@pytest.mark.parametrize("place", [QRectF(4, 5, 16, 16), QRectF(7, 3.5, 18, 18), QRectF(9.5, 2.5, 12, 12)])
@pytest.mark.parametrize(("name", "token"), [("tensor", "text3"), ("chevron-down", "accent")])
def test_an_icon_looks_as_it_is_drawn(qapp, name, token, place, ratio):
    """Also between two pixels, on screens with more of them, and the second time, from the cache."""
    wanted = drawn(place, name, token, ratio)
    assert furthest(wanted, canvas(ratio)) > 60, "something is seen at all"
    for _ in range(2):
        assert furthest(painted(place, name, token, ratio), wanted) <= 2


def test_another_theme_has_its_own(qapp):
    theme.switch("dark")
    dark = painted(QRectF(4, 4, 16, 16), "tensor", "text2", 1.0)
    theme.switch("light")
    assert furthest(painted(QRectF(4, 4, 16, 16), "tensor", "text2", 1.0), dark) > 60
