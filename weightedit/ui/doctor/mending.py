"""Looks at what mends would do, previews and applies them as tasks: every edit of one undo step, or a way back."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, NamedTuple

from PySide6.QtCore import QTimer
from shiboken6 import isValid

from weightedit.core.edits.outlook import Rehearsal
from weightedit.core.errors import ConfirmationNeeded, WeightEditError
from weightedit.doctor.finding import Mend
from weightedit.ui.doctor.mend_card import MendCard
from weightedit.ui.tasks import Task, TaskProgress

if TYPE_CHECKING:
    from weightedit.core.document import Document
    from weightedit.ui.window import MainWindow

MOST_READ = 256 << 20
"""Bytes that are read unasked to say what a mend loses; for more, its card says that once it is previewed."""
MOST_SLOTS = 20_000
"""Slots of a document that are looked through unasked for each card."""
MOST_CARDS = 24
"""Cards of one page that are looked at unasked."""


class _Waiting(NamedTuple):
    """A card that is to be looked at, and the version of the document that it was made for."""

    card: MendCard
    document: Document
    version: int


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
        self._waiting: list[_Waiting] = []
        self._joined: list[tuple[MendCard, Document]] = []
        self._looking: tuple[MendCard, Task[Rehearsal | None]] | None = None
        self._soon = QTimer()  # cards are joined one after the other, while a page is being made
        self._soon.setSingleShot(True)
        self._soon.setInterval(0)
        self._soon.timeout.connect(self._look_at_next)

    def join(self, card: MendCard, document: Document) -> None:
        """Do what a card asks for, to a document, and say on it beforehand what that would come to."""
        card.preview_wanted.connect(lambda: self._preview(card, document))
        card.apply_wanted.connect(lambda kinds: self._apply(card, document, kinds))
        self._joined = [one for one in self._joined if isValid(one[0])] + [(card, document)]
        self._wait(card, document)

    def _wait(self, card: MendCard, document: Document) -> None:
        """Look at a card once those before it are done."""
        if card.changes_document and len(self._waiting) < MOST_CARDS:
            self._waiting.append(_Waiting(card, document, document.version))
            if self._looking is None:
                self._soon.start()
            elif not isValid(self._looking[0]):  # its page is gone, and nobody waits for it
                self._looking[1].cancel()

    # ---- before anything is pressed

    def _look_at_next(self) -> None:
        """Look what the next card would do, which is there still and was made for what the document is."""
        self._looking = None
        while self._waiting:
            one = self._waiting.pop(0)
            if isValid(one.card) and one.card.rehearsal is None and one.document.version == one.version:
                self._look_at(one)
                return

    def _look_at(self, one: _Waiting) -> None:
        card, document, mend = one.card, one.document, one.card.mend

        def work(progress: TaskProgress) -> Rehearsal | None:
            from weightedit.core.edits.rehearsal import reads

            large = len(document.slots) > MOST_SLOTS or reads(document, mend.edits) > MOST_READ
            return None if large and mend.undo_to is None else _rehearsed(document, mend, progress)

        def told(found: Rehearsal | None) -> None:
            if isValid(card) and document.version == one.version:
                card.show_outlook(found)
            self._look_at_next()

        task = self._window.tasks.start(f"Looking at: {mend.title}", work, on_result=told, quiet=True,
                                        on_error=lambda _: self._look_at_next(),
                                        on_cancelled=self._look_at_next)  # fmt: skip
        self._looking = card, task

    def _look_again(self, done: MendCard, document: Document) -> None:
        """Look at the other cards anew, for what the document is after one of them."""
        for card, its in self._joined:
            if isValid(card) and card is not done and its is document:
                card.forget()
                self._wait(card, document)

    # ---- what is pressed

    def _preview(self, card: MendCard, document: Document) -> None:
        mend = card.mend

        def told(found: Rehearsal) -> None:
            if isValid(card):
                card.show_rehearsal(found)

        self._window.tasks.start(f"Previewing: {mend.title}", lambda progress: _rehearsed(document, mend, progress),
                                 on_result=told,
                                 on_error=lambda error: self._failed(card, error, mend.title),
                                 on_cancelled=lambda: self._again(card))  # fmt: skip

    def _apply(self, card: MendCard, document: Document, kinds: Collection[str]) -> None:
        mend = card.mend
        card.button.setEnabled(False)

        def work(progress: TaskProgress) -> None:
            with document.grouped(mend.title):  # whose lock keeps everybody else from editing meanwhile
                if not card.holds():
                    raise WeightEditError("The document has changed since this check. Nothing was done.")
                if mend.undo_to is not None:
                    document.go_to(mend.undo_to, kinds, progress=progress.report, cancel=progress.cancel)
                    return
                with document.all_or_nothing():
                    for edit in mend.edits:
                        document.apply(edit, accept=kinds, progress=progress.report, cancel=progress.cancel)

        def done(_: None) -> None:
            self._look_again(card, document)
            self._done(_done(mend))

        self._window.tasks.start(mend.title, work, on_result=done,
                                 on_error=lambda error: self._failed(card, error, mend.title),
                                 on_cancelled=lambda: self._again(card))  # fmt: skip

    def _failed(self, card: MendCard, error: Exception, doing: str) -> None:
        """Show why it was not done; what only a yes is missing for is asked on the card."""
        if isinstance(error, ConfirmationNeeded) and isValid(card):
            card.ask_too(error.hazards)
            return
        self._again(card)
        self._window.show_error(error, doing)

    def _again(self, card: MendCard) -> None:
        if isValid(card):
            card.wait_for_press()


def _rehearsed(document: Document, mend: Mend, progress: TaskProgress) -> Rehearsal:
    from weightedit.core.edits.rehearsal import rehearsed

    if mend.undo_to is None:
        return rehearsed(document, mend.edits, progress=progress.report, cancel=progress.cancel)
    history = document.history
    steps = history.steps[mend.undo_to : history.position][::-1]
    return Rehearsal(changed=len(steps), lines=tuple(f"{step.label} {step.where}".strip() for step in steps))


def _done(mend: Mend) -> str:
    said = mend.title[:1].lower() + mend.title[1:]
    back = "Redo brings it back" if mend.undo_to is not None else "One undo takes it back"
    return f"Done: {said}. {back}; run again to see what it changed."
