"""The place in a document's history that a result stands on, so that nobody acts on one the document has left."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from weightedit.core.document import Document


@dataclass(frozen=True, slots=True)
class Ground:
    """A place in a history; the same edits at another place of the list are another one, for mends name places.

    Attributes
    ----------
    forgotten, position
        How many of the oldest steps were let go, and how many of those that are left are applied.
    time
        When the last of them was applied; None where there is none.
    """

    forgotten: int
    position: int
    time: datetime | None

    @classmethod
    def of(cls, document: Document) -> Ground:
        """Return where a document is now."""
        history = document.history
        step = history.behind()
        return cls(history.forgotten, history.position, None if step is None else step.time)

    def holds(self, document: Document) -> bool:
        """Whether a document is there still, or again."""
        return self == Ground.of(document)
