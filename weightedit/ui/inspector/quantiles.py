"""Quantiles of a tensor: near ones at once, exact ones after another pass where the dtype needs it."""

from __future__ import annotations

from PySide6.QtCore import QSize
from PySide6.QtWidgets import QWidget

from weightedit.core.looking.quantiles import SHOWN
from weightedit.core.looking.results import Results, kept_quantiles
from weightedit.core.statistics import Statistics
from weightedit.core.values.pinned import PinnedTensor
from weightedit.core.words.numbers import statistic_text
from weightedit.ui.inspector.rows import Pairs
from weightedit.ui.settings import Settings
from weightedit.ui.tasks import TaskProgress, Tasks
from weightedit.ui.widgets.icons import icon
from weightedit.ui.widgets.pieces import icon_button
from weightedit.ui.widgets.plain import aloud, tip

NAMES = {share: "median" if share == 0.5 else f"{share * 100:g} %" for share in SHOWN}
SPREAD = "25–75 %"
PAIRS = (("0.1 %", "99.9 %"), ("1 %", "99 %"), ("5 %", "95 %"), ("25 %", "75 %"), ("median", SPREAD))
KEY = "inspector/quantiles"


class QuantilesSection(Pairs):
    """Nine quantiles and the range of the middle half; folded until someone wants them."""

    def __init__(self, tasks: Tasks, settings: Settings, results: Results, parent: QWidget | None = None) -> None:
        super().__init__("Quantiles", PAIRS, parent)
        self._tasks, self._settings, self._results = tasks, settings, results
        self._statistics: Statistics | None = None
        self._is_lost = False
        self._pinned: PinnedTensor | None = None
        self.fold = icon_button("chevron-right", "Show quantiles", 22, 12)
        self.fold.setIconSize(QSize(12, 12))
        self.head.addWidget(self.fold)
        self.is_open = False
        self.fold.clicked.connect(lambda: self.set_open(not self.is_open))
        self.set_open(settings.flag(KEY, False))

    def set_open(self, on: bool) -> None:
        """Show the numbers, or the title alone."""
        self.is_open = on
        self.fold.setIcon(icon("chevron-down" if on else "chevron-right", 12))
        said = "Fold quantiles" if on else "Show quantiles"
        self.fold.setToolTip(tip(said))
        self.fold.setAccessibleName(aloud(said))
        for shown in (*self._names.values(), *self.values.values(), self.copy_button, self.note):
            shown.setVisible(on)
        if self._settings.flag(KEY, False) != on:
            self._settings.set(KEY, on)
        self._find()

    def show_statistics(self, found: Statistics | None, pinned: PinnedTensor | None, *,
                        is_lost: bool = False) -> None:  # fmt: skip
        """Take the statistics of a state of a tensor, or that they are on their way, or that there will be none."""
        self._statistics, self._pinned, self._is_lost = found, pinned, is_lost
        self._find()

    def _find(self) -> None:
        self._tasks.cancel_group(self._group)
        found, pinned = self._statistics, self._pinned
        if not self.is_open:
            return
        if found is None:
            for name in self.values:
                self.show_value(name, "–" if self._is_lost else "…")
            self.note.setText("")
            return
        self._show(tuple(found.quantile(share) for share in SHOWN), found.percentile_is_exact)
        if found.percentile_is_exact or pinned is None or found.minimum is None:
            return

        results = self._results

        def work(progress: TaskProgress) -> tuple[float | None, ...]:
            return kept_quantiles(results, pinned, found, progress)

        self._tasks.start("Quantiles", work, on_result=lambda exact: self._show(exact, True),
                          on_error=lambda error: self.note.setToolTip(tip(str(error))), group=self._group)  # fmt: skip

    @property
    def _group(self) -> str:
        return f"quantiles {id(self)}"

    def _show(self, values: tuple[float | None, ...], is_exact: bool) -> None:
        by_name = dict(zip(NAMES.values(), values, strict=True))
        low, high = by_name["25 %"], by_name["75 %"]
        by_name[SPREAD] = None if low is None or high is None else high - low
        for name, value in by_name.items():
            what = "How far apart the quartiles are" if name == SPREAD else "torch.quantile of the finite values"
            self.show_value(name, statistic_text(value), tooltip="" if value is None else f"{what}: {value!r}")
        self.note.setText("exact" if is_exact else "within 0.8 %")
        self.note.setToolTip("")
