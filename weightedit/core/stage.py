"""The only place where torch tensors are changed, and where bytes become torch tensors and back."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import torch

from weightedit.core.dtypes import DTYPES, torch_dtype
from weightedit.core.region import Box

MOVED_AT_ONCE = 16 << 20
"""Bytes that go to another device between two looks at whether to stop."""


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
    return raw_bytes(tensor).numpy().data if tensor.numel() else memoryview(b"")


def raw_bytes(tensor: torch.Tensor) -> torch.Tensor:
    """Return the row-major bytes of a CPU tensor as uint8, shape `(nbytes,)`."""
    flat = tensor.detach().contiguous().reshape(-1)
    # A single element may keep the stride it had in a larger tensor, which the view as bytes refuses.
    return flat.as_strided(flat.shape, (1,)).view(torch.uint8)


def copy_out(tensor: torch.Tensor, buffer: memoryview) -> None:
    """Copy a tensor of any stride and device into row-major bytes of our own."""
    if tensor.numel():
        with torch.no_grad():
            flat = torch.from_numpy(np.frombuffer(buffer, np.uint8))
            flat.view(tensor.dtype).reshape(tensor.shape).copy_(tensor.detach())


def staged(values: torch.Tensor, dtype: str) -> torch.Tensor:
    """Return what `copy_` stores of `values` in a CPU tensor of `dtype`."""
    target = torch.empty(values.shape, dtype=torch_dtype(dtype))
    if values.is_complex() and not target.is_complex():  # what copy_ does, with a warning that preflight has given
        values = torch.view_as_real(values.resolve_conj())[..., 0]
    with torch.no_grad():
        target.copy_(values)
    return target


def bits_of(tensor: torch.Tensor) -> np.ndarray[Any, Any]:
    """Return a CPU tensor's elements as unsigned integers, or as raw items where there are none of that size."""
    size = tensor.element_size()
    flat = np.frombuffer(bytes_of(tensor), f"u{size}" if size <= 8 else f"V{size}")
    return flat.reshape(tuple(tensor.shape))


def selected(tensor: torch.Tensor, box: Box) -> torch.Tensor:
    """Return the values of a box: a view where it has slices only, a copy where it has lists."""
    found = tensor.detach()
    for dim, axis in enumerate(box.axes):
        if isinstance(axis, range):
            found = found[(slice(None),) * dim + (slice(axis.start, axis.stop, axis.step),)]
    for dim, axis in enumerate(box.axes):
        if not isinstance(axis, range):  # as bits: not every dtype can be indexed by a list
            at = torch.tensor(axis, dtype=torch.int64, device=found.device)
            found = _as_bits(found).index_select(dim, at).view(tensor.dtype)
    return found


def _as_bits(tensor: torch.Tensor) -> torch.Tensor:
    """Return a tensor seen as integers of its itemsize, sharing its memory; complex128 is what it is."""
    sizes = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
    return tensor.view(sizes[tensor.element_size()]) if tensor.element_size() in sizes else tensor


def write_live(target: torch.Tensor, box: Box, values: torch.Tensor) -> None:
    """Copy `values`, in the box's shape, into a live tensor.

    Basic slices go through `copy_`, lists through `index_put_`: `w[[0, 2]].copy_(1)` would write to a temporary.
    """
    with torch.no_grad():
        if all(isinstance(axis, range) for axis in box.axes):
            target[tuple(slice(axis.start, axis.stop, axis.step) for axis in box.axes)].copy_(values)  # type: ignore[union-attr]
            return
        values = values.to(device=target.device, dtype=target.dtype)
        axes = [torch.tensor(list(axis), dtype=torch.int64, device=target.device) for axis in box.axes]
        grids = torch.meshgrid(*axes, indexing="ij")
        _as_bits(target.detach()).index_put_(tuple(grids), _as_bits(values))


def fill_live(target: torch.Tensor, data: memoryview, chunk: int = 4 << 20) -> None:
    """Fill a fresh contiguous tensor on any device from row-major bytes, chunk by chunk."""
    flat = target.detach().view(-1).view(torch.uint8)
    with torch.no_grad():
        for start in range(0, data.nbytes, chunk):
            part = np.frombuffer(data[start : start + chunk], np.uint8)
            flat[start : start + len(part)].copy_(torch.from_numpy(part.copy()))


def over_storage(like: torch.Tensor, storage: torch.UntypedStorage, offset: int | None = None) -> torch.Tensor:
    """Return a new tensor over a storage, of the dtype, shape and stride that `like` has, and its offset by default."""
    made = torch.empty(0, dtype=like.dtype, device=storage.device)
    return made.set_(storage, like.storage_offset() if offset is None else offset, like.size(), like.stride())


def moved_storage(storage: torch.UntypedStorage, low: int, high: int, device: str, chunk: int,
                  advance: Callable[[int], None]) -> torch.UntypedStorage:  # fmt: skip
    """Return the bytes `[low, high)` of a storage in a new one on a device, copied there piece by piece."""
    made = torch.empty(high - low, dtype=torch.uint8, device=device)
    old = torch.empty(0, dtype=torch.uint8, device=storage.device)
    old.set_(storage, low, (high - low,), (1,))
    for start in range(0, high - low, max(chunk, MOVED_AT_ONCE)):
        piece = slice(start, start + max(chunk, MOVED_AT_ONCE))
        made[piece].copy_(old[piece])
        advance(made[piece].numel())
    return made.untyped_storage()


def moved_grad(old: torch.Tensor, new: torch.Tensor) -> None:
    """Give a parameter that stands for another on its own device that one's gradient."""
    if old.is_leaf and old.grad is not None:
        new.grad = old.grad.detach().to(new.device, copy=True)


def reparametrized(tensor: torch.Tensor, like: torch.Tensor, requires_grad: bool) -> torch.Tensor:
    """Return `tensor` as what `like` is: an `nn.Parameter` where it was one, or a class of one's own."""
    if type(like) not in (torch.Tensor, torch.nn.Parameter):
        return torch.Tensor._make_subclass(type(like), tensor.detach(), requires_grad)
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
