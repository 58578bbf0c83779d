"""A column at the right that can be hidden, and lies over the rest as a drawer where there is little room."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import QFrame, QSplitter, QVBoxLayout, QWidget

from weightedit.ui.panels.place import Place
from weightedit.ui.settings import Settings

WIDTH, LEAST, MOST = 282, 240, 420
LEFT_LEAST = 540


class BesideColumn(QWidget):
    """What is worked on at the left, and a place for panels one above the other at the right.

    Parameters
    ----------
    left
        What takes the room.
    place
        Where the column's panels stand; without any that is shown there is no column.
    settings
        Where its width is kept, and whether it is shown.
    """

    def __init__(self, left: QWidget, place: Place, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._settings = settings
        self._is_drawer = False
        self._gives_way = False
        self.side = QFrame()
        self.side.setObjectName("side")
        self.side.setProperty("surface", "panel")
        self.side.setMinimumWidth(LEAST)
        self.side.setMaximumWidth(MOST)
        self._place = place
        inside = QVBoxLayout(self.side)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.addWidget(place)
        left.setMinimumWidth(LEFT_LEAST)
        self.splitter = QSplitter(Qt.Orientation.Horizontal)
        self.splitter.setHandleWidth(1)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.addWidget(left)
        self.splitter.addWidget(self.side)
        self.splitter.setStretchFactor(0, 1)
        self.splitter.splitterMoved.connect(self._remember_width)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(self.splitter)
        place.filled.connect(lambda _: self._show_side())
        self._show_side()

    @property
    def is_shown(self) -> bool:
        """Whether the column is in sight."""
        return not self.side.isHidden()

    def _show_side(self) -> None:
        shown = not self._is_drawer and not self._gives_way and self._settings.flag("inspector/shown", True)
        self.side.setVisible(self._place.is_filled and (shown or (self._is_drawer and self.is_shown)))

    def give_way(self, on: bool) -> None:
        """Stay out of sight while what is shown at the left needs all the width."""
        if on != self._gives_way:
            self._gives_way = on
            if not self._is_drawer:
                self._show_side()
            elif on:
                self.side.hide()

    def toggle(self) -> None:
        """Show or hide the column."""
        shown = self.side.isHidden()
        self.side.setVisible(shown and self._place.is_filled)
        if self._is_drawer:
            self._place_drawer()
        elif not self._gives_way:
            self._settings.set("inspector/shown", shown)

    def set_drawer(self, on: bool) -> None:
        """Keep the column out of sight until it is asked for, and then lay it over the rest."""
        if on != self._is_drawer:
            self._is_drawer = on
            if on:
                self.side.setParent(self)  # the last child lies on top
                self._place_drawer()
            else:
                self.splitter.addWidget(self.side)
                self._fit()
            self.side.setVisible(not on and not self._gives_way and self._settings.flag("inspector/shown", True)
                                 and self._place.is_filled)  # fmt: skip

    def _place_drawer(self) -> None:
        self.side.setGeometry(self.width() - WIDTH, 0, WIDTH, self.height())

    def _fit(self) -> None:
        width = self._settings.number("inspector/width", WIDTH)
        self.splitter.setSizes([max(self.width() - width - 1, LEFT_LEAST), width])

    def showEvent(self, event: QShowEvent) -> None:
        """Give the column the width it had."""
        super().showEvent(event)
        if not self._is_drawer:
            self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the drawer at the right edge."""
        super().resizeEvent(event)
        if self._is_drawer:
            self._place_drawer()

    def _remember_width(self, *_: int) -> None:
        if not self._is_drawer and self.side.isVisible():
            self._settings.set("inspector/width", self.side.width())
