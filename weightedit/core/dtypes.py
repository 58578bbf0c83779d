"""The dtypes of torch as plain facts, known before torch or numpy is imported."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import torch


@dataclass(frozen=True, slots=True)
class DType:
    """One dtype: torch's name, the short name of chips, bytes per element, and what its values are.

    `family` is one of `float`, `complex`, `int`, `uint`, `bool` or `opaque` (bits torch keeps but has no values for).
    `numpy` is the name under which numpy or ml_dtypes knows it, or None where neither does.
    """

    name: str
    short: str
    itemsize: int
    family: str
    numpy: str | None

    @property
    def is_floating(self) -> bool:
        """Whether values are real floats."""
        return self.family == "float"

    @property
    def is_integer(self) -> bool:
        """Whether values are signed or unsigned integers."""
        return self.family in ("int", "uint")


_TABLE = (
    DType("float64", "f64", 8, "float", "float64"),
    DType("float32", "f32", 4, "float", "float32"),
    DType("float16", "f16", 2, "float", "float16"),
    DType("bfloat16", "bf16", 2, "float", "bfloat16"),
    DType("float8_e4m3fn", "f8e4m3", 1, "float", "float8_e4m3fn"),
    DType("float8_e5m2", "f8e5m2", 1, "float", "float8_e5m2"),
    DType("float8_e4m3fnuz", "f8e4m3fnuz", 1, "float", "float8_e4m3fnuz"),
    DType("float8_e5m2fnuz", "f8e5m2fnuz", 1, "float", "float8_e5m2fnuz"),
    DType("float8_e8m0fnu", "f8e8m0", 1, "float", "float8_e8m0fnu"),
    DType("float4_e2m1fn_x2", "f4x2", 1, "opaque", None),
    DType("complex128", "c128", 16, "complex", "complex128"),
    DType("complex64", "c64", 8, "complex", "complex64"),
    DType("complex32", "c32", 4, "complex", None),
    DType("int64", "i64", 8, "int", "int64"),
    DType("int32", "i32", 4, "int", "int32"),
    DType("int16", "i16", 2, "int", "int16"),
    DType("int8", "i8", 1, "int", "int8"),
    DType("uint64", "u64", 8, "uint", "uint64"),
    DType("uint32", "u32", 4, "uint", "uint32"),
    DType("uint16", "u16", 2, "uint", "uint16"),
    DType("uint8", "u8", 1, "uint", "uint8"),
    DType("bool", "bool", 1, "bool", "bool"),
    DType("qint8", "qi8", 1, "opaque", None),
    DType("quint8", "qu8", 1, "opaque", None),
    DType("qint32", "qi32", 4, "opaque", None),
    DType("quint4x2", "qu4x2", 1, "opaque", None),
    DType("quint2x4", "qu2x4", 1, "opaque", None),
    DType("bits8", "b8", 1, "opaque", None),
    DType("bits16", "b16", 2, "opaque", None),
)
DTYPES: dict[str, DType] = {dtype.name: dtype for dtype in _TABLE}
_ALIASES = {
    "double": "float64", "float": "float32", "half": "float16", "chalf": "complex32", "cfloat": "complex64",
    "cdouble": "complex128", "long": "int64", "int": "int32", "short": "int16",
} | {dtype.short: dtype.name for dtype in _TABLE}  # fmt: skip


def dtype_named(name: object) -> DType:
    """Return the dtype that a torch.dtype, torch's name, `torch.` and name, an alias or a short name means.

    Raises
    ------
    KeyError
        If no dtype is called so.
    """
    text = str(name).removeprefix("torch.")
    return DTYPES[_ALIASES.get(text, text)]


@cache
def torch_dtype(name: str) -> torch.dtype:
    """Return the torch.dtype called `name`; AttributeError where this torch has none."""
    import torch

    dtype = getattr(torch, name)
    assert isinstance(dtype, torch.dtype)
    return dtype


@cache
def numpy_dtype(name: str) -> np.dtype[Any]:
    """Return the numpy dtype whose items have the bits of `name`.

    ml_dtypes supplies the small floats. Where nobody has a number type for the bits they come as
    `(float16, float16)` records for complex32 and as unsigned integers for the rest.
    """
    import numpy as np

    dtype = DTYPES[name]
    if name == "complex32":
        return np.dtype([("real", "float16"), ("imag", "float16")])
    if dtype.numpy is None:
        return np.dtype(f"u{dtype.itemsize}")
    try:
        return np.dtype(dtype.numpy)
    except TypeError:
        import ml_dtypes

        found: np.dtype[Any] = np.dtype(getattr(ml_dtypes, dtype.numpy))
        return found
