"""Help on every operation, made from its declaration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weightedit.core.pages.help_chapter import HelpChapter
from weightedit.core.pages.operations_page import chapters
from weightedit.ui.asides.help_page import HelpPage

if TYPE_CHECKING:
    from weightedit.ui.window import MainWindow


class OperationsHelp(HelpPage):
    """What each operation does."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__("Operations", "What each does, what it takes, and how to call it.",
                         ("Operations", "What the operation does"))  # fmt: skip
        self._window = window

    def load(self) -> list[HelpChapter]:
        """Describe what the current document offers."""
        found = self._window.current
        if found is not None:
            return chapters(found.document.operations.values())
        from weightedit.assembly import declared_operations

        return chapters(declared_operations())
