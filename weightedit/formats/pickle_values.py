"""What the inert pickle reader makes: real containers, tensors described, and names in place of code."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from weightedit.core.described.contents import kind_of
from weightedit.core.described.placeholder import GlobalName, Placeholder
from weightedit.core.slots import HeldTensor
from weightedit.core.source import ByteSource
from weightedit.core.spec import TensorSpec
from weightedit.core.storage import Storage
from weightedit.core.words.visible import visible
from weightedit.formats.pickle_budget import Unreadable

if TYPE_CHECKING:
    from weightedit.core.values.quantized import Quantizer


def said(value: Any) -> str:
    """Return a value as messages show it; what is inside a container is not looked at, which could take without end."""
    if type(value) is str:
        return visible(repr(value[:40]))
    if value is None or type(value) in (bool, float) or (type(value) is int and value.bit_length() < 130):
        return repr(value)
    return kind_of(value)


class Unchangeable(Unreadable):
    """A pickle tried to change something that is not its own."""


class Guarded:
    """Nothing of this kind takes a state from a pickle, which could otherwise set any attribute of it."""

    __slots__ = ()

    def __setstate__(self, state: object) -> None:
        raise Unchangeable(f"a pickle sets attributes of a {type(self).__name__}")


class Known(Guarded, GlobalName):
    """A global we have an implementation of our own for; by itself it is a name like any other."""

    __slots__ = ("_call",)

    def __init__(self, module: str, name: str, call: Callable[..., Any] | None = None) -> None:
        super().__init__(module, name)
        self._call = call

    def __call__(self, *args: Any) -> Any:
        """Do what our implementation does, if there is one."""
        if self._call is None:
            raise Unreadable(f"{self!r} cannot be called")
        return self._call(*args)


class StorageType(Known):
    """A storage class of torch, such as `torch.FloatStorage`; `dtype` is None for bytes without a type."""

    __slots__ = ("dtype",)

    def __init__(self, module: str, name: str, dtype: str | None) -> None:
        super().__init__(module, name)
        self.dtype = dtype


class OrderedState(OrderedDict[Any, Any]):
    """An `OrderedDict` of a pickle with what was set on it, such as the `_metadata` of a state_dict.

    `state` keeps it; only `_metadata` is an attribute too, so that a file cannot hide `items` behind its own.
    """

    state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state
        if isinstance(state, dict) and "_metadata" in state:
            self._metadata = state["_metadata"]


class Ordered(Known):
    """`OrderedDict` itself, which a pickle calls for the hooks of each tensor: there are none, and nothing to copy."""

    __slots__ = ()

    def __call__(self, *args: Any) -> Any:
        """Make one."""
        return super().__call__(*args) if args else OrderedState()


class SizeValue(Guarded, tuple[Any, ...]):
    """A `torch.Size`."""

    def __repr__(self) -> str:
        return f"torch.Size({list(self)})"


class Stored:
    """One storage of the file, which several tensors may share.

    Attributes
    ----------
    key
        Its name in the archive.
    nbytes
        Bytes it has there.
    """

    __slots__ = ("_source", "_storage", "key", "nbytes")

    def __init__(self, key: str, nbytes: int, source: Callable[[str], ByteSource]) -> None:
        self.key = key
        self.nbytes = nbytes
        self._source = source
        self._storage: Storage | None = None

    @property
    def storage(self) -> Storage:
        """The one storage of all its tensors."""
        if self._storage is None:
            self._storage = Storage(self._source(self.key))
        return self._storage


class StorageRef(Guarded):
    """A storage as one place of a pickle refers to it: with a type, a device tag and a number of elements."""

    __slots__ = ("location", "numel", "stored", "type")

    def __init__(self, stored: Stored, type: StorageType, location: str, numel: int) -> None:
        self.stored = stored
        self.type = type
        self.location = location
        self.numel = numel

    def __repr__(self) -> str:
        return f"<{self.type!r} of {self.numel:,}>"


@dataclass(slots=True)
class Extras:
    """What a tensor was saved with beside its values, where that is more than usual.

    Attributes
    ----------
    hooks
        Backward hooks.
    metadata
        Flags such as `{"conj": True}`.
    state
        Attributes of a parameter.
    quantizer
        Scheme, scale and zero point of a quantized tensor.
    """

    hooks: Any = None
    metadata: Any = None
    state: Any = None
    quantizer: Any = None


class PickledTensor(Guarded, HeldTensor):
    """A tensor as a pickle builds it; its spec is made when someone looks.

    What it is made of does not lead back to it: a document of many goes when nobody holds it, without being looked for.
    """

    __slots__ = ("dtype", "extras", "offset", "parameter", "ref", "requires_grad", "size", "stride")

    def __init__(self, ref: StorageRef, dtype: str, offset: int, size: tuple[int, ...], stride: tuple[int, ...],
                 requires_grad: bool) -> None:  # fmt: skip
        self.ref = ref
        self.dtype = dtype
        self.offset = offset
        self.size = size
        self.stride = stride
        self.requires_grad = requires_grad
        self.parameter = False
        self.extras: Extras | None = None
        self._described = self.saved = None

    def first(self) -> tuple[TensorSpec, Storage]:
        """Return spec and storage as the file has them."""
        return self.first_spec, self.ref.stored.storage

    @property
    def first_spec(self) -> TensorSpec:
        """The spec as the file has it."""
        kind = "parameter" if self.parameter else "tensor"
        return TensorSpec(self.dtype, self.size, self.stride, self.offset, self._encoding(), kind, self.requires_grad,
                          self.ref.location)  # fmt: skip

    def quantizer(self) -> Quantizer | None:
        """Return scale and zero point where the file has them: numbers, or one-dimensional tensors of them."""
        if self.extras is None or self.spec.encoding != "quantized" or not isinstance(self.extras.quantizer, tuple):
            return None
        from weightedit.core.values.quantized import made

        match self.extras.quantizer:
            case (_, int() | float() as scale, int() as zero_point):
                return made(scale, zero_point)
            case (_, HeldTensor() as scales, HeldTensor() as zero_points, int() as axis):
                return made(_numbers(scales), _numbers(zero_points), axis)
        return None

    def _encoding(self) -> str:
        if self.extras is None:
            return "plain"
        if self.extras.quantizer is not None:
            return "quantized"
        flags = self.extras.metadata if isinstance(self.extras.metadata, dict) else {}
        return "conjugated" if flags.get("conj") else "negated" if flags.get("neg") else "plain"


def _numbers(held: HeldTensor) -> Any:
    """Read a small tensor that belongs to another one."""
    from weightedit.core.region import Box
    from weightedit.core.values.reading import gather

    described = held.described
    return gather(described.spec, described.storage.content, Box.whole(described.spec.shape))


class OldTensor(PickledTensor):
    """A parameter or variable as torch before 0.4 pickled it: its state follows, once, and then it is any tensor."""

    __slots__ = ()

    def __setstate__(self, state: object) -> None:
        if type(state) is not tuple or len(state) != 3 or not isinstance(state[0], bool):
            super().__setstate__(state)
            return
        self.requires_grad = state[0]
        if state[2]:
            self.extras = self.extras or Extras()
            self.extras.hooks = state[2]
        self.__class__ = PickledTensor  # type: ignore[assignment]  # what it is from now on


class Made(type):
    """The type of the classes that stand for those a pickle names, so that it can ask for an object of one."""

    global_name: GlobalName

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        """Make an object the way REDUCE does, without calling anything."""
        made: Any = object.__new__(cls)  # type: ignore[arg-type]  # every class of this type is a Growing
        Placeholder.__init__(made, cls.global_name, args, kwargs or None, "reduce")
        return made


class Growing(Placeholder, metaclass=Made):
    """A placeholder that records what the pickle does to it."""

    __slots__ = ()

    def __new__(cls, *args: Any, **kwargs: Any) -> Growing:
        """Make an object the way NEWOBJ does, without calling anything."""
        made = object.__new__(cls)
        Placeholder.__init__(made, cls.global_name, args, kwargs or None, "newobj_ex" if kwargs else "newobj")
        return made

    def __call__(self, *args: Any) -> Any:
        """Record that the object itself was called, as `functools.partial` objects are."""
        return constructed(self.type, (self, *args), None, "call")

    def __setstate__(self, state: Any) -> None:
        self.state = state
        self.has_state = True

    def put_pairs(self, pairs: Iterable[tuple[Any, Any]]) -> None:
        """Record what is set in it."""
        self.pairs += pairs

    def append(self, item: Any) -> None:
        """Record an item."""
        self.items.append(item)

    def extend(self, items: list[Any]) -> None:
        """Record several items."""
        self.items.extend(items)

    def put_items(self, items: Iterable[Any]) -> None:
        """Record what is added to it as to a set."""
        self.items += items


def stand_in(module: str, name: str) -> type:
    """Return a class that stands for the global of that name."""
    return Made("StandIn", (Growing,), {"__slots__": (), "global_name": GlobalName(module, name)})


_stand_in = lru_cache(1024)(stand_in)
"""The classes that `constructed` needs are made once: each takes 1.5 kB, and five bytes of a pickle ask for one."""


def constructed(type_: Any, args: tuple[Any, ...], kwargs: dict[str, Any] | None, how: str) -> Any:
    """Return a placeholder of a class a pickle hands over as an argument."""
    name = type_.global_name if isinstance(type_, Made) else type_
    if isinstance(name, GlobalName):
        made: Any = object.__new__(_stand_in(name.module, name.name))
        Placeholder.__init__(made, name, args, kwargs, how)
        return made
    raise Unreadable("an object is made of something that is no class")
