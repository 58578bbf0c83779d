"""Tints the cells of a heatmap that are picked, where no rectangle can show them."""

from __future__ import annotations

from PySide6.QtCore import QObject

from weightedit.core.looking.tile_matching import picked_pixels
from weightedit.core.looking.tiling import Tiling
from weightedit.ui.plots.overlay import Tint
from weightedit.ui.tasks import TaskProgress, Tasks
from weightedit.ui.tensor_page.heatmap_pane import HeatmapPane
from weightedit.ui.tensor_page.lookup import Lookup
from weightedit.ui.tensor_page.selection import Selection

DOT = 3
"""Pixels down and across that stand for one, so that a single cell is seen in a large slice."""


class Tinting(QObject):
    """Looks the visible cells up in the background, whenever others are visible or picked."""

    def __init__(self, pane: HeatmapPane, lookup: Lookup, selection: Selection, tasks: Tasks) -> None:
        super().__init__(pane)
        self._pane, self._lookup, self._selection, self._tasks = pane, lookup, selection, tasks
        self._asked: object = None
        pane.heatmap.wanted.connect(self._request)
        pane.shown.connect(self._request)
        selection.changed.connect(self._request)

    @property
    def _group(self) -> str:
        return f"tint {id(self)}"

    def _request(self, _: object = None) -> None:
        heatmap, selection, lookup = self._pane.heatmap, self._selection, self._lookup
        make = lookup.matcher()
        tiling = self._pane.tiling
        shown = selection.rectangles() if tiling is None else self._pane.picking.rectangles(tiling)
        if make is None or shown is not None or not selection.is_in_slice:
            self._tasks.cancel_group(self._group)
            self._asked = None
            heatmap.show_tint(None)
            return
        (rows, columns), (height, width) = heatmap.visible(), heatmap.wanted_pixels()
        view = tiling or selection.view
        asked = (lookup.pinned, selection.picks, view, rows, columns, height, width)
        if not heatmap.isVisible() or not rows or not columns or asked == self._asked:
            return
        self._asked = asked

        def work(progress: TaskProgress) -> Tint:
            size = max(height // DOT, 1), max(width // DOT, 1)
            if isinstance(view, Tiling):
                return Tint(picked_pixels(make(progress), view, rows, columns, *size, progress), rows, columns)
            return Tint(make(progress).pixels(view, rows, columns, *size, progress), rows, columns)

        self._tasks.start("Selected cells", work, on_result=heatmap.show_tint, on_error=lambda _: None,
                          group=self._group, quiet=True)  # fmt: skip

    def cancel(self) -> None:
        """Stop looking."""
        self._tasks.cancel_group(self._group)
