"""The ways to look at one tensor, of which one is shown, or the reason why none can be."""

from __future__ import annotations

from PySide6.QtWidgets import QStackedWidget, QWidget

from weightedit.core.pinned import PinnedTensor
from weightedit.ui.pieces import empty_state
from weightedit.ui.tensor_page.heatmap_pane import HeatmapPane
from weightedit.ui.values.table import ValuesPane

TITLES = {"heatmap": "Heatmap", "values": "Values"}
"""Each view's name and what the switch calls it."""


class Views(QStackedWidget):
    """Heatmap and table.

    Attributes
    ----------
    name
        The view that is chosen, a key of `TITLES`, also while nothing can be shown.
    nothing
        What stands in place of every view where the tensor cannot be shown.
    """

    def __init__(self, heatmap: HeatmapPane, values: ValuesPane, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._heatmap, self._values = heatmap, values
        self.name = "heatmap"
        self.nothing: QWidget | None = None
        self.addWidget(heatmap)
        self.addWidget(values)

    def show_pinned(self, pinned: PinnedTensor) -> bool:
        """Show a state of the tensor, or why it is not shown; returns whether it is."""
        reason = _why_not_shown(pinned)
        self._show_nothing(reason)
        if reason is None:
            self._values.show_pinned(pinned)
            self._heatmap.show_pinned(pinned)
        return reason is None

    def _show_nothing(self, reason: tuple[str, str] | None) -> None:
        if self.nothing is not None:
            self.removeWidget(self.nothing)
            self.nothing.deleteLater()
            self.nothing = None
        if reason is not None:
            self.nothing = empty_state("tensor", *reason)
            self.addWidget(self.nothing)
            self.setCurrentWidget(self.nothing)
        else:
            self.choose(self.name)

    def choose(self, name: str) -> None:
        """Show the tensor as one of `TITLES`."""
        self.name = name
        if self.nothing is None:
            self.setCurrentWidget(self._heatmap if name == "heatmap" else self._values)

    def focus_view(self) -> None:
        """Put the keys on what is shown."""
        (self._heatmap.heatmap if self.name == "heatmap" else self._values.table).setFocus()

    def cancel(self) -> None:
        """Stop what is under way for the views."""
        self._heatmap.cancel()


def _why_not_shown(pinned: PinnedTensor) -> tuple[str, str] | None:
    spec = pinned.spec
    if spec.encoding != "plain":
        return f"{spec.encoding} values are not shown", "They have no plain form to read; the tensor is kept as it is."
    if spec.numel == 0:
        return "This tensor is empty", f"Its shape is {list(spec.shape)}, so it holds no values."
    return None
