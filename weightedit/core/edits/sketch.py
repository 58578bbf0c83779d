"""A few numbers and a small histogram of a tensor before and after an edit, small enough to keep for thousands."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from weightedit.core.dtypes import numpy_dtype
from weightedit.core.edits.compute import ComputedTensor, Piece, result_boxes
from weightedit.core.edits.plan import Plan, Target
from weightedit.core.losing.losses import Losses
from weightedit.core.progress import Progress
from weightedit.core.region import Box
from weightedit.core.spec import TensorSpec
from weightedit.core.stage import bytes_of
from weightedit.core.statistics import Collecting, Statistics
from weightedit.core.values.codes import Array
from weightedit.core.values.pinned import PinnedRegion

BINS = 64
AT_ONCE = 1 << 18
"""Values that are counted at once: a count has 65,536 codes, however few values it is of."""


@dataclass(frozen=True, eq=False, slots=True)
class Sketch:
    """What is kept of the values of one tensor, or of the region that is written.

    Attributes
    ----------
    count, zeros, nan, posinf, neginf
        How many there are.
    minimum, maximum, mean, std
        Of the finite values, as in `Statistics`; None where there is none.
    low, high
        The range of the histogram, the same before and after.
    histogram
        Float32, `(BINS,)`: about how many finite values lie in each part of the range; those past an end count in the
        last part there.
    """

    count: int
    zeros: int
    nan: int
    posinf: int
    neginf: int
    minimum: float | int | None
    maximum: float | int | None
    mean: float | None
    std: float | None
    low: float
    high: float
    histogram: Array

    @property
    def largest(self) -> float | int | None:
        """The largest magnitude of a finite value."""
        return None if self.minimum is None or self.maximum is None else max(abs(self.minimum), abs(self.maximum))

    @property
    def nonfinite(self) -> int:
        """How many values are NaN or infinite."""
        return self.nan + self.posinf + self.neginf


def sketches(found: Sequence[Statistics]) -> tuple[Sketch, ...]:
    """Return sketches with one range of all, symmetric where there are values of both signs."""
    low, high = _range([one for one in found if one.minimum is not None])
    return tuple(Sketch(one.count, one.zeros, one.nan, one.posinf, one.neginf, one.minimum, one.maximum, one.mean,
                        one.std, low, high, one.histogram(low, high, BINS).astype(np.float32))
                 for one in found)  # fmt: skip


def _range(found: Sequence[Statistics]) -> tuple[float, float]:
    if not found:
        return -1.0, 1.0
    # a lone outlier must not squeeze the rest into one part: it counts at the end
    ends = [2.5 * (one.abs_percentile() or 0.0) or math.inf for one in found]
    low = min(max(float(one.minimum or 0), -end) for one, end in zip(found, ends, strict=True))
    high = max(min(float(one.maximum or 0), end) for one, end in zip(found, ends, strict=True))
    if low < 0 < high:
        low, high = -max(-low, high), max(-low, high)
    if not high > low:
        room = (abs(low) or 1.0) / 2
        low, high = low - room, high + room
    return (low, high) if math.isfinite(high - low) else (-1.0, 1.0)


class _Gathering:
    """Statistics of values that come in small pieces."""

    def __init__(self, spec: TensorSpec) -> None:
        self._seen = Collecting(spec)
        self._pieces: list[Array] = []
        self._size = 0

    def add(self, values: Array) -> None:
        """Take in a piece, which stays as it is until it is counted."""
        self._pieces.append(values.reshape(-1))
        self._size += values.size
        if self._size >= AT_ONCE:
            self._count()

    def _count(self) -> None:
        if self._size:
            self._seen.add(self._pieces[0] if len(self._pieces) == 1 else np.concatenate(self._pieces))
        self._pieces, self._size = [], 0

    def found(self) -> Statistics:
        """Return what all pieces have."""
        self._count()
        return self._seen.found()


class Watching:
    """Collects statistics before and after while an edit is measured, in the memory of a piece."""

    def __init__(self, plan: Plan, target: Target) -> None:
        self._plan, self._target = plan, target
        self.before, self.after = _Gathering(target.spec), _Gathering(target.result)
        self._has_before = True

    def see(self, target: Target, piece: Piece) -> None:
        """Take in one piece."""
        before = None
        if piece.current is not None and piece.current.numel() == piece.stored.numel():
            before = np.frombuffer(bytes_of(piece.current), numpy_dtype(target.spec.dtype))
        after = np.frombuffer(bytes_of(piece.stored), numpy_dtype(target.result.dtype))
        if piece.mask is not None and before is not None:
            after = np.where(piece.mask.numpy().reshape(-1), after, before)
        if before is None:
            self._has_before = False
        elif self._has_before:
            self.before.add(before)
        if after.size:
            self.after.add(after)

    def found(self, losses: Losses, progress: Progress, nbytes: int, computed: bool) -> tuple[Sketch, ...]:
        """Return what it was and will be; what the pass did not show is read now.

        Parameters
        ----------
        losses
            What measuring found.
        progress, nbytes
            Of the passes that are still to be made.
        computed
            Whether the edit was measured at all.
        """
        plan, target = self._plan, self._target
        if losses.statistics is not None:
            return sketches(losses.statistics)
        if not computed or not self._has_before:
            self.before = _Gathering(target.spec)
            boxes = target.boxes if plan.operation.effect == "write" else [Box.whole(target.spec.shape)]
            for box in boxes:
                _read(PinnedRegion(target.pinned, box), self.before, progress, nbytes)
        before = self.before.found()
        if computed:
            return sketches((before, self.after.found()))
        if target.result.numel == target.spec.numel:  # in another order, or with another shape
            return sketches((before, before))
        for box in result_boxes(plan, target):
            _read(ComputedTensor(plan, target, box), self.after, progress, nbytes)
        return sketches((before, self.after.found()))


def _read(readable: PinnedRegion | ComputedTensor, into: _Gathering, progress: Progress, nbytes: int) -> None:
    if not readable.spec.numel:
        return
    for _, values in readable.chunks(None, nbytes):
        into.add(values.copy())  # the buffer is used again
        progress.advance(0)

