"""Where everything of the doctor's room lies: the trace at the left, and fields, cards and one page at the right."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QSplitter, QVBoxLayout, QWidget

TRACE_WIDTH = 424


class Sides(QSplitter):
    """Both sides, with a line between them that can be dragged.

    Parameters
    ----------
    left
        The trace.
    above
        What stands at the right, one below the other, above the page.

    Attributes
    ----------
    page
        What is shown below it.
    """

    def __init__(self, left: QWidget, above: Sequence[QWidget]) -> None:
        super().__init__()
        self.setHandleWidth(1)
        self.setChildrenCollapsible(False)
        self.page = QWidget()
        self._below = QVBoxLayout()
        self._below.addWidget(self.page)
        right = QWidget()
        right.setProperty("surface", "panel")
        right.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        column = QVBoxLayout(right)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        for part in above:
            column.addWidget(part)
        column.addLayout(self._below, 1)
        self.addWidget(left)
        self.addWidget(right)
        self.setStretchFactor(1, 1)
        self.setSizes([TRACE_WIDTH, 900])

    def show_page(self, page: QWidget) -> None:
        """Show another page, in the place of the one before."""
        before, self.page = self.page, page
        self._below.replaceWidget(before, page)
        page.show()
        before.hide()
        before.deleteLater()
