"""The top of the doctor: which model, with what input, on what device, and the press that runs it."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from weightedit.doctor.bringing.input_spec import parse_inputs
from weightedit.doctor.bringing.spec_tokens import SpecError
from weightedit.doctor.checkup import AUTO, FAKE
from weightedit.ui.doctor.model_field import MiddleEdit, ModelField
from weightedit.ui.errors.errors_view import wrapping
from weightedit.ui.theme import mono_font
from weightedit.ui.widgets.elided_combo import ElidedCombo
from weightedit.ui.widgets.pieces import icon_button, label, line, restyle
from weightedit.ui.widgets.plain import aloud, tip

DEVICES = ((AUTO, "without values, else cpu"), (FAKE, "without values"), ("cpu", ""))
"""By the names that the command line takes, each with what it means."""
DEVICE_HELP = "fake: tensors without values, which take no memory. cpu and cuda:0: a real run, with times"
LIVE = "this live module"
NO_DOCUMENT = "Open a checkpoint first"
RUN_WIDTH = 84
"""Pixels for the longest word of the button, so that nothing moves as it changes."""
ONE_LINE = 1040
"""Pixels from which on everything stands in one line."""
MODEL_HELP = "package.module:factory, file.py:Class(3, width=64), or a folder with a config.json"
BROWSE = "Choose the model's code: a Python file, or a config.json"
INPUT_HELP = "float32[2,3,224,224], ids: int64[1,16]<32000, {'image': float32[1,3,64,64]} or tokens.npy"


class DoctorHead(QWidget):
    """Fields and the button; what is wrong with a field is said below it.

    Signals
    -------
    run_pressed, stop_pressed, browse_pressed
    edited
        A field says something else.
    """

    run_pressed = Signal()
    browse_pressed = Signal()
    stop_pressed = Signal()
    edited = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.is_running = self._is_stopping = self._again = self._is_asked = False
        self.is_offered = True
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
        self.model = ModelField()
        self.model.setMinimumWidth(170)
        self._name(row, "Model", self.model, MODEL_HELP, 3)
        self.browse = icon_button("folder-open", BROWSE)
        self.browse.clicked.connect(self.browse_pressed)
        row.addWidget(self.browse)
        self.input = MiddleEdit()
        self.input.setFont(mono_font(12))
        self.input.setMinimumWidth(150)
        self.input.setPlaceholderText("float32[1,3,224,224]")
        self._name(row, "Input", self.input, INPUT_HELP, 3)
        self.device = ElidedCombo()
        self.device.setMinimumWidth(120)
        for name, means in DEVICES:
            self.device.addItem(f"{name} · {means}" if means else name, name)
        self.device.currentIndexChanged.connect(self.edited)
        self._name(row, "Device", self.device, DEVICE_HELP, 2)
        self.run = QPushButton("Run")
        self.run.setProperty("kind", "primary")
        self.run.setMinimumWidth(RUN_WIDTH)
        self.run.clicked.connect(self._pressed)
        row.addWidget(self.run)
        self._moving.append((self.run, 0))
        self.problem = wrapping("", "bad")
        whole.addWidget(self.problem)
        self.problem.hide()
        for field in (self.model.edit, self.input):
            field.textChanged.connect(self._edited)
            field.returnPressed.connect(self._entered)
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
        """Put input, device and the button below the model where one line has no room for all."""
        super().resizeEvent(event)
        to = self._second if self.width() < ONE_LINE else self._first
        if to.indexOf(self._moving[0][0]) >= 0:
            return
        for widget, stretch in self._moving:
            to.addWidget(widget, stretch)

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

    def offer(self, models: Sequence[str], inputs: str, *, is_live: bool, is_new: bool) -> None:
        """Offer models that were used before; of a live module itself, which is what a new one begins with."""
        text = self.model_text
        keeps = bool(text) and (is_live if text == LIVE else not (is_live and is_new))
        self.model.blockSignals(True)
        self.model.clear()
        self.model.addItems([*([LIVE] if is_live else []), *models])
        self.model.setCurrentText(text if keeps else self.model.itemText(0))
        self.model.blockSignals(False)
        if not self.input_text:
            self.input.setText(inputs)
        self._edited()

    @property
    def texts(self) -> dict[str, str]:
        """What the fields say, to be put back."""
        return {"model": self.model_text, "input": self.input_text, "device": self.device_name}

    def put_back(self, texts: dict[str, str]) -> None:
        """Say again what the fields said."""
        self.model.setCurrentText(texts.get("model", ""))
        self.input.setText(texts.get("input", ""))
        self.device.setCurrentIndex(max(0, self.device.findData(texts.get("device", AUTO))))

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
        self._turn()
        self.edited.emit()

    def _turn(self) -> None:
        """Have the button say what it does now, or what it needs."""
        said = "Stopping" if self._is_stopping else "Stop" if self.is_running else "Run again" if self._again else "Run"
        self.run.setText(said)
        restyle(self.run, "kind", "" if self.is_running or self._again or self._is_asked else "primary")
        needs = "" if self.is_offered else NO_DOCUMENT
        needs = needs or ("" if self.is_running else self.wrong())
        needs = needs or ("It stops at the next module, or once the process is ended" if self._is_stopping else "")
        self.run.setEnabled(not needs)
        does = "Stop what runs; nothing is changed" if self.is_running else "Run the doctor (F5)"
        self.run.setToolTip(tip(needs or does))
        self.run.setAccessibleName(aloud(said if self.is_running else f"{said} the doctor"))

    def show_offered(self, offered: bool) -> None:
        """Turn the fields on, or off where no document is open."""
        self.is_offered = offered
        for field in (self.model, self.browse, self.input, self.device):
            field.setEnabled(offered)
        self._turn()

    def show_running(self, running: bool, again: bool) -> None:
        """Turn the button into what stops the run, and back."""
        self.is_running, self._again, self._is_stopping = running, again, False
        self._turn()

    def show_asked(self, asked: bool) -> None:
        """Leave being the primary button to a question while one is asked."""
        self._is_asked = asked
        self._turn()

    def show_stopping(self) -> None:
        """Say that the stop is on its way."""
        self._is_stopping = self.is_running
        self._turn()

    def _entered(self) -> None:
        """Run; a run that is on its way is stopped by the button alone."""
        if not self.is_running:
            self._pressed()

    def _pressed(self) -> None:
        if not self.run.isEnabled():
            return
        if self.is_running:
            self.stop_pressed.emit()
        else:
            self.run_pressed.emit()
