"""Looking at live objects again after other code gave them other tensors; history goes on where it can."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from weightedit.core.described.collector import collector_paused
from weightedit.core.edits.arrange import key_of, matched, moved, take_in
from weightedit.core.live.objects import LiveBytes, LiveObjects
from weightedit.core.slots import HeldTensor, Slot

if TYPE_CHECKING:
    from weightedit.core.described.contents import Inventory
    from weightedit.core.document import Document


def look_again(document: Document) -> None:
    """List what the objects hold now.

    A slot that is where it was stays the same slot, with the tensor that stands there now; so the steps that hold it
    keep working, and undo asks before it puts the older tensor back. What was not edited is not marked as modified
    for it.
    """
    with document.standing_still(), collector_paused():
        known = [*document.slots, *document.absent]
        objects = LiveObjects(
            ((slot.held.described.live, slot.storage) for slot in known if _is_current(slot.held)),
            (slot.held for slot in known))  # fmt: skip
        before = [slot.name for slot in document.slots]
        for held in {id(slot.held): slot.held for slot in known}.values():
            if held.described.live is not None and not _is_current(held):
                _describe_anew(held, objects)
        _match_and_take_in(document, known, objects.walk(document.origin.root))
        document.tell_outside([*before, *(slot.name for slot in document.slots)], structure=True)


def _is_current(held: HeldTensor) -> bool:
    """Whether a description is still that of its tensor."""
    spec, storage, live = held.described
    if live is None or not isinstance(storage.content, LiveBytes):
        return True
    return (spec.shape == tuple(live.shape) and f"torch.{spec.dtype}" == str(live.dtype)
            and spec.stride == tuple(live.stride()) and spec.offset == live.storage_offset()
            and spec.requires_grad == live.requires_grad
            and live.untyped_storage()._cdata == storage.content.storage._cdata)  # fmt: skip


def _describe_anew(held: HeldTensor, objects: LiveObjects) -> None:
    was_modified, kind = held.is_modified, held.spec.kind
    described = objects.describe(held.described.live)
    described = described._replace(spec=replace(described.spec, kind=kind))
    held.bind(described)
    if not was_modified:
        held.saved = described


def _match_and_take_in(document: Document, known: list[Slot], inventory: Inventory) -> None:
    kept = matched(known, inventory.slots)
    used = set(map(id, kept.values()))
    places = {(id(slot.owner), key_of(slot.key)): slot for slot in document.slots if id(slot) not in used}
    for found in inventory.slots:
        if id(found) in kept:
            continue
        old = places.pop((id(found.owner), key_of(found.key)), None)
        if old is None:
            found.saved = (found.name, found.held)  # it came from elsewhere: no edit of ours
            continue
        was_modified, old.held = old.is_modified, found.held
        kept[id(found)] = moved(old, found)
        if not was_modified:
            old.saved = (old.name, old.held)
    take_in(document, known, inventory, kept)
