"""Tokens, palette, style sheet and icons, dark and light."""

from __future__ import annotations

import re

import pytest
from PySide6.QtCore import QSize
from PySide6.QtGui import QIcon, QImage, QPalette
from PySide6.QtWidgets import QApplication, QPushButton, QWidget

from weightedit.resources import resource
from weightedit.ui.settings import Settings
from weightedit.ui.theme import mono_font, palette, style_sheet, theme, ui_font
from weightedit.ui.tokens import GROUPS, TOKENS
from weightedit.ui.widgets.icons import icon, icon_pixmap, logo

ICONS = sorted(path.stem for path in resource("icons").glob("*.svg"))


def luminance(color: str) -> float:
    """Relative luminance as WCAG 2 defines it."""
    parts = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def ink(image: QImage) -> set[str]:
    """The colours of an image's opaque pixels."""
    return {
        image.pixelColor(x, y).name()
        for x in range(image.width())
        for y in range(image.height())
        if image.pixelColor(x, y).alpha() == 255
    }


def near(one: str, other: str) -> bool:
    """Whether two colours differ by no more than rounding does."""
    return all(abs(int(one[place : place + 2], 16) - int(other[place : place + 2], 16)) <= 2 for place in (1, 3, 5))


def test_both_themes_have_the_same_tokens():
    assert TOKENS["dark"].keys() == TOKENS["light"].keys()
    assert len(GROUPS["dark"]) == len(GROUPS["light"]) == 6


@pytest.mark.parametrize("name", ["dark", "light"])
def test_text_can_be_read_on_every_surface(name):
    colors = TOKENS[name]
    for surface in ("window", "panel", "raised", "hover"):
        for token, least in (("text", 6.0), ("text2", 6.0), ("text3", 4.2), ("accent", 4.2)):
            assert contrast(colors[token], colors[surface]) >= least, (token, surface)
    for level in ("info", "warn", "bad", "ok"):
        assert contrast(colors[level], colors[f"{level}bg"]) >= 4.6, level


@pytest.mark.parametrize("name", ["dark", "light"])
def test_the_palette_sets_every_role_in_every_group(name):
    theme.switch(name)
    made = palette(theme)
    none = (QPalette.ColorRole.NoRole, QPalette.ColorRole.NColorRoles)
    roles = [role for role in QPalette.ColorRole if role not in none]
    for group in (QPalette.ColorGroup.Active, QPalette.ColorGroup.Inactive, QPalette.ColorGroup.Disabled):
        assert all(made.isBrushSet(group, role) for role in roles)


@pytest.mark.parametrize("name", ["dark", "light"])
def test_the_style_sheet_holds_token_colours_and_pictures_that_are_there(name):
    theme.switch(name)
    text = style_sheet(theme)
    assert "${" not in text
    assert {color.upper() for color in re.findall(r"#[0-9A-Fa-f]{6}\b", text)} <= set(TOKENS[name].values())
    for picture in re.findall(r'url\("style:([^"]+)"\)', text):
        assert resource("icons", "style", picture).is_file()


def test_switching_reaches_widgets_and_is_told(qtbot):
    app = QApplication.instance()
    window = QWidget()
    qtbot.addWidget(window)
    theme.dress(window)
    assert TOKENS["dark"]["accent"] in window.styleSheet()
    with qtbot.waitSignal(theme.changed):
        theme.switch("light")
    assert app.palette().color(QPalette.ColorRole.Window).name().upper() == TOKENS["light"]["panel"]
    assert TOKENS["light"]["accent"] in window.styleSheet()
    assert theme.name == "light"


@pytest.mark.parametrize("kind", ["", "primary", "warning", "quiet"])
def test_a_button_that_is_off_is_seen_to_be(qtbot, kind):
    """Patch in place looked as if it could be pressed where the patch was refused."""
    button = QPushButton("Patch")
    qtbot.addWidget(button)
    button.setProperty("kind", kind)
    for chosen in ("dark", "light"):
        theme.switch(chosen)
        button.setStyleSheet(style_sheet(theme))
        button.setEnabled(True)
        on = ink(button.grab().toImage())
        button.setEnabled(False)
        assert ink(button.grab().toImage()) != on


@pytest.mark.parametrize("name", ICONS)
def test_an_icon_is_drawn_in_one_colour_and_follows_theme_and_state(name):
    for chosen in ("dark", "light"):
        theme.switch(chosen)
        made = icon(name)
        states = {
            "text2": made.pixmap(QSize(64, 64)),
            "textoff": made.pixmap(QSize(64, 64), QIcon.Mode.Disabled),
            "accent": made.pixmap(QSize(64, 64), QIcon.Mode.Normal, QIcon.State.On),
        }
        for token, pixmap in states.items():
            found = ink(pixmap.toImage())
            assert found, token
            assert all(near(color, TOKENS[chosen][token]) for color in found), token


def test_icons_are_crisp_at_the_pixel_ratio():
    pixmap = icon_pixmap("grid", 16, "accent", ratio=2.0)
    assert (pixmap.width(), pixmap.devicePixelRatio()) == (32, 2.0)
    assert icon("grid").pixmap(QSize(16, 16), 2.0).width() == 32
    assert logo(18, 2.0).width() == 36


def test_fonts_have_their_sizes_and_tabular_figures():
    assert ui_font(11).pixelSize() == 11
    assert mono_font(12).pixelSize() == 12
    assert ui_font(12).featureTags()


def test_settings_come_back_from_their_file(tmp_path):
    first = Settings(tmp_path / "one.ini")
    first.set("theme", "light")
    first.set("window/tree", 333)
    first.set("window/tree-shown", False)
    again = Settings(tmp_path / "one.ini")
    assert again.text("theme") == "light"
    assert again.number("window/tree", 400) == 333
    assert again.flag("window/tree-shown", True) is False
    first.set("theme", None)
    assert first.text("theme", "dark") == "dark"
    assert Settings().text("theme", "none") == "none"


def test_odd_settings_fall_back(tmp_path):
    odd = Settings(tmp_path / "odd.ini")
    odd.set("window/tree", "wide")
    assert odd.number("window/tree", 400) == 400
    assert odd.data("window/tree") is None
