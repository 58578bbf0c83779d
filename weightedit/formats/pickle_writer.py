"""Writes pickles as torch.save does, protocol 2, with classes and functions by name: nothing is imported or called.

The opcodes are put out from a stack of pending work instead of by recursion, so depth is no limit.
Meaning of the opcodes: https://github.com/python/cpython/blob/main/Lib/pickletools.py
"""

from __future__ import annotations

import struct
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from weightedit.core.described.placeholder import GlobalName, Placeholder
from weightedit.core.described.tensor_dict import TensorDict
from weightedit.core.errors import CheckpointError
from weightedit.core.slots import HeldTensor
from weightedit.core.spec import TensorSpec
from weightedit.formats.pickle_globals import STORAGE_OF
from weightedit.formats.pickle_reader import FROM_TYPE
from weightedit.formats.pickle_values import Extras, OrderedState, PickledTensor, SizeValue, StorageRef

FLAGS = ("conjugated", "negated")
"""Encodings that are a flag of the tensor, over the bytes as they are."""
_BATCH = 1000
"""Items per SETITEMS or APPENDS, as Python's own pickler has it."""


class _Op(bytes):
    """Opcodes that are ready to be put out."""


@dataclass(frozen=True, slots=True)
class _Remember:
    value: Any


@dataclass(frozen=True, slots=True)
class _EndTuple:
    value: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class _Reduced:
    """REDUCE or NEWOBJ was put out for a placeholder: remember it, then give it state and items."""

    value: Placeholder
    op: bytes


@dataclass(frozen=True, slots=True)
class _Persistent:
    pid: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a tensor is in the new file.

    Attributes
    ----------
    spec
        With stride and offset as they are over the storage written.
    key
        Name of the storage's record.
    nbytes
        Of that storage.
    location
        Device tag of that storage.
    untyped
        Whether tensors of several dtypes share it.
    """

    spec: TensorSpec
    key: str
    nbytes: int
    location: str
    untyped: bool


class PickleWriter:
    """Makes one pickle.

    Parameters
    ----------
    placed
        Returns where a tensor is in the new file.
    stored_ref
        Returns the same for a storage that stands in the pickle without a tensor.
    legacy
        Whether storages are named as torch before 1.6 did, with a place for a view of another storage.
    """

    def __init__(self, placed: Callable[[HeldTensor], Placed], stored_ref: Callable[[StorageRef], str], *,
                 legacy: bool = False) -> None:  # fmt: skip
        self._view: tuple[None, ...] = (None,) if legacy else ()
        self._placed = placed
        self._stored_ref = stored_ref
        self._memo: dict[int, tuple[int, Any]] = {}
        self._texts: dict[str, int] = {}
        self._globals: dict[GlobalName, int] = {}
        self._out = bytearray()
        self._stack: list[Any] = []
        self._count = 0

    def write(self, root: Any) -> bytes:
        """Return the pickle of `root`."""
        self._out += b"\x80\x02"
        self._stack.append(root)
        while self._stack:
            self._put(self._stack.pop())
        self._out += b"."
        return bytes(self._out)

    def _then(self, *work: Any) -> None:
        """Do these next, in this order."""
        self._stack += reversed(work)

    def _put(self, value: Any) -> None:
        kind = type(value)
        simple = _SIMPLE.get(kind)
        if simple is not None:
            self._out += simple(value)
        elif kind is str:
            self._text(value)
        elif kind is _Op:
            self._out += value
        elif id(value) in self._memo:
            self._out += _get(self._memo[id(value)][0])
        elif kind in _WRITERS:
            _WRITERS[kind](self, value)
        elif isinstance(value, HeldTensor):
            self._tensor(value)
        elif isinstance(value, GlobalName):
            self._global(value)
        elif isinstance(value, Placeholder):
            self._placeholder(value)
        else:
            self._then(reduced(value))

    def _remember(self, value: Any) -> None:
        self._memo[id(value)] = (self._count, value)  # kept alive, so that no other object gets its id
        self._out += self._put_memo()

    def _put_memo(self) -> bytes:
        index, self._count = self._count, self._count + 1
        return b"q" + bytes([index]) if index < 256 else b"r" + struct.pack("<L", index)

    def _text(self, value: str) -> None:
        known = self._texts.get(value)
        if known is not None:
            self._out += _get(known)
            return
        raw = value.encode("utf-8", "surrogatepass")
        if len(raw) > 0xFFFFFFFF:
            raise CheckpointError("A text of more than 4 GiB cannot be written.")
        self._texts[value] = self._count
        self._out += b"X" + struct.pack("<L", len(raw)) + raw + self._put_memo()

    def _global(self, value: GlobalName) -> None:
        name = GlobalName(value.module, value.name)
        known = self._globals.get(name)
        if known is not None:
            self._out += _get(known)
            return
        if "\n" in value.module + value.name:
            raise CheckpointError(f"The name {value!r} cannot be written: it has a line break.")
        self._globals[name] = self._count
        self._out += b"c" + f"{value.module}\n{value.name}\n".encode("utf-8", "surrogatepass") + self._put_memo()

    def _tuple(self, value: tuple[Any, ...]) -> None:
        if not value:
            self._out += b")"
        elif len(value) <= 3:
            self._then(*value, _EndTuple(value))
        else:
            self._out += b"("
            self._then(*value, _EndTuple(value))

    def _end_tuple(self, end: _EndTuple) -> None:
        value = end.value
        if id(value) in self._memo:  # it holds a list that holds it: what was put out is let go again
            self._out += b"0" * len(value) if len(value) <= 3 else b"1"
            self._out += _get(self._memo[id(value)][0])
            return
        self._out += (b"", b"\x85", b"\x86", b"\x87")[len(value)] if len(value) <= 3 else b"t"
        self._remember(value)

    def _list(self, value: list[Any]) -> None:
        self._out += b"]"
        self._remember(value)
        self._items(value)

    def _items(self, items: list[Any]) -> None:
        work: list[Any] = []
        for start in range(0, len(items), _BATCH):
            batch = items[start : start + _BATCH]
            work += [*batch, _Op(b"a")] if len(batch) == 1 else [_Op(b"("), *batch, _Op(b"e")]
        self._then(*work)

    def _pairs(self, pairs: list[tuple[Any, Any]], *after: Any) -> None:
        work: list[Any] = []
        for start in range(0, len(pairs), _BATCH):
            batch = [part for pair in pairs[start : start + _BATCH] for part in pair]
            work += [*batch, _Op(b"s")] if len(batch) == 2 else [_Op(b"("), *batch, _Op(b"u")]
        self._then(*work, *after)

    def _dict(self, value: dict[Any, Any]) -> None:
        self._out += b"}"
        self._remember(value)
        self._pairs(list(value.items()))

    def _ordered(self, value: OrderedDict[Any, Any]) -> None:
        state = value.state if isinstance(value, OrderedState) else vars(value) or None
        self._global(GlobalName("collections", "OrderedDict"))
        self._out += b")R"
        self._remember(value)
        self._pairs(list(value.items()), *(() if state is None else (state, _Op(b"b"))))

    def _call(self, module: str, name: str, args: tuple[Any, ...], value: Any) -> None:
        self._then(GlobalName(module, name), args, _Op(b"R"), _Remember(value))

    def _set(self, value: set[Any] | frozenset[Any]) -> None:
        self._call("__builtin__", type(value).__name__, (list(value),), value)

    def _bytes(self, value: bytes) -> None:
        self._call("_codecs", "encode", (value.decode("latin1"), "latin1"), value)

    def _bytearray(self, value: bytearray) -> None:
        self._call("__builtin__", "bytearray", (bytes(value),), value)

    def _complex(self, value: complex) -> None:
        self._call("__builtin__", "complex", (value.real, value.imag), value)

    def _range(self, value: range) -> None:
        self._call("__builtin__", "xrange", (value.start, value.stop, value.step), value)

    def _slice(self, value: slice) -> None:
        self._call("__builtin__", "slice", (value.start, value.stop, value.step), value)

    def _size(self, value: SizeValue) -> None:
        self._call("torch", "Size", (tuple(value),), value)

    def _placeholder(self, value: Placeholder) -> None:
        if value.type == GlobalName(*FROM_TYPE) and isinstance(value.args[2], HeldTensor):
            build, kind, inner, state = value.args
            function, args = self._rebuild(inner)
            self._then(value.type, (function if build != function else build, kind, args, state),
                       _Reduced(value, b"R"))  # fmt: skip
        elif value.how == "call":
            self._then(value.args[0], value.args[1:], _Reduced(value, b"R"))
        elif value.how == "newobj":
            self._then(value.type, value.args, _Reduced(value, b"\x81"))
        elif value.how == "newobj_ex":
            args = (value.type, value.args, value.kwargs or {})
            self._then(GlobalName("copy_reg", "__newobj_ex__"), args, _Reduced(value, b"R"))
        else:
            self._then(value.type, value.args, _Reduced(value, b"R"))

    def _reduced(self, step: _Reduced) -> None:
        value = step.value
        if id(value) in self._memo:  # its own arguments led back to it
            self._out += b"00" + _get(self._memo[id(value)][0])
            return
        self._out += step.op
        self._remember(value)
        if value.has_state:
            self._then(value.state, _Op(b"b"))
        if value.pairs:
            self._pairs(value.pairs)
        if value.items:
            self._items(value.items)

    def _storage_ref(self, value: StorageRef) -> None:
        key = self._stored_ref(value)
        self._then(_Persistent(("storage", value.type, key, value.location, value.numel, *self._view)))

    def _persistent(self, value: _Persistent) -> None:
        self._then(value.pid, _Op(b"Q"))

    def _tensor(self, held: HeldTensor) -> None:
        function, args = self._rebuild(held)
        spec = self._placed(held).spec
        extras = _extras(held, spec)
        if spec.kind != "parameter":
            self._then(function, args, _Op(b"R"), _Remember(held))
            return
        work = (function, args, _Op(b"R"))
        name = "_rebuild_parameter" if extras.state is None else "_rebuild_parameter_with_state"
        after = (_hooks(extras),) if extras.state is None else (_hooks(extras), extras.state)
        self._then(GlobalName("torch._utils", name), _Op(b"("), *work, spec.requires_grad, *after, _Op(b"tR"),
                   _Remember(held))  # fmt: skip

    def _rebuild(self, held: HeldTensor) -> tuple[GlobalName, tuple[Any, ...]]:
        """Return the function of torch that rebuilds a plain tensor, and its arguments."""
        placed = self._placed(held)
        spec = placed.spec
        extras = _extras(held, spec)
        typed = STORAGE_OF.get(spec.dtype) if not placed.untyped else None
        storage_type = GlobalName("torch", typed) if typed else GlobalName("torch.storage", "UntypedStorage")
        numel = placed.nbytes // spec.type.itemsize if typed else placed.nbytes
        storage = _Persistent(("storage", storage_type, placed.key, placed.location, numel, *self._view))
        head = (storage, spec.offset, spec.shape, spec.stride)
        grad = spec.requires_grad and spec.kind != "parameter"
        hooks = _hooks(extras) if spec.kind != "parameter" else OrderedDict()
        metadata = () if extras.metadata is None else (extras.metadata,)
        if extras.quantizer is not None:
            return GlobalName("torch._utils", "_rebuild_qtensor"), (*head, extras.quantizer, grad, hooks)
        if typed:
            return GlobalName("torch._utils", "_rebuild_tensor_v2"), (*head, grad, hooks, *metadata)
        dtype = GlobalName("torch", spec.dtype)
        return GlobalName("torch._utils", "_rebuild_tensor_v3"), (*head, grad, hooks, dtype, *metadata)


def _extras(held: HeldTensor, spec: TensorSpec) -> Extras:
    """Return what the tensor was saved with, as far as it still applies to what it is now."""
    extras = held.extras if isinstance(held, PickledTensor) else None
    if extras is None:
        live = held.described.live if spec.encoding in FLAGS else None
        return Extras() if live is None else Extras(metadata=_flags(live))
    if spec.encoding == "plain":
        return Extras(extras.hooks, None, extras.state)
    return extras


def _flags(live: Any) -> dict[str, bool]:
    """Return the flags of a live tensor that are set, as torch saves them."""
    flags = {"conj": live.is_conj(), "neg": live.is_neg()}
    return {name: True for name, is_set in flags.items() if is_set}


def _hooks(extras: Extras) -> Any:
    return OrderedDict() if extras.hooks is None else extras.hooks


def _get(index: int) -> bytes:
    return b"h" + bytes([index]) if index < 256 else b"j" + struct.pack("<L", index)


def _int(value: int) -> bytes:
    if 0 <= value < 256:
        return b"K" + bytes([value])
    if 0 <= value < 65536:
        return b"M" + struct.pack("<H", value)
    if -(1 << 31) <= value < 1 << 31:
        return b"J" + struct.pack("<i", value)
    raw = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(raw)]) + raw if len(raw) < 256 else b"\x8b" + struct.pack("<i", len(raw)) + raw


def reduced(value: Any) -> Placeholder | GlobalName:
    """Describe an object of the person's own program, as its class says it is to be pickled."""
    if isinstance(value, type) or (callable(value) and hasattr(value, "__qualname__")):
        return GlobalName(value.__module__, value.__qualname__)
    if type(value).__module__ == "torch" and type(value).__name__ in ("dtype", "layout", "memory_format"):
        return GlobalName("torch", str(value).removeprefix("torch."))
    if hasattr(value, "untyped_storage"):
        raise CheckpointError("A tensor as the key of a dict, in a set or in an array of objects cannot be written.")
    try:
        how = value.__reduce_ex__(2)
    except Exception as error:  # whatever a class of somebody else raises
        raise CheckpointError(f"A {type(value).__name__} cannot be written: {error}.") from error
    if isinstance(how, str):
        return GlobalName(type(value).__module__, how)
    function, args, state, items, pairs = (*how, None, None, None)[:5]
    if getattr(function, "__name__", "") == "__newobj__":
        made = Placeholder(GlobalName(args[0].__module__, args[0].__qualname__), tuple(args[1:]), how="newobj")
    else:
        made = Placeholder(GlobalName(function.__module__, function.__qualname__), tuple(args))
    made.state, made.has_state = state, state is not None
    made.items, made.pairs = list(items or ()), list(pairs or ())
    return made


_SIMPLE: dict[type, Callable[[Any], bytes]] = {
    type(None): lambda value: b"N",
    bool: lambda value: b"\x88" if value else b"\x89",
    int: _int,
    float: lambda value: b"G" + struct.pack(">d", value),
}
_WRITERS: dict[type, Callable[[PickleWriter, Any], None]] = {
    tuple: PickleWriter._tuple, list: PickleWriter._list, dict: PickleWriter._dict,
    TensorDict: PickleWriter._dict, OrderedDict: PickleWriter._ordered,
    OrderedState: PickleWriter._ordered, set: PickleWriter._set, frozenset: PickleWriter._set,
    bytes: PickleWriter._bytes, bytearray: PickleWriter._bytearray, complex: PickleWriter._complex,
    range: PickleWriter._range, slice: PickleWriter._slice, SizeValue: PickleWriter._size,
    StorageRef: PickleWriter._storage_ref, _Persistent: PickleWriter._persistent, _EndTuple: PickleWriter._end_tuple,
    _Reduced: PickleWriter._reduced, _Remember: lambda writer, step: writer._remember(step.value),
}  # fmt: skip
