"""Parts of the PyTorch code that does what an operation does: the dtype it computes in, and numbers as stored."""

from __future__ import annotations

import math
from typing import Any

from weightedit.core.spec import TensorSpec


def is_whole(spec: TensorSpec) -> bool:
    """Whether a tensor holds integers or bools."""
    return not spec.type.is_floating and spec.type.family != "complex"


def limits(spec: TensorSpec) -> tuple[int, int]:
    """Return the lowest and the highest value of a dtype of whole numbers."""
    width = 1 if spec.dtype == "bool" else 8 * spec.type.itemsize
    low = -(1 << (width - 1)) if spec.type.family == "int" else 0
    return low, low + (1 << width) - 1


def largest(spec: TensorSpec) -> float:
    """Return the largest finite number of a floating point or complex dtype."""
    from weightedit.core.values.precision import largest_finite

    parts = {"complex32": "float16", "complex64": "float32", "complex128": "float64"}
    return largest_finite(parts.get(spec.dtype, spec.dtype))


def widened(spec: TensorSpec, *numbers: complex) -> str:
    """Return the call that puts a tensor in the dtype in which the editor computes with numbers, or nothing.

    Nothing too where torch's own arithmetic gives the same bits: whole numbers wrap around in any width.
    """
    if any(isinstance(number, complex) for number in numbers) and spec.type.family != "complex":
        wide = spec.dtype in ("float64", "int64", "uint64")
        return f".to(torch.{'complex128' if wide else 'complex64'})"
    if spec.type.family == "complex":
        return ".to(torch.complex64)" if spec.type.itemsize < 8 else ""
    if spec.type.is_floating:
        return ".float()" if spec.type.itemsize < 4 else ""
    if not all(isinstance(number, int) for number in numbers):
        return ".double()"
    low, high = limits(spec)
    fits = spec.dtype != "uint64" and all(low <= number <= high for number in numbers if isinstance(number, int))
    return "" if fits else ".long()"


def widest(spec: TensorSpec) -> str:
    """Return the call that puts a tensor in float64 or complex128, or nothing where it is that."""
    if spec.type.family == "complex":
        return ".to(torch.complex128)" if spec.dtype != "complex128" else ""
    return ".double()" if spec.dtype != "float64" else ""


def together(spec: TensorSpec, other: object) -> str:
    """Return the call that puts a tensor in the dtype of arithmetic with another one, of which the dtype is known."""
    from weightedit.core.dtypes import dtype_named

    name = getattr(other, "dtype", None)
    if not isinstance(name, str):
        return widened(spec) if spec.type.is_floating else ""
    family = dtype_named(name)
    mixed = family.is_floating != spec.type.is_floating and "complex" not in (family.family, spec.type.family)
    return ".double()" if mixed else widened(spec) if not is_whole(spec) else ""


def number(value: Any) -> str:
    """Return a number as Python writes it; the ones that are not finite have no literal."""
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    return repr(value)


def operand(spec: TensorSpec, value: complex) -> str:
    """Return a number of arithmetic as torch takes it: it has no operand past int64."""
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return number(value - 2**64 if is_whole(spec) and value < 2**64 else float(value))
    return number(value)


def stored(spec: TensorSpec, value: complex) -> str:
    """Return the number that a tensor holds where a number is put into it, as Python writes it.

    Where torch would refuse the number, such as NaN for integers, code that makes of it what the editor stores.
    """
    if isinstance(value, complex):
        if spec.type.family == "complex":
            return repr(value)
        value = value.real
    if is_whole(spec):
        low, high = limits(spec)
        fits = math.isfinite(value) and low <= value <= high and (spec.dtype != "bool" or value in (0, 1))
    else:
        fits = (math.isnan(value) or abs(value) <= largest(spec)) and spec.type.itemsize > 1
        fits = fits or (abs(value) == math.inf and spec.type.itemsize > 1)
    if fits:
        return number(value)
    wide = isinstance(value, int) and -(2**63) <= value < 2**64
    kind = "float64" if not wide else "uint64" if value >= 2**63 else "int64"
    return f"torch.tensor({number(value)}, dtype=torch.{kind}).to(torch.{spec.dtype}).item()"
