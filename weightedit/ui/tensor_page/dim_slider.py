"""A slider that says at which index of one dimension the slice stands."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QSlider, QWidget

from weightedit.ui.widgets.pieces import label
from weightedit.ui.widgets.plain import aloud


class DimSlider(QWidget):
    """A slider for one dimension that is neither rows nor columns."""

    moved = Signal(int, int)

    def __init__(self, dim: int, size: int, at: int) -> None:
        super().__init__()
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, max(size - 1, 0))
        self.slider.setValue(at)
        self.slider.setFixedWidth(72)
        self.slider.setAccessibleName(aloud(f"Index in dimension {dim}"))
        self.text = label("", "")
        self.text.setMinimumWidth(self.text.fontMetrics().horizontalAdvance(f"{size} / {size}"))
        self._size = size
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        row.addWidget(label(f"Dim {dim}", "caption"))
        row.addWidget(self.slider)
        row.addWidget(self.text)
        self._say(at)
        self.slider.valueChanged.connect(self._say)
        self.slider.valueChanged.connect(lambda value: self.moved.emit(dim, value))

    def _say(self, at: int) -> None:
        self.text.setText(f"{at} / {self._size}")
