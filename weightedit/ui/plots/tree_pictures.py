"""The pictures of tensors in the tree, as plain data that a worker makes: pixels in both themes, or a line."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from weightedit.core.looking.thumbnail import thumbnail
from weightedit.core.values.pinned import PinnedTensor
from weightedit.ui.plots.colormaps import DEFAULT_MAPS, picture
from weightedit.ui.plots.levels import Levels, apart
from weightedit.ui.tokens import TOKENS

POINTS = 20


@dataclass(frozen=True)
class TreePicture:
    """A tensor in 20 × 12 pixels.

    Attributes
    ----------
    height, width
        Pixels.
    pixels
        RGBA bytes for each theme; empty for a line.
    line
        Heights from 0 to 1 of a tensor of one dimension, None where nothing is finite.
    zero
        Where 0 lies among them; None where it is past either end.
    """

    height: int
    width: int
    pixels: dict[str, bytes]
    line: tuple[float | None, ...] = ()
    zero: float | None = None


def can_have_picture(pinned: PinnedTensor) -> bool:
    """Whether a tensor has values in one dimension or more."""
    spec = pinned.spec
    return spec.encoding == "plain" and bool(spec.shape) and spec.numel > 1 and spec.type.family != "opaque"


def tree_picture(pinned: PinnedTensor) -> TreePicture:
    """Make the picture of a tensor from a small sample of it."""
    found = thumbnail(pinned, 12, POINTS)
    values = found.typical(np.inf)
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    if len(pinned.spec.shape) == 1:
        ends = apart(low, high, "minmax")
        line = tuple(None if value != value else round(float(ends.share(value)), 3) for value in values[0].tolist())
        zero = float(ends.share(0.0))
        return TreePicture(1, len(line), {}, line, zero if 0 <= zero <= 1 else None)
    family = pinned.spec.type.family
    is_signed = bool((found.low < 0).any() and (found.high > 0).any())  # under one pixel, too
    kind = "bool" if family == "bool" else "signed" if is_signed else "magnitude"
    if family in ("int", "uint") and pinned.spec.dtype != "int8":
        kind = "integer"
    levels = {"bool": Levels(0.0, 1.0, "minmax"), "integer": apart(low, high, "minmax")}.get(kind)
    if kind != "bool" and low == high == 0 and not is_signed:
        levels = Levels(0.0, 1.0, "minmax")  # nothing but 0 is the lowest colour, not one in the middle
    if levels is None:
        sizes = np.abs(finite)
        # even values are drawn in the middle of the map, so that uneven ones stand out
        end = max(float(np.quantile(sizes, 0.98)), 2.5 * float(np.median(sizes))) if finite.size else 0.0
        levels = Levels(-end, end) if kind == "signed" and end else apart(min(low, 0.0), max(high, 0.0), "minmax")
    shown = {theme: picture(found, levels, DEFAULT_MAPS[kind], theme).tobytes() for theme in TOKENS}
    return TreePicture(found.height, found.width, shown)
