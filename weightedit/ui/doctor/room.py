"""The doctor's room: the trace at the left, and beside it what to run, how each part went, and what mends it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtWidgets import QFrame, QScrollArea, QSplitter, QVBoxLayout, QWidget

from weightedit.doctor.checkup import Checkup
from weightedit.doctor.finding import Finding, Mend
from weightedit.ui.doctor.activations_pane import ActivationsPane
from weightedit.ui.doctor.activations_run import ActivationsRun
from weightedit.ui.doctor.consent_card import ConsentCard
from weightedit.ui.doctor.finding_view import FindingView
from weightedit.ui.doctor.head import DoctorHead
from weightedit.ui.doctor.load_table import LoadTable
from weightedit.ui.doctor.mending import Mending
from weightedit.ui.doctor.part_cards import PartCards
from weightedit.ui.doctor.running import Running
from weightedit.ui.doctor.states import state_of
from weightedit.ui.doctor.trace_panel import TracePanel
from weightedit.ui.doctor.training_fields import TrainingFields
from weightedit.ui.errors.errors_view import Notice
from weightedit.ui.shell.leaving import leaves
from weightedit.ui.widgets.pieces import empty_state, line

if TYPE_CHECKING:
    from weightedit.ui.documents import OpenDocument
    from weightedit.ui.window import MainWindow

TRACE_WIDTH = 424
NAMES = ("load", "trace", "training", "activations")


class DoctorRoom(QWidget):
    """The room; it stands in the place of tree and tensors while it is open.

    Signals
    -------
    left
        Esc was pressed, or Edit in the rail.
    """

    left = Signal()

    def __init__(self, window: MainWindow) -> None:
        super().__init__()
        self.setObjectName("doctor")
        self.setAccessibleName("Doctor")
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self._window = window
        self.opened: OpenDocument | None = None
        self.found: Checkup | None = None
        self.part = "trace"
        self.mending = Mending(window, self._mended)
        self.running = Running(window, self)
        self._build()
        self._connect()

    def _build(self) -> None:
        self.trace = TracePanel()
        self.head = DoctorHead()
        self.parts = PartCards(NAMES)
        self.training, self.activations = TrainingFields(self), ActivationsPane(self)
        for kept in (self.training, self.activations):
            kept.hide()
        self.notices = QVBoxLayout()
        self.notices.setContentsMargins(18, 10, 18, 0)
        self.notices.setSpacing(6)
        self.shown = QVBoxLayout()
        self.pane = QWidget()
        self.shown.addWidget(self.pane)
        right = QWidget()
        right.setProperty("surface", "panel")
        right.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        column = QVBoxLayout(right)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.head)
        column.addWidget(line())
        column.addLayout(self.notices)
        column.addWidget(self.parts)
        column.addWidget(line())
        column.addLayout(self.shown, 1)
        sides = QSplitter()
        sides.setHandleWidth(1)
        sides.setChildrenCollapsible(False)
        sides.addWidget(self.trace)
        sides.addWidget(right)
        sides.setStretchFactor(1, 1)
        sides.setSizes([TRACE_WIDTH, 900])
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(sides)

    def _connect(self) -> None:
        self.head.run_pressed.connect(self.run)
        self.head.stop_pressed.connect(self.running.stop)
        self.parts.chosen.connect(self.show_part)
        self.training.run_pressed.connect(self.run)
        self.captures = ActivationsRun(self._window, self)
        self._window.documents.removed.connect(self._removed)
        self._window.documents.changed.connect(lambda opened, _: self._changed(opened))

    def event(self, event: QEvent) -> bool:
        """Leave the room on Esc."""
        return leaves(event, self.left.emit) or super().event(event)

    # ---- which document

    def begin(self) -> None:
        """Be the doctor of the current document."""
        if self._window.current is not self.opened:
            self.show_document(self._window.current)
        edit = self.head.model.lineEdit()
        (self.head.run if self.head.model_text and not self.head.wrong() else edit or self.head.run).setFocus()

    def show_document(self, opened: OpenDocument | None) -> None:
        """Be the doctor of another document."""
        self.running.stop()
        self.opened, self.found = opened, None
        self.running.offer()
        self._offer_edits()
        self.activations.show_nothing()
        self._clear_notices()
        self.show_checkup(None)

    def _removed(self, opened: OpenDocument) -> None:
        if opened is self.opened:
            self.show_document(None)
            self.left.emit()

    def _changed(self, opened: OpenDocument) -> None:
        """Say that what is shown is of the weights before an edit."""
        if opened is self.opened:
            self._offer_edits()
        if opened is self.opened and self.found is not None and not self.running.is_running:
            self.say("notice", "The document was edited since this ran", "Run again to see what that changed.")

    def _offer_edits(self) -> None:
        history = None if self.opened is None else self.opened.document.history
        edits = [] if history is None else history.steps[: history.position]
        self.activations.offer([f"{step.label} {step.where}".strip() for step in edits])

    # ---- a run

    def run(self) -> None:
        """Run the doctor as the fields say; code is asked about each time."""
        if self.opened is None or self.running.is_running or not self.head.run.isEnabled():
            return
        self._clear_notices()
        self.running.begin(self.opened)

    def ask(self, sentences: tuple[str, ...], agreed: Callable[[], None]) -> None:
        """Say what will run, and go on once the person agreed."""
        self._clear_notices()
        card = ConsentCard(sentences)
        for answer, then in ((card.agreed, agreed), (card.declined, self.head.run.setFocus)):
            answer.connect(self._clear_notices)
            answer.connect(then)
        self.notices.addWidget(card)
        card.yes.setFocus()

    def say(self, level: str, title: str, body: str = "") -> None:
        """Say something above the parts."""
        self._clear_notices()
        self.notices.addWidget(Notice(level, title, body))

    def _clear_notices(self) -> None:
        while (item := self.notices.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()

    # ---- what came of it

    def show_running(self, running: bool) -> None:
        """Turn the button, and say that it is on its way."""
        self.head.show_running(running, self.found is not None)
        if running:
            for card in self.parts.cards.values():
                card.show_state("waiting", "running")

    def show_checkup(self, found: Checkup | None) -> None:
        """Show what a check came to."""
        self.found = found
        self.trace.show_checkup(found)
        for name, card in self.parts.cards.items():
            card.show_state(*state_of(name, found))
        order = ("trace", "load", "training", "activations")  # the break first, then what it comes from
        wrong = next((name for name in order if state_of(name, found)[0] == "failed"), None)
        self.head.show_running(False, found is not None)
        if found is not None:
            for note in found.notes:
                self.say("notice", note)
        self.show_part(wrong or ("trace" if self.part not in NAMES or found is not None else self.part))

    def show_part(self, name: str) -> None:
        """Show one part below the cards."""
        self.part = name
        self.parts.choose(name)
        for kept in (self.training, self.activations):  # what was typed there stays, whatever is shown
            kept.hide()
            kept.setParent(self)
        before, self.pane = self.pane, self._pane(name)
        self.shown.replaceWidget(before, self.pane)
        self.pane.show()
        before.hide()
        before.deleteLater()

    def _pane(self, name: str) -> QWidget:
        if name == "activations":
            return _holding(self.activations)
        if name == "training":
            return _holding(self.training, self._findings(name))
        findings, load = self._findings(name), None if self.found is None else self.found.load
        if name != "load" or load is None or not load.rows:
            return findings
        table = LoadTable(load)
        opened = self.opened
        if opened is not None:
            table.opened.connect(lambda name: self._window.show_tensor(opened, name))
            table.card_made.connect(lambda card: self.mending.join(card, opened.document))
        if not any(finding.part == name for finding in load.findings):
            return table
        made = QSplitter(Qt.Orientation.Vertical)
        made.setHandleWidth(1)
        made.setChildrenCollapsible(False)
        for part in (findings, table):
            made.addWidget(part)
        made.setSizes([400, 260])
        return made

    def _findings(self, name: str) -> QWidget:
        if self.found is None:
            says = "Name the code that makes the model and what it is called with, then press Run (F5)."
            return empty_state("doctor", "Nothing was run yet", says)
        findings = [one for one in self.found.findings if one.part == name]
        if not findings:
            state, says = state_of(name, self.found)
            return empty_state("passed" if state == "passed" else "waiting", says[:1].upper() + says[1:],
                               "Nothing is wrong here." if state == "passed" else "")  # fmt: skip
        made = QWidget()
        column = QVBoxLayout(made)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        for place, finding in enumerate(findings):
            if place:
                column.addWidget(line())
            column.addWidget(self.finding_view(finding, is_first=place == 0))
        column.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setWidget(made)
        return area

    def finding_view(self, finding: Finding, *, is_first: bool = True) -> FindingView:
        """Make the page of a finding, whose mends can be pressed."""
        found, opened = self.found, self.opened
        diagnosis = None if found is None else found.diagnosis
        own = diagnosis is not None and diagnosis.finding is finding
        disagreement = diagnosis.disagreement if own and diagnosis is not None else None
        failure = found.trace.failure if own and found is not None and found.trace is not None else None
        shown = opened is not None and bool(finding.tensor) and opened.document.find(finding.tensor) is not None
        beside = diagnosis.beside if own and diagnosis is not None else None
        view = FindingView(finding, disagreement, failure, can_show=shown, is_first=is_first, beside=beside)
        if opened is not None:
            view.tensor_wanted.connect(lambda name: self._window.show_tensor(opened, name))
            for card in view.cards:
                self.mending.join(card, opened.document)
                card.input_wanted.connect(lambda card=card: self._use(card.mend))
        return view

    def _use(self, mend: Mend) -> None:
        """Put the input or target of a mend into its field."""
        field, text = (self.head.input, mend.inputs) if mend.inputs else (self.training.target, mend.target)
        field.setText(text)
        field.setFocus()
        what = "input" if mend.inputs else "target"
        self.say("notice", f"The {what} is changed", "Run again to see what that changed.")

    def _mended(self, said: str) -> None:
        self.say("ok", said)
        self.head.run.setFocus()
        self._window.status.say(said)


def _holding(*parts: QWidget) -> QWidget:
    """Put what is kept, and what is made anew, one below the other."""
    made = QWidget()
    column = QVBoxLayout(made)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(0)
    for place, part in enumerate(parts):
        if place:
            column.addWidget(line())
        column.addWidget(part, 1 if place == len(parts) - 1 else 0)
        part.show()
    return made
