"""Help on the messages of PyTorch that the doctor explains, made from the registry of their kinds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weightedit.core.pages.help_chapter import HelpChapter
from weightedit.doctor.explain.errors_page import TITLE, chapters
from weightedit.ui.asides.help_page import HelpPage

if TYPE_CHECKING:
    from weightedit.ui.window import MainWindow

LIST_WIDTH = 340


class ErrorsHelp(HelpPage):
    """Each message, what it means and what to do."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(TITLE, "What PyTorch says, what it means, and what to do about it.",
                         ("Errors", "What PyTorch says, and what it means"))  # fmt: skip
        self.list.setFixedWidth(LIST_WIDTH)
        self._window = window
        self._made: list[HelpChapter] = []

    def load(self) -> list[HelpChapter]:
        """Describe every kind of message, as far as that is known: each takes an explanation."""
        return self._made

    def begin(self) -> None:
        """List what is known; the first time, once all of it is explained."""
        super().begin()
        if not self._made:
            self._window.tasks.start(TITLE, lambda _: chapters(), on_result=self._take, quiet=True, group="errors-help")

    def _take(self, made: list[HelpChapter]) -> None:
        self._made = made
        super().begin()
