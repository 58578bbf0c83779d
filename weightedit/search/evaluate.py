"""Working an expression out over one part of its values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import torch

from weightedit.core.region import Box
from weightedit.search.arithmetic import (
    MeaningError,
    Values,
    as_kind,
    binary,
    call,
    computing,
    fits,
    negated,
    rounded_bound,
)
from weightedit.search.fitting import failure
from weightedit.search.nodes import COMPARISONS, Binary, Call, Constant, Extent, Named, Node, Own, Reduce, Unary


class Leaf(Protocol):
    """A tensor an expression mentions, or the result of a reduction."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape, which broadcasts to that of the values it is used with."""
        ...

    @property
    def dtype(self) -> torch.dtype:
        """The dtype its values have as they are stored, or were computed."""
        ...

    @property
    def is_stored(self) -> bool:
        """Whether the values are those of a tensor, not computed."""
        ...

    def part(self, box: Box) -> torch.Tensor:
        """Return the values of a box."""
        ...


@dataclass(slots=True)
class Frame:
    """One part of the values: a box in a space of some shape, and the leaves cut to it.

    Attributes
    ----------
    text
        Of the expression, for errors.
    box
        Within the space; None stands for values without elements, to learn dtypes before anything is read.
    leaves
        What each leaf of the expression is.
    device
        Where to compute.
    given
        The tensor's own values in the box, so that they are not read.
    """

    text: str
    box: Box | None
    leaves: Mapping[Node, Leaf]
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    given: torch.Tensor | None = None
    parts: dict[Node, torch.Tensor] = field(default_factory=dict)

    def value(self, node: Node) -> Values:
        """Return what a part of the expression gives here; tensors broadcast to the box's shape.

        Raises
        ------
        ExpressionError
            If dtypes do not go together, or a whole number is divided by 0.
        """
        try:
            return self._value(node)
        except MeaningError as error:
            raise failure(self.text, node, str(error)) from None

    def _value(self, node: Node) -> Values:
        if isinstance(node, Constant):
            return node.value
        if isinstance(node, Own | Named | Reduce):
            return self._leaf(node)
        if isinstance(node, Extent):
            return self._extent(node)
        if isinstance(node, Unary):
            return negated(node.op, self.value(node.operand))
        if isinstance(node, Call):
            return call(node.name, [self.value(argument) for argument in node.arguments], self.device)
        left, right = self.value(node.left), self.value(node.right)
        if node.op in COMPARISONS:
            left, right = self._compared(node, left, right)
        return binary(node.op, left, right)

    def _compared(self, node: Binary, left: Values, right: Values) -> tuple[Values, Values]:
        """Take a number that a tensor is compared with as the tensor's dtype holds it, or both as float64."""
        for one, other, side in ((left, right, node.left), (right, left, node.right)):
            if isinstance(one, torch.Tensor) and isinstance(other, float) and one.is_floating_point():
                bound = rounded_bound(other, self._kept(side) or one.dtype)
                values = one if fits(bound, one.dtype) else as_kind(one, torch.float64)
                return (values, bound) if one is left else (bound, values)
        return left, right

    def _kept(self, node: Node) -> torch.dtype | None:
        """Return the dtype a part's values are stored in, where it changes none but in sign."""
        if isinstance(node, Own | Named):
            return self.leaves[node].dtype
        if isinstance(node, Unary) and node.op in ("-", "+"):
            return self._kept(node.operand)
        if isinstance(node, Call) and node.name == "abs":
            found = self._kept(node.arguments[0])
            return found if found is not None and found.is_floating_point else None
        return self._kept(node.operand) if isinstance(node, Reduce) and node.name in ("min", "max") else None

    def _leaf(self, node: Node) -> torch.Tensor:
        if node not in self.parts:
            leaf = self.leaves[node]
            if self.box is None:
                values = torch.empty(0, dtype=leaf.dtype)
            elif self.given is not None and isinstance(node, Own):
                values = self.given
            else:
                axes = self.box.axes[len(self.box.axes) - len(leaf.shape) :]
                own = Box(tuple(range(1) if size == 1 else axis for axis, size in zip(axes, leaf.shape, strict=True)))
                values = leaf.part(own)
            self.parts[node] = computing(values).to(self.device)
        return self.parts[node]

    def _extent(self, node: Extent) -> Values:
        shape = self.leaves[Own(0)].shape
        dim = node.dim % len(shape)
        if node.name == "size":
            return shape[dim]
        if self.box is None:
            return torch.empty(0, dtype=torch.int64)
        after = len(shape) - 1 - dim
        axis = self.box.axes[len(self.box.axes) - 1 - after]
        positions = torch.tensor(list(axis), dtype=torch.int64, device=self.device)
        return positions.reshape((1,) * dim + (-1,) + (1,) * after)
