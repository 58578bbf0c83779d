"""The line above a tensor: its path, what it is, and the switch between views."""

from __future__ import annotations

from PySide6.QtCore import QRect, QSize, Qt, Signal
from PySide6.QtGui import QFont, QFontMetrics, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QButtonGroup, QFrame, QHBoxLayout, QMenu, QSizePolicy, QToolButton, QWidget

from weightedit.core.described.contents import key_text
from weightedit.core.spec import TensorSpec
from weightedit.core.words.labels import called
from weightedit.core.words.numbers import shape_text
from weightedit.core.words.visible import LONGEST, visible
from weightedit.ui.theme import theme, ui_font
from weightedit.ui.widgets.icons import icon
from weightedit.ui.widgets.pieces import icon_button, label
from weightedit.ui.widgets.plain import aloud, tip

HEIGHT = 40
TITLES = {"heatmap": "Heatmap", "values": "Values", "histogram": "Histogram", "profiles": "Rows and columns",
          "spectrum": "Singular values"}  # fmt: skip
"""Each view of a tensor and what the switch calls it."""
ICONS = {"heatmap": "grid", "values": "table", "histogram": "histogram", "profiles": "profiles", "spectrum": "spectrum"}
"""The icon of each view, where there is no room for its name."""
SIDES = ("Before", "After", "Loss map")
"""What the heatmap shows while a cast is previewed."""


class PathLabel(QWidget):
    """A dotted name: the path dimmed, the last two parts bold; what does not fit is cut at the front."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.parts: tuple[str, ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
        self.setMinimumWidth(60)
        theme.changed.connect(self.update)

    def show_name(self, name: str, path: tuple[object, ...]) -> None:
        """Show a tensor's name."""
        shown = called(name)
        if len(name) > LONGEST:
            self.parts = tuple(shown.split("."))
        else:
            keys = (key if isinstance(key, str) else key_text(key) for key in path)
            self.parts = tuple(visible(part) for key in keys for part in key.split(".")) or (shown,)
        self.setToolTip(tip(called(name)))
        self.setAccessibleName(aloud(called(name)))
        self.updateGeometry()
        self.update()

    def _words(self) -> list[tuple[str, bool]]:
        bold_from = len(self.parts) - 2
        words: list[tuple[str, bool]] = []
        for number, part in enumerate(self.parts):
            if number:
                words.append((" . ", False))
            words.append((part, number >= bold_from))
        return words

    def _fonts(self) -> tuple[QFont, QFont]:
        return ui_font(12), ui_font(12, QFont.Weight.DemiBold)

    def sizeHint(self) -> QSize:
        """As wide as the whole name."""
        plain, bold = (QFontMetrics(font) for font in self._fonts())
        width = sum((bold if strong else plain).horizontalAdvance(word) for word, strong in self._words())
        return QSize(width + 2, 20)

    def _seen(self) -> list[tuple[str, QFont, str]]:
        """Return the words that fit, with font and token: whole parts from the end, after … where some are left out."""
        plain, bold = self._fonts()
        words = [(word, bold if strong else plain, "text" if strong else "text3") for word, strong in self._words()]
        if self.sizeHint().width() <= self.width():
            return words
        room = self.width() - QFontMetrics(plain).horizontalAdvance("…")
        seen: list[tuple[str, QFont, str]] = []
        for word, font, token in reversed(words):
            room -= QFontMetrics(font).horizontalAdvance(word)
            if room < 0 and seen:
                break
            seen.insert(0, (word, font, token))
        return [("…", plain, "text3"), *seen]

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the name, the end of it for certain."""
        painter = QPainter(self)
        x = 0
        for word, font, token in self._seen():
            width = QFontMetrics(font).horizontalAdvance(word)
            painter.setFont(font)
            painter.setPen(theme.color(token))
            painter.drawText(QRect(x, 0, width + 2, self.height()), Qt.AlignmentFlag.AlignVCenter, word)
            x += width


class StorageChip(QWidget):
    """The 24 × 15 chip of a storage group."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.group = ""
        self.setFixedSize(24, 15)
        self.hide()
        theme.changed.connect(self.update)

    def show_group(self, group: str | None) -> None:
        """Show a group's label; a tensor alone in its storage has no chip."""
        self.group = group or ""
        self.setVisible(bool(group))
        self.setToolTip(tip(f"Storage {group} is shared" if group else ""))
        self.setFixedWidth(max(24, 10 + 7 * len(self.group)))
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the chip."""
        if not self.group:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(theme.group_border(self.group))
        painter.setBrush(theme.group_fill(self.group))
        painter.drawRoundedRect(self.rect().adjusted(0, 0, -1, -1), 4, 4)
        painter.setPen(theme.group_color(self.group))
        painter.setFont(ui_font(10, QFont.Weight.DemiBold))
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self.group)


PADDING = 30
"""Of the name of a view in the switch: names of several words must not read as one."""


class Segments(QFrame):
    """A row of choices of which one is on.

    Signals
    -------
    chosen
        The name of the one that was turned on.
    """

    chosen = Signal(str)

    def __init__(self, names: tuple[str, ...], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("kind", "segments")
        self.setFixedHeight(28)
        self._group = QButtonGroup(self)
        row = QHBoxLayout(self)
        row.setContentsMargins(2, 2, 2, 2)
        row.setSpacing(0)
        self.buttons: dict[str, QToolButton] = {}
        for name in names:
            button = QToolButton()
            button.setText(name)
            button.setCheckable(True)
            self._group.addButton(button)
            self.buttons[name] = button
            row.addWidget(button)
            button.clicked.connect(lambda _=False, name=name: self.chosen.emit(name))
        self.buttons[names[0]].setChecked(True)

    @property
    def current(self) -> str:
        """The one that is on."""
        return next(name for name, button in self.buttons.items() if button.isChecked())

    def choose(self, name: str) -> None:
        """Turn one on without saying so."""
        self.buttons[name].setChecked(True)


class ViewSwitch(Segments):
    """The choice between views; where there is little room, icons, and the name of the one that is on.

    Signals
    -------
    turned
        Another one is on, by whatever way.
    """

    turned = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(tuple(TITLES.values()), parent)
        self._is_compact = False
        for number, (name, title) in enumerate(TITLES.items(), start=1):
            button = self.buttons[title]
            button.setIcon(icon(ICONS[name], 14))
            button.setIconSize(QSize(14, 14))
            button.setAccessibleName(aloud(title))
            button.setToolTip(tip(f"{title}  Ctrl+{number}"))
            button.toggled.connect(self._restyle)
        self._restyle()

    @property
    def full_width(self) -> int:
        """How wide all names are together."""
        return sum(self.fontMetrics().horizontalAdvance(title) + PADDING + 2 for title in self.buttons) + 12

    def set_compact(self, on: bool) -> None:
        """Show icons, or names."""
        if on != self._is_compact:
            self._is_compact = on
            self._restyle()

    def choose(self, name: str) -> None:
        """Turn one on without saying that a person did."""
        super().choose(name)
        self.turned.emit()

    def _restyle(self) -> None:
        bold = QFontMetrics(ui_font(12, QFont.Weight.DemiBold))
        for title, button in self.buttons.items():
            shows = not self._is_compact or button.isChecked()
            style = Qt.ToolButtonStyle.ToolButtonTextOnly if not self._is_compact else \
                Qt.ToolButtonStyle.ToolButtonTextBesideIcon if shows else \
                Qt.ToolButtonStyle.ToolButtonIconOnly  # fmt: skip
            button.setText(f" {title}" if self._is_compact else title)  # away from its icon
            button.setToolButtonStyle(style)
            with_icon = 20 if self._is_compact else 0
            button.setFixedWidth(bold.horizontalAdvance(title) + PADDING + with_icon if shows else 34)


class Header(QFrame):
    """Path, chips and view switch; while a cast is previewed, the switch between its sides in place of that.

    Attributes
    ----------
    sides
        *Before*, *After* and *Loss map* of the heatmap.
    more
        The other views, while the sides stand where they are chosen otherwise.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("surface", "panel")
        self.setFixedHeight(HEIGHT)
        self.path = PathLabel()
        self.chip = label("", "chip")
        self.chip.setFixedHeight(18)
        self.storage = StorageChip()
        self.views = ViewSwitch()
        self.sides = Segments(SIDES)
        self.sides.setAccessibleName("Side of the preview")
        self.more = icon_button("more", "Other views", 28)
        self.more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._has_sides = False
        row = QHBoxLayout(self)
        row.setContentsMargins(14, 0, 12, 0)
        row.setSpacing(8)
        row.addWidget(self.path)
        row.addWidget(self.chip)
        row.addWidget(self.storage)
        row.addStretch(1)
        for part in (self.views, self.sides, self.more):
            row.addWidget(part)
        self._fill_menu()
        self._arrange()
        self.views.turned.connect(self._arrange)

    def _fill_menu(self) -> None:
        menu = QMenu(self.more)
        for number, (name, title) in enumerate(TITLES.items(), start=1):
            if name != "heatmap":
                action = menu.addAction(icon(ICONS[name], 14), f"{title}\tCtrl+{number}")
                action.triggered.connect(lambda _=False, title=title: self.views.chosen.emit(title))
        self.more.setMenu(menu)

    def show_sides(self, name: str | None) -> None:
        """Offer the sides of a preview, of which one is on; None takes them away again."""
        self._has_sides = name is not None
        if name is not None:
            self.sides.choose(name)
        self._arrange()

    def _arrange(self) -> None:
        has_sides = self._has_sides and self.views.current == TITLES["heatmap"]
        had_focus = any(button.hasFocus() for button in (*self.sides.buttons.values(), self.more))
        self.views.setVisible(not has_sides)
        self.sides.setVisible(has_sides)
        self.more.setVisible(has_sides)
        if had_focus and not has_sides:
            self.views.buttons[self.views.current].setFocus()
        self._make_room()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave the names of views out before the tensor's."""
        super().resizeEvent(event)
        self._make_room()

    def _make_room(self) -> None:
        wanted = self.path.sizeHint().width() + self.chip.sizeHint().width() + self.storage.width() + 58
        self.views.set_compact(wanted + self.views.full_width > self.width())

    def show_tensor(self, name: str, path: tuple[object, ...], spec: TensorSpec, group: str | None) -> None:
        """Show what the tensor is."""
        self.path.show_name(name, path)
        self.chip.setText(f"{shape_text(spec.shape)} · {spec.type.short}")
        self.chip.setToolTip(tip(f"{spec.dtype}, {spec.numel:,} values"))
        self.storage.show_group(group)
        self._make_room()
