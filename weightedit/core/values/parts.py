"""A selection of a tensor seen as one run of values, for counts and statistics that no shape matters to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from weightedit.core.region import Box
from weightedit.core.spec import TensorSpec
from weightedit.core.statistics import Pinned
from weightedit.core.values.codes import Array
from weightedit.core.values.passes import CHUNK


@dataclass(frozen=True, slots=True)
class Parts:
    """Disjoint boxes of a readable, one after the other, or those values in them for which a condition holds.

    Attributes
    ----------
    whole
        What the boxes are of.
    boxes
        What is seen of it; they share no index.
    holds
        (stored values of a box, box) → where the condition holds, a bool array; None to see all.
    """

    whole: Pinned
    boxes: tuple[Box, ...]
    holds: Callable[[Array, Box], Array] | None = None

    @property
    def spec(self) -> TensorSpec:
        """A 1-d tensor of as many values as the boxes have, which is how many are read."""
        return self.whole.spec.fresh(shape=(sum(box.numel for box in self.boxes),))

    def chunks(self, region: Any = None, nbytes: int = CHUNK) -> Iterator[tuple[Box, Any]]:
        """Yield (box of the whole, values) of every box, flat where a condition holds; a part has no regions."""
        for box in self.boxes:
            if not box.numel:
                continue
            for piece, values in self.whole.chunks(box, nbytes):
                yield piece, values if self.holds is None else values[self.holds(values, piece)]
