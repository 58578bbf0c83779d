"""What an edit will touch: its targets, regions and results, worked out on specs before any value is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from weightedit.core.edit import Edit, TensorName, TensorValue
from weightedit.core.errors import EditRefused, RegionError
from weightedit.core.hazards import Hazard, refusal
from weightedit.core.operation import Operation
from weightedit.core.pinned import PinnedTensor, Readable
from weightedit.core.region import Box, parse_regions
from weightedit.core.shapes import argument_hazards, shape_text
from weightedit.core.slots import Slot
from weightedit.core.spec import TensorSpec
from weightedit.core.storage import Resident
from weightedit.core.targets import SlotIndex, find_slots


@dataclass(slots=True)
class Target:
    """One tensor of an edit.

    Attributes
    ----------
    slots
        The slots named that hold it, at least one; for a rebind of tied weights all of them, unless untied.
    pinned
        What it is before the edit.
    boxes
        Disjoint boxes to compute.
    result
        What it becomes; the same spec for a write.
    tensors
        Tensor arguments, readable, each broadcastable to the region.
    """

    slots: list[Slot]
    pinned: PinnedTensor
    boxes: list[Box]
    result: TensorSpec
    tensors: Mapping[str, Readable] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The first slot's name."""
        return self.slots[0].name

    @property
    def spec(self) -> TensorSpec:
        """What it is before the edit."""
        return self.pinned.spec

    @property
    def clones_first(self) -> bool:
        """Whether elements share bytes with each other, as in an expanded tensor, so that a write needs a clone."""
        return overlaps_itself(self.spec)


@dataclass(slots=True)
class Plan:
    """An edit worked out against a document, and the hazards its structure alone shows."""

    edit: Edit
    operation: Operation
    targets: list[Target]
    hazards: list[Hazard]

    @property
    def scalars(self) -> dict[str, Any]:
        """The arguments that are not tensors."""
        return _scalars(self.edit)


def _scalars(edit: Edit) -> dict[str, Any]:
    """Return the arguments that are not tensors."""
    return {name: value for name, value in edit.arguments.items() if not isinstance(value, TensorValue | TensorName)}


def overlaps_itself(spec: TensorSpec) -> bool:
    """Whether two elements may lie on the same bytes: an axis steps less than the axes inside it reach."""
    reach = 0
    for step, size in sorted(zip(spec.stride, spec.shape, strict=True)):
        if size > 1:
            if step <= reach:
                return True
            reach += step * (size - 1)
    return False


def make_plan(index: SlotIndex, operation: Operation, edit: Edit,
              resolve: Callable[[TensorName], PinnedTensor], copies: Callable[[str], bool]) -> Plan:  # fmt: skip
    """Work an edit out.

    Parameters
    ----------
    index
        The document.
    operation, edit
        The declared operation, and the record of its use.
    resolve
        Finds a tensor given by name.
    copies
        Whether torch can copy a dtype.

    Raises
    ------
    EditRefused
        If nothing matches, a region does not fit, or the operation cannot be done; with all reasons at once.
    """
    if edit.region is not None and not operation.takes_region:
        raise EditRefused([refusal("argument", f"{operation.name} applies to whole tensors", "Leave the region out.")])
    if edit.tied not in ("all", "untie"):
        raise EditRefused([refusal("argument", f"tied is {edit.tied!r}", 'It is "all" or "untie".')])
    targets: list[Target] = []
    refused: list[Hazard] = []
    for slots in _by_tensor(index, operation, edit):
        try:
            targets.append(_target(slots, operation, edit, resolve, copies))
        except EditRefused as error:
            refused += error.hazards
    refused += [] if refused else _overlapping_targets(operation, targets)
    if refused:
        raise EditRefused(refused)
    hazards = [hazard for target in targets for hazard in argument_hazards(target, edit)]
    return Plan(edit, operation, targets, hazards)


def _by_tensor(index: SlotIndex, operation: Operation, edit: Edit) -> list[list[Slot]]:
    """Group the named slots by the tensor they hold; a rebind of all tied slots adds the ones not named."""
    found: dict[int, list[Slot]] = {}
    for slot in find_slots(index, list(edit.targets)):
        found.setdefault(id(slot.held), []).append(slot)
    if operation.effect in ("rebind", "flag") and edit.tied == "all":
        named = {id(slot) for slots in found.values() for slot in slots}
        shared = {key for key, slots in found.items() if not slots[0].held.is_deferred}
        for slot in index.slots if shared else ():
            if id(slot.held) in shared and id(slot) not in named:
                found[id(slot.held)].append(slot)
    return list(found.values())


def _target(slots: list[Slot], operation: Operation, edit: Edit, resolve: Callable[[TensorName], PinnedTensor],
            copies: Callable[[str], bool]) -> Target:  # fmt: skip
    pinned = PinnedTensor.of(slots[0])
    spec = pinned.spec
    if operation.effect in ("write", "rebind") and (spec.encoding != "plain" or not copies(spec.dtype)):
        stored = spec.dtype if spec.encoding == "plain" else spec.encoding
        raise EditRefused([refusal("unsupported", f"{pinned.name} cannot be edited",
                                   f"It is {stored}, which torch cannot copy value by value; it is kept as it is.",
                                   targets=[pinned.name])])  # fmt: skip
    try:
        boxes = parse_regions(list(edit.region) if isinstance(edit.region, tuple) else edit.region, spec.shape)
    except RegionError as error:
        title = f"{edit.region} does not fit {pinned.name}, {shape_text(spec.shape)}"
        raise EditRefused([refusal("out-of-range", title, str(error), targets=[pinned.name])]) from None
    if operation.effect in ("flag", "restructure"):
        return Target(slots, pinned, boxes, spec)
    scalars = _scalars(edit)
    given = {name: _readable(value, resolve) for name, value in edit.arguments.items() if name not in scalars}
    result = spec
    if operation.result is not None:
        if operation.effect == "rebind" and operation.takes_region and len(boxes) > 1:
            raise EditRefused([refusal("argument", f"{operation.name} keeps one region", "Give one, not several.")])
        specs = {name: readable.spec for name, readable in given.items()}
        result = operation.result(spec, boxes[0], **scalars, **specs)
        if not copies(result.dtype):
            raise EditRefused([refusal("unsupported", f"torch cannot store values as {result.dtype} here",
                                       "Choose another dtype.", targets=[pinned.name])])  # fmt: skip
        if result.requires_grad and not (result.type.is_floating or result.type.family == "complex"):
            result = replace(result, requires_grad=False)
    return Target(slots, pinned, boxes, result, given)


def _readable(value: TensorValue | TensorName, resolve: Callable[[TensorName], PinnedTensor]) -> PinnedTensor:
    if isinstance(value, TensorName):
        return resolve(value)
    return PinnedTensor("values", TensorSpec.contiguous(value.dtype, value.shape), Resident(value.data))


def _overlapping_targets(operation: Operation, targets: Sequence[Target]) -> list[Hazard]:
    """Refuse a write whose targets share some, but not all, of their elements; drop those that share all."""
    from weightedit.core.sharing import same_elements, share_elements

    if operation.effect != "write":
        return []
    refused: list[Hazard] = []
    by_storage: dict[int, list[Target]] = {}
    for target in list(targets):
        others = by_storage.setdefault(id(target.slots[0].storage), []) if not target.slots[0].held.is_deferred else []
        for other in others:
            if same_elements(target.spec, other.spec):
                other.slots += target.slots
                targets.remove(target)  # type: ignore[attr-defined]
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
