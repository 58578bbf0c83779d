"""Puts the tensors of a checkpoint into a model: their shapes alone, or their values from a file of our own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from weightedit.core.dtypes import torch_dtype
from weightedit.core.spec import contiguous_stride


@dataclass(frozen=True, slots=True)
class Put:
    """One tensor that goes into the model.

    Attributes
    ----------
    name
        As the model has it.
    shape, dtype
        As the checkpoint has it.
    offset
        Where its values begin in the file, in bytes; -1 where only its shape matters.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    offset: int = -1


class Fitting:
    """A model whose tensors are replaced by those of a checkpoint, as often as asked, from what its code made.

    Tied parameters stay one tensor as long as what is put under their names has one shape, dtype and place.

    Parameters
    ----------
    model
        The model; it is changed.
    fake
        The mode of its tensors without values, or None.
    """

    def __init__(self, model: nn.Module, fake: Any = None) -> None:
        self._fake = fake
        self._made: list[tuple[nn.Module, str, str, torch.Tensor]] = []
        for prefix, module in model.named_modules(remove_duplicate=False):
            for held in (module._parameters, module._buffers):
                for key, tensor in held.items():
                    if tensor is not None:
                        self._made.append((module, key, f"{prefix}.{key}" if prefix else key, tensor))

    def put(self, tensors: Mapping[str, Put], *, assign: bool, values: Path | None = None) -> None:
        """Put tensors in; what is not named is again what the code made.

        Parameters
        ----------
        tensors
            By the names of the model.
        assign
            Whether dtypes are the checkpoint's, as `load_state_dict(assign=True)` has it; else the model's stay.
        values
            The file with their values.
        """
        data = _mapped(values)
        known: dict[Any, Any] = {}
        for module, key, name, made in self._made:
            found = tensors.get(name)
            if found is None:
                if not is_lazy(made):  # what the first run gave a shape keeps it
                    setattr(module, key, made)  # as RNNs need it, which hold their weights in a list too
                continue
            dtype = torch_dtype(found.dtype) if assign else made.dtype
            same = (id(made), found.shape, dtype, found.offset)
            if same not in known:
                known[same] = self._tensor(made, found, dtype, data)
            setattr(module, key, known[same])

    def _tensor(self, made: torch.Tensor, found: Put, dtype: torch.dtype, data: torch.Tensor | None) -> torch.Tensor:
        if data is None or found.offset < 0:
            if not is_lazy(made) and (tuple(made.shape), made.dtype) == (found.shape, dtype):
                return made
            if self._fake is None:
                tensor = torch.zeros(found.shape, dtype=dtype, device=made.device)
            else:
                with self._fake:
                    tensor = torch.empty(found.shape, dtype=dtype, device=made.device)
        else:
            tensor = _of_file(data, found).to(device=made.device, dtype=dtype)
        if not isinstance(made, nn.Parameter):
            return tensor
        trains = made.requires_grad and (tensor.is_floating_point() or tensor.is_complex())
        return nn.Parameter(tensor, requires_grad=trains)


def _of_file(data: torch.Tensor, found: Put) -> torch.Tensor:
    """Return a tensor over a part of a file: no view of it, as views count writes together.

    A write into a statistic would be one into every weight, and torch would refuse the backward pass.
    """
    dtype = torch_dtype(found.dtype)
    with torch.no_grad():
        return torch.empty(0, dtype=dtype).set_(data.untyped_storage(), found.offset // dtype.itemsize, found.shape,
                                                contiguous_stride(found.shape))  # fmt: skip


def _mapped(values: Path | None) -> torch.Tensor | None:
    """Map a file of our own, privately: what trains in it changes neither the file nor anybody else."""
    if values is None or not (size := values.stat().st_size):
        return None
    return torch.from_file(str(values), shared=False, size=size, dtype=torch.uint8)
