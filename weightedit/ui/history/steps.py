"""Undo, redo and rename as tasks of the window."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weightedit.ui.tasks import TaskProgress

if TYPE_CHECKING:
    from weightedit.core.edits.asked_steps import Goal
    from weightedit.ui.documents import OpenDocument
    from weightedit.ui.history.step_question import StepQuestions
    from weightedit.ui.window import MainWindow


class Steps:
    """Steps through the history of a window's current document, and edits that need no panel."""

    def __init__(self, window: MainWindow) -> None:
        self._window = window
        self._own: StepQuestions | None = None

    def undo(self) -> None:
        """Take the last edit back."""
        from weightedit.core.edits.asked_steps import back_one

        self._step("Undo", back_one(self._whole(True)))

    def redo(self) -> None:
        """Apply the edit that was undone last again."""
        from weightedit.core.edits.asked_steps import on_one

        self._step("Redo", on_one(self._whole(False)))

    def _whole(self, back: bool) -> bool:
        """Whether a group is taken as one: not while the history panel lists its steps."""
        work = self._window.workbench
        return work is None or work.history.takes_whole(back) is not False

    def _step(self, name: str, goal: Goal) -> None:
        found = self._window.current
        if found is None:
            return
        # what the bar said of the last edit may be no longer so
        self._questions().step(found.document, name, goal, lambda: self._window.status.say(""),
                               lambda error: self._window.show_error(error, name))  # fmt: skip

    def _questions(self) -> StepQuestions:
        """Return who asks: the area of tensors, so that its panels and the window's keys ask once."""
        from weightedit.ui.history.step_question import StepQuestions

        known = getattr(self._window.workbench, "questions", self._own)
        made = known if isinstance(known, StepQuestions) else \
            StepQuestions(self._window.tasks, self._window.files.strip, self._window)  # fmt: skip
        if made is not self._own:
            self._own = made
            made.asked.connect(self._window.aside.close)
            self._window.documents.changed.connect(lambda opened, _: made.look(opened.document))
            self._window.documents.removed.connect(lambda opened: made.forget(opened.document))
        return made

    def rename(self, found: OpenDocument, name: str, to: str) -> None:
        """Rename a tensor."""

        def work(progress: TaskProgress) -> None:
            found.document.apply("rename", [name], to=to, progress=progress.report, cancel=progress.cancel)

        self._window.tasks.start(f"Renaming {name}", work, on_result=None)
