"""Operators and functions on torch tensors: dtypes brought together, errors in words, bits that no grouping changes."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import torch

from weightedit.core.values.precision import widened
from weightedit.search.constants import NO_ORDER, NOT_WHOLE, ConstantError, combine
from weightedit.search.fitting import broadcast
from weightedit.search.functions import function
from weightedit.search.nodes import COMPARISONS, LOGICAL, Value

Values = torch.Tensor | Value
SLICE = 1 << 14
"""Values handed to one call of a kernel that is not exact: below the size at which torch splits work over threads."""
LANES = 64
"""Slices are filled up to a multiple of this, so that every value goes through the same, vectorized loop."""

_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv,
    "//": torch.floor_divide, "%": torch.remainder, "**": torch.pow,
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne,
    "and": operator.and_, "&": operator.and_, "or": operator.or_, "|": operator.or_,
}  # fmt: skip
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "gelu": torch.nn.functional.gelu, "silu": torch.nn.functional.silu,
    "conj": lambda values: torch.conj(values).resolve_conj(), "real": lambda values: torch.real(values).clone(),
    "imag": lambda values: torch.imag(values).clone(), "nonfinite": lambda values: ~torch.isfinite(values),
}  # fmt: skip


class MeaningError(Exception):
    """Two values cannot be put together; the text says why, without its place."""


def computing(values: torch.Tensor) -> torch.Tensor:
    """Return stored values in the dtype they compute in: bool, int64, float32, float64, complex64 or complex128."""
    if values.dtype == torch.bool:
        return values
    if values.dtype == torch.uint64 and bool((values.view(torch.int64) < 0).any()):
        raise MeaningError("a value of uint64 is past 9223372036854775807, where int64 ends, in which whole numbers "
                           "are computed")  # fmt: skip
    return widened(values).resolve_conj()


def binary(op: str, left: Values, right: Values) -> Values:
    """Return `left op right`.

    Raises
    ------
    MeaningError
        If the dtypes have no such operation, or a whole number is divided by 0.
    """
    if not isinstance(left, torch.Tensor) and not isinstance(right, torch.Tensor):
        try:
            return combine(op, left, right)
        except ConstantError as error:
            raise MeaningError(str(error)) from None
    if op in LOGICAL:
        first, second = condition(left, op), condition(right, op)
        return _OPERATORS[op](first, second)  # type: ignore[no-any-return]
    kind = common(left, right)
    if op in COMPARISONS:
        if kind.is_complex and op not in ("==", "!="):
            raise MeaningError(NO_ORDER)
        return _OPERATORS[op](as_kind(left, kind), as_kind(right, kind))  # type: ignore[no-any-return]
    if kind == torch.bool:
        kind = torch.int64
    if kind == torch.int64 and (op == "/" or (op == "**" and isinstance(right, int) and right < 0)):
        kind = torch.float64
    first, second = as_kind(left, kind), as_kind(right, kind)
    if kind.is_complex and op in ("//", "%"):
        raise MeaningError("complex values have no whole parts; // and % take real ones")
    if kind == torch.int64 and op in ("//", "%") and _any(second == 0):
        raise MeaningError(NOT_WHOLE)
    if kind == torch.int64 and op == "**" and isinstance(second, torch.Tensor) and _any(second < 0):
        raise MeaningError("whole numbers have no whole power below 0; write the power with a float")
    if op in ("+", "-", "*", "/") and not kind.is_complex:
        return _OPERATORS[op](first, second)  # type: ignore[no-any-return]
    return steady(_OPERATORS[op], first, second)


def _any(found: Any) -> bool:
    return bool(found.any()) if isinstance(found, torch.Tensor) else bool(found)


def condition(values: Values, op: str) -> Values:
    """Return values that are True or False as they are."""
    if isinstance(values, bool) or (isinstance(values, torch.Tensor) and values.dtype == torch.bool):
        return values
    raise MeaningError(f"{op} takes conditions, and this is a number; compare it, as in w != 0")


def negated(op: str, values: Values) -> Values:
    """Return `-values`, `+values` or, of a condition, `not values`."""
    if op in ("not", "~"):
        held = condition(values, op)
        return ~held if isinstance(held, torch.Tensor) else not held
    if isinstance(values, torch.Tensor):
        values = as_kind(values, torch.int64) if values.dtype == torch.bool else values
    return -values if op == "-" else values


def common(*given: Values) -> torch.dtype:
    """Return the dtype that values compute in together; a number only decides what kind, not how wide.

    Whole numbers with fractions make float64: torch would take float32, and lose digits past 2**24.
    """
    tensors = [values.dtype for values in given if isinstance(values, torch.Tensor)]
    numbers = [values for values in given if not isinstance(values, torch.Tensor)]
    kind = torch.bool
    for dtype in tensors:
        kind = _together(kind, dtype)
    for number in numbers:
        whole = kind in (torch.bool, torch.int64)
        if isinstance(number, complex) and not kind.is_complex:
            kind = torch.complex64 if kind == torch.float32 else torch.complex128
        elif whole and (isinstance(number, float) or abs(number) >= 2**63):
            kind = torch.float64
        elif kind == torch.bool and not isinstance(number, bool):
            kind = torch.int64
    return kind


def _together(first: torch.dtype, second: torch.dtype) -> torch.dtype:
    found = torch.promote_types(first, second)
    if torch.int64 in (first, second) and first != second:
        return {torch.float32: torch.float64, torch.complex64: torch.complex128}.get(found, found)
    return found


def as_kind(values: Values, kind: torch.dtype) -> Values:
    """Return values in a dtype; numbers stay numbers, and take the kind."""
    if isinstance(values, torch.Tensor):
        return values.to(kind)
    if kind in (torch.float32, torch.float64):
        return float(values)  # type: ignore[arg-type]
    return int(values) if kind == torch.int64 else values  # type: ignore[arg-type]


def as_tensor(values: Values, kind: torch.dtype, device: torch.device) -> torch.Tensor:
    """Return values, or a number, as a tensor of a dtype."""
    if isinstance(values, torch.Tensor):
        return values.to(kind)
    return torch.tensor(values, dtype=kind, device=device)


def of_number(number: Value) -> torch.Tensor:
    """Return a number as a 0-d tensor of its widest dtype."""
    if isinstance(number, bool):
        return torch.tensor(number)
    if isinstance(number, int) and number < 2**63:
        return torch.tensor(number, dtype=torch.int64)
    return torch.tensor(number, dtype=torch.complex128 if isinstance(number, complex) else torch.float64)


def steady(kernel: Callable[..., torch.Tensor], *given: Any) -> torch.Tensor:
    """Call a kernel so that each value's bits depend on that value alone, not on those around it.

    torch's vectorized and scalar loops, and its splits over threads, differ in the last bit of functions such as
    sigmoid. So all values go through the vectorized one, in slices of a fixed size that fill its lanes.
    """
    tensors = [one for one in given if isinstance(one, torch.Tensor)]
    shape = broadcast(*(tuple(tensor.shape) for tensor in tensors))
    assert shape is not None  # shapes were checked before values came
    flat = [tensor.expand(shape).reshape(-1) for tensor in tensors]
    missing = -flat[0].numel() % LANES
    done = []
    for start in range(0, flat[0].numel(), SLICE):
        parts = [one[start : start + SLICE].contiguous() for one in flat]
        if start + SLICE > flat[0].numel() and missing:
            parts = [torch.cat([part, part.new_ones(missing)]) for part in parts]
        values = iter(parts)
        done.append(kernel(*(next(values) if isinstance(one, torch.Tensor) else one for one in given)))
    if not done:
        return kernel(*(flat.pop(0) if isinstance(one, torch.Tensor) else one for one in given)).reshape(shape)
    return torch.cat(done)[: flat[0].numel()].reshape(shape)


def call(name: str, arguments: list[Values], device: torch.device) -> Values:
    """Return a function of each value.

    Raises
    ------
    MeaningError
        If it does not take values of this dtype.
    """
    if not any(isinstance(one, torch.Tensor) for one in arguments):
        found = call(name, [of_number(one) for one in arguments if not isinstance(one, torch.Tensor)], device)
        value: Value = found.item() if isinstance(found, torch.Tensor) else found
        return value
    facts = function(name)
    if name == "where":
        return _where(arguments, device)
    kind = common(*arguments)
    if facts.gives == "number":
        kind = torch.int64 if kind == torch.bool else kind
        kind = torch.float64 if kind == torch.int64 and facts.whole == "float64" else kind
    if kind.is_complex and not facts.complex:
        raise MeaningError(f"{name} does not take complex values; give it abs(x), real(x) or imag(x)")
    tensors = [as_tensor(one, kind, device) for one in arguments]
    if name in ("minimum", "maximum"):
        return getattr(torch, name)(*tensors)  # type: ignore[no-any-return]
    if name == "clamp":
        return torch.minimum(torch.maximum(tensors[0], tensors[1]), tensors[2])
    values = tensors[0]
    if name == "imag" and not kind.is_complex:
        raise MeaningError("real values have no imaginary part")
    if name in ("floor", "ceil", "round", "trunc") and kind == torch.int64:
        return values
    kernel = _FUNCTIONS.get(name) or getattr(torch, name)
    exact = facts.exact and not (name == "abs" and kind.is_complex)
    return kernel(values) if exact else steady(kernel, values)


def _where(arguments: list[Values], device: torch.device) -> torch.Tensor:
    held, first, second = arguments
    mask = as_tensor(condition(held, "where"), torch.bool, device)
    numbers = [of_number(one) for one in (first, second) if not isinstance(one, torch.Tensor)]
    kind = common(first, second) if len(numbers) < 2 else common(*numbers)
    return torch.where(mask, as_tensor(first, kind, device), as_tensor(second, kind, device))


def rounded_bound(value: float, dtype: torch.dtype) -> float:
    """Return a number as values of a stored dtype can hold it, so that `w == 0.1` finds the cells that show 0.1.

    Where it would become 0 or infinite it stays as it is, and all values of the dtype lie on the right side of it.
    """
    if value == 0 or not math.isfinite(value) or not dtype.is_floating_point:
        return value
    found = _held(value, dtype)
    return found if math.isfinite(found) and found != 0 else value


def fits(value: float, dtype: torch.dtype) -> bool:
    """Whether a dtype holds a number exactly."""
    return not math.isfinite(value) or _held(value, dtype) == value


def _held(value: float, dtype: torch.dtype) -> float:
    return float(torch.tensor(value, dtype=torch.float64).to(dtype).to(torch.float64))
