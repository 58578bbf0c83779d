"""Keeps a mend's card off while the document is elsewhere in its history than the finding is of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from weightedit.ui.doctor.ground import Ground
from weightedit.ui.doctor.mend_card import MendCard
from weightedit.ui.widgets.plain import tip

if TYPE_CHECKING:
    from weightedit.core.document import Document

LEFT = "The document has changed since this check: check again"


class Standing(QObject):
    """What a card stands on; it goes with the card.

    Parameters
    ----------
    card
        Whose mend would act on wrong ground elsewhere: a way back in history names a place of it.
    document, ground
        What it would change, and the place in its history that the mend is of.
    mended
        Places that other mends of the same finding led to, one after the other: edits may be done there too.
    """

    def __init__(self, card: MendCard, document: Document, ground: Ground, mended: Sequence[Ground] = ()) -> None:
        super().__init__(card)
        self._card, self._document, self._ground = card, document, ground
        self._mended = mended if card.mend.undo_to is None else ()
        card.holds = self.holds
        self.look()

    def holds(self) -> bool:
        """Whether the document is where it was; asked again, by whoever does it, as the mend is done."""
        now = Ground.of(self._document)
        return now == self._ground or now in self._mended

    def look(self, *_: object) -> None:
        """Turn the card off, or on again where the document is back."""
        holds = self.holds()
        self._card.setEnabled(holds)
        self._card.setToolTip("" if holds else tip(LEFT))
