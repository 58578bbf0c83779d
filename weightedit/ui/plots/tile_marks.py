"""What shows tiles on a heatmap: separators, the names along the axes, and quiet marks on tiles that are dead."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPen

from weightedit.ui.theme import theme

Array = np.ndarray[Any, Any]
CLOSEST = 5.0
"""Separators nearer to one another than this, in pixels, are left out."""
WIDE = 24.0
"""Pixels between separators from which on they are two pixels wide."""
RING = 8.0
APART = 12
"""Pixels within which marks of dead tiles are one."""


@dataclass(frozen=True)
class TileGrid:
    """How a picture falls into tiles.

    Attributes
    ----------
    height, width
        Rows and columns of a tile.
    in_group
        How many tiles side by side belong together; the separators around them are wider.
    row_label, column_label
        The name of line i of tiles, and of column i of groups; None where an axis has indices.
    label_width
        Columns between two column names.
    cell_names
        What the crosshair calls the row and the column of a cell; their numbers where there is none.
    dead
        (line, column) of tiles to mark, int64 `(n, 2)`.
    """

    height: int
    width: int
    in_group: int = 1
    row_label: Callable[[int], str] | None = None
    column_label: Callable[[int], str] | None = None
    label_width: int = 1
    cell_names: Callable[[int, int], tuple[str, str]] | None = None
    dead: Array = field(default_factory=lambda: np.zeros((0, 2), np.int64))


def separators(grid: TileGrid, rows: range, columns: range, frame: QRectF, view: QRectF) -> list[QRectF]:
    """Return the lines between tiles.

    Parameters
    ----------
    grid
        The tiles.
    rows, columns
        That are visible.
    frame
        Where the picture is drawn, in pixels.
    view
        What of it is visible, in columns (x) and rows (y).
    """
    found = []
    across, down = frame.width() / max(view.width(), 1e-9), frame.height() / max(view.height(), 1e-9)
    for at in _lines(rows, grid.height, down):
        y = frame.top() + (at - view.top()) * down
        found.append(_line(y, grid.height * down, frame, is_row=True))
    groups = grid.in_group > 1
    for at in _lines(columns, grid.width, across):
        x = frame.left() + (at - view.left()) * across
        spacing = grid.width * across
        if groups:
            spacing = WIDE if at % (grid.width * grid.in_group) == 0 else CLOSEST
        found.append(_line(x, spacing, frame, is_row=False))
    if groups and grid.width * across < CLOSEST:
        for at in _lines(columns, grid.width * grid.in_group, across):
            found.append(_line(frame.left() + (at - view.left()) * across, CLOSEST, frame, is_row=False))
    return found


def _lines(cells: range, step: int, pixels: float) -> range:
    """Return the places between tiles among some cells; none where they would be too close."""
    if step * pixels < CLOSEST:
        return range(0)
    return range((cells.start // step + 1) * step, cells.stop, step)


def _line(at: float, spacing: float, frame: QRectF, *, is_row: bool) -> QRectF:
    width = 2.0 if spacing >= WIDE else 1.0
    start = round(at - width / 2)
    return QRectF(frame.left(), start, frame.width(), width) if is_row else \
        QRectF(start, frame.top(), width, frame.height())  # fmt: skip


def dead_places(grid: TileGrid, rows: range, columns: range, frame: QRectF, view: QRectF) -> list[QRectF]:
    """Return where marks of dead tiles go: in the middle of a visible tile, one for those close together."""
    lines, units = grid.dead[:, 0], grid.dead[:, 1]
    seen = ((lines * grid.height < rows.stop) & ((lines + 1) * grid.height > rows.start)
            & (units * grid.width < columns.stop) & ((units + 1) * grid.width > columns.start))  # fmt: skip
    across, down = frame.width() / max(view.width(), 1e-9), frame.height() / max(view.height(), 1e-9)
    y = frame.top() + ((lines[seen] + 0.5) * grid.height - view.top()) * down
    x = frame.left() + ((units[seen] + 0.5) * grid.width - view.left()) * across
    size = min(RING, max(4.0, 0.6 * min(grid.height * down, grid.width * across)))
    keys = (y // APART).astype(np.int64) * 100_000 + (x // APART).astype(np.int64)
    _, first = np.unique(keys, return_index=True)
    return [QRectF(x[at] - size / 2, y[at] - size / 2, size, size) for at in first.tolist()]


def draw_separators(painter: QPainter, lines: list[QRectF]) -> None:
    """Draw lines between tiles."""
    color = theme.color("window")
    for line in lines:
        painter.fillRect(line, color)


def draw_dead(painter: QPainter, places: list[QRectF]) -> None:
    """Draw a small ring on each dead tile."""
    if not places:
        return
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for token, width in (("canvas", 3.5), ("text2", 1.4)):
        painter.setPen(QPen(theme.color(token), width))
        for place in places:
            painter.drawEllipse(place)
    painter.restore()


@dataclass(frozen=True)
class Crosshair:
    """Lines through a cell, with its row and column beside the axes."""

    at: QPointF
    row: str
    column: str


def draw_crosshair(painter: QPainter, cross: Crosshair, frame: QRectF) -> None:
    """Draw the lines over the picture and the tags on its edges."""
    painter.save()
    color = theme.color("text")
    color.setAlphaF(0.55)
    painter.setPen(QPen(color, 1.0, Qt.PenStyle.DashLine))
    at = cross.at
    painter.drawLine(QPointF(frame.left(), at.y()), QPointF(frame.right(), at.y()))
    painter.drawLine(QPointF(at.x(), frame.top()), QPointF(at.x(), frame.bottom()))
    metrics = painter.fontMetrics()
    height = metrics.height()
    for text, is_row in ((cross.row, True), (cross.column, False)):
        width = metrics.horizontalAdvance(text) + 14
        x = frame.left() - width - 1 if is_row else min(at.x() - width / 2, frame.right() - width)
        y = at.y() - height / 2 if is_row else frame.top() - height - 2
        tag = QRectF(max(x, 0.0), y, width, height)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color("raised"))
        painter.drawRoundedRect(tag, 3, 3)
        painter.setPen(theme.color("accent"))
        painter.drawText(tag, Qt.AlignmentFlag.AlignCenter, text)
    painter.restore()
