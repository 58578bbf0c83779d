"""Lets what was found step back while the document is not what it was found in, and come to the front again there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from PySide6.QtCore import QObject

from weightedit.ui.doctor.ground import Ground

if TYPE_CHECKING:
    from weightedit.core.document import Document

PAST = "Found before the document changed"


class Found(Protocol):
    """A widget that shows something that was found."""

    def show_past(self, past: bool) -> None:
        """Step back, or come to the front."""


class Aging(QObject):
    """What a finding is of; it goes with the widget that shows it.

    Parameters
    ----------
    shown
        That widget, a `QObject`.
    document, ground
        What it was found in, and the place in its history.
    """

    def __init__(self, shown: Found, document: Document, ground: Ground) -> None:
        assert isinstance(shown, QObject)
        super().__init__(shown)
        self._shown, self._document, self._ground = shown, document, ground
        self.look()

    def look(self, *_: object) -> None:
        """Say to the widget whether the document is elsewhere now."""
        self._shown.show_past(not self._ground.holds(self._document))
