"""The only place where torch tensors are changed, and where bytes become torch tensors and back."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import torch

from weightedit.core.dtypes import DTYPES, torch_dtype
from weightedit.core.region import Box


def tensor_from(array: np.ndarray[Any, Any], dtype: str, device: str = "cpu") -> torch.Tensor:
    """Return a torch tensor with the values of a piece; on CPU it may share the piece's memory."""
    if array.size == 0:
        return torch.empty(array.shape, dtype=torch_dtype(dtype), device=device)
    packed = np.require(array, requirements=["C", "W"])
    flat = torch.from_numpy(packed.reshape(-1).view(np.uint8))
    return flat.view(torch_dtype(dtype)).reshape(array.shape).to(device)


def tensor_over(data: memoryview, dtype: str, shape: tuple[int, ...]) -> torch.Tensor:
    """Return a tensor over row-major bytes of our own, sharing them."""
    if not data.nbytes:
        return torch.empty(shape, dtype=torch_dtype(dtype))
    array = np.frombuffer(data, np.uint8)
    if not array.flags.writeable:
        array = array.copy()
    return torch.from_numpy(array).view(torch_dtype(dtype)).reshape(shape)


def bytes_of(tensor: torch.Tensor) -> memoryview:
    """Return the row-major bytes of a CPU tensor."""
    flat = tensor.detach().contiguous().reshape(-1)
    return flat.view(torch.uint8).numpy().data if flat.numel() else memoryview(b"")


def raw_bytes(tensor: torch.Tensor) -> torch.Tensor:
    """Return the row-major bytes of a CPU tensor as uint8, shape `(nbytes,)`."""
    return tensor.contiguous().reshape(-1).view(torch.uint8)


def staged(values: torch.Tensor, dtype: str) -> torch.Tensor:
    """Return what `copy_` stores of `values` in a CPU tensor of `dtype`."""
    target = torch.empty(values.shape, dtype=torch_dtype(dtype))
    with torch.no_grad():
        target.copy_(values)
    return target


def index_of(box: Box) -> tuple[slice | torch.Tensor, ...]:
    """Return the index of a box: slices, and at most one list as a tensor."""
    return tuple(
        slice(axis.start, axis.stop, axis.step) if isinstance(axis, range) else torch.tensor(axis) for axis in box.axes
    )


def write_live(target: torch.Tensor, box: Box, values: torch.Tensor) -> None:
    """Write `values`, in the box's shape, into a tensor that the person's code holds.

    A list of indices goes through `index_put_`: `target[[0, 2]].copy_(…)` would write to a temporary.
    """
    with torch.no_grad():
        index = index_of(box)
        lists = [dim for dim, axis in enumerate(index) if isinstance(axis, torch.Tensor)]
        if not lists:
            target[index].copy_(values)
            return
        values = values.to(device=target.device, dtype=target.dtype)
        axes = [torch.as_tensor(list(axis), device=target.device) for axis in box.axes]
        grids = torch.meshgrid(*axes, indexing="ij")
        target.index_put_(tuple(grids), values)


def fill_live(target: torch.Tensor, data: memoryview, chunk: int = 4 << 20) -> None:
    """Fill a fresh contiguous tensor on any device from row-major bytes, chunk by chunk."""
    flat = target.detach().view(-1).view(torch.uint8)
    with torch.no_grad():
        for start in range(0, data.nbytes, chunk):
            part = np.frombuffer(data[start : start + chunk], np.uint8)
            flat[start : start + len(part)].copy_(torch.from_numpy(part.copy()))


def reparametrized(tensor: torch.Tensor, like: torch.Tensor, requires_grad: bool) -> torch.Tensor:
    """Return `tensor` as what `like` is: an `nn.Parameter` where it was one."""
    if isinstance(like, torch.nn.Parameter):
        return torch.nn.Parameter(tensor, requires_grad=requires_grad)
    return tensor.requires_grad_(requires_grad) if requires_grad else tensor


def set_requires_grad(tensor: torch.Tensor, value: bool) -> None:
    """Set the flag on a live leaf tensor."""
    tensor.requires_grad_(value)


@cache
def copies(dtype: str, device: str = "cpu") -> bool:
    """Whether this torch can `copy_` values of `dtype` on `device`; found by trying."""
    if dtype not in DTYPES or DTYPES[dtype].family == "opaque":
        return False
    try:
        source = torch.zeros(2, dtype=torch.uint8).repeat(DTYPES[dtype].itemsize).view(torch_dtype(dtype)).to(device)
        torch.empty(2, dtype=torch_dtype(dtype), device=device).copy_(source)
    except (RuntimeError, TypeError, AttributeError, NotImplementedError):
        return False
    return True
