"""The hazards of an edit as cards: what happens, where, and links that show it or avoid it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QScrollArea, QVBoxLayout, QWidget

from weightedit.core.edit import Edit
from weightedit.core.hazards import Hazard
from weightedit.core.losing.hazard_groups import as_text, grouped
from weightedit.core.operation import Operation
from weightedit.ui.edit_panel.hazard_card import HazardCard, Link
from weightedit.ui.edit_panel.hazard_words import alternative_text, alternatives, breakable, cost_text
from weightedit.ui.errors.errors_view import wrapping
from weightedit.ui.widgets.elided import ElidedLabel
from weightedit.ui.widgets.flow import FlowLayout
from weightedit.ui.widgets.pieces import IconLabel, label, restyle
from weightedit.ui.widgets.plain import plain

__all__ = ["HazardsView", "alternative_text", "breakable", "cost_text"]

LEVELS = (("refusal", "bad"), ("warning", "warn"), ("notice", "info"))
QUIET = {
    "precision-loss": "no precision loss", "overflow": "no overflow", "underflow": "no underflow",
    "truncation": "no truncation",
}  # fmt: skip
"""What is said not to happen, where nothing of it does."""


class _Inner(QWidget):
    """What is scrolled: as high as its cards are at the width there is, which is less than at the least width."""

    def minimumSizeHint(self) -> QSize:
        """Leave the height to the cards."""
        return QSize(10, 10)


class HazardsView(QWidget):
    """Cards by level, and what does not happen.

    Signals
    -------
    alternative
        (Edit) that a person picked instead.
    place
        (tensor name, region) to show.
    explained
        (kind) whose paragraph of *What PyTorch does silently* is asked for.
    """

    alternative = Signal(object)
    place = Signal(object, str)
    explained = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.hazards: list[Hazard] = []
        self._shown: tuple[list[Hazard], Edit | None, bool] | None = None
        self.counts = [ElidedLabel("", "caption") for _ in range(3)]
        head = QHBoxLayout()
        head.setSpacing(6)
        head.setContentsMargins(0, 0, 4, 0)
        head.addWidget(ElidedLabel("Hazards", "section"))
        for (_, tone), count in zip(LEVELS, self.counts, strict=True):
            restyle(count, "tone", tone)
            count.hide()  # an empty one would take its share of the room
            head.addWidget(count)
        head.addStretch(1)
        self._inner = _Inner()
        self._column = QVBoxLayout(self._inner)
        self._column.setContentsMargins(0, 0, 4, 0)
        self._column.setSpacing(3)
        self._scroll = scroll = QScrollArea()
        scroll.setWidget(self._inner)
        scroll.setWidgetResizable(True)
        scroll.setAccessibleName("Hazards")
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        column = QVBoxLayout(self)
        column.setContentsMargins(14, 8, 6, 6)
        column.setSpacing(4)
        column.addLayout(head)
        column.addWidget(scroll, 1)
        self._ways = QVBoxLayout()  # below what scrolls: a way out of a warning is seen with it
        self._ways.setContentsMargins(0, 0, 8, 0)
        column.addLayout(self._ways)

    def clear(self) -> None:
        """Show nothing."""
        self._empty()
        self.hazards, self._shown = [], None
        self._scroll.verticalScrollBar().setValue(0)
        for count in self.counts:
            count.setText("")
            count.hide()

    def _empty(self) -> None:
        for column in (self._column, self._ways):
            while column.count():
                item = column.takeAt(0)
                widget = None if item is None else item.widget()
                if widget is not None:
                    widget.hide()
                    widget.deleteLater()

    def say(self, text: str) -> None:
        """Say one quiet sentence instead of hazards."""
        self.clear()
        said = label(text, "caption")
        said.setWordWrap(True)
        self._column.addWidget(said)
        self._column.addStretch(1)

    def show_hazards(self, hazards: Sequence[Hazard], current: Edit | None, operations: Mapping[str, Operation],
                     *, complete: bool = True, opened: str | None = None) -> None:  # fmt: skip
        """Show cards, refusals first; many of a kind are one card. The same hazards again stay as they are.

        The first card is whole and the others are one line each; the name of the tensor that is `opened` is left out.
        """
        shown = (list(hazards), current, complete)
        if shown == self._shown and self.cards:
            return
        self.clear()
        self._shown = shown
        self.hazards = list(hazards)
        groups = grouped(hazards)
        for (level, _), count in zip(LEVELS, self.counts, strict=True):
            number = sum(group.level == level for group in groups)
            count.setText(f"{number:,} {level}{'s' if number > 1 else ''}" if number else "")
            count.setVisible(number > 0)
        avoiding: list[tuple[str, Edit]] = []
        for place, group in enumerate(groups):
            card = HazardCard(group, opened)
            offered = [pair for hazard in group.hazards for pair in alternatives(hazard, current, operations)]
            if len(group.hazards) > 1:
                offered = []  # each is about one tensor alone
            if group.level == "warning":
                avoiding += [pair for pair in offered if pair not in avoiding]
            else:
                for said, edit in offered:
                    card.add_link(said).clicked.connect(lambda _=False, edit=edit: self.alternative.emit(edit))
            card.add_places()
            card.add_list()
            if place and group.level != "refusal":
                self._column.addWidget(card.fold())
            card.place.connect(self.place)
            card.explained.connect(self.explained)
            self._column.addWidget(card)
        if avoiding:
            self._ways.addWidget(self._ways_out(avoiding))
        if complete and not any(hazard.level == "refusal" for hazard in hazards):
            self._say_what_does_not(hazards)
        if hazards:
            copy = Link("Copy as text")
            copy.clicked.connect(self.copy)
            self._column.addWidget(copy, 0, Qt.AlignmentFlag.AlignLeft)
        self._column.addStretch(1)

    def _say_what_does_not(self, hazards: Sequence[Hazard]) -> None:
        """Say in one quiet line which losses do not happen; the rarer ones only beside others."""
        kinds = {hazard.kind for hazard in hazards}
        quiet = [said for kind, said in QUIET.items() if kind not in kinds]
        if len(quiet) == len(QUIET):
            quiet = quiet[:2]
        text = ", ".join(quiet)
        if text:
            self._column.addWidget(self._fine(text[:1].upper() + text[1:]))

    def _ways_out(self, offered: Sequence[tuple[str, Edit]]) -> QWidget:
        """Make the buttons of the edits that would lose less."""
        made = QWidget()
        column = QVBoxLayout(made)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(3)
        column.addWidget(label("Edits that avoid it", "section"))
        row = QWidget()
        flow = FlowLayout(6, 4, row)
        flow.setContentsMargins(0, 0, 0, 0)
        for said, edit in offered:
            button = QPushButton(plain(said))
            button.setProperty("small", True)
            button.setAutoDefault(True)
            button.clicked.connect(lambda _=False, edit=edit: self.alternative.emit(edit))
            flow.addWidget(button)
        column.addWidget(row)
        return made

    def copy(self) -> None:
        """Put all hazards on the clipboard as text."""
        QGuiApplication.clipboard().setText(as_text(self.hazards))

    def _fine(self, text: str) -> QWidget:
        made = QWidget()
        row = QHBoxLayout(made)
        row.setContentsMargins(0, 2, 0, 0)
        row.setSpacing(6)
        row.addWidget(IconLabel("check", 12, "ok"), 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(wrapping(text, "secondary"), 1)
        return made

    @property
    def cards(self) -> list[HazardCard]:
        """The cards, in order."""
        found = (self._column.itemAt(place) for place in range(self._column.count()))
        widgets = [item.widget() for item in found if item is not None]
        return [widget for widget in widgets if isinstance(widget, HazardCard)]
