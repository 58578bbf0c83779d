"""What a tab shows, whatever that is: a tensor, or an edit of many."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from weightedit.core.document import Change, Document


class TabPage(QWidget):
    """One page in the middle of the window.

    Attributes
    ----------
    document
        What it is of.
    icon_name
        The icon of its tab.
    """

    icon_name = "grid"
    document: Document

    @property
    def tab_title(self) -> str:
        """What its tab is called."""
        raise NotImplementedError

    @property
    def is_modified(self) -> bool:
        """Whether its tab has the mark of what is not saved."""
        return False

    @property
    def is_gone(self) -> bool:
        """Whether what it shows is no longer in the document."""
        return False

    def is_about(self, change: Change) -> bool:
        """Whether a change of the document is one of what it shows."""
        return True

    def change(self, change: Change) -> None:
        """Show what an edit, an undo or a redo made of it."""

    def refresh(self) -> None:
        """Show the present state."""

    def focus_view(self) -> None:
        """Go to what is worked with."""
        self.setFocus()

    def close_work(self) -> None:
        """Stop what is under way for this page."""
