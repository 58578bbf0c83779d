"""Operations that put the same values in another order; shape and identity stay."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from weightedit.core.edits.place import Survey
from weightedit.core.operation import Ints, operation
from weightedit.core.region import Box
from weightedit.core.spec import TensorSpec
from weightedit.operations.refusing import dimension, refuse

if TYPE_CHECKING:
    from torch import Tensor

    from weightedit.operations.axes import Array


def _flip_check(survey: Survey, dims: Ints) -> None:
    found = [dimension(survey.name, survey.spec.shape, dim) for dim in dims]
    if len(set(found)) != len(found):
        refuse(f"dims of flip is {list(dims)}", "It names a dimension twice.", name=survey.name)


def _flip_inputs(box: Box, piece: Box, dims: Ints) -> Box:
    from weightedit.operations.axes import moved

    found = piece
    for dim in dims:
        last = len(box.axes[dim]) - 1
        # Ascending, as they are read; the values are turned round when they are there.
        found = moved(box, found, dim % len(box.axes), lambda at, last=last: last - at[::-1])  # type: ignore[misc]
    return found


@operation("write", title="Flip", group="Shape", locality="whole", prepare=_flip_check, inputs=_flip_inputs,
           moves=True, label="{dims}", code="{kept}.flip({dims})")  # fmt: skip
def flip(current: Tensor, dims: Ints) -> Tensor:
    """Reverse the order of values along dimensions.

    Parameters
    ----------
    dims
        The dimensions that are reversed; negative ones count from the end.

    References
    ----------
    torch.flip, https://docs.pytorch.org/docs/stable/generated/torch.flip.html
    """
    from weightedit.operations.flat import reordered

    return reordered(current, lambda bits: bits.flip(dims))


def _roll_check(survey: Survey, shifts: Ints, dims: Ints) -> None:
    if len(shifts) != len(dims):
        refuse(f"roll has {len(shifts)} shifts and {len(dims)} dims", "Give one shift for each dimension.")
    for dim in dims:
        dimension(survey.name, survey.spec.shape, dim)


def _roll_inputs(box: Box, piece: Box, shifts: Ints, dims: Ints) -> Box:
    from weightedit.operations.axes import moved

    by_dim: dict[int, int] = {}
    for shift, dim in zip(shifts, dims, strict=True):
        by_dim[dim % len(box.axes)] = by_dim.get(dim % len(box.axes), 0) + shift
    found = piece
    for dim, shift in by_dim.items():
        size = max(1, len(box.axes[dim]))
        found = moved(box, found, dim, lambda at, size=size, shift=shift % size: (at - shift) % size)  # type: ignore[misc]
    return found


def _roll_code(spec: TensorSpec, given: Mapping[str, Any]) -> str:
    if all(abs(shift) < 1 << 63 for shift in given["shifts"]):
        return "{kept}.roll({shifts}, {dims})"
    places = zip(given["shifts"], given["dims"], strict=True)  # which torch takes up to 2**63 only
    shifts = ", ".join(f"{shift} % max(1, {{kept}}.shape[{dim}])" for shift, dim in places)
    return f"{{kept}}.roll([{shifts}], {{dims}})"


@operation("write", title="Roll", group="Shape", locality="whole", prepare=_roll_check, inputs=_roll_inputs,
           moves=True, label="{shifts} along {dims}", code=_roll_code)  # fmt: skip
def roll(current: Tensor, shifts: Ints, dims: Ints) -> Tensor:
    """Move values along dimensions; those that leave at the end come in again at the start.

    Parameters
    ----------
    shifts
        By how many places, one number for each dimension; negative ones move towards the start.
    dims
        The dimensions; negative ones count from the end.

    References
    ----------
    torch.roll, https://docs.pytorch.org/docs/stable/generated/torch.roll.html
    """
    return current


def _order_check(survey: Survey, order: Ints, dim: int) -> None:
    found = dimension(survey.name, survey.spec.shape, dim)
    size = len(survey.boxes[0].axes[found])
    if sorted(order) != list(range(size)):
        wanted = f"each of 0 to {size - 1} once" if size else "no number, for it is empty"
        refuse(f"order is no permutation of {size} rows",
               f"What is chosen of {survey.name} needs along dimension {dim} {wanted}.", name=survey.name)  # fmt: skip


@lru_cache(4)
def _as_array(order: Ints) -> Array:
    import numpy as np

    return np.asarray(order, np.int64)


def _order_inputs(box: Box, piece: Box, order: Ints, dim: int) -> Box:
    from weightedit.operations.axes import moved

    return moved(box, piece, dim % len(box.axes), lambda at: _as_array(order)[at])


@operation("write", title="Permute rows", group="Rows", locality="whole", prepare=_order_check, inputs=_order_inputs,
           moves=True, label="along {dim}", code="{kept}.index_select({dim}, torch.tensor({order}))")  # fmt: skip
def permute_rows(current: Tensor, order: Ints, dim: int = 0) -> Tensor:
    """Put the rows in another order.

    Parameters
    ----------
    order
        For each place the row that comes there: a permutation of 0, 1, … up to the number of rows.
    dim
        The dimension whose indices are the rows; negative ones count from the end.

    References
    ----------
    torch.index_select, https://docs.pytorch.org/docs/stable/generated/torch.index_select.html
    """
    return current
