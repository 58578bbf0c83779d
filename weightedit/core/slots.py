"""The places that hold tensors, and the tensors they hold."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from weightedit.core.described.placeholder import Placeholder
from weightedit.core.errors import EditRefused
from weightedit.core.hazards import refusal
from weightedit.core.spec import TensorSpec
from weightedit.core.storage import Storage

if TYPE_CHECKING:
    from weightedit.core.values.quantized import Quantizer


class Described(NamedTuple):
    """One state of a held tensor: what it is, where its bytes are, and for a live one the torch tensor itself."""

    spec: TensorSpec
    storage: Storage
    live: Any = None


_RESOLVING = threading.RLock()
_Describable = tuple[TensorSpec, Storage] | Described


class HeldTensor:
    """One tensor: a spec over a storage. Tied slots hold one and the same of these.

    A rebind gives it another spec and storage, so every slot that holds it follows.

    Parameters
    ----------
    described
        Spec and storage, or a function that makes them when they are first asked for (a header with
        100,000 tensors is described only where someone looks).
    """

    __slots__ = ("__weakref__", "_describe", "_described", "saved")

    def __init__(self, described: _Describable | Callable[[], _Describable]) -> None:
        self._described: Described | None = None
        self._describe: Callable[[], _Describable] | None = None
        if isinstance(described, tuple):
            self._described = Described(*described)
        else:
            self._describe = described
        self.saved: Described | None = self._described

    def _resolve(self) -> Described:
        found = self._described
        if found is None:
            with _RESOLVING:  # two readers must not see two storages
                found = self._described
                if found is None:
                    self._described = self.saved = found = Described(*self.first())
        return found

    def first(self) -> _Describable:
        """Return spec and storage as they are before any change; asked once, when someone first looks."""
        assert self._describe is not None
        made, self._describe = self._describe(), None
        return made

    @property
    def is_deferred(self) -> bool:
        """Whether nobody has looked yet; a deferred tensor is alone in its storage and unchanged."""
        return self._described is None

    @property
    def spec(self) -> TensorSpec:
        """What the tensor is."""
        return self._resolve().spec

    @property
    def storage(self) -> Storage:
        """Where its bytes are."""
        return self._resolve().storage

    @property
    def described(self) -> Described:
        """Spec and storage together, as one state that a reader can pin."""
        return self._resolve()

    def bind(self, described: Described) -> None:
        """Point at another spec and storage; only commands call this."""
        self._resolve()
        self._described = described

    def quantizer(self) -> Quantizer | None:
        """Return scale and zero point where the tensor is quantized and they are known."""
        live = self.described.live
        if live is None or self.spec.encoding != "quantized":
            return None
        from weightedit.core.values.quantized import quantizer_of

        return quantizer_of(live)

    @property
    def is_rebound(self) -> bool:
        """Whether spec or storage differ from the saved point."""
        return self._described is not self.saved

    @property
    def is_modified(self) -> bool:
        """Whether the tensor was rebound, or anything in its storage changed, since the saved point."""
        return self._described is not None and (self.is_rebound or self._described.storage.is_modified)


class Slot:
    """A place that holds a tensor: a key of a dict, an index of a list, a name in a module.

    Attributes
    ----------
    owner, key
        The container and the key in it.
    path
        Keys and indices from the root.
    name
        The path joined by dots, unique in the document.
    held
        The tensor.
    """

    __slots__ = ("held", "key", "name", "owner", "path", "saved")

    def __init__(self, owner: Any, key: Any, path: tuple[Any, ...], name: str, held: HeldTensor) -> None:
        self.owner = owner
        self.key = key
        self.path = path
        self.name = name
        self.held = held
        self.saved = (name, held)

    @property
    def spec(self) -> TensorSpec:
        """What the tensor is."""
        return self.held.spec

    @property
    def storage(self) -> Storage:
        """Where its bytes are."""
        return self.held.storage

    @property
    def is_modified(self) -> bool:
        """Whether value, shape, dtype, sharing or name differ from the saved point."""
        return self.held.is_modified or self.saved != (self.name, self.held)


def can_put(owner: Any) -> bool:
    """Whether the owner can be given another tensor; a tuple or an argument of a placeholder cannot."""
    return not isinstance(owner, tuple | Placeholder)


def at(slot: Slot) -> Any:
    """Return what a slot's owner holds at its key now; None where nothing is there any more."""
    if isinstance(slot.owner, dict):
        return slot.owner.get(slot.key)
    if isinstance(slot.owner, list | tuple):
        return slot.owner[slot.key] if slot.key < len(slot.owner) else None
    return getattr(slot.owner, slot.key, None)


def put(owner: Any, key: Any, tensor: Any, name: str = "") -> None:
    """Make a container hold `tensor`: a `HeldTensor` in a checkpoint, a torch tensor in a live document.

    Modules are set by attribute: `nn.Module.__setattr__` registers a Parameter and keeps its order, and RNNs
    refresh their flat weights by it.

    Raises
    ------
    EditRefused
        If an owner of a class of the person's own does not take it, whatever it raises.
    """
    if isinstance(owner, dict | list):
        owner[key] = tensor
        return
    try:
        setattr(owner, key, tensor)
    except Exception as error:
        said = " ".join(str(error).split()) or type(error).__name__
        raise EditRefused([refusal("unsupported", f"{name or key} cannot be set",
                                   f"A {type(owner).__name__} does not take it by attribute: {said}",
                                   targets=[name] if name else [])]) from error  # fmt: skip


class Entry:
    """One thing in a checkpoint, in file order: a tensor, a container, or a value that is not a tensor.

    Attributes
    ----------
    owner, key
        The container it is in, and where.
    path, name
        As for a slot.
    kind
        `tensor`, `value`, or what contains the entries after it: `dict`, `list`, `tuple`, `module`, `object`.
    slot
        The slot of a tensor entry.
    value
        The container or value itself.
    text
        What the tree shows beside the name: a value's repr, a container's type and size.
    """

    __slots__ = ("key", "kind", "name", "owner", "path", "slot", "text", "value")

    def __init__(self, path: tuple[Any, ...], name: str, kind: str, *, owner: Any = None, key: Any = None,
                 slot: Slot | None = None, value: Any = None, text: str = "") -> None:  # fmt: skip
        self.owner = owner
        self.key = key
        self.path = path
        self.name = name
        self.kind = kind
        self.slot = slot
        self.value = value
        self.text = text
