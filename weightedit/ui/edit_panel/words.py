"""What the form calls arguments whose names in torch are letters or short forms; the name itself is in the tooltip."""

from __future__ import annotations

from collections.abc import Iterable

from weightedit.core.dtypes import DTYPES
from weightedit.core.operation import Parameter

SLOPE = "Negative slope"
WORDS = {
    "a": "Lower end", "b": "Upper end", "n": "n kept", "m": "of m", "ord": "Norm order", "dim": "Dimension",
    "dims": "Dimensions", "dim0": "First dim", "dim1": "Second dim", "nan": "NaN", "posinf": "+Inf", "neginf": "−Inf",
    "min": "Minimum", "max": "Maximum",
}  # fmt: skip
BY_CHOICE = {"a": {"kaiming_uniform": SLOPE, "kaiming_normal": SLOPE}}
"""Arguments that mean something else after some choices."""


def words_for(parameter: Parameter, chosen: Iterable[object]) -> str:
    """Return what an argument is called, given what is chosen in the form's other fields."""
    chosen = list(chosen)
    if parameter.name == "out_of_range" and (dtype := _dtype_in(chosen)) is not None:
        return f"Values past {range_text(dtype)}"
    special = BY_CHOICE.get(parameter.name, {})
    return next((special[str(choice)] for choice in chosen if str(choice) in special),
                WORDS.get(parameter.name, parameter.label))  # fmt: skip


def choice_words(parameter: Parameter, chosen: Iterable[object]) -> dict[str, str]:
    """Return what the choices of an argument are called, where that is not what code calls them."""
    if parameter.name != "out_of_range":
        return {}
    dtype = _dtype_in(chosen)
    if dtype is None:
        return {"overflow": "As torch converts", "clamp": "Clamp"}
    ends = range_text(dtype)
    return {"overflow": _overflows(dtype), "clamp": f"Clamp to {ends}" if ends.startswith("±") else "Clamp to the ends"}


def _dtype_in(chosen: Iterable[object]) -> str | None:
    return next((str(one) for one in chosen if str(one) in DTYPES and DTYPES[str(one)].family != "bool"), None)


def range_text(dtype: str) -> str:
    """Return `±65,504` or `0 … 255`."""
    from weightedit.core.values.ranges import limits

    ends = limits(dtype)
    if ends is None:
        return dtype
    low, high = (f"{end:,}" if isinstance(end, int) and abs(end) < 1e6 else _short(end) for end in ends)
    return f"±{high}" if -ends[0] == ends[1] else f"{low} … {high}".replace("-", "−")


def _short(end: float) -> str:
    return f"{end:,.0f}" if 1 <= abs(end) < 1e6 else f"{float(end):.3g}".replace("e+", "e").replace("-", "−")


def _overflows(dtype: str) -> str:
    """Return what torch makes of a value past the range of a dtype."""
    if DTYPES[dtype].is_integer:
        return "Wrap around"
    if dtype == "float8_e4m3fn":
        return "As torch converts"  # NaN, or the largest value, by its version
    return "Become NaN" if dtype.endswith(("fnuz", "fnu")) else "Become ±Inf"
