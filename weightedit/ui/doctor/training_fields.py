"""What a training step is taken with: loss, target, optimizer and data, kept while results come and go."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QGridLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from weightedit.doctor.bringing.input_spec import parse_item
from weightedit.doctor.bringing.spec_tokens import SpecError
from weightedit.doctor.checkup import Wanted
from weightedit.ui.errors.errors_view import wrapping
from weightedit.ui.theme import mono_font
from weightedit.ui.widgets.pieces import label, restyle
from weightedit.ui.widgets.plain import aloud, tip

LOSSES = ("", "CrossEntropyLoss", "MSELoss", "L1Loss", "BCEWithLogitsLoss", "NLLLoss", "output.loss", "mean")
"""Offered first; any loss of torch.nn and torch.nn.functional can be typed."""


class TrainingFields(QWidget):
    """The fields, and the press that runs with them.

    Signals
    -------
    run_pressed
    edited
        A field says something else.
    """

    run_pressed = Signal()
    edited = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._busy = ""
        whole = QVBoxLayout(self)
        whole.setContentsMargins(18, 12, 18, 10)
        whole.setSpacing(6)
        grid = QGridLayout()
        grid.setHorizontalSpacing(10)
        grid.setVerticalSpacing(6)
        self.loss = QComboBox()
        self.loss.setEditable(True)
        self.loss.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.loss.addItems(LOSSES)
        self.target, self.optimizer, self.batches, self.step_to = QLineEdit(), QLineEdit(), QLineEdit(), QLineEdit()
        self.target.setPlaceholderText("int64[1]<10")
        self.optimizer.setPlaceholderText("SGD; or AdamW(lr=1e-4)")
        self.batches.setPlaceholderText("none; or data.py:make_loader")
        self.step_to.setPlaceholderText("nothing; or a new file, step.pt")
        self._add(grid, 0, "Loss", self.loss, "A loss of torch.nn or torch.nn.functional, output.loss, or file.py:NAME")
        self._add(grid, 1, "Target", self.target, "What the loss compares the output with, as a spec or a file")
        self._add(grid, 2, "Optimizer", self.optimizer, "One of torch.optim, or code that makes one, train.py:NAME")
        self._add(grid, 3, "Data", self.batches, "Code that makes a Dataset or DataLoader, which is looked through")
        self._add(grid, 4, "Write to", self.step_to,
                  "A new file for the weights after the step, from which they can be taken into the document")
        self.run = QPushButton("Take one step")
        self.run.clicked.connect(self.run_pressed)
        grid.addWidget(self.run, 1, 4)
        for column in (1, 3):
            grid.setColumnStretch(column, 1)
        whole.addLayout(grid)
        self.problem = wrapping("", "bad")
        whole.addWidget(self.problem)
        said = "One forward, loss, backward and step on a copy; the document is not changed."
        whole.addWidget(wrapping(said, "caption"))
        edit = self.loss.lineEdit()
        assert edit is not None
        edit.setAccessibleName("Loss")
        for field in (edit, self.target, self.optimizer, self.batches, self.step_to):
            field.textChanged.connect(self._edited)
            field.returnPressed.connect(self._entered)
        self._edited()

    def _add(self, grid: QGridLayout, place: int, text: str, field: QWidget, help: str) -> None:
        row, column = divmod(place, 2)
        name = label(text, "secondary")
        name.setBuddy(field)
        field.setAccessibleName(aloud(text))
        field.setToolTip(tip(help))
        if isinstance(field, QLineEdit):
            field.setFont(mono_font(12))
        grid.addWidget(name, row, column * 2)
        grid.addWidget(field, row, column * 2 + 1)

    # ---- what it says

    @property
    def wanted(self) -> Wanted:
        """The training step that is asked for."""
        loss, target = self.loss.currentText().strip(), self.target.text().strip()
        return Wanted(target=target or None, loss=loss or None, optimizer=self.optimizer.text().strip() or None,
                      data=self.batches.text().strip() or None, step_to=self.step_to.text().strip())  # fmt: skip

    def wrong(self) -> str:
        """Return what is wrong with the fields; empty where nothing is."""
        target = self.target.text().strip()
        try:
            if target:
                parse_item(target)
        except SpecError as error:
            return str(error).replace("The input", "The target", 1)
        return ""

    @property
    def texts(self) -> dict[str, str]:
        """What the fields say, to be put back."""
        return {"loss": self.loss.currentText(), "target": self.target.text(), "optimizer": self.optimizer.text(),
                "data": self.batches.text(), "step_to": self.step_to.text()}  # fmt: skip

    def put_back(self, texts: dict[str, str]) -> None:
        """Say again what the fields said."""
        self.loss.setCurrentText(texts.get("loss", ""))
        for field, name in ((self.target, "target"), (self.optimizer, "optimizer"), (self.batches, "data"),
                            (self.step_to, "step_to")):  # fmt: skip
            field.setText(texts.get(name, ""))

    def show_busy(self, reason: str) -> None:
        """Turn the button off for a reason, or on where there is none."""
        self._busy = reason
        self._turn()

    def _edited(self) -> None:
        wrong = self.wrong()
        restyle(self.target, "wrong", bool(wrong))
        self.problem.setText(wrong)
        self.problem.setVisible(bool(wrong))
        self._turn()
        self.edited.emit()

    def _turn(self) -> None:
        ready = bool(self.loss.currentText().strip() or self.batches.text().strip())
        needs = self.wrong() or ("" if ready else "Needs a loss, or data") or self._busy
        self.run.setEnabled(not needs)
        self.run.setToolTip(tip(needs or "One forward, loss, backward and step on a copy"))

    def _entered(self) -> None:
        if self.run.isEnabled():
            self.run_pressed.emit()
