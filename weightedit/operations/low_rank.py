"""The nearest matrix of a lower rank."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from weightedit.core.edits.place import Place, Survey
from weightedit.core.operation import operation
from weightedit.core.spec import TensorSpec
from weightedit.operations import coding
from weightedit.operations.refusing import floating_tensor, refuse

if TYPE_CHECKING:
    from torch import Tensor

MOST_ELEMENTS = 1 << 24
"""A larger matrix (4,096 × 4,096 are that many) is refused: its decomposition takes minutes and several GB."""


@dataclass(frozen=True, slots=True)
class _Factors:
    """Two thin matrices whose product is the matrix of the region: dimension `lead` by all behind it."""

    left: Tensor
    right: Tensor
    lead: int


def _prepare(survey: Survey, rank: int) -> _Factors | None:
    import torch

    from weightedit.operations.passes import wide

    floating_tensor("low_rank", survey.name, survey.spec, complex_too=True)
    if len(survey.boxes) != 1:
        refuse("low_rank takes one region", "Give one, not several.")
    box = survey.boxes[0]
    kept = [dim for dim in range(len(box.axes)) if dim not in box.dropped]
    if len(kept) < 2:
        refuse("low_rank needs two dimensions", f"What is chosen of {survey.name} has {len(kept)}.",
               name=survey.name, kind="unsupported")  # fmt: skip
    rows, columns = len(box.axes[kept[0]]), math.prod(len(box.axes[dim]) for dim in kept[1:])
    if rank < 0:
        refuse(f"rank of low_rank is {rank}", f"It takes 0 to {min(rows, columns)}.", name=survey.name)
    if rank >= min(rows, columns):
        return None
    if rows * columns > MOST_ELEMENTS:
        refuse(f"{survey.name} is too large for low_rank",
               f"Its {rows:,} × {columns:,} values are more than {MOST_ELEMENTS:,}; choose a part of it.",
               name=survey.name, kind="unsupported")  # fmt: skip
    matrix = wide(Place.read(survey.source, box)).reshape(rows, columns)
    if not bool(torch.isfinite(torch.view_as_real(matrix) if matrix.is_complex() else matrix).all()):
        refuse(f"{survey.name} has NaN or Inf", "A matrix with such values has no singular values; replace them first.",
               name=survey.name, kind="non-finite")  # fmt: skip
    survey.check()
    left, values, right = torch.linalg.svd(matrix, full_matrices=False)
    return _Factors(left[:, :rank] * values[:rank], right[:rank].clone(), kept[0])


def _code(spec: TensorSpec, given: Mapping[str, Any]) -> str:
    return (f"u, s, v = torch.linalg.svd({{current}}{coding.widest(spec)}.flatten(1), full_matrices=False)\n"
            "((u[:, :{rank}] * s[:{rank}]) @ v[:{rank}]).view({current}.shape)")  # fmt: skip


@operation("write", title="Lower the rank", locality="whole", prepare=_prepare, label="{rank}", code=_code)
def low_rank(current: Tensor, rank: int, *, place: Place) -> Tensor:
    """Replace the region by the nearest matrix of a rank, through a truncated singular value decomposition.

    The first dimension of the region gives the rows, all others together the columns. Among all matrices of that rank
    it is the nearest, in the Frobenius norm as in the spectral norm. A rank the region does not exceed changes nothing.

    Parameters
    ----------
    rank
        How many of the largest singular values stay.

    References
    ----------
    Eckart, Young: The approximation of one matrix by another of lower rank (1936), https://doi.org/10.1007/BF02288367
    torch.linalg.svd, https://docs.pytorch.org/docs/stable/generated/torch.linalg.svd.html
    """
    import torch

    factors: _Factors | None = place.context
    if factors is None:
        return current
    from weightedit.operations.axes import array_of

    own = place.piece.positions_in(place.box)
    rows = torch.from_numpy(array_of(own.axes[factors.lead]))
    columns = torch.zeros((), dtype=torch.int64)
    step = 1
    for dim in reversed(range(factors.lead + 1, len(own.axes))):
        if dim not in place.box.dropped:
            at = torch.from_numpy(array_of(own.axes[dim])) * step
            columns = at.reshape((-1,) + (1,) * columns.dim()) + columns
            step *= len(place.box.axes[dim])
    return (factors.left[rows] @ factors.right[:, columns.reshape(-1)]).reshape(place.piece.shape)
