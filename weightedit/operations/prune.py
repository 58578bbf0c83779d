"""Setting the least of a tensor to 0: cells, rows, columns, or some of every few."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from weightedit.core.operation import Number, operation
from weightedit.core.place import Place, Survey
from weightedit.core.spec import TensorSpec

if TYPE_CHECKING:
    from torch import Tensor

By = Literal["magnitude", "row", "column", "n:m"]


def _prepare(survey: Survey, **given: Any) -> object:
    from weightedit.operations.pruning import prepare

    return prepare(survey, **given)


def _code(spec: TensorSpec, given: Mapping[str, Any]) -> str:
    if given["by"] == "n:m":
        return ("{kept}.masked_fill({kept}.abs().unflatten(-1, (-1, {m})).argsort(dim=-1, stable=True).argsort(-1)"
                ".flatten(-2) < {m} - {n}, 0)")  # fmt: skip
    if given["by"] == "magnitude":
        return ("{cells}.masked_fill({cells}.abs().flatten().argsort(stable=True).argsort().view({cells}.shape)"
                " < round({amount} * {cells}.numel()), 0)")  # fmt: skip
    kept = 0 if given["by"] == "row" else 1
    dims = tuple(dim for dim in range(len(spec.shape)) if dim != kept)
    shape = [-1 if dim == kept else 1 for dim in range(len(spec.shape))]
    order = repr(given["ord"]).replace("inf", 'float("inf")')
    norm = f"torch.linalg.vector_norm({{kept}}.double(), {order}, {dims})"
    return (f"{{kept}}.masked_fill(({norm}.argsort(stable=True).argsort() < round({{amount}} * {{kept}}.shape[{kept}]))"
            f".view({shape}), 0)")  # fmt: skip


def _label(given: Mapping[str, str]) -> str:
    if given["by"] == "n:m":
        return f"to {given['n']}:{given['m']}"
    return f"{given['amount']} by {given['by']}"


@operation("write", title="Prune", locality="whole", prepare=_prepare, label=_label, code=_code,
           uses={"by": {"magnitude": ["amount"], "row": ["amount", "ord"], "column": ["amount", "ord"],
                        "n:m": ["n", "m"]}})  # fmt: skip
def prune(current: Tensor, amount: Number = 0.5, by: By = "magnitude", n: int = 2, m: int = 4, ord: Number = 2, *,
          place: Place) -> Tensor:  # fmt: skip
    """Set the least values of the region to 0: single ones, whole rows or columns, or all but n of every m.

    Exactly `round(amount × count)` go; of equal ones the first go first. NaN counts as the largest.

    Parameters
    ----------
    amount
        The fraction that becomes 0, from 0 to 1; `n:m` goes by n and m instead.
    by
        What is compared: magnitudes of cells, norms of rows (indices of dimension 0) or of columns (of dimension 1),
        or the magnitudes within groups of m that follow each other in the last dimension.
    n
        How many of each group stay.
    m
        How many make a group.
    ord
        The order of the norm by which rows or columns are compared: 1, 2, inf or any other above 0.

    References
    ----------
    torch.nn.utils.prune, https://docs.pytorch.org/docs/stable/nn.html#utilities
    Han, Pool, Tran, Dally: Learning both weights and connections for efficient neural networks, https://arxiv.org/abs/1506.02626
    Li, Kadav, Durdanovic, Samet, Graf: Pruning filters for efficient ConvNets, https://arxiv.org/abs/1608.08710
    Mishra et al.: Accelerating sparse deep neural networks (2:4), https://arxiv.org/abs/2104.08378
    """
    from weightedit.operations.pruning import zeroed

    return zeroed(current, place, by, n, m)
