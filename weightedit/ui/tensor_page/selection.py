"""What of a tensor is looked at and picked; shared by heatmap, table, region field and edit panel."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from weightedit.core.reduction import SliceView
from weightedit.core.region import Box, parse_region


def region_text(box: Box, shape: tuple[int, ...]) -> str:
    """Return a box as people type it: `[1152:1536, :]`, with whole dimensions as `:`."""
    parts = []
    for dim, (axis, size) in enumerate(zip(box.axes, shape, strict=True)):
        if dim in box.dropped:
            parts.append(str(axis[0]))
        elif axis == range(size):
            parts.append(":")
        elif isinstance(axis, range):
            parts.append(f"{axis.start}:{axis.stop}" + (f":{axis.step}" if axis.step != 1 else ""))
        else:
            parts.append("[" + ", ".join(map(str, axis)) + "]")
    return f"[{', '.join(parts)}]"


class Selection(QObject):
    """The slice that is shown, and the cells that are picked in it.

    Signals
    -------
    changed
        Other cells are picked, or none.
    view_changed
        Another slice is shown.
    """

    changed = Signal()
    view_changed = Signal()

    def __init__(self, shape: tuple[int, ...], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.shape = shape
        self.view = SliceView.of(shape)
        self.box: Box | None = None
        self._anchor: tuple[int, int] = (0, 0)
        self._head: tuple[int, int] = (0, 0)

    def set_shape(self, shape: tuple[int, ...]) -> None:
        """Look at a tensor of another shape."""
        self.shape = shape
        self.view = SliceView.of(shape)
        self.box = None
        self.view_changed.emit()
        self.changed.emit()

    def set_view(self, view: SliceView) -> None:
        """Show another slice; cells that are picked stay picked where they lie in it."""
        if view != self.view:
            self.view = view
            if self.box is not None and view.cells(self.box) is None:
                self.box = None
            self.view_changed.emit()
            self.changed.emit()

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of the slice."""
        return self.view.size(self.shape)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is picked, which stands for the whole tensor."""
        return self.box is None

    @property
    def region(self) -> str | None:
        """What an edit takes as region: None where nothing is picked."""
        return None if self.box is None else region_text(self.box, self.shape)

    @property
    def text(self) -> str:
        """The region field's text."""
        return region_text(self.box or Box.whole(self.shape), self.shape)

    @property
    def numel(self) -> int:
        """How many values are picked."""
        return (self.box or Box.whole(self.shape)).numel

    def cells(self) -> tuple[range, range] | None:
        """Return the rows and columns picked in this slice; None where it is no rectangle of it."""
        return None if self.box is None else self.view.cells(self.box)

    def pick(self, rows: range, columns: range) -> None:
        """Pick a rectangle of the slice."""
        self._anchor, self._head = (rows.start, columns.start), (rows.stop - 1, columns.stop - 1)
        self._set(rows, columns)

    def _set(self, rows: range, columns: range) -> None:
        box = self.view.box(self.shape, rows, columns)
        if box.numel == 1:
            box = Box(box.axes, tuple(range(len(self.shape))))
        if box != self.box:
            self.box = box
            self.changed.emit()

    def pick_text(self, text: str) -> None:
        """Pick what a typed region selects; the slice follows where it can. Raises `RegionError`."""
        box = parse_region(text, self.shape)
        fixed = {dim: axis[0] for dim, axis in enumerate(box.axes) if len(axis) == 1 and dim in self.view.fixed}
        if fixed:
            self.set_view(SliceView(self.view.rows_dim, self.view.columns_dim, {**self.view.fixed, **fixed}))
        whole = box.is_whole(self.shape) and not box.dropped
        self.box = None if whole else box
        cells = self.cells()
        if cells is not None:
            self._anchor, self._head = (cells[0].start, cells[1].start), (cells[0].stop - 1, cells[1].stop - 1)
        self.changed.emit()

    def pick_all(self) -> None:
        """Pick the whole tensor."""
        self.clear()

    def clear(self) -> None:
        """Pick nothing."""
        if self.box is not None:
            self.box = None
            self.changed.emit()

    def move(self, down: int, right: int, extend: bool) -> tuple[range, range] | None:
        """Move the picked cell, or extend the rectangle from its first cell; returns where the moving end is."""
        rows, columns = self.size
        if not rows or not columns:
            return None
        if self.cells() is None:
            self._anchor = self._head = (0, 0)
        else:
            row = min(max(self._head[0] + down, 0), rows - 1)
            column = min(max(self._head[1] + right, 0), columns - 1)
            self._head = (row, column)
            if not extend:
                self._anchor = self._head
        (top, bottom), (left, right_) = (sorted(pair) for pair in zip(self._anchor, self._head, strict=True))
        self._set(range(top, bottom + 1), range(left, right_ + 1))
        row, column = self._head
        return range(row, row + 1), range(column, column + 1)
