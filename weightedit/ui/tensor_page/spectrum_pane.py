"""The singular values of a slice or a tensor, the energy they hold together, and the ranks that follow."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QScrollArea, QVBoxLayout, QWidget

from weightedit.core.looking.spectrum import ENERGIES, Matrix, Spectrum, spectrum
from weightedit.core.values.selecting import Picks
from weightedit.core.words.numbers import count_text, percent_text, shape_text, statistic_text
from weightedit.ui.inspector.rows import Facts
from weightedit.ui.plots.chart import Chart, Content
from weightedit.ui.plots.layers import Along, Mark
from weightedit.ui.plots.scales import Scale
from weightedit.ui.tasks import TaskProgress, Tasks
from weightedit.ui.tensor_page.analysis_pane import AnalysisPane, quiet_combo
from weightedit.ui.tensor_page.lookup import Lookup
from weightedit.ui.tensor_page.selection import Selection
from weightedit.ui.widgets.elided import ElidedLabel
from weightedit.ui.widgets.pieces import line
from weightedit.ui.widgets.plain import aloud

SIDE = 262
NAMES = ("Matrix", "Largest", "Smallest", "Condition", "Numerical rank", "Effective rank", "Stable rank",
         *(f"{share:.0%} energy".replace("%", " %") for share in ENERGIES))  # fmt: skip


class SpectrumPane(AnalysisPane):
    """Singular values over their number; what takes longer than a second is computed when asked for.

    Signals
    -------
    rank_chosen
        (rank) to approximate the tensor with.
    """

    title = "Singular values"
    rank_chosen = Signal(int)

    def __init__(self, tasks: Tasks, selection: Selection, lookup: Lookup, *, offers_rank: bool = False,
                 parent: QWidget | None = None) -> None:  # fmt: skip
        super().__init__(tasks, selection, lookup, parent)
        self.found: Spectrum | None = None
        self._offers_rank = offers_rank
        self._asked: Matrix | None = None
        self._ranks: list[int] = []
        self.scope = quiet_combo("Matrix", (("shown slice", False), ("dim 0 × the rest", True)))
        self.axis = quiet_combo("Vertical axis", (("linear", False), ("log", True)))
        self.chart = Chart("Singular values")
        self.numbers = Facts("Ranks", NAMES)
        self.value_text = ElidedLabel("", "secondary")
        self.propose = QPushButton("Propose a low rank")
        self._lay_out()
        self.scope.activated.connect(lambda _: self.ask())
        self.axis.activated.connect(lambda _: self._draw())
        self.chart.cursor_moved.connect(self._read_value)
        selection.view_changed.connect(self.ask)
        if offers_rank:
            self.chart.marks_press = True
            self.chart.mark_pressed.connect(lambda place: self._choose(self._ranks[place]))
            self.chart.picked.connect(lambda _, last: self._choose(last + 1))
            self.propose.clicked.connect(lambda: self._choose(self._rank_at_cursor()))
            self.chart.setToolTip("Press at a number of singular values to see the tensor kept to that rank.")

    def _lay_out(self) -> None:
        self.matrix_caption = self.caption("Matrix")
        self.bar.addWidget(self.scope)
        self.caption("Values")
        self.bar.addWidget(self.axis)
        self.bar.addStretch(1)
        self.bar.addWidget(self.copy_button)
        inner = QWidget()
        listed = QVBoxLayout(inner)
        listed.setContentsMargins(0, 0, 0, 10)
        listed.setSpacing(10)
        listed.addWidget(self.numbers)
        listed.addWidget(self.propose, 0, Qt.AlignmentFlag.AlignHCenter)
        listed.addStretch(1)
        self.propose.setVisible(self._offers_rank)
        scroll = QScrollArea()
        scroll.setWidget(inner)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setFixedWidth(SIDE)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        both = QHBoxLayout()
        both.setSpacing(0)
        both.addWidget(self.chart, 1)
        both.addWidget(line(vertical=True))
        both.addWidget(scroll)
        below = QHBoxLayout()
        below.setContentsMargins(14, 4, 14, 4)
        below.addWidget(self.value_text, 1)
        column = QVBoxLayout(self.body)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(both, 1)
        column.addWidget(line())
        column.addLayout(below)

    # ---- what is computed

    @property
    def matrix(self) -> Matrix:
        """The matrix that is looked at."""
        shape = self._selection.shape
        if len(shape) > 2 and bool(self.scope.currentData()):
            return Matrix.of_tensor(shape)
        return Matrix.of_slice(shape, self._selection.view)

    def compute(self) -> None:
        """Compute in the background, at once or when asked, or say why not."""
        pinned, matrix = self.pinned, self.matrix
        assert pinned is not None
        self.cancel()
        many = len(self._selection.shape) > 2
        self.scope.setVisible(many)
        self.matrix_caption.setVisible(many)
        size = shape_text((matrix.rows, matrix.columns))
        reason = matrix.why_not(pinned.spec)
        if reason is not None:
            self.say("No singular values", reason)
            return
        if not matrix.is_quick and self._asked != matrix:
            self.say(f"Singular values of {size}", "They take from some seconds to a minute.",
                     "Compute singular values")  # fmt: skip
            assert self.go is not None
            self.go.clicked.connect(lambda: self._go(matrix))
            return
        if not matrix.is_quick:
            self.say(f"Computing the singular values of {size}", "The status bar shows how far it is and can stop it.")

        def work(progress: TaskProgress) -> Spectrum:
            return spectrum(pinned, matrix, progress)

        self.start(work, self._take, self._cancelled)

    def _go(self, matrix: Matrix) -> None:
        self._asked = matrix
        self.ask()

    def _cancelled(self) -> None:
        self._asked = None
        self.ask()

    def _take(self, found: Spectrum) -> None:
        self.found = found
        ranks = [found.rank_holding(share) for share in ENERGIES]
        tolerance = "float64" if found.eps < 1e-10 else "float32"
        matrix = found.matrix
        rows = [(shape_text((matrix.rows, matrix.columns)), ""), (statistic_text(float(found.values[0])), "σ₁"),
                (statistic_text(float(found.values[-1])), f"σ {len(found.values)}"),
                (statistic_text(found.condition), "σ₁ / last"), (count_text(found.rank), f"of {len(found.values)}"),
                (statistic_text(found.effective_rank), "entropy"), (statistic_text(found.stable_rank), "‖W‖² / σ₁²"),
                *((count_text(rank), f"rank, {percent_text(rank, len(found.values))}") for rank in ranks)]  # fmt: skip
        tips = {"Numerical rank": f"Values above {found.tolerance:.4g}, as torch.linalg.matrix_rank in {tolerance}",
                "Effective rank": "Exponential of the entropy of the values' shares (Roy and Vetterli, 2007)",
                "Condition": "torch.linalg.cond", "Stable rank": "Squared Frobenius norm over the largest, squared"}
        exact = {"Largest": repr(float(found.values[0])), "Smallest": repr(float(found.values[-1]))}
        for name, (value, remark) in zip(NAMES, rows, strict=True):
            self.numbers.show_value(name, value, remark, exact.get(name, tips.get(name, "")))
        self._draw()
        self.show_body()

    # ---- what is drawn

    def _draw(self) -> None:
        found = self.found
        if found is None:
            return
        size = len(found.values)
        largest = float(found.values[0]) or 1.0
        y = Scale(0.0, largest * 1.06)
        if self.axis.currentData():
            positive = found.values[found.values > 0]
            y = Scale(max(float(positive.min()) if len(positive) else largest / 10, largest * 1e-16) / 1.5, largest * 2,
                      log=True)  # fmt: skip
        named: dict[int, str] = {}
        for rank, text in [*((found.rank_holding(share), f"{share:.0%}".replace("%", " %")) for share in ENERGIES),
                           (found.rank, "numerical rank")]:  # fmt: skip
            if rank:
                named[rank] = f"{named[rank]}, {text}" if rank in named else text
        self._ranks = list(named)
        self.chart.show_content(Content(
            Scale(0.5, size + 0.5, whole=True), y, [Along(found.values, "accent", 1)], np.arange(1, size + 1),
            x_title="number of singular values", y_title="Singular value, teal",
            marks=tuple(Mark(rank, text, "text2") for rank, text in named.items()),
            right=Scale(0.0, 1.04, percent=True), right_title="energy of the first, grey",
            right_layers=[Along(found.energy, "text3", 1)]))  # fmt: skip
        self._read_value(self.chart.cursor_at)

    def _read_value(self, place: int) -> None:
        found = self.found
        text = ""
        if found is not None and 0 <= place < len(found.values):
            text = f"σ {place + 1} = {statistic_text(float(found.values[place]))} · the first {place + 1} hold " \
                   f"{percent_text(float(found.energy[place]), 1.0)} of the energy"  # fmt: skip
        self.value_text.setText(text)
        self.chart.setAccessibleDescription(aloud(text))
        if found is not None:
            self.propose.setText(f"Propose rank {self._rank_at_cursor()}")

    def _rank_at_cursor(self) -> int:
        assert self.found is not None
        at = self.chart.cursor_at
        return at + 1 if at >= 0 else max(self.found.rank_holding(ENERGIES[-1]), 1)

    def _choose(self, rank: int) -> None:
        """Propose a rank for what the matrix is: the slice, which is selected then, or the whole tensor."""
        selection = self._selection
        if self.found is None:
            return
        if self.found.matrix.view is None or len(selection.shape) < 3:
            selection.clear()
        else:
            selection.pick_picks(Picks(selection.shape, (selection.slice_box,)))
        self.rank_chosen.emit(rank)

    # ---- for the page

    def focus_view(self) -> None:
        """Put the keys on the chart."""
        self.chart.setFocus()

    def text_maker(self) -> Callable[[], str] | None:
        """Return what lists number, singular value and energy, after the ranks."""
        found, ranks = self.found, self.numbers.text()
        if found is None:
            return None

        def make() -> str:
            pairs = zip(found.values.tolist(), found.energy.tolist(), strict=True)
            rows = "\n".join(f"{at}\t{value!r}\t{energy!r}" for at, (value, energy) in enumerate(pairs, start=1))
            return f"{ranks}\n\nnumber\tsingular value\tenergy\n{rows}"

        return make
