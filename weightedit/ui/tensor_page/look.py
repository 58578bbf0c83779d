"""Joins the dims bar with the heatmap: what is chosen there is shown here, and the other way round."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from weightedit.core.reduction import SliceView

if TYPE_CHECKING:
    from weightedit.ui.tensor_page.dims_bar import DimsBar
    from weightedit.ui.tensor_page.heatmap_pane import HeatmapPane
    from weightedit.ui.tensor_page.selection import Selection


class Look(QObject):
    """How one tensor is looked at: slice or tiles, map, levels, crosshair."""

    def __init__(self, dims: DimsBar, pane: HeatmapPane, selection: Selection) -> None:
        super().__init__(dims)
        self._dims, self._pane, self._selection = dims, pane, selection
        heatmap, tiles = pane.heatmap, pane.tiles
        dims.view_chosen.connect(self._choose_view)
        dims.tiling_chosen.connect(tiles.choose)
        dims.map_chosen.connect(pane.choose_map)
        dims.levels_chosen.connect(pane.choose_levels)
        dims.phase_chosen.connect(pane.show_phase)
        dims.zoom_in.clicked.connect(heatmap.zoom_in)
        dims.zoom_out.clicked.connect(heatmap.zoom_out)
        dims.fit.clicked.connect(heatmap.fit)
        dims.square.toggled.connect(heatmap.canvas.set_square)
        dims.tiles.clicked.connect(tiles.turn)
        dims.crosshair.toggled.connect(heatmap.set_crosshair)
        dims.next_dead.clicked.connect(lambda: pane.picking.next_dead(1))
        dims.pick_dead.clicked.connect(pane.picking.pick_dead)
        pane.look_changed.connect(self._show_look)
        selection.view_changed.connect(self.show_view)
        tiles.laid_out.connect(self.show_view)
        tiles.found.connect(self._show_dead)

    def _choose_view(self, view: SliceView) -> None:
        tiling = self._pane.tiling
        if tiling is None or not self._dims.is_picture:
            self._selection.set_view(view)
        else:
            self._pane.tiles.choose(replace(tiling, fixed=dict(view.fixed)))

    def show_view(self) -> None:
        """Show which slice or tiles are looked at; views beside the heatmap have slices alone."""
        tiling, view = self._pane.tiling, self._selection.view
        if tiling is not None and self._dims.is_picture:
            view = SliceView(tiling.rows_dim, tiling.columns_dim, tiling.fixed)
        self._dims.show_view(self._selection.shape, view)
        self._show_dead()

    def _show_dead(self) -> None:
        tiles = self._pane.tiles
        self._dims.show_tiling(tiles.tiling, tiles.sentence(), bool(tiles.dead), tiles.can_be)

    def _show_look(self) -> None:
        leveling, pinned = self._pane.leveling, self._pane.pinned
        self._dims.show_map(leveling.map_name, leveling.map_choices)
        self._dims.show_levels(leveling.levels, leveling.offered())
        self._dims.show_parts(pinned is not None and pinned.spec.type.family == "complex", leveling.is_phase)
        self._dims.tiles.setEnabled(self._pane.tiles.can_be)
