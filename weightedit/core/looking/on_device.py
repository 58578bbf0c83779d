"""Tensors reduced and counted by torch on the device they lie on: only pixels and counts are copied.

Everything but sums is what the kernels for arrays give bit for bit; sums are of float64.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from weightedit.core.dtypes import DTYPES, torch_dtype
from weightedit.core.kernels.arrays import Moments, PixelArrays
from weightedit.core.looking.pixels import Pixels
from weightedit.core.progress import Progress
from weightedit.core.reduction import SliceView
from weightedit.core.region import Box
from weightedit.core.spec import TensorSpec
from weightedit.core.statistics import Collecting
from weightedit.core.values.codes import Array, is_exact
from weightedit.core.values.reading import blocks

AT_ONCE = 1 << 22
"""Values that are widened on the device at once: 32 MB of float64, and as much again of masks and sums."""


def take_in(pinned: Any, view: SliceView, pixels: Pixels, part: tuple[range, range], progress: Progress) -> None:
    """Add rows and columns of a slice to pixels, as `reduction.take_in` does."""
    spec = pinned.spec
    rows, columns = part
    many = max(1, min(len(columns), AT_ONCE))
    step = max(1, AT_ONCE // many)
    for top in range(0, len(rows), step):
        for left in range(0, len(columns), many):
            down, across = rows[top : top + step], columns[left : left + many]
            block = _values(pinned, view.box(spec.shape, down, across)).reshape(-1)
            order = (len(down), len(across))
            if view.rows_dim is not None and view.columns_dim is not None and view.rows_dim > view.columns_dim:
                table = block.reshape(order[::-1]).t()
            else:
                table = block.reshape(order)
            pixels.add_by(reduce_block, table, spec.dtype, (down.start - pixels.rows.start) // pixels.rows.step,
                          (across.start - pixels.columns.start) // pixels.columns.step)  # fmt: skip
            progress.advance(table.numel() * spec.type.itemsize)


def _values(pinned: Any, box: Box) -> torch.Tensor:
    """Return the stored values of a box of ranges, a view of the live storage."""
    spec: TensorSpec = pinned.spec
    dtype = torch_dtype(spec.dtype)
    storage = pinned.content.storage
    flat = torch.empty(0, dtype=dtype, device=storage.device)
    offset = spec.offset + sum(axis[0] * step for axis, step in zip(box.axes, spec.stride, strict=True))
    steps = [step * (axis.step if isinstance(axis, range) else 1)
             for axis, step in zip(box.axes, spec.stride, strict=True)]  # fmt: skip
    return torch.Tensor.set_(flat, storage, offset, tuple(map(len, box.axes)), tuple(steps))


def reduce_block(block: torch.Tensor, dtype: str, row_edges: Array, column_edges: Array, into: PixelArrays) -> bool:
    """Take a block of stored values, 2-D and on any device, into pixels; parameters and result as of the kernels."""
    if not block.numel():
        return True
    values = _widened(block, dtype)
    finite = torch.isfinite(values)
    low, high = torch.where(finite, values, math.inf), torch.where(finite, values, -math.inf)
    wide = torch.where(finite, values, 0).double()
    found = [_over(array, row_edges, column_edges, how)
             for array, how in ((low, "amin"), (high, "amax"), (wide, "sum"), (wide * wide, "sum"))]  # fmt: skip
    np.minimum(into.low, found[0], out=into.low)
    np.maximum(into.high, found[1], out=into.high)
    into.total[...] += found[2]
    into.square[...] += found[3]
    is_finite = bool(finite.all())
    if not is_finite:
        for counts, mask in ((into.nan, torch.isnan(values)), (into.posinf, values == math.inf),
                             (into.neginf, values == -math.inf)):  # fmt: skip
            counts += _over(mask.long(), row_edges, column_edges, "sum")
    return is_finite


def _widened(block: torch.Tensor, dtype: str) -> torch.Tensor:
    """Return the numbers that `codes.numbers` gives."""
    wide = DTYPES[dtype].itemsize >= 4 and dtype != "float32"
    return block.to(torch.float64 if wide else torch.float32)


def _over(values: torch.Tensor, row_edges: Array, column_edges: Array, how: str) -> Array:
    """Reduce between edges across, then down, and copy what is left."""
    found: Array = _along(_along(values, column_edges, 1, how), row_edges, 0, how).cpu().numpy()
    return found


def _along(values: torch.Tensor, edges: Array, dim: int, how: str) -> torch.Tensor:
    """Reduce each run between edges; runs are equally long but for one value, and cut ones at both ends."""
    sizes = np.diff(edges)
    if len(sizes) == values.shape[dim]:
        return values
    steps = np.arange(int(sizes.max()))
    inside = steps[None, :] < sizes[:, None]
    places = torch.from_numpy(np.where(inside, edges[:-1, None] + steps, edges[:-1, None])).to(values.device)
    picked = values.index_select(dim, places.reshape(-1))
    picked = picked.reshape(*values.shape[:dim], *places.shape, *values.shape[dim + 1 :])
    if how == "amin":
        return picked.amin(dim=dim + 1)
    if how == "amax":
        return picked.amax(dim=dim + 1)
    mask = torch.from_numpy(inside).to(values.device)
    mask = mask if dim == 1 else mask.unsqueeze(-1)
    return torch.where(mask, picked, 0).sum(dim=dim + 1)


def collect(pinned: Any, box: Box, seen: Collecting, progress: Progress) -> None:
    """Count the values of a box on the device, as `Collecting.add` does."""
    spec = pinned.spec
    for piece in blocks(spec, box, AT_ONCE):
        values = _values(pinned, piece).reshape(-1)
        seen.add_counted(*counted(values, spec.dtype))
        progress.advance(piece.numel * spec.type.itemsize)


def counted(values: torch.Tensor, dtype: str) -> tuple[Array, Moments, tuple[int, int] | None]:
    """Return how often each code occurs, the moments of wide values, and the exact ends of integers."""
    values = values.contiguous()
    if is_exact(dtype):
        width = DTYPES[dtype].itemsize
        bits = values.view(torch.uint8 if width == 1 else torch.int16).long() & (0xFF if width == 1 else 0xFFFF)
        return _counts(bits, 1 << 8 * width), Moments(), None
    wide = _widened(values, dtype)
    limit = torch.finfo(torch.float32).max
    narrow = torch.where(torch.isfinite(wide), wide.clamp(-limit, limit), wide).float()
    codes = (narrow.view(torch.int32).long() >> 16) & 0xFFFF
    ends = (int(values.min()), int(values.max())) if DTYPES[dtype].is_integer else None
    return _counts(codes, 1 << 16), _moments(wide), ends


def _counts(codes: torch.Tensor, size: int) -> Array:
    found: Array = torch.bincount(codes, minlength=size).cpu().numpy()
    return found


def _moments(values: torch.Tensor) -> Moments:
    finite = values[torch.isfinite(values)].double()
    odd = (int((values == 0).sum()), int(torch.isnan(values).sum()), int((values == math.inf).sum()),
           int((values == -math.inf).sum()))  # fmt: skip
    if not finite.numel():
        return Moments(0, 0.0, 0.0, 0.0, math.inf, -math.inf, *odd)
    mean = finite.mean()
    off = finite - mean
    return Moments(finite.numel(), float(mean), float((off * off).sum()), float((finite * finite).sum()),
                   float(finite.min()), float(finite.max()), *odd)  # fmt: skip
