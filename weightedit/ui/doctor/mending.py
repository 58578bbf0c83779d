"""Previews and applies a mend as a task: every edit of it in one undo step, or a way back in history."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from weightedit.core.hazards import Hazard
from weightedit.doctor.finding import Mend
from weightedit.ui.doctor.mend_card import MendCard
from weightedit.ui.tasks import TaskProgress

if TYPE_CHECKING:
    from weightedit.core.document import Document
    from weightedit.ui.window import MainWindow


class Mending:
    """What the cards of a room ask for.

    Parameters
    ----------
    window
        Whose tasks do it.
    done
        Called with what was done once a mend was applied.
    """

    def __init__(self, window: MainWindow, done: Callable[[str], None]) -> None:
        self._window, self._done = window, done

    def join(self, card: MendCard, document: Document) -> None:
        """Do what a card asks for, to a document."""
        card.preview_wanted.connect(lambda: self._preview(card, document))
        card.apply_wanted.connect(lambda kinds: self._apply(card, document, kinds))

    def _preview(self, card: MendCard, document: Document) -> None:
        mend = card.mend

        def work(progress: TaskProgress) -> list[Hazard]:
            found: dict[Hazard, None] = {}
            for edit in mend.edits:
                found |= dict.fromkeys(document.preflight(edit, progress=progress.report, cancel=progress.cancel))
            order = ("refusal", "warning", "notice")
            return sorted(found, key=lambda hazard: order.index(hazard.level))

        self._window.tasks.start(f"Previewing: {mend.title}", work, on_result=card.show_hazards,
                                 on_error=lambda error: self._failed(card, error, mend.title),
                                 on_cancelled=lambda: card.button.setEnabled(True), group="doctor-preview")  # fmt: skip

    def _apply(self, card: MendCard, document: Document, kinds: Collection[str]) -> None:
        mend = card.mend
        card.button.setEnabled(False)

        def work(progress: TaskProgress) -> None:
            if mend.undo_to is not None:
                document.go_to(mend.undo_to, progress=progress.report, cancel=progress.cancel)
                return
            with document.all_or_nothing(), document.grouped(mend.title):
                for edit in mend.edits:
                    document.apply(edit, accept=kinds, progress=progress.report, cancel=progress.cancel)

        self._window.tasks.start(mend.title, work, on_result=lambda _: self._done(_done(mend)),
                                 on_error=lambda error: self._failed(card, error, mend.title),
                                 on_cancelled=lambda: card.button.setEnabled(True), group="doctor-apply")  # fmt: skip

    def _failed(self, card: MendCard, error: Exception, doing: str) -> None:
        card.button.setEnabled(True)
        self._window.show_error(error, doing)


def _done(mend: Mend) -> str:
    said = mend.title[:1].lower() + mend.title[1:]
    return f"Done: {said}. One undo takes it back; run again to see what it changed."
