"""Operations that keep values within limits: of size, of finite numbers, of digits."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace as replaced
from typing import TYPE_CHECKING, Any

from weightedit.core.edits.place import Place, Survey
from weightedit.core.operation import Number, operation
from weightedit.core.spec import TensorSpec
from weightedit.operations import coding
from weightedit.operations.coding import is_whole
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


def _clamp_code(spec: TensorSpec, given: Mapping[str, Any]) -> str:
    if not is_whole(spec):
        low, high = coding.number(given["min"]), coding.number(given["max"])
        return f"torch.clamp({{current}}{_wide_code(spec, given['min'], given['max'])}, min={low}, max={high})"
    first, last = _whole_limits(spec, given["min"], given["max"])
    wide = ".long()" if spec.dtype == "bool" else ""  # which torch does not clamp
    return f"torch.clamp({{current}}{wide}, min={first}, max={last})"


def _wide_code(spec: TensorSpec, *numbers: float | None) -> str:
    """Return the call that puts floats in a dtype that holds the numbers, as `_wide_enough` does."""
    most = 0.0 if spec.dtype == "float64" else coding.largest(replaced(spec, dtype="float32"))
    past = any(one is not None and most < abs(one) < math.inf for one in numbers)
    return ".double()" if most and past else coding.widened(spec)


def _whole_limits(spec: TensorSpec, low: float | None, high: float | None) -> tuple[int, int]:
    """Return the lowest and the highest whole number of a dtype between two limits."""
    least, most = coding.limits(spec)
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

    from weightedit.core.values.precision import widened

    low, high = real("min of clamp", min), real("max of clamp", max)
    if is_whole(place.spec):
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


def _finite_code(spec: TensorSpec, given: Mapping[str, Any]) -> str:
    if is_whole(spec):
        return "{current}"
    numbers = [given[name] for name in ("nan", "posinf", "neginf")]
    most = coding.largest(spec)
    if spec.type.itemsize == 1 or any(one is not None and most < abs(one) < math.inf for one in numbers):
        numbers = [one if one is not None else limit for one, limit in zip(numbers, (0, most, -most), strict=True)]
        wide = _wide_code(spec, *numbers) if spec.type.is_floating else coding.widest(spec)
    else:
        wide = ""
    texts = dict(zip(("nan", "posinf", "neginf"), map(coding.number, numbers), strict=True))
    return f"torch.nan_to_num({{current}}{wide}, {', '.join(f'{name}={text}' for name, text in texts.items())})"


@operation("write", title="Replace NaN and Inf", converts=True, prepare=_finite_check,
           label=_finite_label, code=_finite_code)
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

    from weightedit.core.values.precision import widened

    if is_whole(place.spec):
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
    if decimals < 0 and is_whole(survey.spec):
        refuse("round to tens needs floating point numbers",
               f"{survey.name} is {survey.spec.dtype}; torch rounds whole numbers to no fewer digits.",
               name=survey.name, kind="unsupported")  # fmt: skip


def _round_code(spec: TensorSpec, given: Mapping[str, Any]) -> str:
    if is_whole(spec):
        return "{current}"
    decimals = given["decimals"]
    wide = ".double()" if abs(decimals) > 38 and spec.dtype != "float64" else coding.widened(spec)
    if not decimals:
        return f"torch.round({{current}}{wide})"
    return (f"rounded = torch.round({{current}}{wide}, decimals={decimals})\n"
            "torch.where(rounded.isfinite(), rounded, {current})")  # fmt: skip


@operation("write", title="Round", prepare=_round_check, label="{decimals}", code=_round_code)
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

    from weightedit.core.values.precision import widened

    if is_whole(place.spec):
        return current
    wide = widened(current)
    if wide.dtype == torch.float32 and abs(decimals) > 38:  # past the powers of ten that float32 has
        wide = wide.to(torch.float64)
    rounded = torch.round(wide, decimals=decimals)
    return torch.where(torch.isfinite(rounded), rounded, wide)


def _zero_check(survey: Survey, threshold: Number) -> None:
    if not real("threshold of zero_small", threshold) >= 0:
        refuse(f"threshold of zero_small is {threshold}", "It takes a number of 0 or more.")


def _zero_code(spec: TensorSpec, given: Mapping[str, Any]) -> str:
    limit: float = given["threshold"]
    if is_whole(spec):
        least, most = coding.limits(spec)
        high = min(math.floor(min(limit, 2.0**65)), most)
        wide = ".long()" if spec.dtype == "bool" else ""
        below = f"({{current}} >= {max(-high, least)}) & " if least and high != most else ""
        above = f"({{current}} <= {high})" if below else f"{{current}}{wide} <= {high}"
        if least and high == most:  # the lowest value has no counterpart
            below, above = "", f"{{current}} >= {max(-math.floor(min(limit, 2.0**65)), least)}"
        return f"{{current}}.masked_fill({below}{above}, 0)"
    if spec.type.family == "complex":
        return f"torch.where({{current}}{coding.widest(spec)}.abs() <= {coding.number(limit)}, 0, {{current}})"
    if spec.type.itemsize == 1:
        wide = coding.widened(spec)
        return f"{{current}}{wide}.masked_fill({{current}}{wide}.abs() <= {coding.number(limit)}, 0)"
    return f"{{current}}.masked_fill({{current}}.abs() <= {coding.stored(spec, limit)}, 0)"


@operation("write", title="Zero small values", converts=True, prepare=_zero_check, label="≤ {threshold}",
           code=_zero_code)
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
    if is_whole(place.spec):
        most = math.floor(min(limit, 2.0**65))
        if current.dtype == torch.uint64:
            bits = current.view(torch.int64)
            small = (bits ^ -(2**63)) <= min(most, 2**64 - 1) - 2**63
            return torch.where(small, 0, bits).view(torch.uint64)
        wide = current.to(torch.int64)
        return torch.where((wide <= min(most, 2**63 - 1)) & (wide >= max(-most, -(2**63))), 0, wide)
    small = _magnitude(current) <= _rounded(limit, current)
    if current.is_complex() or current.element_size() == 1:  # the dtypes that torch cannot fill where a mask says
        from weightedit.core.values.precision import widened

        return torch.where(small, 0, widened(current))
    return current.masked_fill(small, 0)


def _magnitude(values: Tensor) -> Tensor:
    import torch

    from weightedit.core.values.precision import widened

    return widened(values).to(torch.complex128).abs() if values.is_complex() else widened(values).abs()


def _rounded(threshold: float, values: Tensor) -> float:
    """Return the threshold as a number of the dtype, so that 0.1 means the 0.1 that a tensor can hold."""
    import torch

    if values.is_complex() or values.element_size() == 1:
        return threshold
    return float(torch.tensor(threshold, dtype=torch.float64).to(values.dtype))
