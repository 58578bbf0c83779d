"""What the heatmap shows while a cast is previewed: the tensor before, after, or what is lost of each value."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QObject, Signal

from weightedit.core.losing.loss_map import LossTensor, loss_map
from weightedit.core.region import Box
from weightedit.core.statistics import Statistics, statistics
from weightedit.core.values.pinned import Readable
from weightedit.core.words.loss_words import loss_note
from weightedit.core.words.numbers import index_text, value_text
from weightedit.ui.edit_panel.preview_work import Shown
from weightedit.ui.plots.overlay import HoverText
from weightedit.ui.tensor_page.header import SIDES
from weightedit.ui.tensor_page.loss_leveling import LossLeveling

if TYPE_CHECKING:
    from weightedit.ui.tasks import TaskProgress, Tasks
    from weightedit.ui.tensor_page.heatmap_pane import HeatmapPane

BEFORE, AFTER, LOSS = SIDES


class Sides(QObject):
    """The side of a preview that a heatmap shows.

    Attributes
    ----------
    name
        The side that was chosen last, one of `header.SIDES`.
    leveling
        Of the losses.

    Signals
    -------
    changed
        (name, or None where there is no preview with sides.)
    """

    changed = Signal(object)

    def __init__(self, pane: HeatmapPane, tasks: Tasks, maps: dict[str, str]) -> None:
        super().__init__(pane)
        self._pane, self._tasks = pane, tasks
        self.name = LOSS
        self.leveling = LossLeveling(maps)
        self._shown: Shown | None = None
        self._loss: LossTensor | None = None
        self._known: dict[str, Statistics] = {}

    @property
    def _group(self) -> str:
        return f"loss {id(self)}"

    @property
    def is_on(self) -> bool:
        """Whether there are sides to choose between."""
        return self._loss is not None

    @property
    def readable(self) -> Readable | None:
        """What is shown in place of the tensor as it is; None where that is shown."""
        if self._loss is None or self.name == BEFORE:
            return None
        return self._loss if self.name == LOSS else self._loss.after

    @property
    def title(self) -> str:
        """What making the picture is called."""
        return LOSS if self.readable is not None and self.name == LOSS else "Heatmap"

    def show_preview(self, shown: Shown | None) -> None:
        """Take the preview of an edit of this tensor, or that there is none."""
        had = self.is_on
        self._shown = shown
        self._loss = None if shown is None else loss_map(shown.preview, self.leveling.measure)
        self._known = {}
        if had or self.is_on:
            self._turn()

    def choose(self, name: str) -> None:
        """Show another side."""
        self.name = name
        self._turn()

    def _turn(self) -> None:
        self._tasks.cancel_group(self._group)
        self.leveling.show_statistics(self._known.get(self.leveling.measure))
        self._pane.show_side(self.leveling if self.readable is not None and self.name == LOSS else None)
        self.changed.emit(self.name if self.is_on else None)
        self._measure()

    def follow_levels(self) -> bool:
        """Read other losses where other ones were chosen; returns whether the picture is another now."""
        loss = self._loss
        if loss is None or loss.measure == self.leveling.measure:
            return False
        self._loss = replace(loss, measure=self.leveling.measure)
        self.leveling.show_statistics(self._known.get(self.leveling.measure))
        if self.leveling.measure in self._known:
            self._pane.show_side_statistics()  # what was counted before is binned for these levels again
        self._measure()
        return True

    def known(self) -> Statistics | None:
        """Return the statistics of what is shown, where they are known."""
        if self.name == LOSS:
            return self._known.get(self.leveling.measure)
        return None if self._shown is None else self._shown.after_statistics

    def _measure(self) -> None:
        """Work out the histogram of losses, and how many values overflow."""
        loss = self._loss
        if loss is None or self.name != LOSS or loss.measure in self._known or not self._pane.isVisible():
            return

        def work(progress: TaskProgress) -> Statistics:
            return statistics(loss, progress=progress)

        def done(found: Statistics) -> None:
            if self._loss is loss:
                self._known[loss.measure] = found
                self.leveling.show_statistics(found)
                self._pane.show_side_statistics()

        self._tasks.start("Histogram of losses", work, on_result=done, on_error=self._pane.failed.emit,
                          group=self._group)  # fmt: skip

    def came_into_sight(self) -> None:
        """Work out what was put off while nobody looked."""
        self._measure()

    @property
    def shows_losses(self) -> bool:
        """Whether a picture is one of losses, of which the largest under each pixel is drawn."""
        return self.readable is not None and self.name == LOSS

    # ---- pointer

    def hover(self, cell: tuple[int, int], index: tuple[int, ...], *, card: bool) -> None:
        """Say what a value was and is stored as."""
        shown, pane = self._shown, self._pane
        before, after = (None, None) if shown is None else (shown.preview.before, shown.preview.after)
        if before is None or after is None:
            return
        box = Box(tuple(range(at, at + 1) for at in index))
        loss = self._loss

        def work(progress: TaskProgress) -> HoverText:
            old, new = (value_text(one.read(box).reshape(-1)[0], one.spec.dtype) for one in (before, after))
            lost = 0.0 if loss is None else float(replace(loss, measure="relative").read(box).reshape(-1)[0])
            note = loss_note(old, new, lost, before.spec.dtype, after.spec.dtype)
            token = "nan" if "nan" in new else "neginf" if new == "-inf" else "posinf" if np.isinf(lost) else "text"
            return HoverText(index_text(index), f"{old} → {new}", "", note, token)

        def done(found: HoverText) -> None:
            pane.read.emit(found.index, found.value, "")
            pane.heatmap.show_hover(found if card else None)

        self._tasks.start("Value", work, on_result=done, on_error=pane.failed.emit, group=pane.hover_group,
                          quiet=True)  # fmt: skip

    def cancel(self) -> None:
        """Stop what is under way."""
        self._tasks.cancel_group(self._group)
