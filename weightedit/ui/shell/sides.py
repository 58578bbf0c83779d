"""The splitter of the window: the left panel gives way where there is little room, and comes back with more."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QSplitter, QWidget

NARROW_BELOW = 1150
"""Pixels of the splitter; a window of 1200 has about as many beside its rail."""

LEAST = 280
"""Pixels of the left panel in a narrow window."""


class Sides(QSplitter):
    """A left panel, and the work beside it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self._wide: int | None = None
        self.setHandleWidth(1)
        self.setChildrenCollapsible(False)
        self.splitterMoved.connect(self._moved)

    @property
    def left_width(self) -> int:
        """How wide the left panel is meant to be where there is room."""
        return self._wide or self.sizes()[0]

    def _moved(self) -> None:
        """Keep a width that somebody chose in a narrow window for a wide one too."""
        self._wide = None if self._wide is None else self.sizes()[0]

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Share the room anew."""
        super().resizeEvent(event)
        self._fit()

    def event(self, event: QEvent) -> bool:
        """Share the room anew where the left panel was shown or hidden."""
        done = super().event(event)
        if event.type() == QEvent.Type.LayoutRequest:
            self._fit()
        return done

    def _fit(self) -> None:
        """Let the left panel be as narrow as it can be, or as wide as it was."""
        left, panel = self.sizes()[0], self.widget(0)
        is_narrow = self.width() < NARROW_BELOW
        if panel is None or not panel.isVisible() or not left or is_narrow == (self._wide is not None):
            return
        if is_narrow:
            self._wide, left = left, min(LEAST, left)
        elif self._wide is not None:
            left, self._wide = self._wide, None
        self.setSizes([left, self.width() - left])
