"""What live tensors were like when the document last saw them, to notice a training step between two edits."""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from typing import Any

from weightedit.core.files.checksum import checksum
from weightedit.core.live.objects import LiveBytes
from weightedit.core.slots import Slot
from weightedit.core.values.pinned import version_of

PIECE = 256
"""Bytes that are looked at in the beginning, the middle and the end of a tensor on the CPU."""
Mark = tuple["weakref.ref[Any]", "int | None", int]


class Marks:
    """The version of each live tensor, and a checksum of some of its bytes.

    `_version` counts every write that torch knows of, ours too; a write through `.data`, by numpy or by another process
    only shows in the bytes. All bytes of a large model would take longer than an edit: an optimizer changes them
    everywhere, so a few tell.

    Parameters
    ----------
    slots
        Of a live document as it is opened.
    """

    def __init__(self, slots: Iterable[Slot]) -> None:
        self._marks: dict[int, Mark] = {}
        self.renew(slots)

    def renew(self, slots: Iterable[Slot]) -> None:
        """Take in what slots hold now, after an edit of them."""
        for slot in slots:
            live = slot.held.described.live
            if live is not None:
                self._marks[id(live)] = (weakref.ref(live), *_state(slot))

    def changed(self, slot: Slot) -> bool:
        """Whether other code wrote into what a slot holds since it was opened or edited."""
        live = slot.held.described.live
        mark = None if live is None else self._marks.get(id(live))
        return mark is not None and mark[0]() is live and mark[1:] != _state(slot)


def _state(slot: Slot) -> tuple[int | None, int]:
    live, spec = slot.held.described.live, slot.spec
    version = version_of(live)
    content = slot.storage.content
    if not isinstance(content, LiveBytes) or content.storage.device.type != "cpu":
        return version, 0  # another device would have to be waited for
    start, stop = spec.extent
    stop = min(stop, content.storage.nbytes())
    total, buffer = 0, memoryview(bytearray(PIECE))
    for begin in sorted({start, (start + stop) // 2, max(start, stop - PIECE)}):
        piece = buffer[: max(0, min(PIECE, stop - begin))]
        content.read_into(piece, begin)
        total = checksum(piece, total)
    return version, total
