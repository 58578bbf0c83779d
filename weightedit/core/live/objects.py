"""Live objects: modules, state_dicts and nestings of them that the person's own code holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import torch

from weightedit.core.described.contents import Expanded, Inventory, Item, Walked, expand_plain
from weightedit.core.dtypes import DTYPES
from weightedit.core.errors import EditRefused
from weightedit.core.hazards import refusal
from weightedit.core.live.facts import short_module_text
from weightedit.core.slots import Described, HeldTensor
from weightedit.core.spec import TensorSpec
from weightedit.core.storage import Storage

MODULE_INNER = ("_parameters", "_buffers", "_modules")


class LiveBytes:
    """The bytes of a torch storage at the time they are read; each write makes a new one to mark the change."""

    __slots__ = ("__weakref__", "nbytes", "storage")

    def __init__(self, storage: torch.UntypedStorage) -> None:
        self.storage = storage
        self.nbytes = storage.nbytes()

    def read_into(self, buffer: memoryview, offset: int = 0) -> None:
        """Fill `buffer` with the bytes from `offset` on, from whatever device they are on."""
        view = buffer.cast("B")
        if not view.nbytes:
            return
        flat = torch.empty(0, dtype=torch.uint8, device=self.storage.device)
        flat = torch.Tensor.set_(flat, self.storage, offset, (view.nbytes,), (1,))
        if flat.is_cpu:
            view[:] = flat.numpy().data  # torch would split the copying over threads, chunk after chunk
        else:
            torch.frombuffer(view, dtype=torch.uint8).copy_(flat)


class NoBytes:
    """The content of a tensor whose values do not lie in one storage, or nowhere at all."""

    __slots__ = ("encoding", "nbytes")

    def __init__(self, encoding: str) -> None:
        self.encoding = encoding
        self.nbytes = 0

    def read_into(self, buffer: memoryview, offset: int = 0) -> None:
        """Refuse: there is nothing to read.

        Raises
        ------
        EditRefused
            Always, unless nothing is wanted.
        """
        if buffer.nbytes:
            raise EditRefused([refusal("unsupported", f"A tensor that is {self.encoding} has no bytes in one piece")])


_IN_PLACE = ("plain", "conjugated", "negated", "quantized")
"""Encodings whose elements lie in a strided storage."""


def encoding_of(tensor: torch.Tensor) -> str:
    """Return how a tensor keeps its values: `plain` where its storage and stride say it all."""
    if torch.nn.parameter.is_lazy(tensor):
        return "uninitialized"
    if tensor.is_nested:
        return "nested"
    if tensor.layout != torch.strided:
        return str(tensor.layout).removeprefix("torch.").removeprefix("_")
    if type(tensor).__torch_dispatch__ is not torch.Tensor.__torch_dispatch__:
        return _own_class(tensor)
    if tensor.is_meta:
        return "meta"
    if tensor.is_quantized:
        return "quantized"
    return "conjugated" if tensor.is_conj() else "negated" if tensor.is_neg() else "plain"


def _own_class(tensor: torch.Tensor) -> str:
    """Return what a class of its own is, whose storage is somewhere inside: `DTensor Shard(dim=0) over 2 ranks`."""
    name, mesh = type(tensor).__name__, getattr(tensor, "device_mesh", None)
    if mesh is None:
        return name
    placements = ", ".join(map(repr, getattr(tensor, "placements", ())))
    return f"{name} {placements} over {mesh.size():,} rank{'' if mesh.size() == 1 else 's'}"


def _shape_of(tensor: torch.Tensor, encoding: str) -> tuple[int, ...]:
    if encoding == "uninitialized":
        return (0,)
    if encoding == "nested":  # rows of different lengths: only how many values there are
        return (tensor.numel(),)
    return tuple(int(size) for size in tensor.shape)


def is_live(value: Any) -> bool:
    """Whether a value can be opened: a module, a tensor, or a container."""
    return isinstance(value, torch.nn.Module | torch.Tensor | dict | list | tuple)


class LiveObjects:
    """Finds the tensors in live objects; tied tensors and shared storages are recognised by identity.

    Parameters
    ----------
    storages
        What is known already: tensors, each with the storage it lies over.
    held
        Tensors that are held already.
    """

    def __init__(self, storages: Iterable[tuple[torch.Tensor, Storage]] = (),
                 held: Iterable[HeldTensor] = ()) -> None:  # fmt: skip
        self._storages = {
            tensor.untyped_storage()._cdata: storage
            for tensor, storage in storages if not isinstance(storage.content, NoBytes)
        }  # fmt: skip
        self._tensors = {id(tensor.described.live): tensor for tensor in held}
        self._buffers: set[int] = set()

    def walk(self, root: Any) -> Inventory:
        """Return everything in `root`, in order."""
        return Walked(root, self.expand, self.held_by)

    def expand(self, value: Any, path: tuple[Any, ...]) -> Expanded | None:
        """Say what is inside a module or container."""
        if isinstance(value, torch.nn.Module):
            return "module", short_module_text(value), self._module_items(value, path)
        return expand_plain(value, path)

    def _module_items(self, module: torch.nn.Module, path: tuple[Any, ...]) -> Iterator[Item]:
        self._buffers.update(id(buffer) for buffer in module._buffers.values())
        for part in MODULE_INNER:
            for key, item in getattr(module, part).items():
                if item is not None:
                    yield module, key, item, (*path, key)
        for key, item in vars(module).items():
            if isinstance(item, torch.Tensor):
                yield module, key, item, (*path, key)

    def held_by(self, value: Any) -> HeldTensor | None:
        """Return the tensor a leaf is; the same one for the same object."""
        if not isinstance(value, torch.Tensor):
            return None
        if id(value) not in self._tensors:
            self._tensors[id(value)] = HeldTensor(self.describe(value))
        return self._tensors[id(value)]

    def describe(self, tensor: torch.Tensor) -> Described:
        """Describe a torch tensor over its storage, as what it is registered as.

        What torch does not keep as plain strided numbers has another encoding: it is shown, and not edited.
        """
        kind = "parameter" if isinstance(tensor, torch.nn.Parameter) else "tensor"
        if id(tensor) in self._buffers:
            kind = "buffer"
        dtype = str(tensor.dtype).removeprefix("torch.")
        encoding = encoding_of(tensor)
        if dtype not in DTYPES:  # a dtype whose values nobody has numbers for
            dtype, encoding = "uint8", dtype
        spec = TensorSpec(dtype, (), (), 0, encoding, kind, tensor.requires_grad, str(tensor.device))
        if encoding in _IN_PLACE:
            spec = replace(spec, shape=tuple(tensor.shape), stride=tuple(tensor.stride()),
                           offset=int(tensor.storage_offset()))  # fmt: skip
            return Described(spec, self._storage(tensor.untyped_storage()), tensor)
        return Described(spec.fresh(shape=_shape_of(tensor, encoding)), Storage(NoBytes(encoding)), tensor)

    def _storage(self, untyped: torch.UntypedStorage) -> Storage:
        key = untyped._cdata
        if key not in self._storages:
            self._storages[key] = Storage(LiveBytes(untyped))
        return self._storages[key]
