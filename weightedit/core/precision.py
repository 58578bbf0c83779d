"""Arithmetic in the precision torch uses for it, and what is lost when the result is stored."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

from weightedit.core.dtypes import dtype_named
from weightedit.core.region import Box

FEW = 8
"""How many places of a loss are kept."""
_NARROW = (torch.float16, torch.bfloat16)


def widened(values: torch.Tensor, *numbers: complex) -> torch.Tensor:
    """Return `values` in the dtype in which arithmetic with `numbers` gives the bits torch gives.

    Floats below 32 bits compute in float32, as torch's kernels do inside; integers stay integers with whole
    numbers and become float64 with fractions (torch would use float32 and lose digits past 2**24).
    """
    if any(isinstance(number, complex) for number in numbers) and not values.is_complex():
        return values.to(torch.complex128 if values.dtype == torch.float64 else torch.complex64)
    if values.dtype == torch.complex32:
        return values.to(torch.complex64)
    if values.is_complex():
        return values
    if values.is_floating_point():
        return values.to(torch.float32) if values.element_size() < 4 else values
    whole = all(isinstance(number, int) for number in numbers)
    return values.to(torch.int64 if whole and values.dtype != torch.uint64 else torch.float64)


def number_like(values: torch.Tensor, number: complex) -> torch.Tensor:
    """Return `number` in the shape of `values`, exact: float64, int64 or complex128, so that rounding is seen."""
    if isinstance(number, int) and not -(2**63) <= number < 2**63:
        number = float(number)
    kind = {complex: torch.complex128, float: torch.float64}.get(type(number), torch.int64)
    return torch.tensor(number, dtype=kind).expand(values.shape)


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

    @property
    def lossy(self) -> int:
        """How many values are stored as something else than computed."""
        kinds = (self.rounded, self.overflow, self.underflow, self.truncated, self.imaginary)
        return sum(loss.count for loss in kinds)

    def observe(self, current: torch.Tensor | None, exact: torch.Tensor, stored: torch.Tensor, box: Box, *,
                converts: bool, scales: bool) -> None:  # fmt: skip
        """Compare one piece: `exact` values as computed, `stored` as they read back."""
        self.total += stored.numel()
        if current is None or current.dtype == stored.dtype:
            self.changed += stored.numel() if current is None else _bits_differ(current, stored)
        if exact.is_complex() and not stored.is_complex():
            self.imaginary.add(exact.imag != 0, box)
            exact = exact.real
        if current is not None and current.is_complex() and not stored.is_complex():
            current = current.real
        if stored.is_complex():
            for part in (0, 1):
                before = None if current is None else _part(current, part)
                self._observe_real(before, _part(exact, part), _part(stored, part), box, converts, scales)
        else:
            self._observe_real(current, exact, stored, box, converts, scales)

    def _observe_real(self, current: torch.Tensor | None, exact: torch.Tensor, stored: torch.Tensor, box: Box,
                      converts: bool, scales: bool) -> None:  # fmt: skip
        if stored.is_floating_point():
            self._observe_float(current, exact, stored, box, converts, scales)
        elif exact.is_floating_point():
            back = stored.to(torch.float64)
            self.truncated.add((back != exact.to(torch.float64)), box)
        elif stored.dtype == torch.bool:
            self.truncated.add((exact != 0) & (exact != 1) if exact.dtype != torch.bool else exact & False, box)
        elif stored.dtype != exact.dtype:
            self.overflow.add(stored.to(torch.int64) != exact.to(torch.int64), box)

    def _observe_float(self, current: torch.Tensor | None, exact: torch.Tensor, stored: torch.Tensor, box: Box,
                       converts: bool, scales: bool) -> None:  # fmt: skip
        wide = torch.float64 if max(exact.element_size(), stored.element_size()) > 2 else torch.float32
        if converts and exact.dtype == stored.dtype:
            return
        before, after = exact.to(wide), stored.to(wide)
        finite_after = torch.isfinite(after)
        should_be_finite = torch.isfinite(before)
        if not converts and current is not None:
            should_be_finite = torch.isfinite(current.to(wide))
        lost = should_be_finite & ~finite_after
        if self.overflow.add(lost, box):
            worst = torch.where(lost & torch.isfinite(before), before.abs(), 0).max()
            self.largest_overflow = max(self.largest_overflow, float(worst))
        vanished = (before != 0) & (after == 0)
        if scales and current is not None:
            vanished |= (current.to(wide) != 0) & (after == 0)
        self.underflow.add(vanished, box)
        if converts:
            self._observe_rounding(before, after, finite_after & ~vanished, box)

    def _observe_rounding(self, before: torch.Tensor, after: torch.Tensor, comparable: torch.Tensor, box: Box) -> None:
        rounded = (before != after) & comparable
        if self.rounded.add(rounded, box):
            error = torch.where(rounded, (before - after).abs(), 0)
            self.largest_error = max(self.largest_error, float(error.max()))
            relative = torch.where(rounded, error / before.abs(), 0)
            self.largest_relative = max(self.largest_relative, float(relative.max()))


def _part(tensor: torch.Tensor, part: int) -> torch.Tensor:
    """Return the real (0) or imaginary (1) part; also of complex32, which has no `.real` of its own."""
    if tensor.is_complex():
        return torch.view_as_real(tensor)[..., part]
    return tensor if part == 0 else torch.zeros_like(tensor)


def _bits_differ(current: torch.Tensor, stored: torch.Tensor) -> int:
    """Count elements whose bits differ; a NaN equals itself."""
    if current.numel() != stored.numel():
        return stored.numel()
    if not stored.numel():
        return 0
    current = current.reshape(stored.shape)
    size = stored.element_size()
    integer = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
    if size == 16:
        pairs = (tensor.contiguous().view(torch.int64).reshape(-1, 2) for tensor in (current, stored))
        first, second = pairs
        return int(torch.count_nonzero((first != second).any(1)))
    first, second = (tensor.contiguous().view(integer[size]) for tensor in (current, stored))
    return int(torch.count_nonzero(first != second))


def largest_finite(dtype: str) -> float:
    """Return the largest finite value of a float dtype."""
    from weightedit.core.dtypes import torch_dtype

    return float(torch.finfo(torch_dtype(dtype_named(dtype).name)).max)
