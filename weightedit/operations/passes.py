"""Passes over a region before it is computed: sums and norms by row or column, and exact thresholds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from weightedit.core.edits.place import Survey
from weightedit.core.region import Box
from weightedit.core.spec import TensorSpec
from weightedit.core.values.random_values import offsets
from weightedit.core.values.reading import blocks
from weightedit.operations.axes import Array, array_of
from weightedit.operations.refusing import refuse

if TYPE_CHECKING:
    import torch

PIECE = 1 << 14
"""Elements that are looked at together.

From 2**15 on torch splits its loops over threads. That costs many times what it gives where cores are shared, and the
last bits of a sum then depend on how many threads there are.
"""
DIGIT = 16
"""Bits of a key that one pass decides."""


def grouped_dim(operation: str, survey: Survey, per: str) -> int | None:
    """Return the dimension whose indices are looked at one by one, None for the tensor as a whole."""
    if per == "tensor":
        return None
    needed = 2 if per == "column" else 1
    if len(survey.spec.shape) < needed:
        refuse(f"{operation} by {per} needs {'two dimensions' if needed == 2 else 'a dimension'}",
               f"{survey.name} has {len(survey.spec.shape)}.", name=survey.name, kind="unsupported")  # fmt: skip
    return needed - 1


def parts(survey: Survey) -> Iterator[tuple[Box, torch.Tensor, torch.Tensor | None]]:
    """Yield (box, values, mask) of what is computed, in parts of few elements: wide copies of them are small."""
    for piece, values, mask in survey.chunks():
        local = TensorSpec.contiguous(survey.spec.dtype, tuple(values.shape))
        for part in blocks(local, Box.whole(values.shape), PIECE):
            index = tuple(slice(axis.start, axis.stop) for axis in part.axes if isinstance(axis, range))
            yield piece.within(part), values[index], None if mask is None else mask[index]


def wide(values: torch.Tensor) -> torch.Tensor:
    """Return values as float64, or complex128."""
    import torch

    if values.dtype == torch.complex32:
        values = values.to(torch.complex64)
    if values.is_floating_point() and values.element_size() == 1:
        values = values.to(torch.float32)
    return values.to(torch.complex128 if values.is_complex() else torch.float64)


@dataclass(frozen=True, slots=True)
class Gathered:
    """One number for each index of a dimension, or one for all; large tables lie in the spill."""

    dim: int | None
    numbers: Array

    def at(self, box: Box) -> torch.Tensor:
        """Return the numbers of a box's indices, in a shape that broadcasts to the box's."""
        import torch

        if self.dim is None:
            return torch.from_numpy(self.numbers.copy()).reshape(())
        found = self.numbers[array_of(box.axes[self.dim])]
        return torch.from_numpy(found).reshape((-1,) + (1,) * (len(box.axes) - self.dim - 1))


def gathered(survey: Survey, dim: int | None, of: Callable[[torch.Tensor, Box], torch.Tensor], *,
             largest: bool = False, dtype: str = "float64") -> Gathered:  # fmt: skip
    """Add up, or find the largest of, `of(wide values, box)` over the region, by index of `dim` or over all.

    Cells outside the survey's mask count as 0.
    """
    import torch

    found = survey.allocate((1,) if dim is None else (survey.spec.shape[dim],), dtype)
    for box, values, mask in parts(survey):
        terms = of(wide(values), box)
        if mask is not None:
            terms = torch.where(mask, terms, 0)
        others = [other for other in range(terms.dim()) if other != dim]
        if others:
            terms = terms.amax(others) if largest else terms.sum(others)
        at = slice(None) if dim is None else array_of(box.axes[dim])
        added = terms.numpy().reshape(-1)
        found[at] = np.maximum(found[at], added) if largest else found[at] + added
    return Gathered(dim, found)


@dataclass(frozen=True, slots=True)
class Norms:
    """The vector norms of rows, columns or a whole region, kept so that no square overflows or vanishes."""

    peaks: Gathered
    sums: Gathered | None
    order: float

    def at(self, box: Box) -> torch.Tensor:
        """Return the norms of a box's indices."""
        peaks = self.peaks.at(box)
        return peaks if self.sums is None else peaks * self.sums.at(box) ** (1 / self.order)


def norms(survey: Survey, dim: int | None, order: float) -> Norms:
    """Find the norms of order `order` (above 0, or infinity) by index of `dim`, or of all.

    References
    ----------
    torch.linalg.vector_norm, https://docs.pytorch.org/docs/stable/generated/torch.linalg.vector_norm.html
    """
    import torch

    if not order > 0:
        refuse(f"ord is {order}", "It takes a number above 0, such as 1, 2 or inf.")
    peaks = gathered(survey, dim, lambda values, _: values.abs(), largest=True)
    if order == float("inf"):
        return Norms(peaks, None, order)

    def powers(values: torch.Tensor, box: Box) -> torch.Tensor:
        peak = peaks.at(box)
        return (values.abs() / torch.where(peak > 0, peak, 1)) ** order

    return Norms(peaks, gathered(survey, dim, powers), order)


Keys = Callable[[], Iterator[tuple[Array, Array]]]


@dataclass(frozen=True, slots=True)
class Cutoff:
    """The last of the `count` smallest (key, offset) pairs: what is no larger is among them."""

    key: int
    offset: int

    def takes(self, keys: Array, at: Array) -> Array:
        """Return which cells are among the smallest, given their keys and offsets."""
        found: Array = (keys < self.key) | ((keys == self.key) & (at <= self.offset))
        return found


def smallest(keys: Keys, count: int, highest: int) -> Cutoff | None:
    """Find where the `count` smallest keys end, in passes that count digits, from the first digit to the last.

    Parameters
    ----------
    keys
        Starts a pass: yields (keys, offsets), unsigned and flat; of equal keys those of smaller offsets come first.
    count
        How many; no more than there are.
    highest
        The largest offset there may be.

    References
    ----------
    Radix selection: Knuth, The Art of Computer Programming 3, 5.2.5 and 5.3.3.
    """
    if count <= 0:
        return None
    width = next((8 * found.itemsize for found, _ in keys()), 0)
    key, count, ties = _digits(lambda: ((found, found) for found, _ in keys()), count, width)
    if count == ties:
        return Cutoff(key, highest)
    tied = lambda: ((at[found == key], at[found == key]) for found, at in keys())  # noqa: E731
    offset, _, _ = _digits(tied, count, max(DIGIT, -(-highest.bit_length() // DIGIT) * DIGIT))
    return Cutoff(key, offset)


def _digits(keys: Keys, count: int, width: int) -> tuple[int, int, int]:
    """Return the `count`-th smallest key, how many of the keys equal to it are wanted, and how many there are."""
    prefix, here = 0, 0
    for shift in range(width - DIGIT, -1, -DIGIT):
        table = np.zeros(1 << DIGIT, np.int64)
        for found, _ in keys():
            unsigned = found.astype(np.uint64)
            if shift + DIGIT < 64:
                unsigned = unsigned[(unsigned >> np.uint64(shift + DIGIT)) == prefix]
            digit = (unsigned >> np.uint64(shift)) & np.uint64((1 << DIGIT) - 1)
            table += np.bincount(digit.astype(np.intp), minlength=1 << DIGIT)
        reached = np.cumsum(table)
        digit_found = int(np.searchsorted(reached, count))
        here = int(table[digit_found])
        count -= int(reached[digit_found]) - here
        prefix = (prefix << DIGIT) | digit_found
    return prefix, count, here


def magnitude_keys(values: torch.Tensor) -> Array:
    """Return unsigned numbers in the order of the magnitudes of values: |w| exactly, NaN last; in the values' shape."""
    import torch

    if values.is_complex() or values.dtype == torch.float64:
        return wide(values).abs().contiguous().view(torch.int64).numpy().view(np.uint64)
    if values.is_floating_point():
        return values.to(torch.float32).abs().contiguous().view(torch.int32).numpy().view(np.uint32)
    if values.dtype in (torch.int64, torch.uint64):
        bits = values.contiguous().view(torch.int64)
        return (bits if values.dtype == torch.uint64 else bits.abs()).numpy().view(np.uint64)
    return values.to(torch.int64).abs().numpy().astype(np.uint32)


def cell_keys(survey: Survey) -> Keys:
    """Return the passes over the magnitudes of a region, each with the row-major offset in the tensor."""

    def keys() -> Iterator[tuple[Array, Array]]:
        for box, values, mask in parts(survey):
            found, at = magnitude_keys(values).reshape(-1), offsets(survey.spec.shape, box).reshape(-1)
            chosen = slice(None) if mask is None else mask.reshape(-1).numpy()
            yield found[chosen], at[chosen]

    return keys
