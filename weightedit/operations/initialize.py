"""Giving a tensor, or a part of it, fresh values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace as replaced
from typing import TYPE_CHECKING, Any, Literal

from weightedit.core.edits.place import Place, Survey
from weightedit.core.operation import Number, operation
from weightedit.core.spec import TensorSpec
from weightedit.operations import coding
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
USES = {method: names if method in ("constant", "dirac") else (*names, "seed") for method, names in ARGUMENTS.items()}
"""The same with the seed, where something is random."""


def _fresh(**given: Any) -> Fresh:
    from weightedit.operations.fresh_values import Fresh

    numbers = {name: real(f"{name} of initialize", given[name]) for name in ("mean", "std", "a", "b", "gain")}
    return Fresh(**(given | numbers))


def _prepare(survey: Survey, **given: Any) -> tuple[Fresh, Tensor | None]:
    from weightedit.core.values.random_values import key_of
    from weightedit.operations.fresh_values import check, orthogonal_matrix

    fresh = _fresh(**given)
    check(fresh, survey.name, survey.spec)
    matrix = None
    if fresh.method == "orthogonal":
        survey.check()
        key = key_of(survey.seed, survey.name)
        matrix = orthogonal_matrix(fresh, survey.spec.shape, key, survey.spec.dtype)
    return fresh, matrix


def code_of(spec: TensorSpec, given: Mapping[str, Any], like: str) -> str:
    """Return the call of torch.nn.init that does the same to a fresh tensor; random values come from torch's seed.

    Parameters
    ----------
    like
        The call that makes the fresh tensor, without its last bracket: `torch.empty_like(w`.
    """
    method, names = given["method"], ARGUMENTS.get(given["method"], ())
    if names == ("value",):
        return f"torch.nn.init.constant_({like}), {coding.stored(spec, given['value'])})"
    arguments = {name: given[name] for name in names if name in given and given[name] is not None}
    if method not in ("zeros", "ones", "eye", "dirac"):
        numbers = [abs(one) for one in arguments.values() if isinstance(one, int | float)]
        if any(one > coding.largest(replaced(spec, dtype="float32")) for one in numbers):
            like += ", dtype=torch.float64"
        elif coding.is_whole(spec) or spec.type.itemsize == 1 or (method == "orthogonal" and spec.type.itemsize == 2):
            like += ", dtype=torch.float32"  # in which torch draws; it is rounded when it is stored
        elif any(one > coding.largest(spec) for one in numbers):
            like += ", dtype=torch.float32"
    texts = [f"{name}={coding.number(value)}" for name, value in arguments.items()]
    return f"torch.nn.init.{method}_({', '.join([f'{like})', *texts])})"


@operation("write", title="Initialize", group="Initialize", locality="whole", random=True, prepare=_prepare,
           label="{method}", uses={"method": USES},
           code=lambda spec, given: code_of(spec, given, "torch.empty_like({tensor}") + "{region}")  # fmt: skip
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
    from weightedit.core.values.random_values import key_of
    from weightedit.operations.fresh_values import FIXED, drawn, rounded_to

    fresh, matrix = place.context
    values = drawn(fresh, place.spec.shape, place.piece, key_of(place.seed, place.name), matrix)
    return values if fresh.method in FIXED else rounded_to(values, place.spec.dtype)
