"""What plain torch does for each operation, to compare the editor with; and comparison of bits."""

from __future__ import annotations

import warnings
from typing import Any

import torch

INTEGERS = (torch.int8, torch.int16, torch.int32, torch.int64, torch.uint8, torch.uint16, torch.uint32, torch.uint64)
BITS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
NO_ARITHMETIC = (NotImplementedError, RuntimeError)


def copyable_dtypes() -> list[torch.dtype]:
    """Every dtype whose `copy_` works and whose items are whole bytes with values, found by trying."""
    found = set()
    for name in dir(torch):
        dtype = getattr(torch, name)
        if not isinstance(dtype, torch.dtype):
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                zeros = torch.zeros(2 * dtype.itemsize, dtype=torch.uint8).view(dtype)
                torch.empty(2, dtype=dtype).copy_(zeros)
                torch.empty(2).copy_(zeros)  # bits8 and its kin copy as bits, and have no values
        except NO_ARITHMETIC:
            continue
        found.add(dtype)
    return sorted(found, key=str)


def name_of(dtype: torch.dtype) -> str:
    """`float32` for `torch.float32`."""
    return str(dtype).removeprefix("torch.")


def bits(tensor: torch.Tensor) -> bytes:
    """The row-major bytes of a tensor."""
    flat = tensor.detach().cpu().contiguous().reshape(-1)
    flat = flat.as_strided(flat.shape, (1,))  # one element may keep any stride, which view(uint8) refuses
    return bytes(flat.view(torch.uint8).numpy()) if flat.numel() else b""


def same_bits(first: torch.Tensor, second: torch.Tensor) -> bool:
    """Whether two tensors have one shape, one dtype and the same bytes."""
    return first.shape == second.shape and first.dtype == second.dtype and bits(first) == bits(second)


def nan_mask(tensor: torch.Tensor) -> torch.Tensor:
    """Where a value is NaN, of any dtype."""
    if tensor.dtype == torch.complex32:
        return torch.view_as_real(tensor).isnan().any(-1)
    if tensor.is_floating_point() and tensor.element_size() == 1:
        return tensor.to(torch.float32).isnan()
    if tensor.is_floating_point() or tensor.is_complex():
        return tensor.isnan()
    return torch.zeros(tensor.shape, dtype=torch.bool)


def same_values(first: torch.Tensor, second: torch.Tensor) -> bool:
    """As `same_bits`, but any NaN equals any NaN: torch's kernels do not agree on the payload of one they make."""
    if first.shape != second.shape or first.dtype != second.dtype:
        return False
    size = first.element_size()
    mine, theirs = (
        torch.frombuffer(bytearray(bits(tensor)), dtype=torch.uint8).reshape(-1, size) if tensor.numel() else None
        for tensor in (first, second)
    )
    if mine is None or theirs is None:
        return True
    differs = (mine != theirs).any(1)
    both_nan = (nan_mask(first.detach().cpu()) & nan_mask(second.detach().cpu())).reshape(-1)
    return not bool((differs & ~both_nan).any())


def _widest(tensor: torch.Tensor, number: complex) -> torch.Tensor:
    if tensor.is_complex():
        return tensor.to(torch.complex64)
    if tensor.is_floating_point():
        return tensor.to(torch.complex64 if isinstance(number, complex) else torch.float32)
    if isinstance(number, complex):
        return tensor.to(torch.complex128)
    return tensor.to(torch.int64 if isinstance(number, int) else torch.float64)


def arithmetic(tensor: torch.Tensor, what: str, number: complex) -> torch.Tensor:
    """`tensor * number` or `tensor + number`, stored back by `copy_` in the tensor's dtype.

    Integers times fractions go through float64; where torch has no kernel, a float goes through float32 and an
    integer through int64 (which wraps to the same bits). So do the two kernels that round the number first on CPU,
    though not on CUDA: `half + number`, and all of complex32.
    """

    def compute(values: torch.Tensor) -> torch.Tensor:
        return values * number if what == "scale" else values + number

    fraction_of_whole = not isinstance(number, int) and not (tensor.is_floating_point() or tensor.is_complex())
    rounds_first = tensor.dtype == torch.complex32 or (what == "add" and tensor.dtype in (torch.half, torch.bfloat16))
    if fraction_of_whole or rounds_first or tensor.dtype == torch.bool:
        exact = compute(_widest(tensor, number))
    else:
        try:
            exact = compute(tensor)
        except NO_ARITHMETIC:
            exact = compute(_widest(tensor, number))
    return stored(exact, tensor.dtype)


def stored(values: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """What `copy_` leaves in a tensor of `dtype`."""
    target = torch.empty(values.shape, dtype=dtype)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch says once that imaginary parts are discarded
        target.copy_(values)
    return target


def filled(tensor: torch.Tensor, number: complex) -> torch.Tensor:
    """A tensor of the same shape with one number everywhere, stored by `copy_`."""
    kind = {int: torch.int64, bool: torch.int64, float: torch.float64, complex: torch.complex128}[type(number)]
    return stored(torch.full(tensor.shape, number, dtype=kind), tensor.dtype)


def well_defined(source: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Where C defines the conversion: a float out of an integer's range becomes whatever the kernel makes of it."""
    if dtype not in INTEGERS or not (source.is_floating_point() or source.is_complex()):
        return torch.ones(source.shape, dtype=torch.bool)
    wide = (torch.view_as_real(source)[..., 0] if source.is_complex() else source).to(torch.float64)
    info = torch.iinfo(dtype)
    return wide.isfinite() & (wide >= info.min) & (wide <= info.max) & (wide < 2.0**63)


def region_index(region: str | None) -> Any:
    """A region as a torch index: Python reads the same text."""
    if region is None:
        return ...
    text = region.strip()
    return eval(f"_[{text[1:-1]}]", {"_": _Index()})


class _Index:
    def __getitem__(self, index: Any) -> Any:
        return index


def write(tensor: torch.Tensor, region: str | None, values: torch.Tensor) -> None:
    """`tensor[region].copy_(values)`, which torch only does right for basic indices."""
    index = region_index(region)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if any(isinstance(item, list) for item in (index if isinstance(index, tuple) else (index,))):
            as_bits = tensor.detach().view(BITS.get(tensor.element_size(), tensor.dtype))  # no index_put of uint16
            as_bits[index] = stored(values, tensor.dtype).view(as_bits.dtype)
        else:
            tensor[index].copy_(values)
