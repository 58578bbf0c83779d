"""What the doctor's room has of each open document, and which of them it is the doctor of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weightedit.ui.doctor.visit import Visit

if TYPE_CHECKING:
    from weightedit.ui.documents import OpenDocument


class Visits:
    """One visit for each document that was looked at.

    Attributes
    ----------
    now
        That of the document it is the doctor of; one of no document before any.
    """

    def __init__(self) -> None:
        self.now = Visit(None)
        self._of: dict[OpenDocument, Visit] = {}
        self._captures: dict[OpenDocument, OpenDocument] = {}

    def go(self, opened: OpenDocument | None) -> Visit:
        """Be the doctor of another document."""
        self.now = Visit(None) if opened is None else self._of.setdefault(opened, Visit(opened))
        return self.now

    def meant(self, current: OpenDocument | None) -> OpenDocument | None:
        """Return the document that is to be looked at: for captures the one they were captured for."""
        return None if current is None else self._captures.get(current, current)

    def add_captures(self, captures: OpenDocument, visit: Visit) -> None:
        """Know which document captures were made for."""
        if visit.opened is not None:
            self._captures[captures] = visit.opened

    def forget(self, opened: OpenDocument) -> Visit | None:
        """End what runs for a document that was closed; return what there was of it."""
        self._captures = {captures: source for captures, source in self._captures.items()
                          if opened not in (captures, source)}  # fmt: skip
        gone = self._of.pop(opened, None)
        if gone is None:
            return None
        gone.is_gone = True
        if gone.task is not None:
            gone.task.cancel()
        return gone
