"""What executing an edit needs besides its plan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from weightedit.core.progress import Progress
from weightedit.core.slots import Entry, Slot
from weightedit.core.storage import MOST_SEGMENTS
from weightedit.core.undo.spill import Spill

if TYPE_CHECKING:
    from weightedit.core.document import Document


@dataclass(frozen=True, slots=True)
class Workshop:
    """What executing needs besides the plan: room for results, the size of a piece, progress, what is around.

    Attributes
    ----------
    spill, chunk, progress
        Room for large results, bytes of a piece, and who is told.
    optimizer
        The one that was handed over with a live module, or None.
    slots
        Every slot of the document, to see what else holds a tensor.
    entries, root
        Of the document, to find the modules that tensors are in.
    """

    spill: Spill
    chunk: int
    progress: Progress
    optimizer: Any = None
    slots: Sequence[Slot] = ()
    entries: Sequence[Entry] = ()
    root: Any = None
    _held: Counter[int] = field(default_factory=Counter, repr=False, compare=False)

    @classmethod
    def of(cls, document: Document, progress: Progress) -> Workshop:
        """Return what edits of a document are carried out with."""
        return cls(document.spill, document.chunk, progress, document.origin.optimizer, document.slots,
                   document.entries, document.origin.root)  # fmt: skip

    @property
    def segments(self) -> int:
        """How many ranges a patched content may have: each costs some 100 bytes while it is made."""
        return min(MOST_SEGMENTS, max(4096, self.chunk // 32))

    @property
    def held(self) -> Counter[int]:
        """How many slots hold a live tensor, by its `id`; counted once, before the edit."""
        if not self._held:
            self._held.update(id(slot.held.described.live) for slot in self.slots if _has_live(slot))
        return self._held

    def is_held(self, live: Any, besides: Collection[Slot]) -> bool:
        """Whether a slot other than the ones given, which are of the document, holds a live tensor."""
        return self.held[id(live)] > sum(_has_live(slot) and slot.held.described.live is live for slot in besides)


def _has_live(slot: Slot) -> bool:
    return not slot.held.is_deferred and slot.held.described.live is not None
