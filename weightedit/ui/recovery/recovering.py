"""Offers what a crash left unsaved: at the start, beside the document it belongs to, and whenever it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, Signal

from weightedit.core.errors import WeightEditError
from weightedit.core.words.visible import visible
from weightedit.ui.documents import OpenDocument, opened
from weightedit.ui.files.reload_notice import NoticeStrip, edits_text
from weightedit.ui.recovery.recovery_copy import recover_copy
from weightedit.ui.recovery.recovery_notice import OWN_EDITS, RecoveredNotice, RecoveryNotice
from weightedit.ui.running.collecting import paused
from weightedit.ui.tasks import TaskProgress

if TYPE_CHECKING:
    from weightedit.core.journals.recovery import Unfinished
    from weightedit.ui.window import MainWindow

MOST_SHOWN = 2
"""Offers that stand above the tensors at once; the next comes up when one is decided."""


class Recovering(QObject):
    """Shows the offers, and does what is chosen in them.

    Parameters
    ----------
    window
        Whose documents the recovered ones join.
    strip
        Where the notices stand.

    Attributes
    ----------
    offers
        What there is to recover, as it was when somebody last looked.

    Signals
    -------
    replacing, replaced
        (old OpenDocument, new OpenDocument), (new OpenDocument): a document without edits makes room for its recovery.
    """

    replacing = Signal(object, object)
    replaced = Signal(object)

    def __init__(self, window: MainWindow, strip: NoticeStrip) -> None:
        super().__init__(window)
        self._window, self._strip = window, strip
        self._later: set[str] = set()
        self.offers: list[Unfinished] = []
        window.documents.added.connect(self._opened)
        window.documents.removed.connect(lambda _: self._look_beside())
        window.documents.changed.connect(lambda *_: self._look_beside())
        window.filing.saved.connect(lambda _: self.look() if self.notices else None)
        window.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Look again when the window comes to the front: a file may have been put back meanwhile."""
        if event.type() == QEvent.Type.WindowActivate and self.notices and not any(one.is_busy for one in self.notices):
            self.look()
        return super().eventFilter(watched, event)

    def look(self, then: Callable[[], None] | None = None) -> None:
        """Look for what processes that are gone left behind, in the background."""

        def work(progress: TaskProgress) -> list[Unfinished]:
            from weightedit.core.journals.recovery import unfinished

            return unfinished()

        def done(found: list[Unfinished]) -> None:
            self.offers = found
            self._show()
            self._window.actions_of.refresh()
            if then is not None:
                then()

        self._window.tasks.start("Looking for unsaved edits", work, on_result=done, group="unsaved edits", quiet=True)

    def show_all(self) -> None:
        """Show every offer again, those too that were left for another time, and go to the first."""

        def go() -> None:
            if notices := self.notices:
                first = notices[0]
                (first.recover_button if first.unfinished.problem is None else first.show_button).setFocus()
            else:
                self._window.status.say("There are no unsaved edits to recover.")

        self._later.clear()
        self.look(go)

    @property
    def notices(self) -> list[RecoveryNotice]:
        """The offers that are shown, from the top."""
        return [one for one in self._strip.notices if isinstance(one, RecoveryNotice)]

    def _show(self) -> None:
        """Show the newest offers that nobody has put off, and no more that are decided."""
        found = {one.key: one for one in self.offers}
        for notice in self.notices:
            now = found.get(notice.unfinished.key)
            if now is not None:
                notice.follow(now)
            elif not notice.is_busy:  # what is being recovered or discarded is held, and not listed
                self._strip.remove(notice)
        shown = {notice.unfinished.key for notice in self.notices}
        waiting = [one for one in self.offers if one.key not in self._later and one.key not in shown]
        for one in waiting[: max(MOST_SHOWN - len(shown), 0)]:
            self._offer(one)
        self._look_beside()

    def _look_beside(self) -> None:
        """Say with each offer whether its file is open with other edits."""
        for notice in self.notices:
            known = next((one for one in self._window.documents.all if one.real_path == notice.real_path), None)
            notice.set_beside_others(known is not None and known.document.is_modified)

    def _offer(self, one: Unfinished) -> None:
        notice = RecoveryNotice(one, lambda: self.recover(notice),
                                lambda: recover_copy(self._window, self._strip, notice),
                                lambda: self._put_off(notice), lambda: self._discard(notice))  # fmt: skip
        self._strip.add(notice)

    def _opened(self, found: OpenDocument) -> None:
        """Show the offer of a file with its document, though it was put off before."""
        mine = {one.key for one in self.offers if one.real_path and one.real_path == found.real_path}
        if mine & self._later:
            self._later -= mine
        self._show()

    def _put_off(self, notice: RecoveryNotice) -> None:
        self._later.add(notice.unfinished.key)
        self._strip.remove(notice)
        self._show()
        self._window.status.say("The unsaved edits are kept; they are offered at the next start, and in the File menu.")

    # ---- recovering

    def recover(self, notice: RecoveryNotice) -> None:
        """Open the file with the kept edits in its history."""
        one = notice.unfinished
        known = self._open_now(one)
        if known is not None and known.document.is_modified:
            notice.refuse(OWN_EDITS.format(visible(known.title, 120)))
            return

        journal = self._window.documents.keeps_journal  # without, the old one stays until it is discarded

        def work(progress: TaskProgress) -> OpenDocument:
            from weightedit.assembly import recover

            with paused():
                return opened(recover(one, progress=progress, journal=journal), progress)

        def failed(error: Exception) -> None:
            if isinstance(error, WeightEditError):
                notice.refuse(str(error))
            else:
                notice.set_busy(False)

        notice.set_busy(True)
        self._window.tasks.start(f"Recovering {visible(one.title, 120)}", work, on_error=failed,
                                 on_result=lambda result: self._take(notice, result),
                                 on_cancelled=lambda: notice.set_busy(False))  # fmt: skip

    def _open_now(self, one: Unfinished) -> OpenDocument | None:
        return next((found for found in self._window.documents.all if one.real_path == found.real_path), None) \
            if one.real_path else None

    def _take(self, notice: RecoveryNotice, result: OpenDocument) -> None:
        self._decided(notice)
        known = self._open_now(notice.unfinished)
        if known is not None and not known.document.is_modified:
            self.replacing.emit(known, result)
            self._window.documents.replace(known, result)
            self.replaced.emit(result)
        else:
            self._window.documents.take(result)
        self._window.show_document(result)
        self._tell(result)

    def _tell(self, result: OpenDocument) -> None:
        recovered = result.document.recovered
        if recovered is None:
            return
        if recovered.left_out or recovered.reason:
            told = RecoveredNotice(result.title, recovered, lambda: self._strip.remove(told))
            self._strip.add(told)
        self._window.status.say_filed(f"Recovered {edits_text(recovered.applied)} of {visible(result.title, 120)}; "
                                      "the file itself is as it was until you save.")  # fmt: skip

    # ---- throwing away

    def _discard(self, notice: RecoveryNotice) -> None:
        one = notice.unfinished

        def work(progress: TaskProgress) -> None:
            from weightedit.core.journals.recovery import discard

            discard(one.key)

        def done(_: None) -> None:
            self._decided(notice)
            what = edits_text(len(one.edits)) if one.edits else "the journal"
            self._window.status.say(f"Discarded {what} of {visible(one.title, 120)}.")

        def failed(error: Exception) -> None:
            notice.set_busy(False)
            self._window.show_error(error, "Discarding unsaved edits")
            self.look()

        notice.set_busy(True)
        self._window.tasks.start("Discarding unsaved edits", work, on_result=done, on_error=failed,
                                 on_cancelled=lambda: notice.set_busy(False))  # fmt: skip

    def _decided(self, notice: RecoveryNotice) -> None:
        self.offers = [one for one in self.offers if one.key != notice.unfinished.key]
        self._strip.remove(notice)
        self._show()
        self._window.actions_of.refresh()
