"""Several boxes of a tensor seen as one run of values, for counts and statistics that no shape matters to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from weightedit.core.region import Box
from weightedit.core.spec import TensorSpec
from weightedit.core.statistics import CHUNK, Pinned


@dataclass(frozen=True, slots=True)
class Parts:
    """Disjoint boxes of a readable, one after the other.

    Attributes
    ----------
    whole
        What the boxes are of.
    boxes
        What is seen of it; they share no index.
    """

    whole: Pinned
    boxes: tuple[Box, ...]

    @property
    def spec(self) -> TensorSpec:
        """A 1-d tensor of as many values as the boxes have."""
        return self.whole.spec.fresh(shape=(sum(box.numel for box in self.boxes),))

    def chunks(self, region: Any = None, nbytes: int = CHUNK) -> Iterator[tuple[Box, Any]]:
        """Yield (box of the whole, values) of every box; there is no region of a part."""
        for box in self.boxes:
            if box.numel:
                yield from self.whole.chunks(box, nbytes)
