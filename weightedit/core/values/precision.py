"""Arithmetic in the precision torch uses for it, and the ranges of dtypes."""

from __future__ import annotations

import torch

from weightedit.core.dtypes import dtype_named

_LONG = (torch.int64, torch.uint64)


def widened(values: torch.Tensor, *numbers: complex) -> torch.Tensor:
    """Return `values` in the dtype in which arithmetic with `numbers` is done, the same on every device.

    Floats below 32 bits compute in float32 and are rounded once, as torch's kernels do inside; torch's CPU kernels
    for `half + number` and complex32 also round the number first, those for CUDA do not, and neither is done here.
    Integers stay integers with whole numbers and become float64 with fractions (torch would use float32 and lose
    digits past 2**24). uint64 computes as the int64 of the same bits, which wraps to the same bits.
    """
    if any(isinstance(number, complex) for number in numbers) and not values.is_complex():
        wide = values.dtype in (torch.float64, *_LONG)
        return values.to(torch.complex128 if wide else torch.complex64)
    if values.dtype == torch.complex32:
        return values.to(torch.complex64)
    if values.is_complex():
        return values
    if values.is_floating_point():
        return values.to(torch.float32) if values.element_size() < 4 else values
    if not all(isinstance(number, int) for number in numbers):
        return values.to(torch.float64)
    return values.view(torch.int64) if values.dtype == torch.uint64 else values.to(torch.int64)


def together(values: torch.Tensor, other: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return two tensors in the dtype in which arithmetic with both is done, by the rules of `widened`."""
    if other.is_complex() or values.is_complex():
        wide = any(one.dtype in (torch.float64, torch.complex128, *_LONG) for one in (values, other))
        return tuple(one.to(torch.complex128 if wide else torch.complex64) for one in (values, other))  # type: ignore[return-value]
    if other.is_floating_point() != values.is_floating_point():
        return values.to(torch.float64), other.to(torch.float64)
    first, second = widened(values), widened(other)
    if first.dtype != second.dtype:
        return first.to(torch.float64), second.to(torch.float64)
    return first, second


def unless_wrapped(exact: torch.Tensor, wide: torch.Tensor,
                   dtype: torch.dtype) -> torch.Tensor | tuple[torch.Tensor, torch.Tensor]:  # fmt: skip
    """Return int64 results of arithmetic, and where some of them left its range the true values beside the stored.

    Parameters
    ----------
    exact
        The results as int64 has them, wrapped around; for uint64 their bits.
    wide
        The same in float64, right to 53 bits.
    dtype
        Of the tensor they are stored in.
    """
    negative = exact < 0
    if dtype == torch.uint64:  # whose upper half are the negative numbers of int64
        out = (wide <= -(2.0**62)) | (wide > 2.0**64) | torch.where(
            wide < 2.0**62, negative, (wide >= 2.0**63 + 2.0**12) & ~negative)  # fmt: skip
    else:
        out = (wide.abs() > 2.0**63) | ((wide.abs() >= 2.0**62) & (negative != (wide < 0)))
    if not bool(out.any()):
        return exact.view(dtype) if dtype == torch.uint64 else exact
    own = exact.view(dtype) if dtype == torch.uint64 else exact
    return torch.where(out, wide, own.to(torch.float64)), own.to(dtype)


def operand(values: torch.Tensor, number: complex) -> complex:
    """Return `number` as arithmetic with widened `values` takes it: torch has no operand past int64."""
    if isinstance(number, int) and not -(2**63) <= number < 2**63:
        return number - 2**64 if values.dtype == torch.int64 else float(number)
    return number


def number_like(values: torch.Tensor, number: complex) -> torch.Tensor:
    """Return `number` in the shape of `values`, exact."""
    return exact_number(number).expand(values.shape)


def exact_number(number: complex) -> torch.Tensor:
    """Return a number as a 0-dim tensor, exact: float64, int64, uint64 or complex128, so that rounding is seen."""
    if isinstance(number, int) and number >= 2**63:
        return torch.tensor(number, dtype=torch.uint64)
    kind = {complex: torch.complex128, float: torch.float64}.get(type(number), torch.int64)
    return torch.tensor(number, dtype=kind)


def outside(values: torch.Tensor, low: int, high: int) -> torch.Tensor:
    """Return where integers are below `low` or above `high`; both may lie past the range of the dtype."""
    info = torch.iinfo(values.dtype)
    if low > info.max or high < info.min:
        return torch.ones(values.shape, dtype=torch.bool)
    low, high = max(low, info.min), min(high, info.max)
    if values.dtype == torch.uint64:  # compared as int64, with the order of unsigned numbers
        values, low, high = values.view(torch.int64) ^ -(2**63), low - 2**63, high - 2**63
    values = values.to(torch.int64)
    return (values < low) | (values > high)


def largest_finite(dtype: str) -> float:
    """Return the largest finite value of a float dtype."""
    from weightedit.core.dtypes import torch_dtype

    return float(torch.finfo(torch_dtype(dtype_named(dtype).name)).max)
