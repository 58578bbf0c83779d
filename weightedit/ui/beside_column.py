"""A column at the right that can be hidden, and lies over the rest as a drawer where there is little room."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import QFrame, QSplitter, QVBoxLayout, QWidget

from weightedit.ui.settings import Settings

WIDTH, LEAST, MOST = 282, 240, 420
LEFT_LEAST = 540


class BesideColumn(QWidget):
    """What is worked on at the left, and a column of panels one above the other at the right.

    Parameters
    ----------
    left
        What takes the room.
    panels
        The column's panels, from the top.
    settings
        Where its width is kept, and whether it is shown.
    """

    def __init__(self, left: QWidget, panels: list[QWidget], settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._settings = settings
        self._is_drawer = False
        self.side = QFrame()
        self.side.setObjectName("side")
        self.side.setProperty("surface", "panel")
        self.side.setMinimumWidth(LEAST)
        self.side.setMaximumWidth(MOST)
        stack = QSplitter(Qt.Orientation.Vertical)
        stack.setHandleWidth(1)
        stack.setChildrenCollapsible(False)
        for place, panel in enumerate(panels):
            stack.addWidget(panel)
            stack.setStretchFactor(place, 3 if place == 0 else 2)
        stack.setSizes([520, 260])
        inside = QVBoxLayout(self.side)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.addWidget(stack)
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
        self.side.setVisible(settings.flag("inspector/shown", True))

    def toggle(self) -> None:
        """Show or hide the column."""
        shown = self.side.isHidden()
        self.side.setVisible(shown)
        if self._is_drawer:
            self._place_drawer()
        else:
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
            self.side.setVisible(not on and self._settings.flag("inspector/shown", True))

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
