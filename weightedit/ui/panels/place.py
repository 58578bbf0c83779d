"""A panel's holder, and a place at the edge of the window where holders stand."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtWidgets import QBoxLayout, QFrame, QSplitter, QToolButton, QVBoxLayout, QWidget

from weightedit.ui.panels.declared import PANELS, Declared
from weightedit.ui.widgets.pieces import icon_button


class Panel(QFrame):
    """Holds one panel: shown while there is something in it and nobody has hidden it.

    Parameters
    ----------
    name
        As declared.
    content
        The panel itself, which hides itself while it has nothing to show.
    head
        The row at its top, at whose end its menu's button is put; None leaves the button out.

    Signals
    -------
    turned
        It is shown now, or no more.
    menu_wanted
        The button at its top was pressed.
    """

    turned = Signal()
    menu_wanted = Signal()

    def __init__(self, name: str, content: QWidget, head: QBoxLayout | None = None) -> None:
        super().__init__()
        self.setProperty("surface", "panel")
        self.setObjectName(f"panel-{name}")
        self.declared: Declared = next(one for one in PANELS if one.name == name)
        self.content = content
        self._is_wanted = True
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(content)
        self.setMinimumWidth(content.minimumWidth())
        self.button: QToolButton | None = None
        if head is not None:
            self.button = icon_button("more", f"Move or hide {self.declared.title}", 24, 14)
            self.button.clicked.connect(self.menu_wanted)
            head.addWidget(self.button)
        content.installEventFilter(self)
        self._follow()

    @property
    def is_wanted(self) -> bool:
        """Whether nobody has hidden it."""
        return self._is_wanted

    def want(self, on: bool) -> None:
        """Show or hide it; it stays out of sight while there is nothing in it."""
        self._is_wanted = on
        self._follow()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Follow what is in it."""
        if event.type() in (QEvent.Type.ShowToParent, QEvent.Type.HideToParent):
            self._follow()
        return False

    def _follow(self) -> None:
        shown = self._is_wanted and not self.content.isHidden()
        if shown and self.parentWidget() is None:
            return  # a place shows it; without one it would be a window of its own, and take the focus
        if shown == self.isHidden():
            self.setVisible(shown)
            self.turned.emit()


class Place(QSplitter):
    """A place where panels stand one after the other; out of sight while none of them is shown.

    Signals
    -------
    filled
        (whether any panel is shown)
    """

    filled = Signal(bool)

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        across = name in ("top", "bottom")
        super().__init__(Qt.Orientation.Horizontal if across else Qt.Orientation.Vertical, parent)
        self.name = name
        self.setHandleWidth(1)
        self.setChildrenCollapsible(False)
        self.hide()

    @property
    def panels(self) -> list[Panel]:
        """The panels that stand here, in order."""
        found = [self.widget(at) for at in range(self.count())]
        return [panel for panel in found if isinstance(panel, Panel)]

    def put(self, panel: Panel) -> None:
        """Take a panel in, at its turn."""
        order = [one.name for one in PANELS]
        turn = order.index(panel.declared.name)
        before = sum(order.index(other.declared.name) < turn for other in self.panels)
        self.insertWidget(before, panel)
        self.setStretchFactor(before, 2 if panel.declared.name == "history" else 3)
        panel.want(panel.is_wanted)
        panel.turned.connect(self.follow)
        self.follow()

    def leave(self, panel: Panel) -> None:
        """Let a panel go, to another place."""
        panel.turned.disconnect(self.follow)
        panel.setParent(None)
        self.follow()

    @property
    def is_filled(self) -> bool:
        """Whether any panel here is shown."""
        return any(not panel.isHidden() for panel in self.panels)

    def follow(self) -> None:
        """Be in sight while any panel here is."""
        self.setVisible(self.is_filled)
        self.filled.emit(self.is_filled)
