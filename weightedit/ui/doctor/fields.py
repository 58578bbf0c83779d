"""All fields of the doctor's room as one: what they say is put back with a document, and some need what others say."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from weightedit.doctor.checkup import AUTO, FAKE
from weightedit.ui.doctor.activations_pane import ActivationsPane
from weightedit.ui.doctor.head import NO_DOCUMENT, DoctorHead
from weightedit.ui.doctor.running import BUSY
from weightedit.ui.doctor.training_fields import TrainingFields
from weightedit.ui.doctor.visit import Visit


class Fields(QObject):
    """What a person fills in.

    Parameters
    ----------
    head
        Model, input and device, which are always there.
    training, activations
        Those on the pages of these parts, which stay while pages come and go.

    Signals
    -------
    edited
        One of them says something else.
    """

    edited = Signal()

    def __init__(self, head: DoctorHead, training: TrainingFields, activations: ActivationsPane) -> None:
        super().__init__(head)
        self._head, self._training, self._activations = head, training, activations
        self._all = (head, training, activations)
        for fields in self._all:
            fields.edited.connect(self.edited)

    @property
    def texts(self) -> dict[str, str]:
        """What they say, to be put back."""
        return {name: text for fields in self._all for name, text in fields.texts.items()}

    def put_back(self, texts: dict[str, str]) -> None:
        """Say again what they said."""
        for fields in self._all:
            fields.put_back(texts)

    def put_away(self, room: QWidget) -> None:
        """Take those of a page off it, and keep what was typed there."""
        for kept in (self._training, self._activations):
            kept.hide()
            kept.setParent(room)

    def offer_edits(self, visit: Visit) -> None:
        """Offer the states that a document had, to compare with."""
        history = None if visit.opened is None else visit.opened.document.history
        edits = [] if history is None else history.steps[: history.position]
        self._activations.offer([f"{step.label} {step.where}".strip() for step in edits])

    def needs_for_activations(self, visit: Visit) -> str:
        """Return why activations cannot be captured now; empty where they can."""
        if visit.opened is None:
            return NO_DOCUMENT
        if visit.task is not None:
            return BUSY
        return self._head.wrong() or ("" if self._head.input_text else "Needs an input: name it at the top")

    def show_needs(self, visit: Visit) -> None:
        """Turn what starts a run on, or off with what it needs."""
        self._activations.show_needs(self.needs_for_activations(visit))
        device = self._head.device_name
        self._activations.show_device("cpu" if device in (AUTO, FAKE) else device)
        self._training.show_busy(BUSY if visit.task is not None else self._head.wrong())
