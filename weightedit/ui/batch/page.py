"""An edit of many tensors in a tab: its form, a row for each tensor, hazards, totals, and one button."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QComboBox, QFrame, QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from weightedit.core.batches.batch import IN, Batch, BatchRow, left_at_first
from weightedit.core.document import Change, Document
from weightedit.core.edit import Edit
from weightedit.core.hazards import Hazard
from weightedit.core.progress import Ask
from weightedit.ui.batch.applying import Applying
from weightedit.ui.batch.cards import BatchCards, Said
from weightedit.ui.batch.footer import Footer
from weightedit.ui.batch.form import BatchForm
from weightedit.ui.batch.model import SEGMENTS, SORTS, BatchModel
from weightedit.ui.batch.nothing import NothingYet
from weightedit.ui.batch.run import BatchRun, nothing_matches
from weightedit.ui.batch.table import BatchTable
from weightedit.ui.batch.tally import Tally
from weightedit.ui.batch.texts import is_whole
from weightedit.ui.tabs.tab_page import TabPage
from weightedit.ui.tasks import Tasks
from weightedit.ui.tensor_page.header import Segments
from weightedit.ui.widgets.elided import ElidedLabel
from weightedit.ui.widgets.pieces import label, line
from weightedit.ui.widgets.plain import row_text
from weightedit.ui.widgets.wheel import leave_wheel

PAUSE = 200
"""Milliseconds after the last change before the rows are worked out."""
SETTLE = 300
"""Milliseconds between two looks at filter and order while rows come."""

LOW = 620
"""Pixels below which cards show no more than their titles."""
TITLE = 18
"""Letters of the tensors that a tab has room for."""


class BatchPage(TabPage):
    """Everything about one edit of many tensors.

    Signals
    -------
    opened
        The name of a tensor to show.
    elsewhere
        (Edit) of one tensor, to describe there.
    place
        (tensor name, region) to show.
    retitled
        Its tab is called otherwise.
    recipe_wanted
        (Edit) to save.
    undo_wanted
        The edit that was applied here is to be taken back.
    left
        It is to be closed.
    told
        A sentence for the status bar.
    """

    opened = Signal(object)
    elsewhere = Signal(object)
    place = Signal(object, str)
    retitled = Signal()
    recipe_wanted = Signal(object)
    undo_wanted = Signal()
    left = Signal()
    told = Signal(str)
    icon_name = "checklist"

    def __init__(self, document: Document, tasks: Tasks, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.document, self._tasks = document, tasks
        self.form, self.model, self.cards, self.footer = BatchForm(document), BatchModel(self), BatchCards(), Footer()
        self.cards.operations = document.operations
        self.table, self.nothing = BatchTable(self.model), NothingYet()
        self.segments, self.sorts = Segments(SEGMENTS), QComboBox()
        self.run = BatchRun(document, tasks, self)
        self.applying = Applying(self, tasks)
        self.rest: list[Hazard] = []
        self.missing = ""
        """What a target that means nothing is, as a sentence."""
        self._meant = 0
        self._left: set[str] = set()
        self._included: set[str] = set()
        self._pause, self._settle = QTimer(self), QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(PAUSE)
        self._settle.setInterval(SETTLE)
        self._lay_out()
        self._connect()
        self._changed()

    def _lay_out(self) -> None:
        for name in SORTS:
            self.sorts.addItem(row_text(name))
        self.sorts.setProperty("kind", "quiet")
        self.sorts.setAccessibleName("Sort")
        self.segments.setAccessibleName("Rows shown")
        leave_wheel(self.sorts)
        self.state = ElidedLabel("", "caption")
        bar = QFrame()
        bar.setFixedHeight(40)
        row = QHBoxLayout(bar)
        row.setContentsMargins(14, 0, 14, 0)
        row.setSpacing(8)
        row.addWidget(self.segments)
        row.addWidget(self.state, 1)
        row.addWidget(label("Sort", "secondary"))
        row.addWidget(self.sorts)
        self.stack = QStackedWidget()
        self.stack.addWidget(self.table)
        self.stack.addWidget(self.nothing)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        parts: tuple[QWidget, ...] = (self.form, line(), bar, line(), self.stack, line(), self.cards, self.footer)
        for part in parts:
            column.addWidget(part, 1 if part is self.stack else 0)

    def _connect(self) -> None:
        self.form.changed.connect(self._changed)
        self.form.retargeted.connect(self._retargeted)
        self._pause.timeout.connect(self.start)
        self._settle.timeout.connect(self._settled)
        self.run.planned.connect(self._planned)
        self.run.came.connect(self._came)
        self.run.finished.connect(self._finished)
        self.run.refused.connect(self._refused)
        self.run.stopped.connect(self._stopped)
        self.run.many.connect(self._ask)
        self.nothing.agreed.connect(self._agree)
        self.model.ticked.connect(self._ticked)
        self.model.later = self._later
        self.table.opened.connect(self.opened)
        self.table.moved.connect(self._show_cards)
        self.segments.chosen.connect(self._show_segment)
        self.sorts.currentTextChanged.connect(self.model.sort_by)
        self.cards.include.connect(lambda names: self._ticked(names, True))
        self.cards.alternative.connect(self.take)
        self.cards.elsewhere.connect(self.elsewhere)
        self.cards.place.connect(self.place)
        self.cards.leave.connect(lambda names: self._ticked(names, False))
        self.cards.show_all.connect(lambda: self._show_segment("Hazards"))
        footer = self.footer
        footer.apply.connect(self.applying.apply)
        footer.cancel.connect(self.left)
        footer.again.connect(self.start)
        footer.undo.connect(self.undo_wanted)
        footer.save.connect(self._save)

    # ---- what it is about

    @property
    def tab_title(self) -> str:
        """What the tab says: the operation and the tensors."""
        text = self.form.pattern.edit.text().strip()
        text = text if len(text) <= TITLE else f"{text[:TITLE]}…"
        return f"Batch: {self.form.operation.name} on {text}" if text else f"Batch: {self.form.operation.name}"

    @property
    def leave(self) -> tuple[str, ...]:
        """What the edit leaves: whole numbers where several are meant, and what is not ticked."""
        pattern = self.form.pattern
        first = left_at_first(self.form.operation) if pattern.names_patterns or len(pattern.targets) > 1 else ()
        if first and self._included:  # a dtype cannot leave all but one: the others are named
            first = tuple(row.name for row in self.model.rows if is_whole(row) and row.name not in self._included)
        return tuple(dict.fromkeys((*first, *sorted(self._left))))

    def take(self, edit: Edit) -> None:
        """Describe another edit, such as one that a hazard offers."""
        self._left |= {name for name in edit.leave if not name.startswith("dtype:")}
        self.form.take(edit)

    def is_about(self, change: Change) -> bool:
        """Whether a change may be one of these tensors: values under it, or names."""
        return True

    def change(self, change: Change) -> None:
        """Work it out anew on what the document is now, unless this was the edit itself."""
        if not self.applying.follow():
            self._changed()

    def focus_view(self) -> None:
        """Go to the table, or to what is missing."""
        if self.model.rows:
            self.table.setFocus()
        elif not self.form.pattern.targets:
            self.form.pattern.edit.setFocus()
        else:
            (self.form.fields[0] if self.form.fields else self.form.operations).setFocus()

    def focus_first(self) -> None:
        """Go to what is to be filled in first."""
        empty = [made for made in self.form.fields if made.is_empty and not made.isHidden()]
        if empty:
            empty[0].setFocus()
        else:
            self.form.pattern.edit.setFocus()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep most of a low page for the rows."""
        super().resizeEvent(event)
        self.cards.set_compact(self.height() < LOW)

    def close_work(self) -> None:
        """Stop what is under way."""
        self._pause.stop()
        self._settle.stop()
        self.run.cancel()
        self._tasks.cancel_group(f"rows {id(self)}")

    # ---- working it out

    def _retargeted(self) -> None:
        self._included.clear()

    def _changed(self) -> None:
        """Wait for a pause in the typing; what is shown is no longer of what the form says."""
        self.applying.forget()
        self.run.cancel()
        self.missing = ""
        self.retitled.emit()
        problem = self.form.problem()
        if problem:
            self._pause.stop()
            self.rest = []
            self.model.set_rows([], True)
            self.form.pattern.clear_note()
            self.nothing.say(self.form.operation, problem)
            self._show_all()
        else:
            self._pause.start()
            self.refresh_footer()

    def start(self) -> None:
        """Work out every row."""
        self._pause.stop()
        wanted = self.form.wanted()
        if wanted is not None:
            self.run.start(wanted, self.leave)
            self._settle.start()
            self.refresh_footer()

    def _planned(self, batch: Batch, tally: Tally, measures: bool) -> None:
        quiet = tuple(f"{one} leaves none" for one in left_at_first(self.form.operation))  # nobody asked for these
        self.rest = [hazard for hazard in batch.hazards if not hazard.title.startswith(quiet)]
        if self._left:
            self._left &= {name for row in batch.rows for name in row.names}
        self.form.pattern.say_count(len(batch.rows), "entry" if tally.entries else "tensor")
        self.table.show_entries(tally.lines > 0)
        self.model.set_rows(batch.rows, measures, tally)
        self._show_all()

    def _came(self, rows: list[BatchRow]) -> None:
        self.model.update(rows)
        self._show_counts()

    def _settled(self) -> None:
        """Follow what has come; the more rows there are, the less often."""
        self.model.settle()
        self._show_cards()
        self.refresh_footer()
        self._settle.setInterval(SETTLE + len(self.model.rows) // 4)

    def _finished(self) -> None:
        self._settle.stop()
        self.model.settle()
        self._show_all()

    def _refused(self, hazards: Sequence[Hazard], meant: str) -> None:
        """Say why nothing can be worked out; for a pattern that means nothing, what was meant."""
        text = self.form.pattern.edit.text().strip()
        if meant:
            self.form.pattern.say_nothing(f"Nothing matches {text}", meant)
            self.nothing.say_nothing(text)
            return
        self._settle.stop()
        self.rest = list(hazards)
        self.model.set_rows([], True)
        missing = nothing_matches(hazards)
        if missing is not None:
            self.rest, self.missing = [], missing.message
            self.form.pattern.say_nothing(missing.title)
            self.nothing.say_nothing(text)
            self.run.look_for(text)
        else:
            self.form.pattern.clear_note()
            self.nothing.say_refused()
        self._show_all()

    def _ask(self, count: int) -> None:
        """Say what very many rows would take, and wait for a person to want them."""
        self._settle.stop()
        self.rest = []
        self.model.set_rows([], True)
        self.form.pattern.say_count(count)
        self._meant = count
        self.nothing.say_many(count)
        self._show_all()

    def _agree(self) -> None:
        self.run.agreed = self.form.pattern.targets
        self.nothing.say_working(self._meant)
        self.start()

    def _stopped(self, why: str) -> None:
        self._settle.stop()
        self.model.settle()
        if self.run.agreed and not self.model.rows:
            self.run.agreed = ()
            self.nothing.say_many(self._meant)
        self._show_all()
        self.footer.again_button.show()
        self.state.setText(why or "The preview was stopped")

    # ---- boxes

    def _ticked(self, names: Sequence[str], on: bool) -> None:
        for name in names:
            row = self.model.named(name)
            whole = row is not None and is_whole(row)
            if on:
                self._left.discard(name)
                self._included |= {name} if whole else set()
            elif name in self._included:
                self._included.discard(name)
            else:
                self._left.add(name)
        self.applying.forget()
        self.start()

    # ---- what is shown

    def _show_segment(self, name: str) -> None:
        self.segments.choose(name)
        self.model.show_segment(name)

    def _show_all(self) -> None:
        self.stack.setCurrentWidget(self.table if self.model.rows else self.nothing)
        self._show_counts()
        self._show_cards()
        self.refresh_footer()

    def _later(self, work: Callable[[Ask], Sequence[int]], done: Callable[[Sequence[int]], None]) -> None:
        self._tasks.start("Sorting rows", lambda progress: work(progress.ask), on_result=done,
                          group=f"rows {id(self)}")  # fmt: skip

    def _show_counts(self) -> None:
        for name, button in self.segments.buttons.items():
            button.setText(f"{name} {self.model.tally.counts[name]:,}" if self.model.rows else name)

    def _show_cards(self) -> None:
        picked = self.table.picked
        one = picked[0] if len(picked) == 1 else None
        found: list[Said] = []
        if self.applying.done is None:
            found = self.cards.of_rows(self.model.telling, self.rest, one, self.run.edit, self.form.operation.name)
        self.cards.show_said(found)

    def hazards(self) -> list[Hazard]:
        """Return everything to be known or accepted of the edit."""
        return [*self.rest, *(hazard for row in self.model.telling if row.state == IN for hazard in row.hazards)]

    def refresh_footer(self) -> None:
        """Show totals, and what Apply would cost or needs."""
        self.footer.again_button.hide()
        self.state.setText("")
        self.applying.show()

    def _save(self) -> None:
        edit = self.applying.done or self.run.edit
        if edit is not None:
            self.recipe_wanted.emit(edit)

    @property
    def is_waiting(self) -> bool:
        """Whether something was typed that is not worked out yet."""
        return self._pause.isActive()

    def refresh_after(self) -> None:
        """Show what was done."""
        self._show_cards()
        self.refresh_footer()

    def show_problem(self, hazards: list[Hazard], text: str) -> None:
        """Show why the edit was not applied; nothing was changed."""
        if hazards:
            self.rest = hazards
        self._show_all()
        self.state.setText("" if hazards else text)
