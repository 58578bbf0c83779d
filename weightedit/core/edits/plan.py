"""What an edit will touch: its targets, regions and results, worked out on specs before any value is read."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from weightedit.core.checks.encodings import encoded, encoded_source, inference_mode, takes_any
from weightedit.core.checks.shapes import argument_hazards, out_of_range
from weightedit.core.described.targets import SlotIndex, find_slots
from weightedit.core.edit import Edit, TensorName, TensorValue, TensorView, is_tensor_argument
from weightedit.core.edits.leaving import Left, refuse_tied, without_left, written_though_left
from weightedit.core.errors import EditRefused, RegionError
from weightedit.core.hazards import Hazard, refusal
from weightedit.core.operation import Operation
from weightedit.core.region import Box, parse_regions
from weightedit.core.slots import HeldTensor, Slot, at, can_put
from weightedit.core.spec import TensorSpec
from weightedit.core.storage import Resident
from weightedit.core.undo.spill import Spill
from weightedit.core.values.conditions import Condition, Conditions, is_conditional
from weightedit.core.values.pinned import PinnedTensor
from weightedit.core.values.quantized import dequantized
from weightedit.core.values.views import seen

if TYPE_CHECKING:
    from weightedit.core.looking.results import Results


@dataclass(slots=True)
class Target:
    """One tensor of an edit.

    Attributes
    ----------
    slots
        The slots named that hold it, at least one; for a rebind of tied weights all of them, unless untied.
        Slots of the same elements in the same order are tied too, as in the state_dict of a tied model.
    pinned
        What it is before the edit.
    boxes
        Disjoint boxes to compute.
    result
        What it becomes; the same spec for a write.
    tensors
        Tensor arguments, readable, each broadcastable to the region.
    lists
        Arguments that are several tensors.
    condition
        Which cells of the boxes are written; None means all.
    selected
        How many cells that is, once they were measured.
    survey
        What `core.compute` found before the first piece.
    """

    slots: list[Slot]
    pinned: PinnedTensor
    boxes: list[Box]
    result: TensorSpec
    tensors: Mapping[str, PinnedTensor] = field(default_factory=dict)
    lists: Mapping[str, Sequence[PinnedTensor]] = field(default_factory=dict)
    condition: Condition | None = None
    selected: int | None = None
    survey: Any = None
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False, compare=False)

    @property
    def name(self) -> str:
        """The first slot's name."""
        return self.slots[0].name

    @property
    def spec(self) -> TensorSpec:
        """What it is before the edit."""
        return self.pinned.spec

    @property
    def held(self) -> list[HeldTensor]:
        """Every tensor that the slots hold, once."""
        return list({id(slot.held): slot.held for slot in self.slots}.values())

    @property
    def nbytes(self) -> int:
        """Bytes that are computed: of the regions of a write, of the whole result of a rebind."""
        cells = sum(box.numel for box in self.boxes) if self.selected is None else self.selected
        wanted = cells if self.result is self.spec else self.result.numel
        return wanted * self.result.type.itemsize

    @property
    def clones_first(self) -> bool:
        """Whether elements share bytes with each other, as in an expanded tensor, so that a write needs a clone."""
        return overlaps_itself(self.spec)


@dataclass(frozen=True, slots=True)
class Bench:
    """What planning and surveying need of a document.

    Attributes
    ----------
    resolve
        Finds a tensor given by name.
    copies
        Whether torch can copy a dtype.
    conditions
        Reads a condition; None where the document was made without the language.
    spill, nbytes
        Room for large arrays, and bytes to read at once.
    check
        Raises `Cancelled` when the person wants to stop.
    measured
        What was found out of contents before; None keeps nothing.
    """

    resolve: Callable[[TensorName], PinnedTensor]
    copies: Callable[[str], bool]
    conditions: Conditions | None
    spill: Spill
    nbytes: int
    check: Callable[[], None]
    measured: Results | None = None


@dataclass(slots=True)
class Plan:
    """An edit worked out against a document, and the hazards its structure alone shows.

    `tables` are of `core.tabled`, by the dtypes of before and after: many targets share one. `places` is how many
    places of a loss are looked for at least, and `shown` the target of which statistics are wanted too.
    """

    edit: Edit
    operation: Operation
    targets: list[Target]
    hazards: list[Hazard]
    bench: Bench
    tables: dict[tuple[str, str], Any] = field(default_factory=dict)
    places: int = 8
    shown: Target | None = None

    @property
    def scalars(self) -> dict[str, Any]:
        """The arguments that are not tensors."""
        return _scalars(self.edit)


def _scalars(edit: Edit) -> dict[str, Any]:
    """Return the arguments that are not tensors."""
    return {name: value for name, value in edit.arguments.items() if not is_tensor_argument(value)}


def overlaps_itself(spec: TensorSpec) -> bool:
    """Whether two elements may lie on the same bytes: an axis steps less than the axes inside it reach."""
    reach = 0
    for step, size in sorted(zip(spec.stride, spec.shape, strict=True)):
        if size > 1:
            if step <= reach:
                return True
            reach += step * (size - 1)
    return False


def make_plan(index: SlotIndex, operation: Operation, edit: Edit, bench: Bench) -> Plan:
    """Work an edit out.

    Parameters
    ----------
    index
        The document.
    operation, edit
        The declared operation, and the record of its use.
    bench
        What it needs of the document besides.

    Raises
    ------
    EditRefused
        If nothing matches, a region does not fit, or the operation cannot be done; with all reasons at once.
    """
    if edit.region is not None and not operation.takes_region:
        raise EditRefused([refusal("argument", f"{operation.name} applies to whole tensors", "Leave the region out.")])
    if edit.tied not in ("all", "untie"):
        raise EditRefused([refusal("argument", f"tied is {edit.tied!r}", 'It is "all" or "untie".')])
    if edit.moments not in ("follow", "drop"):
        raise EditRefused([refusal("argument", f"moments is {edit.moments!r}", 'It is "follow" or "drop".')])
    targets: list[Target] = []
    refused: list[Hazard] = []
    for slots in group_by_tensor(index, operation, edit):
        try:
            targets.append(_target(slots, operation, edit, bench))
        except EditRefused as error:
            refused += error.hazards
    refused += [] if refused else _overlapping_targets(index, operation, targets)
    if edit.leave and operation.effect == "write" and not refused:
        refused += written_though_left(targets, index.slots, _left(index, edit), edit)
    if refused:
        raise EditRefused(refused)
    hazards = [hazard for target in targets for hazard in argument_hazards(target, operation, edit)]
    return Plan(edit, operation, targets, hazards, bench)


def place_of(slot: Slot) -> tuple[object, ...]:
    """Return what is equal for slots of the same elements in the same order; a tensor nobody looked at is alone."""
    if slot.held.is_deferred or slot.spec.encoding != "plain":
        return (id(slot.held),)
    spec = slot.spec
    return (id(slot.storage), spec.dtype, spec.shape, spec.stride, spec.offset)


def group_by_tensor(index: SlotIndex, operation: Operation, edit: Edit) -> list[list[Slot]]:
    """Group the named slots by the tensor they hold; a rebind of all tied slots adds the ones not named.

    Raises
    ------
    EditRefused
        If nothing matches, all of it is left, or a slot that is left is tied to one that gets another tensor.
    """
    together = edit.tied == "all" and operation.effect in ("write", "rebind")
    found: dict[object, list[Slot]] = {}
    left = _left(index, edit)
    meant = find_slots(index, list(edit.targets))
    for slot in without_left(meant, left) if edit.leave else meant:
        found.setdefault(place_of(slot) if together else id(slot.held), []).append(slot)
    rebound = {
        key for key, slots in found.items()
        if not slots[0].held.is_deferred and (operation.effect == "rebind" or overlaps_itself(slots[0].spec))
    }  # fmt: skip
    if together and rebound:
        named = {id(slot) for slots in found.values() for slot in slots}
        for slot in index.slots.looked_at():
            if id(slot) not in named and not slot.held.is_deferred and place_of(slot) in rebound:
                found[place_of(slot)].append(slot)
    if together and operation.relocates:
        _add_what_shares(index, found)
    elif operation.effect == "flag" and edit.tied == "all":
        named = {id(slot) for slots in found.values() for slot in slots}
        for slot in index.slots.looked_at():
            if id(slot.held) in found and id(slot) not in named:
                found[id(slot.held)].append(slot)
    if edit.leave:
        refuse_tied(list(found.values()), left, edit, operation.effect in ("write", "rebind"))
    return list(found.values())


def _add_what_shares(index: SlotIndex, found: dict[object, list[Slot]]) -> None:
    """Add every slot over a storage that one of the slots found lies over."""
    named = {id(slot) for slots in found.values() for slot in slots}
    storages = {id(slots[0].storage) for slots in found.values()}
    for slot in index.slots.looked_at():
        if id(slot) not in named and not slot.held.is_deferred and id(slot.storage) in storages:
            found.setdefault(place_of(slot), []).append(slot)


def _left(index: SlotIndex, edit: Edit) -> Left:
    return Left(edit.leave, lambda name: index.find(name) is not None)


def _target(slots: list[Slot], operation: Operation, edit: Edit, bench: Bench) -> Target:
    _check_still_there(slots, operation, edit)
    pinned = PinnedTensor.of(slots[0])
    spec = pinned.spec
    if operation.effect in ("write", "rebind") and (spec.encoding != "plain" or not bench.copies(spec.dtype)):
        decoded = dequantized(pinned, slots[0].held.quantizer()) if operation.decodes else None
        if decoded is None and not takes_any(operation, pinned):
            dense = slots[0].held.quantizer() is not None
            raise EditRefused([encoded(pinned, operation, edit, dense)])
        pinned = decoded or pinned
        spec = pinned.spec
    boxes, condition = _selected(operation, edit, pinned, bench)
    if operation.effect == "flag":
        return Target(slots, pinned, boxes, spec)
    scalars = _scalars(edit)
    tensors = {name: value for name, value in edit.arguments.items() if name not in scalars}
    lists = {name: [_readable(one, bench) for one in value] for name, value in tensors.items()
             if isinstance(value, tuple)}  # fmt: skip
    given = {name: _readable(value, bench) for name, value in tensors.items() if name not in lists}
    result = spec
    if operation.result is not None:
        specs: dict[str, Any] = {name: readable.spec for name, readable in given.items()}
        specs |= {name: [readable.spec for readable in listed] for name, listed in lists.items()}
        result = operation.result(spec, boxes[0], **scalars, **specs)
        if not bench.copies(result.dtype):
            raise EditRefused([refusal("unsupported", f"torch cannot store values as {result.dtype} here",
                                       "Choose another dtype.", targets=[pinned.name])])  # fmt: skip
        if result.requires_grad and not (result.type.is_floating or result.type.family == "complex"):
            result = replace(result, requires_grad=False)
    return Target(slots, pinned, boxes, result, given, lists, condition)


def _selected(operation: Operation, edit: Edit, pinned: PinnedTensor,
              bench: Bench) -> tuple[list[Box], Condition | None]:  # fmt: skip
    """Return the boxes an edit's region selects in a tensor, and the condition on their cells."""
    region, condition = edit.region, None
    single = operation.effect == "rebind" or operation.inputs is not None
    try:
        if is_conditional(region):
            if single or bench.conditions is None:
                raise EditRefused([refusal("argument", f"{operation.name} takes no condition", "Give a region.")])
            region, condition = bench.conditions(str(region))
        boxes = parse_regions(list(region) if isinstance(region, tuple) else region, pinned.spec.shape)
    except RegionError as error:
        raise EditRefused([out_of_range(edit, pinned, error)]) from None
    if operation.takes_region and single and len(boxes) > 1:
        verb = "keeps" if operation.effect == "rebind" else "takes"
        raise EditRefused([refusal("argument", f"{operation.name} {verb} one region", "Give one, not several.")])
    return boxes, condition


def _check_still_there(slots: list[Slot], operation: Operation, edit: Edit) -> None:
    """Refuse what other code took out of its place, and a new tensor where its place cannot take one."""
    gone = [slot.name for slot in slots if _live(slot) is not None and at(slot) is not _live(slot)]
    if gone:
        raise EditRefused([refusal("changed-elsewhere", f"{', '.join(gone)} holds another tensor by now",
                                   "Other code replaced it since it was opened; open it again.",
                                   targets=gone)])  # fmt: skip
    for slot in slots:
        held, live = slot.held, _live(slot)
        if live is None:
            continue
        if live.requires_grad != held.spec.requires_grad and held.spec.encoding == "plain":
            was = held.described
            held.bind(was._replace(spec=replace(held.spec, requires_grad=live.requires_grad)))
            if held.saved is was:  # other code, or torch for a view of a leaf, set the flag: that is no edit
                held.saved = held.described
    plain = [_live(slot) for slot in slots if _live(slot) is not None and slot.spec.encoding == "plain"]
    inference = any(tensor.is_inference() for tensor in plain)
    if inference and operation.effect == "write" and not overlaps_itself(slots[0].spec):
        raise EditRefused([inference_mode(slots[0].name, slots[0].spec.dtype, edit)])
    fixed = [slot.name for slot in slots if not can_put(slot.owner)]
    rebinds = operation.effect == "rebind" or (operation.effect == "write" and overlaps_itself(slots[0].spec))
    if fixed and rebinds and (_live(slots[0]) is not None or edit.tied == "untie"):
        raise EditRefused([refusal("unsupported", f"{fixed[0]} cannot be given another tensor",
                                   "It lies in a tuple, which never changes; edit its values instead.",
                                   targets=fixed)])  # fmt: skip


def _live(slot: Slot) -> Any:
    return None if slot.held.is_deferred else slot.held.described.live


def _readable(value: TensorValue | TensorName | TensorView, bench: Bench) -> PinnedTensor:
    if isinstance(value, TensorView):
        return seen(_readable(value.source, bench), value)
    if isinstance(value, TensorName):
        found = bench.resolve(value)
        if found.spec.encoding != "plain":
            raise EditRefused([encoded_source(found)])
        return found
    return PinnedTensor("values", TensorSpec.contiguous(value.dtype, value.shape), Resident(value.data))


def _overlapping_targets(index: SlotIndex, operation: Operation, targets: list[Target]) -> list[Hazard]:
    """Refuse a write whose targets share some, but not all, of their elements; drop those that share all."""
    from weightedit.core.edits.reached import overlapping_computed
    from weightedit.core.shared.sharing import share_elements

    if operation.effect != "write":
        return []
    refused = overlapping_computed(index, targets)
    by_storage: dict[int, list[Target]] = {}
    for target in list(targets):
        others = by_storage.setdefault(id(target.slots[0].storage), []) if not target.slots[0].held.is_deferred else []
        for other in others:
            if _selects_the_same(target, other):
                other.slots += target.slots
                targets.remove(target)
                break
            if share_elements(target.spec, target.boxes, other.spec, other.boxes):
                refused.append(refusal(
                    "overlap", f"{target.name} and {other.name} share some of their elements",
                    "Each element can be computed once in one edit; edit one of them, or the two one after the other.",
                    targets=[target.name, other.name]))  # fmt: skip
                break
        else:
            others.append(target)
    return refused


def _selects_the_same(target: Target, other: Target) -> bool:
    """Whether one write of either is a write of both: the same elements, and each gets the same value."""
    from weightedit.core.shared.sharing import same_elements

    mine, theirs = target.spec, other.spec
    if mine.dtype != theirs.dtype or not same_elements(mine, theirs):
        return False
    if (mine.shape, mine.stride) == (theirs.shape, theirs.stride):
        return True
    whole = all(len(one.boxes) == 1 and one.boxes[0].is_whole(one.spec.shape) for one in (target, other))
    return whole and not any(readable.spec.numel > 1 for readable in target.tensors.values())
