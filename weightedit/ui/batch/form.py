"""The form of an edit of many tensors, in a row: the operation, its fields, and which tensors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QLineEdit, QVBoxLayout, QWidget

from weightedit.core.document import Document
from weightedit.core.edit import Edit
from weightedit.core.operation import Operation
from weightedit.ui.batch.pattern_field import PatternField, written
from weightedit.ui.edit_panel.along_field import AlongField
from weightedit.ui.edit_panel.choice_field import ChoiceField
from weightedit.ui.edit_panel.field import Field
from weightedit.ui.edit_panel.fields import NAMED, field_for
from weightedit.ui.edit_panel.operation_choice import OperationChoice
from weightedit.ui.edit_panel.seed_field import SeedField
from weightedit.ui.theme import mono_font
from weightedit.ui.widgets.flow import FlowLayout
from weightedit.ui.widgets.literals import FieldError
from weightedit.ui.widgets.pieces import label
from weightedit.ui.widgets.plain import tip
from weightedit.ui.widgets.wheel import leave_wheel

WIDTHS = {"number": 108, "integer": 108, "boolean": 108, "dtype": 160, "choice": 160, "expression": 330}
WIDTH, OPERATION, REGION = 200, 160, 150
FIRST = "scale"


@dataclass(frozen=True)
class Wanted:
    """An edit of many as the form describes it; what it leaves is said by the rows."""

    operation: str
    targets: tuple[str, ...]
    region: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    device: str = "cpu"
    tied: str = "all"
    moments: str = "follow"
    seed: int | None = None

    @property
    def settings(self) -> dict[str, Any]:
        """What `Document.apply` takes by name besides the operation's own arguments."""
        return {"region": self.region, "device": self.device, "tied": self.tied, "moments": self.moments,
                "seed": self.seed}  # fmt: skip


def _labelled(text: str, control: QWidget, width: int) -> QWidget:
    made = QWidget()
    column = QVBoxLayout(made)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(4)
    column.addWidget(label(text, "section"))
    column.addWidget(control)
    column.addStretch(1)
    made.setFixedWidth(width)
    made.setFocusProxy(control)
    return made


class BatchForm(QWidget):
    """Operation, fields, region, tensors.

    Signals
    -------
    changed
        What the form describes changed.
    retargeted
        So did the tensors it is for.
    """

    changed = Signal()
    retargeted = Signal()

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._document = document
        self.device = "cpu"
        self.along = AlongField(beside=True)
        self.fields: list[Field] = []
        self.seed: SeedField | None = None
        self.operations = OperationChoice()
        self.operations.offer([one for one in document.operations.values() if one.subject != "value"])
        leave_wheel(self.operations)
        self.region = QLineEdit()
        self.region.setFont(mono_font(12))
        self.region.setPlaceholderText("whole tensors")
        self.region.setAccessibleName("Region")
        self.region.setToolTip("A region that fits every tensor, such as [0, :], or a condition: where abs(w) < 1e-4")
        self.pattern = PatternField()
        self._flow = FlowLayout(12, 8, self)
        self._flow.setContentsMargins(14, 10, 14, 10)
        self._region_part = _labelled("Region", self.region, REGION)
        for part in (_labelled("Operation", self.operations, OPERATION), self._region_part, self.pattern,
                     self.along):  # fmt: skip
            self._flow.addWidget(part)
        self.operations.setCurrentIndex(max(self.operations.findData(FIRST), 0))
        self._make_fields()
        self.operations.currentIndexChanged.connect(self._operation_chosen)
        self.region.textChanged.connect(lambda _: self.changed.emit())
        self.along.changed.connect(self.changed)
        self.pattern.changed.connect(self.retargeted)
        self.pattern.changed.connect(self.changed)

    # ---- operation and fields

    @property
    def operation(self) -> Operation:
        """The operation that is chosen."""
        return self._document.operations[self.operations.currentData()]

    def choose(self, name: str) -> None:
        """Choose an operation and go to its first field."""
        place = self.operations.findData(name)
        if place >= 0:
            self.operations.setCurrentIndex(place)
            asked = [made for made in self.fields if not made.isHidden()]
            (asked[0] if asked else self.operations).setFocus()

    def take(self, edit: Edit) -> None:
        """Describe an edit."""
        self.blockSignals(True)
        self.operations.setCurrentIndex(max(self.operations.findData(edit.operation), 0))
        for made in self.fields:
            if made.declared.name in edit.arguments:
                made.set_value(edit.arguments[made.declared.name])
        if self.seed is not None and edit.seed is not None:
            self.seed.set_value(edit.seed)
        self.region.setText(edit.region if isinstance(edit.region, str) else "")
        self.along.set_answers(edit.tied, edit.moments)
        self.blockSignals(False)
        self.changed.emit()

    def set_targets(self, targets: tuple[str, ...]) -> None:
        """Show which tensors it is for."""
        self.pattern.edit.setText(written(targets))

    def _operation_chosen(self) -> None:
        self.along.set_answers()
        self._make_fields()
        self.retargeted.emit()
        self.changed.emit()

    def _make_fields(self) -> None:
        for old in self.fields:
            self._flow.removeWidget(old)
            old.hide()
            old.deleteLater()
        operation = self.operation
        self.operations.setToolTip(tip(operation.summary))
        names = list(self._document.tensors) if any(one.type in NAMED for one in operation.parameters) else []
        self.fields = [field_for(one, names, operation.name) for one in operation.parameters]
        self.seed = SeedField() if operation.random else None
        self.fields += [self.seed] if self.seed is not None else []
        for place, made in enumerate(self.fields):
            made.setFixedWidth(WIDTHS.get(made.declared.type, WIDTH) if made is not self.seed else WIDTH)
            made.note.setMaximumWidth(made.width())
            self._flow.insert(1 + place, made)
            made.changed.connect(self._field_changed)
        self._region_part.setVisible(operation.takes_region)
        if not operation.takes_region:
            self.region.clear()
        self.along.ask_about_many(self._document, operation)
        self._show_what_matters()

    def _field_changed(self) -> None:
        self._show_what_matters()
        self.changed.emit()

    def _show_what_matters(self) -> None:
        """Hide the fields that the choices made in others leave without meaning; they keep their defaults."""
        chosen = {made.declared.name: made.value() for made in self.fields if isinstance(made, ChoiceField)}
        for made in self.fields:
            matters = self.operation.matters(made.declared.name, chosen)
            if matters:
                made.call_after(chosen.values())
            elif not made.isHidden():
                made.clear()
            made.setVisible(matters)
        self.updateGeometry()

    # ---- what it describes

    def problem(self) -> str:
        """Return what is missing or wrong, or nothing."""
        for made in self.fields:
            if made.is_empty:
                return f"{made.title.text()} is missing"
            try:
                made.value()
            except FieldError as error:
                return str(error)
        return "" if self.pattern.targets else "Name tensors, or give a pattern such as *.mlp.*"

    def wanted(self) -> Wanted | None:
        """Return the edit, or None while something is missing or wrong."""
        if self.problem():
            return None
        arguments = {made.declared.name: made.value() for made in self.fields if made is not self.seed}
        seed = None if self.seed is None else self.seed.value()
        return Wanted(self.operation.name, self.pattern.targets, self.region.text().strip() or None, arguments,
                      self.device, self.along.tied, self.along.moments, seed)  # fmt: skip
