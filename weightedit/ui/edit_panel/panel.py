"""The edit panel: describes an edit, shows what it would do, and applies it."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from weightedit.core.document import Document
from weightedit.core.edit import Edit, Region
from weightedit.core.errors import ConfirmationNeeded, EditRefused, HazardError, SourceChanged
from weightedit.core.hazards import Hazard
from weightedit.core.reduction import SliceView
from weightedit.core.words.labels import called
from weightedit.core.words.labels import label as edit_label
from weightedit.core.words.numbers import count_text
from weightedit.ui.actions.typing_keys import settle
from weightedit.ui.edit_panel.copying import copy_as_pytorch
from weightedit.ui.edit_panel.form import REGION, STRUCTURAL, Form, Request
from weightedit.ui.edit_panel.hazards_view import HazardsView, cost_text
from weightedit.ui.edit_panel.preview_pane import PreviewPane
from weightedit.ui.edit_panel.preview_work import Shown, make_preview
from weightedit.ui.edit_panel.summary import summary
from weightedit.ui.plots.levels import Levels
from weightedit.ui.recovery.unrecorded import is_unrecorded
from weightedit.ui.shell.tab_order import LAST
from weightedit.ui.tasks import TaskProgress, Tasks
from weightedit.ui.widgets.elided import ElidedLabel
from weightedit.ui.widgets.icons import icon
from weightedit.ui.widgets.pieces import IconLabel, label, line, restyle
from weightedit.ui.widgets.plain import tip

HEAD, FORM, HEIGHT, HEIGHT_3 = 40, 198, 252, 276
PAUSE = 160
"""Milliseconds after the last change before the preview is computed."""


class EditPanel(QFrame):
    """Form, preview, hazards, and the buttons over them.

    Signals
    -------
    previewed
        (Shown), or None when there is no preview any more.
    applied
        (Edit)
    place
        (tensor name, region) to show and select.
    revealed
        (tensor name, region) to bring into sight; what is selected stays.
    status
        A sentence for the status bar.
    """

    previewed = Signal(object)
    applied = Signal(object)
    place = Signal(object, str)
    revealed = Signal(object, str)
    status = Signal(str)

    def __init__(self, tasks: Tasks, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("surface", "panel")
        self._tasks = tasks
        self._document: Document | None = None
        self._view = SliceView(None, None)
        self._levels, self._map = Levels(-1.0, 1.0), "Tide"
        self._is_applying = False
        self._done: Edit | None = None
        self._is_done = False
        self._next: Edit | None = None  # what this edit makes room for
        self._is_left = False
        self._region_is_wrong = False
        self._lost, self._unread = "", ""  # why values cannot be read any more: of the tensor, of what the form says
        self.shown: Shown | None = None
        self._is_current = False  # what is shown is of what the form says now
        self.form, self.preview, self.hazards = Form(), PreviewPane(), HazardsView()
        self.counts = ElidedLabel("", "secondary")
        self.copy_button = QPushButton(" Copy as PyTorch")
        self.reset_button, self.apply_button = QPushButton("Reset"), QPushButton("Apply")
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(PAUSE)
        self._lay_out()
        self._pause.timeout.connect(self._compute)
        self.form.changed.connect(self._form_changed)
        self.hazards.alternative.connect(self._take)
        self.hazards.place.connect(self._go)
        self.copy_button.clicked.connect(self.copy_as_pytorch)
        self.reset_button.clicked.connect(self.reset)
        self.apply_button.clicked.connect(self.apply)
        self._refresh_buttons()

    def _lay_out(self) -> None:
        self.setFixedHeight(HEIGHT)
        for button, kind in ((self.copy_button, "quiet"), (self.reset_button, "quiet"),
                             (self.apply_button, "primary")):  # fmt: skip
            button.setProperty("kind", kind)
        self.copy_button.setIcon(icon("code", 14))
        self.apply_button.setToolTip("Apply the edit  Ctrl+Enter")
        self.copy_button.setToolTip("Copy the edit as lines of PyTorch  Ctrl+Shift+C")
        head = QFrame()
        head.setFixedHeight(HEAD)
        head.setProperty(LAST, 1)  # the form comes before its buttons
        self.head = row = QHBoxLayout(head)
        row.setContentsMargins(14, 0, 10, 0)
        row.setSpacing(8)
        row.addWidget(IconLabel("sliders", 16, "accent"))
        row.addWidget(label("Edit", "strong"))
        self.counts.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        row.addWidget(self.counts, 1)
        for place, button in enumerate((self.copy_button, self.reset_button, self.apply_button)):
            button.setProperty(LAST, 3 - place)
            row.addWidget(button)
        body = QHBoxLayout()
        body.setSpacing(0)
        self.form.setFixedWidth(FORM)
        self._parting = line(vertical=True)
        for part in (self.form, line(vertical=True), self.preview, self._parting):
            body.addWidget(part)
        body.addWidget(self.hazards, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(head)
        column.addWidget(line())
        column.addLayout(body, 1)

    def _take(self, edit: Edit) -> None:
        """Describe an edit that a hazard offers; after one that only makes room, this one comes back."""
        asked = self.form.request()
        self._next = None
        if len(edit.targets) == 1 and isinstance(edit.region, str) and \
                (edit.targets[0] != self.form.name or edit.region != self.form.region):  # fmt: skip
            self.place.emit(edit.targets[0], edit.region)
        self.form.take(edit)
        if edit.operation == "pad" and asked is not None and asked.operation != "pad":
            self._next = asked.edit

    # ---- what it is about

    def set_target(self, document: Document | None, name: str | None, dtype: str = "float32",
                   region: Region = None, view: SliceView | None = None) -> None:  # fmt: skip
        """Make the panel about a tensor and the cells picked in it."""
        # clearing the selection asks for nothing new; picking cells does
        moved = document is not self._document or name != self.form.name or \
            (region is not None and region != self.form.region)  # fmt: skip
        self._document, self._view = document, view or SliceView(None, None)
        self.form.set_target(document, name, dtype, region, keep=not self._rests)
        self._form_changed(keep_done=not moved)

    def set_look(self, levels: Levels, map_name: str) -> None:
        """Draw previews in the colours of the page."""
        self._levels, self._map = levels, map_name
        if self.shown is not None:
            self.preview.show_preview(self.shown, levels, map_name)

    def set_region_problem(self, is_wrong: bool) -> None:
        """Keep Apply off while the region field is wrong."""
        self._region_is_wrong = is_wrong
        self._refresh_buttons()

    def set_lost(self, why: str) -> None:
        """Keep Apply off for what needs the values of the tensor, which are lost; an empty text: they are not."""
        if why != self._lost:
            self._lost = why
            self._form_changed(keep_done=True)  # a preview from before would pass for one of now

    def document_changed(self) -> None:
        """Compute the preview anew: the values under it changed. What is undone can be applied again."""
        self._is_done = self._done is not None and self._document is not None and self._document.history.has(self._done)
        self._form_changed(keep_done=True)

    @property
    def is_previewing(self) -> bool:
        """Whether a preview is shown or on its way."""
        return self.shown is not None or (not self._rests and self.form.request() is not None)

    @property
    def _rests(self) -> bool:
        """Whether the form waits for a change: what it says was applied, or its preview was left."""
        return self._is_done or self._is_left

    @property
    def _changes_nothing(self) -> bool:
        """Whether it is known that no value would be another one."""
        operation = self.form.operation
        return self.shown is not None and self._is_current and operation is not None and operation.effect == "write" \
            and not self.shown.preview.changed and self.form.along.tied == "all"  # fmt: skip

    # ---- preview

    def _form_changed(self, keep_done: bool = False) -> None:
        self._is_done, self._is_left = self._is_done and keep_done, self._is_left and keep_done
        self._next = self._next if keep_done else None
        self._done = self._done if keep_done else None
        self._tasks.cancel_group(self._group)
        request = None if self._rests else self.form.request()
        self._is_current, self._unread = False, ""
        if request is None:
            self._drop_preview()
            self._pause.stop()
        else:
            self._pause.start()
        self._refresh_buttons()

    @property
    def _group(self) -> str:
        return f"preview {id(self)}"

    def _drop_preview(self) -> None:
        had = self.shown is not None
        self.shown = None
        self.counts.setText("")
        operation = self.form.operation
        if self._is_done:
            self.preview.clear("Applied. Change something to see the next preview.")
        else:
            self.preview.clear("" if operation is None or self.form.name is None else operation.summary)
        self.hazards.say("What an edit would cost is said here before it is applied.")
        self._give_room(to_hazards=False)
        if had:
            self.previewed.emit(None)

    def _compute(self) -> None:
        document, request, view = self._document, self.form.request(), self._view
        if document is None or request is None:
            return

        def work(progress: TaskProgress) -> Shown:
            return make_preview(document, request, view, progress)

        def failed(error: Exception) -> None:
            self._drop_preview()
            self._unread = str(error) if isinstance(error, SourceChanged) else ""
            if isinstance(error, HazardError):
                self._show_hazards(error.hazards, None)
            else:
                self.hazards.say(str(error))
            self._refresh_buttons()

        self._tasks.start("Preview", work, on_result=self._show, on_error=failed, group=self._group)

    def _show(self, shown: Shown) -> None:
        self.shown, self._is_current = shown, True
        operation = self.form.operation
        self.counts.setText(summary(shown.preview, "" if operation is None else operation.effect))
        self.counts.setToolTip(tip(self.counts.text()))
        self.preview.show_preview(shown, self._levels, self._map)
        self._show_hazards(shown.preview.hazards, shown.preview.edit)
        self._refresh_buttons()
        self.previewed.emit(shown)

    def _show_hazards(self, hazards: Sequence[Hazard], edit: Edit | None) -> None:
        operations = {} if self._document is None else self._document.operations
        operation = self.form.operation
        structural = operation is not None and operation.effect in STRUCTURAL
        hazards = self.form.leave.heard(hazards)
        self.hazards.show_hazards(hazards, edit, operations, complete=not structural, opened=self.form.name)
        self._give_room(any(hazard.level == "refusal" for hazard in hazards) or (structural and bool(hazards)))
        self.setFixedHeight(HEIGHT_3 if len(hazards) > 2 else HEIGHT)

    def _go(self, name: str, region: str) -> None:
        """Show a place of a hazard; the edit stays what it is, and is not turned to the cells that are shown."""
        where = self.form.target.currentData()
        if where == REGION:
            self.revealed.emit(name, region)
            return
        self.place.emit(name, region)
        place = self.form.target.findData(where)
        if place >= 0 and name == self.form.name and self.form.target.currentData() != where:
            self.form.target.setCurrentIndex(place)
            self.form.changed.emit()

    def _give_room(self, to_hazards: bool) -> None:
        """Leave the room of the preview, of which a refusal has none, to the edits that fit."""
        self.preview.setVisible(not to_hazards)
        self._parting.setVisible(not to_hazards)

    # ---- buttons

    def _refresh_buttons(self) -> None:
        request = self.form.request()
        hazards = self.hazards.hazards
        refused = next((hazard for hazard in hazards if hazard.level == "refusal"), None)
        warned = any(hazard.level == "warning" for hazard in hazards)
        off = ""
        if self.form.name is None:
            off = "Apply needs a tensor"
        elif self._is_done:
            off = "Applied; change something to apply again"
        elif self._is_left and request is not None:
            off = "Pick the operation again to see its preview"
        elif request is None:
            off = self.form.problem() or "Apply needs a value in each field"
        elif self._region_is_wrong:
            off = "The region does not read"
        elif refused is not None:
            off = refused.message
        elif self._unread or (self._lost and not self._is_current):  # a preview that came needs none of what is lost
            off = self._unread or self._lost
        elif self._is_applying:
            off = "It is being applied"
        elif self._changes_nothing:
            off = "Nothing changes: every value is already what the edit would make it"
        self.apply_button.setText(cost_text(hazards) if warned and not off else "Apply")
        restyle(self.apply_button, "kind", "warning" if warned and not off else "primary")
        self.apply_button.setEnabled(not off)
        self.apply_button.setToolTip(tip(off or "Apply the edit  Ctrl+Enter"))
        self.copy_button.setEnabled(request is not None)
        self.reset_button.setEnabled(self.form.is_complete and not self._is_left)

    def apply(self) -> None:
        """Apply the edit that the form describes; pressing it is the answer to the warnings it shows."""
        document, request = self._document, self.form.request()
        if document is None or request is None or not self.apply_button.isEnabled():
            return
        accept = tuple({hazard.kind for hazard in self.hazards.hazards if hazard.level == "warning"})
        if self.apply_button.hasFocus():
            self.form.focus_view()  # a button that is off would leave the keys on whatever is next
        self._is_applying = True
        self._pause.stop()
        self._tasks.cancel_group(self._group)

        def work(progress: TaskProgress) -> Edit:
            return document.apply(request.operation, list(request.targets), accept=accept, progress=progress.report,
                                  cancel=progress.cancel, **request.options)  # fmt: skip

        operation = document.operations[request.operation]
        self._tasks.start(operation.title, work, on_result=lambda edit: self._applied(edit, request),
                          on_error=self._not_applied, on_cancelled=self._end)  # fmt: skip
        self._refresh_buttons()

    def _end(self) -> None:
        self._is_applying = False
        self._refresh_buttons()

    def _applied(self, edit: Edit, request: Request) -> None:
        self._is_applying = False
        self._is_done = repr(self.form.request()) == repr(request)  # a NaN equals no other
        if self._is_done:
            self._done = edit
            settle(self)
            self._pause.stop()  # the document's own announcement may have come first
            self._tasks.cancel_group(self._group)
            self._drop_preview()
        if self._document is not None:
            done = edit_label(self._document.operations[edit.operation], edit)
            where = called(edit.targets[0]) if len(edit.targets) == 1 else f"{count_text(len(edit.targets))} tensors"
            self.status.emit(f"Applied {done} to {where}.")
        self._refresh_buttons()
        self.applied.emit(edit)
        if self._is_done and self._next is not None:
            self.form.take(self._next)

    def _not_applied(self, error: Exception) -> None:
        self._is_applying = False
        if is_unrecorded(error):
            pass  # said above, once; the edit itself is as it was, and can be applied when that is mended
        elif isinstance(error, ConfirmationNeeded | EditRefused):
            self._show_hazards(error.hazards, None)
        else:
            self._unread = str(error) if isinstance(error, SourceChanged) else ""
            self.hazards.say(str(error))
        self._refresh_buttons()

    def reset(self) -> None:
        """Leave the preview: the form shows its defaults again."""
        self.form.reset()
        self._is_left = True
        self._form_changed(keep_done=True)

    def copy_as_pytorch(self) -> None:
        """Put the edit on the clipboard as lines of PyTorch."""
        document, request = self._document, self.form.request()
        if document is None or request is None:
            return
        copy_as_pytorch(document, request, self.shown, self._tasks, self.status.emit)
