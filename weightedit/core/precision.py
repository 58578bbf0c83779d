"""Arithmetic in the precision torch uses for it, and what is lost when the result is stored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache

import torch

from weightedit.core.dtypes import dtype_named
from weightedit.core.region import Box

FEW = 8
"""How many places of a loss are kept."""
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


@dataclass(slots=True)
class Loss:
    """How often one kind of loss happens, and where first."""

    count: int = 0
    places: list[str] = field(default_factory=list)

    def add(self, mask: torch.Tensor, box: Box) -> int:
        """Count the cells of one piece; returns how many."""
        found = int(torch.count_nonzero(mask))
        if found:
            self.count += found
            if len(self.places) < FEW:
                for index in mask.nonzero()[: FEW - len(self.places)].tolist():
                    cell = (str(axis[i]) for axis, i in zip(box.axes, index, strict=True))
                    self.places.append(f"[{', '.join(cell)}]")
        return found


@dataclass(slots=True)
class Losses:
    """What storing computed values changes about them, counted over all pieces of one tensor.

    Attributes
    ----------
    total, changed
        Values written, and how many of them differ in bits from what was there.
    rounded, overflow, underflow, truncated, imaginary
        The kinds of loss.
    largest_error, largest_relative
        Of rounded values; absolute, and relative to the exact value.
    largest_overflow, becomes
        The largest finite value that overflowed, and what such values are now: `Inf`, `NaN`, `448`.
    """

    total: int = 0
    changed: int = 0
    rounded: Loss = field(default_factory=Loss)
    overflow: Loss = field(default_factory=Loss)
    underflow: Loss = field(default_factory=Loss)
    truncated: Loss = field(default_factory=Loss)
    imaginary: Loss = field(default_factory=Loss)
    nonfinite: Loss = field(default_factory=Loss)
    largest_error: float = 0.0
    largest_relative: float = 0.0
    largest_overflow: float = 0.0
    becomes: set[str] = field(default_factory=set)

    @property
    def lossy(self) -> int:
        """How many values are stored as something else than computed."""
        kinds = (self.rounded, self.overflow, self.underflow, self.truncated, self.imaginary)
        return sum(loss.count for loss in kinds)

    def observe(self, current: torch.Tensor | None, exact: torch.Tensor, stored: torch.Tensor, box: Box, *,
                converts: bool, scales: bool, wrapped: torch.Tensor | None = None,
                mask: torch.Tensor | None = None) -> None:  # fmt: skip
        """Compare one piece: `exact` values as computed, `stored` as they read back.

        `wrapped` says where whole-number arithmetic leaves the dtype's range: `exact` has wrapped around already.
        `mask` says which cells are written at all.
        """
        written = stored.numel() if mask is None else int(torch.count_nonzero(mask))
        self.total += written
        if current is None or current.dtype == stored.dtype:
            self.changed += written if current is None else _bits_differ(current, stored, mask)
        if mask is not None and (exact.element_size() >= 4 or not exact.is_floating_point()):
            exact = torch.where(mask, exact, stored.to(exact.dtype))  # cells that stay lose nothing
        if exact.is_complex() and not stored.is_complex():
            imaginary = _part(exact, "imag") != 0
            self.imaginary.add(imaginary if mask is None else imaginary & mask, box)
            exact = _part(exact, "real")
        lost: dict[str, torch.Tensor] = {}
        for part in ("real", "imag") if stored.is_complex() else ("real",):
            before = None if current is None else _part(current, part)
            for kind, found in self._lost(before, _part(exact, part), _part(stored, part), converts, scales, wrapped):
                lost[kind] = lost[kind] | found if kind in lost else found  # a complex value counts once
        for kind, found in lost.items():
            loss: Loss = getattr(self, kind)
            loss.add(found if mask is None else found & mask, box)

    def _lost(self, current: torch.Tensor | None, exact: torch.Tensor, stored: torch.Tensor, converts: bool,
              scales: bool, wrapped: torch.Tensor | None) -> Iterator[tuple[str, torch.Tensor]]:  # fmt: skip
        """Yield (kind, where) of what real values lose."""
        if stored.is_floating_point():
            yield from self._lost_by_float(current, exact, stored, converts, scales)
        elif exact.is_floating_point():
            yield "truncated", stored.to(torch.float64) != exact.to(torch.float64)
        elif stored.dtype == torch.bool:
            if exact.dtype != torch.bool:
                yield "truncated", (exact != 0) & (exact != 1)
        elif wrapped is not None:
            yield "overflow", wrapped
        elif stored.dtype != exact.dtype and exact.dtype != torch.bool:
            info = torch.iinfo(stored.dtype)
            yield "overflow", outside(exact, info.min, info.max)

    def _lost_by_float(self, current: torch.Tensor | None, exact: torch.Tensor, stored: torch.Tensor, converts: bool,
                       scales: bool) -> Iterator[tuple[str, torch.Tensor]]:  # fmt: skip
        if converts and exact.dtype == stored.dtype:
            return
        wide = torch.float64 if max(exact.element_size(), stored.element_size()) > 2 else torch.float32
        before, after = exact.to(wide), stored.to(wide)
        should_be_finite = torch.isfinite(before)
        if not converts and current is not None:
            should_be_finite = torch.isfinite(current.to(wide))
        overflow = should_be_finite & ~torch.isfinite(after)
        if stored.element_size() == 1:
            overflow |= _out_of_float8(before, after, stored.dtype)
        if bool(overflow.any()):
            worst = torch.where(overflow & torch.isfinite(before), before.abs(), 0).max()
            self.largest_overflow = max(self.largest_overflow, float(worst))
            self.becomes |= _become(after[overflow])
        yield "overflow", overflow
        vanished = (before != 0) & (after == 0)
        if scales and current is not None:
            vanished |= (current.to(wide) != 0) & (after == 0)
        yield "underflow", vanished
        if converts:
            comparable = torch.isfinite(after) & ~vanished & ~overflow
            yield "rounded", self._rounded(exact, before, after, comparable)

    def _rounded(self, exact: torch.Tensor, before: torch.Tensor, after: torch.Tensor,
                 comparable: torch.Tensor) -> torch.Tensor:  # fmt: skip
        rounded = (before != after) & comparable
        error = torch.where(rounded, (before - after).abs(), 0)
        if exact.dtype in _LONG:  # float64 itself rounds them: compare as integers
            exact_dtype = exact.dtype
            back = _as_long(after, exact_dtype)
            exact = exact.view(torch.int64)
            rounded |= comparable & (back != exact)
            if exact_dtype == torch.int64:
                rounded |= comparable & (after >= 2.0**63)
            error = torch.maximum(error, torch.where(comparable, (back - exact).abs().to(torch.float64), 0))
        if bool(rounded.any()):
            self.largest_error = max(self.largest_error, float(error.max()))
            relative = torch.where(rounded, error / before.abs(), 0)
            self.largest_relative = max(self.largest_relative, float(relative.max()))
        return rounded


def _as_long(values: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Return whole float64 values as the int64 with the bits they have in a 64-bit integer dtype."""
    if dtype == torch.uint64:
        values = torch.where(values >= 2.0**63, values - 2.0**64, values)
    past = values >= 2.0**63  # 2**63 itself, to which the largest values of int64 round
    return torch.where(past, 2**63 - 1, torch.where(past, 0, values).to(torch.int64))


def _out_of_float8(before: torch.Tensor, after: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Return where an 8-bit float gives its largest value, or drops the sign, instead of what does not fit it."""
    out = torch.isfinite(after) & (before.abs() > _rounds_to_largest(dtype))
    return out | ((before < 0) & (after > 0))


@cache
def _rounds_to_largest(dtype: torch.dtype) -> float:
    """Return the number up to which values of an 8-bit float round to its largest one: half a step past it."""
    largest = torch.tensor(torch.finfo(dtype).max, dtype=torch.float64)
    code = largest.to(dtype).view(torch.uint8)
    below = (code - 1).view(dtype).to(torch.float64)
    return float(largest + (largest - below) / 2)


def _become(values: torch.Tensor) -> set[str]:
    """Say what values that overflowed are now."""
    found = {"NaN"} if bool(values.isnan().any()) else set()
    found |= {"Inf"} if bool(values.isinf().any()) else set()
    finite = values[values.isfinite()].abs()
    return found | ({f"{float(finite.max()):g}"} if finite.numel() else set())


def _part(tensor: torch.Tensor, part: str) -> torch.Tensor:
    if not tensor.is_complex():
        return tensor if part == "real" else torch.zeros_like(tensor)
    if tensor.dtype == torch.complex32:
        return torch.view_as_real(tensor)[..., 0 if part == "real" else 1]
    return tensor.real if part == "real" else tensor.imag


def _bits_differ(current: torch.Tensor, stored: torch.Tensor, mask: torch.Tensor | None = None) -> int:
    """Count elements whose bits differ; a NaN equals itself. `mask` says which cells count."""
    if current.numel() != stored.numel():
        return stored.numel()
    if not stored.numel():
        return 0
    current = current.reshape(stored.shape)
    size = stored.element_size()
    integer = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
    if size == 16:
        pairs = (torch.view_as_real(tensor.contiguous()).view(torch.int64) for tensor in (current, stored))
        first, second = pairs
        differ = (first != second).any(-1)
    else:
        first, second = (tensor.contiguous().view(integer[size]) for tensor in (current, stored))
        differ = first != second
    return int(torch.count_nonzero(differ if mask is None else differ & mask))



def largest_finite(dtype: str) -> float:
    """Return the largest finite value of a float dtype."""
    from weightedit.core.dtypes import torch_dtype

    return float(torch.finfo(torch_dtype(dtype_named(dtype).name)).max)
