"""Whether there is room for what an edit makes larger, asked before any value is computed."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from weightedit.core.devices import free_memory
from weightedit.core.errors import EditRefused
from weightedit.core.hazards import refusal
from weightedit.core.numbers import bytes_text

if TYPE_CHECKING:
    from weightedit.core.document import Document
    from weightedit.core.plan import Plan

MOST_CELLS = 2**63 - 1
"""torch counts elements and bytes in 64 bits with a sign."""


def refuse_without_room(document: Document, plan: Plan) -> None:
    """Refuse a plan whose larger results neither memory nor the disk of the spill can hold."""
    larger = [target for target in plan.targets if target.result.nbytes > target.spec.nbytes]
    if larger and plan.operation.effect == "rebind":
        refuse_bytes(document, sum(target.result.nbytes for target in larger), [target.name for target in larger])


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
    there = free_memory("cpu") if document.is_live else _free_disk(document.spill.place)
    if needed <= MOST_CELLS and (there is None or needed <= there):
        return
    where = "memory" if document.is_live else f"the disk of {document.spill.place}"
    has = "torch counts to 2**63 - 1 bytes." if there is None else f"{where} has {bytes_text(there)} free."
    raise EditRefused([refusal("unsupported", f"There is no room for {bytes_text(needed)}",
                               f"{has[0].upper()}{has[1:]} Nothing was changed; make fewer or smaller tensors.",
                               targets=names[:8], count=len(names))])  # fmt: skip


def _free_disk(place: Path) -> int | None:
    """Return the bytes free where a folder is or will be; None where the system does not say."""
    try:
        return shutil.disk_usage(next(one for one in (place, *place.parents) if one.exists())).free
    except (OSError, StopIteration):
        return None
