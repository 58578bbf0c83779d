"""The heatmap of a tensor: asks for pictures in the background and shows the latest."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from weightedit.core.numbers import bits_text, index_text, value_text
from weightedit.core.pinned import PinnedTensor
from weightedit.core.reduction import Reduced, cells, find_nonfinite, preview, reduce
from weightedit.core.statistics import Statistics
from weightedit.ui.plots.colormaps import DEFAULT_MAPS
from weightedit.ui.plots.heatmap import Heatmap
from weightedit.ui.plots.levels import Levels, kind_of, levels_of
from weightedit.ui.plots.overlay import HoverText
from weightedit.ui.tasks import TaskProgress, Tasks
from weightedit.ui.tensor_page.facts import Facts
from weightedit.ui.tensor_page.selection import How, Selection

PREVIEW_FROM = 1 << 20
"""Values from which on a sample is shown first."""


class HeatmapPane(QWidget):
    """Shows one pinned tensor, and follows and sets the selection.

    Signals
    -------
    read
        (index, value, bits) under the pointer, empty texts where there is none.
    look_changed
        Map, levels or the offered levels are others now.
    failed
        (exception) of reading the tensor.
    shown
        (Reduced): a picture came.
    """

    read = Signal(str, str, str)
    look_changed = Signal()
    failed = Signal(object)
    shown = Signal(object)

    def __init__(self, tasks: Tasks, facts: Facts, selection: Selection, maps: dict[str, str],
                 parent: QWidget | None = None) -> None:  # fmt: skip
        super().__init__(parent)
        self._tasks, self._facts, self._selection, self._maps = tasks, facts, selection, maps
        self.heatmap = Heatmap()
        self.pinned: PinnedTensor | None = None
        self.statistics: Statistics | None = None
        self.levels = Levels(-1.0, 1.0)
        self.kind = "signed"
        self._choice = ""
        self._by_hand: Levels | None = None
        self._hovered: tuple[int, int] | None = None
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.heatmap)
        self.heatmap.wanted.connect(self._request)
        self.heatmap.hovered.connect(self._hover)
        self.heatmap.picked.connect(self._pick)
        self.heatmap.moved.connect(self._move)
        self.heatmap.levels_dragged.connect(self._drag_levels)
        self.heatmap.levels_reset.connect(lambda: self.choose_levels(""))
        selection.changed.connect(self._show_picks)
        selection.view_changed.connect(self._show_slice)

    def _group(self, what: str) -> str:
        return f"{what} {id(self)}"

    # ---- the tensor

    def show_pinned(self, pinned: PinnedTensor) -> None:
        """Show a state of the tensor; the slice stays where the shape does."""
        same = self.pinned is not None and self.pinned.spec.shape == pinned.spec.shape
        changed_type = self.pinned is None or self.pinned.spec.dtype != pinned.spec.dtype
        self.pinned = pinned
        if changed_type:
            self._by_hand, self.statistics = None, None
            self._choice = ""
        if same and not changed_type:
            self._request()
        else:
            self._show_slice()
        hovered, self._hovered = self._hovered, None
        if same and hovered is not None and self.isVisible():
            self._hover(hovered)  # the value under the pointer is another one now
        self._facts.release(self)
        self._facts.request(self, pinned, lambda found: self._take_statistics(pinned, found), self.failed.emit)

    def _take_statistics(self, pinned: PinnedTensor, found: Statistics) -> None:
        if pinned is not self.pinned:
            return
        self.statistics = found
        self.kind = kind_of(pinned.spec.type.family, pinned.spec.dtype, found)
        self.heatmap.show_statistics(found)
        self._relevel()

    def _show_slice(self) -> None:
        if self.pinned is None:
            return
        rows, columns = self._selection.size
        self.heatmap.show_slice(rows, columns)
        self._show_picks()
        self._request()

    # ---- levels and map

    @property
    def map_name(self) -> str:
        """The colour map chosen for this kind of values."""
        return self._maps.get(self.kind, DEFAULT_MAPS[self.kind])

    def choose_map(self, name: str) -> None:
        """Use another colour map for this kind of values."""
        self._maps[self.kind] = name
        self.heatmap.show_levels(self.levels, name)
        self.look_changed.emit()

    def choose_levels(self, source: str) -> None:
        """Use `symmetric` or `minmax` levels, or the kind's own."""
        self._choice, self._by_hand = source, None
        self._relevel()

    def offered_levels(self) -> dict[str, Levels]:
        """Return the levels a person can choose between."""
        found = self.statistics
        if found is None:
            return {self.levels.source: self.levels}
        return {source: levels_of(self.kind, found, source) for source in ("symmetric", "minmax")}

    def _drag_levels(self, levels: Levels) -> None:
        self._by_hand = self.levels = levels
        self.heatmap.show_levels(levels, self.map_name, dragging=True)
        self.look_changed.emit()

    def _relevel(self) -> None:
        if self._by_hand is not None:
            self.levels = self._by_hand
        elif self.statistics is not None:
            self.levels = levels_of(self.kind, self.statistics, self._choice)
        self.heatmap.show_levels(self.levels, self.map_name)
        self.look_changed.emit()

    # ---- pictures

    def _request(self) -> None:
        pinned = self.pinned
        rows, columns = self.heatmap.visible()
        if pinned is None or not self.isVisible():
            return
        view, size = self._selection.view, self.heatmap.wanted_pixels()
        if not rows or not columns:
            return

        def exact(progress: TaskProgress) -> Reduced:
            return reduce(pinned, view, rows, columns, *size, progress)

        def first(progress: TaskProgress) -> Reduced:
            return preview(pinned, view, rows, columns, *size)

        def previewed(found: Reduced) -> None:
            self._show(found)
            self._start(exact, self._show)

        if len(rows) * len(columns) >= PREVIEW_FROM:
            self._start(first, previewed)
        else:
            self._start(exact, self._show)

    def _start(self, work: Callable[[TaskProgress], Reduced], then: Callable[[Reduced], None]) -> None:
        self._tasks.start("Heatmap", work, on_result=then, on_error=self.failed.emit, group=self._group("heatmap"))

    def _show(self, found: Reduced) -> None:
        if self.statistics is None and self._by_hand is None:
            # until the statistics are there, levels that fit the pixels
            sizes = np.abs(found.extreme)
            end = float(np.nanmax(sizes)) if np.isfinite(sizes).any() else 1.0
            self.levels = Levels(-(end or 1.0), end or 1.0)
            self.heatmap.color_bar.show_levels(self.levels, self.map_name)
        self.heatmap.show_reduced(found, self.levels, self.map_name)
        self.shown.emit(found)

    def showEvent(self, event: object) -> None:
        """Ask for the picture that was put off while nobody looked."""
        super().showEvent(event)  # type: ignore[arg-type]
        self._request()

    # ---- what is picked

    def _pick(self, rows: range, columns: range, how: How, continues: bool) -> None:
        self._selection.pick(rows, columns, how, continues=continues)

    def _show_picks(self) -> None:
        self.heatmap.show_selection(self._selection.rectangles())

    # ---- pointer and keys

    def _hover(self, cell: tuple[int, int] | None) -> None:
        if cell == self._hovered:
            return
        self._hovered = cell
        pinned, view = self.pinned, self._selection.view
        if cell is None or pinned is None or not pinned.spec.numel:
            self._tasks.cancel_group(self._group("hover"))
            self.heatmap.show_hover(None)
            self.read.emit("", "", "")
            return
        row, column = cell

        def work(progress: TaskProgress) -> tuple[str, str, float]:
            array = cells(pinned, view, range(row, row + 1), range(column, column + 1))
            from weightedit.core.codes import numbers

            number = float(numbers(array, pinned.spec.dtype).reshape(-1)[0])
            value = array.reshape(-1)[0]
            return value_text(value, pinned.spec.dtype), bits_text(value, pinned.spec.dtype), number

        def done(found: tuple[str, str, float]) -> None:
            self._show_value(view.index(pinned.spec.shape, row, column), *found)

        self._tasks.start("Value", work, on_result=done, on_error=self.failed.emit, group=self._group("hover"),
                          quiet=True)  # fmt: skip

    def _show_value(self, index: tuple[int, ...], value: str, bits: str, number: float) -> None:
        if self.pinned is None:
            return
        token = "nan" if "nan" in value else "neginf" if value == "-inf" else "posinf" if "inf" in value else "text"
        note = ""
        found = self.statistics
        if found is not None and found.std and found.mean is not None and np.isfinite(number):
            note = f"{abs(number - found.mean) / found.std:,.1f} σ from the mean"
        text = HoverText(index_text(index), value, f"{self.pinned.spec.type.short} {bits}", note, token)
        self.heatmap.show_hover(text)
        self.read.emit(index_text(index), value, bits)

    def _move(self, down: int, right: int, extend: bool) -> None:
        at = self._selection.move(down, right, extend)
        if at is not None:
            self.heatmap.reveal(*at)

    def go_to_nonfinite(self, step: int, say: Callable[[str], None]) -> None:
        """Select the next (or last) cell that is NaN or infinite."""
        pinned, view = self.pinned, self._selection.view
        if pinned is None or not pinned.spec.numel:
            return
        rows, columns = self._selection.size
        picked = self._selection.cells()
        start = (picked[0].start, picked[1].start) if picked else (rows - 1, columns - 1) if step > 0 else (0, 0)

        def work(progress: TaskProgress) -> tuple[int, int] | None:
            return find_nonfinite(pinned, view, start, step, progress)

        def done(found: tuple[int, int] | None) -> None:
            if found is None:
                say("No NaN and no Inf here.")
                return
            row, column = range(found[0], found[0] + 1), range(found[1], found[1] + 1)
            self._selection.pick(row, column)
            self.heatmap.reveal(row, column)

        self._tasks.start("Looking for NaN and Inf", work, on_result=done, on_error=self.failed.emit,
                          group=self._group("nonfinite"))  # fmt: skip

    def cancel(self) -> None:
        """Stop everything that is under way for this pane."""
        self._facts.release(self)
        for what in ("heatmap", "hover", "nonfinite"):
            self._tasks.cancel_group(self._group(what))


