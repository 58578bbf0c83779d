"""Whether tensors can move to a device, what goes along, and which modules would lie on two devices."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from weightedit.core.described.targets import find_slots
from weightedit.core.edits.plan import Plan, Target
from weightedit.core.hazards import Hazard, refusal
from weightedit.core.slots import Slot
from weightedit.core.values.devices import KEEPS_DEVICE, devices, free_memory
from weightedit.core.words.numbers import bytes_text
from weightedit.core.words.paths import counted, some

if TYPE_CHECKING:
    from weightedit.core.document import Document


def device_hazards(document: Document, plan: Plan) -> Iterable[Hazard]:
    """Yield what a move to a device does besides, or why it cannot be; nothing for other operations."""
    if not plan.operation.relocates:
        return
    device = str(plan.scalars["device"])
    moving = [target for target in plan.targets if target.result.device != target.spec.device]
    stays = len(plan.targets) - len(moving)
    if stays:
        them = "It stays" if stays == 1 else "They stay"
        yield Hazard("device-mix", "notice", f"{counted(stays, 'tensor')} already on {device}",
                     f"{them} as they are." if stays > 1 else f"{them} as it is.", (), stays)  # fmt: skip
    refused = _refused(document, moving, device) if moving else None
    if refused is not None:
        yield refused
        return
    meant = set(find_slots(document, list(plan.edit.targets)))
    along = [slot.name for target in moving for slot in target.slots if slot not in meant]
    if along:
        them = "It shares a storage" if len(along) == 1 else "They share a storage"
        yield Hazard("shared-storage", "notice", f"{counted(len(along), 'more tensor')} will move along",
                     f"{some(along)}. {them} with what moves.", tuple(along), len(along))  # fmt: skip
    if document.is_live:
        yield from _mixed(document, moving)


def _refused(document: Document, moving: Sequence[Target], device: str) -> Hazard | None:
    names = [target.name for target in moving]
    if not document.is_live:
        if document.format_name in KEEPS_DEVICE:
            return None
        return refusal("unsupported", f"A {document.format_name} file keeps no device",
                       "Its tensors load onto the device the code asks for. Export to a .pt file to keep one.",
                       targets=names)  # fmt: skip
    if device not in devices():
        return refusal("device-mix", f"There is no device {device}", f"This machine has: {', '.join(devices())}.",
                       targets=names)  # fmt: skip
    needed, free = needed_bytes(moving, document.origin.optimizer), free_memory(device)
    if free is None or needed <= free:
        return None
    return refusal("unsupported",
                   f"{device} has {bytes_text(free)} free, {bytes_text(needed - free)} less than the move needs",
                   f"{counted(len(moving), 'tensor')} with gradients and optimizer state take {bytes_text(needed)}. "
                   "Move fewer, or free memory first; nothing was moved.", targets=names)  # fmt: skip


def needed_bytes(moving: Sequence[Target], optimizer: Any = None) -> int:
    """Return the bytes that moving live tensors takes on the device: values, gradients, and optimizer state."""
    from weightedit.core.edits.relocating import window

    by_storage: dict[int, list[Target]] = {}
    for target in moving:
        by_storage.setdefault(id(target.slots[0].storage), []).append(target)
    total = sum(high - low for low, high in map(window, by_storage.values()))
    for held in (held for target in moving for held in target.held):
        live = held.described.live
        state = optimizer.state.get(live, {}) if optimizer is not None else {}
        others = [live.grad if live.is_leaf else None, *state.values()]
        total += sum(one.numel() * one.element_size() for one in others if hasattr(one, "element_size"))
    return total


def _mixed(document: Document, moving: Sequence[Target]) -> Iterator[Hazard]:
    """Yield the innermost modules that lie on one device now and on several after the edit."""
    goes = {slot: target.result.device for target in moving for slot in target.slots}
    modules = [entry.path for entry in document.entries if entry.kind == "module"]
    modules += [()] if document.format_name == "live module" else []
    inside: Mapping[tuple[Any, ...], list[Slot]] = {path: [] for path in modules}
    for slot in document.slots:
        for length in range(len(slot.path)):
            if slot.path[:length] in inside:
                inside[slot.path[:length]].append(slot)
    mixed = [path for path, slots in inside.items()
             if len({slot.spec.device for slot in slots}) == 1 and len({_after(slot, goes) for slot in slots}) > 1]
    inner = [path for path in mixed if not any(other != path and other[: len(path)] == path for other in mixed)]
    if not inner:
        return
    names = [".".join(map(str, path)) or document.title for path in inner]
    slots = inside[inner[0]]
    on = {device: sum(_after(slot, goes) == device for slot in slots)
          for device in dict.fromkeys(_after(slot, goes) for slot in slots)}  # fmt: skip
    where = ", ".join(f"{count:,} on {device}" for device, count in on.items())
    many = f"{len(names):,} modules are on two devices then" if len(names) > 1 else f"{names[0]} is on two devices then"
    yield Hazard("device-mix", "warning", many,
                 f"{some(names)}: {where}. Its forward pass raises unless it moves its input; move the rest as well.",
                 tuple(slot.name for slot in slots), len(names))  # fmt: skip


def _after(slot: Slot, goes: Mapping[Slot, str]) -> str:
    return goes.get(slot, slot.spec.device)
