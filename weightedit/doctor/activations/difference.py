"""How far two tensors are from each other: largest difference, cosine, what is no longer finite; in bounded memory."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from weightedit.core.dtypes import DTYPES, numpy_dtype
from weightedit.core.progress import Ask, unasked
from weightedit.core.source import ByteSource
from weightedit.core.spec import TensorSpec
from weightedit.core.values.equality import elements_differ, same_bytes
from weightedit.core.values.streaming import CHUNK, logical_bytes, range_bytes

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

AT_ONCE = 1 << 18
"""Elements that are compared at once: some megabytes in float64."""
_FAR = 400
"""Powers of 2 past which squares leave the range of float64 when they are summed."""
Tensor = tuple[TensorSpec, ByteSource]


@dataclass(frozen=True, slots=True)
class Difference:
    """What has become of a tensor; all in float64, over the elements that are finite before and after.

    Attributes
    ----------
    before, after
        Shapes.
    dtypes
        Before and after.
    changed
        How many elements have other bits; where the dtypes differ, other values.
    max_abs
        The largest absolute difference; of complex numbers, the largest modulus.
    largest
        The largest magnitude before.
    cosine
        Of the angle between the two as vectors; 1 where both are all zero, 0 where one of them is, None where the
        shapes differ or nothing is finite.
    at
        The index of the first element that is no longer finite, or of the largest difference.
    appeared, vanished
        How many elements are NaN or infinite now and were not, and the other way round.
    """

    before: tuple[int, ...]
    after: tuple[int, ...]
    dtypes: tuple[str, str]
    changed: int = 0
    max_abs: float = 0.0
    largest: float = 0.0
    cosine: float | None = 1.0
    at: tuple[int, ...] = ()
    appeared: int = 0
    vanished: int = 0

    @property
    def is_none(self) -> bool:
        """Whether the two are the same, bit for bit or, where the dtypes differ, value for value."""
        return not self.changed and self.before == self.after

    @property
    def relative(self) -> float:
        """The largest difference as a part of the largest magnitude before."""
        return self.max_abs / self.largest if self.largest else math.inf if self.max_abs else 0.0


def difference(first: Tensor, second: Tensor, ask: Ask = unasked) -> Difference:
    """Compare two tensors, each a spec and the bytes it lies in, chunk by chunk.

    Parameters
    ----------
    first, second
        Before and after, of any shapes, strides and dtypes but packed ones.
    ask
        Called between chunks; raises to stop.
    """
    (spec, content), (other, others) = first, second
    dtypes = spec.dtype, other.dtype
    if spec.shape != other.shape:
        return Difference(spec.shape, other.shape, dtypes, cosine=None)
    if spec.dtype == other.dtype and same_bytes(spec, content, other, others, lambda nbytes: ask()):
        return Difference(spec.shape, other.shape, dtypes)
    sums = _summed(first, second, (0, 0), ask)
    scales = math.frexp(sums.largest)[1], math.frexp(sums.largest_after)[1]
    if max(map(abs, scales)) > _FAR:
        sums = _summed(first, second, scales, ask)
    at = sums.broken_at if sums.broken_at >= 0 else sums.at
    return Difference(spec.shape, other.shape, dtypes, sums.changed, sums.max_abs, sums.largest, sums.cosine,
                      _index(at, spec.shape) if at >= 0 else (), sums.appeared, sums.vanished)  # fmt: skip


@dataclass(slots=True)
class _Sums:
    changed: int = 0
    max_abs: float = 0.0
    largest: float = 0.0
    largest_after: float = 0.0
    at: int = -1
    broken_at: int = -1
    appeared: int = 0
    vanished: int = 0
    finite: int = 0
    squares: float = 0.0
    squares_after: float = 0.0
    product: float = 0.0

    @property
    def cosine(self) -> float | None:
        if not self.finite:
            return None
        if not self.squares or not self.squares_after:
            return 1.0 if self.squares == self.squares_after else 0.0
        return max(-1.0, min(1.0, self.product / math.sqrt(self.squares) / math.sqrt(self.squares_after)))


def _summed(first: Tensor, second: Tensor, scales: tuple[int, int], ask: Ask) -> _Sums:
    """Go through both; `scales` are powers of 2 that values are divided by before they are squared."""
    import numpy as np

    sums, start = _Sums(), 0
    with np.errstate(all="ignore"):
        for mine, theirs in zip(_elements(*first), _elements(*second), strict=True):
            ask()
            _add(sums, mine, theirs, (first[0].dtype, second[0].dtype), scales, start)
            start += len(mine)
    return sums


def _add(sums: _Sums, mine: Array, theirs: Array, dtypes: tuple[str, str], scales: tuple[int, int],
         start: int) -> None:  # fmt: skip
    import numpy as np

    before, after = _numbers(mine, dtypes[0]), _numbers(theirs, dtypes[1])
    if dtypes[0] == dtypes[1]:
        differs = elements_differ(mine.view(np.uint8), theirs.view(np.uint8), mine.dtype.itemsize)
    else:
        differs = (before != after) & ~(np.isnan(before) & np.isnan(after))
    was, now = np.isfinite(before), np.isfinite(after)
    both, broken = was & now, was & ~now
    sums.changed += int(np.count_nonzero(differs))
    sums.appeared += int(np.count_nonzero(broken))
    sums.vanished += int(np.count_nonzero(now & ~was))
    sums.finite += int(np.count_nonzero(both))
    if sums.broken_at < 0 and broken.any():
        sums.broken_at = start + int(broken.argmax())
    far = np.where(both, _distance(mine, theirs, before, after, dtypes), 0.0)
    place = int(far.argmax())
    if far[place] > sums.max_abs or sums.at < 0:
        sums.max_abs, sums.at = float(far[place]), start + place
    before, after = np.where(both, before, 0), np.where(both, after, 0)
    sums.largest = max(sums.largest, float(np.abs(before).max()))
    sums.largest_after = max(sums.largest_after, float(np.abs(after).max()))
    before, after = _scaled(before, -scales[0]), _scaled(after, -scales[1])
    sums.squares += float(np.vdot(before, before).real)
    sums.squares_after += float(np.vdot(after, after).real)
    sums.product += float(np.vdot(before, after).real)


def _elements(spec: TensorSpec, content: ByteSource) -> Iterator[Array]:
    """Yield the elements in row-major order, the same number of them at each step whatever the dtype."""
    import numpy as np

    dtype, want = numpy_dtype(spec.dtype), AT_ONCE * spec.type.itemsize
    if spec.is_contiguous:
        for view in range_bytes(content, *spec.extent, want):
            yield np.frombuffer(view, np.uint8).view(dtype)
        return
    waiting = bytearray()
    for piece in logical_bytes(spec, content, CHUNK):
        waiting += piece
        for _ in range(len(waiting) // want):
            yield np.frombuffer(bytes(waiting[:want]), np.uint8).view(dtype)
            del waiting[:want]
    if waiting:
        yield np.frombuffer(bytes(waiting), np.uint8).view(dtype)


def _numbers(raw: Array, dtype: str) -> Array:
    """Return elements as float64, or as complex128."""
    import numpy as np

    if dtype == "complex32":
        made = np.empty(raw.shape, np.complex128)
        made.real, made.imag = raw["real"], raw["imag"]
        return made
    return raw.astype(np.complex128 if DTYPES[dtype].family == "complex" else np.float64)


def _distance(mine: Array, theirs: Array, before: Array, after: Array, dtypes: tuple[str, str]) -> Array:
    """Return absolute differences; those of integers are exact until they become float64."""
    import numpy as np

    if dtypes[0] != dtypes[1] or not DTYPES[dtypes[0]].is_integer:
        found: Array = np.abs(before - after)
        return found
    wide = np.uint64 if dtypes[0] == "uint64" else np.int64
    high, low = np.maximum(mine, theirs).astype(wide), np.minimum(mine, theirs).astype(wide)
    return (high.view(np.uint64) - low.view(np.uint64)).astype(np.float64)  # wraps round to what it is


def _scaled(values: Array, power: int) -> Array:
    import numpy as np

    if not power:
        return values
    if np.iscomplexobj(values):
        made = np.empty_like(values)
        made.real, made.imag = np.ldexp(values.real, power), np.ldexp(values.imag, power)
        return made
    found: Array = np.ldexp(values, power)
    return found


def _index(place: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    found: list[int] = []
    for size in reversed(shape):
        place, rest = divmod(place, size)
        found.append(rest)
    return tuple(reversed(found))
