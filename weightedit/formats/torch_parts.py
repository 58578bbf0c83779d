"""Tensors that a pickle makes of other tensors, sparse, nested and quantized ones: whether their parts fit together.

torch refuses such tensors by its invariant checks: https://pytorch.org/docs/stable/sparse.html#invariants. Here their
parts are shown one by one, and indices are looked at while they stream by.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from weightedit.core.described.placeholder import GlobalName, Placeholder
from weightedit.core.progress import Ask, unasked
from weightedit.core.region import Box
from weightedit.core.slots import HeldTensor
from weightedit.core.source import SourceFile
from weightedit.core.words.visible import visible
from weightedit.formats.pickle_reader import NESTED
from weightedit.formats.pickle_settle import path_to
from weightedit.formats.pickle_values import PickledTensor
from weightedit.formats.zip_directory import wrong

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

_CHUNK = 1 << 20
"""Indices that are looked at together."""
_MOST_SIZE = (1 << 63) - 1
_SCHEMES = ("per_tensor_affine", "per_channel_affine", "per_channel_affine_float_qparams")


class Unfit(Exception):  # it never leaves this module
    """What does not fit, to stand after the name of the tensor."""


def check_parts(parts: list[Any], root: Any, file: SourceFile, ask: Ask = unasked) -> None:
    """Check every tensor made of others that a pickle was found to have.

    Parameters
    ----------
    parts
        Placeholders and quantized tensors, as the reader met them.
    root
        What the pickle holds, to name them by.
    file
        The file; where its storages lie is known by now.
    ask
        Called for each of them, and while indices are read.

    Raises
    ------
    CheckpointError
        If parts are missing, of the wrong kind or size, or indices lie outside of the tensor.
    """
    for part in parts:
        try:
            ask()
            _check(part, ask)
        except Unfit as error:
            where = visible(path_to(root, part), 200)
            raise wrong(file, f'is damaged: tensor "{where}" {error}.', where) from error


def _check(part: Any, ask: Ask) -> None:
    if isinstance(part, PickledTensor):
        _quantized(part)
        return
    if part.type.name == NESTED:
        _nested(part.args)
    else:
        _sparse(part.args, ask)


# ---------------------------------------------------------------- sparse


def _sparse(args: tuple[Any, ...], ask: Ask) -> None:
    layout = _layout(args[0]) if len(args) == 2 else None
    parts = args[1] if len(args) == 2 else None
    if not isinstance(parts, tuple) or not 3 <= len(parts) <= 4:
        raise Unfit("is sparse, and has no indices, values and size")
    if layout == "sparse_coo":
        _coordinates(*parts, ask=ask)
    elif layout in ("sparse_csr", "sparse_csc", "sparse_bsr", "sparse_bsc") and len(parts) == 4:
        _compressed(layout, *parts, ask=ask)


def _layout(value: Any) -> str | None:
    """Return the name of a layout, which torch pickles as a call with its name."""
    if isinstance(value, Placeholder) and value.args and isinstance(value.args[0], str):
        return value.args[0].removeprefix("torch.")
    return value.name if isinstance(value, GlobalName) else None


def _coordinates(indices: Any, values: Any, size: Any, coalesced: Any = False, *, ask: Ask) -> None:
    held, over, shape = _indices(indices), _tensor(values, "values"), _size(size)
    if len(held.spec.shape) != 2:
        raise Unfit("is sparse, and its indices are no table")
    dims, count = held.spec.shape
    if over.spec.shape[:1] != (count,):
        raise Unfit(f"is sparse, and has {count:,} indices and values of shape {list(over.spec.shape)}")
    if len(shape) != dims + len(over.spec.shape) - 1 or over.spec.shape[1:] != shape[dims:]:
        raise Unfit(f"is sparse of {len(shape)} dimensions, which its {dims} rows of indices and values of shape "
                    f"{list(over.spec.shape)} do not give")  # fmt: skip
    before = None
    for start, chunk in _chunks(held, count, ask):
        for dim, row in enumerate(chunk):
            _check_range(row, shape[dim], start)
        if coalesced is True:
            before = _check_sorted(chunk, before)


def _check_range(row: Array, size: int, start: int) -> None:
    outside = (row < 0) | (row >= size)
    if outside.any():
        at = int(outside.argmax())
        raise Unfit(f"is sparse, and its index {int(row[at])} at {start + at:,} lies outside its size of {size:,}")


def _check_sorted(chunk: Array, before: Array | None) -> Array:
    """Raise unless the columns rise from each to the next; return the last, for the chunk that follows."""
    import numpy as np

    whole = chunk if before is None else np.concatenate([before, chunk], axis=1)
    rises = np.zeros(max(whole.shape[1] - 1, 0), bool)
    same = np.ones_like(rises)
    for row in whole:
        rises |= same & (row[1:] > row[:-1])
        same &= row[1:] == row[:-1]
    if not rises.all():
        raise Unfit("is sparse and said to be coalesced, and its indices are not sorted or not unique")
    return whole[:, -1:]


def _compressed(layout: str, compressed: Any, plain: Any, values: Any, size: Any, *, ask: Ask) -> None:
    first, second, over, shape = _indices(compressed), _indices(plain), _tensor(values, "values"), _size(size)
    batch = len(first.spec.shape) - 1
    if batch < 0 or len(second.spec.shape) != batch + 1 or len(shape) < batch + 2:
        raise Unfit("is sparse, and its indices do not have the dimensions of its size")
    count = second.spec.shape[-1]
    blocked = layout in ("sparse_bsr", "sparse_bsc")
    if over.spec.shape[: batch + 1] != second.spec.shape or len(over.spec.shape) < batch + 1 + 2 * blocked:
        raise Unfit(f"is sparse, and has indices of shape {list(second.spec.shape)} and values of shape "
                    f"{list(over.spec.shape)}")  # fmt: skip
    block = over.spec.shape[batch + 1 : batch + 3] if blocked else (1, 1)
    if 0 in block or any(length % by for length, by in zip(shape[batch : batch + 2], block, strict=True)):
        raise Unfit(f"is sparse, and its size {list(shape)} is no whole number of blocks {list(block)}")
    rows, columns = (length // by for length, by in zip(shape[batch : batch + 2], block, strict=True))
    if layout in ("sparse_csc", "sparse_bsc"):
        rows, columns = columns, rows
    if first.spec.shape[-1] != rows + 1 or first.spec.shape[:-1] != shape[:batch]:
        raise Unfit(f"is sparse, and has {first.spec.shape[-1] - 1:,} rows or columns of indices, its size {rows:,}")
    _check_rows(first, second, rows, columns, count, ask)


def _check_rows(first: HeldTensor, second: HeldTensor, rows: int, columns: int, count: int, ask: Ask) -> None:
    import numpy as np

    starts = _read(first).reshape(-1, rows + 1)
    if (starts[:, 0] != 0).any():
        raise Unfit("is sparse, and its compressed indices do not begin with 0")
    if (starts[:, -1] != count).any():
        raise Unfit(f"is sparse, and its compressed indices do not end with its {count:,} values")
    if (starts[:, 1:] < starts[:, :-1]).any():
        raise Unfit("is sparse, and its compressed indices fall")
    for number, row in enumerate(starts):
        before = -1
        for start, chunk in _chunks(second, count, ask, number):
            flat = chunk.reshape(-1)
            _check_range(flat, columns, start)
            falls = start + np.flatnonzero(np.diff(flat, prepend=before) <= 0)
            if (row[np.searchsorted(row, falls)] != falls).any():  # they may fall only where a row begins
                raise Unfit("is sparse, and its indices do not rise within a row or column")
            before = int(flat[-1])


# ---------------------------------------------------------------- nested and quantized


def _nested(args: tuple[Any, ...]) -> None:
    import numpy as np

    if len(args) != 4 or not all(isinstance(one, HeldTensor) for one in args):
        raise Unfit("is nested, and has no values, sizes, strides and offsets")
    values, sizes, strides, offsets = args
    if any(one.spec.dtype != "int64" for one in args[1:]):
        raise Unfit("is nested, and its sizes, strides or offsets are no whole numbers")
    count = offsets.spec.shape[0] if len(offsets.spec.shape) == 1 else -1
    if len(values.spec.shape) != 1 or sizes.spec.shape != strides.spec.shape or sizes.spec.shape[:1] != (count,):
        raise Unfit("is nested, and its sizes, strides and offsets do not go together")
    size, stride, offset = (_read(one).astype(np.float64) for one in args[1:])
    if (size < 0).any() or (stride < 0).any() or (offset < 0).any():
        raise Unfit("is nested, and has negative sizes, strides or offsets")
    reach = offset + ((size - 1) * stride).sum(axis=tuple(range(1, size.ndim))) + 1
    empty = (size == 0).any(axis=tuple(range(1, size.ndim)))
    if ((reach > values.spec.numel) & ~empty).any():
        raise Unfit(f"is nested, and one of its tensors leaves the {values.spec.numel:,} values it has")


def _quantized(held: PickledTensor) -> None:
    quantizer = None if held.extras is None else held.extras.quantizer
    scheme = quantizer[0] if isinstance(quantizer, tuple) and quantizer else None
    name = scheme.name if isinstance(scheme, GlobalName) and scheme.module == "torch" else None
    shape = held.first_spec.shape
    match quantizer:
        case (_, int() | float() as scale, int() as zero) if name == _SCHEMES[0]:
            if abs(zero) > _MOST_SIZE or (isinstance(scale, int) and abs(scale) > _MOST_SIZE):
                raise Unfit("is quantized, and its scale or zero point is beyond 63 bits")
            return
        case (_, HeldTensor() as scales, HeldTensor() as zeros, int() as axis) if name in _SCHEMES[1:]:
            if 0 <= axis < len(shape) and scales.spec.shape == zeros.spec.shape == (shape[axis],):
                return
            raise Unfit(f"is quantized along dimension {axis} of the shape {list(shape)} by scales of shape "
                        f"{list(scales.spec.shape)} and zero points of shape {list(zeros.spec.shape)}")  # fmt: skip
    raise Unfit("is quantized, and no scheme, scale and zero point say how")


# ---------------------------------------------------------------- what they are made of


def _tensor(value: Any, what: str) -> HeldTensor:
    if not isinstance(value, HeldTensor):
        raise Unfit(f"is sparse, and its {what} are no tensor")
    return value


def _indices(value: Any) -> HeldTensor:
    held = _tensor(value, "indices")
    if held.spec.dtype not in ("int64", "int32"):
        raise Unfit(f"is sparse, and its indices are {held.spec.dtype}, no whole numbers of 32 or 64 bits")
    return held


def _size(value: Any) -> tuple[int, ...]:
    if not isinstance(value, tuple) or not all(type(size) is int and 0 <= size <= _MOST_SIZE for size in value):
        raise Unfit("is sparse, and its size is no list of sizes")
    return value


def _bounded(held: HeldTensor) -> HeldTensor:
    """Raise where a tensor has more elements than its storage: to look at each would never end."""
    if held.spec.nbytes > held.storage.nbytes:
        raise Unfit("is made of indices that repeat the same numbers")
    return held


def _read(held: HeldTensor) -> Array:
    from weightedit.core.values.reading import gather

    return gather(_bounded(held).spec, held.storage.content, Box.whole(held.spec.shape))


def _chunks(held: HeldTensor, count: int, ask: Ask, number: int | None = None) -> Iterator[tuple[int, Array]]:
    """Yield parts of indices along their last dimension, with where they begin; of a batch one `number` only."""
    from weightedit.core.values.reading import gather

    spec = _bounded(held).spec
    leading = [range(size) for size in spec.shape[:-1]]
    for dim in reversed(range(len(leading) if number is not None else 0)):
        assert number is not None
        number, index = divmod(number, spec.shape[dim])
        leading[dim] = range(index, index + 1)
    for start in range(0, count, _CHUNK):
        box = Box((*leading, range(start, min(start + _CHUNK, count))))
        ask()
        yield start, gather(spec, held.storage.content, box)
