"""Operations that compute each value from the value before, or put another there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from weightedit.core.operation import Number, Operand, Values, operation
from weightedit.core.spec import TensorSpec
from weightedit.operations import coding

if TYPE_CHECKING:
    from torch import Tensor


@operation("write", title="Set values", converts=True, label="{values}", code="{values}")
def set_(current: Tensor, values: Values) -> Values:
    """Write given values into the region.

    Parameters
    ----------
    values
        A number, a nested list, an array or a tensor of the region's shape.

    References
    ----------
    torch.Tensor.copy_, https://docs.pytorch.org/docs/stable/generated/torch.Tensor.copy_.html
    """
    return values


@operation("write", title="Fill", converts=True, label="{value}",
           code=lambda spec, given: f"torch.full_like({{current}}, {coding.stored(spec, given['value'])})")
def fill(current: Tensor, value: Number) -> Tensor:
    """Write one value into every cell of the region.

    Parameters
    ----------
    value
        The number every cell gets.

    References
    ----------
    torch.full_like, https://docs.pytorch.org/docs/stable/generated/torch.full_like.html
    """
    from weightedit.core.values.precision import number_like

    return number_like(current, value)


def _scale_fits(low: int, high: int, factor: int) -> tuple[int, int]:
    if factor == 0:
        return low, high
    first, last = (low, high) if factor > 0 else (-high, -low)
    return -(-first // abs(factor)), last // abs(factor)


def _arithmetic(spec: TensorSpec, sign: str, name: str, given: Mapping[str, Any]) -> str:
    """Return the code of arithmetic with a number or a tensor, in the dtype the editor computes in."""
    other = given[name]
    if not isinstance(other, int | float | complex):
        return f"{{current}}{coding.together(spec, other)} {sign} {{{name}}}"
    return f"{{current}}{coding.widened(spec, other)} {sign} {coding.operand(spec, other)}"


@operation("write", title="Scale", scales=True, fits=_scale_fits, label="× {factor}",
           code=lambda spec, given: _arithmetic(spec, "*", "factor", given))
def scale(current: Tensor, factor: Number) -> Tensor:
    """Multiply every value of the region by a factor.

    Parameters
    ----------
    factor
        The number every value is multiplied by.

    References
    ----------
    torch.mul, https://docs.pytorch.org/docs/stable/generated/torch.mul.html
    """
    from weightedit.core.values.precision import operand, widened

    wide = widened(current, factor)
    return wide * operand(wide, factor)


@operation("write", title="Multiply", scales=True, fits=lambda low, high, other: _scale_fits(low, high, other),
           label="× {other}", code=lambda spec, given: _arithmetic(spec, "*", "other", given))  # fmt: skip
def multiply(current: Tensor, other: Operand) -> Tensor | tuple[Tensor, Tensor]:
    """Multiply every value of the region by a number, or by a tensor that broadcasts to it.

    Parameters
    ----------
    other
        A number, or a tensor of the region's shape or one that torch repeats to it.

    References
    ----------
    torch.mul, https://docs.pytorch.org/docs/stable/generated/torch.mul.html
    Broadcasting, https://docs.pytorch.org/docs/stable/notes/broadcasting.html
    """
    import torch

    from weightedit.core.values.precision import operand, together, unless_wrapped, widened

    if isinstance(other, torch.Tensor):
        first, second = together(current, other)
        if first.dtype != torch.int64:
            return first * second
        return unless_wrapped(first * second, current.to(torch.float64) * other.to(torch.float64), current.dtype)
    wide = widened(current, other)
    return wide * operand(wide, other)


def _add_fits(low: int, high: int, value: int) -> tuple[int, int]:
    return low - value, high - value


@operation("write", title="Add", fits=_add_fits, label="+ {value}",
           code=lambda spec, given: _arithmetic(spec, "+", "value", given))
def add(current: Tensor, value: Operand) -> Tensor | tuple[Tensor, Tensor]:
    """Add a number, or a tensor that broadcasts to the region, to every value of the region.

    Parameters
    ----------
    value
        The number that is added, or a tensor of the region's shape or one that torch repeats to it.

    References
    ----------
    torch.add, https://docs.pytorch.org/docs/stable/generated/torch.add.html
    Broadcasting, https://docs.pytorch.org/docs/stable/notes/broadcasting.html
    """
    import torch

    from weightedit.core.values.precision import operand, together, unless_wrapped, widened

    if isinstance(value, torch.Tensor):
        first, second = together(current, value)
        if first.dtype != torch.int64:
            return first + second
        return unless_wrapped(first + second, current.to(torch.float64) + value.to(torch.float64), current.dtype)
    wide = widened(current, value)
    return wide + operand(wide, value)
