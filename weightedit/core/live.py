"""Live objects: modules, state_dicts and nestings of them that the person's own code holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from weightedit.core.contents import Expanded, Inventory, Item, expand_plain
from weightedit.core.dtypes import DTYPES
from weightedit.core.slots import Described, HeldTensor
from weightedit.core.spec import TensorSpec
from weightedit.core.storage import Storage

MODULE_INNER = ("_parameters", "_buffers", "_modules")


class LiveBytes:
    """The bytes of a torch storage at the time they are read; each write makes a new one to mark the change."""

    __slots__ = ("nbytes", "storage")

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


def is_live(value: Any) -> bool:
    """Whether a value can be opened: a module, a tensor, or a container."""
    return isinstance(value, torch.nn.Module | torch.Tensor | dict | list | tuple)


class LiveObjects:
    """Finds the tensors in live objects; tied tensors and shared storages are recognised by identity."""

    def __init__(self) -> None:
        self._storages: dict[int, Storage] = {}
        self._tensors: dict[int, HeldTensor] = {}
        self._buffers: set[int] = set()

    def walk(self, root: Any) -> Inventory:
        """Return everything in `root`, in order."""
        return Inventory(root, self.expand, self.held_by)

    def expand(self, value: Any, path: tuple[Any, ...]) -> Expanded | None:
        """Say what is inside a module or container."""
        if isinstance(value, torch.nn.Module):
            return "module", type(value).__name__, self._module_items(value, path)
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
        """Describe a torch tensor over its storage, as what it is registered as."""
        name = str(tensor.dtype).removeprefix("torch.")
        kind = "parameter" if isinstance(tensor, torch.nn.Parameter) else "tensor"
        if id(tensor) in self._buffers:
            kind = "buffer"
        if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_meta or name not in DTYPES:
            encoding = "meta" if tensor.is_meta else "quantized" if tensor.is_quantized else str(tensor.layout)
            spec = TensorSpec("uint8", tuple(tensor.shape), (0,) * tensor.dim(), encoding=encoding, kind=kind)
            return Described(spec, Storage(LiveBytes(torch.empty(0).untyped_storage())), tensor)
        untyped = tensor.untyped_storage()
        spec = TensorSpec(name, tuple(tensor.shape), tuple(tensor.stride()), int(tensor.storage_offset()), kind=kind,
                          requires_grad=tensor.requires_grad, device=str(tensor.device))  # fmt: skip
        return Described(spec, self._storage(untyped), tensor)

    def _storage(self, untyped: torch.UntypedStorage) -> Storage:
        key = untyped._cdata
        if key not in self._storages:
            self._storages[key] = Storage(LiveBytes(untyped))
        return self._storages[key]
