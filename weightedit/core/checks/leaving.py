"""Patterns of what is left that leave nothing: a typing error is refused, one that misses the targets is noted."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

from weightedit.core.described.targets import find_slots
from weightedit.core.edits.leaving import Left
from weightedit.core.errors import EditRefused
from weightedit.core.hazards import Hazard, refusal

if TYPE_CHECKING:
    from weightedit.core.document import Document
    from weightedit.core.edit import Edit
    from weightedit.core.operation import Operation


PRECAUTIONS = ("dtype:integer", "dtype:bool")
"""What people leave whether or not there is any, so that its absence is not worth saying."""


def refuse_unmatched(document: Document, patterns: Sequence[str]) -> None:
    """Refuse what somebody asks to leave and nothing is called; a recipe may be replayed where nothing is.

    Raises
    ------
    EditRefused
        With the nearest name. A dtype that nothing has is no typing error.
    """
    if all(pattern.startswith("dtype:") for pattern in patterns):
        return
    names = {entry.name for entry in document.entries} | {slot.name for slot in document.slots}
    wrong = [_nothing(pattern, sorted(names)) for pattern, left in _each(patterns, names).items()
             if pattern not in names and not pattern.startswith("dtype:")
             and not any(left.name(name) for name in names)]  # fmt: skip
    if wrong:
        raise EditRefused(wrong)


def leaving_hazards(document: Document, declared: Operation, edit: Edit) -> list[Hazard]:
    """Return a notice for each pattern that leaves none of the targets."""
    if not edit.leave or declared.effect == "restructure":
        return []
    return list(_missed(document, edit))


def _each(patterns: Sequence[str], names: Collection[str]) -> dict[str, Left]:
    return {pattern: Left((pattern,), names.__contains__) for pattern in patterns}


def _missed(document: Document, edit: Edit) -> Iterator[Hazard]:
    slots = find_slots(document, list(edit.targets))
    named = {slot.name for slot in slots}  # a name is found at once, of which a batch leaves thousands
    for pattern, left in _each(edit.leave, {slot.name for slot in document.slots}).items():
        if pattern not in PRECAUTIONS and pattern not in named and not any(left.slot(slot) for slot in slots):
            yield Hazard("not-found", "notice", f"{pattern} leaves none of the targets",
                         "All of them are edited.", tuple(slot.name for slot in slots[:8]), len(slots))  # fmt: skip


def _nothing(pattern: str, names: Sequence[str]) -> Hazard:
    """Return the refusal of a pattern that nothing matches, with the one that was probably meant."""
    core = pattern.strip("*")
    meant = ""
    if not pattern.startswith("re:"):
        near = difflib.get_close_matches(pattern, names[:2_000], 1, 0.6)
        if core and any(core in name for name in names):
            meant = f"*{core}*"
        elif near:
            meant = near[0]
    hint = f"Did you mean {meant}?" if meant else "Take it out, or give a name or pattern of the document."
    return refusal("not-found", f"Nothing is called {pattern}, which is to be left", hint)
