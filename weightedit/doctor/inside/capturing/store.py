"""Keeps copies of tensors: in memory up to a budget, the rest in files of our own, read back by ranges."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from weightedit.core.dtypes import torch_dtype
from weightedit.core.errors import WeightEditError
from weightedit.core.live.objects import LiveBytes, encoding_of
from weightedit.core.spec import TensorSpec
from weightedit.core.stage import copies, copy_out, tensor_over
from weightedit.core.storage import Resident
from weightedit.core.undo.sealed import SpillDamaged
from weightedit.core.undo.spill import Spill, SpillFull
from weightedit.core.values.equality import same_bytes
from weightedit.core.words.numbers import bytes_text
from weightedit.core.words.visible import visible


class NoRoom(WeightEditError):
    """Neither the budget nor the disk has room for a copy of a tensor."""


class CapturesDamaged(WeightEditError):
    """Values that were kept on disk are not what was put there."""


class Kept:
    """A copy of a tensor: row-major, on the CPU, without a graph.

    Attributes
    ----------
    spec
        What it is.
    content
        Its bytes.
    """

    __slots__ = ("content", "spec")

    def __init__(self, spec: TensorSpec, content: Resident) -> None:
        self.spec = spec
        self.content = content

    @property
    def is_in_memory(self) -> bool:
        """Whether its bytes count for the budget."""
        return isinstance(self.content.kept, memoryview)

    def read(self) -> torch.Tensor:
        """Return an independent tensor with its values.

        Raises
        ------
        CapturesDamaged
            If the disk has lost them.
        """
        buffer = np.empty(self.spec.nbytes, np.uint8).data
        try:
            self.content.read_into(buffer)
        except SpillDamaged as error:
            raise CapturesDamaged(f"Captured values that were kept on disk are damaged: {error.cause}. Run the model "
                                  "again.") from error  # fmt: skip
        return tensor_over(buffer, self.spec.dtype, self.spec.shape)

    def has_bits_of(self, tensor: torch.Tensor) -> bool:
        """Whether a strided tensor has the same shape, dtype and bits now."""
        if encoding_of(tensor) != "plain" or tensor.dtype != torch_dtype(self.spec.dtype):
            return False
        spec = TensorSpec(self.spec.dtype, tuple(tensor.shape), tensor.stride(), int(tensor.storage_offset()))
        return spec.shape == self.spec.shape and (
            not spec.numel or same_bytes(self.spec, self.content, spec, LiveBytes(tensor.untyped_storage())))


class Store:
    """Copies of tensors within a budget.

    Parameters
    ----------
    folder
        Where the folder of the spill is made, when it is first needed.
    budget
        Bytes of copies that stay in memory.

    Attributes
    ----------
    memory_nbytes
        Bytes that are in memory now; never more than the budget.
    """

    def __init__(self, folder: Path, budget: int) -> None:
        self.budget = budget
        self.memory_nbytes = 0
        self._spill = Spill(folder, in_memory=0)

    @property
    def disk_nbytes(self) -> int:
        """Bytes that the spill has on disk."""
        return self._spill.disk_nbytes

    def keep(self, tensor: torch.Tensor, name: str) -> Kept:
        """Copy a strided tensor of any device, stride and flags.

        Raises
        ------
        NoRoom
            If the disk is full; the name is in the sentence.
        """
        spec = TensorSpec.contiguous(str(tensor.dtype).removeprefix("torch."), tuple(tensor.shape))
        buffer = self._room(spec.nbytes, name)
        copy_out(tensor, buffer)
        return Kept(spec, Resident(buffer))

    def forget(self, kept: Kept) -> None:
        """Give back what a copy has of the budget; its bytes go with the last that holds it."""
        if kept.is_in_memory:
            self.memory_nbytes -= kept.spec.nbytes

    def _room(self, nbytes: int, name: str) -> memoryview:
        if self.memory_nbytes + nbytes <= self.budget:
            try:
                found = np.empty(nbytes, np.uint8).data
            except MemoryError:
                pass  # then the disk may have room
            else:
                self.memory_nbytes += nbytes
                return found
        try:
            return self._spill.allocate(nbytes)
        except SpillFull as error:
            reason = getattr(error.__cause__, "strerror", None) or "out of memory"
            raise NoRoom(f"There is no room for the {bytes_text(nbytes)} of {visible(name)}: {self._spill.place} has "
                         f"none ({reason}), and captures have {bytes_text(self.memory_nbytes)} of the "
                         f"{bytes_text(self.budget)} that they may have in memory. Free some space, or choose fewer "
                         "modules.") from error  # fmt: skip

    def close(self) -> None:
        """Remove the spill; copies that are still held stay readable where the system allows it."""
        self._spill.close()


def why_not(tensor: torch.Tensor) -> str:
    """Return why a tensor cannot be copied as plain numbers, to stand after *it*; empty where it can."""
    wrapped = getattr(torch._C._functorch, "is_functorch_wrapped_tensor", None)
    if wrapped is not None and wrapped(tensor):
        return "is inside a torch.func transform, where it has no values of its own"
    encoding, dtype = encoding_of(tensor), str(tensor.dtype).removeprefix("torch.")
    if encoding == "meta":
        return "is on meta, without values"
    if encoding == "uninitialized":
        return "has no values yet"
    if encoding not in ("plain", "conjugated", "negated"):  # these two are copied as the numbers that they stand for
        return f"is {encoding}, and has no plain values"
    return "" if copies(dtype, str(tensor.device)) else f"is {dtype}, which torch does not copy"
