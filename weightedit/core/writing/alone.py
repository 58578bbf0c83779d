"""One tensor, or a region of one, as a tensor of its own that a format can write: streamed, and cast where exact."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import TYPE_CHECKING, Any

from weightedit.core.dtypes import DTYPES, dtype_named, numpy_dtype
from weightedit.core.errors import EditRefused, RegionError
from weightedit.core.hazards import refusal
from weightedit.core.region import Box, parse_region
from weightedit.core.slots import HeldTensor
from weightedit.core.spec import TensorSpec
from weightedit.core.storage import Storage
from weightedit.core.values.pinned import PinnedRegion, PinnedTensor

if TYPE_CHECKING:
    import numpy as np

_SMALL = ("float16", "bfloat16", "float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz", "float8_e8m0fnu")
_WIDER: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(_SMALL, ("float32", "float64")), "float32": ("float64",), "complex32": ("complex64", "complex128"),
    "complex64": ("complex128",),
}  # fmt: skip


def alone(pinned: PinnedTensor, region: str | None = None, dtype: object = None) -> HeldTensor:
    """Return one state of a tensor, or of a region of it, as a plain tensor on the CPU.

    Parameters
    ----------
    pinned
        The tensor.
    region
        Such as `[3, :]`; dimensions with a single index are left out, as `read` leaves them out.
    dtype
        Another one, which holds every value of the present one; None keeps it.

    Raises
    ------
    EditRefused
        If the region does not fit, the values have no plain form, or the dtype would round some.
    """
    spec = pinned.spec
    if spec.encoding != "plain":
        raise EditRefused([refusal("unsupported", f"{pinned.name} is {spec.encoding}, and has no plain values",
                                   "Export the whole document.", targets=[pinned.name])])  # fmt: skip
    try:
        box = parse_region(region, spec.shape)
    except RegionError as error:
        raise EditRefused([refusal("out-of-range", f"{region} does not fit {pinned.name}", str(error))]) from None
    target = spec.dtype if dtype is None else _target(spec.dtype, dtype)
    if target == spec.dtype and box.result_shape == spec.shape and box.is_whole(spec.shape):
        return HeldTensor((TensorSpec(spec.dtype, spec.shape, spec.stride, spec.offset), Storage(pinned.content)))
    content = RegionBytes(PinnedRegion(pinned, box), target)
    return HeldTensor((TensorSpec.contiguous(target, box.result_shape), Storage(content)))


def _target(source: str, wanted: object) -> str:
    try:
        target = dtype_named(wanted).name
    except KeyError:
        raise EditRefused([refusal("argument", f"dtype is {wanted!r}, which is no dtype of torch",
                                   "For example float32.")]) from None  # fmt: skip
    if target != source and not holds(target, source):
        raise EditRefused([refusal("precision-loss", f"{target} does not hold every value of {source}",
                                   "Cast the tensor first: that says what is lost.")])  # fmt: skip
    return target


def holds(target: str, source: str) -> bool:
    """Whether every value of one dtype is a value of the other, so that a cast changes none."""
    mine, theirs = DTYPES[target], DTYPES[source]
    if theirs.family == "bool":
        return mine.is_integer or target in ("float32", "float64")
    if theirs.is_integer:
        bits = 8 * theirs.itemsize - (theirs.family == "int")
        if mine.is_integer:
            return 8 * mine.itemsize - (mine.family == "int") >= bits and mine.family in ("int", theirs.family)
        return bits <= {"float64": 53, "float32": 24}.get(target, 0)
    return target in _WIDER.get(source, ())


class RegionBytes:
    """The elements of a region one after the other, row-major, as bytes that are read when they are wanted.

    Parameters
    ----------
    region
        A region of a pinned tensor.
    dtype
        Of the bytes; it holds every value of the region's.
    """

    def __init__(self, region: PinnedRegion, dtype: str) -> None:
        self._region = region
        self._dtype = dtype
        self._size = DTYPES[dtype].itemsize
        self.nbytes = region.box.numel * self._size

    def read_into(self, buffer: memoryview, offset: int = 0) -> None:
        """Fill `buffer` with the bytes from `offset` on."""
        import numpy as np

        view = buffer.cast("B")
        first, last = offset // self._size, -(-(offset + view.nbytes) // self._size)
        at, skip = 0, offset - first * self._size
        for axes in row_major(self._region.box.shape, first, last):
            values = self._cast(self._region.read(Box(axes)))
            raw = np.ascontiguousarray(values).reshape(-1).view(np.uint8)[skip:]
            skip = 0
            part = raw[: view.nbytes - at]
            view[at : at + part.nbytes] = part.data
            at += part.nbytes

    def _cast(self, values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        target = numpy_dtype(self._dtype)
        if values.dtype == target:
            return values
        if self._region.spec.dtype == "complex32":
            wide: np.ndarray[Any, Any] = values["real"].astype(target)
            wide.imag = values["imag"]
            return wide
        return values.astype(target)


def row_major(shape: tuple[int, ...], first: int, last: int) -> Iterator[tuple[range, ...]]:
    """Yield boxes that together are the elements `[first, last)` of a shape, counted row by row, in this order."""
    if first >= last:
        return
    if not shape:
        yield ()
        return
    inner = prod(shape[1:])
    (row, start), (end, stop) = divmod(first, inner), divmod(last, inner)
    if row == end:
        yield from ((range(row, row + 1), *rest) for rest in row_major(shape[1:], start, stop))
        return
    if start:
        yield from ((range(row, row + 1), *rest) for rest in row_major(shape[1:], start, inner))
        row += 1
    if row < end:
        yield (range(row, end), *map(range, shape[1:]))
    yield from ((range(end, end + 1), *rest) for rest in row_major(shape[1:], 0, stop))
