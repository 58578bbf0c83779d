"""Runs the doctor as a task of the window, and keeps what was typed for each file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weightedit.checking import check_model
from weightedit.doctor.bringing.model_reference import ModelReference, parse_reference
from weightedit.doctor.checkup import Asked, Checkup
from weightedit.ui.doctor.head import LIVE
from weightedit.ui.tasks import Task, TaskProgress

if TYPE_CHECKING:
    from weightedit.ui.doctor.room import DoctorRoom
    from weightedit.ui.documents import OpenDocument
    from weightedit.ui.window import MainWindow

KEPT = "doctor/models"
INPUT = "doctor/input"
MOST = 8
"""Models that are offered again."""


class Running:
    """The runs of a room.

    Attributes
    ----------
    task
        The run on its way.
    """

    def __init__(self, window: MainWindow, room: DoctorRoom) -> None:
        self._window, self._room = window, room
        self.task: Task[Checkup] | None = None

    @property
    def is_running(self) -> bool:
        """Whether a run is on its way."""
        return self.task is not None

    def offer(self) -> None:
        """Offer what was run before, and the devices there are."""
        opened = self._room.opened
        live = opened is not None and opened.document.format_name == "live module"
        self._room.head.offer(self._kept(), self._window.settings.text(INPUT, ""), is_live=live)
        self._room.head.offer_devices(_devices())

    def _kept(self) -> list[str]:
        try:
            found = json.loads(self._window.settings.text(KEPT, "[]"))
        except ValueError:
            return []
        return [str(one) for one in found][:MOST] if isinstance(found, list) else []

    def _keep(self) -> None:
        head = self._room.head
        if head.model_text != LIVE:
            kept = [head.model_text, *(one for one in self._kept() if one != head.model_text)]
            self._window.settings.set(KEPT, json.dumps(kept[:MOST]))
        self._window.settings.set(INPUT, head.input_text)

    # ---- one run

    def begin(self, opened: OpenDocument) -> None:
        """Look what the fields mean, ask about code, and run."""
        self.ask(opened, self._start)

    def ask(self, opened: OpenDocument, then: Callable[[OpenDocument, Any, Path], None]) -> None:
        """Say what would run, and go on with the model once the person agreed."""
        head = self._room.head
        folder = Path.cwd()
        if head.model_text == LIVE:
            root = opened.document.origin.root
            self._room.ask((f"The forward of {type(root).__name__} runs here, in this process, on a copy of it.",
                            "A stop takes effect where the next module is entered."),
                           lambda: then(opened, root, folder))  # fmt: skip
            return

        def ask(found: tuple[ModelReference, tuple[str, ...]]) -> None:
            self._room.ask(found[1], lambda: then(opened, str(found[0]), folder))

        text = head.model_text

        def look(_: TaskProgress) -> tuple[ModelReference, tuple[str, ...]]:
            reference = parse_reference(text, folder)
            return reference, reference.what_runs(folder)

        self._window.tasks.start("Looking for the model", look, on_result=ask, quiet=True, group="doctor",
                                 on_error=lambda error: self._room.say("refusal", str(error)))  # fmt: skip

    def _start(self, opened: OpenDocument, model: Any, folder: Path) -> None:
        head = self._room.head
        self._keep()
        inputs = head.input_text or None
        training = self._room.training.wanted
        asked = Asked(head.device_name)

        def work(progress: TaskProgress) -> Checkup:
            return check_model(opened.document, model, inputs, asked, training=training, folder=folder,
                               progress=progress)  # fmt: skip

        self._room.show_running(True)
        self.task = self._window.tasks.start(
            f"Checking {opened.title}", work, on_result=self._ended(self._room.show_checkup), group="doctor",
            on_error=self._ended(self._failed), on_cancelled=lambda: self._ended(self._stopped)(None))  # fmt: skip

    def _ended(self, then: Callable[..., None]) -> Callable[..., None]:
        def end(*found: object) -> None:
            self.task = None
            then(*found)

        return end

    def _failed(self, error: Exception) -> None:
        self._room.show_checkup(None)
        self._room.say("refusal", str(error))

    def _stopped(self, _: object) -> None:
        self._room.show_checkup(None)
        self._room.say("notice", "It was stopped", "Nothing was changed, and the model's process was ended.")

    def stop(self) -> None:
        """Stop the run on its way."""
        if self.task is not None:
            self.task.cancel()


def _devices() -> list[str]:
    """Return the devices of torch beside the CPU; torch is there by then."""
    import sys

    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return []
    return [f"cuda:{number}" for number in range(torch.cuda.device_count())]
