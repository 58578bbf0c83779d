"""Opening, editing and writing by the formats alone, without a Document around them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from weightedit.core.described.contents import Walked, expand_plain
from weightedit.core.progress import Progress
from weightedit.core.slots import Described, HeldTensor, Slot
from weightedit.core.spec import TensorSpec
from weightedit.core.storage import Resident, Storage
from weightedit.core.transaction import FileSystem, Transaction
from weightedit.core.values.streaming import logical_bytes
from weightedit.formats import FORMATS, Contents, Format, Opened, detect
from weightedit.formats.verify import verify

SAFETENSORS, TORCH_ZIP, TORCH_LEGACY = (next(kind for kind in FORMATS if kind.name == name)
                                         for name in ("safetensors", "torch zip", "torch legacy"))  # fmt: skip


def held_by(value: Any) -> HeldTensor | None:
    return value if isinstance(value, HeldTensor) else None


@dataclass
class Held:
    """An opened file with its slots."""

    kind: Format
    opened: Opened

    @classmethod
    def open(cls, path: Path) -> Held:
        kind = detect(path)
        return cls(kind, kind.open(path, Progress()))

    @property
    def inventory(self) -> Walked:
        return Walked(self.opened.root, expand_plain, held_by)

    @property
    def slots(self) -> dict[str, Slot]:
        return {slot.name: slot for slot in self.inventory.slots}

    def contents(self, kind: Format | None = None) -> Contents:
        inventory = self.inventory
        origin = self.opened.origin if kind in (None, self.kind) else None
        return Contents(self.opened.root, inventory.slots, inventory.entries, self.opened.metadata, origin)

    def write(self, path: Path, kind: Format | None = None, system: FileSystem | None = None, **options: Any) -> list:
        writer, contents = kind or self.kind, self.contents(kind)
        with Transaction(system) as transaction:
            done = writer.write(contents, path, transaction, progress=Progress(), **options)
            verify(writer, transaction, contents, Progress())
            transaction.commit()
        return done


def tensor_of(spec: TensorSpec, content: Any) -> torch.Tensor:
    """The logical values as torch has them, for comparison."""
    data = bytearray(b"".join(bytes(chunk) for chunk in logical_bytes(spec, content, 64)))
    dtype = getattr(torch, spec.dtype)
    flat = torch.frombuffer(data, dtype=torch.uint8) if data else torch.empty(0, dtype=torch.uint8)
    return flat.view(dtype).reshape(spec.shape)


def bits(tensor: torch.Tensor) -> bytes:
    flat = tensor.detach().cpu().resolve_conj().resolve_neg().contiguous().reshape(-1)
    if flat.stride() != (1,):  # a single element keeps the stride of its row
        flat = flat.clone(memory_format=torch.contiguous_format)
    return bytes(flat.view(torch.uint8).numpy()) if flat.numel() else b""


def slot_bits(slot: Slot) -> bytes:
    return b"".join(bytes(chunk) for chunk in logical_bytes(slot.spec, slot.storage.content))


def fill(slot: Slot, byte: int) -> None:
    """Put one byte everywhere in the slot's storage, as an edit of values does."""
    slot.storage.content = Resident(memoryview(bytes([byte]) * slot.storage.nbytes))


def rebind(slot: Slot, tensor: torch.Tensor) -> None:
    """Give the slot's tensor another shape, dtype and storage, as a cast does."""
    name = str(tensor.dtype).removeprefix("torch.")
    spec = slot.spec.fresh(dtype=name, shape=tuple(tensor.shape))
    slot.held.bind(Described(spec, Storage(Resident(memoryview(bytearray(bits(tensor)))))))


def same(mine: Any, theirs: Any) -> None:
    """Assert that two things torch loaded are alike to the bit, in types, order and ties of values."""
    assert type(mine) is type(theirs)
    if isinstance(mine, torch.Tensor):
        facts = [(t.dtype, t.shape, t.requires_grad, t.device, t.is_quantized) for t in (mine, theirs)]
        assert facts[0] == facts[1]
        if mine.is_quantized:
            assert torch.equal(mine.int_repr(), theirs.int_repr())
        else:
            assert bits(mine) == bits(theirs)
    elif isinstance(mine, dict):
        assert list(mine) == list(theirs)
        for key, value in mine.items():
            same(value, theirs[key])
        assert getattr(mine, "_metadata", None) == getattr(theirs, "_metadata", None)
    elif isinstance(mine, list | tuple):
        assert len(mine) == len(theirs)
        for value, other in zip(mine, theirs, strict=True):
            same(value, other)
    elif hasattr(mine, "__dict__") and not isinstance(mine, type):
        same(vars(mine), vars(theirs))
    else:
        assert mine == theirs or mine != mine


def tree(root: Any, leaf: Callable[[HeldTensor], Any]) -> Any:
    """Copy dicts and lists with something else for each tensor."""
    if isinstance(root, HeldTensor):
        return leaf(root)
    if isinstance(root, dict):
        return {key: tree(value, leaf) for key, value in root.items()}
    if isinstance(root, list | tuple):
        return type(root)(tree(value, leaf) for value in root)
    return root
