"""The loss of an edit as a tensor of its own: how far each stored value is from the computed one, where one looks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch

from weightedit.core.edits.compute import ComputedTensor, compute, compute_piece, result_boxes
from weightedit.core.edits.measuring import clamps
from weightedit.core.edits.preview import Preview
from weightedit.core.losing.conversion import KINDS, Storing, errors_in, losses_in
from weightedit.core.losing.losses import Cell, Loss, Losses
from weightedit.core.losing.nonfinite import codes_of
from weightedit.core.progress import Progress
from weightedit.core.region import Box, parse_region
from weightedit.core.spec import TensorSpec
from weightedit.core.values.pinned import CHUNK, Chunks
from weightedit.core.values.reading import pieces

Measure = Literal["relative", "absolute"]


@dataclass(frozen=True, slots=True)
class LossTensor:
    """A `Readable` of float32, or of float64 where the values have 64 bits: 0 where a value comes through exactly.

    Attributes
    ----------
    after
        What is stored, computed where one looks.
    measure
        `relative` is |exact - stored| / |exact|, and 1 where an exact 0 is stored as something else; `absolute` is
        |exact - stored|. Complex values differ by the magnitude of their difference.

    Notes
    -----
    A value that becomes NaN or ±Inf has that as its loss, so that markers and counts say what is stored. One past the
    range that is stored as a finite number (the largest, or one wrapped around) is +Inf, and so is a NaN or Inf that
    becomes finite. One that stays what it is has no loss.
    """

    after: ComputedTensor
    measure: Measure = "relative"

    @property
    def spec(self) -> TensorSpec:
        """Row-major, of the shape of the result."""
        source = self.after.target.spec.type
        wide = source.itemsize // (2 if source.family == "complex" else 1) > 4
        return self.after.spec.fresh(dtype="float64" if wide else "float32")

    def chunks(self, region: str | Box | None = None, nbytes: int = CHUNK) -> Chunks:
        """Yield (box within the region, losses)."""
        inner = region if isinstance(region, Box) else parse_region(region, self.spec.shape)
        for piece in pieces(self.spec, inner, nbytes):
            yield piece, self.read(piece)

    def read(self, box: Box) -> np.ndarray[Any, Any]:
        """Return an independent array of the box's shape."""
        dtype = self.spec.dtype
        if not box.numel:
            return np.empty(box.shape, dtype)
        after = self.after
        made = compute_piece(after.plan, after.target, after.box, after.box.within(box))
        off, relative = errors_in(made.exact, made.stored)
        found = relative if self.measure == "relative" else off
        overflow = losses_in(made.current, made.exact, made.stored, storing_of(after)).get("overflow")
        if overflow is not None:
            found = found.masked_fill(overflow, np.inf)
        code = codes_of(made.stored)
        if code is not None:
            lost = found == torch.inf
            for number, mark in ((1, torch.nan), (3, -torch.inf)):
                found = found.masked_fill(lost & (code == number), mark)
        if made.mask is not None:
            found = found.masked_fill(~made.mask, 0.0)
        limit = float(np.finfo(dtype).max)
        values = found.numpy()
        finite = np.isfinite(values)
        return np.where(finite, np.minimum(values, limit), values).astype(dtype)


def storing_of(after: ComputedTensor) -> Storing:
    """Return how the values of an edit come to be stored."""
    return Storing(after.plan.operation.converts, False, clamps(after.plan))


def loss_map(preview: Preview, measure: Measure = "relative") -> LossTensor | None:
    """Return the loss map of a previewed edit; None where the dtype stays or values take other places."""
    after, before, spec = preview.after, preview.spec_before, preview.spec_after
    if not isinstance(after, ComputedTensor) or before is None or spec is None or not spec.numel:
        return None
    operation = after.plan.operation
    by_value = operation.converts and operation.inputs is None and operation.effect == "rebind"
    fits = by_value and before.shape == spec.shape and before.dtype != spec.dtype
    return LossTensor(after, measure) if fits else None


def worst(losses: Losses) -> str:
    """Return the kind of loss that a list of cells is about first: what is gone for good before what is rounded."""
    return next((kind for kind in KINDS if losses.of(kind).count), "")


def elsewhere(after: ComputedTensor, name: str) -> ComputedTensor:
    """Return what the same edit makes of another of its targets."""
    target = next(one for one in after.plan.targets if one.name == name)
    return ComputedTensor(after.plan, target, result_boxes(after.plan, target)[0])


def next_cells(after: ComputedTensor, kind: str, first: int, count: int, progress: Progress) -> list[Cell]:
    """Return cells of one kind of loss, from the `first` on, in the order of `Losses`; computes the tensor again.

    Parameters
    ----------
    after
        What the edit makes, of a preview.
    kind
        One of `conversion.KINDS`.
    first, count
        Which of them.
    progress
        Advanced by the bytes computed; cancelling it raises `Cancelled`.
    """
    found, how = Loss(first=first, end=first + count), storing_of(after)
    boxes = result_boxes(after.plan, after.target)
    progress.begin("Looking for cells", sum(box.numel for box in boxes) * after.spec.type.itemsize)
    for box in boxes:
        for piece in compute(after.plan, after.target, box, after.plan.bench.nbytes):
            lost = losses_in(piece.current, piece.exact, piece.stored, how).get(kind)
            if lost is not None:
                here = lost if piece.mask is None else lost & piece.mask
                found.add(here, piece.box, piece.exact, piece.stored)
            progress.advance(piece.stored.numel() * piece.stored.element_size())
            if found.count >= first + count:
                return found.cells
    return found.cells
