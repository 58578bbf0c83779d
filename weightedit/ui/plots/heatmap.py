"""The heatmap: picture, axes, RMS strips, colour bar, markers and the selection, in rows and columns of a slice."""

from __future__ import annotations

from typing import Any

import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import QFocusEvent, QFontMetrics, QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QWidget

from weightedit.core.looking.pixels import Reduced
from weightedit.core.statistics import Statistics
from weightedit.ui.plots.axes import IndexAxis, RmsStrip
from weightedit.ui.plots.canvas import ZOOM_STEP, Canvas, Graphics
from weightedit.ui.plots.color_bar import ColorBar
from weightedit.ui.plots.coloring import Colored, Coloring, Look
from weightedit.ui.plots.dressing import Dressing
from weightedit.ui.plots.levels import Levels
from weightedit.ui.plots.overlay import HoverText, Overlay, Tint
from weightedit.ui.plots.picking import Picking
from weightedit.ui.plots.tile_marks import TileGrid
from weightedit.ui.theme import theme, ui_font

pg.setConfigOptions(imageAxisOrder="row-major", mouseRateLimit=-1)  # a limit drops where the pointer came to rest
TOP_AXIS, RMS_RIGHT, RMS_BELOW = 22, 34, 30
STRIP_HEIGHT = 72
"""How high one single row is drawn."""
LEGIBLE = 10.0
"""Pixels a cell has that one goes to."""
SETTLE = 30
"""Milliseconds without a move before the picture is asked for anew."""
_ARROWS = {Qt.Key.Key_Up: (-1, 0), Qt.Key.Key_Down: (1, 0), Qt.Key.Key_Left: (0, -1), Qt.Key.Key_Right: (0, 1)}


class Heatmap(QWidget):
    """Shows a `Reduced` slice and lets people pick cells of it.

    Signals
    -------
    wanted
        The visible part or the size on screen changed: another `Reduced` is needed.
    hovered
        (row, column), or None.
    picked
        (rows, columns, how, continues): a rectangle that replaces, adds to or is removed from what is picked;
        `continues` where it takes the place of the one before, as while dragging.
    moved
        (rows down, columns right, extend): an arrow key.
    levels_dragged, levels_reset
        As of the colour bar.
    """

    wanted = Signal()
    hovered = Signal(object)
    picked = Signal(object, object, str, bool)
    moved = Signal(int, int, bool)
    levels_dragged = Signal(object)
    levels_reset = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Heatmap")
        self.graphics = Graphics()
        self.graphics.setFocusProxy(self)
        self.graphics.setFrameShape(self.graphics.Shape.NoFrame)
        self.canvas = Canvas()
        self.image = pg.ImageItem()
        self.canvas.addItem(self.image)
        self.rows_axis, self.columns_axis = IndexAxis("left"), IndexAxis("top")
        self.rows_rms, self.columns_rms = RmsStrip(vertical=True), RmsStrip(vertical=False)
        self.color_bar = ColorBar()
        self.overlay = Overlay(self.graphics)
        self.reduced: Reduced | None = None
        self.coloring = Coloring(self._show_colored)
        self.levels = Levels(-1.0, 1.0)
        self.map_name = "Tide"
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(SETTLE)
        self._settle.timeout.connect(self.wanted)
        self.dressing = Dressing(self)
        self._lay_out()
        self.picking = Picking(self)
        self._connect()
        self._retheme()

    def _lay_out(self) -> None:
        grid = self.graphics.ci.layout
        grid.setContentsMargins(14, 4, 0, 10)
        grid.setSpacing(0)
        self.graphics.addItem(self.columns_axis, 0, 1)
        self.graphics.addItem(self.rows_axis, 1, 0)
        self.graphics.addItem(self.canvas, 1, 1)
        self.graphics.addItem(self.rows_rms, 1, 2)
        self.graphics.addItem(self.columns_rms, 2, 1)
        self.columns_axis.setHeight(TOP_AXIS)
        self.rows_axis.setWidth(34)
        grid.setColumnFixedWidth(2, RMS_RIGHT)
        grid.setRowFixedHeight(2, RMS_BELOW)
        grid.setColumnStretchFactor(1, 1)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 6, 0)
        row.setSpacing(0)
        row.addWidget(self.graphics, 1)
        row.addWidget(self.color_bar)

    def _connect(self) -> None:
        self.canvas.sigRangeChanged.connect(self._range_changed)
        self.canvas.sigResized.connect(self._range_changed)
        self.canvas.asked_fit.connect(self.fit)
        self.graphics.scene().sigMouseMoved.connect(self._mouse_moved)
        self.graphics.left.connect(self._leave)
        self.color_bar.levels_dragged.connect(self.levels_dragged)
        self.color_bar.reset.connect(self.levels_reset)
        theme.changed.connect(self._retheme)

    # ---- what is shown

    def show_slice(self, rows: int, columns: int, tiles: TileGrid | None = None) -> None:
        """Begin another slice or table of tiles: everything of it visible, nothing selected, no picture yet."""
        self.reduced = None
        self.image.clear()
        self.dressing.clear()
        single = rows == 1
        grid = self.graphics.ci.layout
        grid.setRowMaximumHeight(1, STRIP_HEIGHT if single else 16777215)
        grid.setRowMaximumHeight(3, 16777215 if single else 0)
        grid.setRowStretchFactor(3, 1 if single else 0)
        self.canvas.set_size(rows, columns)
        self.show_tiles(tiles)
        self._range_changed()

    def show_tiles(self, tiles: TileGrid | None) -> None:
        """Part the picture that is shown into tiles, and name them along the axes."""
        self.dressing.tiles = tiles
        rows = self.canvas.rows
        self.rows_axis.show_tiles(None if tiles is None or tiles.row_label is None else
                                  (tiles.height, tiles.row_label))  # fmt: skip
        self.columns_axis.show_tiles(None if tiles is None or tiles.column_label is None else
                                     (tiles.label_width, tiles.column_label))  # fmt: skip
        last = str(rows) if tiles is None or tiles.row_label is None else tiles.row_label((rows - 1) // tiles.height)
        self.rows_axis.setWidth(max(28, QFontMetrics(ui_font(10)).horizontalAdvance(last) + 12))
        self.dressing.place()

    def show_colored(self, colored: Colored, levels: Levels, map_name: str) -> None:
        """Show a picture of the part it covers; it is coloured anew where levels or map are others by now."""
        reduced = colored.reduced
        self.reduced, self.levels, self.map_name = reduced, levels, map_name
        if colored.is_in(levels, map_name, theme.name):
            self.coloring.take(colored)
        else:
            self._draw()
        self.rows_rms.show_values(reduced.row_rms, reduced.rows.start, reduced.rows.stop)
        self.columns_rms.show_values(reduced.column_rms, reduced.columns.start, reduced.columns.stop)
        self.dressing.mark()

    def show_levels(self, levels: Levels, map_name: str, *, dragging: bool = False) -> None:
        """Show the same values in other colours."""
        self.levels, self.map_name = levels, map_name
        if not dragging:
            self.color_bar.show_levels(levels, map_name)
        self._draw()

    def show_statistics(self, found: Statistics | None) -> None:
        """Show histogram and counts beside the bar."""
        self.color_bar.show_statistics(found)

    def show_selection(self, rectangles: list[tuple[range, range]] | None) -> None:
        """Draw the selection around these rows and columns; None leaves it to `show_tint`."""
        found = rectangles or []
        self.dressing.selection = found[0] if len(found) == 1 else None
        self.dressing.others = found if len(found) > 1 else []
        self.dressing.place()

    def show_shared(self, rectangles: list[tuple[range, range]], label: str) -> None:
        """Outline cells that change with those selected in another slot, in the colour of the storage group."""
        if rectangles != self.dressing.shared or label != self.dressing.shared_label:
            self.dressing.shared, self.dressing.shared_label = rectangles, label
            self.dressing.place()

    def show_tint(self, tint: Tint | None) -> None:
        """Tint single cells that are picked."""
        self.dressing.tint = tint
        self.dressing.place()

    def show_cursor(self, cell: tuple[int, int] | None) -> None:
        """Say which cell the keyboard is at, for the crosshair."""
        self.dressing.cursor = cell
        self.dressing.place()

    def set_crosshair(self, on: bool) -> None:
        """Draw lines through the cell under the pointer, or under the keyboard's cursor."""
        self.dressing.crosshair = on
        self.dressing.place()

    @property
    def selection(self) -> tuple[range, range] | None:
        """The rectangle that is drawn as picked, where it is one."""
        return self.dressing.selection

    @property
    def has_selection(self) -> bool:
        """Whether something that is picked is drawn."""
        found = self.dressing
        return found.selection is not None or bool(found.others) or found.tint is not None

    def show_hover(self, text: HoverText | None) -> None:
        """Show the card at the pointer, or hide it."""
        self.overlay.hover = text
        self.overlay.update()

    def flash(self, rows: range, columns: range) -> None:
        """Tint cells for a moment, to show where an edit happened."""
        self.dressing.flash(rows, columns)

    def _draw(self) -> None:
        reduced = self.reduced
        if reduced is None or not reduced.height or not reduced.width:
            self.image.clear()
            return
        self.coloring.ask(reduced, Look(self.levels, self.map_name, theme.name))

    def _show_colored(self, colored: Colored) -> None:
        reduced = colored.reduced
        if reduced is not self.reduced or colored.colors is None:
            self.image.clear()
            return
        self.image.setImage(colored.colors, autoLevels=False, levels=None)
        self.image.setRect(QRectF(reduced.columns.start, reduced.rows.start, len(reduced.columns), len(reduced.rows)))

    def _retheme(self) -> None:
        self.graphics.setBackground(theme.color("panel"))
        self.canvas.setBackgroundColor(theme.color("canvas"))
        self._draw()
        self.overlay.update()

    # ---- geometry

    def wanted_pixels(self) -> tuple[int, int]:
        """Return how many pixels down and across a picture of the visible part can have."""
        ratio = self.devicePixelRatioF()
        size = self.canvas.size()
        return max(1, round(size.height() * ratio)), max(1, round(size.width() * ratio))

    def visible(self) -> tuple[range, range]:
        """Return the visible rows and columns."""
        return self.canvas.visible()

    def cell_size(self) -> tuple[float, float]:
        """Return height and width of a cell on screen."""
        (left, right), (top, bottom) = self.canvas.viewRange()
        size = self.canvas.size()
        return size.height() / max(bottom - top, 1e-9), size.width() / max(right - left, 1e-9)

    def point_of(self, row: float, column: float) -> QPointF:
        """Return where a place in the slice lies on the overlay."""
        scene = self.canvas.mapViewToScene(QPointF(column, row))
        return QPointF(self.graphics.mapFromScene(scene)) if scene is not None else QPointF()

    def rect_of(self, rows: range, columns: range) -> QRectF:
        """Return where cells lie on the overlay."""
        return QRectF(self.point_of(rows.start, columns.start), self.point_of(rows.stop, columns.stop))

    def _range_changed(self, *_: Any) -> None:
        (left, right), (top, bottom) = self.canvas.viewRange()
        self.rows_axis.show_range(self.canvas.rows, top, bottom)
        self.columns_axis.show_range(self.canvas.columns, left, right)
        self.rows_rms.show_range(top, bottom)
        self.columns_rms.show_range(left, right)
        self.dressing.mark()
        self._settle.start()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Lay the overlay over the picture again."""
        super().resizeEvent(event)
        self.dressing.place()

    # ---- mouse

    def cell_at(self, place: QPointF) -> tuple[int, int]:
        """Return the row and column under a place of the canvas, the nearest where it lies outside."""
        return (min(max(int(place.y() // 1), 0), self.canvas.rows - 1),
                min(max(int(place.x() // 1), 0), self.canvas.columns - 1))  # fmt: skip

    def _mouse_moved(self, scene_place: QPointF) -> None:
        self.overlay.pointer = QPointF(self.graphics.mapFromScene(scene_place))
        if not self.overlay.frame.contains(self.overlay.pointer):
            self._leave()
            return
        self.dressing.pointed = self.cell_at(self.canvas.mapSceneToView(scene_place))
        self.dressing.cross()
        self.hovered.emit(self.dressing.pointed)
        self.overlay.update()

    def _leave(self) -> None:
        self.dressing.pointed = None
        self.dressing.cross()
        self.show_hover(None)
        self.hovered.emit(None)

    # ---- keyboard

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Move or extend the selection with the arrows; pan while space is held."""
        key, modifiers = Qt.Key(event.key()), event.modifiers()
        if key in _ARROWS:
            rows, columns = _ARROWS[key]
            self.moved.emit(rows, columns, bool(modifiers & Qt.KeyboardModifier.ShiftModifier))
        elif key == Qt.Key.Key_Space and not event.isAutoRepeat():
            self._select_lines_or_pan(modifiers)
        else:
            super().keyPressEvent(event)

    def _select_lines_or_pan(self, modifiers: Any) -> None:
        if self.selection is not None and modifiers & Qt.KeyboardModifier.ShiftModifier:
            self.picked.emit(self.selection[0], range(self.canvas.columns), "replace", False)
        elif self.selection is not None and modifiers & Qt.KeyboardModifier.ControlModifier:
            self.picked.emit(range(self.canvas.rows), self.selection[1], "replace", False)
        else:
            self.canvas.panning = True
            self.graphics.setCursor(Qt.CursorShape.OpenHandCursor)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        """Stop panning."""
        if event.key() == Qt.Key.Key_Space and not event.isAutoRepeat():
            self.canvas.panning = False
            self.graphics.unsetCursor()
        super().keyReleaseEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Show that keys go here."""
        super().focusInEvent(event)
        by_key = (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason, Qt.FocusReason.ShortcutFocusReason)
        self.overlay.has_focus = event.reason() in by_key
        self.overlay.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Show that keys go elsewhere."""
        super().focusOutEvent(event)
        self.canvas.panning = False
        self.overlay.has_focus = False
        self.overlay.update()

    # ---- zoom

    def zoom_in(self) -> None:
        """Zoom in around the middle."""
        self.canvas.zoom(ZOOM_STEP**2)

    def zoom_out(self) -> None:
        """Zoom out around the middle."""
        self.canvas.zoom(1 / ZOOM_STEP**2)

    def fit(self) -> None:
        """Show all rows and columns."""
        self.canvas.fit()

    def reveal(self, rows: range, columns: range) -> None:
        """Move what is visible so that cells are in it, without zooming."""
        (left, right), (top, bottom) = self.canvas.viewRange()
        dx = min(0.0, columns.start - left) or max(0.0, min(columns.stop - right, columns.start - left))
        dy = min(0.0, rows.start - top) or max(0.0, min(rows.stop - bottom, rows.start - top))
        if dx or dy:
            self.canvas.translateBy(x=dx, y=dy)

    def look_at(self, rows: range, columns: range) -> None:
        """Show cells in the middle, zoomed in so far that one is large enough to be told apart."""
        height, width = self.cell_size()
        size = self.canvas.size()
        for factor in (max(LEGIBLE / height, 1.0), max(LEGIBLE / width, 1.0)):
            if factor > 1:
                tall = min(size.height() / max(height, LEGIBLE), self.canvas.rows)
                wide = min(size.width() / max(width, LEGIBLE), self.canvas.columns)
                top = min(max((rows.start + rows.stop - tall) / 2, 0), self.canvas.rows - tall)
                left = min(max((columns.start + columns.stop - wide) / 2, 0), self.canvas.columns - wide)
                self.canvas.setRange(xRange=(left, left + wide), yRange=(top, top + tall), padding=0)
                return
        self.reveal(rows, columns)
