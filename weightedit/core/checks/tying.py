"""What tying, untying and retying slots gives up, takes apart and makes: said by the groups that result."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from weightedit.core.edit import Edit
from weightedit.core.edits.fitting import fits
from weightedit.core.errors import EditRefused
from weightedit.core.hazards import Hazard, Level, refusal
from weightedit.core.region import shape_text
from weightedit.core.words.numbers import bytes_text, count_text
from weightedit.core.words.paths import counted, some

if TYPE_CHECKING:
    from weightedit.core.document import Document
    from weightedit.core.edits.tying import Move
    from weightedit.core.shared.groups import StorageGroups
    from weightedit.core.slots import HeldTensor, Slot


def group_text(slot: Slot, groups: StorageGroups, of: HeldTensor | None = None) -> str:
    """Return the storage group that a slot will be in: `S1 is wte.weight and lm_head.weight, 154 MB`."""
    label = groups.label(slot)
    if label is None:
        return f"{slot.name} is alone in its storage"
    storage = (of or slot.held).storage
    return f"{label} is {some(one.name for one in groups.members(label))}, {bytes_text(storage.nbytes)}"


def joining_hazard(moves: Sequence[Move], like: Slot, groups: StorageGroups) -> Hazard:
    """Say which slots come to hold one tensor, and their group; where they give up values it needs a yes."""
    slots = [slot for move in moves for slot in move.slots]
    differing = sum(move.differing for move in moves)
    names = some(slot.name for slot in slots)
    if differing:
        total = sum(move.slots[0].spec.numel for move in moves)
        title = f"{counted(differing, 'value')} of {names} {'is' if differing == 1 else 'are'} given up"
        said = f"{count_text(differing)} of {count_text(total)} differ from those of {like.name}."
    else:
        title, said = f"{names} and {like.name} become one tensor", "They hold the same bits, so no value changes."
    flags = [slot.name for slot in slots if slot.spec.requires_grad != like.spec.requires_grad]
    trains = f" {some(flags)} {'requires grad' if like.spec.requires_grad else 'requires no grad'} then, as " \
        f"{like.name} does." if flags else ""  # fmt: skip
    where = group_text(like, groups, moves[0].to)
    level: Level = "warning" if differing else "notice"
    return Hazard("alias", level, title, f"{said} {where}: a write to one is a write to all.{trains}",
                  tuple(slot.name for slot in (*slots, like)), differing)  # fmt: skip


def parting_hazard(document: Document, move: Move, groups: StorageGroups,
                   moved: Mapping[int, HeldTensor]) -> Iterator[Hazard]:  # fmt: skip
    """Yield the notice of what a slot no longer shares its storage with."""
    slot = move.slots[0]
    label = document.storage_group(slot)
    if label is not None and id(move.to.storage) == id(slot.storage):
        return
    left = [one for one in (document.group_members(label) if label is not None else [])
            if one not in move.slots and id(one) not in moved]  # fmt: skip
    if move.like is not None and not left:
        return
    tied = [one for one in left if one.held is slot.held]
    rest = tied or left
    extra = f" The copy takes {bytes_text(slot.spec.nbytes)}." if move.like is None else ""
    if not rest:
        title = f"{slot.name} gets a storage of its own"
        detail = f"It was a part of {bytes_text(slot.storage.nbytes)}.{extra}"
    else:
        how = "is no longer tied to" if tied else "no longer shares its storage with"
        title = f"{slot.name} {how} {some(one.name for one in rest)}"
        detail = f"{group_text(rest[0], groups)}.{extra}"
    yield Hazard("unties", "notice", title, detail, tuple(one.name for one in (*move.slots, *left)), len(left))


def unlike_hazard(slots: Sequence[Slot]) -> Hazard:
    """Return the notice that some slots stay apart, having bits of their own."""
    one = len(slots) == 1
    return Hazard("alias", "notice", f"{some(slot.name for slot in slots)} {'stays' if one else 'stay'} apart",
                  f"{'It has' if one else 'They have'} other values, another shape or another dtype than the rest.",
                  tuple(slot.name for slot in slots), len(slots))  # fmt: skip


def refuse_joining(slot: Slot, to: Slot, edit: Edit) -> None:
    """Refuse to tie what cannot be one tensor: another shape or dtype, another device, another kind in a module.

    Raises
    ------
    EditRefused
        With the edits that would have to come first.
    """
    mine, theirs = slot.spec, to.spec
    if mine.shape != theirs.shape or mine.dtype != theirs.dtype or mine.encoding != theirs.encoding:
        what = f"{shape_text(mine.shape)} {mine.dtype} does not fit {shape_text(theirs.shape)} {theirs.dtype}"
        said, first = zip(*_first(slot, to), strict=True)
        detail = f"One tensor has one shape and one dtype; change {slot.name} or {to.name} first, or copy the values."
        raise EditRefused([refusal("shape-mismatch", what, detail, targets=[slot.name, to.name], alternatives=first,
                                   labels=said)])  # fmt: skip
    if mine.device != theirs.device and slot.held.described.live is not None:
        raise EditRefused([refusal("device-mix", f"{slot.name} is on {mine.device}, {to.name} on {theirs.device}",
                                   "One tensor is on one device; move one of them first.",
                                   targets=[slot.name, to.name])])  # fmt: skip
    registered = slot.held.described.live is not None and not isinstance(slot.owner, dict | list)
    if registered and "parameter" in (mine.kind, theirs.kind) and mine.kind != theirs.kind:
        swapped = Edit(edit.operation, (to.name,), None, {"to": _named(slot)}) if "to" in edit.arguments else None
        raise EditRefused([refusal("alias", f"{slot.name} is a {mine.kind}, {to.name} a {theirs.kind}",
                                   "A module registers a parameter as a parameter and nothing else as one.",
                                   targets=[slot.name, to.name], alternatives=[swapped] if swapped else [],
                                   labels=[f"Tie {to.name} to {slot.name}"] if swapped else [])])  # fmt: skip


def _named(slot: Slot) -> object:
    from weightedit.core.edit import TensorName

    return TensorName(slot.name)


def _first(slot: Slot, to: Slot) -> Iterator[tuple[str, Edit]]:
    """Yield what has to be done first, in words and as an edit."""
    mine, theirs = slot.spec, to.spec
    if mine.shape != theirs.shape:
        for fit in fits(mine.shape, theirs.shape):
            if fit.permute is not None and fit.part is None and fit.into is None:
                if len(fit.permute) == 2:
                    yield f"Transpose {slot.name} first", Edit("transpose", (slot.name,), None,
                                                               {"dim0": -2, "dim1": -1})  # fmt: skip
                else:
                    yield f"Permute {slot.name} first", Edit("permute", (slot.name,), None, {"dims": fit.permute})
            elif fit.shape is not None:
                yield f"Reshape {slot.name} first", Edit("reshape", (slot.name,), None, {"shape": fit.shape})
    elif mine.dtype != theirs.dtype:
        yield f"Cast {slot.name} to {theirs.dtype} first", Edit("cast", (slot.name,), None, {"dtype": theirs.dtype})
    yield f"Replace {slot.name} by a copy of {to.name}", Edit("replace", (slot.name,), None, {"source": _named(to)})
