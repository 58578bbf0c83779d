"""The rows that insert_rows puts between the old ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from weightedit.core.edits.place import Place, Survey
from weightedit.core.region import Axis, Box
from weightedit.core.values.random_values import key_of
from weightedit.operations.axes import Array, array_of, compact
from weightedit.operations.fresh_values import FIXED, Fresh, check, drawn, rounded_to, surrounded
from weightedit.operations.passes import parts, wide
from weightedit.operations.refusing import dimension, real, refuse
from weightedit.operations.rows import start_of

if TYPE_CHECKING:
    from torch import Tensor


def prepare(survey: Survey, method: str, dim: int, row: int, **given: Any) -> tuple[Fresh, Array | None]:
    """Check the arguments; returns how values are made, and the mean row where that is wanted."""
    at = dimension(survey.name, survey.spec.shape, dim)
    size = survey.spec.shape[at]
    if method in ("mean", "copy"):
        if not size:
            refuse(f"{survey.name} has no row to take values from", "Choose another method.", name=survey.name)
        if method == "copy" and not -size <= row < size:
            refuse(f"There is no row {row}",
                   f"Dimension {dim} of {survey.name} has {size}; valid: {-size} to {size - 1}.",
                   name=survey.name, kind="out-of-range")  # fmt: skip
        return Fresh("zeros"), _mean(survey, at) if method == "mean" else None
    numbers = {name: real(f"{name} of insert_rows", given[name]) for name in ("mean", "std", "a", "b")}
    fresh = Fresh(method, given["value"], **{name: one for name, one in numbers.items() if one is not None})
    check(fresh, survey.name, survey.result)
    return fresh, None


def _mean(survey: Survey, dim: int) -> Array:
    """Return the mean of all rows, float64 or complex128, in the tensor's shape with one row."""
    shape = survey.spec.shape
    total = survey.allocate((*shape[:dim], 1, *shape[dim + 1 :]),
                            "complex128" if survey.spec.type.family == "complex" else "float64")  # fmt: skip
    for box, values, _ in parts(survey):
        index = tuple(slice(0, 1) if other == dim else slice(axis[0], axis[-1] + 1)
                      for other, axis in enumerate(box.axes))  # fmt: skip
        total[index] += wide(values).sum(dim, keepdim=True).numpy() / shape[dim]
    return total


def inserted(current: Tensor | None, place: Place, index: int | None, count: int, method: str, dim: int,
             row: int) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Return (exact, stored) of a piece of the enlarged tensor."""
    fresh, average = place.context
    at = dim % len(place.spec.shape)
    size = place.source.spec.shape[at]
    start = start_of(index, size)
    old = [np.ones(len(axis), bool) for axis in place.piece.axes]
    rows = array_of(place.piece.axes[at])
    old[at] = (rows < start) | (rows >= start + count)
    own = compact(rows[~old[at]])

    def part(axis: Axis) -> Box:
        return Box((*place.piece.axes[:at], axis, *place.piece.axes[at + 1 :]))

    if not own:
        values: Tensor = torch.zeros((), dtype=torch.float64)
    elif method == "copy":
        values = place.read(place.source, part(range(row % size, row % size + 1)))
        if not old[at].any():
            return values.expand(place.piece.shape), values.expand(place.piece.shape)
    elif average is not None:
        values = torch.from_numpy(average[np.ix_(*(array_of(axis) for axis in part(range(1)).axes))])
    else:
        values = drawn(fresh, place.spec.shape, part(own), key_of(place.seed, place.name))
        values = values if fresh.method in FIXED else rounded_to(values, place.spec.dtype)[0]
        if values.dim() and old[at].any():
            spread = np.zeros(place.piece.shape, values.numpy().dtype)
            spread[(slice(None),) * at + (~old[at],)] = values.numpy()
            values = torch.from_numpy(spread)
    return surrounded(current, old, place, values)
