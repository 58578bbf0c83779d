"""A document as plain data: what lives in memory is written as the state_dict torch would save."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field, replace
from typing import Any

from weightedit.core.described.contents import dotted, file_inventory
from weightedit.core.described.placeholder import GlobalName, Placeholder
from weightedit.core.errors import CheckpointError, EditRefused
from weightedit.core.hazards import Hazard, refusal
from weightedit.core.slots import Described, HeldTensor, Slot
from weightedit.core.values.pinned import PinnedTensor
from weightedit.core.words.paths import counted, some
from weightedit.formats.pickle_writer import reduced
from weightedit.formats.protocol import Contents, Pinned

_ATOMS = (type(None), bool, int, float, complex, str, bytes, bytearray, range, slice, set, frozenset)
_Path = tuple[Any, ...]


@dataclass
class Plain:
    """What is written of a document.

    Attributes
    ----------
    contents
        The document's own contents where a file gave them; otherwise dicts, lists and values with `HeldTensor`
        leaves, modules as their state_dict, and the slots of these.
    left_out
        Slots of the document that no state_dict holds.
    flattened
        Containers of a class of their own that become a plain dict, list or tuple: name and class.
    """

    contents: Contents
    left_out: list[Slot] = field(default_factory=list)
    flattened: list[str] = field(default_factory=list)

    @property
    def hazards(self) -> list[Hazard]:
        """What is lost on the way from live objects to plain data."""
        found = []
        if self.left_out:
            names = [slot.name for slot in self.left_out]
            found.append(Hazard(
                "values-dropped", "warning", f"{counted(len(names), 'tensor')} in no state_dict: left out",
                f"{some(names)}: buffers that are not persistent, and tensors that are plain attributes.",
                tuple(names), len(names)))  # fmt: skip
        if self.flattened:
            found.append(Hazard(
                "values-dropped", "warning", f"{counted(len(self.flattened), 'container')} written without the class",
                f"{some(self.flattened)}: a plain dict, list or tuple instead.", (), len(self.flattened)))  # fmt: skip
        return found


def as_plain(contents: Contents) -> Plain:
    """Return a document as plain data.

    Raises
    ------
    EditRefused
        If a live object holds tensors in a way that no file can.
    """
    if contents.origin is not None or any(slot.held.described.live is None for slot in contents.slots):
        return Plain(contents)
    live = [slot.held for slot in contents.slots]
    view = _View(live)
    try:
        root = view.of(contents.root, ())
    except RecursionError as error:
        raise EditRefused(
            [refusal("unsupported", "What lives in memory is nested too deeply to be written")]
        ) from error
    inventory = file_inventory(root)
    pinned = {slot.held: pin for slot, pin in contents.pins.items()}
    pins: dict[Slot, Pinned] = {}
    shown = set()
    for slot in inventory.slots:
        original = view.originals.get(slot.held, slot.held)
        shown.add(original)
        pin = pinned.get(original)
        if pin is not None:
            spec = replace(pin.spec, kind=slot.spec.kind, requires_grad=slot.spec.requires_grad)
            pins[slot] = PinnedTensor(slot.name, spec, pin.content)
    left_out = [slot for slot in contents.slots if slot.held not in shown]
    plain = Contents(root, inventory.slots, inventory.entries, contents.metadata, None, pins)
    return Plain(plain, left_out, view.flattened)


class _View:
    """Makes plain data of live objects; what it meets twice it makes once.

    Attributes
    ----------
    originals
        Tensors made for the view, each with the one of the document that it shows.
    flattened
        As in `Plain`.
    """

    def __init__(self, live: list[HeldTensor]) -> None:
        from weightedit.core.live.objects import LiveObjects

        self.originals: dict[HeldTensor, HeldTensor] = {}
        self.flattened: list[str] = []
        self._held = {id(held.described.live): held for held in live}
        self._objects = LiveObjects((held.described.live, held.storage) for held in live)
        self._detached: dict[int, HeldTensor] = {}
        self._made: dict[int, tuple[Any, Any]] = {}
        self._inside: str | None = None

    def of(self, value: Any, path: _Path) -> Any:
        """Return a value as it is written; nesting in memory is as deep as the person made it."""
        if isinstance(value, HeldTensor | Placeholder | GlobalName) or type(value) in _ATOMS:
            return value
        if id(value) not in self._made:
            made = self._make(value, path)
            self._made[id(value)] = made, value  # kept alive, so that no other object gets its id
        return self._made[id(value)][0]

    def _make(self, value: Any, path: _Path) -> Any:
        import torch

        if isinstance(value, torch.Tensor):
            return self._tensor(value)
        if isinstance(value, dict):
            return self._dict(value, path)
        if isinstance(value, list | tuple):
            return self._list(value, path)
        if isinstance(value, torch.nn.Module) or hasattr(value, "param_groups"):
            if self._inside is not None:
                title = f"{self._inside} holds a {type(value).__name__}, which cannot be written as part of it"
                raise EditRefused([refusal("unsupported", title, "Open its state_dict() instead.")])
            if isinstance(value, torch.nn.Module):
                return self._state_dict(value, path)
        if callable(getattr(value, "state_dict", None)) and not isinstance(value, type):
            return self.of(value.state_dict(), path)
        return self._object(value, path)

    def _tensor(self, tensor: Any) -> HeldTensor:
        held = self._held.get(id(tensor))
        if held is None:  # in no slot of the document, as the state of an optimizer
            held = self._held[id(tensor)] = HeldTensor(self._objects.describe(tensor))
        return held

    def _dict(self, value: dict[Any, Any], path: _Path) -> Any:
        copy: dict[Any, Any] = OrderedDict() if isinstance(value, OrderedDict) else {}
        self._made[id(value)] = copy, value  # it may hold itself
        for key, item in value.items():
            copy[key] = self.of(item, (*path, key))
        if type(value) is OrderedDict:
            vars(copy).update(vars(value))
        return self._flat(value, copy, path) if type(value) not in (dict, OrderedDict) else copy

    def _list(self, value: Any, path: _Path) -> Any:
        if not isinstance(value, list):
            items = tuple(self.of(item, (*path, index)) for index, item in enumerate(value))
            return self._flat(value, items, path) if type(value) is not tuple else items
        copy: list[Any] = []
        self._made[id(value)] = copy, value
        copy += (self.of(item, (*path, index)) for index, item in enumerate(value))
        return self._flat(value, copy, path) if type(value) is not list else copy

    def _flat(self, value: Any, copy: Any, path: _Path) -> Any:
        """Return a container of a class of its own as it is where no tensor is inside, and else as a plain one."""
        if not _holds_tensor(copy):
            return value
        self.flattened.append(f"{dotted(path)} ({type(value).__name__})")
        return copy

    def _state_dict(self, module: Any, path: _Path) -> OrderedDict[str, Any]:
        """Return what `torch.save(module.state_dict())` would write: values without their being parameters."""
        state = module.state_dict(keep_vars=True)
        copy: OrderedDict[str, Any] = OrderedDict(
            (key, self._detached_or(value, (*path, key))) for key, value in state.items()
        )
        vars(copy).update(vars(state))
        return copy

    def _detached_or(self, value: Any, path: _Path) -> Any:
        held = self.of(value, path)
        if not isinstance(held, HeldTensor):
            return held
        known = self._detached.get(id(held))
        if known is None:
            described = held.described
            spec = replace(described.spec, kind="tensor", requires_grad=False)
            known = self._detached[id(held)] = HeldTensor(Described(spec, described.storage, described.live))
            self.originals[known] = held
        return known

    def _object(self, value: Any, path: _Path) -> Any:
        """Return an object of the person's own program as it is, or by name where it holds tensors."""
        if isinstance(value, type) or type(value).__module__.partition(".")[0] == "numpy":
            return value
        try:
            made = reduced(value)
        except CheckpointError:
            return value  # which the pickle refuses in its own words, and a flat table never sees
        if isinstance(made, GlobalName):
            return value
        self._made[id(value)] = made, value  # it may hold itself
        outer, self._inside = self._inside, self._inside or f"{dotted(path)} ({type(value).__name__})"
        try:
            parts = (made.args, made.state, made.items, made.pairs)
            plain = tuple(self.of(part, path) for part in parts)
        finally:
            self._inside = outer
        if not any(_holds_tensor(part) for part in plain):
            return value
        made.args, made.state, made.items, made.pairs = plain
        return made


def _holds_tensor(value: Any) -> bool:
    """Whether a tensor is anywhere inside, without recursion."""
    seen: set[int] = set()
    stack = [value]
    while stack:
        part = stack.pop()
        if isinstance(part, HeldTensor | Placeholder):
            return True
        if id(part) not in seen and isinstance(part, dict | list | tuple):
            seen.add(id(part))
            stack += part.values() if isinstance(part, dict) else part
    return False
