"""The doctor's room: what it is made of, and what follows when a field, a button, a run or a document changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from weightedit.doctor.checkup import Checkup
from weightedit.ui.doctor.activations_pane import ActivationsPane
from weightedit.ui.doctor.activations_run import ActivationsRun
from weightedit.ui.doctor.browsing import Browsing
from weightedit.ui.doctor.consent_card import ConsentCard
from weightedit.ui.doctor.fields import Fields
from weightedit.ui.doctor.first_cause import first_cause
from weightedit.ui.doctor.head import DoctorHead
from weightedit.ui.doctor.mend_card import MendCard
from weightedit.ui.doctor.part_cards import PartCards
from weightedit.ui.doctor.part_pages import PartPages
from weightedit.ui.doctor.running import Running
from weightedit.ui.doctor.sides import Sides
from weightedit.ui.doctor.states import state_in
from weightedit.ui.doctor.told import Told
from weightedit.ui.doctor.trace_panel import TracePanel
from weightedit.ui.doctor.training_fields import TrainingFields
from weightedit.ui.doctor.visit import Visit
from weightedit.ui.doctor.visits import Visits
from weightedit.ui.shell.leaving import leaves
from weightedit.ui.widgets.pieces import line

if TYPE_CHECKING:
    from weightedit.ui.documents import OpenDocument
    from weightedit.ui.window import MainWindow

NAMES = ("load", "trace", "training", "activations")


class DoctorRoom(QWidget):
    """The room; it stands in the place of tree and tensors while it is open.

    Attributes
    ----------
    trace
        The shape trace, at the left.
    head, told, parts
        At the right from above: what runs, what was said or asked, and how each part went; below them is a page.
    training, activations, fields
        What is filled in on the pages of these parts; and all fields as one.
    visits
        What it has of each document.
    running, captures, browsing
        What it starts: checks, what has to do with activations, and looking for the model's code.
    pages
        What makes the page of a part.

    Signals
    -------
    left
        Esc was pressed where nothing is asked, or Edit in the rail.
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
        self.visits = Visits()
        self.trace = TracePanel()
        self.head, self.told, self.parts = DoctorHead(), Told(), PartCards(NAMES)
        self.training, self.activations = TrainingFields(self), ActivationsPane(self)
        self.fields = Fields(self.head, self.training, self.activations)
        self.fields.put_away(self)
        self._sides = Sides(self.trace, (self.head, line(), self.told, self.parts, line()))
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(self._sides)
        self.running = Running(window, self)
        self.captures = ActivationsRun(window, self)
        self.browsing = Browsing(window, self)
        self.pages = PartPages(window, self)
        self._connect()
        self._show_visit()

    def _connect(self) -> None:
        self.head.run_pressed.connect(self.run)
        self.head.stop_pressed.connect(self.running.stop)
        self.parts.chosen.connect(self.show_part)
        self.trace.cause_wanted.connect(self.show_part)
        self.training.run_pressed.connect(self.run)
        self.told.again_pressed.connect(self._again)
        self.told.asked.connect(self._leave_to_question)
        self.fields.edited.connect(self._edited)
        self._window.documents.removed.connect(self._removed)
        self._window.documents.changed.connect(lambda opened, _: self._changed(opened))

    def event(self, event: QEvent) -> bool:
        """Take a question back on Esc, and leave the room where nothing is asked."""
        question = self.told.question
        return leaves(event, self.left.emit if question is None else question.declined.emit) or super().event(event)

    # ---- which document

    @property
    def visit(self) -> Visit:
        """What it has of the document it is the doctor of."""
        return self.visits.now

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
        meant = self.visits.meant(self._window.current)
        work = self._window.workbench
        if meant is not None and meant is not self._window.current and work is not None:
            self._window.current = meant  # undo and the status bar are of it too
            work.set_document(meant.document)
            self._window.refresh()
        if meant is not self.opened:
            self.show_document(meant)
        (self.head.run if self.head.run.isEnabled() else self.head.model.edit).setFocus()

    def show_document(self, opened: OpenDocument | None) -> None:
        """Be the doctor of another document; what runs for the one before goes on."""
        self.clear_asked()
        self.visit.texts = self.fields.texts
        texts = self.visits.go(opened).texts
        self.running.offer(self.visit)
        self.fields.offer_edits(self.visit)
        if texts:
            self.fields.put_back(texts)
        self._show_visit()

    def _removed(self, opened: OpenDocument) -> None:
        if self.visits.forget(opened) is self.visit:
            self.show_document(None)
            self.left.emit()

    def _changed(self, opened: OpenDocument) -> None:
        if opened is self.opened:
            self.fields.offer_edits(self.visit)
            self._show_cards()
            self._show_told()
            self.ground_changed.emit()

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

    def _leave_to_question(self, asked: bool) -> None:
        """Let the button of a question be the only primary one while it is asked."""
        self.head.show_asked(asked)
        for card in self.findChildren(MendCard):
            card.step_back(asked)

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
        self.fields.show_needs(self.visit)

    # ---- what came of it

    def show_running(self, doing: str) -> None:
        """Follow that a run began or ended: buttons, cards, and after a check what is shown of it."""
        visit = self.visit
        self.head.show_running(visit.task is not None, visit.found is not None)
        self.fields.show_needs(self.visit)
        self._show_cards()
        if doing == "check":
            self.trace.show_checkup(visit.found, is_running=visit.doing == "check")
            self.show_part(visit.part)
        self._show_told()

    def show_checkup(self, visit: Visit) -> None:
        """Show what a check came to."""
        first = first_cause(visit.found)
        visit.part = first.part if first is not None else visit.part if visit.part == "training" else "trace"
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
        self.show_running("check")

    def _show_cards(self) -> None:
        for name, card in self.parts.cards.items():
            card.show_state(*state_in(name, self.visit), past=self.visit.is_past(name))
        self.trace.show_past(self.visit.is_past("trace"))

    def _show_told(self) -> None:
        visit = self.visit
        if self.told.question is None:
            self.told.show_said(visit.said)
        self.told.show_left(visit.task is None and visit.is_past(self.part))
        self.told.show_notes(visit.found)

    # ---- the page

    @property
    def pane(self) -> QWidget:
        """The page below the cards."""
        return self._sides.page

    def show_part(self, name: str) -> None:
        """Show one part below the cards."""
        self.visit.part = name
        self.parts.choose(name)
        self.fields.put_away(self)
        self._sides.show_page(self.pages.page(name))
        self._leave_to_question(self.told.question is not None)
        self._show_told()
