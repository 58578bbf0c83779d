"""Letting go of a person's objects once their document is closed, so that nothing keeps a model in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weightedit.core.history import History
from weightedit.core.live.objects import NoBytes
from weightedit.core.slots import HeldTensor
from weightedit.core.storage import Storage

if TYPE_CHECKING:
    from weightedit.core.document import Document


def let_go(document: Document) -> None:
    """Forget every module, tensor and optimizer of a closed document.

    Whatever else still holds a slot or an entry of it, such as a page that is about to be deleted, holds a name and
    a description then, and no tensor.
    """
    for slot in (*document.slots, *document.absent):
        slot.held = HeldTensor((slot.spec, Storage(NoBytes("closed"))))
        slot.owner, slot.saved = None, (slot.name, slot.held)
    for entry in document.entries:
        entry.owner = entry.value = None
    document.history = History()
    document.origin.root = document.origin.optimizer = None
