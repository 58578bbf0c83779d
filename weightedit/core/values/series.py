"""A block of stored values continued as a straight line, in a dtype that holds the line exactly as far as one can."""

from __future__ import annotations

import numpy as np

from weightedit.core.dtypes import DTYPES
from weightedit.core.errors import WeightEditError
from weightedit.core.stage import tensor_from
from weightedit.core.values.blocks import series
from weightedit.core.values.codes import Array


def continued(block: Array, dtype: str, count: int, axis: int, backwards: bool) -> tuple[Array, str]:
    """Return `count` more rows or columns after a block, and their dtype: int64, float64 or complex128.

    Parameters
    ----------
    block, dtype
        Stored values, `(rows, columns)`.
    count, axis, backwards
        As for `blocks.series`.

    Raises
    ------
    WeightEditError
        If the dtype has no numbers to go on with.
    """
    import torch

    facts = DTYPES[dtype]
    if facts.family in ("bool", "opaque"):
        raise WeightEditError(f"Values of {dtype} have no series to continue; fill without Alt to repeat them.")
    wide = "complex128" if facts.family == "complex" else "int64" if facts.is_integer else "float64"
    numbers = tensor_from(np.ascontiguousarray(block), dtype).to(getattr(torch, wide)).numpy()
    found = series(numbers, count, axis, backwards)
    return found, found.dtype.name
