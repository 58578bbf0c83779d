"""Operations that keep values within limits: of size, of finite numbers, of digits."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from weightedit.core.operation import Number, operation
from weightedit.core.place import Place, Survey
from weightedit.core.spec import TensorSpec
from weightedit.operations.refusing import real, real_tensor, refuse

if TYPE_CHECKING:
    from torch import Tensor

MOST_DECIMALS = 300


def _clamp_check(survey: Survey, min: Number | None, max: Number | None) -> None:
    real_tensor("clamp", survey.name, survey.spec)
    if min is None and max is None:
        refuse("clamp needs a limit", "Give min, max or both.")
    for name, value in (("min", min), ("max", max)):
        if (given := real(f"{name} of clamp", value)) is not None and math.isnan(given):
            refuse(f"{name} of clamp is NaN", "It takes a number.")


def _is_whole(spec: TensorSpec) -> bool:
    return not spec.type.is_floating and spec.type.family != "complex"


def _clamp_code(spec: TensorSpec, arguments: Mapping[str, Any]) -> str:
    if not _is_whole(spec):
        return "torch.clamp({current}, min={min}, max={max})"
    first, last = _whole_limits(spec, arguments["min"], arguments["max"])
    return f"torch.clamp({{current}}, min={first}, max={last})"


def _whole_limits(spec: TensorSpec, low: float | None, high: float | None) -> tuple[int, int]:
    """Return the lowest and the highest whole number of a dtype between two limits."""
    width = 1 if spec.dtype == "bool" else 8 * spec.type.itemsize
    least = -(1 << (width - 1)) if spec.type.family == "int" else 0
    most = least + (1 << width) - 1
    first = least if low is None or low <= least else most if low >= most else math.ceil(low)
    last = most if high is None or high >= most else least if high <= least else math.floor(high)
    return first, last


def _clamp_label(given: Mapping[str, str]) -> str:
    return f"{given['min']} to {given['max']}".replace("None", "…")


@operation("write", title="Clamp", converts=True, prepare=_clamp_check, code=_clamp_code, label=_clamp_label)
def clamp(current: Tensor, min: Number | None = None, max: Number | None = None, *, place: Place) -> Tensor:
    """Bring values below a minimum or above a maximum to that limit.

    NaN stays NaN. In a tensor of whole numbers a limit between two of them means the one inside the limits.

    Parameters
    ----------
    min
        The lowest value that stays as it is; none where left out.
    max
        The highest value that stays as it is; none where left out.

    References
    ----------
    torch.clamp, https://docs.pytorch.org/docs/stable/generated/torch.clamp.html
    """
    import torch

    from weightedit.core.precision import widened

    low, high = real("min of clamp", min), real("max of clamp", max)
    if _is_whole(place.spec):
        first, last = _whole_limits(place.spec, low, high)
        if current.dtype != torch.uint64:
            return current.to(torch.int64).clamp(first, last)
        ordered = (current.view(torch.int64) ^ -(2**63)).clamp(first - 2**63, last - 2**63)
        return (ordered ^ -(2**63)).view(torch.uint64)
    return _wide_enough(widened(current), low, high).clamp(low, high)


def _wide_enough(wide: Tensor, *numbers: float | None) -> Tensor:
    """Return float32 values as float64 where a finite number is past float32, which torch would not take."""
    import torch

    most = torch.finfo(torch.float32).max
    if wide.dtype == torch.float32 and any(
        number is not None and most < abs(number) < math.inf for number in numbers
    ):
        return wide.to(torch.float64)
    return wide


def _finite_check(survey: Survey, nan: Number, posinf: Number | None, neginf: Number | None) -> None:
    for name, value in (("nan", nan), ("posinf", posinf), ("neginf", neginf)):
        real(f"{name} of replace_nonfinite", value)


def _finite_label(given: Mapping[str, str]) -> str:
    named = (("NaN", "nan"), ("+Inf", "posinf"), ("-Inf", "neginf"))
    return ", ".join(f"{what} by {given[name]}" for what, name in named if given[name] != "None")


@operation("write", title="Replace NaN and Inf", converts=True, prepare=_finite_check,
           label=_finite_label,
           code="torch.nan_to_num({current}, nan={nan}, posinf={posinf}, neginf={neginf})")  # fmt: skip
def replace_nonfinite(current: Tensor, nan: Number = 0, posinf: Number | None = None,
                      neginf: Number | None = None, *, place: Place) -> Tensor:  # fmt: skip
    """Put finite numbers where NaN and infinities are; of a complex number in each part by itself.

    Parameters
    ----------
    nan
        What NaN becomes.
    posinf
        What +Inf becomes; the largest finite number of the dtype where left out.
    neginf
        What -Inf becomes; the lowest finite number of the dtype where left out.

    References
    ----------
    torch.nan_to_num, https://docs.pytorch.org/docs/stable/generated/torch.nan_to_num.html
    """
    import torch

    from weightedit.core.precision import widened

    if _is_whole(place.spec):
        return current
    wide = widened(current)
    parts = torch.view_as_real(wide) if wide.is_complex() else wide
    own = torch.view_as_real(current).dtype if current.is_complex() else current.dtype
    limits = torch.finfo(own)
    lowest, largest = real("neginf", neginf), real("posinf", posinf)
    numbers = (real("nan", nan), limits.max if largest is None else largest, limits.min if lowest is None else lowest)
    parts = torch.nan_to_num(_wide_enough(parts, *numbers), *numbers)
    return torch.view_as_complex(parts.contiguous()) if wide.is_complex() else parts


def _round_check(survey: Survey, decimals: int) -> None:
    real_tensor("round", survey.name, survey.spec)
    if not -MOST_DECIMALS <= decimals <= MOST_DECIMALS:
        refuse(f"decimals of round is {decimals}", f"It takes {-MOST_DECIMALS} to {MOST_DECIMALS}.")
    if decimals < 0 and _is_whole(survey.spec):
        refuse("round to tens needs floating point numbers",
               f"{survey.name} is {survey.spec.dtype}; torch rounds whole numbers to no fewer digits.",
               name=survey.name, kind="unsupported")  # fmt: skip


@operation("write", title="Round", prepare=_round_check, label="{decimals}",
           code=lambda spec, given: "{current}" if _is_whole(spec) else "torch.round({current}, decimals={decimals})")
def round_(current: Tensor, decimals: int = 0, *, place: Place) -> Tensor:
    """Round values to a number of decimals, halves to the even neighbour.

    A value that has no such decimals to lose, or is too large to be counted in them, stays as it is.

    Parameters
    ----------
    decimals
        Digits kept after the point; negative ones count before it.

    References
    ----------
    torch.round, https://docs.pytorch.org/docs/stable/generated/torch.round.html
    """
    import torch

    from weightedit.core.precision import widened

    if _is_whole(place.spec):
        return current
    wide = widened(current)
    if wide.dtype == torch.float32 and abs(decimals) > 38:  # past the powers of ten that float32 has
        wide = wide.to(torch.float64)
    rounded = torch.round(wide, decimals=decimals)
    return torch.where(torch.isfinite(rounded), rounded, wide)


def _zero_check(survey: Survey, threshold: Number) -> None:
    if not real("threshold of zero_small", threshold) >= 0:
        refuse(f"threshold of zero_small is {threshold}", "It takes a number of 0 or more.")


@operation("write", title="Zero small values", converts=True, prepare=_zero_check, label="≤ {threshold}",
           code="{current}.masked_fill({current}.abs() <= {threshold}, 0)")  # fmt: skip
def zero_small(current: Tensor, threshold: Number, *, place: Place) -> Tensor:
    """Put 0 where a value is no further from 0 than a threshold, as torch's Hardshrink does; NaN stays.

    Parameters
    ----------
    threshold
        The largest magnitude that becomes 0; in a tensor of floats, rounded to its dtype.

    References
    ----------
    torch.nn.Hardshrink, https://docs.pytorch.org/docs/stable/generated/torch.nn.Hardshrink.html
    """
    import torch

    limit = real("threshold of zero_small", threshold)
    if _is_whole(place.spec):
        most = math.floor(min(limit, 2.0**65))
        if current.dtype == torch.uint64:
            bits = current.view(torch.int64)
            small = (bits ^ -(2**63)) <= min(most, 2**64 - 1) - 2**63
            return torch.where(small, 0, bits).view(torch.uint64)
        wide = current.to(torch.int64)
        return torch.where((wide <= min(most, 2**63 - 1)) & (wide >= max(-most, -(2**63))), 0, wide)
    small = _magnitude(current) <= _rounded(limit, current)
    if current.is_complex() or current.element_size() == 1:  # the dtypes that torch cannot fill where a mask says
        from weightedit.core.precision import widened

        return torch.where(small, 0, widened(current))
    return current.masked_fill(small, 0)


def _magnitude(values: Tensor) -> Tensor:
    import torch

    from weightedit.core.precision import widened

    return widened(values).to(torch.complex128).abs() if values.is_complex() else widened(values).abs()


def _rounded(threshold: float, values: Tensor) -> float:
    """Return the threshold as a number of the dtype, so that 0.1 means the 0.1 that a tensor can hold."""
    import torch

    if values.is_complex() or values.element_size() == 1:
        return threshold
    return float(torch.tensor(threshold, dtype=torch.float64).to(values.dtype))
