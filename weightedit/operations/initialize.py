"""Giving a tensor, or a part of it, fresh values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from weightedit.core.operation import Number, operation
from weightedit.core.place import Place, Survey
from weightedit.operations.refusing import real

if TYPE_CHECKING:
    from torch import Tensor

    from weightedit.operations.fresh_values import Fresh

Method = Literal["zeros", "ones", "constant", "uniform", "normal", "trunc_normal", "xavier_uniform", "xavier_normal",
                 "kaiming_uniform", "kaiming_normal", "orthogonal", "eye", "dirac"]  # fmt: skip
Mode = Literal["fan_in", "fan_out"]
Nonlinearity = Literal["linear", "conv1d", "conv2d", "conv3d", "sigmoid", "tanh", "relu", "leaky_relu", "selu"]
ARGUMENTS = {
    "constant": ("value",), "normal": ("mean", "std"), "uniform": ("a", "b"), "trunc_normal": ("mean", "std", "a", "b"),
    "xavier_uniform": ("gain",), "xavier_normal": ("gain",), "orthogonal": ("gain",), "dirac": ("groups",),
    "kaiming_uniform": ("a", "mode", "nonlinearity"), "kaiming_normal": ("a", "mode", "nonlinearity"),
}  # fmt: skip
"""What each of torch.nn.init's functions takes."""


def _fresh(**given: Any) -> Fresh:
    from weightedit.operations.fresh_values import Fresh

    numbers = {name: real(f"{name} of initialize", given[name]) for name in ("mean", "std", "a", "b", "gain")}
    return Fresh(**(given | numbers))


def _prepare(survey: Survey, **given: Any) -> tuple[Fresh, Tensor | None]:
    from weightedit.core.random_values import key_of
    from weightedit.operations.fresh_values import check, orthogonal_matrix

    fresh = _fresh(**given)
    check(fresh, survey.name, survey.spec)
    matrix = None
    if fresh.method == "orthogonal":
        survey.check()
        key = key_of(survey.seed, survey.name)
        matrix = orthogonal_matrix(fresh, survey.spec.shape, key, survey.spec.dtype)
    return fresh, matrix


def code_of(given: Mapping[str, Any], like: str) -> str:
    """Return the call of torch.nn.init that does the same to a fresh tensor; random values come from torch's seed."""
    names = ARGUMENTS.get(given["method"], ())
    positional = "value" if names == ("value",) else ""
    arguments = [_code_value(given["value"])] if positional else [
        f"{name}={_code_value(given[name])}" for name in names if name in given and given[name] is not None]
    return f"torch.nn.init.{given['method']}_({', '.join([like, *arguments])})"


def _code_value(value: Any) -> str:
    return f'float("{value}")' if isinstance(value, float) and not math.isfinite(value) else repr(value)


@operation("write", title="Initialize", group="Initialize", locality="whole", random=True, prepare=_prepare,
           label="{method}", uses={"method": ARGUMENTS},
           code=lambda spec, given: code_of(given, "torch.empty_like({tensor})") + "{region}")  # fmt: skip
def initialize(current: Tensor, method: Method = "kaiming_uniform", value: Number = 0, mean: Number = 0,
               std: Number = 1, a: Number | None = None, b: Number | None = None, gain: Number = 1,
               mode: Mode = "fan_in", nonlinearity: Nonlinearity = "leaky_relu", groups: int = 1, *,
               place: Place) -> Tensor | tuple[Tensor, Tensor]:  # fmt: skip
    """Give the region fresh values, as torch.nn.init makes them.

    A region gets what the whole tensor would get there, with the fans of the whole: the same seed and name give the
    same values. The values are not those that torch's own generator draws, but their distribution is.

    Parameters
    ----------
    method
        How values are made, by torch.nn.init's names.
    value
        The value of `constant`.
    mean
        The mean of `normal` and `trunc_normal`.
    std
        The standard deviation of `normal` and `trunc_normal`.
    a
        The lower end of `uniform` (0 where left out) and `trunc_normal` (-2), the negative slope of `kaiming` (0).
    b
        The upper end of `uniform` (1 where left out) and `trunc_normal` (2).
    gain
        The factor of `xavier` and `orthogonal`.
    mode
        Whether `kaiming` keeps the variance of what goes in or of what comes back.
    nonlinearity
        What follows the layer, for the gain of `kaiming`.
    groups
        The groups of a grouped convolution, for `dirac`.

    References
    ----------
    torch.nn.init, https://docs.pytorch.org/docs/stable/nn.init.html
    Glorot, Bengio (2010), xavier, https://proceedings.mlr.press/v9/glorot10a.html
    He, Zhang, Ren, Sun (2015), kaiming, https://arxiv.org/abs/1502.01852
    Saxe, McClelland, Ganguli (2013), orthogonal, https://arxiv.org/abs/1312.6120
    """
    from weightedit.core.random_values import key_of
    from weightedit.operations.fresh_values import FIXED, drawn, rounded_to

    fresh, matrix = place.context
    values = drawn(fresh, place.spec.shape, place.piece, key_of(place.seed, place.name), matrix)
    return values if fresh.method in FIXED else rounded_to(values, place.spec.dtype)
