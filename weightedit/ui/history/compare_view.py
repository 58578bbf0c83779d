"""What two points of a history differ in, tensor by tensor, in place of the list of steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from weightedit.core.words.numbers import count_text, statistic_text
from weightedit.core.words.visible import visible
from weightedit.ui.widgets.elided import ElidedLabel
from weightedit.ui.widgets.pieces import icon_button, label
from weightedit.ui.widgets.plain import row_text, tip

if TYPE_CHECKING:
    from weightedit.core.undo.history_compare import Difference

ROW = 38


def detail(difference: Difference) -> str:
    """Return a difference in words: `1,204 of 4,000 values, largest 0.5, 3 become NaN`."""
    if difference.largest is None:
        return difference.detail
    parts = [difference.detail]
    if difference.largest_finite is not None:
        parts.append(f"largest {statistic_text(difference.largest_finite)}")
    parts += [f"{count_text(count)} become{'s' if count == 1 else ''} {name.replace('-', '−')}"
              for name, count in difference.became.items()]  # fmt: skip
    return ", ".join(parts)


class CompareView(QWidget):
    """The tensors that differ; a press opens one.

    Signals
    -------
    chosen
        (tensor name)
    left
        Back to the steps.
    """

    chosen = Signal(object)
    left = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.back = icon_button("close", "Back to the history", 22, 12)
        self.back.clicked.connect(self.left)
        self.between = ElidedLabel("", "secondary")
        self.says = label("", "caption")
        self.says.setWordWrap(True)
        self.says.setContentsMargins(14, 2, 14, 2)
        self.list = QListWidget()
        self.list.setFrameShape(QFrame.Shape.NoFrame)
        self.list.setAccessibleName("Tensors that differ")
        self.list.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.list.itemActivated.connect(self._open)
        self.list.itemClicked.connect(self._open)
        head = QHBoxLayout()
        head.setContentsMargins(14, 0, 10, 2)
        head.addWidget(self.between, 1)
        head.addWidget(self.back)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addLayout(head)
        column.addWidget(self.says)
        inset = QHBoxLayout()
        inset.setContentsMargins(10, 0, 4, 4)
        inset.addWidget(self.list)
        column.addLayout(inset, 1)

    def wait_for(self, first: str, second: str) -> None:
        """Say which points are compared, and that it is under way."""
        self.between.setText(f"{first} → {second}")
        self.says.setText("Comparing values. The status bar shows how far it is.")
        self.says.show()
        self.list.clear()
        self.list.hide()

    def show_differences(self, found: Sequence[Difference]) -> None:
        """List what differs."""
        self.says.setText("The same at both points." if not found else "")
        self.says.setVisible(not found)
        self.list.setVisible(bool(found))
        self.list.clear()
        for one in found:
            item = QListWidgetItem(row_text(f"{visible(one.name)}\n{detail(one)}"))
            item.setData(Qt.ItemDataRole.UserRole, one)
            item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{visible(one.name)}, {detail(one)}")
            item.setToolTip(tip(f"{visible(one.name)}\n{detail(one)}, {count_text(one.changed)} changed"))
            item.setSizeHint(QSize(0, ROW))
            self.list.addItem(item)

    def show_error(self, text: str) -> None:
        """Say why nothing is compared."""
        self.says.setText(text)
        self.says.show()
        self.list.hide()

    def _open(self, item: QListWidgetItem) -> None:
        difference: Difference = item.data(Qt.ItemDataRole.UserRole)
        if difference.what != "went":
            self.chosen.emit(difference.name)
