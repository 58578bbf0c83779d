"""What a typed number is stored as: exactly, as the nearest value, or as something else altogether."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from weightedit.core.dtypes import DTYPES
from weightedit.core.words.loss_words import past_text
from weightedit.core.words.numbers import Number, NumberError, bits_text, parse_number, stored


@dataclass(frozen=True)
class Typed:
    """A sentence without a full stop, and whether the value is lost rather than rounded."""

    text: str
    is_lost: bool = False


def typed_note(text: str, dtype: str) -> Typed | None:
    """Say what is stored of a number typed for a tensor of `dtype`; None where it is no number.

    Parameters
    ----------
    text
        As `numbers.parse_number` reads it, with as many digits as were typed.
    dtype
        torch's name of the stored dtype.
    """
    try:
        number = parse_number(text, dtype)
        kept = _stored(number, dtype)
    except (NumberError, OverflowError, ValueError, TypeError):
        return None
    facts, typed = DTYPES[dtype], text.strip().replace("−", "-").replace("_", " ").lower()
    if facts.family == "complex":
        exactly = complex(*_halves(kept)) == complex(number) or complex(number) != complex(number)
        return _rounded(str(complex(*_halves(kept))).strip("()"), dtype, exactly)
    if typed.startswith("0x") and facts.is_floating:
        bits = bits_text(kept, dtype)
        if int(bits, 16) != int(typed, 16):
            return Typed(f"Stored as the bits {bits} in {dtype}", True)
        return Typed(f"Stored as {_text(kept, dtype)} in {dtype}, bit for bit")
    if isinstance(number, bool) or facts.family == "bool":
        exactly = number in (0, 1)
        return _rounded("", dtype, True) if exactly else \
            Typed(f"Becomes {bool(kept)}: bool has only True and False", True)  # fmt: skip
    return _of_real(number, kept, typed, dtype)


def _of_real(number: Number, kept: Any, typed: str, dtype: str) -> Typed:
    facts, now = DTYPES[dtype], _text(kept, dtype)
    assert not isinstance(number, complex)
    if number != number or (isinstance(number, float) and math.isinf(number) and "inf" in typed):
        same = facts.is_floating and (float(kept) == number or (number != number and float(kept) != float(kept)))
        return _rounded("", dtype, True) if same else Typed(f"Becomes {now}: {past_text(typed, dtype)}", True)
    exact = _fraction(number, typed)
    if facts.is_integer:
        if exact == int(kept):
            return _rounded("", dtype, True)
        if number == int(kept):  # a fraction of too many digits for the float64 that is given to torch
            return _rounded(now, dtype, False)
        why = f"{dtype} keeps no fractions" if _fits(exact, dtype) else past_text(_sign(exact), dtype)
        return Typed(f"Becomes {now}: {why}", True)
    value = float(kept)
    if not math.isfinite(value) or not _fits_float(exact, value, dtype):
        return Typed(f"Becomes {now}: {past_text(_sign(exact), dtype)}", True)
    if value == 0 and exact:
        return Typed(f"Becomes 0: too small for {dtype}", True)
    same = Fraction(value) == exact or (dtype == "float64" and Fraction(repr(value)) == exact)
    return _rounded(now, dtype, same)


def _rounded(now: str, dtype: str, exactly: bool) -> Typed:
    return Typed(f"Stored in {dtype} exactly" if exactly else f"Stored as {now} in {dtype}")


def _fraction(number: int | float, typed: str) -> Fraction:
    """Return what was typed, with digits that float64 does not keep."""
    try:
        return Fraction(typed.replace(" ", ""))
    except ValueError:
        return Fraction(number)


def _fits(exact: Fraction, dtype: str) -> bool:
    from weightedit.core.values.ranges import limits

    ends = limits(dtype)
    return ends is None or ends[0] <= int(exact) <= ends[1]


def _fits_float(exact: Fraction, value: float, dtype: str) -> bool:
    """Whether a finite value is stored in the place of one that an 8-bit float has: its own sign, no further away."""
    from weightedit.core.values.ranges import limits

    ends = limits(dtype)
    if DTYPES[dtype].itemsize > 1 or ends is None:
        return True
    if exact < 0 < value:
        return False
    step = Fraction(ends[1]) / 16  # more than half a step at the end of any of them
    return exact <= Fraction(ends[1]) + step or dtype == "float8_e8m0fnu"


def _sign(exact: Fraction) -> str:
    return "-1" if exact < 0 else "1"


def _text(kept: Any, dtype: str) -> str:
    """Return a stored value with all its digits, since the shortest that read back would look like what was typed."""
    if DTYPES[dtype].is_integer:
        return str(int(kept))
    return repr(float(kept))


def _halves(kept: Any) -> tuple[float, float]:
    if getattr(kept.dtype, "names", None):
        return float(kept["real"]), float(kept["imag"])
    return float(kept.real), float(kept.imag)


def _stored(number: Number, dtype: str) -> Any:
    """Return one stored element as numpy has it: made by torch once that is there, which nobody waits for."""
    torch = sys.modules.get("torch")
    if torch is None or getattr(getattr(torch, "__spec__", None), "_initializing", False):
        return stored(number, dtype)[0]
    from weightedit.core.dtypes import numpy_dtype
    from weightedit.core.stage import bits_of, staged
    from weightedit.core.values.precision import exact_number

    if isinstance(number, int) and not isinstance(number, bool) and not -(2**63) <= number < 2**64:
        number = float(number)
    return bits_of(staged(exact_number(number), dtype)).reshape(1).view(numpy_dtype(dtype))[0]
