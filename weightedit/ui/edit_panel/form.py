"""The form of an edit: which operation, its arguments, and what it is applied to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QGridLayout, QScrollArea, QVBoxLayout, QWidget

from weightedit.core.batches.batch import left_at_first
from weightedit.core.document import Document
from weightedit.core.edit import Edit, Region
from weightedit.core.operation import Operation
from weightedit.core.words.numbers import count_text
from weightedit.ui.edit_panel.along_field import AlongField
from weightedit.ui.edit_panel.choice_field import ChoiceField
from weightedit.ui.edit_panel.field import Field
from weightedit.ui.edit_panel.fields import NAMED, field_for
from weightedit.ui.edit_panel.kept import Kept, clear_what_cannot_fit
from weightedit.ui.edit_panel.leave_field import LeaveField
from weightedit.ui.edit_panel.like import count_like, pattern_like
from weightedit.ui.edit_panel.operation_choice import OperationChoice
from weightedit.ui.edit_panel.seed_field import SeedField
from weightedit.ui.edit_panel.text_field import TextField
from weightedit.ui.widgets.elided_combo import ElidedCombo
from weightedit.ui.widgets.literals import FieldError
from weightedit.ui.widgets.pieces import label
from weightedit.ui.widgets.plain import row_text, tip
from weightedit.ui.widgets.wheel import leave_wheel

REGION, WHOLE, SEVERAL, PATTERN = "region", "whole", "several", "pattern"
STRUCTURAL = ("restructure", "share")
"""Effects of operations that change slots, and no values of theirs."""
SHORT = ("number", "integer")
"""Types whose fields need half the form's width."""
FIRST = "scale"
"""The operation a fresh form shows."""


@dataclass(frozen=True)
class Request:
    """An edit as the form describes it, for `Document.preview` and `Document.apply`."""

    operation: str
    targets: tuple[str, ...]
    region: Region = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    device: str = "cpu"
    tied: str = "all"
    seed: int | None = None
    leave: tuple[str, ...] = ()
    moments: str = "follow"
    name: str | None = None
    """The tensor that is looked at."""

    @property
    def edit(self) -> Edit:
        """The same as a record."""
        return Edit(self.operation, self.targets, self.region, dict(self.arguments), self.seed, self.device, self.tied,
                    leave=self.leave, moments=self.moments)  # fmt: skip

    @property
    def options(self) -> dict[str, Any]:
        """What `Document.preview` and `apply` take by name, arguments included."""
        return {"region": self.region, "device": self.device, "tied": self.tied, "seed": self.seed, "leave": self.leave,
                "moments": self.moments, **self.arguments}  # fmt: skip


class Form(QWidget):
    """Operation, fields, and *Apply to*.

    Signals
    -------
    changed
        What the form describes changed.
    pattern_wanted
        (pattern): the edit is meant for all tensors that a pattern like this one names.
    """

    changed = Signal()
    pattern_wanted = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.document: Document | None = None
        self.name: str | None = None
        self._target = 0
        self.region: Region = None
        self.selected: tuple[str, ...] = ()
        self._count = 0
        self.device = "cpu"
        self.along = AlongField()
        self.fields: list[Field] = []
        self._asked: list[Field] = []
        self.seed: SeedField | None = None
        self._dtype = "float32"
        self.kept = Kept()
        self.operations = OperationChoice()
        self.target = ElidedCombo()
        self.target.setAccessibleName("Apply to")
        self.leave = LeaveField()
        self.leave.hide()
        leave_wheel(self.operations, self.target)
        self._grid = QGridLayout()
        self._lay_out()
        self.operations.currentIndexChanged.connect(self._operation_chosen)
        self.operations.activated.connect(lambda _: self.changed.emit())  # the same one again, too
        self.target.activated.connect(self._target_chosen)
        self.target.currentIndexChanged.connect(lambda _: self._show_leave())
        self.leave.changed.connect(self.changed)
        self.along.changed.connect(self.changed)

    def _lay_out(self) -> None:
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(14, 10, 14, 10)
        column.setSpacing(4)
        column.addWidget(label("Operation", "section"))
        column.addWidget(self.operations)
        column.addSpacing(6)
        self._grid.setHorizontalSpacing(8)
        self._grid.setVerticalSpacing(8)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setColumnStretch(0, 1)
        self._grid.setColumnStretch(1, 1)
        column.addLayout(self._grid)
        column.addSpacing(6)
        self.target_label = label("Apply to", "section")
        column.addWidget(self.target_label)
        column.addWidget(self.target)
        column.addSpacing(6)
        column.addWidget(self.leave)
        column.addWidget(self.along)
        column.addStretch(1)
        self.area = scroll = QScrollArea()
        scroll.setWidget(inner)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(scroll.horizontalScrollBarPolicy().ScrollBarAlwaysOff)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(scroll)

    def _show_leave(self) -> None:
        several = self.target.currentData() == SEVERAL
        if several and self.document is not None:
            self.leave.offer([slot.name for slot in self.document.slots])
        self.leave.setVisible(several)

    # ---- what it is about

    def set_target(self, document: Document | None, name: str | None, dtype: str, region: Region,
                   *, keep: bool = True) -> None:  # fmt: skip
        """Make the form about a tensor and the cells picked in it; `keep` what is staged for the one before."""
        moved = document is not self.document or name != self.name
        if moved and keep and self.document is not None and self.name is not None and (asked := self.request()):
            self.kept.keep(self.document, self.name, asked)
        if document is not self.document:
            self.document = document
            self._fill_operations()
        self.name, self.region, self._dtype = name, region, dtype
        if name is not None and name not in self.selected and self._count == len(self.selected):
            self.selected, self._count = (), 0  # of a group that is selected it need not be one
        self._fill_targets()
        self._tell_fields()
        self.along.ask_about(document, name, self.operation)
        if moved and document is not None and name is not None:
            self._come_back(document, name)

    def _come_back(self, document: Document, name: str) -> None:
        """Show what was staged for a tensor before; without that, only what can be meant for it too."""
        staged, slot = self.kept.take(document, name), document.find(name)
        if staged is not None:
            self.take(staged)
        elif slot is not None and self.target.currentData() == WHOLE:
            clear_what_cannot_fit(self.fields, tuple(slot.spec.shape))

    def _fill_operations(self) -> None:
        chosen = self.operations.currentData()
        self.operations.blockSignals(True)
        offered = () if self.document is None else self.document.operations.values()
        self.operations.offer([one for one in offered if one.subject != "value"])
        place = max(self.operations.findData(chosen or FIRST), 0)
        self.operations.setCurrentIndex(place)
        self.operations.blockSignals(False)
        self._make_fields()

    def _fill_targets(self) -> None:
        chosen = self.target.currentData()
        had_region = self.target.findData(REGION) >= 0
        self.target.clear()
        operation = self.operation
        takes_region = operation is not None and operation.takes_region
        if takes_region and self.region is not None:
            self.target.addItem("Selected region", REGION)
        self.target.addItem("Whole tensor", WHOLE)
        single = operation is not None and operation.effect == "restructure" and operation.parameter("to") is not None
        if self._count > 1 and not single:
            what = f"{self.selected[0]} " if len(self.selected) == 1 else "Selected "
            self.target.addItem(row_text(f"{what}({count_text(self._count)})"), SEVERAL)
        if self.document is not None and self.name is not None:
            like = count_like(self.document, self.name)
            self.target.addItem(f"Pattern… ({count_text(like)} like this)" if like > 1 else "Pattern…", PATTERN)
        place = self.target.findData(chosen)
        if place < 0 or (chosen == WHOLE and not had_region):
            place = 0  # a fresh selection is what people mean
        if chosen == SEVERAL and self.target.findData(SEVERAL) >= 0:
            place = self.target.findData(SEVERAL)
        self.target.setCurrentIndex(place)
        self._target = place
        # what changes slots and no values has no cells to apply to; only of several there is a choice
        asks = operation is None or operation.effect not in STRUCTURAL or self.target.findData(SEVERAL) >= 0
        for part in (self.target_label, self.target):
            part.setVisible(asks)

    def _target_chosen(self, place: int) -> None:
        """Follow the choice; a pattern is given elsewhere, and what was chosen before stays."""
        if self.target.itemData(place) != PATTERN:
            self._target = place
            self.changed.emit()
            return
        self.target.setCurrentIndex(self._target)
        if self.name is not None:
            self.pattern_wanted.emit(pattern_like(self.name))

    def set_selected(self, names: tuple[str, ...], count: int) -> None:
        """Offer what is selected in the tree as a target: names, patterns of groups, and how many tensors that is."""
        if names == self.selected:
            return
        self.selected, self._count = names, count
        if self.operation is not None:
            self.leave.start_with(left_at_first(self.operation))
        self._fill_targets()
        if self.target.currentData() == SEVERAL:
            self.changed.emit()

    # ---- operation and fields

    @property
    def operation(self) -> Operation | None:
        """The operation that is chosen."""
        name = self.operations.currentData()
        return None if self.document is None or name is None else self.document.operations[name]

    def _operation_chosen(self) -> None:
        self.along.set_answers()
        self._make_fields()
        self._fill_targets()
        self.along.ask_about(self.document, self.name, self.operation)
        self.changed.emit()

    def _make_fields(self) -> None:
        for old in self.fields:
            self._grid.removeWidget(old)
            old.hide()
            old.deleteLater()
        self.fields, self._asked = [], []
        operation = self.operation
        if operation is None or self.document is None:
            return
        self.operations.setToolTip(tip(operation.summary))
        names = list(self.document.tensors) if any(p.type in NAMED for p in operation.parameters) else []
        for parameter in operation.parameters:
            self.fields.append(field_for(parameter, names, operation.name))
        self.seed = SeedField() if operation.random else None
        self.fields += [self.seed] if self.seed is not None else []
        for made in self.fields:
            made.setParent(self._grid.parentWidget())
            made.changed.connect(self._field_changed)
        self.leave.start_with(left_at_first(operation))
        self._tell_fields()
        self._show_what_matters()

    def _field_changed(self) -> None:
        self._show_what_matters()
        self.changed.emit()

    def _show_what_matters(self) -> None:
        """Hide the fields that the choices made in others leave without meaning; they keep their defaults."""
        operation = self.operation
        chosen = {made.declared.name: made.value() for made in self.fields if isinstance(made, ChoiceField)}
        asked = [made for made in self.fields if operation is None or operation.matters(made.declared.name, chosen)]
        for made in asked:
            made.call_after(chosen.values())
        if asked == self._asked:
            return
        for made in self._asked:
            self._grid.removeWidget(made)
        self._asked, unasked = asked, [made for made in self.fields if made not in asked]
        for made in unasked:
            made.hide()
            made.clear()
        self._place_fields()

    def _place_fields(self) -> None:
        """Put the fields that are asked for below each other, two short ones that follow each other side by side."""
        row, place = 0, 0
        while place < len(self._asked):
            pair = self._asked[place : place + 2]
            both = len(pair) == 2 and all(made.declared.type in SHORT and made is not self.seed for made in pair)
            for column, made in enumerate(pair if both else pair[:1]):
                self._grid.addWidget(made, row, column, 1, 1 if both else 2, Qt.AlignmentFlag.AlignTop)
                made.show()
            row, place = row + 1, place + (2 if both else 1)

    def _tell_fields(self) -> None:
        operation = self.operation
        shows = operation is not None and operation.effect == "write" and operation.converts
        for made in self.fields:
            made.set_context(self._dtype, shows)

    # ---- what it describes

    @property
    def is_complete(self) -> bool:
        """Whether every argument is given, right or wrong."""
        return self.operation is not None and self.name is not None and not any(made.is_empty for made in self.fields)

    def problem(self) -> str:
        """Return what is wrong with the arguments, or nothing."""
        for made in self.fields:
            if not made.is_empty:
                try:
                    made.value()
                except FieldError as error:
                    return str(error)
        return self.leave.problem() if self.target.currentData() == SEVERAL else ""

    def request(self) -> Request | None:
        """Return the edit, or None while it is not complete or something in it is wrong."""
        if not self.is_complete or self.problem() or self.name is None:
            return None
        where = self.target.currentData()
        targets = self.selected if where == SEVERAL else (self.name,)
        targets = tuple(sorted(targets, key=lambda one: one != self.name))  # the one that is shown is previewed
        arguments = {made.declared.name: made.value() for made in self.fields if made is not self.seed}
        return Request(self.operations.currentData(), targets, self.region if where == REGION else None, arguments,
                       self.device, self.along.tied, None if self.seed is None else self.seed.value(),
                       self.leave.patterns() if where == SEVERAL else (), self.along.moments, self.name)  # fmt: skip

    def choose(self, name: str) -> None:
        """Choose an operation and go to its first field."""
        place = self.operations.findData(name)
        if place >= 0:
            again = place == self.operations.currentIndex()
            self.operations.setCurrentIndex(place)
            if again:
                self.changed.emit()
            (self.fields[0] if self.fields else self.operations).setFocus()
            if self.fields and isinstance(self.fields[0], TextField):
                self.fields[0].edit.selectAll()

    def focus_view(self) -> None:
        """Go back to the field that was used last, or to the first one."""
        used = cast("QWidget | None", self.focusWidget())  # PySide6 leaves None out
        if used is not None and used.isVisible() and used.isEnabled():
            used.setFocus()
        else:
            (self._asked[0] if self._asked else self.operations).setFocus()

    def take(self, edit: Edit) -> None:
        """Describe another edit, such as one that a hazard offers."""
        self.blockSignals(True)
        place = self.operations.findData(edit.operation)
        self.operations.setCurrentIndex(place)
        for made in self.fields:
            if made.declared.name in edit.arguments:
                made.set_value(edit.arguments[made.declared.name])
        if self.seed is not None and edit.seed is not None:
            self.seed.set_value(edit.seed)
        self.along.set_answers(edit.tied, edit.moments)
        several = len(edit.targets) > 1 or edit.targets == self.selected
        if several:
            self.leave.set_patterns(edit.leave)
        wanted = REGION if edit.region is not None else SEVERAL if several else WHOLE
        found = self.target.findData(wanted)
        if found >= 0:
            self.target.setCurrentIndex(found)
            self._target = found
        self.blockSignals(False)
        self.changed.emit()

    def reset(self) -> None:
        """Show the defaults again."""
        self.along.set_answers()
        self.blockSignals(True)
        for made in self.fields:
            made.clear()
        self.leave.set_patterns(() if self.operation is None else left_at_first(self.operation))
        self.blockSignals(False)
        self.changed.emit()
