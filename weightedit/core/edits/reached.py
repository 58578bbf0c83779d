"""What a write of a target reaches: its own elements, or the originals of a weight that a parametrization computes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from weightedit.core.errors import EditRefused
from weightedit.core.hazards import Hazard, refusal
from weightedit.core.region import Box
from weightedit.core.slots import Slot
from weightedit.core.spec import TensorSpec
from weightedit.core.words.labels import listed

if TYPE_CHECKING:
    from weightedit.core.described.targets import SlotIndex
    from weightedit.core.edits.plan import Target


class Reached(NamedTuple):
    """Boxes of one tensor that a write may change."""

    name: str
    storage: int
    spec: TensorSpec
    boxes: Sequence[Box]


def is_computed(target: Target) -> bool:
    """Whether a target is no tensor of its own: a parametrization computes it."""
    return hasattr(target.slots[0].held, "touched")


def refuse_computed(slots: Iterable[Slot], title: str) -> None:
    """Refuse what cannot be done to a weight that is computed; raises `EditRefused` with the names of the originals."""
    found = [refusal("parametrized", f"{slot.name} is computed, and only its values can be edited",
                     f"{title} would have to be done to {listed(slot.held.originals)}.", targets=[slot.name])
             for slot in slots if hasattr(slot.held, "originals")]  # fmt: skip
    if found:
        raise EditRefused(found)


def reached(target: Target, find: Callable[[str], Slot | None]) -> Iterator[Reached]:
    """Yield what a write of a target may change."""
    first = target.slots[0]
    if not is_computed(target):
        yield Reached(target.name, id(first.storage), target.spec, target.boxes)
        return
    for name in first.held.touched:  # type: ignore[attr-defined]  # only live.parametrized, which needs torch, has it
        slot = find(name)
        if slot is not None:
            yield Reached(name, id(slot.storage), slot.spec, [Box.whole(slot.spec.shape)])


def overlapping_computed(index: SlotIndex, targets: list[Target]) -> list[Hazard]:
    """Refuse a write of a computed weight together with what it is computed from; drop the same weight named twice."""
    from weightedit.core.shared.sharing import share_elements

    computed: dict[str, Target] = {}
    for target in [target for target in targets if is_computed(target)]:
        if computed.setdefault(target.name, target) is not target:
            targets.remove(target)
    refused: list[Hazard] = []
    done: set[str] = set()
    for target in computed.values():
        done.add(target.name)
        mine = list(reached(target, index.find))
        storages = {one.storage for one in mine}
        for other in targets:
            if other.name in done or (not is_computed(other) and id(other.slots[0].storage) not in storages):
                continue
            theirs = list(reached(other, index.find))
            if any(a.storage == b.storage and share_elements(a.spec, a.boxes, b.spec, b.boxes)
                   for a in mine for b in theirs):  # fmt: skip
                told = f"{target.name} is written through what it is computed from, and {other.name} is in that"
                refused.append(refusal(
                    "overlap", told if not is_computed(other) else
                    f"{target.name} and {other.name} are computed from the same tensors",
                    "Each element can be computed once in one edit; edit one of them, or the two one after the other.",
                    targets=[target.name, other.name]))  # fmt: skip
    return refused
