"""The doctor's room: the trace at the left, and beside it what to run, how each part went, and what mends it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtWidgets import QSplitter, QVBoxLayout, QWidget

from weightedit.core.words.visible import visible
from weightedit.doctor.checkup import AUTO, FAKE, Checkup
from weightedit.doctor.finding import Finding, Mend
from weightedit.ui.doctor.activations_pane import ActivationsPane
from weightedit.ui.doctor.activations_run import ActivationsRun
from weightedit.ui.doctor.consent_card import ConsentCard
from weightedit.ui.doctor.finding_view import FindingView
from weightedit.ui.doctor.ground import Ground
from weightedit.ui.doctor.head import NO_DOCUMENT, DoctorHead
from weightedit.ui.doctor.load_table import LoadTable
from weightedit.ui.doctor.mend_card import MendCard
from weightedit.ui.doctor.mending import Mending
from weightedit.ui.doctor.pages import halves, holding, scrolled
from weightedit.ui.doctor.part_cards import PartCards
from weightedit.ui.doctor.running import BUSY, Running
from weightedit.ui.doctor.standing import Standing
from weightedit.ui.doctor.states import nothing_found, state_in
from weightedit.ui.doctor.told import Told
from weightedit.ui.doctor.trace_panel import TracePanel
from weightedit.ui.doctor.training_fields import TrainingFields
from weightedit.ui.doctor.visit import Visit
from weightedit.ui.shell.leaving import leaves
from weightedit.ui.widgets.pieces import empty_state, line

if TYPE_CHECKING:
    from weightedit.core.document import Document
    from weightedit.ui.documents import OpenDocument
    from weightedit.ui.window import MainWindow

TRACE_WIDTH = 424
NAMES = ("load", "trace", "training", "activations")
ORDER = ("trace", "load", "training", "activations")
"""The break first, then what it comes from."""


class DoctorRoom(QWidget):
    """The room; it stands in the place of tree and tensors while it is open.

    Attributes
    ----------
    visit
        What it has of the document it is the doctor of; the others' are kept.

    Signals
    -------
    left
        Esc was pressed, or Edit in the rail.
    ground_changed
        The document was edited, or went back in its history.
    """

    left = Signal()
    ground_changed = Signal()

    def __init__(self, window: MainWindow) -> None:
        super().__init__()
        self.setObjectName("doctor")
        self.setAccessibleName("Doctor")
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self._window = window
        self.visit = Visit(None)
        self._visits: dict[OpenDocument, Visit] = {}
        self._captures: dict[OpenDocument, OpenDocument] = {}
        self.mending = Mending(window, self._mended)
        self.running = Running(window, self)
        self._build()
        self.captures = ActivationsRun(window, self)
        self._connect()
        self._show_visit()

    def _build(self) -> None:
        self.trace = TracePanel()
        self.head = DoctorHead()
        self.parts = PartCards(NAMES)
        self.training, self.activations = TrainingFields(self), ActivationsPane(self)
        for kept in (self.training, self.activations):
            kept.hide()
        self.told = Told()
        self.notices = self.told.notices
        self.shown = QVBoxLayout()
        self.pane = QWidget()
        self.shown.addWidget(self.pane)
        right = QWidget()
        right.setProperty("surface", "panel")
        right.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        column = QVBoxLayout(right)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        for part in (self.head, line(), self.told, self.parts, line()):
            column.addWidget(part)
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
        self.told.again_pressed.connect(self._again)
        for fields in (self.head, self.training, self.activations):
            fields.edited.connect(self._edited)
        self._window.documents.removed.connect(self._removed)
        self._window.documents.changed.connect(lambda opened, _: self._changed(opened))

    def event(self, event: QEvent) -> bool:
        """Leave the room on Esc."""
        return leaves(event, self.left.emit) or super().event(event)

    # ---- which document

    @property
    def opened(self) -> OpenDocument | None:
        """The document it is the doctor of."""
        return self.visit.opened

    @property
    def found(self) -> Checkup | None:
        """What the last check of that came to."""
        return self.visit.found

    @property
    def part(self) -> str:
        """The part that is shown."""
        return self.visit.part

    def begin(self) -> None:
        """Be the doctor of the current document; for captures, of the one they were captured for."""
        current = self._window.current
        meant = None if current is None else self._captures.get(current, current)
        work = self._window.workbench
        if meant is not None and meant is not current and work is not None:  # undo and the status bar are of it too
            self._window.current = meant
            work.set_document(meant.document)
            self._window.refresh()
        if meant is not self.opened:
            self.show_document(meant)
        edit = self.head.model.lineEdit()
        (self.head.run if self.head.run.isEnabled() else edit or self.head.run).setFocus()

    def show_document(self, opened: OpenDocument | None) -> None:
        """Be the doctor of another document; what runs for the one before goes on."""
        self.clear_asked()
        for fields in (self.head, self.training, self.activations):
            self.visit.texts |= fields.texts
        self.visit = Visit(None) if opened is None else self._visits.setdefault(opened, Visit(opened))
        texts = dict(self.visit.texts)
        self.running.offer(self.visit)
        self._offer_edits()
        for fields in (self.head, self.training, self.activations) if texts else ():
            fields.put_back(texts)
        self._show_visit()

    def add_captures(self, captures: OpenDocument, visit: Visit) -> None:
        """Know which document captures were made for."""
        if visit.opened is not None:
            self._captures[captures] = visit.opened

    def _removed(self, opened: OpenDocument) -> None:
        self._captures = {captures: source for captures, source in self._captures.items()
                          if opened not in (captures, source)}  # fmt: skip
        gone = self._visits.pop(opened, None)
        if gone is None:
            return
        gone.is_gone = True
        if gone.task is not None:
            gone.task.cancel()
        if gone is self.visit:
            self.show_document(None)
            self.left.emit()

    def _changed(self, opened: OpenDocument) -> None:
        if opened is self.opened:
            self._offer_edits()
            self._show_told()
            self.ground_changed.emit()

    def _offer_edits(self) -> None:
        history = None if self.opened is None else self.opened.document.history
        edits = [] if history is None else history.steps[: history.position]
        self.activations.offer([f"{step.label} {step.where}".strip() for step in edits])

    # ---- a run, and the question before it

    def run(self) -> None:
        """Run the doctor as the fields say; code is asked about each time."""
        visit = self.visit
        if visit.opened is None or visit.task is not None or not self.head.run.isEnabled():
            return
        self.clear_asked()
        if wrong := self.training.wrong():
            self.say(visit, "refusal", wrong)
            self.show_part("training")
            return
        self.running.ask(visit, self.running.order(visit, self.training.wanted), self.running.check)

    def _again(self) -> None:
        outcome = self.visit.outcome
        if self.part == "activations" and outcome is not None and outcome.again is not None:
            outcome.again()
        else:
            self.run()

    def ask(self, sentences: tuple[str, ...], agreed: Callable[[], None]) -> None:
        """Say what will run, and go on once the person agreed."""
        self.visit.said = None
        card = ConsentCard(sentences)
        for answer in (card.agreed, card.declined):
            answer.connect(self.head.run.setFocus)  # or it would go to whatever stands next, outside of the room
            answer.connect(self.clear_asked)
        card.agreed.connect(agreed)
        self.told.show_question(card)
        card.yes.setFocus()

    def clear_asked(self) -> None:
        """Take back what was asked: the answer would be to something else."""
        self.running.void()
        self.visit.said = None
        self.told.show_said(None)

    def say(self, visit: Visit, level: str, title: str, body: str = "") -> None:
        """Say something above the parts, of one document."""
        visit.said = (level, title, body)
        if visit is self.visit:
            self.told.show_said(visit.said)

    def _edited(self) -> None:
        """Turn what the fields decide, and take back a question that was about what they said."""
        if self.told.question is not None:
            self.told.show_said(None)
        self.running.void()
        self._show_needs()

    # ---- what came of it

    def needs_for_activations(self) -> str:
        """Return why activations cannot be captured now; empty where they can."""
        if self.opened is None:
            return NO_DOCUMENT
        if self.visit.task is not None:
            return BUSY
        return self.head.wrong() or ("" if self.head.input_text else "Needs an input: name it at the top")

    def _show_needs(self) -> None:
        self.activations.show_needs(self.needs_for_activations())
        device = self.head.device_name
        self.activations.show_device("cpu" if device in (AUTO, FAKE) else device)
        self.training.show_busy(BUSY if self.visit.task is not None else self.head.wrong())

    def show_running(self) -> None:
        """Follow that a run began or ended: buttons, cards, and what is shown below."""
        visit = self.visit
        self.head.show_running(visit.task is not None, visit.found is not None)
        self._show_needs()
        self._show_cards()
        if visit.doing == "check" or visit.task is None:
            self.trace.show_checkup(visit.found)
            self.show_part(visit.part)
        self._show_told()

    def show_checkup(self, visit: Visit) -> None:
        """Show what a check came to."""
        wrong = next((name for name in ORDER if state_in(name, visit)[0] == "failed"), None)
        visit.part = wrong or (visit.part if visit.part == "training" else "trace")
        if visit is self.visit:
            self._show_visit()

    def show_activations(self, visit: Visit) -> None:
        """Show what came of activations."""
        if visit is self.visit:
            self._show_cards()
            self._show_outcome()
            self._show_told()

    def _show_outcome(self) -> None:
        if self.visit.outcome is None:
            self.activations.show_nothing()
        else:
            self.visit.outcome.show(self.activations)

    def _show_visit(self) -> None:
        self.head.show_offered(self.opened is not None)
        self._show_outcome()
        self.show_running()

    def _show_cards(self) -> None:
        for name, card in self.parts.cards.items():
            card.show_state(*state_in(name, self.visit))

    def _show_told(self) -> None:
        visit = self.visit
        outcome = visit.outcome
        ground = visit.ground if self.part != "activations" else None if outcome is None else outcome.ground
        if self.told.question is None:
            self.told.show_said(visit.said)
        self.told.show_left(visit.task is None and visit.is_left(ground))
        self.told.show_notes(visit.found)

    def show_part(self, name: str) -> None:
        """Show one part below the cards."""
        self.visit.part = name
        self.parts.choose(name)
        for kept in (self.training, self.activations):  # what was typed there stays, whatever is shown
            kept.hide()
            kept.setParent(self)
        before, self.pane = self.pane, self._pane(name)
        self.shown.replaceWidget(before, self.pane)
        self.pane.show()
        before.hide()
        before.deleteLater()
        self._show_told()

    def _pane(self, name: str) -> QWidget:
        if self.opened is None:
            return empty_state("doctor", "No document is open", "Open a checkpoint, then name the code of its model.")
        if name == "activations":
            return holding(self.activations)
        if name == "training":
            return holding(self.training, self._findings(name))
        findings, load = self._findings(name), None if self.found is None else self.found.load
        if name != "load" or load is None or not load.rows:
            return findings
        table, opened = LoadTable(load), self.opened
        table.opened.connect(lambda name: self._show_tensor(opened, name))
        table.card_made.connect(lambda card: self._join(card, opened.document, self.visit.ground))
        return halves(findings, table) if any(one.part == name for one in load.findings) else table

    def _findings(self, name: str) -> QWidget:
        found = self.found
        findings = [] if found is None else [one for one in found.findings if one.part == name]
        if not findings:
            return empty_state(*nothing_found(name, self.visit))
        return scrolled([self.finding_view(one, is_first=place == 0) for place, one in enumerate(findings)])

    def finding_view(self, finding: Finding, *, is_first: bool = True, ground: Ground | None = None) -> FindingView:
        """Make the page of a finding, whose mends can be pressed while the document is where it was found."""
        found, visit = self.found, self.visit
        diagnosis = None if found is None else found.diagnosis
        own = diagnosis is not None and diagnosis.finding is finding
        disagreement = diagnosis.disagreement if own and diagnosis is not None else None
        failure = found.trace.failure if own and found is not None and found.trace is not None else None
        opened = visit.opened
        shown = opened is not None and bool(finding.tensor) and opened.document.find(finding.tensor) is not None
        beside = diagnosis.beside if own and diagnosis is not None else None
        view = FindingView(finding, disagreement, failure, can_show=shown, is_first=is_first, beside=beside)
        if opened is not None:
            view.tensor_wanted.connect(lambda name: self._show_tensor(opened, name))
            for card in view.cards:
                self._join(card, opened.document, ground or visit.ground)
        return view

    def _join(self, card: MendCard, document: Document, ground: Ground | None) -> None:
        """Do what a card asks for, while the document is where it was when that was found."""
        self.mending.join(card, document)
        card.input_wanted.connect(lambda: self._use(card.mend))
        if ground is not None and card.changes_document:
            standing = Standing(card, document, ground, self.visit.mended)
            self.ground_changed.connect(standing.look)

    def _show_tensor(self, opened: OpenDocument, name: str) -> None:
        if opened.document.find(name) is None:
            self.say(self.visit, "notice", f"There is no {visible(name, 200)} in the document any more")
        else:
            self._window.show_tensor(opened, name)

    def _use(self, mend: Mend) -> None:
        """Put the input or target of a mend into its field."""
        field, text = (self.head.input, mend.inputs) if mend.inputs else (self.training.target, mend.target)
        field.setText(text)
        field.setFocus()
        what = "input" if mend.inputs else "target"
        self.say(self.visit, "notice", f"The {what} is changed", "Run again to see what that changed.")

    def _mended(self, said: str) -> None:
        if self.opened is not None:
            self.visit.mended.append(Ground.of(self.opened.document))
            self.ground_changed.emit()
        self.say(self.visit, "ok", said)
        self.head.run.setFocus()
        self._window.status.say(said)
