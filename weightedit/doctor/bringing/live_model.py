"""A live module that takes orders as a model that was brought: they happen to a copy of it, in this process."""

from __future__ import annotations

import json
import secrets
import shutil
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from weightedit.core.errors import Cancelled
from weightedit.core.progress import Progress
from weightedit.core.words.visible import visible
from weightedit.doctor.bringing.brought import ModelStopped
from weightedit.doctor.bringing.consent import refuse_references
from weightedit.doctor.bringing.last_words import place_text
from weightedit.doctor.checkup import HERE, SECONDS, Wanted


class _TimeUp(Cancelled):
    """The time of a live module is up: it stops as it does where a person stops it."""


class LiveModel:
    """A live module of this process: what is asked of it happens to a copy, and a stop takes effect between modules.

    Parameters
    ----------
    model
        The module.
    parent, working
        As for `BroughtCode`.
    progress
        Asked whether to stop as each module is entered, and while the model is looked at and copied.
    seconds
        How long it may take in all; looked at as often.
    """

    def __init__(self, model: Any, parent: Path, working: Path, progress: Progress, seconds: float = SECONDS) -> None:
        from weightedit.doctor.inside.session import Session

        self.folder, self.output = parent / f"model-{secrets.token_hex(4)}", ""
        self.folder.mkdir(mode=0o700)
        self._name, self._progress = type(model).__name__, progress
        self._seconds, self._until = seconds, time.monotonic() + seconds
        self._at = "", 0
        self._stopped: Cancelled | None = None
        self._session = Session(working, self._entered, live=model)

    def __enter__(self) -> LiveModel:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:  # fmt: skip
        shutil.rmtree(self.folder, ignore_errors=True)

    def _entered(self, name: str, count: int) -> None:
        """Note which module is entered; stops where that was asked for or the time is up."""
        self._at = name, count
        try:
            self._progress.advance(max(0, count - self._progress.done))
            if time.monotonic() >= self._until:
                raise _TimeUp
        except Cancelled as stop:
            self._stopped = stop
            raise

    def ask(self, order: dict[str, Any]) -> dict[str, Any]:
        """Carry out an order.

        Raises
        ------
        ModelStopped
            If its time is up.
        Cancelled
            If the person stopped it.
        """
        self._at = "", 0
        try:
            found: dict[str, Any] = json.loads(json.dumps(self._session.do(order)))
            if self._stopped is not None:  # the model's own code caught it
                raise self._stopped
        except _TimeUp:
            module, calls = self._at
            place = place_text(module, calls)
            raise ModelStopped(f"{visible(self._name)} took more than {self._seconds:g} s{place}; it was stopped"
                               f"{' there' if place else ''}.", module) from None  # fmt: skip
        return found

    def bring(self, device: str, wanted: Wanted) -> dict[str, Any]:
        """Look at the model; it is copied, together with an optimizer over it, where something runs.

        Raises
        ------
        WeightEditError
            If it would be trained with code by reference, which would be imported here.
        """
        refuse_references(wanted)
        self._session.wanted = wanted
        return self.ask({"do": "take", "device": device})

    def keep(self, wanted: Wanted) -> str:
        """Keep arguments and target as they are; return a word for them, empty for none."""
        is_here = wanted.given is not None or not isinstance(wanted.target, str | None)
        return HERE if is_here else ""
