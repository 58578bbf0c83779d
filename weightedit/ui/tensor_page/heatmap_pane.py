"""The heatmap of a tensor: asks for pictures in the background and shows the latest, slice by slice or in tiles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from PySide6.QtCore import Signal
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QVBoxLayout, QWidget

from weightedit.core.looking.pixels import Reduced
from weightedit.core.looking.tiling import Tiling
from weightedit.core.progress import Progress
from weightedit.core.reduction import SliceView
from weightedit.core.region import Box
from weightedit.core.statistics import Statistics
from weightedit.core.values.codes import numbers
from weightedit.core.values.pinned import PinnedTensor
from weightedit.core.words.numbers import bits_text, index_text, value_text
from weightedit.ui.plots.coloring import Colored, Look
from weightedit.ui.plots.heatmap import Heatmap
from weightedit.ui.plots.levels import Levels
from weightedit.ui.tasks import TaskProgress, Tasks
from weightedit.ui.tensor_page.facts import Facts
from weightedit.ui.tensor_page.going import Going
from weightedit.ui.tensor_page.hover_card import value_card
from weightedit.ui.tensor_page.leveling import Leveling
from weightedit.ui.tensor_page.pictures import picture_of, pixels_of
from weightedit.ui.tensor_page.picturing import Wanted
from weightedit.ui.tensor_page.selection import How, Selection
from weightedit.ui.tensor_page.sides import Sides
from weightedit.ui.tensor_page.tile_picking import TilePicking
from weightedit.ui.tensor_page.tiles import Tiles
from weightedit.ui.theme import theme

Index = tuple[int, ...]


class HeatmapPane(QWidget):
    """Shows one pinned tensor, and follows and sets the selection.

    Attributes
    ----------
    tiles
        The tiles, while they are on.
    leveling
        Levels and colour map.
    sides
        What is shown of an edit that is previewed.
    going
        What goes to cells.

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
    heatmap: Heatmap

    def __init__(self, tasks: Tasks, facts: Facts, selection: Selection, maps: dict[str, str],
                 parent: QWidget | None = None) -> None:  # fmt: skip
        super().__init__(parent)
        self._tasks, self._facts, self._selection = tasks, facts, selection
        self.heatmap = Heatmap()
        self.heatmap.coloring.later = lambda work, done: tasks.start("Colours", lambda _: work(), on_result=done)
        self.pinned: PinnedTensor | None = None
        self.leveling = self._own = Leveling(maps)
        self.tiles = Tiles(tasks, self)
        self.going = Going(self, selection, tasks)
        self.picking = TilePicking(self, selection)
        self.sides = Sides(self, tasks, maps)
        self._hovered: tuple[int, int] | None = None
        self._scaled = ""
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.heatmap)
        self.heatmap.wanted.connect(self._settled)
        self.heatmap.hovered.connect(self._hover)
        self.heatmap.picked.connect(self._pick)
        self.heatmap.moved.connect(self._move)
        self.heatmap.levels_dragged.connect(self._drag_levels)
        self.heatmap.levels_reset.connect(lambda: self.choose_levels(""))
        self.tiles.laid_out.connect(self._lay_out)
        self.tiles.found.connect(lambda: self.heatmap.show_tiles(self.tiles.grid()))
        selection.changed.connect(self._show_picks)
        selection.view_changed.connect(self._follow_view)

    def _group(self, what: str) -> str:
        return f"{what} {id(self)}"

    @property
    def hover_group(self) -> str:
        """The group of tasks that read what is under the pointer."""
        return self._group("hover")

    @property
    def tiling(self) -> Tiling | None:
        """The tiles that are shown; None while slices are."""
        return self.tiles.tiling

    @property
    def view(self) -> SliceView | Tiling:
        """What rows and columns of the heatmap mean."""
        return self.tiles.tiling or self._selection.view

    # ---- the tensor

    def show_pinned(self, pinned: PinnedTensor) -> None:
        """Show a state of the tensor; the slice stays where the shape does."""
        same = self.pinned is not None and self.pinned.spec.shape == pinned.spec.shape
        changed_type = self.pinned is None or self.pinned.spec.dtype != pinned.spec.dtype
        self.pinned = pinned
        if changed_type:
            self._own.forget()
        self.tiles.show_pinned(pinned, pinned.name)
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
        if pinned is self.pinned:
            self._own.take(pinned.spec.type.family, pinned.spec.dtype, found)
            self.show_side_statistics()

    def show_side(self, leveling: Leveling | None) -> None:
        """Show the side of a preview that `sides` says, in levels of its own or in those of the tensor."""
        self.leveling = leveling or self._own
        self.leveling.tiled = self.tiling is not None
        self.show_side_statistics()
        self._request()
        hovered, self._hovered = self._hovered, None
        self._hover(hovered if self.isVisible() else None)

    def show_side_statistics(self) -> None:
        """Show histogram, counts and levels of what is shown."""
        shows_side = self.sides.readable is not None
        self.heatmap.show_statistics(self.sides.known() if shows_side else self._own.statistics)
        self._relevel()

    def _follow_view(self) -> None:
        if self.tiling is None and self.heatmap.dressing.tiles is None:
            self._show_slice()

    def _show_slice(self) -> None:
        if self.pinned is None:
            return
        rows, columns = self._selection.size if self.tiling is None else self.tiling.size
        self.heatmap.show_slice(rows, columns, self.tiles.grid())
        self._show_picks()
        self._request()

    def _lay_out(self) -> None:
        self._own.tiled = self.tiling is not None
        self.picking.forget()
        self._show_slice()
        self._relevel()
        if self.isVisible():
            self._selection.show_box(None if self.tiling is None else self.tiling.shown)

    # ---- levels and map

    @property
    def levels(self) -> Levels:
        """The levels in use."""
        return self.leveling.levels

    @property
    def map_name(self) -> str:
        """The colour map chosen for this kind of values."""
        return self.leveling.map_name

    def choose_map(self, name: str) -> None:
        """Use another colour map for this kind of values."""
        if name in self.leveling.map_choices:
            self.leveling.maps[self.leveling.kind] = name
            self.heatmap.show_levels(self.levels, name)
            self.look_changed.emit()

    def choose_levels(self, source: str) -> None:
        """Use other levels, a key of `levels.TITLES`, or the kind's own."""
        self.leveling.choose(source)
        self._relevel()

    def show_phase(self, on: bool) -> None:
        """Show the phase of complex values, or their magnitude."""
        if self.pinned is not None and self.pinned.spec.type.family == "complex":
            self.leveling.is_phase = on
            self._relevel()
            self._request()

    def offered_levels(self) -> dict[str, Levels]:
        """Return the levels a person can choose between."""
        return self.leveling.offered()

    def _drag_levels(self, levels: Levels) -> None:
        self.leveling.drag(levels)
        self.heatmap.show_levels(levels, self.map_name, dragging=True)
        self.look_changed.emit()

    def _relevel(self) -> None:
        self.leveling.settle()
        if self.leveling.scaled != self._scaled:
            self._scaled = self.leveling.scaled
            self._request()  # other numbers are shown, not only other colours
        if self.leveling is self.sides.leveling and self.sides.follow_levels():
            self._request()
        self.heatmap.show_levels(self.levels, self.map_name)
        self.look_changed.emit()

    # ---- pictures

    def _settled(self) -> None:
        canvas = self.heatmap.canvas
        if canvas.shows_all and self.tiles.fit(canvas.size().height(), canvas.size().width()):
            return  # laid out anew, and asked for
        self._request()

    def wanted(self) -> Wanted | None:
        """Return what is asked for now: the visible part in as many pixels as it has on screen."""
        rows, columns = self.heatmap.visible()
        if self.pinned is None or not rows or not columns:
            return None
        return Wanted(self.sides.readable or self.pinned, self.view, rows, columns, *self.heatmap.wanted_pixels(),
                      self.leveling.scaled, self.leveling.is_phase, self._facts.pyramid)  # fmt: skip

    def _request(self) -> None:
        wanted = self.wanted()
        if wanted is None or not self.isVisible():
            return
        if not wanted.has_preview:
            self._start(wanted.made, self._show)
            return

        def previewed(found: Colored) -> None:
            self._show(found)
            self._start(wanted.made, self._show)

        self._start(wanted.sampled, previewed)

    def _start(self, work: Callable[[TaskProgress], Reduced], then: Callable[[Colored], None]) -> None:
        """Make a picture and its colours in one task, by the levels that are known now."""
        look = Look(None if self.leveling.fits else self.levels, self.map_name, theme.name)
        losses = self.sides.shows_losses

        def made(progress: TaskProgress) -> Colored:
            found = work(progress)
            return look.of(replace(found, rms=np.abs(found.extreme)) if losses else found)

        self._tasks.start(self.sides.title, made, on_result=then, on_error=self.failed.emit,
                          group=self._group("heatmap"))  # fmt: skip

    def _show(self, found: Colored) -> None:
        if self.leveling.fits:
            self.leveling.levels = found.levels
            self.heatmap.color_bar.show_levels(self.levels, self.map_name)
        self.heatmap.show_colored(found, self.levels, self.map_name)
        self.shown.emit(found.reduced)

    def showEvent(self, event: object) -> None:
        """Ask for the picture that was put off while nobody looked."""
        super().showEvent(event)  # type: ignore[arg-type]
        self._selection.show_box(None if self.tiling is None else self.tiling.shown)
        self._request()
        self.sides.came_into_sight()

    def hideEvent(self, event: object) -> None:
        """Leave the slice to whatever is shown instead."""
        super().hideEvent(event)  # type: ignore[arg-type]
        self._selection.show_box(None)

    def picture(self) -> QImage:
        """Return the heatmap as it is shown, with axes and colour bar, without the card at the pointer."""
        return picture_of(self.heatmap)

    def pixels(self) -> Callable[[Progress], QImage]:
        """Return what makes the bare picture in a worker, one pixel for each value; ValueError if it is too large."""
        wanted = self.wanted()
        if wanted is None:
            raise ValueError("There are no values to draw.")
        return pixels_of(wanted.whole(), self.levels, self.map_name)

    # ---- what is picked

    def _pick(self, rows: range, columns: range, how: How, continues: bool) -> None:
        if self.tiling is None:
            self._selection.pick(rows, columns, how, continues=continues)
        else:
            self.picking.pick(rows, columns, how, continues)

    def _show_picks(self) -> None:
        tiling = self.tiling
        if tiling is None:
            self.heatmap.show_selection(self._selection.rectangles())
        else:
            self.heatmap.show_selection(self.picking.rectangles(tiling))

    def _move(self, down: int, right: int, extend: bool) -> None:
        if self.tiling is not None:
            at: tuple[range, range] | None = self.picking.move(down, right, extend)
        else:
            at = self._selection.move(down, right, extend)
        if at is not None:
            self.heatmap.reveal(*at)
            cell = (at[0].start, at[1].start)
            self.heatmap.show_cursor(cell)
            if self.heatmap.dressing.crosshair and self.heatmap.dressing.pointed is None:
                self._hover(cell, card=False)

    # ---- pointer

    def index_at(self, cell: tuple[int, int]) -> Index | None:
        """Return the index of a cell of the heatmap; None where there is no value."""
        if self.pinned is None:
            return None
        view = self.view
        return view.index(*cell) if isinstance(view, Tiling) else view.index(self.pinned.spec.shape, *cell)

    def _hover(self, cell: tuple[int, int] | None, *, card: bool = True) -> None:
        if cell == self._hovered:
            return
        self._hovered = cell
        pinned = self.pinned
        index = None if cell is None or pinned is None or not pinned.spec.numel else self.index_at(cell)
        if pinned is None or index is None or cell is None:
            self._tasks.cancel_group(self._group("hover"))
            self.heatmap.show_hover(None)
            self.read.emit("", "", "")
            return
        if self.sides.readable is not None:
            self.sides.hover(cell, index, card=card)
            return
        box = Box(tuple(range(at, at + 1) for at in index))

        def work(progress: TaskProgress) -> tuple[str, str, float]:
            array = pinned.read(box)
            number = float(numbers(array, pinned.spec.dtype).reshape(-1)[0])
            value = array.reshape(-1)[0]
            return value_text(value, pinned.spec.dtype), bits_text(value, pinned.spec.dtype), number

        def done(found: tuple[str, str, float]) -> None:
            self.read.emit(index_text(index), found[0], found[1])
            spec, statistics = pinned.spec, self.leveling.statistics
            self.heatmap.show_hover(value_card(spec, self.tiling, statistics, cell, index, *found) if card else None)

        self._tasks.start("Value", work, on_result=done, on_error=self.failed.emit, group=self._group("hover"),
                          quiet=True)  # fmt: skip

    # ---- going to cells

    def show_index(self, index: Index) -> None:
        """Make tiles follow to the slice that holds an index."""
        tiling = self.tiling
        if tiling is not None and tiling.cell(index) is None:
            self.picking.follow(tiling, index)

    def reveal_index(self, index: Index, *, closer: bool = False) -> None:
        """Scroll to a cell of what is shown."""
        tiling, view = self.tiling, self._selection.view
        if tiling is None:
            cell = (0 if view.rows_dim is None else index[view.rows_dim],
                    0 if view.columns_dim is None else index[view.columns_dim])  # fmt: skip
        elif (found := tiling.cell(index)) is not None:
            cell = found
        else:
            return
        rows, columns = range(cell[0], cell[0] + 1), range(cell[1], cell[1] + 1)
        (self.heatmap.look_at if closer else self.heatmap.reveal)(rows, columns)
        self.heatmap.show_cursor(cell)

    def go_to_nonfinite(self, step: int, say: Callable[[str], None]) -> None:
        """Go to the next (or last) cell that is NaN or infinite, in any slice."""
        self.going.to_nonfinite(step, say)

    def cancel(self) -> None:
        """Stop everything that is under way for this pane."""
        self._facts.release(self)
        self.tiles.cancel()
        self.going.cancel()
        self.sides.cancel()
        for what in ("heatmap", "hover"):
            self._tasks.cancel_group(self._group(what))
