"""The top of the doctor: which model, with what input, on what device, and the press that runs it."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget

from weightedit.doctor.bringing.input_spec import SpecError, parse_inputs
from weightedit.doctor.checkup import AUTO, FAKE
from weightedit.ui.errors.errors_view import wrapping
from weightedit.ui.theme import mono_font
from weightedit.ui.widgets.elided_combo import ElidedCombo
from weightedit.ui.widgets.pieces import label, line, restyle
from weightedit.ui.widgets.plain import aloud, tip

DEVICES = ((AUTO, "no values, or CPU"), (FAKE, "no values"), ("cpu", "CPU"))
LIVE = "this live module"
ONE_LINE = 820
"""Pixels from which on everything stands in one line."""
MODEL_HELP = "package.module:factory, file.py:Class(3, width=64), or a folder with a config.json"
INPUT_HELP = "float32[2,3,224,224], ids: int64[1,16]<32000, {'image': float32[1,3,64,64]} or tokens.npy"


class DoctorHead(QWidget):
    """Fields and the button; what is wrong with a field is said below it.

    Signals
    -------
    run_pressed, stop_pressed
    edited
        A field says something else.
    """

    run_pressed = Signal()
    stop_pressed = Signal()
    edited = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.is_running = False
        self._moving: list[tuple[QWidget, int]] = []
        whole = QVBoxLayout(self)
        whole.setContentsMargins(18, 10, 14, 8)
        whole.setSpacing(6)
        self._first, self._second = row, second = QHBoxLayout(), QHBoxLayout()
        for one in (row, second):
            one.setSpacing(8)
            whole.addLayout(one)
        row.addWidget(label("Doctor", "title"))
        row.addWidget(line(vertical=True))
        self.model = ElidedCombo()
        self.model.setEditable(True)
        self.model.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.model.setMinimumWidth(170)
        self._name(row, "Model", self.model, MODEL_HELP, 3)
        self.input = QLineEdit()
        self.input.setFont(mono_font(12))
        self.input.setMinimumWidth(150)
        self.input.setPlaceholderText("float32[1,3,224,224]")
        self._name(row, "Input", self.input, INPUT_HELP, 3)
        self.device = QComboBox()
        for name, title in DEVICES:
            self.device.addItem(title, name)
        self._name(row, "Device", self.device, "Tensors without values take no memory; a real run has times too", 0)
        self.run = QPushButton("Run")
        self.run.setProperty("kind", "primary")
        self.run.clicked.connect(self._pressed)
        row.addWidget(self.run)
        self.problem = wrapping("", "bad")
        whole.addWidget(self.problem)
        self.problem.hide()
        edit = self.model.lineEdit()
        assert edit is not None
        edit.setFont(mono_font(12))
        edit.setPlaceholderText("file.py:Class")
        for field in (edit, self.input):
            field.textChanged.connect(self._edited)
            field.returnPressed.connect(self._pressed)
        self._edited()

    def _name(self, row: QHBoxLayout, text: str, field: QWidget, help: str, stretch: int) -> None:
        name: QLabel = label(text, "secondary")
        name.setBuddy(field)
        field.setAccessibleName(aloud(text))
        field.setToolTip(tip(help))
        row.addWidget(name)
        row.addWidget(field, stretch)
        if field is not self.model:
            self._moving += [(name, 0), (field, stretch)]

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Put input and device below the model where one line has no room for all."""
        super().resizeEvent(event)
        to = self._second if self.width() < ONE_LINE else self._first
        if to.indexOf(self._moving[0][0]) >= 0:
            return
        for place, (widget, stretch) in enumerate(self._moving):
            to.insertWidget(place if to is self._second else to.count() - 1, widget, stretch)

    # ---- what it says

    @property
    def model_text(self) -> str:
        """The model, as it was written."""
        return self.model.currentText().strip()

    @property
    def input_text(self) -> str:
        """The input, as it was written."""
        return self.input.text().strip()

    @property
    def device_name(self) -> str:
        """The device that was chosen."""
        return str(self.device.currentData())

    def offer(self, models: Sequence[str], inputs: str, *, is_live: bool) -> None:
        """Offer models that were used before, and the live module of the document first."""
        text = self.model_text
        self.model.blockSignals(True)
        self.model.clear()
        self.model.addItems([*([LIVE] if is_live else []), *models])
        self.model.setCurrentText(text if text and (text != LIVE or is_live) else self.model.itemText(0))
        self.model.blockSignals(False)
        if not self.input_text:
            self.input.setText(inputs)
        self._edited()

    def offer_devices(self, names: Sequence[str]) -> None:
        """Offer the devices that torch has beside the CPU."""
        for name in names:
            if self.device.findData(name) < 0:
                self.device.addItem(name, name)

    def wrong(self) -> str:
        """Return what is wrong with the fields; empty where nothing is."""
        if not self.model_text:
            return "Name the code that makes the model."
        if not self.input_text:
            return ""
        try:
            parse_inputs(self.input_text)
        except SpecError as error:
            return str(error)
        return ""

    def _edited(self) -> None:
        wrong = self.wrong() if self.model_text else ""
        restyle(self.input, "wrong", bool(wrong))
        self.problem.setText(wrong)
        self.problem.setVisible(bool(wrong))
        self.run.setEnabled(self.is_running or not self.wrong())
        self.run.setToolTip(tip(self.wrong() or "Run the doctor (F5)"))
        self.edited.emit()

    def show_running(self, running: bool, again: bool) -> None:
        """Turn the button into what stops the run, and back."""
        self.is_running = running
        self.run.setText("Stop" if running else "Run again" if again else "Run")
        restyle(self.run, "kind", "" if running or again else "primary")
        self._edited()

    def _pressed(self) -> None:
        if self.is_running:
            self.stop_pressed.emit()
        elif self.run.isEnabled():
            self.run_pressed.emit()
