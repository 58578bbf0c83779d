"""What goes along with an edit that gives a slot another tensor: tied slots, and what an optimizer keeps for it."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from weightedit.core.document import Document
from weightedit.core.live.facts import has_state
from weightedit.core.operation import Operation
from weightedit.core.slots import Slot
from weightedit.core.words.numbers import count_text
from weightedit.ui.widgets.pieces import label
from weightedit.ui.widgets.plain import aloud, row_text
from weightedit.ui.widgets.wheel import leave_wheel

TIED = {"all": "Follow, and stay tied", "untie": "Stay; untie this one"}
MOMENTS = {"follow": "Follows the tensor", "drop": "Starts anew"}
MOST = 5_000
"""Slots that are looked through for others that hold the same tensor."""


class AlongField(QWidget):
    """Two choices, each there only where it has a meaning.

    Signals
    -------
    changed
        Another answer was given.
    """

    changed = Signal()

    def __init__(self, parent: QWidget | None = None, *, beside: bool = False) -> None:
        super().__init__(parent)
        self.tied_label, self.tied_choice = self._choice("Tied slots", TIED)
        self.moments_label, self.moments_choice = self._choice("Optimizer state", MOMENTS)
        self.moments_choice.setToolTip("Moments are cut, padded, moved and cast as the tensor is, or dropped")
        both = QHBoxLayout(self) if beside else QVBoxLayout(self)
        both.setContentsMargins(0, 0, 0, 0)
        both.setSpacing(12 if beside else 4)
        for widgets in ((self.tied_label, self.tied_choice), (self.moments_label, self.moments_choice)):
            column = QVBoxLayout()
            column.setSpacing(4)
            for widget in widgets:
                column.addWidget(widget)
            if beside:
                column.addStretch(1)
            both.addLayout(column)
        self.hide()

    def _choice(self, title: str, choices: dict[str, str]) -> tuple[QLabel, QComboBox]:
        made = QComboBox()
        made.setAccessibleName(aloud(title))
        for value, words in choices.items():
            made.addItem(row_text(words), value)
        leave_wheel(made)
        made.activated.connect(lambda _: self.changed.emit())
        return label(title, "section"), made

    # ---- answers

    @property
    def tied(self) -> str:
        """`all` or `untie`."""
        return str(self.tied_choice.currentData())

    @property
    def moments(self) -> str:
        """`follow` or `drop`."""
        return str(self.moments_choice.currentData())

    def set_answers(self, tied: str = "all", moments: str = "follow") -> None:
        """Show answers, without saying that they changed."""
        self.tied_choice.setCurrentIndex(max(self.tied_choice.findData(tied), 0))
        self.moments_choice.setCurrentIndex(max(self.moments_choice.findData(moments), 0))

    # ---- what it is about

    def ask_about(self, document: Document | None, name: str | None, operation: Operation | None) -> None:
        """Ask what an edit of a tensor leaves open."""
        slot = None if document is None or name is None else document.find(name)
        if document is None or slot is None or operation is None:
            self.hide()
            return
        rebinds = operation.effect == "rebind"
        others = _tied_to(document, slot) if rebinds else 0
        self.tied_label.setText("Tied slot" if others == 1 else f"{count_text(others)} tied slots")
        self._ask(others > 0, (rebinds or bool(operation.moves)) and has_state(document, slot))

    def ask_about_many(self, document: Document, operation: Operation) -> None:
        """Ask what an edit of any tensors of a document leaves open."""
        rebinds = operation.effect == "rebind"
        slots = document.slots[:MOST] if rebinds else []
        self.tied_label.setText("Tied slots")
        self._ask(len({id(slot.held) for slot in slots}) < len(slots),
                  (rebinds or bool(operation.moves)) and document.origin.optimizer is not None)  # fmt: skip

    def _ask(self, ties: bool, keeps: bool) -> None:
        for widget in (self.tied_label, self.tied_choice):
            widget.setVisible(ties)
        for widget in (self.moments_label, self.moments_choice):
            widget.setVisible(keeps)
        if not ties:
            self.tied_choice.setCurrentIndex(0)
        if not keeps:
            self.moments_choice.setCurrentIndex(0)
        self.setVisible(ties or keeps)


def _tied_to(document: Document, slot: Slot) -> int:
    """Return how many other slots hold the same tensor."""
    group = document.storage_group(slot)
    members = document.group_members(group)[:MOST] if group else []
    return sum(other.held is slot.held and other is not slot for other in members)
