"""Whether there is room for what an edit makes larger, asked before any value is computed."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from weightedit.core.errors import EditRefused
from weightedit.core.files.releasing import wait_for_released
from weightedit.core.hazards import refusal
from weightedit.core.values.devices import free_memory
from weightedit.core.words.numbers import bytes_text

if TYPE_CHECKING:
    from weightedit.core.document import Document
    from weightedit.core.edits.plan import Plan

MOST_CELLS = 2**63 - 1
"""torch counts elements and bytes in 64 bits with a sign."""


def refuse_without_room(document: Document, plan: Plan) -> None:
    """Refuse a plan whose results, or whose values kept for undo, neither memory nor the disk of the spill can hold.

    Raises
    ------
    EditRefused
        Before anything is computed; what another program takes of the disk meanwhile is met when it is asked for.
    """
    larger = [target for target in plan.targets if target.result.nbytes > target.spec.nbytes]
    if larger and plan.operation.effect == "rebind":
        refuse_bytes(document, sum(target.result.nbytes for target in larger), [target.name for target in larger])
    needed = document.spill.needed(kept_for_undo(plan))
    there = _free_disk(document.spill.place, needed) if needed else None
    if there is not None and needed > there:
        names = [target.name for target in plan.targets]
        raise EditRefused([refusal(
            "unsupported", f"There is no room to keep {bytes_text(needed)} for undo",
            f"The disk of {document.spill.place} has {bytes_text(there)} free. Nothing was changed, and every earlier "
            "edit can be undone; free some space, edit less at once, or save and open the file again.",
            targets=names[:8], count=len(names))])  # fmt: skip


def kept_for_undo(plan: Plan) -> list[int]:
    """Return the sizes of the buffers that carrying a plan out asks the spill for."""
    effect, sizes = plan.operation.effect, []
    if effect not in ("write", "rebind") or plan.operation.relocates:
        return []
    by_storage: dict[int, tuple[int, int]] = {}
    for target in plan.targets:
        described = target.slots[0].held.described
        if effect == "rebind" or target.clones_first:
            sizes.append(target.result.nbytes)
        if effect == "rebind":
            continue
        if described.live is not None:
            sizes += [target.nbytes, target.nbytes]  # what it was, and what it becomes
        else:
            whole, some = by_storage.get(id(described.storage), (described.storage.nbytes, 0))
            by_storage[id(described.storage)] = whole, some + target.nbytes
    return sizes + [whole if some * 2 > whole else some for whole, some in by_storage.values()]


def refuse_bytes(document: Document, needed: int, names: Sequence[str]) -> None:
    """Refuse to make so many bytes where there is less.

    Raises
    ------
    EditRefused
        With what is needed and what there is. Results of a file go to the disk of the spill once they are large,
        those of a live module stay in memory.
    """
    if needed <= document.spill.in_memory:
        return
    there = free_memory("cpu") if document.is_live else _free_disk(document.spill.place, needed)
    if needed <= MOST_CELLS and (there is None or needed <= there):
        return
    where = "memory" if document.is_live else f"the disk of {document.spill.place}"
    has = "torch counts to 2**63 - 1 bytes." if there is None else f"{where} has {bytes_text(there)} free."
    raise EditRefused([refusal("unsupported", f"There is no room for {bytes_text(needed)}",
                               f"{has[0].upper()}{has[1:]} Nothing was changed; make fewer or smaller tensors.",
                               targets=names[:8], count=len(names))])  # fmt: skip


def _free_disk(place: Path, needed: int) -> int | None:
    """Return the bytes free where a folder is or will be; None where the system does not say.

    Where those are fewer than needed, what is just being given back is waited for.
    """
    try:
        folder = next(one for one in (place, *place.parents) if one.exists())
        free = shutil.disk_usage(folder).free
        return shutil.disk_usage(folder).free if free < needed and wait_for_released() else free
    except (OSError, StopIteration):
        return None
