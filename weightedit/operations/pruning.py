"""What pruning compares: magnitudes, norms of rows, magnitudes within groups; and where they end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from weightedit.core.edits.place import Place, Survey
from weightedit.core.operation import Number
from weightedit.core.region import Box
from weightedit.core.values.random_values import offsets
from weightedit.operations.axes import Array, array_of
from weightedit.operations.passes import PIECE, Cutoff, Keys, Norms, cell_keys, magnitude_keys, norms, smallest
from weightedit.operations.refusing import real, refuse

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class _Rows:
    """Which rows or columns go: those whose norm is among the smallest."""

    dim: int
    norms: Norms
    cutoff: Cutoff | None


def prepare(survey: Survey, amount: Number, by: str, n: int, m: int, ord: Number) -> Cutoff | _Rows | None:
    """Check the arguments and find where the smallest end; None where nothing needs to be known beforehand."""
    share = real("amount of prune", amount)
    if not 0 <= share <= 1:
        refuse(f"amount of prune is {share}", "It takes a fraction from 0 to 1.")
    if by == "n:m":
        _check_groups(survey, n, m)
        return None
    if by == "magnitude":
        keys = cell_keys(survey)
        return smallest(keys, round(share * _count(survey, keys)), max(0, survey.spec.numel - 1))
    dim = 0 if by == "row" else 1
    if len(survey.spec.shape) < 2:
        refuse(f"prune by {by} needs two dimensions", f"{survey.name} has {len(survey.spec.shape)}.",
               name=survey.name, kind="unsupported")  # fmt: skip
    return _least_rows(survey, dim, share, real("ord of prune", ord))


def _count(survey: Survey, keys: Keys) -> int:
    if survey.mask is None:
        return sum(box.numel for box in survey.boxes)
    return sum(len(found) for found, _ in keys())


def _check_groups(survey: Survey, n: int, m: int) -> None:
    if not 0 <= n <= m or m < 1:
        refuse(f"prune keeps {n} of {m}", "Give n from 0 to m, such as 2 of 4.")
    for box in survey.boxes:
        length = len(box.axes[-1]) if box.axes else 1
        if length % m:
            refuse(f"{length} is no multiple of {m}", f"The last dimension of {survey.name} is cut into groups of {m}.",
                   name=survey.name, kind="unsupported")  # fmt: skip


def _least_rows(survey: Survey, dim: int, share: float, order: float) -> _Rows:
    """Find the rows of the smallest norms, among those that the region touches."""
    found = norms(survey, dim, order)
    touched = survey.allocate((survey.spec.shape[dim],), "bool")
    for box in survey.boxes:
        if box.numel:
            touched[array_of(box.axes[dim])] = True

    def keys() -> Iterator[tuple[Array, Array]]:
        for start in range(0, len(touched), PIECE):
            at = start + np.flatnonzero(touched[start : start + PIECE])
            yield _norm_keys(found, dim, tuple(at.tolist()), len(survey.spec.shape)).reshape(-1), at

    count = round(share * int(np.count_nonzero(touched)))
    return _Rows(dim, found, smallest(keys, count, survey.spec.shape[dim] - 1))


def _norm_keys(found: Norms, dim: int, rows: tuple[int, ...] | range, dims: int) -> Array:
    box = Box(tuple(rows if other == dim else range(1) for other in range(dims)))
    return magnitude_keys(found.at(box))


def zeroed(current: Tensor, place: Place, by: str, n: int, m: int) -> Tensor:
    """Return a piece with its least cells set to 0."""
    import torch

    found = place.context
    if by == "n:m":
        gone = torch.from_numpy(_least_of_groups(place, n, m))
    elif isinstance(found, _Rows):
        axis = place.piece.axes[found.dim]
        taken = found.cutoff is not None and found.cutoff.takes(
            _norm_keys(found.norms, found.dim, axis, len(place.piece.axes)).reshape(-1), array_of(axis))
        shape = (-1,) + (1,) * (len(place.piece.axes) - found.dim - 1)
        gone = torch.from_numpy(np.asarray(taken)).reshape(shape if np.ndim(taken) else ())
    elif found is None:
        return current
    else:
        keys, at = magnitude_keys(current.cpu()), offsets(place.spec.shape, place.piece)
        gone = torch.from_numpy(np.asarray(found.takes(keys, at)))
    return _zeroed(current, gone.to(current.device))


def _zeroed(values: Tensor, gone: Tensor) -> Tensor:
    """Return values with 0 where a mask says, whatever the dtype: as bits, so that the rest stays bit for bit."""
    import torch

    if values.dtype == torch.float8_e8m0fnu:  # has no 0: what storing one makes of it is said beforehand
        return torch.where(gone, 0, values.to(torch.float32))
    if values.element_size() == 16:
        return values.masked_fill(gone, 0)
    integer = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}[values.element_size()]
    return values.view(integer).masked_fill(gone, 0).view(values.dtype)


def _least_of_groups(place: Place, n: int, m: int) -> Array:
    """Return which cells of a piece are not among the n largest of their group of m, which may reach past the piece."""
    if not place.piece.axes:
        return np.asarray(n < m)
    own = place.piece.positions_in(place.box).axes[-1]
    first = min(own[0], own[-1]) // m * m if isinstance(own, range) else min(own) // m * m
    last = -(-(max(own[0], own[-1]) + 1 if isinstance(own, range) else max(own) + 1) // m) * m
    whole = place.box.axes[-1][first:last]
    keys = magnitude_keys(place.read(place.source, Box((*place.piece.axes[:-1], whole))))
    groups = keys.reshape(*keys.shape[:-1], -1, m)
    order = np.argsort(groups, -1, kind="stable")
    gone = np.zeros(groups.shape, bool)
    np.put_along_axis(gone, order[..., : m - n], True, -1)
    found: Array = gone.reshape(keys.shape)[..., array_of(own) - first]
    return found
