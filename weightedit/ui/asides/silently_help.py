"""Help on what PyTorch does silently, made from the registry of hazards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weightedit.core.pages.hazards_page import TITLE, chapters
from weightedit.core.pages.help_chapter import HelpChapter
from weightedit.ui.asides.help_page import HelpPage

if TYPE_CHECKING:
    from weightedit.ui.window import MainWindow


class SilentlyHelp(HelpPage):
    """What PyTorch does, shown by a session, and what the editor says of it."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(TITLE, "What happens on bare torch, with what it prints, and what the editor does about it.",
                         ("Hazards", "What PyTorch does, and what the editor does"))  # fmt: skip

    def load(self) -> list[HelpChapter]:
        """Describe every kind of hazard."""
        return chapters()

    def show_kind(self, kind: str) -> bool:
        """Show the paragraph of a kind of hazard; say whether there is one."""
        return self.show_chapter(kind)
