"""Other code changes what a live document shows: it is shown again, and what no longer stands there is offered anew."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton

from weightedit.ui.documents import OpenDocument
from weightedit.ui.errors.errors_view import Notice
from weightedit.ui.tasks import TaskProgress

if TYPE_CHECKING:
    from weightedit.core.live.outside import Lookout, Outside
    from weightedit.ui.window import MainWindow

EVERY = 500
"""Milliseconds between two looks at least."""
SHARE = 20
"""A look that takes long is followed by a pause this many times as long."""


class OutsideNotice(Notice):
    """What no longer stands where the document shows it.

    Parameters
    ----------
    opened, found
        The document, and what changed.
    look, keep
        Called to look again, and to go on with what is shown.
    """

    def __init__(self, opened: OpenDocument, found: Outside, look: Callable[[], None],
                 keep: Callable[[], None]) -> None:  # fmt: skip
        super().__init__("warning", f"{opened.title}: {found.title}",
                         f"{found.sentences} Look again to see it; edits made so far stay in the history.")  # fmt: skip
        self.setObjectName("outside")
        self.opened, self.found = opened, found
        self.look_button, self.keep_button = QPushButton("Look again"), QPushButton("Not now")
        self.keep_button.setProperty("kind", "quiet")
        self.look_button.clicked.connect(look)
        self.keep_button.clicked.connect(keep)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        for button in (self.look_button, self.keep_button):
            button.setProperty("small", True)
            buttons.addWidget(button)
        buttons.addStretch(1)
        self.column.addSpacing(4)
        self.column.addLayout(buttons)


class LiveWatching(QObject):
    """Looks at live documents twice a second, in the background.

    Signals
    -------
    noticed
        (OpenDocument): other code changed values that it shows.
    """

    noticed = Signal(object)

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._is_looking = False
        self._lookouts: dict[int, Lookout] = {}
        self._put_off: dict[int, Outside] = {}
        self._timer = QTimer(self)
        self._timer.setInterval(EVERY)
        self._timer.timeout.connect(self.look)
        window.tree.tree.entry_actions.append(window.actions_of["register"])
        window.documents.added.connect(self._follow)
        window.documents.removed.connect(self._forget)
        window.documents.changed.connect(self._changed)
        window.closed.connect(self._timer.stop)

    def _live(self) -> list[OpenDocument]:
        return [found for found in self._window.documents.all if found.document.is_live]

    def _follow(self, opened: OpenDocument) -> None:
        if opened.document.is_live:
            self._timer.start()
            self.look()

    def _forget(self, opened: OpenDocument) -> None:
        key = id(opened)
        self._window.files.strip.remove(self.notice(opened))
        self._lookouts.pop(key, None)
        self._put_off.pop(key, None)
        if not self._live():
            self._timer.stop()

    def _changed(self, opened: OpenDocument) -> None:
        if opened.document.is_live:  # what modules say of themselves may be another text now
            self._window.tree.tree.viewport().update()

    def look(self) -> None:
        """Compare every live document with its objects."""
        page = None if self._window.workbench is None else self._window.workbench.page
        asked = [(opened, {page.name} if page is not None and page.document is opened.document else set())
                 for opened in self._live()]  # fmt: skip
        if not asked or self._is_looking:
            return
        lookouts = self._lookouts

        def work(progress: TaskProgress) -> tuple[list[tuple[OpenDocument, Outside]], float]:
            from weightedit.core.live.outside import Lookout

            began, found = time.monotonic(), []
            for opened, shown in asked:
                if id(opened) not in lookouts:
                    lookouts[id(opened)] = Lookout(opened.document)
                found.append((opened, lookouts[id(opened)].look(shown)))
            return found, time.monotonic() - began

        self._is_looking = True
        self._window.tasks.start("Live objects", work, on_result=self._tell, on_error=self._failed,
                                 on_cancelled=self._end, quiet=True)  # fmt: skip

    def _end(self) -> None:
        self._is_looking = False

    def _failed(self, error: Exception) -> None:
        self._timer.stop()  # it would say so again and again
        self._window.tasks.failed.emit("Looking at live objects", error)

    def _tell(self, looked: tuple[list[tuple[OpenDocument, Outside]], float]) -> None:
        self._end()
        found, seconds = looked
        self._timer.setInterval(max(EVERY, round(SHARE * seconds * 1000)))
        for opened, outside in found:
            if opened not in self._window.documents.all:
                continue
            if outside.values:
                self._window.status.say(f"{outside.title}.", "notice")
                self.noticed.emit(opened)
            self._show_notice(opened, outside)

    # ---- what no longer stands where it is shown

    def notice(self, opened: OpenDocument) -> OutsideNotice | None:
        """Return the notice on a document that is shown."""
        shown = (one for one in self._window.files.strip.notices if isinstance(one, OutsideNotice))
        return next((one for one in shown if one.opened is opened), None)

    def _show_notice(self, opened: OpenDocument, outside: Outside) -> None:
        strip, shown = self._window.files.strip, self.notice(opened)
        told = (outside.replaced, outside.gone, outside.came, outside.described)
        if shown is not None:
            before = shown.found
            if told == (before.replaced, before.gone, before.came, before.described):
                return
            strip.remove(shown)
        put_off = self._put_off.get(id(opened))
        if not outside.is_structural or (put_off is not None and put_off.sentences == outside.sentences):
            return

        def keep() -> None:
            self._put_off[id(opened)] = outside
            strip.remove(self.notice(opened))

        strip.add(OutsideNotice(opened, outside, lambda: self.look_again(opened), keep))

    def look_again(self, opened: OpenDocument) -> None:
        """List what a document's objects hold now."""

        def work(progress: TaskProgress) -> None:
            from weightedit.core.live.looking import look_again

            look_again(opened.document)

        def done(_: object) -> None:
            self._put_off.pop(id(opened), None)
            self._window.files.strip.remove(self.notice(opened))
            self._window.status.say(f"{opened.title} is shown as it is now.")

        self._window.tasks.start(f"Looking at {opened.title} again", work, on_result=done)
