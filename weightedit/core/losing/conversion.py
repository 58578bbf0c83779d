"""What storing values in a dtype does to them, cell by cell: which kind of loss, and how large an error."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import torch

from weightedit.core.values.precision import outside

KINDS = ("overflow", "underflow", "truncated", "imaginary", "clamped", "rounded")
"""Every kind of loss, the worst first."""
_LONG = (torch.int64, torch.uint64)


@dataclass(frozen=True, slots=True)
class Storing:
    """How values come to be stored.

    Attributes
    ----------
    converts
        They are meant to come through as they are, so that any difference is a loss.
    scales
        A value that is not 0 must not become 0.
    clamps
        Values past the range are given its end on purpose.
    """

    converts: bool = False
    scales: bool = False
    clamps: bool = False


def losses_in(current: torch.Tensor | None, exact: torch.Tensor, stored: torch.Tensor, how: Storing,
              wrapped: torch.Tensor | None = None) -> dict[str, torch.Tensor]:  # fmt: skip
    """Return where each kind of loss happens, bool tensors; a complex value counts once for each kind.

    Parameters
    ----------
    current
        What was there, or None where the values do not depend on it.
    exact, stored
        The values as computed, and as they read back; of one shape.
    how
        What they are stored for.
    wrapped
        Where whole-number arithmetic leaves the dtype's range: `exact` has wrapped around already.
    """
    lost: dict[str, torch.Tensor] = {}
    if exact.is_complex() and not stored.is_complex():
        lost["imaginary"] = part(exact, "imag") != 0
        exact = part(exact, "real")
    for name in ("real", "imag") if stored.is_complex() else ("real",):
        before = None if current is None else part(current, name)
        for kind, found in _lost(before, part(exact, name), part(stored, name), how, wrapped):
            lost[kind] = lost[kind] | found if kind in lost else found
    return lost


def _lost(current: torch.Tensor | None, exact: torch.Tensor, stored: torch.Tensor, how: Storing,
          wrapped: torch.Tensor | None) -> Iterator[tuple[str, torch.Tensor]]:  # fmt: skip
    """Yield (kind, where) of what real values lose."""
    if stored.is_floating_point():
        yield from _lost_by_float(current, exact, stored, how)
    elif exact.is_floating_point():
        differs = stored.to(torch.float64) != exact.to(torch.float64)
        past = _past(exact, stored.dtype) if how.clamps else None
        if stored.dtype == torch.bool:
            yield "truncated", _becomes_another(current, stored, differs)
            return
        yield "truncated", differs if past is None else differs & ~past
        if past is not None:
            yield "clamped", past & differs
    elif stored.dtype == torch.bool:
        if exact.dtype != torch.bool:
            yield "truncated", _becomes_another(current, stored, (exact != 0) & (exact != 1))
    elif wrapped is not None:
        yield "overflow", wrapped
    elif stored.dtype != exact.dtype and exact.dtype != torch.bool:
        info = torch.iinfo(stored.dtype)
        yield "clamped" if how.clamps else "overflow", outside(exact, info.min, info.max)


def _becomes_another(current: torch.Tensor | None, stored: torch.Tensor, found: torch.Tensor) -> torch.Tensor:
    """Leave out where a bool stays what it was: twice True is True, and nobody loses anything by it."""
    if current is None or current.dtype != torch.bool:
        return found
    return found & (current != stored)


def _past(exact: torch.Tensor, dtype: torch.dtype) -> torch.Tensor | None:
    """Return where floats lie past the range of an integer dtype, once their fraction is cut off."""
    if dtype == torch.bool:
        return None
    info, whole = torch.iinfo(dtype), exact.to(torch.float64).trunc()
    high = float(info.max)  # of 64 bits this is one more than fits
    return (whole < float(info.min)) | (whole >= high if high > info.max else whole > high)


def _lost_by_float(current: torch.Tensor | None, exact: torch.Tensor, stored: torch.Tensor,
                   how: Storing) -> Iterator[tuple[str, torch.Tensor]]:  # fmt: skip
    if how.converts and exact.dtype == stored.dtype:
        return
    wide = _wide(exact, stored)
    before, after = exact.to(wide), stored.to(wide)
    is_finite, stays_finite = before.abs() < torch.inf, after.abs() < torch.inf
    should_be_finite = is_finite
    if not how.converts and current is not None:
        should_be_finite = current.to(wide).abs() < torch.inf
    overflow = should_be_finite & ~stays_finite
    if how.clamps:
        info = torch.finfo(stored.dtype)
        yield "clamped", ((before > info.max) | (before < info.min)) & stays_finite & (before != after)
    elif stored.element_size() == 1:
        overflow |= _out_of_float8(before, after, stored.dtype)
    yield "overflow", overflow
    vanished = (before != 0) & (after == 0)
    if how.scales and current is not None:
        vanished |= (current.to(wide) != 0) & (after == 0)
    yield "underflow", vanished
    if how.converts:
        comparable = stays_finite & is_finite & ~vanished & ~overflow
        if how.clamps:
            comparable &= (before <= info.max) & (before >= info.min)
        differs = before != after
        if exact.dtype in _LONG:
            differs |= _differs_past_float64(exact, after, comparable)
        yield "rounded", comparable & differs


def _differs_past_float64(exact: torch.Tensor, after: torch.Tensor, comparable: torch.Tensor) -> torch.Tensor:
    """Return where 64-bit integers differ from what is stored of them, which float64 itself would round away."""
    off = comparable & (_as_long(after, exact.dtype) != exact.view(torch.int64))
    return off | (comparable & (after >= 2.0**63)) if exact.dtype == torch.int64 else off


def errors_in(exact: torch.Tensor, stored: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return how far stored values are from the exact ones, absolute and relative; float32 between small floats.

    0 where they are equal or both NaN, infinite where one of them is finite and the other is not. The relative error
    is |exact - stored| / |exact|; of an exact 0 that is stored as something else it is 1. Complex values differ by the
    magnitude of their difference; an imaginary part that is dropped is part of it.
    """
    if exact.is_complex() or stored.is_complex():
        names = ("real", "imag")
        off = torch.hypot(*(_off(part(exact, name), part(stored, name)) for name in names))
        size = torch.hypot(*(part(exact, name).to(torch.float64) for name in names))
    else:
        off = _off(exact, stored)
        size = exact.to(off.dtype).abs()
    relative = torch.where((off > 0) & (off < torch.inf), off / size, off)
    from_zero = (size == 0) & (off > 0)
    return off, torch.where(from_zero & (off < torch.inf), 1.0, relative) if bool(from_zero.any()) else relative


def _off(exact: torch.Tensor, stored: torch.Tensor) -> torch.Tensor:
    wide = _wide(exact, stored)
    before, after = exact.to(wide), stored.to(wide)
    off = (before - after).abs()
    if exact.dtype in _LONG and stored.is_floating_point():
        there = after.abs() <= 2.0**64  # itself, to which the largest values of uint64 round
        whole = torch.where(there, after, 0)
        exactly = (_as_long(whole, exact.dtype) - exact.view(torch.int64)).abs().to(torch.float64)
        if exact.dtype == torch.int64:
            exactly += whole >= 2.0**63  # one more than int64 ends at
        off = torch.where(there & (off < 2.0**53), torch.maximum(off, exactly), off)
    odd = ~(off < torch.inf)
    if bool(odd.any()):
        same = (before == after) | (before.isnan() & after.isnan())
        off = torch.where(odd, torch.where(same, 0.0, torch.inf), off)
    return off


def _wide(*given: torch.Tensor) -> torch.dtype:
    """Return the dtype that holds every value of all of them exactly, as far as one does."""
    small = all(one.is_floating_point() and one.element_size() <= 4 for one in given)
    return torch.float32 if small else torch.float64


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


def part(tensor: torch.Tensor, name: str) -> torch.Tensor:
    """Return the real or imaginary part of a tensor of any dtype; that of a real one is 0."""
    if not tensor.is_complex():
        return tensor if name == "real" else torch.zeros_like(tensor)
    if tensor.dtype == torch.complex32:
        return torch.view_as_real(tensor)[..., 0 if name == "real" else 1]
    return tensor.real if name == "real" else tensor.imag
