"""The hazards of an edit as cards: what happens, where, and links that show it or avoid it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import zip_longest

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QScrollArea, QVBoxLayout, QWidget

from weightedit.core.edit import Edit
from weightedit.core.hazards import Hazard
from weightedit.core.labels import label as edit_label
from weightedit.core.numbers import count_text
from weightedit.core.operation import Operation
from weightedit.ui.elided import ElidedLabel
from weightedit.ui.errors_view import Notice, wrapping
from weightedit.ui.pieces import IconLabel, label, restyle

LONG = 15
"""Letters that fit a line of a card in the narrowest window."""
QUIET_KINDS = ("precision-loss", "overflow", "underflow", "truncation")


def alternative_text(edit: Edit, current: Edit | None, operations: Mapping[str, Operation]) -> str:
    """Return what the link to an alternative says: a verb and its object."""
    if current is not None and edit.operation == current.operation and edit.tied != current.tied:
        return "Untie this one" if edit.tied == "untie" else "Keep them tied"
    text = edit_label(operations[edit.operation], edit) if edit.operation in operations else edit.operation
    return text[:1].upper() + text[1:]


def cost_text(hazards: Sequence[Hazard]) -> str:
    """Return what the Apply button says when warnings have to be accepted: `Apply with 14 Inf`."""
    warnings = [hazard for hazard in hazards if hazard.level == "warning"]
    if not warnings:
        return "Apply"
    first = warnings[0]
    count = count_text(first.count)
    what = {
        "overflow": f"with {count} {_what_overflows(first)}",
        "underflow": f"with {count} to 0",
        "truncation": f"with {count} cut",
        "imaginary-lost": f"without {count} imaginary parts",
        "broadcast": "with the repeat",
        "optimizer-detached": "and leave the optimizer",
        "module-attribute": "and leave the attributes",
        "changed-elsewhere": "over what changed",
    }.get(first.kind, f"with {first.kind}")
    rest = f" and {len(warnings) - 1} more" if len(warnings) > 1 else ""
    return f"Apply {what}{rest}"


def _what_overflows(hazard: Hazard) -> str:
    kinds = [kind for kind in ("Inf", "NaN") if kind in hazard.title]
    return "wrapped" if "wrap" in hazard.title else " or ".join(kinds) or "Inf"


def breakable(text: str) -> str:
    """Return text in which names too long for a line can be broken: after dots, within a part only if that is long."""
    return " ".join(_breakable_name(word) if len(word) > LONG else word for word in text.split(" "))


def _breakable_name(word: str) -> str:
    parts = re.split(r"(?<=\w\.)(?=[A-Za-z_])|(?<=[A-Za-z_]\.)(?=\w)", word)
    return "\u200b".join(re.sub(r"_(?=\w)", "_\u200b", part) if len(part) > LONG else part for part in parts)


class _Card(Notice):
    def __init__(self, hazard: Hazard) -> None:
        super().__init__(hazard.level, breakable(hazard.title), breakable(hazard.detail))
        self.hazard = hazard
        self.links = QVBoxLayout()
        self.links.setSpacing(2)
        row = self.layout()
        assert row is not None
        item = row.itemAt(1)
        column = None if item is None else item.layout()
        assert isinstance(column, QVBoxLayout)
        column.addLayout(self.links)
        self.setMinimumWidth(10)

    def add_link(self, text: str) -> QPushButton:
        link = QPushButton(text)
        link.setProperty("kind", "link")
        self.links.addWidget(link, 0, Qt.AlignmentFlag.AlignLeft)
        return link


class HazardsView(QWidget):
    """Cards by level, and what does not happen.

    Signals
    -------
    alternative
        (Edit) that a person picked instead.
    place
        (tensor name, region) to show.
    """

    alternative = Signal(object)
    place = Signal(str, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.hazards: list[Hazard] = []
        self.counts = [ElidedLabel("", "caption") for _ in range(3)]
        head = QHBoxLayout()
        head.setSpacing(6)
        head.setContentsMargins(0, 0, 4, 0)
        head.addWidget(ElidedLabel("Hazards", "section"))
        for tone, count in zip(("bad", "warn", "info"), self.counts, strict=True):
            restyle(count, "tone", tone)
            count.hide()  # an empty one would take its share of the room
            head.addWidget(count)
        head.addStretch(1)
        self._inner = QWidget()
        self._column = QVBoxLayout(self._inner)
        self._column.setContentsMargins(0, 0, 8, 0)
        self._column.setSpacing(6)
        scroll = QScrollArea()
        scroll.setWidget(self._inner)
        scroll.setWidgetResizable(True)
        scroll.setAccessibleName("Hazards")
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        column = QVBoxLayout(self)
        column.setContentsMargins(14, 10, 6, 10)
        column.setSpacing(6)
        column.addLayout(head)
        column.addWidget(scroll, 1)

    def clear(self) -> None:
        """Show nothing."""
        self._empty()
        self.hazards = []
        for count in self.counts:
            count.setText("")
            count.hide()

    def _empty(self) -> None:
        while self._column.count():
            item = self._column.takeAt(0)
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
                     *, complete: bool = True) -> None:  # fmt: skip
        """Show cards, refusals first."""
        self.clear()
        self.hazards = list(hazards)
        for level, one, count in zip(("refusal", "warning", "notice"), ("refusal", "warning", "notice"), self.counts,
                                     strict=True):  # fmt: skip
            number = sum(hazard.level == level for hazard in hazards)
            count.setText(f"{number} {one}{'s' if number > 1 else ''}" if number else "")
            count.setVisible(number > 0)
        for hazard in hazards:
            card = _Card(hazard)
            for edit, said in zip_longest(hazard.alternatives, hazard.labels[: len(hazard.alternatives)]):
                link = card.add_link(said or alternative_text(edit, current, operations))
                link.clicked.connect(lambda _=False, edit=edit: self.alternative.emit(edit))
            if hazard.places and hazard.targets:
                link = card.add_link("Show cells" if hazard.kind == "shared-storage" else "Go to first")
                where = (hazard.targets[0], hazard.places[0])
                link.clicked.connect(lambda _=False, where=where: self.place.emit(*where))
            self._column.addWidget(card)
        kinds = {hazard.kind for hazard in hazards}
        if complete and not kinds & set(QUIET_KINDS) and not any(hazard.level == "refusal" for hazard in hazards):
            self._column.addWidget(self._fine("No precision loss, no overflow"))
        self._column.addStretch(1)

    def _fine(self, text: str) -> QWidget:
        made = QWidget()
        row = QHBoxLayout(made)
        row.setContentsMargins(0, 2, 0, 0)
        row.setSpacing(6)
        row.addWidget(IconLabel("check", 12, "ok"), 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(wrapping(text, "secondary"), 1)
        return made

    @property
    def cards(self) -> list[QWidget]:
        """The cards, in order."""
        found = (self._column.itemAt(place) for place in range(self._column.count()))
        widgets = [item.widget() for item in found if item is not None]
        return [widget for widget in widgets if isinstance(widget, _Card)]
