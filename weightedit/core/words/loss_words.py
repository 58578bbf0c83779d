"""What storing a value in a dtype does to it, in a few words beside the value."""

from __future__ import annotations

import math

from weightedit.core.dtypes import DTYPES
from weightedit.core.values.ranges import limits


def loss_note(exact: str, stored: str, lost: float, source: str, dtype: str) -> str:
    """Return `past 65,504, the largest float16`, `relative error 2.1e-4` or `stored exactly`.

    Parameters
    ----------
    exact, stored
        Both values as text.
    lost
        The relative error; infinite, or NaN, where the value overflows.
    source, dtype
        What it is stored in before, and after.
    """
    if lost == 0:
        return "NaN stays NaN" if "nan" in exact else "stored exactly"
    if not math.isfinite(lost):
        return past_text(exact, dtype)
    if lost == 1 and stored.strip("-+j") in ("0", "0.0", "0.0+0.0", "0.0-0.0"):
        return f"too small for {dtype}, becomes 0"
    past = _clamped(exact, stored, dtype)
    if past:
        return f"{past}, clamped"
    if DTYPES[source].family == "complex" and DTYPES[dtype].family != "complex":
        return f"relative error {lost:.2g}, without its imaginary part"
    return f"relative error {lost:.2g}"


def _clamped(exact: str, stored: str, dtype: str) -> str:
    """Return past what a finite value lies that is stored as the end of the range; nothing where it is not."""
    ends = limits(dtype)
    if ends is None or "j" in exact or "j" in stored or "True" in (exact, stored) or "False" in (exact, stored):
        return ""
    return past_text(exact, dtype) if not ends[0] <= float(exact) <= ends[1] else ""


def past_text(exact: str, dtype: str) -> str:
    """Return `past 65,504, the largest float16` for a value that does not fit a dtype."""
    if "nan" in exact:
        return f"{dtype} has no NaN"
    if "inf" in exact:
        return f"{dtype} has no infinity"
    ends = limits(dtype)
    if ends is None:
        return f"no value of {dtype}"
    low, high = (f"{end:,}" if isinstance(end, int) else f"{end:,.6g}" for end in ends)
    if exact.startswith("-"):
        return f"below {low.replace('-', '−')}, the lowest {dtype}"
    return f"past {high}, the largest {dtype}"
