"""The card at the top of the trace that names what failed first, in the load report or in the run."""

from __future__ import annotations

from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout

from weightedit.core.words.numbers import count_text
from weightedit.doctor.checkup import Checkup
from weightedit.doctor.shape_trace.outline import TraceNode
from weightedit.ui.doctor.coded import uncoded
from weightedit.ui.doctor.first_cause import comes_after, first_cause
from weightedit.ui.widgets.card_button import CardButton
from weightedit.ui.widgets.elided import ElidedLabel, TwoLineLabel
from weightedit.ui.widgets.pieces import IconLabel, label, restyle

TITLE, PAST_TITLE = "First to fail", "First to fail before the document changed"


class FirstToFail(CardButton):
    """The card; pressed, it leads there.

    Attributes
    ----------
    part
        The part of the check that failed first, `load` or `trace`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.part, self._aloud = "trace", ""
        self.setObjectName("first-to-fail")
        column = QVBoxLayout(self)
        column.setContentsMargins(10, 7, 10, 8)
        column.setSpacing(2)
        head = QHBoxLayout()
        head.setSpacing(6)
        self._pin = IconLabel("pin", 14, "bad")
        head.addWidget(self._pin)
        self.title = label(TITLE, "section")
        self.title.setProperty("tone", "bad")
        head.addWidget(self.title)
        head.addStretch(1)
        self.where = label("", "caption")
        head.addWidget(self.where)
        column.addLayout(head)
        self.name = TwoLineLabel("", "strong")
        column.addWidget(self.name)
        self.says = ElidedLabel("", "caption")
        column.addWidget(self.says)

    def show_checkup(self, found: Checkup | None, stopped: TraceNode | None) -> bool:
        """Name what a check says failed first, and the module that stopped its run; return whether there is any."""
        first = first_cause(found)
        if found is not None and first is not None and comes_after(found):
            self._show("load", "load report", uncoded(first.message).rstrip("."), _then(found, stopped))
            return True
        if stopped is None or found is None or found.trace is None:
            return False
        says = "" if found.diagnosis is None else uncoded(found.diagnosis.finding.message)
        where = f"call {count_text(stopped.place + 1)} of {count_text(len(found.trace.calls))}"
        self._show("trace", where, stopped.module or stopped.type, f"{stopped.type} · {says}", says)
        return True

    def _show(self, part: str, where: str, name: str, below: str, says: str = "") -> None:
        self.part = part
        self.where.setText(where)
        self.name.setText(name)
        self.says.setText(below)
        self._aloud = f"{name}. {says or below}"
        self.show_past(False)

    def show_past(self, past: bool) -> None:
        """Step back while the document is not what failed."""
        restyle(self, "past", past)
        restyle(self.title, "tone", "past" if past else "bad")
        self._pin.show_icon("pin", "text3" if past else "bad")
        self.title.setText(PAST_TITLE if past else TITLE)
        self.say(f"{self.title.text()}: {self._aloud}")


def _then(found: Checkup, stopped: TraceNode | None) -> str:
    """Return what the run comes to, that is after it."""
    if stopped is not None:
        return f"After it the run stops in {stopped.module or stopped.type}"
    return "The run goes through, with names matched as it says" if found.ran else "The run stops after it"
