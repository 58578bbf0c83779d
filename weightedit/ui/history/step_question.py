"""The question before an undo or a redo that writes over what other code wrote: a card, for that one step alone."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtWidgets import QApplication, QHBoxLayout, QPushButton, QWidget

from weightedit.core.document import Document
from weightedit.core.edits.asked_steps import Goal, Point, StepAsked, take
from weightedit.core.words.numbers import count_text
from weightedit.ui.errors.errors_view import Notice
from weightedit.ui.files.reload_notice import NoticeStrip
from weightedit.ui.shell.leaving import leaves
from weightedit.ui.tasks import TaskProgress, Tasks
from weightedit.ui.widgets.hazard_names import short_names
from weightedit.ui.widgets.plain import aloud, plain, tip

Done = Callable[[], None]


def _values(count: int) -> str:
    return f"{count_text(count)} value{'' if count == 1 else 's'}"


class StepQuestion(Notice):
    """What is lost, and two answers.

    Parameters
    ----------
    name
        `Undo`, `Redo`, or what else the step is called.
    asked
        What it is about.

    Signals
    -------
    agreed, left
        An answer was given; Esc leaves it too.
    """

    agreed = Signal()
    left = Signal()

    def __init__(self, name: str, asked: StepAsked) -> None:
        first = asked.hazards[0]
        where = short_names(", ".join(first.targets[:3]))
        lost = f"{name} loses {_values(asked.lost)} that other code wrote"
        title = lost if asked.lost else short_names(first.title)
        detail = f"{where} changed after {asked.label}. {first.detail}" if asked.lost else first.detail
        super().__init__("warning", title, detail)
        self.setObjectName("step-question")
        self.setAccessibleName(aloud(f"warning: {title}"))
        self.setToolTip(tip(", ".join(first.targets)))
        agreed = f"{name} and lose {_values(asked.lost)}" if asked.lost else f"{name} all the same"
        self.agree_button = QPushButton(plain(agreed))
        self.keep_button = QPushButton("Keep")
        self.agree_button.setProperty("kind", "warning")
        self.keep_button.setProperty("kind", "quiet")
        self.agree_button.clicked.connect(self.agreed)
        self.keep_button.clicked.connect(self.left)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        for button in (self.agree_button, self.keep_button):
            button.setProperty("small", True)
            button.setAutoDefault(True)
            buttons.addWidget(button)
        buttons.addStretch(1)
        self.column.addSpacing(4)
        self.column.addLayout(buttons)

    def event(self, event: QEvent) -> bool:
        """Leave this question on Esc."""
        return leaves(event, self.left.emit) or super().event(event)


class StepQuestions(QObject):
    """Takes steps through histories, and asks where one would lose something; at most one question stands.

    Parameters
    ----------
    tasks, strip
        Where steps run, and where the question is shown.

    Signals
    -------
    asked
        A question is about to be shown.
    """

    asked = Signal()

    def __init__(self, tasks: Tasks, strip: NoticeStrip, parent: QObject) -> None:
        super().__init__(parent)
        self._tasks, self._strip = tasks, strip
        self._of: tuple[Document, Point] | None = None
        self._before: QWidget | None = None
        self.card: StepQuestion | None = None

    def step(self, document: Document, name: str, goal: Goal, done: Done, failed: Callable[[Exception], None] | None,
             answer: StepAsked | None = None) -> None:  # fmt: skip
        """Take a step; with the answer to a question, only that step, and only what was asked about is accepted."""
        self.leave()
        kinds, point = ((), None) if answer is None else (answer.kinds, answer.point)

        def work(progress: TaskProgress) -> StepAsked | None:
            return take(document, goal, kinds, point, progress=progress.report, cancel=progress.cancel)

        def ended(asked: StepAsked | None) -> None:
            if asked is None:
                done()
            elif asked.point == Point.of(document.history):
                self._ask(document, name, asked, lambda: self.step(document, name, goal, done, failed, asked))

        self._tasks.start(name, work, on_result=ended, on_error=failed)

    def _ask(self, document: Document, name: str, asked: StepAsked, again: Callable[[], None]) -> None:
        self.leave()
        self.asked.emit()
        self._of = (document, asked.point)
        self._before = QApplication.focusWidget()
        self.card = StepQuestion(name, asked)
        self.card.agreed.connect(again)
        self.card.left.connect(self.leave)
        self._strip.add(self.card)
        self.card.keep_button.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def look(self, document: Document) -> None:
        """Take the question away where the history of its document went on."""
        if self._of is not None and self._of[0] is document and self._of[1] != Point.of(document.history):
            self.leave()

    def forget(self, document: Document) -> None:
        """Take the question away with its document."""
        if self._of is not None and self._of[0] is document:
            self.leave()

    def leave(self) -> None:
        """Take the question away; the focus goes back to where it was."""
        if self.card is None:
            return
        card, self.card, self._of = self.card, None, None
        before, self._before = self._before, None
        if card.isAncestorOf(QApplication.focusWidget() or self._strip) and before is not None and before.isVisible():
            before.setFocus(Qt.FocusReason.OtherFocusReason)
        self._strip.remove(card)
