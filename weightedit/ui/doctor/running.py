"""Runs the doctor as tasks of the window, one at a time for each document, each after its own yes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from weightedit.checking import check_model, read_wanted
from weightedit.doctor.bringing.consent import consent_for
from weightedit.doctor.checkup import Asked, Checkup, Wanted
from weightedit.ui.doctor.ground import Ground
from weightedit.ui.doctor.head import LIVE
from weightedit.ui.doctor.order import Order
from weightedit.ui.doctor.visit import Visit
from weightedit.ui.errors.errors_view import title_and_body
from weightedit.ui.tasks import TaskProgress

if TYPE_CHECKING:
    from weightedit.ui.doctor.room import DoctorRoom
    from weightedit.ui.window import MainWindow

T = TypeVar("T")
Then = Callable[[Visit, Order], None]
KEPT = "doctor/models"
INPUT = "doctor/input"
LOOKING = "doctor-look"
"""The group of tasks that look what a model's name means: the last one counts."""
MOST = 8
"""Models that are offered again."""
BUSY = "The doctor runs already: stop it, or wait"


class Running:
    """The runs of a room."""

    def __init__(self, window: MainWindow, room: DoctorRoom) -> None:
        self._window, self._room = window, room

    @property
    def is_running(self) -> bool:
        """Whether something runs for the document that is shown."""
        return self._room.visit.task is not None

    # ---- what is offered

    def offer(self, visit: Visit) -> None:
        """Offer what was run before, and the devices there are."""
        live = visit.opened is not None and visit.opened.document.format_name == "live module"
        self._room.head.offer(self._kept(), self._window.settings.text(INPUT, ""), is_live=live,
                              is_new=not visit.texts)  # fmt: skip
        found = self._window.status.devices  # asked for in a worker at the start: a driver may take seconds to answer
        self._room.head.offer_devices([name for name in found if name not in ("cpu", "cuda")])

    def _kept(self) -> list[str]:
        try:
            found = json.loads(self._window.settings.text(KEPT, "[]"))
        except ValueError:
            return []
        return [str(one) for one in found][:MOST] if isinstance(found, list) else []

    def _keep(self, order: Order) -> None:
        if not order.is_live:
            kept = [order.typed, *(one for one in self._kept() if one != order.typed)]
            self._window.settings.set(KEPT, json.dumps(kept[:MOST]))
        self._window.settings.set(INPUT, order.inputs or "")

    # ---- the question before a run

    def order(self, visit: Visit, wanted: Wanted) -> Order:
        """Return what the fields ask for now."""
        head = self._room.head
        assert visit.opened is not None
        live = head.model_text == LIVE
        asked = Asked(head.device_name)
        return Order(head.model_text, visit.opened.document.origin.root if live else head.model_text,
                     head.input_text or None, asked, wanted, Path.cwd())  # fmt: skip

    def ask(self, visit: Visit, order: Order, then: Then) -> None:
        """Say what would run, and go on with exactly that once the person agreed."""

        def look(_: TaskProgress) -> tuple[Order, tuple[str, ...]]:
            read_wanted(order.model, order.inputs, order.wanted, order.folder)
            consent = consent_for(order.model, order.wanted, order.folder)
            model = order.model if consent.model is None else str(consent.model)
            asked = replace(order.asked, agreed=consent.agreed)
            return replace(order, model=model, asked=asked), consent.sentences

        def ask(found: tuple[Order, tuple[str, ...]]) -> None:
            self._room.ask(found[1], lambda: then(visit, found[0]))

        self._window.tasks.start("Looking for the model", look, on_result=ask, quiet=True, group=LOOKING,
                                 on_error=lambda error: self._failed(visit, error))  # fmt: skip

    def void(self) -> None:
        """Let no question come of what was asked before."""
        self._window.tasks.cancel_group(LOOKING)

    # ---- one run

    def check(self, visit: Visit, order: Order) -> None:
        """Check a document; whoever calls this has the person's yes."""
        assert visit.opened is not None
        self._keep(order)
        document, title = visit.opened.document, visit.opened.title
        ground = Ground.of(document)

        def work(progress: TaskProgress) -> Checkup:
            return check_model(document, order.model, order.inputs, order.asked, training=order.wanted,
                               folder=order.folder, progress=progress)  # fmt: skip

        def done(found: Checkup) -> None:
            visit.found, visit.ground, visit.mended = found, ground, []
            self._room.show_checkup(visit)

        visit.found, visit.ground, visit.trains = None, None, order.wanted.trains
        self.start(visit, "check", f"Checking {title}", work, done,
                   lambda error: self._failed(visit, error),
                   lambda: self._room.say(visit, "notice", "It was stopped",
                                          "Nothing was changed, and what ran was ended."))  # fmt: skip

    def start(self, visit: Visit, doing: str, name: str, work: Callable[[TaskProgress], T], done: Callable[[T], None],
              failed: Callable[[Exception], None], stopped: Callable[[], None],
              dropped: Callable[[T], None] | None = None) -> None:  # fmt: skip
        """Start a run of a document that has none; however it ends, the document has none again then.

        `dropped` is given what came of it where the document was closed meanwhile; nothing else is called then.
        """
        assert visit.task is None

        def ended(then: Callable[..., None], *found: Any) -> None:
            visit.task, visit.doing = None, ""
            if visit.is_gone:
                if then is done and dropped is not None:
                    dropped(*found)
                return
            if doing != "check" or then is not done:  # what a check came to is shown with that it ended
                self._room.show_running(doing)
            then(*found)

        visit.said, visit.doing = None, doing
        visit.task = self._window.tasks.start(name, work, on_result=lambda found: ended(done, found),
                                              on_error=lambda error: ended(failed, error),
                                              on_cancelled=lambda: ended(stopped))  # fmt: skip
        self._room.show_running(doing)

    def _failed(self, visit: Visit, error: Exception) -> None:
        self._room.say(visit, "refusal", *title_and_body(error))

    def stop(self) -> None:
        """Stop what runs for the document that is shown."""
        task = self._room.visit.task
        if task is not None:
            task.cancel()
            self._room.head.show_stopping()
