"""What the card at the pointer says of a value of the tensor."""

from __future__ import annotations

import math

from weightedit.core.looking.tiling import Tiling
from weightedit.core.spec import TensorSpec
from weightedit.core.statistics import Statistics
from weightedit.core.words.numbers import index_text
from weightedit.ui.plots.overlay import HoverText


def value_card(spec: TensorSpec, tiling: Tiling | None, found: Statistics | None, cell: tuple[int, int],
               index: tuple[int, ...], value: str, bits: str, number: float) -> HoverText:  # fmt: skip
    """Return index, value, bits, the tile it is in, and how far from the mean it is where statistics are known."""
    token = "nan" if "nan" in value else "neginf" if value == "-inf" else "posinf" if "inf" in value else "text"
    tile = None if tiling is None else tiling.tile_at(*cell)
    notes = [] if tile is None or tiling is None else [tiling.name(*tile)]
    if found is not None and found.std and found.mean is not None and math.isfinite(number):
        notes.append(f"{abs(number - found.mean) / found.std:,.1f} σ from the mean")
    return HoverText(index_text(index), value, f"{spec.type.short} {bits}", " · ".join(notes), token)
