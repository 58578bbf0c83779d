"""What an edit's values lose when they are stored, counted over all pieces of a tensor, and where first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import TYPE_CHECKING

import torch

from weightedit.core.losing.conversion import KINDS, Storing, errors_in, losses_in, part
from weightedit.core.losing.nonfinite import NonFinite
from weightedit.core.region import Box

if TYPE_CHECKING:
    from weightedit.core.statistics import Statistics

FEW = 8
"""How many places of a loss are said."""
KEPT = 100
"""How many cells of a loss are kept with their values; the next ones are computed when someone asks."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One value that is stored as another: where, what it was as computed, and what is stored, as text."""

    index: tuple[int, ...]
    exact: str
    stored: str

    @property
    def place(self) -> str:
        """`[1310, 3964]`."""
        return f"[{', '.join(map(str, self.index))}]"


@dataclass(slots=True)
class Loss:
    """How often one kind of loss happens, and where.

    Attributes
    ----------
    count
        How many values.
    cells
        Those from the `first` to the one before `end`, in the order in which the tensor is stored.
    """

    count: int = 0
    cells: list[Cell] = field(default_factory=list)
    first: int = 0
    end: int = KEPT

    @property
    def places(self) -> list[str]:
        """The first few places, such as `[1310, 3964]`."""
        return [cell.place for cell in self.cells[:FEW]]

    def join(self, other: Loss) -> None:
        """Take in what comes after, in the order of the storage."""
        self.count += other.count
        self.cells += other.cells[: max(0, self.end - self.first - len(self.cells))]

    def add(self, mask: torch.Tensor, box: Box, exact: torch.Tensor, stored: torch.Tensor) -> int:
        """Count the cells of one piece; returns how many."""
        found = int(torch.count_nonzero(mask))
        if found and self.count < self.end and self.count + found > self.first:
            at = mask.nonzero()[max(self.first - self.count, 0) : self.end - self.count]
            places = at.unbind(1)
            texts = (texts_of(picked(values, places)) for values in (exact, stored))
            for index, before, after in zip(at.tolist(), *texts, strict=True):
                cell = tuple(int(axis[i]) for axis, i in zip(box.axes, index, strict=True))
                self.cells.append(Cell(cell, before, after))
        self.count += found
        return found


def picked(values: torch.Tensor, places: Sequence[torch.Tensor]) -> torch.Tensor:
    """Return the values at some places, one index for each dimension, `(count,)`; of any dtype."""
    if not places:
        return values.reshape(1)
    bits = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}.get(values.element_size())
    return values[tuple(places)] if bits is None else values.view(bits)[tuple(places)].view(values.dtype)


def texts_of(values: torch.Tensor) -> list[str]:
    """Return the shortest texts that read back to the same bits."""
    from weightedit.core.dtypes import numpy_dtype
    from weightedit.core.stage import bits_of
    from weightedit.core.words.numbers import value_texts

    name = str(values.dtype).removeprefix("torch.")
    return value_texts(bits_of(values).view(numpy_dtype(name)), name)


@dataclass(slots=True)
class Losses:
    """What storing computed values changes about them, counted over all pieces of one tensor.

    Attributes
    ----------
    total, changed
        Values written, and how many of them differ in bits from what was there; in another dtype, how many are lossy.
    lossy
        How many values are stored as something else than computed; one that loses in two ways counts once.
    rounded, overflow, underflow, truncated, imaginary, clamped
        The kinds of loss; `clamped` values got the end of the range on purpose.
    nonfinite
        What happens to NaN and ±Inf, and where new ones come.
    largest_error, largest_relative
        Of rounded values; absolute, and relative to the exact value.
    worst_error, worst_relative
        Of all values that are stored as a finite number, those that become 0 or are clamped or cut included.
    largest_overflow, becomes
        The largest finite value that overflowed, and what such values are now: `Inf`, `NaN`, `448`.
    statistics
        Of what was there and of what is stored, where looking for losses found them too.
    """

    total: int = 0
    changed: int = 0
    rounded: Loss = field(default_factory=Loss)
    overflow: Loss = field(default_factory=Loss)
    underflow: Loss = field(default_factory=Loss)
    truncated: Loss = field(default_factory=Loss)
    imaginary: Loss = field(default_factory=Loss)
    clamped: Loss = field(default_factory=Loss)
    nonfinite: NonFinite = field(default_factory=NonFinite)
    largest_error: float = 0.0
    largest_relative: float = 0.0
    worst_error: float = 0.0
    worst_relative: float = 0.0
    largest_overflow: float = 0.0
    becomes: set[str] = field(default_factory=set)
    lossy: int = 0
    statistics: tuple[Statistics, Statistics] | None = None

    def of(self, kind: str) -> Loss:
        """Return the loss of a kind, one of `conversion.KINDS`."""
        found: Loss = getattr(self, kind)
        return found

    def observe(self, current: torch.Tensor | None, exact: torch.Tensor, stored: torch.Tensor, box: Box,
                how: Storing, *, wrapped: torch.Tensor | None = None, mask: torch.Tensor | None = None,
                before: torch.Tensor | None = None) -> None:  # fmt: skip
        """Compare one piece: `exact` values as computed, `stored` as they read back.

        `current` is what was there where a loss is judged by it, and `before` what was there in any case.
        `wrapped` says where whole-number arithmetic leaves the dtype's range: `exact` has wrapped around already.
        `mask` says which cells are written at all.
        """
        written = stored.numel() if mask is None else int(torch.count_nonzero(mask))
        self.total += written
        if current is None or current.dtype == stored.dtype:
            self.changed += written if current is None else bits_differ(current, stored, mask)
        if mask is not None and (exact.element_size() >= 4 or not exact.is_floating_point()):
            exact = torch.where(mask, exact, stored.to(exact.dtype))  # cells that stay lose nothing
        lost = losses_in(current, exact, stored, how, wrapped)
        if mask is not None:
            lost = {kind: found & mask for kind, found in lost.items()}
        counts = {kind: self.of(kind).add(found, box, exact, stored) for kind, found in lost.items()}
        met = [kind for kind, count in counts.items() if count]
        for kind in met:
            self.measure(kind, lost[kind], exact, stored, how)
        lossy = sum(counts.values())
        if len(met) > 1:
            lossy = int(torch.count_nonzero(reduce(torch.logical_or, (lost[kind] for kind in met))))
        self.lossy += lossy
        if current is not None and current.dtype != stored.dtype:
            self.changed += lossy
        if before is not None or how.converts:
            self.nonfinite.observe(before, stored, box, mask, lost.get("overflow"))

    def join(self, other: Losses) -> None:
        """Take in what was found in the pieces after these; not the statistics."""
        self.total += other.total
        self.changed += other.changed
        self.lossy += other.lossy
        self.largest_error = max(self.largest_error, other.largest_error)
        self.largest_relative = max(self.largest_relative, other.largest_relative)
        self.worst_error = max(self.worst_error, other.worst_error)
        self.worst_relative = max(self.worst_relative, other.worst_relative)
        self.largest_overflow = max(self.largest_overflow, other.largest_overflow)
        for kind in KINDS:
            self.of(kind).join(other.of(kind))
        self.becomes |= other.becomes
        self.nonfinite.join(other.nonfinite)

    def take_counts(self, counts: Mapping[str, int], lossy: int) -> None:
        """Take in how often each kind of loss happens, and how many values lose at all; places come by themselves."""
        for kind, count in counts.items():
            self.of(kind).count += count
        self.lossy += lossy

    def measure(self, kind: str, lost: torch.Tensor, exact: torch.Tensor, stored: torch.Tensor, how: Storing) -> None:
        """Take in how large a loss is, where it happens."""
        if kind == "overflow":
            if stored.is_floating_point() or stored.is_complex():
                self._measure_overflow(lost, exact, stored)
            return
        if not how.converts:
            return
        if 4 * int(torch.count_nonzero(lost)) < lost.numel():  # picking them costs more than it saves otherwise
            found = lost.nonzero().unbind(1)
            exact, stored, lost = picked(exact, found), picked(stored, found), torch.ones((), dtype=torch.bool)
        largest, worst = (float(torch.where(lost & (one < torch.inf), one, 0).max()) for one in
                          errors_in(exact, stored))  # fmt: skip
        self.worst_error, self.worst_relative = max(self.worst_error, largest), max(self.worst_relative, worst)
        if kind == "rounded":
            self.largest_error = max(self.largest_error, largest)
            self.largest_relative = max(self.largest_relative, worst)

    def _measure_overflow(self, lost: torch.Tensor, exact: torch.Tensor, stored: torch.Tensor) -> None:
        for name in ("real", "imag") if stored.is_complex() else ("real",):
            before, after = part(exact, name).to(torch.float64)[lost], part(stored, name).to(torch.float64)[lost]
            finite = before.isfinite()
            past = torch.ones_like(finite) if not stored.is_complex() else ~after.isfinite()
            sizes = torch.where(finite & past, before.abs(), 0)
            self.largest_overflow = max(self.largest_overflow, float(sizes.max()))
            self.becomes |= _become(after[past])


def _become(values: torch.Tensor) -> set[str]:
    """Say what values that overflowed are now."""
    found = {"NaN"} if bool(values.isnan().any()) else set()
    found |= {"Inf"} if bool(values.isinf().any()) else set()
    finite = values[values.isfinite()].abs()
    return found | ({f"{float(finite.max()):g}"} if finite.numel() else set())


def bits_differ(current: torch.Tensor, stored: torch.Tensor, mask: torch.Tensor | None = None) -> int:
    """Count elements whose bits differ; a NaN equals itself. `mask` says which cells count."""
    if current.numel() != stored.numel():
        return stored.numel()
    differ = bits_that_differ(current.reshape(stored.shape), stored)
    return int(torch.count_nonzero(differ if mask is None else differ & mask))


def bits_that_differ(current: torch.Tensor, stored: torch.Tensor) -> torch.Tensor:
    """Return where the bits of two tensors of one shape and dtype differ; a NaN equals itself."""
    size = stored.element_size()
    if size == 16:
        first, second = (torch.view_as_real(tensor.contiguous()).view(torch.int64) for tensor in (current, stored))
        return (first != second).any(-1)
    integer = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}[size]
    first, second = (tensor.contiguous().view(integer) for tensor in (current, stored))
    return first != second
