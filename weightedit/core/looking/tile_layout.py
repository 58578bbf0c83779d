"""Which tiles a tensor is shown in: what its shape suggests, and how many of them fill a line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from weightedit.core.looking.tiling import Tiling

SMALL_KERNEL = 64
"""A third dimension up to this size is the kernel of a one-dimensional convolution, not the columns of an expert."""
FEW = 4
"""Up to so many tiles side by side are one group, such as the three colours of a first convolution."""
ELONGATED = 4.0
"""Where cells would be this many times longer than wide, groups are laid out on fewer, fuller lines."""


def default_tiling(shape: tuple[int, ...], name: str = "", fixed: Mapping[int, int] | None = None) -> Tiling | None:
    """Return how a tensor of three or more dimensions lies in tiles by default; None for fewer.

    `(out, in, …, kernel rows, kernel columns)` has a tile for each pair of out and in, `(out, in, kernel)` likewise
    with one row; `(expert, out, in)` a tile for each expert. The name tells a long kernel from an expert.
    """
    if len(shape) < 3:
        return None
    last = len(shape) - 1
    is_experts = "expert" in name or (len(shape) == 3 and shape[2] > SMALL_KERNEL and "conv" not in name)
    if len(shape) == 3 and is_experts:
        made = Tiling(shape, 1, 2, 0, words=("expert" if "expert" in name else "dim 0", ""))
    elif len(shape) == 3:
        made = Tiling(shape, None, 2, 0, 1, words=("out", "in"))
    else:
        made = Tiling(shape, last - 1, last, 0, 1, words=("out", "in"))
    dims = (made.rows_dim, made.columns_dim, made.down, made.across)
    given = fixed or {}
    return replace(made, fixed={dim: given.get(dim, 0) for dim in range(len(shape)) if dim not in dims})


def head_tiling(shape: tuple[int, ...], heads: int, dim: int = 0) -> Tiling:
    """Return a matrix with one dimension split into heads; ValueError where it does not divide."""
    if heads < 1 or shape[dim] % heads:
        raise ValueError(f"{shape[dim]} does not divide into {heads} heads")
    return Tiling(shape, 0, 1, dim, heads=heads, words=("head", ""), per_line=1 if dim == 0 else heads)


def wrapped(tiling: Tiling, height: float, width: float) -> Tiling:
    """Lay groups out so that cells are nearest to square in a room of this size; heads of columns stay in line."""
    if tiling.heads and tiling.down == tiling.columns_dim:
        return tiling
    one = replace(tiling, per_line=1)
    if tiling.in_group > FEW and _elongation(one, height, width) < ELONGATED:
        return one
    if tiling.heads and _elongation(one, height, width) < ELONGATED:
        return one
    (rows, columns), groups = one.tile, one.groups
    wish = (groups * rows * width / (max(height, 1.0) * one.in_group * columns)) ** 0.5
    tried = {min(max(1, round(wish * factor)), groups) for factor in (0.8, 0.9, 1.0, 1.1, 1.25)}
    tried |= {min(max(1, int(wish)), groups), min(int(wish) + 1, groups)}
    made = [replace(tiling, per_line=count) for count in sorted(tried)]
    return min(made, key=lambda found: (_elongation(found, height, width) * _waste(found), found.per_line))


def _elongation(tiling: Tiling, height: float, width: float) -> float:
    rows, columns = tiling.size
    ratio = (max(height, 1.0) / max(rows, 1)) / (max(width, 1.0) / max(columns, 1))
    return max(ratio, 1 / ratio)


def _waste(tiling: Tiling) -> float:
    return tiling.lines * tiling.per_line / max(tiling.groups, 1)


def likely_heads(size: int) -> int:
    """Return how many heads a dimension may have: of 64 or 128 each, else the smallest divisor from 2 on."""
    for each in (64, 128):
        if size % each == 0 and size > each:
            return size // each
    return next((count for count in range(2, 65) if size % count == 0), 1)
