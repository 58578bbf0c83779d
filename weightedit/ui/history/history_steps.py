"""The history panel at work: what it lists of the current document, and going to the point a person picked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weightedit.core.edits.asked_steps import Goal, back_one, on_one
from weightedit.core.undo.history_compare import Difference, compare_points
from weightedit.core.words.labels import label as edit_label
from weightedit.core.words.labels import place as edit_place
from weightedit.ui.edit_panel.preview_work import Shown
from weightedit.ui.tasks import TaskProgress, Tasks

if TYPE_CHECKING:
    from weightedit.ui.workbench import Workbench


class HistorySteps:
    """Joins a workbench's history panel and the history of its document.

    Parameters
    ----------
    work
        The workbench, whose panel `history` is there already.
    tasks
        Where steps run.
    """

    def __init__(self, work: Workbench, tasks: Tasks) -> None:
        self._work, self._tasks = work, tasks
        self._preview: Shown | None = None
        panel = work.history
        panel.go_to.connect(self._go_to)
        panel.undo.connect(lambda: self._undo(panel.takes_whole()))
        panel.redo.connect(lambda: self._redo(panel.takes_whole(back=False)))
        panel.compare.connect(self._compare)
        panel.chosen.connect(self._open)

    def undo(self) -> None:
        """Take the last step back, and with it the group it is in."""
        self._undo(True)

    def _undo(self, whole: bool) -> None:
        self._step("Undo", back_one(whole))

    def _redo(self, whole: bool) -> None:
        self._step("Redo", on_one(whole))

    def _open(self, name: str) -> None:
        if self._work.document is not None:
            self._work.open_tensor(self._work.document, name)

    def _compare(self, first: int, second: int, *_: str) -> None:
        document, view = self._work.document, self._work.history.differences
        if document is None:
            return

        def work(progress: TaskProgress) -> list[Difference]:
            return compare_points(document, first, second, progress)

        self._tasks.start("Comparing two points", work, on_result=view.show_differences,
                          on_error=lambda error: view.show_error(str(error)),
                          on_cancelled=lambda: view.show_error("The comparison was stopped."),
                          group="compare history")  # fmt: skip

    def show_preview(self, shown: Shown | None) -> None:
        """List the edit that is previewed above those that were applied."""
        self._preview = shown
        self.show()

    def show(self) -> None:
        """List the history of the current document."""
        document, shown, preview = self._work.document, self._preview, None
        if document is not None and shown is not None:
            edit = shown.preview.edit
            preview = (edit_label(document.operations[edit.operation], edit), edit_place(edit, shown.preview.targets))
        opened = "" if document is None else self._work.following.opened(document)
        self._work.history.show_document(document, opened, preview)

    def _go_to(self, position: int) -> None:
        self._step("Go back", lambda history: position)

    def _step(self, name: str, goal: Goal) -> None:
        document = self._work.document
        if document is not None:
            self._work.questions.step(document, name, goal, lambda: None,
                                      lambda error: self._work.status.emit(str(error)))  # fmt: skip
