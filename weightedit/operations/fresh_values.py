"""Fresh values by a method of torch.nn.init, the same for each seed, name and place however a tensor is cut."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from weightedit.core.edits.place import Place
from weightedit.core.operation import Number
from weightedit.core.region import Box, shape_text
from weightedit.core.spec import TensorSpec
from weightedit.core.values import random_values
from weightedit.core.values.random_values import offsets
from weightedit.core.values.reading import blocks
from weightedit.operations.axes import Array, array_of
from weightedit.operations.flat import as_bits
from weightedit.operations.passes import PIECE, wide
from weightedit.operations.refusing import refuse

if TYPE_CHECKING:
    from torch import Tensor

FIXED = ("zeros", "ones", "constant", "eye", "dirac")
"""Methods in which nothing is random."""
BY_FANS = ("xavier_uniform", "xavier_normal", "kaiming_uniform", "kaiming_normal")
MOST_ORTHOGONAL = 1 << 24
"""A larger orthogonal matrix (4,096 × 4,096 has that many elements) is refused: it takes minutes and several GB."""


@dataclass(frozen=True, slots=True)
class Fresh:
    """How fresh values are made: torch.nn.init's method and its arguments, checked against a shape.

    Attributes
    ----------
    method
        One of `Method`.
    value, mean, std, a, b, gain, mode, nonlinearity, groups
        As torch.nn.init calls them; `a` and `b` None for what it takes by default.
    """

    method: str
    value: Number = 0
    mean: float = 0.0
    std: float = 1.0
    a: float | None = None
    b: float | None = None
    gain: float = 1.0
    mode: str = "fan_in"
    nonlinearity: str = "leaky_relu"
    groups: int = 1

    @property
    def limits(self) -> tuple[float, float]:
        """The ends of a uniform or truncated distribution."""
        low, high = (-2.0, 2.0) if self.method == "trunc_normal" else (0.0, 1.0)
        return low if self.a is None else self.a, high if self.b is None else self.b

    def scale(self, shape: tuple[int, ...]) -> float:
        """Return the standard deviation that a method by fans gives a tensor of `shape`.

        References
        ----------
        Glorot, Bengio (2010), https://proceedings.mlr.press/v9/glorot10a.html
        He, Zhang, Ren, Sun (2015), https://arxiv.org/abs/1502.01852
        """
        from torch.nn import init

        inputs, outputs = fans(shape)
        if self.method.startswith("xavier"):
            return self.gain * math.sqrt(2.0 / max(inputs + outputs, 1))
        fan = inputs if self.mode == "fan_in" else outputs
        gain: float = init.calculate_gain(self.nonlinearity, 0.0 if self.a is None else self.a)  # type: ignore[arg-type]
        return gain / math.sqrt(max(fan, 1))


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return fan in and fan out of a weight: its columns and rows, times the cells of a kernel."""
    kernel = math.prod(shape[2:])
    return shape[1] * kernel, shape[0] * kernel


def check(fresh: Fresh, name: str, spec: TensorSpec) -> None:
    """Refuse a method that does not fit a tensor of this shape and dtype."""
    method, dims = fresh.method, len(spec.shape)
    if method not in FIXED and not spec.type.is_floating:
        refuse(f"{method} needs floating point numbers", f"{name} is {spec.dtype}; cast it first.", name=name,
               kind="unsupported")  # fmt: skip
    wanted = {"eye": (2, 2), "dirac": (3, 5), "orthogonal": (2, 99)} | dict.fromkeys(BY_FANS, (2, 99))
    low, high = wanted.get(method, (0, 99))
    if not low <= dims <= high:
        which = {2: "two dimensions", 5: "three to five dimensions"}.get(high, "two dimensions or more")
        refuse(f"{method} needs {which}", f"{name} is {shape_text(spec.shape)}; zeros, constant or normal would do.",
               name=name, kind="unsupported")  # fmt: skip
    if fresh.std < 0 or (method == "trunc_normal" and fresh.std == 0):
        refuse(f"std is {fresh.std}", "It takes a number above 0.")
    if method in ("uniform", "trunc_normal") and not fresh.limits[0] <= fresh.limits[1]:
        refuse(f"{method} goes from {fresh.limits[0]} to {fresh.limits[1]}", "Give a no larger than b.")
    if method == "dirac" and (fresh.groups < 1 or spec.shape[0] % fresh.groups):
        refuse(f"groups is {fresh.groups}", f"It has to divide the {spec.shape[0]} filters of {name}.", name=name)
    if method == "orthogonal" and spec.numel > MOST_ORTHOGONAL:
        refuse(f"{name} is too large for orthogonal",
               f"Its {spec.numel:,} values are more than {MOST_ORTHOGONAL:,}; normal would do.", name=name,
               kind="unsupported")  # fmt: skip


def drawn(fresh: Fresh, shape: tuple[int, ...], box: Box, key: int, matrix: Tensor | None = None) -> Tensor:
    """Return the values of some cells, float64 in the box's shape, or one number where all are the same.

    `shape` is the whole tensor's; `matrix` what `orthogonal_matrix` returned.
    """
    import torch

    from weightedit.core.values.precision import number_like

    method = fresh.method
    if method in ("zeros", "ones", "constant"):
        number = {"zeros": 0, "ones": 1}.get(method, fresh.value)
        return number_like(torch.empty((), device="meta"), number)
    if method in ("eye", "dirac"):
        return torch.from_numpy(_ones_at(fresh, shape, box).astype(np.int64))
    if method == "orthogonal":
        assert matrix is not None
        return matrix.reshape(-1)[torch.from_numpy(offsets(shape, box))]
    words = random_values.words(key, shape, box)
    if method in BY_FANS:
        scale = fresh.scale(shape)
        if method.endswith("normal"):
            return random_values.normal(words) * scale
        bound = math.sqrt(3.0) * scale
        return (random_values.uniform(words) * 2 - 1) * bound
    low, high = fresh.limits
    if method == "uniform":
        return low + random_values.uniform(words) * (high - low)
    if method == "normal":
        return fresh.mean + random_values.normal(words) * fresh.std
    cut = random_values.truncated_normal(words, (low - fresh.mean) / fresh.std, (high - fresh.mean) / fresh.std)
    return (fresh.mean + cut * fresh.std).clamp(low, high)


def _ones_at(fresh: Fresh, shape: tuple[int, ...], box: Box) -> np.ndarray[Any, Any]:
    """Return where eye and dirac have their ones."""
    axes = [array_of(axis).reshape((-1,) + (1,) * (len(shape) - dim - 1)) for dim, axis in enumerate(box.axes)]
    per_group = shape[0] // fresh.groups if fresh.method == "dirac" else max(shape)
    found = axes[0] % max(per_group, 1) == axes[1]
    for axis, size in zip(axes[2:], shape[2:], strict=True):
        found = found & (axis == size // 2)
    return np.broadcast_to(found, box.shape)


def orthogonal_matrix(fresh: Fresh, shape: tuple[int, ...], key: int, dtype: str) -> Tensor:
    """Return a matrix of dimension 0 by all others whose rows, or columns where those are fewer, are orthonormal.

    References
    ----------
    Saxe, McClelland, Ganguli: Exact solutions to the nonlinear dynamics of learning in deep linear neural networks,
    https://arxiv.org/abs/1312.6120
    Mezzadri: How to generate random matrices from the classical compact groups, https://arxiv.org/abs/math-ph/0609050
    """
    import torch

    rows = shape[0]
    columns = math.prod(shape[1:])
    flat = torch.empty(rows, columns, dtype=torch.float64 if dtype == "float64" else torch.float32)
    drawing = TensorSpec.contiguous("float64", (rows, columns))
    for box in blocks(drawing, Box.whole((rows, columns)), PIECE):
        index = tuple(slice(axis[0], axis[-1] + 1) for axis in box.axes)
        flat[index] = random_values.normal(random_values.words(key, (rows, columns), box)).to(flat.dtype)
    tall = flat.T if rows < columns else flat
    found, triangle = torch.linalg.qr(tall)
    found = found * torch.where(triangle.diagonal() < 0, -1, 1)
    matrix: Tensor = (found.T if rows < columns else found).contiguous() * fresh.gain
    return matrix


def rounded_to(values: Tensor, dtype: str) -> tuple[Tensor, Tensor]:
    """Return (exact, stored) of random values, for which it is no loss that a dtype is too coarse for the smallest."""
    import torch

    from weightedit.core.stage import staged

    stored = staged(values, dtype)
    return torch.where(wide(stored) == 0, 0.0, values), stored


def surrounded(current: Tensor | None, old: Sequence[Array], place: Place,
               value: Number | Tensor) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Return a piece whose cells at the `old` positions of every dimension are `current`, bit for bit, else `value`.

    The first of the pair are the exact values, for what storing the new ones loses; the second is what is stored.
    """
    import torch

    from weightedit.core.stage import staged
    from weightedit.core.values.precision import number_like

    shape = place.piece.shape
    if current is not None and all(part.all() for part in old):
        return current, current
    given = value if isinstance(value, torch.Tensor) else number_like(torch.empty(shape, device="meta"), value)
    exact = given.expand(shape).clone()
    stored = staged(exact, place.spec.dtype)
    if current is None or not all(part.any() for part in old):
        return exact, stored
    index = _index(old)
    as_bits(stored).numpy()[index] = as_bits(current.cpu()).numpy().reshape([int(part.sum()) for part in old])
    if exact.dtype == stored.dtype:
        return stored, stored
    if stored.is_floating_point() or stored.is_complex():
        exact = wide(exact).to(torch.complex128) if stored.is_complex() else wide(exact)
    # Whole numbers are only asked whether they fit, and 0 does.
    holds = exact.is_floating_point() or exact.is_complex()
    exact.numpy()[index] = wide(stored).to(exact.dtype).numpy()[index] if holds else 0
    return exact, stored


def _index(old: Sequence[Array]) -> tuple[Any, ...]:
    """Return the index of cells that are old along every dimension: slices where they follow each other."""
    places = [np.flatnonzero(part) for part in old]
    if all(part[-1] - part[0] == len(part) - 1 for part in places):
        return tuple(slice(part[0], part[-1] + 1) for part in places)
    return np.ix_(*places)
