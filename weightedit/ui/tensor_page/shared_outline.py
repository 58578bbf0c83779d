"""Outlines cells of a page that change with those selected in another tab: in the heatmap and in the table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from weightedit.core.shared.shared_cells import SharedCells
from weightedit.core.values.matching import rectangles
from weightedit.core.values.selecting import Picks

if TYPE_CHECKING:
    from weightedit.ui.tensor_page.page import TensorPage

Cells = tuple[range, range]
MOST = 600
"""Outlines that are drawn as such; around more of them goes one."""


class SharedOutline(QObject):
    """Keeps the outlines of one page where its slice, or its tiles, have the cells."""

    def __init__(self, page: TensorPage) -> None:
        super().__init__(page)
        self._page = page
        self._cells: SharedCells | None = None
        self._label = ""
        page.selection.view_changed.connect(self._place)
        page.heatmap_pane.shown.connect(lambda _: self._place())

    def show_cells(self, cells: SharedCells | None, label: str) -> None:
        """Outline other cells, in the colour of their storage group; None takes the outlines away."""
        if cells is not self._cells or label != self._label:
            self._cells, self._label = cells, label
            self._place()

    def _place(self) -> None:
        page = self._page
        shape = page.selection.shape
        cells = self._cells
        if cells is None or any(len(box.axes) != len(shape) for box in cells.boxes):
            in_slice: list[Cells] = []
            in_picture: list[Cells] = []
        else:
            in_slice = self._in_slice(cells, shape)
            in_picture = in_slice if page.heatmap_pane.tiling is None else self._in_tiles(cells)
        page.heatmap_pane.heatmap.show_shared(in_picture, self._label)
        page.values_pane.table.show_shared(in_slice, self._label)

    def _in_slice(self, cells: SharedCells, shape: tuple[int, ...]) -> list[Cells]:
        found = rectangles(Picks(shape, cells.boxes), self._page.selection.view)
        if found is None or len(found) > MOST:
            bounds = cells.bounds
            found = None if bounds is None else rectangles(Picks(shape, (bounds,)), self._page.selection.view)
        return found or []

    def _in_tiles(self, cells: SharedCells) -> list[Cells]:
        tiling = self._page.heatmap_pane.tiling
        assert tiling is not None
        return [one for box in cells.boxes for one in tiling.rectangles(box, MOST)]
