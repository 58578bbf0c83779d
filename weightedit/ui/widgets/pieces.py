"""Small widgets that many panels are made of: lines, icon buttons, icons that follow the theme, empty states."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QAction, QResizeEvent
from PySide6.QtWidgets import QFrame, QLabel, QPushButton, QToolButton, QVBoxLayout, QWidget

from weightedit.ui.theme import theme
from weightedit.ui.widgets.flow import FlowLayout
from weightedit.ui.widgets.icons import icon, icon_pixmap, logo
from weightedit.ui.widgets.plain import Label, aloud, tip


def line(vertical: bool = False) -> QFrame:
    """Make the 1 px line that parts two panels."""
    made = QFrame()
    made.setProperty("line", "vertical" if vertical else "horizontal")
    if vertical:
        made.setFixedWidth(1)
    else:
        made.setFixedHeight(1)
    return made


def label(text: str, role: str = "", parent: QWidget | None = None) -> QLabel:
    """Make a label of plain text in one of the style sheet's roles."""
    made = Label(text, parent)
    if role:
        made.setProperty("role", role)
    return made


def icon_button(name: str, tooltip: str, size: int = 28, icon_size: int = 16) -> QToolButton:
    """Make a button that is an icon, with a tooltip that is also its name for screen readers."""
    made = QToolButton()
    made.setIcon(icon(name, icon_size))
    made.setIconSize(QSize(icon_size, icon_size))
    made.setFixedSize(size, size)
    made.setToolTip(tip(tooltip))
    made.setAccessibleName(aloud(tooltip))
    return made


def action_button(action: QAction, name: str, size: int = 28, icon_size: int = 18) -> QToolButton:
    """Make an icon button of an action, which says whether it is on."""
    made = QToolButton()
    action.setIcon(icon(name, icon_size))
    action.setIconVisibleInMenu(False)
    made.setDefaultAction(action)
    made.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonIconOnly)
    made.setIconSize(QSize(icon_size, icon_size))
    made.setFixedSize(size, size)
    made.setAccessibleName(aloud(action.text()))
    return made


def restyle(widget: QWidget, name: str, value: object) -> None:
    """Set a property that the style sheet looks at, and have it look again."""
    if widget.property(name) != value:
        widget.setProperty(name, value)
        widget.style().unpolish(widget)
        widget.style().polish(widget)


def fit_height(dialog: QWidget) -> None:
    """Give a dialog the height its notices need at its width; `adjustSize` measures them at another one."""
    whole = dialog.layout()
    if whole is not None:
        whole.activate()
        asked = whole.totalHeightForWidth(dialog.minimumWidth()) if whole.hasHeightForWidth() else -1
        dialog.setFixedHeight(whole.totalSizeHint().height() if asked < 0 else asked)


def button_row(*buttons: QPushButton) -> FlowLayout:
    """Lay the small buttons of a notice out beside each other, and below where the line is full."""
    row = FlowLayout(8, 6)
    row.setContentsMargins(0, 0, 0, 0)  # those of the style would be taken where it is a widget's own layout
    for button in buttons:
        button.setProperty("small", True)
        row.addWidget(button)
    return row


class IconLabel(QLabel):
    """An icon in a token's colour that follows the theme."""

    def __init__(self, name: str, size: int = 16, token: str = "text2", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._name, self._size, self._token = name, size, token
        self.setFixedSize(size, size)
        self._draw()
        theme.changed.connect(self._draw)

    def show_icon(self, name: str, token: str) -> None:
        """Show another icon or colour."""
        self._name, self._token = name, token
        self._draw()

    def _draw(self) -> None:
        self.setPixmap(icon_pixmap(self._name, self._size, self._token, self.devicePixelRatioF()))


class LogoLabel(QLabel):
    """The nine-cell mark, which follows the theme."""

    def __init__(self, size: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._size = size
        self.setFixedSize(size, size)
        self._draw()
        theme.changed.connect(self._draw)

    def _draw(self) -> None:
        self.setPixmap(logo(self._size, self.devicePixelRatioF()))


class RoomForWords(QWidget):
    """Leaves its icon out where there is no room for it over the words."""

    def __init__(self, icon_name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.icon = IconLabel(icon_name, 24, "text3")

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Show the icon where all of it fits."""
        super().resizeEvent(event)
        layout = self.layout()
        if layout is not None:
            needs = layout.minimumSize().height()
            if self.icon.isHidden():
                needs += self.icon.height() + layout.spacing()
            self.icon.setVisible(self.height() >= needs)


def empty_state(icon_name: str, title: str, body: str) -> QWidget:
    """Make what stands where there is nothing: an icon, what is missing, what to do."""
    made = RoomForWords(icon_name)
    column = QVBoxLayout(made)
    column.setSpacing(6)
    column.addStretch(1)
    column.addWidget(made.icon, 0, Qt.AlignmentFlag.AlignHCenter)
    column.addWidget(label(title, "strong"), 0, Qt.AlignmentFlag.AlignHCenter)
    said = label(body, "secondary")
    said.setWordWrap(True)
    said.setAlignment(Qt.AlignmentFlag.AlignHCenter)
    said.setMaximumWidth(460)
    width = min(460, said.fontMetrics().horizontalAdvance(body) + 8)
    said.setMinimumWidth(width)
    said.setMinimumHeight(said.heightForWidth(width))  # the layout would give text that wraps one line
    column.addWidget(said, 0, Qt.AlignmentFlag.AlignHCenter)
    column.addStretch(1)
    return made
