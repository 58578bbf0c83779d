"""Which cells of a table of tiles are picked, read as a tensor of yes and no."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from weightedit.core.looking.tile_reading import reduce_tiles
from weightedit.core.looking.tiling import Tiling
from weightedit.core.progress import Progress
from weightedit.core.region import Box
from weightedit.core.spec import TensorSpec
from weightedit.core.values.codes import Array
from weightedit.core.values.matching import NBYTES, Match
from weightedit.core.values.reading import array_index


@dataclass(frozen=True)
class PickedMask:
    """Whether each element of a tensor is picked, as a bool tensor of its shape."""

    match: Match

    @property
    def spec(self) -> TensorSpec:
        """The tensor's, of bool."""
        return replace(self.match.readable.spec, dtype="bool")

    def chunks(self, region: Any = None, nbytes: int = NBYTES) -> Iterator[tuple[Box, Any]]:
        """Yield (box, bool values)."""
        holds = self.match.holds
        for part, array in self.match.readable.chunks(region, nbytes):
            mask = np.zeros(array.shape, np.bool_)
            for box in self.match.picks.boxes:
                inside = part.intersection(box)
                if inside.numel:
                    at = array_index(inside.positions_in(part))
                    mask[at] = True if holds is None else holds(array[at], inside)
            yield part, mask


def picked_pixels(match: Match, tiling: Tiling, rows: range, columns: range, height: int, width: int,
                  progress: Progress | None = None) -> Array:  # fmt: skip
    """Return which pixels of a picture of tiles have picked cells under them, bool; at most `height` × `width`."""
    found = reduce_tiles(PickedMask(match), tiling, rows, columns, height, width, progress)
    with np.errstate(invalid="ignore"):
        mask: Array = found.high > 0
    return mask
