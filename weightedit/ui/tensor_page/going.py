"""Going to a cell of a tensor: by its index, by its value, or to the next of what is picked or dead."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QObject

from weightedit.core.errors import RegionError
from weightedit.core.progress import Progress
from weightedit.core.region import Box, parse_region
from weightedit.core.values.codes import Array
from weightedit.core.values.pinned import PinnedRegion, PinnedTensor
from weightedit.core.values.places import Extreme, Found, Index, Test, find_extreme, find_next, is_nonfinite
from weightedit.core.values.selecting import Picks
from weightedit.core.words.numbers import index_text, statistic_text
from weightedit.ui.tasks import TaskProgress, Tasks

if TYPE_CHECKING:
    from weightedit.core.values.matching import Match
    from weightedit.ui.tensor_page.heatmap_pane import HeatmapPane
    from weightedit.ui.tensor_page.selection import Selection

WORDS = {"largest": "Largest", "smallest": "Smallest", "magnitude": "Largest magnitude"}
Say = Callable[[str], None]


def parse_index(text: str, shape: tuple[int, ...]) -> Index:
    """Return the index that is typed, `12, 40` or `[12, -1]`, one number for each dimension.

    Raises
    ------
    RegionError
        If a number is missing, too many or out of range.
    """
    box = parse_region(text.strip() or "[]", shape)
    if len(box.dropped) != len(shape):
        given = len(box.dropped)
        raise RegionError(f"An index of this tensor has {len(shape)} numbers, one for each dimension, not {given}.",
                          text=text, column=len(text))  # fmt: skip
    return tuple(axis[0] for axis in box.axes)


class Going(QObject):
    """Finds cells in the background and shows them: the slice follows, the cell is picked and scrolled to."""

    def __init__(self, pane: HeatmapPane, selection: Selection, tasks: Tasks) -> None:
        super().__init__(pane)
        self._pane, self._selection, self._tasks = pane, selection, tasks
        self._last: tuple[Extreme, PinnedTensor, Found] | None = None
        self._shown: Index | None = None
        self._shown_of: Picks | None = None

    @property
    def _group(self) -> str:
        return f"going {id(self)}"

    def to_index(self, index: Index, *, closer: bool = False) -> None:
        """Pick a cell and show it; `closer` zooms in until it can be told apart."""
        shape = self._selection.shape
        box = Box(tuple(range(at, at + 1) for at in index), tuple(range(len(shape))))
        self._selection.pick_picks(Picks(shape, (box,)))
        self._show(index, closer=closer)

    def _show(self, index: Index, *, closer: bool) -> None:
        """Make the slice, or the tiles, follow to a cell, and scroll to it."""
        view = self._selection.view
        self._pane.show_index(index)
        fixed = {dim: index[dim] for dim in view.fixed}
        if fixed != view.fixed:
            self._selection.set_view(type(view)(view.rows_dim, view.columns_dim, fixed))
        self._pane.reveal_index(index, closer=closer)

    def _start(self, step: int) -> Index:
        """Return where a search begins: at what is picked, or so that the first (last) cell is looked at first."""
        boxes = self._selection.picks.boxes
        if boxes and boxes[0].numel:
            return tuple(axis[0] for axis in boxes[0].axes)
        shape = self._selection.shape
        return tuple(size - 1 for size in shape) if step > 0 else (0,) * len(shape)

    def to_nonfinite(self, step: int, say: Say) -> None:
        """Go to the next (or last) cell that is NaN or infinite, in any slice."""
        pinned = self._pane.pinned
        if pinned is None or not pinned.spec.numel:
            return
        if pinned.spec.type.family not in ("float", "complex"):
            say(f"{pinned.spec.dtype} has no NaN and no Inf.")
            return
        start, test = self._start(step), is_nonfinite(pinned.spec.dtype)

        def work(progress: TaskProgress) -> Index | None:
            return find_next(pinned, start, step, test, progress)

        def done(found: Index | None) -> None:
            if found is None:
                say("No NaN and no Inf here.")
            else:
                say("")
                self.to_index(found)

        self._tasks.start("Looking for NaN and Inf", work, on_result=done, on_error=self._pane.failed.emit,
                          group=self._group)  # fmt: skip

    def to_extreme(self, kind: Extreme, say: Say) -> None:
        """Go to the largest or smallest value; asked again on it, to the next one in order."""
        pinned = self._pane.pinned
        if pinned is None or not pinned.spec.numel:
            return
        last, after = self._last, None
        if last is not None and last[:2] == (kind, pinned) and self._selection.text == index_text(last[2].index):
            after = last[2]

        def work(progress: TaskProgress) -> Found | None:
            return find_extreme(pinned, kind, after, progress) or find_extreme(pinned, kind, None, progress)

        def done(found: Found | None) -> None:
            if found is None:
                say("No finite value here.")
                return
            self._last = (kind, pinned, found)
            self.to_index(found.index)
            word = WORDS[kind] if after is None else f"Next: {WORDS[kind].lower()}"
            say(f"{word}: {statistic_text(found.value)} at {index_text(found.index)}.")

        self._tasks.start(f"Looking for the {WORDS[kind].lower()}", work, on_result=done,
                          on_error=self._pane.failed.emit, group=self._group)  # fmt: skip

    def to_picked(self, step: int, matcher: Callable[[Progress], Match], say: Say) -> None:
        """Show the next cell that meets the condition or lies in the region which is picked; the selection stays."""
        picks = self._selection.picks
        start = self._shown if self._shown_of is picks else None

        def work(progress: TaskProgress) -> Index | None:
            return _next_match(matcher(progress), start, step, progress)

        def done(found: Index | None) -> None:
            if picks is not self._selection.picks:
                return
            if found is None:
                say("No value is selected here.")
            else:
                say("")
                self._shown, self._shown_of = found, picks
                self._show(found, closer=True)

        self._tasks.start("Looking for selected cells", work, on_result=done, on_error=lambda error: say(str(error)),
                          group=self._group)  # fmt: skip

    def cancel(self) -> None:
        """Stop looking."""
        self._tasks.cancel_group(self._group)


def _next_match(match: Match, start: Index | None, step: int, progress: Progress) -> Index | None:
    """Return the next element that is picked: after `start` where that is one, else the first (last) of all."""
    boxes = list(match.picks.boxes)
    here = next((number for number, box in enumerate(boxes) if start is not None and _holds(box, start)), None)
    if here is not None:
        boxes = boxes[here:] + boxes[:here]
    around: Index | None = None
    for number, box in enumerate(boxes):
        inside = PinnedRegion(match.readable, box)
        at = tuple(size - 1 if step > 0 else 0 for size in box.shape)
        if start is not None and number == 0 and here is not None:
            at = tuple(axis.index(place) for place, axis in zip(start, box.axes, strict=True))
        found = find_next(inside, at, step, _within(match, box), progress)
        if found is not None:
            index = tuple(axis[place] for axis, place in zip(box.axes, found, strict=True))
            if number or here is None or (found > at if step > 0 else found < at):
                return index
            around = index  # round the end of this box: the next box comes first
    return around


def _holds(box: Box, index: Index) -> bool:
    return all(place in axis for place, axis in zip(index, box.axes, strict=True))


def _within(match: Match, box: Box) -> Test:
    """Return the test for elements of a box, given by their places in it."""

    def test(array: Array, part: Box) -> Array:
        return np.ones(array.shape, bool) if match.holds is None else match.holds(array, box.within(part))

    return test
