"""Captures, compares and searches history as tasks of the window, for the document they were asked for."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weightedit.assembly import open_document
from weightedit.checking import capturing
from weightedit.core.files.folders import spill_parent
from weightedit.core.undo.spill import Spill
from weightedit.core.words.numbers import count_text
from weightedit.core.words.paths import counted
from weightedit.core.words.visible import visible
from weightedit.doctor.activations.drift import ModuleDrift, drift
from weightedit.doctor.activations.reading import CapturedDocument
from weightedit.doctor.capture_check import Capturing, RunStopped
from weightedit.doctor.checkup import Wanted
from weightedit.doctor.finding import Finding
from weightedit.ui.doctor.ground import Ground
from weightedit.ui.doctor.order import Order
from weightedit.ui.doctor.visit import Outcome, Visit
from weightedit.ui.documents import OpenDocument, opened
from weightedit.ui.errors.errors_view import title_and_body
from weightedit.ui.tasks import TaskProgress

if TYPE_CHECKING:
    from weightedit.core.document import Document
    from weightedit.ui.doctor.activations_pane import ActivationsPane
    from weightedit.ui.doctor.room import DoctorRoom
    from weightedit.ui.window import MainWindow

Work = Callable[[Visit, Order], None]


class ActivationsRun:
    """What the activations of a room start."""

    def __init__(self, window: MainWindow, room: DoctorRoom) -> None:
        self._window, self._room = window, room
        self._count = 0
        pane = room.activations
        pane.capture_pressed.connect(lambda: self._ask(self._capture))
        pane.compare_pressed.connect(lambda: self._ask(self._compare))
        pane.find_pressed.connect(lambda: self._ask(self._find))

    def _ask(self, then: Work) -> None:
        """Ask about the model's code, then go on."""
        room, pane = self._room, self._room.activations
        visit = room.visit
        if visit.opened is None or visit.task is not None or room.fields.needs_for_activations(visit):
            return
        room.clear_asked()
        order = replace(room.running.order(visit, Wanted()), modules=tuple(pane.patterns), since=pane.place)
        room.running.ask(visit, order, then)

    def _start(self, visit: Visit, name: str, work: Callable[[TaskProgress], Any], done: Callable[[Any], Outcome],
               again: Work, dropped: Callable[[Any], None] | None = None) -> None:  # fmt: skip
        def show(outcome: Outcome) -> None:
            visit.outcome = replace(outcome, again=lambda: self._ask(again))
            self._room.show_activations(visit)

        def failed(error: Exception) -> None:
            if isinstance(error, RunStopped):
                show(self._stopped_in(error.finding, ground))
                return
            said = title_and_body(error)
            show(Outcome("failed", "it did not run", lambda pane: pane.show_notice("refusal", *said)))

        def stopped() -> None:
            show(Outcome("waiting", "it was stopped", lambda pane: pane.show_notice(
                "notice", "It was stopped", "Nothing was changed, and what ran was ended.")))  # fmt: skip

        ground = Ground.of(_document(visit))
        visit.outcome = Outcome("waiting", "running", lambda pane: pane.show_notice("notice", f"{name}…"))
        self._room.running.start(visit, "activations", name, work, lambda found: show(done(found)), failed, stopped,
                                 dropped)  # fmt: skip
        self._room.show_activations(visit)

    def _stopped_in(self, finding: Finding, ground: Ground) -> Outcome:
        """Return what is shown of a model that raised."""
        says = f"stops in {visible(finding.module, 100) or 'the model'}"
        view = self._room.pages.finding_view
        return Outcome("failed", says, lambda pane: pane.show_result(view(finding, ground=ground)), ground)

    # ---- one run

    def _capture(self, visit: Visit, order: Order) -> None:
        document = _document(visit)
        self._count += 1
        name = f"{Path(document.title).stem}-activations-{self._count}.safetensors"

        ground = Ground.of(document)

        def work(progress: TaskProgress) -> tuple[OpenDocument, Finding | None]:
            spill = Spill(spill_parent)  # of the captures' own document, with whose end they go
            try:
                folder = tempfile.mkdtemp(prefix="captures-", dir=spill.folder)  # which itself is locked all along
                to, finding = Path(folder) / name, None
                try:
                    _capturing(document, order, progress).capture(order.modules, to)
                except RunStopped as stopped:
                    finding = stopped.finding  # what was captured until then is opened all the same
                return opened(open_document(to, spill=spill, progress=progress), progress), finding
            except BaseException:
                spill.close()
                raise

        def done(made: tuple[OpenDocument, Finding | None]) -> Outcome:
            found, finding = made
            found.is_scratch = True
            self._room.visits.add_captures(found, visit)
            self._window.documents.take(found)
            if finding is not None:
                return self._stopped_in(finding, ground)
            many = counted(found.tensors, "tensor")

            def show(pane: ActivationsPane) -> None:
                said = "Export writes them where they are to stay; without that they go as they are closed."
                pane.show_notice("ok", f"Captured {many} as {found.title}", said, "Show captures",
                                 lambda: self._show(found))  # fmt: skip

            return Outcome("passed", f"captured {many}", show)

        def dropped(made: tuple[OpenDocument, Finding | None]) -> None:
            self._window.tasks.start("Closing captures", lambda _: made[0].document.close(), on_result=None, quiet=True)

        self._start(visit, "Capturing activations", work, done, self._capture, dropped)

    def _show(self, captures: OpenDocument) -> None:
        """Go to captures that are open still."""
        first = captures.first_tensor()
        if captures in self._window.documents.all and first is not None:
            self._window.show_tensor(captures, first)

    def _compare(self, visit: Visit, order: Order) -> None:
        document = _document(visit)
        ground = Ground.of(document)

        def work(progress: TaskProgress) -> tuple[ModuleDrift, ...]:
            captured = _capturing(document, order, progress)
            with tempfile.TemporaryDirectory(prefix="drift-", dir=document.spill.folder) as where:
                before = captured.capture(order.modules, Path(where) / "before.safetensors", order.since)
                after = captured.capture(order.modules, Path(where) / "after.safetensors", ground.position)
                with open_document(before) as one, open_document(after) as two:
                    return drift(CapturedDocument(one), CapturedDocument(two), progress.ask)

        def done(found: tuple[ModuleDrift, ...]) -> Outcome:
            off, all_of = sum(one.differs for one in found), counted(len(found), "call")
            says = f"{count_text(off)} of {all_of} {'differs' if off == 1 else 'differ'}" if off else "nothing differs"
            return Outcome("notice" if off else "passed", says, lambda pane: pane.show_drift(found), ground)

        self._start(visit, "Comparing activations", work, done, self._compare)

    def _find(self, visit: Visit, order: Order) -> None:
        document = _document(visit)
        ground = Ground.of(document)

        def work(progress: TaskProgress) -> Finding | None:
            captured = _capturing(document, order, progress)
            with tempfile.TemporaryDirectory(prefix="drift-", dir=document.spill.folder) as where:
                found = captured.find_break(order.modules, Path(where), open_document)
            return None if found is None else found[1]

        def done(finding: Finding | None) -> Outcome:
            if finding is None:
                said = "No edit moved an output by more than 1 % of its largest magnitude"
                return Outcome("passed", "no edit broke it", lambda pane: pane.show_notice("ok", said), ground)
            return Outcome("warning", "an edit broke it",
                           lambda pane: pane.show_result(self._room.pages.finding_view(finding, ground=ground)),
                           ground)  # fmt: skip

        self._start(visit, "Searching the history", work, done, self._find)


def _document(visit: Visit) -> Document:
    assert visit.opened is not None
    return visit.opened.document


def _capturing(document: Document, order: Order, progress: TaskProgress) -> Capturing:
    return capturing(document, order.model, order.inputs, order.asked, folder=order.folder, progress=progress)
