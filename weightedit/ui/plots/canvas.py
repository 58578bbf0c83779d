"""The area under the picture: zoom at the pointer, pan, and drags that pick cells."""

from __future__ import annotations

from typing import Any

import pyqtgraph as pg
from PySide6.QtCore import QPointF, Qt, Signal

ZOOM_STEP = 1.25
SMALLEST = 4.0
"""Cells that stay visible however far one zooms in."""


class Graphics(pg.GraphicsLayoutWidget):
    """The scene of picture, axes and strips, which says when the pointer leaves it."""

    left = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)  # Tab goes to the heatmap around it, which has the keys
        self.setAccessibleName("Picture of the tensor")

    def leaveEvent(self, event: Any) -> None:
        """Say that the pointer is gone."""
        super().leaveEvent(event)
        self.left.emit()


class Canvas(pg.ViewBox):
    """A view of rows (down) and columns (across) of a slice.

    Signals
    -------
    pressed, dragged, released
        (position in cells, button modifiers) of a drag with the left button; of a click `pressed`, then `released`.
    """

    pressed = Signal(QPointF, object)
    dragged = Signal(QPointF)
    released = Signal()
    asked_fit = Signal()

    def __init__(self) -> None:
        super().__init__(enableMenu=False, invertY=True, defaultPadding=0.0)
        self.disableAutoRange()
        self.rows, self.columns = 1, 1
        self.panning = False
        self.square = False

    def set_square(self, on: bool) -> None:
        """Draw cells as high as they are wide, or fill the room."""
        self.square = on
        if on:
            self.setLimits(xMin=None, xMax=None, yMin=None, yMax=None, maxXRange=None, maxYRange=None)
        self.setAspectLocked(on, 1)
        if not on:
            self._limit()
        self.fit()

    def _limit(self) -> None:
        self.setLimits(xMin=0, xMax=self.columns, yMin=0, yMax=self.rows,
                       minXRange=min(self.columns, SMALLEST), minYRange=min(self.rows, SMALLEST),
                       maxXRange=self.columns, maxYRange=self.rows)  # fmt: skip

    def set_size(self, rows: int, columns: int) -> None:
        """Show another slice, all of it."""
        self.rows, self.columns = max(rows, 1), max(columns, 1)
        if not self.square:
            self._limit()
        self.fit()

    @property
    def shows_all(self) -> bool:
        """Whether every row and column is visible."""
        rows, columns = self.visible()
        return (len(rows), len(columns)) == (self.rows, self.columns)

    def fit(self) -> None:
        """Show all rows and columns."""
        self.setRange(xRange=(0, self.columns), yRange=(0, self.rows), padding=0)

    def zoom(self, factor: float, at: QPointF | None = None) -> None:
        """Show `1 / factor` of what is visible, around a point or the middle."""
        self.scaleBy((1 / factor, 1 / factor), center=at)

    def visible(self) -> tuple[range, range]:
        """Return the rows and columns that are visible, whole or in part."""
        (left, right), (top, bottom) = self.viewRange()
        first_row, first_column = max(0, int(top)), max(0, int(left))
        return (range(first_row, max(first_row, min(self.rows, -int(-bottom // 1)))),
                range(first_column, max(first_column, min(self.columns, -int(-right // 1)))))  # fmt: skip

    def wheelEvent(self, event: Any, axis: Any = None) -> None:
        """Zoom at the pointer."""
        event.accept()
        self.zoom(ZOOM_STEP ** (event.delta() / 120), self.mapSceneToView(event.scenePos()))

    def mouseDragEvent(self, event: Any, axis: Any = None) -> None:
        """Pan with the middle button or while space is held, else pick cells."""
        event.accept()
        middle = event.button() == Qt.MouseButton.MiddleButton
        if middle or (self.panning and event.button() == Qt.MouseButton.LeftButton):
            moved = self.mapSceneToView(event.lastScenePos()) - self.mapSceneToView(event.scenePos())
            self.translateBy(x=moved.x(), y=moved.y())
        elif event.button() == Qt.MouseButton.LeftButton:
            if event.isStart():
                self.pressed.emit(self.mapSceneToView(event.buttonDownScenePos()), event.modifiers())
            self.dragged.emit(self.mapSceneToView(event.scenePos()))
            if event.isFinish():
                self.released.emit()

    def mouseClickEvent(self, event: Any) -> None:
        """Pick one cell; a double click shows everything."""
        if event.button() != Qt.MouseButton.LeftButton or self.panning:
            return
        event.accept()
        if event.double():
            self.asked_fit.emit()
            return
        self.pressed.emit(self.mapSceneToView(event.scenePos()), event.modifiers())
        self.released.emit()
