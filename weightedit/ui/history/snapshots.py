"""The snapshots of the current document at work: taken, compared, restored and deleted in tasks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from weightedit.core.document import Document
from weightedit.core.errors import ConfirmationNeeded
from weightedit.core.snapshot import Snapshot
from weightedit.core.undo.history_compare import Difference
from weightedit.core.words.paths import counted
from weightedit.ui.history.snapshots_view import Question, facts
from weightedit.ui.recovery.unrecorded import is_unrecorded
from weightedit.ui.tasks import TaskProgress, Tasks

if TYPE_CHECKING:
    from weightedit.ui.workbench import Workbench


class Snapshots:
    """Joins the list of snapshots in the history panel and the current document.

    Parameters
    ----------
    work
        The workbench, whose panel `history` is there already.
    tasks
        Where copying, comparing and restoring run.
    """

    def __init__(self, work: Workbench, tasks: Tasks) -> None:
        self._work, self._tasks = work, tasks
        self.view = view = work.history.snapshots
        view.taken.connect(self.take)
        view.compared.connect(self.compare)
        view.restored.connect(self.restore)
        view.dropped.connect(self.drop)

    def take(self, name: str) -> None:
        """Take a snapshot of everything in the current document."""
        document = self._work.document
        if document is None:
            return

        def work(progress: TaskProgress) -> Snapshot:
            return document.snapshot(name, progress=progress.report, cancel=progress.cancel)

        def done(snapshot: Snapshot) -> None:
            self._shown(document)
            self.view.close_name()
            self.view.list.setCurrentRow(0)
            self.view.list.setFocus()
            left = f" Left out: {', '.join(snapshot.left_out[:3])}, without bytes." if snapshot.left_out else ""
            self.view.say(left.strip())
            self._work.told.emit(f"Took {name}: {facts(snapshot)}.")

        self._tasks.start(f"Taking {name}", work, on_result=done, on_error=lambda error: self.view.say(str(error)),
                          on_cancelled=lambda: self.view.say("It was stopped; no snapshot was taken."))  # fmt: skip

    def compare(self, name: str) -> None:
        """List what differs between a snapshot and the present, where the history shows such lists."""
        document, panel = self._work.document, self._work.history
        if document is None:
            return
        panel.show_comparison(name, "now")

        def work(progress: TaskProgress) -> list[Difference]:
            return document.compare_snapshot(name, progress=progress.report, cancel=progress.cancel)

        differences = panel.differences
        self._tasks.start(f"Comparing with {name}", work, on_result=differences.show_differences,
                          on_error=lambda error: differences.show_error(str(error)),
                          on_cancelled=lambda: differences.show_error("The comparison was stopped."),
                          group="compare history")  # fmt: skip

    def restore(self, name: str, targets: Sequence[str] | str, accepted: frozenset[str]) -> None:
        """Put back what differs from a snapshot, of all tensors or of those that are called so now.

        A warning is asked about first, and its answer holds for these targets alone.
        """
        document = self._work.document
        if document is None:
            return
        version, notes = document.version, list[str]()

        def work(progress: TaskProgress) -> int:
            names: Sequence[str] | str = "*"
            if targets != "*":
                names, note = document.names_in_snapshot(name, targets)
                notes.append(note)
            edit = document.restore(name, names, accept=accepted, progress=progress.report, cancel=progress.cancel)
            steps = reversed(document.history.steps)
            return next((len(step.regions) for step in steps if step.edit is edit), len(edit.targets))

        def done(count: int) -> None:
            self._shown(document)
            self._say(document, name, " ".join(notes))
            self._work.told.emit(f"Restored {counted(count, 'tensor')} from {name}.")

        def failed(error: Exception) -> None:
            if not isinstance(error, ConfirmationNeeded):
                said = "Nothing was restored." if is_unrecorded(error) else str(error)  # the window says why, once
                self._say(document, name, " ".join([said, *notes]))
                return
            warnings = [hazard for hazard in error.hazards if hazard.level == "warning"]
            said = " ".join(hazard.message for hazard in warnings)
            if self._is_at(document, name):
                kinds = accepted | {hazard.kind for hazard in warnings}
                self.view.ask_whether(" ".join([said, *notes]), Question(targets, version, kinds))
            else:  # its buttons are about another snapshot by now
                self._work.told.emit(f"Nothing restored from {name}: {said}")

        self._tasks.start(f"Restoring {name}", work, on_result=done, on_error=failed,
                          on_cancelled=lambda: self._say(document, name,
                                                         "It was stopped; nothing was restored."))  # fmt: skip

    def drop(self, name: str) -> None:
        """Delete a snapshot."""
        document = self._work.document
        if document is not None and name in document.snapshots:
            document.drop_snapshot(name)
            self._shown(document)
            self._work.told.emit(f"Deleted {name}.")

    def _shown(self, document: Document) -> None:
        if self._work.document is document:
            self.view.show_document(document)

    def _is_at(self, document: Document, name: str) -> bool:
        """Whether a snapshot is still the one selected, so that the section's line and buttons are about it."""
        return self._work.document is document and self.view.selected == name

    def _say(self, document: Document, name: str, text: str) -> None:
        """Say what became of a restore where its snapshot is shown, else where everything is told."""
        if self._is_at(document, name):
            self.view.forget_questions()
            self.view.say(text.strip())
        elif text:
            self._work.told.emit(text)
