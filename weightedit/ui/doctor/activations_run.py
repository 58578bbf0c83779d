"""Captures, compares and searches history as tasks of the window."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weightedit.assembly import open_document
from weightedit.checking import capturing
from weightedit.doctor.activations.drift import ModuleDrift, drift
from weightedit.doctor.activations.reading import CapturedDocument
from weightedit.doctor.capture_check import Capturing, RunStopped
from weightedit.doctor.checkup import Asked
from weightedit.doctor.finding import Finding
from weightedit.ui.tasks import TaskProgress

if TYPE_CHECKING:
    from weightedit.ui.doctor.room import DoctorRoom
    from weightedit.ui.documents import OpenDocument
    from weightedit.ui.window import MainWindow


class ActivationsRun:
    """What the activations of a room start."""

    def __init__(self, window: MainWindow, room: DoctorRoom) -> None:
        self._window, self._room = window, room
        self._count = 0
        pane = room.activations
        pane.capture_pressed.connect(lambda: self._ask(self._capture))
        pane.compare_pressed.connect(lambda: self._ask(self._compare))
        pane.find_pressed.connect(lambda: self._ask(self._find))

    def _ask(self, then: Callable[[OpenDocument, Any, Path], None]) -> None:
        """Ask about the model's code, then go on."""
        if self._room.opened is not None and self._room.head.input_text and not self._room.head.wrong():
            self._room.running.ask(self._room.opened, then)
        else:
            self._room.activations.show_notice("warning", "A model and its input are needed",
                                               "Name them at the top of the page.")  # fmt: skip

    def _begin(self, opened: OpenDocument, model: Any, folder: Path, progress: TaskProgress) -> Capturing:
        head = self._room.head
        return capturing(opened.document, model, head.input_text, Asked(head.device_name), folder=folder,
                         progress=progress)  # fmt: skip

    def _start(self, name: str, work: Callable[[TaskProgress], Any], then: Callable[[Any], None]) -> None:
        pane = self._room.activations
        pane.show_notice("notice", f"{name}…")
        self._window.tasks.start(
            name, work, on_result=then, on_error=self._failed,
            on_cancelled=lambda: pane.show_notice("notice", "It was stopped"), group="doctor-activations")  # fmt: skip

    def _failed(self, error: Exception) -> None:
        """Say what went wrong, and in which module where the model raised."""
        pane = self._room.activations
        if isinstance(error, RunStopped):
            pane.show_result(self._room.finding_view(error.finding))
        else:
            pane.show_notice("refusal", str(error))

    # ---- one run

    def _capture(self, opened: OpenDocument, model: Any, folder: Path) -> None:
        modules = self._room.activations.patterns
        self._count += 1
        name = f"{Path(opened.title).stem}-activations-{self._count}.safetensors"

        def work(progress: TaskProgress) -> Path | RunStopped:
            to = opened.document.spill.folder / "captures" / name
            to.parent.mkdir(exist_ok=True)
            try:
                return self._begin(opened, model, folder, progress).capture(modules, to)
            except RunStopped as stopped:
                return stopped

        def show(path: Path | RunStopped) -> None:
            if isinstance(path, RunStopped):  # what was captured until then is opened all the same
                self._failed(path)
                self._window.open([str(path.path)])
                return
            self._room.activations.show_notice("ok", f"Captured as {path.name}", "It opens in the tree beside the "
                                               "document; Export writes it where it is to stay.")  # fmt: skip
            self._window.open([str(path)])

        self._start("Capturing activations", work, show)

    def _compare(self, opened: OpenDocument, model: Any, folder: Path) -> None:
        pane = self._room.activations
        modules, since = pane.patterns, int(pane.since.currentData() or 0)

        def work(progress: TaskProgress) -> tuple[ModuleDrift, ...]:
            captured = self._begin(opened, model, folder, progress)
            with tempfile.TemporaryDirectory(dir=opened.document.spill.folder) as where:
                before = captured.capture(modules, Path(where) / "before.safetensors", since)
                after = captured.capture(modules, Path(where) / "after.safetensors",
                                         opened.document.history.position, whole=False)  # fmt: skip
                with open_document(before) as one, open_document(after) as two:
                    return drift(CapturedDocument(one), CapturedDocument(two), progress.ask)

        self._start("Comparing activations", work, pane.show_drift)

    def _find(self, opened: OpenDocument, model: Any, folder: Path) -> None:
        pane = self._room.activations
        modules = pane.patterns

        def work(progress: TaskProgress) -> Finding | None:
            captured = self._begin(opened, model, folder, progress)
            with tempfile.TemporaryDirectory(dir=opened.document.spill.folder) as where:
                found = captured.find_break(modules, Path(where), open_document)
            return None if found is None else found[1]

        def show(finding: Finding | None) -> None:
            if finding is None:
                pane.show_notice("ok", "No edit moved an output by more than 1 % of its largest magnitude")
            else:
                pane.show_result(self._room.finding_view(finding))

        self._start("Searching the history", work, show)
