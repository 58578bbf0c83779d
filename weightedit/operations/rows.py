"""Operations on the rows of a tensor, or on the indices of any other dimension: new ones come, some go."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from weightedit.core.edits.place import Place, Survey
from weightedit.core.operation import Number, operation
from weightedit.core.region import Box
from weightedit.core.spec import TensorSpec
from weightedit.operations import coding
from weightedit.operations.initialize import USES, code_of
from weightedit.operations.refusing import dimension, refuse

if TYPE_CHECKING:
    from torch import Tensor

    from weightedit.operations.axes import Array

RowMethod = Literal["zeros", "ones", "constant", "uniform", "normal", "trunc_normal", "xavier_uniform",
                    "xavier_normal", "kaiming_uniform", "kaiming_normal", "mean", "copy"]  # fmt: skip


def start_of(index: int | None, size: int) -> int:
    """Return the row that new rows come before."""
    return size if index is None else index + size if index < 0 else index


def _insert_result(spec: TensorSpec, box: Box, index: int | None, count: int, method: str, dim: int,
                   **_: object) -> TensorSpec:  # fmt: skip
    at = dimension("", spec.shape, dim)
    size = spec.shape[at]
    if count < 0:
        refuse(f"count of insert_rows is {count}", "It takes 0 or more.")
    if index is not None and not -size <= index <= size:
        refuse(f"There is no row {index}", f"Dimension {dim} has {size}; valid: {-size} to {size}.",
               kind="out-of-range")  # fmt: skip
    return spec.fresh(shape=(*spec.shape[:at], size + count, *spec.shape[at + 1 :]))


def _insert_inputs(box: Box, result: Box, index: int | None, count: int, dim: int, **_: object) -> Box | None:
    import numpy as np

    from weightedit.operations.axes import array_of, compact

    at = dim % len(box.axes)
    size = len(box.axes[at])
    start = start_of(index, size)
    rows = array_of(result.axes[at])
    old = rows[(rows < start) | (rows >= start + count)]
    old = np.where(old < start, old, old - count)
    return Box((*result.axes[:at], compact(old), *result.axes[at + 1 :])) if len(old) else None


def _insert_prepare(survey: Survey, **given: Any) -> object:
    from weightedit.operations.new_rows import prepare

    return prepare(survey, **given)


def _insert_code(spec: TensorSpec, given: Mapping[str, Any]) -> str:
    at = given["dim"] % max(1, len(spec.shape))
    count, method, index = given["count"], given["method"], given["index"]
    before = ":, " * at
    if method == "mean":
        rows = (f"{{current}}{coding.widest(spec)}.mean({at}, keepdim=True).to({{current}}.dtype)"
                f".repeat_interleave({count}, {at})")  # fmt: skip
    elif method == "copy":
        rows = f"{{current}}.select({at}, {given['row']}).unsqueeze({at}).repeat_interleave({count}, {at})"
    else:  # made in the enlarged tensor, whose fans they have
        shape = f"[size + {count} * (dim == {at}) for dim, size in enumerate({{current}}.shape)]"
        rows = f"{code_of(spec, given, f'{{current}}.new_empty({shape}')}.narrow({at}, 0, {count})"
        rows += ".to({current}.dtype)" if "dtype=" in rows else ""
    if index is None:
        return f"torch.cat([{{current}}, {rows}], {at})"
    return f"torch.cat([{{current}}[{before}:{index}], {rows}, {{current}}[{before}{index}:]], {at})"


_ARGUMENTS = {method: [name for name in names if name in ("value", "mean", "std", "a", "b", "seed")]
              for method, names in USES.items()} | {"copy": ["row"]}  # fmt: skip


def _insert_label(given: Mapping[str, str]) -> str:
    where = "at the end" if given["index"] == "None" else f"at {given['index']}"
    return f"{given['count']} × {given['method']} {where}"


@operation("rebind", title="Insert rows", group="Rows", locality="row", random=True, result=_insert_result,
           inputs=_insert_inputs, prepare=_insert_prepare, moves={"method": "zeros"}, label=_insert_label,
           code=_insert_code, uses={"method": _ARGUMENTS})  # fmt: skip
def insert_rows(current: Tensor | None, index: int | None = None, count: int = 1, method: RowMethod = "kaiming_uniform",
                dim: int = 0, value: Number = 0, mean: Number = 0, std: Number = 1, a: Number | None = None,
                b: Number | None = None, row: int = 0, *, place: Place) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Insert new rows, such as classes of a classifier or tokens of an embedding; the old ones keep every bit.

    Random values are those that `initialize` would give the enlarged tensor there, with its fans.

    Parameters
    ----------
    index
        The row the first new one comes before; at the end where left out.
    count
        How many.
    method
        How the new values are made: by torch.nn.init's names, the `mean` of all old rows, or a `copy` of one.
    dim
        The dimension whose indices are the rows; negative ones count from the end.
    value
        The value of `constant`.
    mean
        The mean of `normal` and `trunc_normal`.
    std
        The standard deviation of `normal` and `trunc_normal`.
    a
        The lower end of `uniform` (0 where left out) and `trunc_normal` (-2), the negative slope of `kaiming` (0).
    b
        The upper end of `uniform` (1 where left out) and `trunc_normal` (2).
    row
        Which row is copied by `copy`.

    References
    ----------
    torch.nn.init, https://docs.pytorch.org/docs/stable/nn.init.html
    Hewitt: Initializing new word embeddings for pretrained language models (the mean of the old ones),
    https://nlp.stanford.edu/~johnhew/vocab-expansion.html
    """
    from weightedit.operations.new_rows import inserted

    return inserted(current, place, index, count, method, dim, row)


def _deleted(rows: str, size: int) -> list[tuple[int, int]]:
    """Return sorted disjoint (start, stop) of the rows that a text such as `3, 5:8, -1` names."""
    found: list[tuple[int, int]] = []
    for item in rows.strip().removeprefix("[").removesuffix("]").split(","):
        text = item.strip()
        match = re.fullmatch(r"(-?\d{1,18})|(-?\d{1,18})?\s*:\s*(-?\d{1,18})?(?:\s*:\s*(\d{1,18}))?", text)
        if match is None or match[4] in ("0", "00"):
            refuse(f"rows has {text!r}" if text else "rows names none", "Write rows like 3, 5:8 or ::2.")
        single, first, last, step = match.groups()
        for given, most in ((single, size - 1), (first, size), (last, size)):
            if given is not None and not -size <= int(given) <= most:
                refuse(f"There is no row {given}", f"There are {size}; valid: {-size} to {most}.", kind="out-of-range")
        if single is not None:
            found.append((int(single) % size, int(single) % size + 1))
            continue
        low, high, stride = slice(*(None if one is None else int(one) for one in (first, last, step))).indices(size)
        found += [(low, high)] if stride == 1 and low < high else [(one, one + 1) for one in range(low, high, stride)]
    merged: list[tuple[int, int]] = []
    for low, high in sorted(found):
        if merged and low <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        elif low < high:
            merged.append((low, high))
    return merged


@lru_cache(8)
def _kept(rows: str, size: int) -> tuple[Array, Array]:
    """Return the runs of rows that stay: where each starts among those that stay, and among all."""
    import numpy as np

    gone = _deleted(rows, size)
    starts = np.array([0, *(high for _, high in gone)], np.int64)
    lengths = np.array([*(low for low, _ in gone), size], np.int64) - starts
    return np.concatenate([[0], np.cumsum(lengths)]), starts


def _delete_result(spec: TensorSpec, box: Box, rows: str, dim: int) -> TensorSpec:
    at = dimension("", spec.shape, dim)
    left = int(_kept(rows, spec.shape[at])[0][-1])
    return spec.fresh(shape=(*spec.shape[:at], left, *spec.shape[at + 1 :]))


def _delete_inputs(box: Box, result: Box, rows: str, dim: int) -> Box:
    import numpy as np

    from weightedit.operations.axes import array_of, compact

    at = dim % len(box.axes)
    reached, starts = _kept(rows, len(box.axes[at]))
    wanted = array_of(result.axes[at])
    run = np.searchsorted(reached, wanted, side="right") - 1
    return Box((*result.axes[:at], compact(wanted - reached[run] + starts[run]), *result.axes[at + 1 :]))


def _delete_code(spec: TensorSpec, given: Mapping[str, Any]) -> str:
    at = given["dim"] % max(1, len(spec.shape))
    items = [item.strip() for item in given["rows"].strip().removeprefix("[").removesuffix("]").split(",")]
    gone = ", ".join(f"*n[{item}]" if ":" in item else f"n[{item}]" for item in items)
    return (f"{{current}}.index_select({at}, (lambda n: torch.tensor(sorted({{{{*n}}}} - {{{{{gone}}}}}), "
            f"dtype=torch.int64))(range({{current}}.shape[{at}])))")  # fmt: skip


@operation("rebind", title="Delete rows", group="Rows", locality="row", converts=True, result=_delete_result,
           inputs=_delete_inputs, moves=True, label="{rows} along {dim}", code=_delete_code)  # fmt: skip
def delete_rows(current: Tensor, rows: str, dim: int = 0) -> Tensor:
    """Take rows away, such as classes of a classifier; the others close up.

    Parameters
    ----------
    rows
        Which ones, such as `3, 5:8` or `::2`; negative ones count from the end.
    dim
        The dimension whose indices are the rows; negative ones count from the end.

    References
    ----------
    numpy.delete, https://numpy.org/doc/stable/reference/generated/numpy.delete.html
    """
    return current
