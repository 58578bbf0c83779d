"""Applying an edit of many tensors: what the button says, one undo step, and what was done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weightedit.core.edit import Edit
from weightedit.core.errors import HazardError
from weightedit.core.words.labels import label as edit_label
from weightedit.core.words.numbers import count_text
from weightedit.ui.actions.typing_keys import settle
from weightedit.ui.batch.texts import Total, several
from weightedit.ui.edit_panel.hazard_words import cost_text
from weightedit.ui.recovery.unrecorded import is_unrecorded
from weightedit.ui.tasks import TaskProgress, Tasks

if TYPE_CHECKING:
    from weightedit.ui.batch.page import BatchPage


class Applying:
    """The last step of a page.

    Attributes
    ----------
    done
        The edit that was applied here last, while nothing else was described since.
    """

    def __init__(self, page: BatchPage, tasks: Tasks) -> None:
        self._page, self._tasks = page, tasks
        self.done: Edit | None = None
        self.is_applying = False
        self._said = ""

    def forget(self) -> None:
        """Something else is described from now on."""
        self.done = None

    def follow(self) -> bool:
        """Look at the history after a change; returns whether the edit that was applied here still stands."""
        if self.is_applying:
            return True
        if self.done is not None and self._page.document.history.has(self.done):
            self.show()
            return True
        return False

    @property
    def _is_last(self) -> bool:
        """Whether one step back takes the edit back."""
        history = self._page.document.history
        return self.done is not None and history.position > 0 and history.steps[history.position - 1].edit is self.done

    # ---- what is said

    def show(self) -> None:
        """Show totals and what Apply would cost, or what was done."""
        page, footer = self._page, self._page.footer
        word = "entry" if page.model.tally.entries else "tensor"
        if footer.undo_button.hasFocus() and not self._is_last:
            page.focus_view()  # a button that goes would leave the keys on whatever is next
        footer.undo_button.setVisible(self._is_last)
        footer.cancel_button.setText("Close" if self.done is not None else "Cancel")
        footer.save_button.setEnabled(self.done is not None or (page.run.edit is not None and bool(page.model.rows)))
        if self.done is not None:
            footer.say(self._said, "Undo takes all of it back in one step." if self._is_last else "")
            self._show_apply("Apply", "Applied; change something to apply again", warned=False)
            return
        total = page.model.tally.total
        footer.show_total(total if page.model.rows else None, word, measures=page.model.measures)
        off = self._off(total)
        cost = "" if off else cost_text(page.hazards()).removeprefix("Apply")
        meant = total.tensors + total.refused  # what is refused is meant too until it is left out
        text = f"Apply to {several(meant, word)}{cost}" if page.model.rows else "Apply"
        self._show_apply(text, off, warned=bool(cost))

    def _show_apply(self, text: str, off: str, *, warned: bool) -> None:
        footer = self._page.footer
        if off and footer.apply_button.hasFocus():
            self._page.focus_view()
        footer.show_apply(text, off, warned=warned)

    def _off(self, total: Total) -> str:
        """Return why Apply is off, or nothing."""
        page = self._page
        refused = [hazard for hazard in page.rest if hazard.level == "refusal"]
        if problem := page.form.problem():
            return problem
        if page.missing:
            return page.missing
        if self.is_applying:
            return "It is being applied"
        if page.run.is_running or page.run.edit is None or page.is_waiting:
            return "The preview is not finished"
        if refused:
            return refused[0].message
        if total.refused:
            return f"{several(total.refused, 'row')} refused; leave them out by their boxes, or change the edit"
        if not total.tensors:
            return "Every tensor is left as it is"
        if page.model.tally.unmeasured and page.model.measures:
            return "The preview was stopped; go on with it first"
        if page.form.operation.effect == "write" and not total.changed:
            return "Nothing changes: every value is already what the edit would make it"
        return ""

    # ---- applying

    def apply(self) -> None:
        """Apply the edit in one step; pressing it is the answer to the warnings it names."""
        page = self._page
        wanted, leave = page.form.wanted(), page.leave
        if wanted is None or not page.footer.apply_button.isEnabled():
            return
        document = page.document
        accept = tuple({hazard.kind for hazard in page.hazards() if hazard.level == "warning"})
        total = page.model.tally.total
        self.is_applying = True

        def work(progress: TaskProgress) -> Edit:
            return document.apply(wanted.operation, list(wanted.targets), accept=accept, leave=leave,
                                  progress=progress.report, cancel=progress.cancel, **wanted.settings,
                                  **wanted.arguments)  # fmt: skip

        self._tasks.start(page.form.operation.title, work, on_result=lambda edit: self._applied(edit, total),
                          on_error=self._not_applied, on_cancelled=self._cancelled)  # fmt: skip
        self.show()

    def _applied(self, edit: Edit, total: Total) -> None:
        page = self._page
        self.is_applying, self.done = False, edit
        settle(page)
        what = edit_label(page.document.operations[edit.operation], edit)
        changed = f", {count_text(total.changed)} values changed" if total.changed else ""
        self._said = f"Applied {what} to {several(total.tensors, 'tensor')}{changed}"
        page.told.emit(f"{self._said}.")
        page.refresh_after()

    def _not_applied(self, error: Exception) -> None:
        self.is_applying = False
        if is_unrecorded(error):  # said above, once; the edit can be applied when that is mended
            self._page.show_problem([], "")
            return
        hazards = list(error.hazards) if isinstance(error, HazardError) else []
        self._page.show_problem(hazards, str(error))

    def _cancelled(self) -> None:
        self.is_applying = False
        self._page.show_problem([], "Applying was cancelled; nothing was changed")
