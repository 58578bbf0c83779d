"""A layout that puts widgets side by side and goes on below where the line is full."""

from __future__ import annotations

from itertools import zip_longest

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtWidgets import QLayout, QLayoutItem, QWidget

SEPARATOR = "separator"
"""A property of widgets that part two others: one is left out where the next goes on below."""


class FlowLayout(QLayout):
    """Widgets at the width they ask for, line by line, their tops at one height in each line."""

    def __init__(self, across: int, down: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._across, self._down = across, down
        self._items: list[QLayoutItem] = []

    def addItem(self, item: QLayoutItem) -> None:
        """Put an item last."""
        self._items.append(item)

    def insert(self, place: int, widget: QWidget) -> None:
        """Put a widget at a place."""
        self.addWidget(widget)
        self._items.insert(place, self._items.pop())
        self.invalidate()

    def count(self) -> int:
        """Return how many items there are."""
        return len(self._items)

    def itemAt(self, index: int) -> QLayoutItem | None:
        """Return an item, or None."""
        return self._items[index] if 0 <= index < len(self._items) else None

    def takeAt(self, index: int) -> QLayoutItem | None:
        """Take an item out."""
        return self._items.pop(index) if 0 <= index < len(self._items) else None

    def expandingDirections(self) -> Qt.Orientation:
        """Ask for no more room than needed."""
        return Qt.Orientation(0)

    def hasHeightForWidth(self) -> bool:
        """Say that the height depends on the width."""
        return True

    def heightForWidth(self, width: int) -> int:
        """Return how high all lines are together."""
        return self._lay_out(QRect(0, 0, width, 0), move=False)

    def setGeometry(self, rect: QRect) -> None:
        """Place every widget."""
        super().setGeometry(rect)
        self._lay_out(rect, move=True)

    def sizeHint(self) -> QSize:
        """Return the least there must be."""
        return self.minimumSize()

    def minimumSize(self) -> QSize:
        """Return the size of the largest widget."""
        size = QSize()
        for item in self._items:
            size = size.expandedTo(item.minimumSize())
        margins = self.contentsMargins()
        return size + QSize(margins.left() + margins.right(), margins.top() + margins.bottom())

    def _lay_out(self, rect: QRect, move: bool) -> int:
        margins = self.contentsMargins()
        inner = rect.marginsRemoved(margins)
        x, y, height = inner.x(), inner.y(), 0
        shown = [item for item in self._items if not item.isEmpty()]  # the others are hidden
        for item, after in zip_longest(shown, shown[1:]):
            width = min(item.sizeHint().width(), inner.width())
            high = item.heightForWidth(width) if item.hasHeightForWidth() else item.sizeHint().height()
            if _parts(item) and (after is None or x + width + self._across + after.sizeHint().width() >
                                 inner.right() + 1):  # fmt: skip
                if move:
                    item.setGeometry(QRect())
                continue
            if x > inner.x() and x + width > inner.right() + 1:
                x, y, height = inner.x(), y + height + self._down, 0
            if move:
                item.setGeometry(QRect(x, y, width, high))
            x += width + self._across
            height = max(height, high)
        return y + height - rect.y() + margins.bottom()


def _parts(item: QLayoutItem) -> bool:
    widget = item.widget()
    return widget is not None and bool(widget.property(SEPARATOR))
