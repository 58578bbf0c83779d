"""The line that says which slice is shown, in which colours, and how close."""

from __future__ import annotations

from PySide6.QtCore import QSize, Signal
from PySide6.QtGui import QIcon, QImage, QPixmap, QResizeEvent
from PySide6.QtWidgets import QComboBox, QFrame, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from weightedit.core.looking.tiling import Tiling
from weightedit.core.reduction import SliceView
from weightedit.core.words.numbers import statistic_text
from weightedit.ui.plots.color_bar import level_text
from weightedit.ui.plots.colormaps import CYCLE, TWO, table
from weightedit.ui.plots.levels import CHOICES, LOSSES, SCALED, Levels
from weightedit.ui.tensor_page.dim_slider import DimSlider
from weightedit.ui.tensor_page.tiles_line import TilesLine
from weightedit.ui.theme import theme
from weightedit.ui.widgets.elided import ElidedLabel
from weightedit.ui.widgets.pieces import icon_button, label, line
from weightedit.ui.widgets.plain import aloud, row_text, tip
from weightedit.ui.widgets.wheel import leave_wheel

HEIGHT = 34
LEAVING_OUT = ((True, True, True), (False, True, True), (False, False, True), (False, False, False))
"""Whether the name of the map, captions, and what is least often pressed are shown, as the bar gets narrower."""
BESIDE_TEXT = 32
"""What a combo needs beside its text; the style sheet's padding is not in the size Qt works out by itself."""
DEAD_LEAST = 130
"""Room for what is said of dead tiles before it is cut."""
SLIDERS = 28
"""How much higher the bar is with sliders."""
PIXELS = ("Colour map. A pixel over several cells shows their root mean square with the sign of the largest, "
          "or the largest itself where it is far past the levels.")  # fmt: skip
SWATCH = QSize(38, 11)


def swatch(name: str) -> QIcon:
    """Draw a colour map as the icon of its entry."""
    colors = table(name, theme.name)
    row = colors[:: max(1, len(colors) // SWATCH.width())]
    image = QImage(row.tobytes(), len(row), 1, 4 * len(row), QImage.Format.Format_RGBA8888)
    return QIcon(QPixmap.fromImage(image.scaled(SWATCH)))


def levels_text(levels: Levels) -> str:
    """Return `±0.50 · 99.9 %`, `0 … 1.289 · min–max`, `±0.50 · log` or `per row`."""
    if levels.source in LOSSES:
        return LOSSES[levels.source]
    if levels.source in (*SCALED, "phase"):
        return CHOICES[levels.source]
    ends = f"±{level_text(levels.high)[1:]}" if levels.is_symmetric else \
        f"{statistic_text(levels.low)} … {statistic_text(levels.high)}"  # fmt: skip
    return f"{ends} · {CHOICES[levels.source]}"


def fit(combo: QComboBox, named: bool = True) -> None:
    """Make a combo as wide as its choice, or as its icon alone, and its list as wide as the longest choice."""
    metrics = combo.fontMetrics()
    icon = combo.iconSize().width() + 6 if combo.count() and not combo.itemIcon(0).isNull() else 0
    texts = [combo.itemText(at) for at in range(combo.count())]
    combo.setFixedWidth(BESIDE_TEXT + icon + (metrics.horizontalAdvance(combo.currentText()) if named else -4))
    widest = max((metrics.horizontalAdvance(text) for text in texts), default=0)
    combo.view().setMinimumWidth(widest + icon + 32)


class DimsBar(QFrame):
    """Rows, columns, sliders, tiles, colour map, levels and zoom.

    Signals
    -------
    view_chosen
        (SliceView)
    tiling_chosen
        (Tiling)
    map_chosen
        (name of a colour map)
    levels_chosen
        (a key of `levels.TITLES`)
    phase_chosen
        (whether the phase of complex values is shown)
    """

    view_chosen = Signal(object)
    tiling_chosen = Signal(object)
    map_chosen = Signal(str)
    levels_chosen = Signal(str)
    phase_chosen = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("surface", "panel")
        self.setFixedHeight(HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.rows, self.columns = self._combo("Rows"), self._combo("Columns")
        self.maps, self.levels = self._combo("Colour map"), self._combo("Levels")
        self.parts = self._combo("Part of complex values")
        self.square = icon_button("grid", "Square cells", 26)
        self.tiles = icon_button("tiles", "Show tiles: kernels, heads or experts side by side  T", 26)
        self.crosshair = icon_button("crosshair", "Crosshair  C", 26)
        for toggle in (self.square, self.tiles, self.crosshair):
            toggle.setCheckable(True)
        self.dead = ElidedLabel("", "secondary")
        self.next_dead = icon_button("arrow-right", "Next dead tile  D", 24, 14)
        self.pick_dead = icon_button("region", "Select every dead tile", 24, 14)
        self.tiles_line = TilesLine()
        self.zoom_out = icon_button("zoom-out", "Zoom out  −", 26)
        self.fit = icon_button("fit", "Fit  0", 26)
        self.zoom_in = icon_button("zoom-in", "Zoom in  +", 26)
        self.maps.setToolTip(PIXELS)
        self.picture_controls: list[QWidget] = [self.maps, self.levels, self.tiles, self.crosshair, self.square,
                                                self.zoom_out, self.fit, self.zoom_in]  # fmt: skip
        self.rows_label, self.columns_label = label("Rows", "caption"), label("Columns", "caption")
        self._shape: tuple[int, ...] = ()
        self._view = SliceView(None, None)
        self._dims: list[DimSlider] = []
        self._is_picture = True
        self._tiling: Tiling | None = None
        self._is_complex = False
        self._lay_out()
        self.rows.activated.connect(lambda _: self._choose(rows=self.rows.currentData()))
        self.columns.activated.connect(lambda _: self._choose(columns=self.columns.currentData()))
        self.maps.activated.connect(lambda _: self.map_chosen.emit(self.maps.currentData()))
        self.levels.activated.connect(lambda _: self.levels_chosen.emit(self.levels.currentData()))
        self.parts.activated.connect(lambda at: self.phase_chosen.emit(at == 1))
        self.tiles_line.chosen.connect(self.tiling_chosen)
        theme.changed.connect(self._paint_swatches)

    def _combo(self, name: str) -> QComboBox:
        made = QComboBox()
        leave_wheel(made)
        made.setProperty("kind", "quiet")
        made.setAccessibleName(aloud(name))
        made.setToolTip(tip(name))
        made.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        return made

    def _lay_out(self) -> None:
        self.maps.setIconSize(SWATCH)
        self.parts.addItems(["abs", "phase"])
        row = QHBoxLayout()
        row.setContentsMargins(14, 0, 12, 0)
        row.setSpacing(4)
        for widget in (self.rows_label, self.rows, self.columns_label, self.columns):
            row.addWidget(widget)
        row.addWidget(self.dead, 20)
        row.addWidget(self.next_dead)
        row.addWidget(self.pick_dead)
        row.addStretch(1)
        for widget in (self.parts, self.maps, self.levels):
            row.addWidget(widget)
        self._parting = line(vertical=True)
        self._parting.setFixedHeight(16)
        row.addWidget(self._parting)
        for button in (self.tiles, self.crosshair, self.square, self.zoom_out, self.fit, self.zoom_in):
            row.addWidget(button)
        self._row = row
        self._sliders = QHBoxLayout()
        self._sliders.setContentsMargins(14, 0, 12, 4)
        self._sliders.setSpacing(18)
        self._sliders.addWidget(self.tiles_line)
        self._sliders.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(row, 1)
        column.addLayout(self._sliders)

    def _paint_swatches(self) -> None:
        for place in range(self.maps.count()):
            self.maps.setItemIcon(place, swatch(self.maps.itemData(place)))

    def show_view(self, shape: tuple[int, ...], view: SliceView) -> None:
        """Show which slice of a shape is looked at."""
        dims = view.rows_dim, view.columns_dim, set(view.fixed)
        rebuilt = shape != self._shape or dims != (self._view.rows_dim, self._view.columns_dim, set(self._view.fixed))
        self._shape, self._view = shape, view
        if not rebuilt:
            for dim, slider in zip(sorted(view.fixed), self._dims, strict=True):
                slider.slider.setValue(view.fixed[dim])
            return
        for combo, shown in ((self.rows, view.rows_dim), (self.columns, view.columns_dim)):
            combo.clear()
            for dim, size in enumerate(shape):
                combo.addItem(row_text(f"{dim} · {size}"), dim)
            combo.setCurrentIndex(-1 if shown is None else shown)
            fit(combo)
        self._make_room()
        self._fill_sliders()

    def show_tiling(self, tiling: Tiling | None, dead: str, has_dead: bool, can_be: bool) -> None:
        """Show which tiles are on, and what is said of dead ones; `can_be` is whether tiles can be turned on."""
        self._tiling = tiling
        self.tiles.setChecked(tiling is not None)
        self.tiles.setEnabled(can_be)
        self.dead.setText(dead)
        for button in (self.next_dead, self.pick_dead):
            button.setProperty("wanted", has_dead)
        if tiling is not None:
            self.tiles_line.show_tiling(tiling)
        self._make_room()
        self._fit_height()

    def show_parts(self, is_complex: bool, is_phase: bool) -> None:
        """Offer magnitude and phase of complex values."""
        self._is_complex = is_complex
        self.parts.setCurrentIndex(int(is_phase))
        fit(self.parts)
        self._make_room()

    @property
    def is_picture(self) -> bool:
        """Whether it is about the heatmap, the one view that has tiles."""
        return self._is_picture

    def _fill_sliders(self) -> None:
        for old in self._dims:
            self._sliders.removeWidget(old)
            old.hide()
            old.deleteLater()
        self._dims = []
        for dim, at in sorted(self._view.fixed.items()):
            made = DimSlider(dim, self._shape[dim], at)
            made.moved.connect(self._moved)
            self._sliders.insertWidget(len(self._dims), made)
            self._dims.append(made)
        self._fit_height()

    def _fit_height(self) -> None:
        tiled = self._tiling is not None and self._is_picture
        self.tiles_line.setVisible(tiled)
        self.setFixedHeight(HEIGHT + (SLIDERS if self._dims or tiled else 0))

    def _moved(self, dim: int, at: int) -> None:
        view = SliceView(self._view.rows_dim, self._view.columns_dim, {**self._view.fixed, dim: at})
        if view != self._view:
            self._view = view
            self.view_chosen.emit(view)

    def _choose(self, rows: int | None = None, columns: int | None = None) -> None:
        view = self._view
        if rows is not None and rows != view.rows_dim:
            columns = view.rows_dim if rows == view.columns_dim else view.columns_dim
        elif columns is not None and columns != view.columns_dim:
            rows = view.columns_dim if columns == view.rows_dim else view.rows_dim
        else:
            return
        fixed = {dim: view.fixed.get(dim, 0) for dim in range(len(self._shape)) if dim not in (rows, columns)}
        self.view_chosen.emit(SliceView(rows, columns, fixed))

    def show_map(self, name: str, choices: tuple[str, ...]) -> None:
        """Show which colour map is on, and which can be."""
        if [self.maps.itemData(place) for place in range(self.maps.count())] != list(choices):
            self.maps.clear()
            for choice in choices:
                title = {TWO: "Two colours", CYCLE: "Cycle"}.get(choice, choice)
                self.maps.addItem(swatch(choice), row_text(title), choice)
        self.maps.setCurrentIndex(self.maps.findData(name))
        self.maps.setEnabled(len(choices) > 1)
        self._make_room()

    def show_levels(self, levels: Levels, offered: dict[str, Levels]) -> None:
        """Show the levels that are on, and the ones that could be."""
        self.levels.clear()
        for source, found in offered.items():
            self.levels.addItem(row_text(levels_text(found)), source)
        place = self.levels.findData(levels.source)
        if place < 0:
            self.levels.insertItem(0, levels_text(levels), levels.source)
            place = 0
        self.levels.setCurrentIndex(place)
        fit(self.levels)
        self._make_room()

    def add_control(self, control: QWidget) -> None:
        """Take in at the right end what belongs to another view, which shows and hides it."""
        self._row.addWidget(control)

    def show_picture_controls(self, shown: bool) -> None:
        """Hide what only a picture needs while the table is shown."""
        self._is_picture = shown
        for widget in (*self.picture_controls, self._parting):
            widget.setVisible(shown)
        self._make_room()
        self._fit_height()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave out what is least needed where there is little room."""
        super().resizeEvent(event)
        self._make_room()

    def _make_room(self) -> None:
        tiled = self._tiling is not None and self._is_picture
        rows, columns = len(self._shape) > 1 and not tiled, len(self._shape) > 0 and not tiled
        self.rows.setVisible(rows)
        self.columns.setVisible(columns)
        self.dead.setVisible(tiled)
        for button in (self.next_dead, self.pick_dead):
            button.setVisible(tiled and bool(button.property("wanted")))
        self.parts.setVisible(self._is_complex and self._is_picture)
        for combo in (self.maps, self.levels):  # which offer nothing before the statistics are there
            combo.setVisible(self._is_picture and combo.count() > 0)
        for named, captions, every in LEAVING_OUT:
            fit(self.maps, named)
            self.rows_label.setVisible(captions and rows)
            self.columns_label.setVisible(captions and columns)
            for button in (self.square, self.crosshair):
                button.setVisible(every and self._is_picture)
            if self._needed() <= self.width():
                break

    def _needed(self) -> int:
        """Return how wide what is shown has to be."""
        margins = self._row.contentsMargins()
        found = (self._row.itemAt(place).widget() for place in range(self._row.count()))  # type: ignore[union-attr]
        shown = [widget for widget in found if widget is not None and not widget.isHidden()]
        wide = [DEAD_LEAST if widget is self.dead else max(widget.minimumWidth(), min(widget.maximumWidth(),
                widget.sizeHint().width())) for widget in shown]  # fmt: skip
        return sum(wide) + self._row.spacing() * (len(shown) + 1) + margins.left() + margins.right()
