"""Arithmetic between the numbers of an expression, bounded: no number grows past 64 bits, nothing raises but a word."""

from __future__ import annotations

import cmath
import math
import operator
from collections.abc import Callable
from typing import Any

from weightedit.search.nodes import Value

NOT_WHOLE = "a whole number cannot be divided by 0; write 0.0 for inf or nan"
TOO_LARGE = "the whole number is past 64 bits; write it with floats, such as 10.0 ** 20"
NO_ORDER = "complex values have no order; compare abs(x), real(x) or imag(x)"

_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne,
}  # fmt: skip


class ConstantError(Exception):
    """Two numbers cannot be put together; the text says why, without its place."""


def combine(op: str, left: Value, right: Value) -> Value:
    """Return `left op right` as torch gives it for 64-bit values: division by 0 is inf or nan.

    Raises
    ------
    ConstantError
        If a whole number grows past 64 bits or is divided by 0, or complex values are ordered.
    """
    if op in _COMPARE:
        if op not in ("==", "!=") and (isinstance(left, complex) or isinstance(right, complex)):
            raise ConstantError(NO_ORDER)
        return bool(_COMPARE[op](left, right))
    if op in ("and", "&"):
        return bool(left) and bool(right)
    if op in ("or", "|"):
        return bool(left) or bool(right)
    first, second = (int(value) if isinstance(value, bool) else value for value in (left, right))
    if isinstance(first, complex) or isinstance(second, complex):
        return _complex(op, complex(first), complex(second))
    if isinstance(first, int) and isinstance(second, int) and op != "/" and not (op == "**" and second < 0):
        return _whole(op, first, second)
    return _real(op, float(first), float(second))


def _whole(op: str, first: int, second: int) -> int:
    if op in ("//", "%"):
        if second == 0:
            raise ConstantError(NOT_WHOLE)
        return first // second if op == "//" else first % second
    if op == "**" and abs(first) > 1 and second > 64:
        raise ConstantError(TOO_LARGE)
    if op == "**" and abs(first) <= 1:
        second = min(second, 2 + second % 2)
    value: int = {"+": operator.add, "-": operator.sub, "*": operator.mul, "**": operator.pow}[op](first, second)
    if not -(2**63) <= value < 2**64:
        raise ConstantError(TOO_LARGE)
    return value


def _real(op: str, first: float, second: float) -> float:
    if op in ("+", "-", "*"):
        return float({"+": operator.add, "-": operator.sub, "*": operator.mul}[op](first, second))
    if op == "**":
        return _power(first, second)
    if second == 0 or not math.isfinite(first):
        if op == "%" or math.isnan(first) or (first == 0 and second == 0):
            return math.nan
        if math.isfinite(first) or op == "/":
            sign = math.copysign(1.0, first) * math.copysign(1.0, second)
            return math.nan if math.isinf(first) and math.isinf(second) else math.copysign(math.inf, sign)
        return math.nan
    return float({"/": operator.truediv, "//": operator.floordiv, "%": operator.mod}[op](first, second))


def _power(first: float, second: float) -> float:
    try:
        value = first**second
    except OverflowError:
        odd = second == int(second) and int(second) % 2 == 1
        return -math.inf if first < 0 and odd else math.inf
    except ZeroDivisionError:
        odd = second == int(second) and int(second) % 2 == 1
        return math.copysign(math.inf, first) if odd else math.inf
    return math.nan if isinstance(value, complex) else float(value)


def _complex(op: str, first: complex, second: complex) -> complex:
    if op in ("//", "%"):
        raise ConstantError("complex values have no whole parts; // and % take real ones")
    try:
        value: complex = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv,
                          "**": operator.pow}[op](first, second)  # fmt: skip
    except (ZeroDivisionError, OverflowError):
        return complex(math.nan, math.nan)
    return value if not cmath.isnan(value) else complex(math.nan, math.nan)
