"""The histogram of a tensor, of what is selected in it, or of both sides of an edit that is previewed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from PySide6.QtWidgets import QVBoxLayout, QWidget

from weightedit.core.errors import RegionError
from weightedit.core.looking.histogram import Bins, Histogram, histograms
from weightedit.core.looking.results import kept_histogram
from weightedit.core.statistics import Pinned, Statistics
from weightedit.core.values.limits import limits
from weightedit.core.values.parts import Parts
from weightedit.core.values.selecting import disjoint
from weightedit.ui.edit_panel.preview_work import Shown
from weightedit.ui.plots.chart import Chart, Content
from weightedit.ui.plots.layers import Mark, Steps
from weightedit.ui.plots.scales import Scale
from weightedit.ui.tasks import TaskProgress, Tasks
from weightedit.ui.tensor_page.analysis_pane import AnalysisPane, quiet_combo
from weightedit.ui.tensor_page.facts import Facts
from weightedit.ui.tensor_page.header import Segments
from weightedit.ui.tensor_page.histogram_text import bin_text, lines, totals
from weightedit.ui.tensor_page.lookup import Lookup
from weightedit.ui.tensor_page.selection import Selection
from weightedit.ui.widgets.elided import ElidedLabel
from weightedit.ui.widgets.plain import aloud

WHOLE, SELECTED = "Whole tensor", "Selection"
Found = tuple[tuple[Statistics, ...], tuple[Histogram, ...]]


class HistogramPane(AnalysisPane):
    """Counts over values or over the logarithm of magnitudes; a drag over bins selects their values."""

    title = "Histogram"

    def __init__(self, tasks: Tasks, facts: Facts, selection: Selection, lookup: Lookup,
                 parent: QWidget | None = None) -> None:  # fmt: skip
        super().__init__(tasks, selection, lookup, parent)
        self._facts = facts
        self.found: Found = ((), ())
        self.scope = Segments((WHOLE, SELECTED))
        self.axis = quiet_combo("Horizontal axis", (("w", False), ("log |w|", True)))
        self.counts = quiet_combo("Counts", (("linear", False), ("log", True)))
        self.range = quiet_combo("Range", (("min–max", None), ("99.9 %", 99.9)))
        self.chart = Chart("Histogram")
        self.chart.setToolTip("Press a bin, or drag across several, to select their values.")
        self.totals, self.bin = ElidedLabel("", "secondary"), ElidedLabel("", "caption")
        self.hint = self.bin
        self._lay_out()
        self.scope.chosen.connect(lambda _: self.ask())
        for combo in (self.axis, self.range):
            combo.activated.connect(lambda _: self.ask())
        self.counts.activated.connect(lambda _: self._draw())
        self.chart.cursor_moved.connect(self._read_bin)
        self.chart.picked.connect(self._pick)
        selection.changed.connect(self._selection_changed)

    def _lay_out(self) -> None:
        self.bar.addWidget(self.scope)
        self.bar.addSpacing(6)
        for text, combo in (("Axis", self.axis), ("Counts", self.counts), ("Range", self.range)):
            self.caption(text)
            self.bar.addWidget(combo)
        self.bar.addStretch(1)
        self.bar.addWidget(self.copy_button)
        below = QVBoxLayout()
        below.setContentsMargins(14, 5, 14, 5)
        below.setSpacing(3)
        below.addWidget(self.totals)
        below.addWidget(self.bin)
        column = QVBoxLayout(self.body)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.chart, 1)
        column.addLayout(below)

    # ---- what is counted

    @property
    def _preview(self) -> Shown | None:
        """The preview whose two sides are shown."""
        shown = self.shown
        return shown if shown is not None and shown.after is not None else None

    def show_preview(self, shown: Shown | None) -> None:
        """Lay what an edit would make of the values over what they are."""
        had = self._preview
        super().show_preview(shown)
        self.scope.setEnabled(self._preview is None)
        self.scope.setToolTip("" if self._preview is None else "The preview shows the values that the edit is about.")
        if had is not self._preview:
            self.ask()

    def _selection_changed(self) -> None:
        if self.scope.current == SELECTED and self._preview is None:
            self.ask()

    def compute(self) -> None:
        """Count in the background."""
        pinned, preview = self.pinned, self._preview
        assert pinned is not None
        selected = self.scope.current == SELECTED and not self._selection.is_empty
        make = self._lookup.matcher() if selected and preview is None else None
        log, percent = bool(self.axis.currentData()), self.range.currentData()
        known: tuple[Statistics | None, ...] = (self._facts.known(pinned),)
        sides: tuple[Pinned, ...] = (pinned,)
        counted = partial(kept_histogram, self._facts.results)
        if preview is not None and preview.preview.before is not None and preview.preview.after is not None:
            known = (preview.before_statistics, preview.after_statistics)
            sides = (preview.preview.before, preview.preview.after)

        def work(progress: TaskProgress) -> Found:
            readables, ready = sides, known
            if make is not None:
                match = make(progress)
                readables, ready = (Parts(match.readable, tuple(disjoint(match.picks.boxes)), match.holds),), ()
            return histograms(readables, log=log, percent=percent, known=ready, progress=progress, counted=counted)

        self.start(work, self._take)

    def _take(self, found: Found) -> None:
        self.found = found
        statistics, counted = found
        if counted:
            self._draw()
            return
        zeros = bool(self.axis.currentData()) and statistics[0].minimum is not None
        why = "All values are zero, which has no logarithm." if zeros else "None of the values is a finite number."
        self.say("Nothing to count", f"{why} {totals(statistics[0], None)}.")

    # ---- what is drawn

    def _draw(self) -> None:
        statistics, counted = self.found
        if not counted:
            return
        bins = counted[0].bins
        edges = np.linspace(bins.low, bins.high, bins.count + 1)
        most = max(int(one.counts.max()) for one in counted)
        is_log = bool(self.counts.currentData())
        y = Scale(0.5, max(most, 1) * 1.6, log=True) if is_log else Scale(0, max(most, 1) * 1.06, whole=True)
        layers = [Steps(edges, counted[0].counts, "line2", fill=True)]
        layers.append(Steps(edges, counted[-1].counts, "accent") if len(counted) > 1 else
                      Steps(edges, counted[0].counts, "text3"))  # fmt: skip
        title = "|w|" if bins.log or "complex" in statistics[0].dtype else "w"
        x = Scale(bins.low, bins.high, powers=bins.log)
        self.chart.show_content(Content(x, y, layers, (edges[:-1] + edges[1:]) / 2, x_title=title,
                                        y_title=self._side_title(), marks=self._limits(bins)))  # fmt: skip
        said = totals(statistics[0], counted[0])
        if len(counted) > 1:
            said = f"before {said}  →  after {totals(statistics[1], counted[1], with_count=False)}"
        self.totals.setText(said)
        self._read_bin(self.chart.cursor_at)
        self.show_body()

    def _side_title(self) -> str:
        if self._preview is not None:
            return "Values in a bin: before grey, after teal"
        nothing = self.scope.current == SELECTED and self._selection.is_empty
        return "Values in a bin" + (", nothing is selected: whole tensor" if nothing else "")

    def _limits(self, bins: Bins) -> tuple[Mark, ...]:
        """Mark where the dtype ends, of the values after the edit where one is previewed."""
        marks: list[Mark] = []
        for name, size in limits(self.found[0][-1].dtype):
            if bins.log:
                marks.append(Mark(float(np.log10(size)), name, "warn"))
            elif name.endswith("max"):
                marks += [Mark(-size, f"−{name}", "warn"), Mark(size, name, "warn")]
        return tuple(mark for mark in marks if bins.low <= mark.at <= bins.high)

    def _read_bin(self, place: int) -> None:
        text = bin_text(self.found[1], place) if self.found[1] and 0 <= place < self.found[1][0].bins.count else ""
        self.bin.setText(text or "Point at a bin, or move with the arrow keys; press or drag to select its values.")
        self.chart.setAccessibleDescription(aloud(text or self.totals.text()))

    def _pick(self, first: int, last: int) -> None:
        """Select the values of bins."""
        statistics, counted = self.found
        if not counted:
            return
        bins = counted[0].bins
        low, high = (float(bins.edges[place]) for place in (first, last + 1))
        name = "abs(w)" if bins.log or "complex" in statistics[0].dtype else "w"
        end = "<=" if last == bins.count - 1 else "<"
        try:
            self._selection.pick_where(f"{name} >= {low!r} and {name} {end} {high!r}")
        except RegionError as error:
            self.status.emit(str(error))

    # ---- for the page

    def focus_view(self) -> None:
        """Put the keys on the chart."""
        self.chart.setFocus()

    def text_maker(self) -> Callable[[], str] | None:
        """Return what lists ends and counts of the bins."""
        counted = self.found[1]
        return (lambda: lines(counted)) if counted else None
