"""What of a tensor is looked at and picked; shared by heatmap, table, region field and edit panel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from PySide6.QtCore import QObject, Signal

from weightedit.core.edit import Region
from weightedit.core.errors import RegionError
from weightedit.core.reduction import SliceView
from weightedit.core.region import Box
from weightedit.core.values.matching import is_shown, rectangles
from weightedit.core.values.selecting import Picks

How = Literal["replace", "add", "remove"]
"""What a gesture does with what is picked already."""


class Selection(QObject):
    """The slice that is shown, and what is picked of the tensor, in that slice or elsewhere.

    Attributes
    ----------
    view
        The slice.
    picks
        What is picked; it stays when another slice is shown.

    Signals
    -------
    changed
        Other cells are picked, or none.
    view_changed
        Another slice is shown.
    refused
        (sentence): a gesture asks for what cannot be picked.
    """

    changed = Signal()
    view_changed = Signal()
    refused = Signal(str)

    def __init__(self, shape: tuple[int, ...], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.shape = shape
        self.view = SliceView.of(shape)
        self._shown: Box | None = None
        self.picks = Picks(shape)
        self._before = Picks(shape)  # what was picked before the rectangle that grows now
        self._how: How = "replace"
        self._anchor: tuple[int, int] = (0, 0)
        self._head: tuple[int, int] = (0, 0)
        self._has_head = False

    def set_shape(self, shape: tuple[int, ...]) -> None:
        """Look at a tensor of another shape; who shows it is told by `announce`, once the tensor itself is at hand."""
        self.shape = shape
        self.view = SliceView.of(shape)
        self._shown = None
        self.picks = self._before = Picks(shape)
        self._has_head = False

    def announce(self) -> None:
        """Say that slice and picked cells are others."""
        self.view_changed.emit()
        self.changed.emit()

    def set_view(self, view: SliceView) -> None:
        """Show another slice; what is picked stays picked."""
        if view != self.view:
            self.view = view
            self.view_changed.emit()
            self.changed.emit()

    def show_box(self, box: Box | None) -> None:
        """Say that a box of the tensor is shown at once, as in tiles, instead of the slice."""
        if box != self._shown:
            self._shown = box
            self.view_changed.emit()
            self.changed.emit()

    # ---- what is picked

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of the slice."""
        return self.view.size(self.shape)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is picked, which stands for the whole tensor."""
        return not self.picks

    @property
    def region(self) -> Region:
        """What an edit takes as region: a text, several, or None where nothing is picked."""
        return self.picks.region

    @property
    def text(self) -> str:
        """The region field's text."""
        return self.picks.text

    @property
    def is_in_slice(self) -> bool:
        """Whether the slice that is shown goes through what is picked."""
        if self._shown is not None:
            return any(box.intersection(self._shown).numel for box in self.picks.boxes)
        return is_shown(self.picks, self.view)

    @property
    def slice_box(self) -> Box:
        """All of the slice, as a box of the tensor."""
        if self._shown is not None:
            return self._shown
        rows, columns = self.size
        return self.view.box(self.shape, range(rows), range(columns))

    def cells(self) -> tuple[range, range] | None:
        """Return the rows and columns picked in this slice; None where they are no single rectangle of it."""
        found = self.rectangles()
        return found[0] if found is not None and len(found) == 1 else None

    def rectangles(self) -> list[tuple[range, range]] | None:
        """Return what is picked in this slice as rectangles; None where only single cells can show it."""
        return rectangles(self.picks, self.view)

    # ---- picking

    def pick(self, rows: range, columns: range, how: How = "replace", *, continues: bool = False) -> None:
        """Pick a rectangle of the slice.

        Parameters
        ----------
        rows, columns
            Of the slice.
        how
            Whether it takes the place of what is picked, adds to it, or is taken from it.
        continues
            Whether it takes the place of the rectangle picked last, as while dragging.
        """
        if not continues:
            self._before, self._how = (Picks(self.shape) if how == "replace" else self.picks), how
            self._anchor, self._head = (rows.start, columns.start), (rows.stop - 1, columns.stop - 1)
            self._has_head = True
        else:
            self._head = (rows.start if rows.stop - 1 == self._anchor[0] else rows.stop - 1,
                          columns.start if columns.stop - 1 == self._anchor[1] else columns.stop - 1)  # fmt: skip
        self._grow(rows, columns)

    def pick_boxes(self, boxes: Sequence[Box], how: How = "replace", *, continues: bool = False) -> None:
        """Pick boxes of the tensor, such as tiles, as one gesture; `how` and `continues` are as in `pick`."""
        if not continues:
            self._before, self._how = (Picks(self.shape) if how == "replace" else self.picks), how
        self._has_head = False
        try:
            found = self._before
            for box in boxes:
                found = found.remove(box) if self._how == "remove" else found.add(box)
            self._set(found)
        except RegionError as error:
            self.refused.emit(str(error))

    def point(self, row: int, column: int, how: How = "replace") -> None:
        """Begin a rectangle at a cell, which `stretch` draws larger."""
        self.pick(range(row, row + 1), range(column, column + 1), how)

    def stretch(self, row: int, column: int) -> None:
        """Draw the rectangle that was begun last from its first cell to this one."""
        self._head = (row, column)
        self._has_head = True
        (top, bottom), (left, right) = (sorted(pair) for pair in zip(self._anchor, self._head, strict=True))
        self._grow(range(top, bottom + 1), range(left, right + 1))

    def point_lines(self, is_rows: bool, index: int, how: How = "replace") -> None:
        """Begin with a whole row or column, which `stretch_lines` widens."""
        self._anchor = (index, 0) if is_rows else (0, index)
        self._before, self._how = (Picks(self.shape) if how == "replace" else self.picks), how
        self.stretch_lines(is_rows, index)

    def stretch_lines(self, is_rows: bool, index: int) -> None:
        """Pick the whole rows or columns from the one that was begun with to this one."""
        rows, columns = self.size
        low, high = sorted((self._anchor[0 if is_rows else 1], index))
        self._has_head = True
        self._head = (index, columns - 1) if is_rows else (rows - 1, index)
        lines = range(low, high + 1)
        self._grow(*((lines, range(columns)) if is_rows else (range(rows), lines)))

    def widen(self, is_rows: bool) -> None:
        """Pick the whole rows, or the whole columns, of the rectangle that is picked."""
        cells = self.cells()
        if cells is not None:
            rows, columns = self.size
            self.pick(*((cells[0], range(columns)) if is_rows else (range(rows), cells[1])))

    def _grow(self, rows: range, columns: range) -> None:
        box = self.view.box(self.shape, rows, columns)
        if box.numel == 1:
            box = Box(box.axes, tuple(range(len(self.shape))))
        try:
            if self._how == "remove":
                self._set(self._before.remove(box))
            else:
                self._set(self._before.add(box))
        except RegionError as error:
            self.refused.emit(str(error))

    def _set(self, picks: Picks) -> None:
        if picks != self.picks:
            self.picks = picks
            self.changed.emit()

    def _settle(self, picks: Picks) -> None:
        """Pick something else than a rectangle that grows."""
        self._before, self._how = Picks(self.shape), "replace"
        self._set(picks)

    def pick_text(self, text: str) -> None:
        """Pick what a typed region selects; the slice follows where it can. Raises `RegionError`."""
        picks = Picks.parse(text, self.shape)
        if picks and (len(picks.boxes) == 1 or not is_shown(picks, self.view)):
            first = picks.boxes[0]
            fixed = {dim: first.axes[dim][0] for dim, at in self.view.fixed.items()
                     if len(first.axes[dim]) and (at not in first.axes[dim] or len(first.axes[dim]) == 1)}  # fmt: skip
            self.set_view(SliceView(self.view.rows_dim, self.view.columns_dim, {**self.view.fixed, **fixed}))
        self.pick_picks(picks)

    def pick_picks(self, picks: Picks) -> None:
        """Pick what was put together elsewhere."""
        self._settle(picks)
        cells = self.cells()
        if cells is not None:
            self._anchor, self._head = (cells[0].start, cells[1].start), (cells[0].stop - 1, cells[1].stop - 1)
            self._has_head = True

    def pick_where(self, condition: str) -> None:
        """Pick what fulfils a condition, of the region that is picked or of the whole tensor. Raises `RegionError`."""
        self._settle(self.picks.where(condition))

    def invert(self) -> None:
        """Pick what is not picked."""
        if not self.picks:
            self.refused.emit("Nothing is selected, so there is nothing to invert.")
            return
        try:
            turned = self.picks.inverted()
        except RegionError as error:
            self.refused.emit(str(error))
            return
        if not turned:
            self.refused.emit("Everything is selected, so nothing would be left.")
            return
        self.pick_picks(turned)

    def pick_all(self) -> None:
        """Pick the whole tensor."""
        self.clear()

    def clear(self) -> None:
        """Pick nothing."""
        self._has_head = False
        self._settle(Picks(self.shape))

    def move(self, down: int, right: int, extend: bool) -> tuple[range, range] | None:
        """Move the picked cell, or extend the rectangle picked last; returns where the moving end is."""
        rows, columns = self.size
        if not rows or not columns:
            return None
        if not self._has_head:
            self.point(0, 0)
        else:
            row = min(max(self._head[0] + down, 0), rows - 1)
            column = min(max(self._head[1] + right, 0), columns - 1)
            if extend:
                self.stretch(row, column)
            else:
                self.point(row, column)
        row, column = self._head
        return range(row, row + 1), range(column, column + 1)
