"""Reads a pickle without running it: every name becomes inert, a few harmless ones get an implementation of ours.

Nothing that a file names is ever imported, looked up or called. The reader is Python's own C unpickler with
`find_class` replaced, so all protocols are read, at its speed.
"""

from __future__ import annotations

import copyreg
import io
import pickle
from collections.abc import Callable
from functools import partial
from typing import IO, Any

from weightedit.core.described.collector import collector_paused
from weightedit.core.described.placeholder import GlobalName, Placeholder
from weightedit.core.dtypes import DTYPES
from weightedit.core.progress import OFTEN, Ask, unasked
from weightedit.core.source import ByteSource
from weightedit.formats.pickle_budget import Budget, Putting, Unreadable
from weightedit.formats.pickle_globals import known_globals
from weightedit.formats.pickle_scan import guarded
from weightedit.formats.pickle_settle import settle
from weightedit.formats.pickle_values import (
    Extras,
    Known,
    OldTensor,
    PickledTensor,
    SizeValue,
    StorageRef,
    StorageType,
    Stored,
    constructed,
    stand_in,
)

MOST_GLOBALS = 20_000
MOST_DIMS = 64
"""torch makes no tensor of more dimensions."""
_ENDLESS = 1 << 63
_AHEAD = 1 << 17
"""Bytes that are read ahead; the unpickler looks into them without a call for each opcode."""
FROM_TYPE = ("torch._tensor", "_rebuild_from_type_v2")
SPARSE, NESTED = "_rebuild_sparse_tensor", "_rebuild_nested_tensor"
_PACKED = ("quint4x2", "quint2x4")
_ITEMSIZE = {name: dtype.itemsize for name, dtype in DTYPES.items()}


class PickleReader:
    """Reads one pickle and keeps what its tensors need.

    Parameters
    ----------
    nbytes_of
        Returns how many bytes the storage with a key has; raises `CheckpointError` where there is none.
    source_of
        Returns its bytes, when someone wants them.
    ask
        Called about every thousand objects; what it raises ends the reading.

    Attributes
    ----------
    refs
        The last reference to every storage, by key, in order.
    faults
        Tensors that leave their storage, each with what is wrong.
    parts
        Tensors that are made of others: sparse, nested and quantized ones.
    named
        The classes and functions, (module, name), that were named, and whether they stand for something of ours.
    """

    def __init__(self, nbytes_of: Callable[[str], int], source_of: Callable[[str], ByteSource],
                 ask: Ask = unasked) -> None:  # fmt: skip
        self._nbytes_of = nbytes_of
        self._source_of = source_of
        self._ask = ask
        self.refs: dict[str, StorageRef] = {}
        self.faults: list[tuple[PickledTensor, str]] = []
        self.named: dict[tuple[str, str], bool] = {}
        self.parts: list[Any] = []
        self._alone: dict[Stored, PickledTensor] = {}  # the first tensor over each storage
        self._sharing: list[PickledTensor] = []
        self._budget = Budget(ask)
        self._put = Putting(self._budget).put
        self._globals: dict[tuple[str, str], Any] = dict(known_globals(self._budget))
        self._stand_ins = 0  # how many placeholders there may be, so whether there is anything to settle
        builders: dict[str, Callable[..., Any]] = {
            "_rebuild_tensor": self._tensor_v1, "_rebuild_tensor_v3": self._tensor_v3,
            "_rebuild_parameter": self._parameter, "_rebuild_parameter_with_state": self._parameter,
            "_rebuild_qtensor": self._quantized,
        }  # fmt: skip
        for name, call in builders.items():
            self._globals["torch._utils", name] = Known("torch._utils", name, call)
        self._globals["torch._utils", "_rebuild_tensor_v2"] = _Tensor(self)
        for name in (SPARSE, NESTED):
            self._globals["torch._utils", name] = Known("torch._utils", name, partial(self._made_of, name))
        for owner in ("torch.nn.parameter.Parameter", "torch.autograd.variable.Variable"):
            module, _, name = owner.rpartition(".")
            self._globals[module, name] = Known(module, name, partial(self._old, GlobalName(module, name)))
        self._globals[FROM_TYPE] = Known(*FROM_TYPE, self._from_type)

    def read(self, data: bytes, nbytes: int | None = None) -> Any:
        """Return what the pickle describes.

        Parameters
        ----------
        data
            The pickle.
        nbytes
            What it takes in its file, where that is less.

        Raises
        ------
        Exception
            Whatever a malformed pickle makes the unpickler raise; the caller says which file it was.
        """
        self._budget.begin(len(data))
        data = guarded(data, nbytes, self._ask)
        with collector_paused():
            registered = copyreg._inverted_registry or copyreg._extension_cache  # type: ignore[attr-defined]
            file = io.BufferedReader(_Asked(data, self._ask), _AHEAD)
            try:
                root = (_careful if registered else _Fast)(self, file).load()
            finally:
                self._globals.clear()  # what stands for them leads back to the reader
        if self._stand_ins:
            root = settle(root, self._ask)
        for number, held in enumerate(self._sharing):
            if not number % OFTEN:
                self._ask()
            _ = held.described  # only a tensor alone in its storage may stay undescribed
        return root

    def find_class(self, module: str, name: str) -> Any:
        """Return what stands for a global: never the thing itself."""
        found = self._globals.get((module, name))
        self.named.setdefault((module, name), found is not None)
        if found is None:
            self._stand_ins += 1
            if self._stand_ins > MOST_GLOBALS:
                raise Unreadable(f"it names more than {MOST_GLOBALS:,} classes and functions")
            found = self._globals[module, name] = stand_in(module, name)
        return found

    def persistent_load(self, pid: Any) -> StorageRef:
        """Return the storage that a persistent id names."""
        if type(pid) is not tuple or len(pid) != 5 or pid[0] != "storage" or not isinstance(pid[1], StorageType):
            raise Unreadable("a persistent id is not one of torch's storages")
        _, kind, key, location, numel = pid
        if type(key) is not str or type(location) is not str or type(numel) is not int or numel < 0:
            raise Unreadable("a storage has a key, device or size of the wrong type")
        ref = self.refs.get(key)
        if ref is not None and ref.type is kind and ref.numel == numel and ref.location == location:
            return ref
        stored = Stored(key, self._nbytes_of(key), self._source_of) if ref is None else ref.stored
        wanted = numel * (1 if kind.dtype is None else _ITEMSIZE[kind.dtype])
        if wanted > stored.nbytes:
            raise Unreadable(f"storage {key} should have {wanted:,} bytes and has {stored.nbytes:,}")
        made = self.refs[key] = StorageRef(stored, kind, location, numel)
        return made

    def _tensor_v1(self, ref: Any, offset: Any, size: Any, stride: Any) -> PickledTensor:
        return self._tensor(ref, offset, size, stride, False)

    def _tensor(self, ref: Any, offset: Any, size: Any, stride: Any, requires_grad: Any, hooks: Any = None,
                metadata: Any = None) -> PickledTensor:  # fmt: skip
        return self._described(ref, ref.type.dtype or "uint8", offset, size, stride, requires_grad, hooks, metadata)

    def _tensor_v3(self, ref: Any, offset: Any, size: Any, stride: Any, requires_grad: Any, hooks: Any, dtype: Any,
                   metadata: Any = None) -> Any:  # fmt: skip
        if not isinstance(dtype, Known):  # a dtype of a later torch
            args = (ref, offset, size, stride, requires_grad, hooks, dtype)
            self._stand_ins += 1
            return constructed(GlobalName("torch._utils", "_rebuild_tensor_v3"), args, None, "reduce")
        return self._described(ref, dtype.name, offset, size, stride, requires_grad, hooks, metadata)

    def _described(self, ref: Any, dtype: str, offset: Any, size: Any, stride: Any, requires_grad: Any, hooks: Any,
                   metadata: Any) -> PickledTensor:  # fmt: skip
        if type(size) is not tuple:  # as nearly all are
            if isinstance(size, Placeholder):
                size = size.args[0]
            if isinstance(size, SizeValue | list):  # and no range, which has no end to copy
                size = tuple(size)
        if type(ref) is not StorageRef or type(size) is not tuple or type(stride) is not tuple:
            raise Unreadable("a tensor is described by something that is no storage, size and stride")
        held = PickledTensor(ref, dtype, offset, size, stride, requires_grad is True)
        stored = ref.stored
        first = self._alone.setdefault(stored, held)
        if first is not held:
            self._sharing += (first, held)
        if hooks or metadata:
            held.extras = Extras(hooks or None, metadata or None)
        if len(size) != len(stride) or len(size) > MOST_DIMS:
            raise Unreadable(f"a tensor has {len(size):,} sizes and {len(stride):,} strides")
        last, empty, numel = offset, False, 1
        for length, step in zip(size, stride, strict=True):
            if type(length) is not int or type(step) is not int or length > _ENDLESS or step > _ENDLESS:
                raise Unreadable("a tensor has sizes that are no whole numbers, or beyond all files")
            if length < 1 or step < 0:
                if length < 0 or step < 0:
                    self.faults.append((held, f"has the shape {list(size)} and stride {list(stride)}"))
                empty = True
            last += (length - 1) * step
            numel *= length or 1
        if type(offset) is not int or not 0 <= offset <= _ENDLESS:
            raise Unreadable("a tensor has an offset that is no whole number, or beyond all files")
        if numel * _ITEMSIZE[dtype] > _ENDLESS:
            self.faults.append((held, f"has the shape {list(size)}, whose elements need more bytes than 63 bits count"))
        end = (offset if empty else last + 1) * _ITEMSIZE[dtype]
        if end > stored.nbytes and not empty:
            self.faults.append((held, f"reaches byte {end:,} of its storage, which has {stored.nbytes:,}"))
        return held

    def _parameter(self, data: Any, requires_grad: Any, hooks: Any = None, state: Any = None) -> Any:
        if not isinstance(data, PickledTensor):  # a parameter around something that is no plain tensor
            name = "_rebuild_parameter" if state is None else "_rebuild_parameter_with_state"
            self._stand_ins += 1
            args = (data, requires_grad, hooks) if state is None else (data, requires_grad, hooks, state)
            return constructed(GlobalName("torch._utils", name), args, None, "reduce")
        data.parameter = True
        data.requires_grad = requires_grad is True
        if hooks or state:
            extras = data.extras = data.extras or Extras()
            extras.hooks, extras.state = hooks or extras.hooks, state
        return data

    def _old(self, name: GlobalName, *args: Any) -> Any:
        """Build what torch before 0.4 pickled as a call of its class."""
        if len(args) != 1 or type(args[0]) is not PickledTensor:
            self._stand_ins += 1
            return constructed(name, args, None, "reduce")
        data: PickledTensor = args[0]
        data.parameter = name.name == "Parameter"
        data.__class__ = OldTensor
        return data

    def _quantized(self, ref: Any, offset: Any, size: Any, stride: Any, quantizer: Any, requires_grad: Any,
                   hooks: Any = None) -> Any:  # fmt: skip
        if isinstance(ref, StorageRef) and ref.type.dtype in _PACKED:  # several elements in a byte
            args = (ref, offset, size, stride, quantizer, requires_grad, hooks)
            self._stand_ins += 1
            return constructed(GlobalName("torch._utils", "_rebuild_qtensor"), args, None, "reduce")
        held = self._tensor(ref, offset, size, stride, requires_grad, hooks)
        held.extras = held.extras or Extras()
        held.extras.quantizer = quantizer
        self.parts.append(held)
        return held

    def _made_of(self, name: str, *args: Any) -> Any:
        """Keep a tensor that is made of several others: a placeholder that holds them."""
        made = constructed(GlobalName("torch._utils", name), args, None, "reduce")
        self._stand_ins += 1
        self.parts.append(made)
        return made

    def _from_type(self, build: Any, type_: Any, args: Any, state: Any) -> Any:
        """Keep a tensor subclass, or a tensor with attributes: a placeholder that holds the tensor inside."""
        inner = build(*args) if isinstance(build, Known) and type(args) is tuple else args
        if inner is not args and not isinstance(inner, PickledTensor):
            inner = args  # made of several tensors: checked, and kept as it is to be written again
        made = constructed(GlobalName(*FROM_TYPE), (build, type_, inner, state), None, "reduce")
        self._stand_ins += 1
        return made


class _Asked(io.BytesIO):
    """A pickle in memory that asks whether to stop each time the unpickler is given more of it."""

    def __init__(self, data: bytes, ask: Ask) -> None:
        super().__init__(data)
        self._ask = ask

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer with what comes next."""
        self._ask()
        return super().readinto(buffer)


class _Tensor(Known):
    """`_rebuild_tensor_v2`, which nearly all tensors are made by: called without a list of arguments in between."""

    __slots__ = ("_reader",)

    def __init__(self, reader: PickleReader) -> None:
        super().__init__("torch._utils", "_rebuild_tensor_v2")
        self._reader = reader

    def __call__(self, ref: Any, offset: Any, size: Any, stride: Any, requires_grad: Any, hooks: Any = None,
                 metadata: Any = None) -> PickledTensor:  # fmt: skip
        """Describe the tensor."""
        return self._reader._described(ref, ref.type.dtype or "uint8", offset, size, stride, requires_grad, hooks,
                                       metadata)  # fmt: skip


class _Fast(pickle.Unpickler):
    """Python's own, which asks a reader what names and persistent ids stand for."""

    def __init__(self, owner: PickleReader, file: IO[bytes]) -> None:
        super().__init__(file, encoding="utf-8", errors="surrogateescape")
        self._find, self._put, self._load = owner.find_class, owner._put, owner.persistent_load

    def find_class(self, module: str, name: str) -> Any:
        """Return what stands for a global."""
        return self._find(module, name)

    def persistent_load(self, pid: Any) -> Any:
        """Return a storage, or do what stands in place of an opcode that hashes."""
        if type(pid) is not tuple or len(pid) != 2:
            return self._load(pid)
        payload, how = pid
        if how == 2 and type(payload) is tuple and len(payload) == 3:  # one item of a dict: by far the most of them
            into, key, value = payload
            if type(into) is dict and type(key) is str:
                into[key] = value
                return into
        return self._put(payload, how)


def _careful(owner: PickleReader, file: IO[bytes]) -> Any:
    """Return an unpickler for a program whose extension registry is in use, which the C one would look into."""
    base: Any = getattr(pickle, "_Unpickler")  # noqa: B009  # typeshed leaves it out

    class Careful(base):  # type: ignore[misc]
        def find_class(self, module: str, name: str) -> Any:
            return owner.find_class(module, name)

        def persistent_load(self, pid: Any) -> Any:
            return owner._put(*pid) if type(pid) is tuple and len(pid) == 2 else owner.persistent_load(pid)

        def get_extension(self, code: int) -> None:
            raise Unreadable(f"unregistered extension code {code}")

    return Careful(file, encoding="utf-8", errors="surrogateescape")
