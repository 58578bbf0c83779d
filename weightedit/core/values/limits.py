"""The numbers at which a dtype ends: what is lost past them when values are cast to it."""

from __future__ import annotations

from weightedit.core.dtypes import DTYPES, numpy_dtype


def limits(dtype: str) -> tuple[tuple[str, float], ...]:
    """Return (name, magnitude) of the ends of a dtype, ascending; none where it has no numbers.

    For floats the smallest that is not 0, the smallest normal one, and the largest; for whole numbers the largest (the
    smallest of `int8` is -128, one more in magnitude). Of complex dtypes, those of each part.
    """
    import ml_dtypes
    import numpy as np

    facts = DTYPES[dtype]
    if facts.is_integer:
        return ((f"{facts.short} max", float(np.iinfo(numpy_dtype(dtype)).max)),)
    part = {"complex32": "float16", "complex64": "float32", "complex128": "float64"}.get(dtype, dtype)
    if DTYPES[part].family != "float" or dtype == "float8_e8m0fnu":
        return ()
    info = ml_dtypes.finfo(numpy_dtype(part))  # type: ignore[no-untyped-call]
    short = DTYPES[part].short
    return ((f"{short} smallest", float(info.smallest_subnormal)), (f"{short} normal", float(info.smallest_normal)),
            (f"{short} max", float(info.max)))  # fmt: skip
