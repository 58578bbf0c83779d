"""The draft of an edit that changes which slots hold one and the same tensor, written down before anything happens."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NoReturn

from weightedit.core.checks.tying import joining_hazard, parting_hazard, refuse_joining, unlike_hazard
from weightedit.core.commands import Command, Rebind
from weightedit.core.described.targets import find_slots, missing
from weightedit.core.edit import TensorName, TensorValue
from weightedit.core.edits.arrange import key_of
from weightedit.core.edits.leaving import Left, without_left
from weightedit.core.edits.preview import Preview
from weightedit.core.edits.reached import refuse_computed
from weightedit.core.errors import EditRefused
from weightedit.core.hazards import LEVELS, Hazard, refusal
from weightedit.core.region import Box
from weightedit.core.shared.groups import StorageGroups
from weightedit.core.slots import Described, HeldTensor, Slot, at, can_put
from weightedit.core.storage import Resident, Storage
from weightedit.core.values.pinned import PinnedTensor
from weightedit.core.values.streaming import logical_bytes

if TYPE_CHECKING:
    from weightedit.core.document import Document
    from weightedit.core.edit import Edit
    from weightedit.core.edits.workshop import Workshop
    from weightedit.core.operation import Operation
    from weightedit.core.progress import Progress


@dataclass(slots=True)
class Move:
    """One slot, with those at the same place of the same container, that comes to hold another tensor.

    Attributes
    ----------
    slots
        The one that was named first.
    to
        What they come to hold.
    like
        The slot whose tensor that is; None where it is a copy of their own.
    differing
        How many values they give up.
    """

    slots: list[Slot]
    to: HeldTensor
    like: Slot | None = None
    differing: int = 0


class Sharing:
    """What an operation does to the slots it is applied to.

    Attributes
    ----------
    named
        The slots that were named.
    moves
        What they come to hold, in order.
    hazards
        What the person should know of it.
    lines
        What happens, in words.
    """

    def __init__(self, document: Document, edit: Edit, progress: Progress) -> None:
        self._document, self._edit, self._progress = document, edit, progress
        self.named = _once(find_slots(document, list(edit.targets)))
        if edit.leave:
            self.named = without_left(self.named, Left(edit.leave, lambda name: document.find(name) is not None))
        self.moves: list[Move] = []
        self.hazards: list[Hazard] = []
        self.lines: list[str] = []
        self._moved: dict[int, HeldTensor] = {}
        self._places: dict[object, list[Slot]] = {}

    # ---- what operations call

    def slot(self, given: TensorName | TensorValue) -> Slot:
        """Return the slot of this document that an argument names."""
        if isinstance(given, TensorValue) or given.file is not None:
            what = "values" if isinstance(given, TensorValue) else f"a tensor of {given.file}"
            self._refuse("argument", f"Slots cannot be tied to {what}",
                         "Only slots of one document can hold one tensor; replace copies it.")  # fmt: skip
        found = self._document.find(given.tensor)
        if found is None:
            raise EditRefused([missing(self._document, given.tensor)])
        refuse_computed([found], "It")
        return found

    def join(self, slots: Iterable[Slot], to: Slot) -> None:
        """Let slots hold the very tensor that `to` holds."""
        held = self.holds(to)
        self._check([to], moves=False)
        for slot in slots:
            if self.holds(slot) is held:
                continue
            self._check([slot])
            refuse_joining(slot, to, self._edit)
            self._move(Move(self._at_one_place(slot), held, to, self._differing(slot, to)))

    def part(self, slots: Iterable[Slot]) -> None:
        """Let each slot hold a copy of its own; the first one of those that leave nobody behind keeps its tensor."""
        for slot in reversed(list(slots)):
            if not self._shares(slot):
                continue
            self._check([slot])
            together = self._at_one_place(slot)
            if slot.spec.encoding != "plain":
                self._refuse("unsupported", f"{slot.name} is {slot.spec.encoding}", "torch cannot copy it as such.")
            spec = slot.spec.fresh()
            self._move(Move(together, HeldTensor(Described(spec, Storage(Resident(memoryview(b"")))))))

    def alike(self) -> tuple[list[list[Slot]], list[Slot]]:
        """Return the named slots in groups of the same dtype, shape and bits, and those that are like no other.

        Bytes are read in chunks, and only of slots that have a dtype and shape in common.
        """
        for slot in self.named:
            self._check([slot])
        shaped = Counter(_form(slot.held) for slot in {id(slot.held): slot for slot in self.named}.values())
        contents: dict[int, object] = {}
        compared = [slot for slot in self.named if shaped[_form(slot.held)] > 1 and slot.spec.encoding == "plain"]
        self._progress.begin("Comparing", sum({id(slot.held): slot.spec.nbytes for slot in compared}.values()))
        for slot in compared:
            if id(slot.held) not in contents:
                contents[id(slot.held)] = (_form(slot.held), self._digest(slot))
        groups: dict[object, list[Slot]] = {}
        for slot in self.named:
            groups.setdefault(contents.get(id(slot.held), id(slot.held)), []).append(slot)
        return [group for group in groups.values() if len(group) > 1], \
            [group[0] for group in groups.values() if len(group) == 1]  # fmt: skip

    def say_unlike(self, slots: Sequence[Slot]) -> None:
        """Say which of the named slots are like no other one."""
        if slots:
            self.hazards.append(unlike_hazard(slots))

    def nothing(self, title: str, detail: str) -> NoReturn:
        """Say that there is nothing to do."""
        self._refuse("alias", title, detail)

    def holds(self, slot: Slot) -> HeldTensor:
        """Return what a slot holds after the moves so far."""
        return self._moved.get(id(slot), slot.held)

    # ---- checks

    def _refuse(self, kind: str, title: str, detail: str) -> NoReturn:
        raise EditRefused([refusal(kind, title, detail, targets=[slot.name for slot in self.named[:8]])])

    def _check(self, slots: Sequence[Slot], moves: bool = True) -> None:
        """Refuse slots whose tensor other code replaced, and those that cannot be given another."""
        for slot in slots:
            live = slot.held.described.live
            if live is not None and at(slot) is not live:
                self._refuse("changed-elsewhere", f"{slot.name} holds another tensor by now",
                             "Other code replaced it since it was opened; open it again.")  # fmt: skip
            if moves and not can_put(slot.owner):
                self._refuse("unsupported", f"{slot.name} cannot be given another tensor",
                             "It lies in a tuple, which never changes.")  # fmt: skip

    def _at_one_place(self, slot: Slot) -> list[Slot]:
        """Return the slot with the others at its place: one entry of a module that several names lead to."""
        if not self._places:  # looked up for every slot that moves, of which there may be thousands
            for other in self._document.slots:
                self._places.setdefault((id(other.owner), key_of(other.key)), []).append(other)
        return [slot, *(other for other in self._places[id(slot.owner), key_of(slot.key)] if other is not slot)]

    def _shares(self, slot: Slot) -> bool:
        """Whether a slot, after the moves so far, has anything in common with another, or lies in a larger buffer."""
        held = self.holds(slot)
        if held is not slot.held:
            return False
        spec, storage = slot.spec, slot.storage
        if spec.encoding != "plain":
            return self._document.storage_group(slot) is not None
        place = {id(other) for other in self._at_one_place(slot)}
        label = self._document.storage_group(slot)
        members = self._document.group_members(label) if label is not None else []
        others = [one for one in members if id(one) not in place and self.holds(one).storage is storage]
        larger = spec.numel > 0 and (storage.nbytes > spec.nbytes or not spec.is_contiguous)
        return bool(others) or larger

    def _differing(self, slot: Slot, to: Slot) -> int:
        from weightedit.core.undo.history_compare import measure

        same = slot.storage is to.storage and slot.spec.stride == to.spec.stride and slot.spec.offset == to.spec.offset
        if same or slot.spec.encoding != "plain":
            return 0
        self._progress.begin("Comparing", slot.spec.nbytes)
        return measure(PinnedTensor.of(slot), PinnedTensor.of(to), self._progress.advance).changed

    def _digest(self, slot: Slot) -> bytes:
        found, described = hashlib.blake2b(), slot.held.described
        for chunk in logical_bytes(described.spec, described.storage.content, self._document.chunk):
            found.update(chunk)
            self._progress.advance(chunk.nbytes)
        return found.digest()

    # ---- what comes of it

    def _move(self, move: Move) -> None:
        self.moves.append(move)
        for slot in move.slots:
            self._moved[id(slot)] = move.to

    def settle(self) -> None:
        """Say what all the moves together do."""
        from weightedit.core.checks.optimizer import leaving_hazards, regrouped_hazards

        groups, said = StorageGroups(self._document.slots.looked_at(), self._moved), self.hazards
        self.hazards = []
        by_tensor: dict[int, list[Move]] = {}
        for move in self.moves:
            by_tensor.setdefault(id(move.to), []).append(move)
        for moves in by_tensor.values():
            like = moves[0].like
            if like is not None:
                self.hazards.append(joining_hazard(moves, like, groups))
                names = ", ".join(slot.name for move in moves for slot in move.slots)
                self.lines.append(f"{names} and {like.name} become one tensor")
        for move in self.moves:
            self.hazards += parting_hazard(self._document, move, groups, self._moved)
            if move.like is None:
                self.lines.append(f"{move.slots[0].name} gets a copy of its own")
        leaving = [(slot.held.described.live, slot.name) for move in self.moves for slot in move.slots
                   if slot.held.described.live is not None]  # fmt: skip
        self.hazards += [*leaving_hazards(self._document, leaving), *regrouped_hazards(self._document, leaving), *said]

    def preview(self) -> Preview:
        """Return what it would do, in words; where slots take another's values, with these before and after."""
        names = [slot.name for slot in self.named]
        total = sum(move.slots[0].spec.numel for move in self.moves if move.like is not None)
        differing = sum(move.differing for move in self.moves)
        hazards = sorted(self.hazards, key=lambda hazard: LEVELS.index(hazard.level))
        found = Preview(self._edit, hazards, names, differing, total, tuple(self.lines))
        first = next((move for move in self.moves if move.like is not None and move.differing), None)
        if first is None or first.like is None:
            return found
        before, after = PinnedTensor.of(first.slots[0]), PinnedTensor.of(first.like)
        return replace(found, spec_before=before.spec, spec_after=after.spec, before=before, after=after,
                       shown=tuple(slot.name for slot in first.slots))  # fmt: skip

    @property
    def nbytes(self) -> int:
        """Bytes of the copies that will be made."""
        return sum(move.slots[0].spec.nbytes for move in self.moves if move.like is None)

    def commands(self, shop: Workshop) -> list[Command]:
        """Make the copies, and return the commands that put everything in place, the optimizer's last."""
        from weightedit.core.live.hooks import handed_over
        from weightedit.core.live.optimizer import OptimizerStep, copied_state

        made: list[Command] = []
        now = {id(slot): slot.held.described.live for slot in self._document.slots if not slot.held.is_deferred}
        moved: list[tuple[Any, Any]] = []
        states: dict[int, Any] = {}
        for move in self.moves:
            before = (move.slots[0].held, move.slots[0].held.described)
            if move.like is not None:
                after = move.to.described
                rebind = Rebind(list(move.slots), before, (move.to, after), 0)
            else:
                rebind = self._copied(move, shop)
                after = rebind.after[1]
            made.append(rebind)
            now.update((id(slot), after.live) for slot in move.slots)
            if move.like is None and after.live is not None:
                made.extend(handed_over(before[1].live, after.live, copies=True))
            if after.live is not None:
                moved.append((before[1].live, after.live))
                if move.like is None and self._edit.moments == "follow":
                    states[id(after.live)] = copied_state(shop.optimizer, before[1].live, after.live)
        left = {id(live) for live in now.values() if live is not None}
        step = OptimizerStep.of(shop.optimizer, moved, lambda live: id(live) in left, states)
        return made if step is None else [*made, step]

    def _copied(self, move: Move, shop: Workshop) -> Rebind:
        from weightedit.core.edits.plan import Target
        from weightedit.core.edits.rebinding import copied

        slot = move.slots[0]
        pinned = PinnedTensor.of(slot)
        made = copied(Target(move.slots, pinned, [Box.whole(pinned.spec.shape)], pinned.spec), shop)
        shop.progress.advance(pinned.spec.nbytes)
        return made

    @property
    def names(self) -> set[str]:
        """Every slot whose group changes, before or after."""
        groups = StorageGroups(self._document.slots.looked_at(), self._moved)
        found = {slot.name for move in self.moves for slot in move.slots}
        firsts = [move.slots[0] for move in self.moves]
        before = {label for slot in firsts if (label := self._document.storage_group(slot)) is not None}
        after = {label for slot in firsts if (label := groups.label(slot)) is not None}
        for members in (*map(self._document.group_members, before), *map(groups.members, after)):
            found |= {slot.name for slot in members}
        return found


def _form(held: HeldTensor) -> tuple[object, ...]:
    """Return what is equal for tensors that may have the same bits."""
    return held.spec.dtype, held.spec.shape, held.spec.encoding, held.spec.device


def _once(slots: Iterable[Slot]) -> list[Slot]:
    """Return slots without those at the place of an earlier one."""
    return list({(id(slot.owner), repr(slot.key)): slot for slot in reversed(list(slots))}.values())[::-1]


def sharing_of(document: Document, operation: Operation, edit: Edit, progress: Progress) -> Sharing:
    """Write down what a change of sharing does; raises `EditRefused` where it cannot be done."""
    if edit.region is not None:
        raise EditRefused([refusal("argument", f"{operation.name} applies to whole tensors", "Leave the region out.")])
    sharing = Sharing(document, edit, progress)
    refuse_computed(sharing.named, operation.title)
    operation.compute(sharing, **edit.arguments)
    sharing.settle()
    return sharing
