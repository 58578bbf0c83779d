"""The phase of complex values, read as a tensor of its own and reduced to pixels by directions, not by numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from weightedit.core.looking.pixels import Reduced
from weightedit.core.progress import Progress
from weightedit.core.region import Box
from weightedit.core.spec import TensorSpec
from weightedit.core.statistics import Pinned
from weightedit.core.values.codes import Array

Reduce = Callable[[Pinned, "Progress | None"], Reduced]


@dataclass(frozen=True)
class PhasePart:
    """A function of the phase of a complex tensor's values, float32.

    Attributes
    ----------
    whole
        The complex tensor.
    of
        Applied to the phase, in −π … π; the phase of 0 is 0, of what is not finite NaN.
    """

    whole: Pinned
    of: Callable[[Array], Array]

    @property
    def spec(self) -> TensorSpec:
        """The tensor's, of float32."""
        return replace(self.whole.spec, dtype="float32")

    def chunks(self, region: Any = None, nbytes: int = 8 << 20) -> Iterator[tuple[Box, Any]]:
        """Yield (box, values)."""
        for part, array in self.whole.chunks(region, nbytes):
            real, imag = (array["real"], array["imag"]) if array.dtype.names else (array.real, array.imag)
            with np.errstate(all="ignore"):
                phase = np.arctan2(imag.astype(np.float32), real.astype(np.float32))
                phase[~(np.isfinite(real) & np.isfinite(imag))] = np.nan
                yield part, self.of(phase)


def reduce_phase(pinned: Pinned, reduced: Reduce, progress: Progress | None = None) -> Reduced:
    """Return the phase under each pixel: of one value its own, of several the direction of the sum of their directions.

    Parameters
    ----------
    pinned
        A complex tensor.
    reduced
        Reduces a tensor of its shape to the pixels that are wanted.
    progress
        Advanced by the bytes read; cancelling it raises `Cancelled`.
    """
    found = reduced(PhasePart(pinned, lambda phase: phase), progress)
    if found.is_cells:
        return found
    across = reduced(PhasePart(pinned, np.cos), progress).mean
    up = reduced(PhasePart(pinned, np.sin), progress).mean
    phase = np.arctan2(up, across)
    return replace(found, low=phase, high=phase, mean=phase, rms=np.abs(phase))
