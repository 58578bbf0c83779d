"""The theme in use: token colours, palette, fonts and the one style sheet, dark or light."""

from __future__ import annotations

from functools import lru_cache
from string import Template

from PySide6.QtCore import QDir, QObject, Signal
from PySide6.QtGui import QColor, QFont, QFontDatabase, QPalette
from PySide6.QtWidgets import QApplication, QWidget
from shiboken6 import isValid

from weightedit.resources import resource
from weightedit.ui.tokens import GROUP_BORDER, GROUP_FILL, GROUPS, MONO_FONTS, TOKENS, UI_FONTS


def mix(front: QColor, back: QColor, amount: float) -> QColor:
    """Return `amount` of `front` over the rest of `back`, opaque."""
    pairs = ((front.red(), back.red()), (front.green(), back.green()), (front.blue(), back.blue()))
    return QColor(*(round(a * amount + b * (1 - amount)) for a, b in pairs))


class Theme(QObject):
    """Which theme is on; everything that paints asks it and repaints on `changed`."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._name = "dark"
        self._colors = {name: {key: QColor(value) for key, value in TOKENS[name].items()} for name in TOKENS}
        self._dressed: list[QWidget] = []

    @property
    def name(self) -> str:
        """`dark` or `light`."""
        return self._name

    def color(self, token: str) -> QColor:
        """Return a token's colour in the theme that is on; KeyError if there is no such token."""
        return self._colors[self._name][token].toRgb()  # a copy; the constructor would need the namespace `Qt`

    def group_color(self, label: str) -> QColor:
        """Return the colour of a storage group by its label, `S1` and so on."""
        colors = GROUPS[self._name]
        number = int(label[1:]) if label[1:].isdecimal() else 1
        return QColor(colors[(number - 1) % len(colors)])

    def group_fill(self, label: str) -> QColor:
        """Return the fill of a storage group's chip over a panel."""
        return mix(self.group_color(label), self.color("panel"), GROUP_FILL[self._name])

    def group_border(self, label: str) -> QColor:
        """Return the border of a storage group's chip over a panel."""
        return mix(self.group_color(label), self.color("panel"), GROUP_BORDER)

    def switch(self, name: str) -> None:
        """Turn a theme on: palette, style sheet, then `changed`."""
        if name not in TOKENS:
            raise KeyError(name)
        self._name = name
        self.apply()
        self.changed.emit()

    def apply(self) -> None:
        """Give the application palette and font, and every window the style sheet, of the theme that is on."""
        app = QApplication.instance()
        if isinstance(app, QApplication):
            _installed.cache_clear()
            QDir.setSearchPaths("style", [str(resource("icons", "style"))])
            app.setPalette(palette(self))
            app.setFont(ui_font())
            if app.styleSheet():  # of a program around ours, whose look comes back afterwards
                app.setStyleSheet("")
            self._dressed = [window for window in self._dressed if isValid(window)]
            for window in self._dressed:
                window.setStyleSheet(style_sheet(self))

    def dress(self, window: QWidget) -> None:
        """Give a window the style sheet, in every theme from now on, once all that it begins with is in it.

        The application itself has none: by one of its own, Qt styles a part and all in it anew each time the part is
        put into another, which took nine tenths of the time in which a window or a page of it was made.
        """
        self._dressed.append(window)
        window.setStyleSheet(style_sheet(self))


def system_theme() -> str:
    """Return the theme the system asks for; dark where it does not say."""
    from PySide6.QtCore import Qt  # takes as long as the rest of this module, and is not asked for before each paint

    app = QApplication.instance()
    if isinstance(app, QApplication) and app.styleHints().colorScheme() == Qt.ColorScheme.Light:
        return "light"
    return "dark"


def palette(theme: Theme) -> QPalette:
    """Make the palette of a theme, every role in every group."""
    roles = QPalette.ColorRole
    every = {
        roles.WindowText: "text", roles.Button: "raised", roles.Light: "hover", roles.Midlight: "raised",
        roles.Dark: "line2", roles.Mid: "line", roles.Text: "text", roles.BrightText: "bad",
        roles.ButtonText: "text", roles.Base: "panel", roles.Window: "panel", roles.Shadow: "window",
        roles.Highlight: "accentbg", roles.HighlightedText: "text", roles.Link: "accent", roles.LinkVisited: "accent",
        roles.AlternateBase: "panel", roles.ToolTipBase: "raised", roles.ToolTipText: "text",
        roles.PlaceholderText: "text3", roles.Accent: "accent",
    }  # fmt: skip
    off = {
        roles.WindowText: "textoff", roles.Text: "textoff", roles.ButtonText: "textoff", roles.Button: "panel",
        roles.HighlightedText: "textoff", roles.PlaceholderText: "textoff", roles.Highlight: "active",
        roles.Link: "textoff", roles.LinkVisited: "textoff", roles.Accent: "line2",
    }  # fmt: skip
    made = QPalette()
    for role, token in every.items():
        for group in (QPalette.ColorGroup.Active, QPalette.ColorGroup.Inactive):
            made.setColor(group, role, theme.color(token))
        made.setColor(QPalette.ColorGroup.Disabled, role, theme.color(off.get(role, token)))
    return made


def style_sheet(theme: Theme) -> str:
    """Fill the style sheet's template with the theme's colours."""
    template = Template(resource("style.qss").read_text(encoding="utf-8"))
    return template.substitute(TOKENS[theme.name], theme=theme.name, mono=f'"{mono_font().families()[0]}"')


def ui_font(size: int = 12, weight: QFont.Weight = QFont.Weight.Normal) -> QFont:
    """Return the font of text and numbers, `size` in pixels, with figures of one width."""
    return _font(UI_FONTS, size, weight)


def mono_font(size: int = 12, weight: QFont.Weight = QFont.Weight.Normal) -> QFont:
    """Return the font of what can be pasted back: regions, cell values, bits, code."""
    return _font(MONO_FONTS, size, weight)


@lru_cache(maxsize=8)
def _installed(families: tuple[str, ...]) -> tuple[str, ...]:
    """Return those of some fonts that are here: looked up once, since headers and rows ask while they are painted."""
    return tuple(family for family in families if QFontDatabase.hasFamily(family))


def _font(families: tuple[str, ...], size: int, weight: QFont.Weight) -> QFont:
    installed = _installed(families)
    font = QFont()
    # Qt looks each missing family up again at every use, so only those that are here are asked for.
    font.setFamilies(installed or [families[-1]])
    font.setPixelSize(size)
    font.setWeight(weight)
    font.setFeature(QFont.Tag("tnum"), 1)
    return font


theme = Theme()
"""The theme of this process: there is one application, and it has one look."""
