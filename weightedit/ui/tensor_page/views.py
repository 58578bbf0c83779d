"""The ways to look at one tensor, of which one is shown, or the reason why none can be."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from PySide6.QtWidgets import QStackedWidget, QWidget

from weightedit.core.values.pinned import PinnedTensor
from weightedit.core.words.numbers import shape_text
from weightedit.ui.edit_panel.preview_work import Shown
from weightedit.ui.tensor_page.analysis_pane import AnalysisPane
from weightedit.ui.tensor_page.heatmap_pane import HeatmapPane
from weightedit.ui.values.table import ValuesPane
from weightedit.ui.widgets.pieces import empty_state
from weightedit.ui.widgets.plain import aloud


class Views(QStackedWidget):
    """Heatmap, table, and the views that compute something, each of which is made when it is first looked at.

    Parameters
    ----------
    heatmap, values
        The views that are always there.
    makers
        What makes each other view.

    Attributes
    ----------
    name
        The view that is chosen, a key of `header.TITLES`, also while nothing can be shown.
    lost
        Why values that could be shown are not, because the bytes they came from are another program's: title and
        sentence.
    nothing
        What stands in place of every view where the tensor cannot be shown.
    """

    def __init__(self, heatmap: HeatmapPane, values: ValuesPane, makers: Mapping[str, Callable[[], AnalysisPane]],
                 parent: QWidget | None = None) -> None:  # fmt: skip
        super().__init__(parent)
        self._heatmap, self._values, self._makers = heatmap, values, makers
        self.analyses: dict[str, AnalysisPane] = {}
        self._pinned: PinnedTensor | None = None
        self._preview: Shown | None = None
        self.name = "heatmap"
        self.lost: tuple[str, str] | None = None
        self.nothing: QWidget | None = None
        self.addWidget(heatmap)
        self.addWidget(values)

    def show_pinned(self, pinned: PinnedTensor) -> bool:
        """Show a state of the tensor, or why it is not shown; returns whether it is."""
        reason = self.lost or _why_not_shown(pinned)
        self._pinned = pinned if reason is None else None
        if reason is None:
            for pane in self.analyses.values():
                pane.show_pinned(pinned)
            self._values.show_pinned(pinned)
            self._heatmap.show_pinned(pinned)
        self._show_nothing(reason)  # a view that was hidden shows what it has as soon as it is seen
        return reason is None

    def _show_nothing(self, reason: tuple[str, str] | None) -> None:
        if self.nothing is not None:
            self.removeWidget(self.nothing)
            self.nothing.deleteLater()
            self.nothing = None
        if reason is not None:
            self.nothing = empty_state("tensor", *reason)
            self.nothing.setAccessibleName(aloud(". ".join(reason)))
            self.addWidget(self.nothing)
            self.setCurrentWidget(self.nothing)
        else:
            self.choose(self.name)

    def choose(self, name: str) -> None:
        """Show the tensor as one of `header.TITLES`."""
        self.name = name
        if self.nothing is not None:
            return
        if name in self._makers and name not in self.analyses:
            made = self.analyses[name] = self._makers[name]()
            made.show_preview(self._preview)
            if self._pinned is not None:
                made.show_pinned(self._pinned)
            self.addWidget(made)
        self.setCurrentWidget(self.analyses.get(name, self._heatmap if name == "heatmap" else self._values))

    @property
    def analysis(self) -> AnalysisPane | None:
        """The view that is shown, if it computes something."""
        return self.analyses.get(self.name) if self.nothing is None else None

    def show_preview(self, shown: Shown | None) -> None:
        """Take the preview of an edit of this tensor, or that there is none."""
        self._preview = shown
        self._heatmap.sides.show_preview(shown)
        for pane in self.analyses.values():
            pane.show_preview(shown)

    def focus_view(self) -> None:
        """Put the keys on what is shown."""
        if self.analysis is not None:
            self.analysis.focus_view()
        else:
            (self._heatmap.heatmap if self.name == "heatmap" else self._values.table).setFocus()

    def cancel(self) -> None:
        """Stop what is under way for the views."""
        self._heatmap.cancel()
        for pane in self.analyses.values():
            pane.cancel()


def _why_not_shown(pinned: PinnedTensor) -> tuple[str, str] | None:
    spec = pinned.spec
    if spec.encoding != "plain":
        return (f"{spec.encoding.capitalize()} values are not shown",
                "They have no plain form to read; the tensor is kept as it is.")  # fmt: skip
    if spec.numel == 0:
        return "This tensor is empty", f"Its shape is {shape_text(spec.shape)}, so it holds no values."
    return None
