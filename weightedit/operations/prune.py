"""Setting the least of a tensor to 0: cells, rows, columns, or some of every few."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from weightedit.core.edits.place import Place, Survey
from weightedit.core.operation import Number, operation
from weightedit.core.spec import TensorSpec
from weightedit.operations import coding

if TYPE_CHECKING:
    from torch import Tensor

By = Literal["magnitude", "row", "column", "n:m"]


def _prepare(survey: Survey, **given: Any) -> object:
    from weightedit.operations.pruning import prepare

    return prepare(survey, **given)


def _code(spec: TensorSpec, given: Mapping[str, Any]) -> str:
    whole = coding.widened(spec) if spec.type.itemsize == 1 and not coding.is_whole(spec) else ""
    if given["by"] == "n:m":
        if not spec.shape:
            return "torch.zeros_like({kept})" if given["n"] < given["m"] else "{kept}"
        groups = f"{_sizes('{kept}', spec)}.unflatten(-1, (-1, {{m}}))"
        return (f"ranks = {groups}.argsort(dim=-1, stable=True{_order(spec)}).argsort(-1)\n"
                f"{{kept}}{whole}.masked_fill(ranks.flatten(-2) < {{m}} - {{n}}, 0)")  # fmt: skip
    if given["by"] == "magnitude":
        return (f"least = {_sizes('{cells}', spec)}.flatten().argsort(stable=True{_order(spec)})"
                f"[: round({{amount}} * {{cells}}.numel())]\n"
                f"{{cells}}{whole}.flatten().index_fill(0, least, 0).view({{cells}}.shape)")  # fmt: skip
    return _by_rows(spec, given, "{kept}", several=False)


def _sizes(values: str, spec: TensorSpec) -> str:
    """Return code for what magnitudes are ordered by; of int64 the negative ones, which hold all of them."""
    if spec.dtype == "int64":
        return f"torch.where({values} < 0, {values}, -{values})"
    if coding.is_whole(spec):
        return f"{values}.long().abs()"
    return f"{values}{coding.widest(spec) if spec.type.family == 'complex' else coding.widened(spec)}.abs()"


def _order(spec: TensorSpec) -> str:
    return ", descending=True" if spec.dtype == "int64" else ""


def _by_rows(spec: TensorSpec, given: Mapping[str, Any], chosen: str, several: bool) -> str:
    """Return code that puts 0 into the rows or columns of the least norms of the `chosen` values."""
    kept = 0 if given["by"] == "row" else 1
    dims = tuple(dim for dim in range(len(spec.shape)) if dim != kept)
    lines = [f"norm = torch.linalg.vector_norm({chosen}{coding.widest(spec)}, {coding.number(given['ord'])}, {dims})"]
    if several:
        lines += [f"rows = mask.any({dims}).nonzero()[:, 0]",
                  "least = rows[norm[rows].argsort(stable=True)[: round({amount} * len(rows))]]"]  # fmt: skip
    else:
        lines.append("least = norm.argsort(stable=True)[: round({amount} * len(norm))]")
    whole = coding.widened(spec) if spec.type.itemsize == 1 and not coding.is_whole(spec) else ""
    return "\n".join([*lines, f"{{kept}}{whole}.index_fill({kept}, least, 0)"])


def _masked(spec: TensorSpec, given: Mapping[str, Any], several: bool) -> str:
    """Return the code for rows or columns of which the mask leaves some cells out; empty where that is no matter."""
    if given["by"] not in ("row", "column"):
        return ""
    return _by_rows(spec, given, "torch.where(mask, {kept}, 0)", several)


def _label(given: Mapping[str, str]) -> str:
    if given["by"] == "n:m":
        return f"to {given['n']}:{given['m']}"
    return f"{given['amount']} by {given['by']}"


@operation("write", title="Prune", locality="whole", prepare=_prepare, label=_label, code=_code, masked=_masked,
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
