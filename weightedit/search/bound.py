"""An expression with everything in it known: shapes and dtypes checked, reductions worked out, ready for pieces."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING, Any

import torch

from weightedit.core.dtypes import torch_dtype
from weightedit.core.region import Box
from weightedit.core.spec import TensorSpec
from weightedit.core.stage import tensor_from
from weightedit.core.values.pinned import PinnedRegion, Readable
from weightedit.core.values.reading import array_index
from weightedit.search.arithmetic import of_number
from weightedit.search.evaluate import Frame, Leaf
from weightedit.search.fitting import check_fits, failure, reduced_dims, shapes_of
from weightedit.search.nodes import Named, Node, Own, Reduce, walk
from weightedit.search.reductions import Pending, Reduced, reduced_dtype, work_out

if TYPE_CHECKING:
    from weightedit.search.expression import Expression

MOST_KEPT = 1 << 20
"""Bytes of another tensor that are kept in memory, where the budget allows; larger ones are read piece by piece."""


@dataclass(slots=True)
class Stored:
    """A tensor as a leaf."""

    readable: Readable
    kept: Any = None
    is_stored: bool = True

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the tensor; a region's dimension of a single index has size 1."""
        return self.readable.spec.shape

    @property
    def dtype(self) -> torch.dtype:
        """As stored."""
        return torch_dtype(self.readable.spec.dtype)

    def part(self, box: Box) -> torch.Tensor:
        """Return an independent copy of the values of a box, as stored."""
        array = self.readable.read(box) if self.kept is None else self.kept[array_index(box)]
        return tensor_from(array, self.readable.spec.dtype)

    def keep(self, nbytes: int) -> None:
        """Keep the values in memory where they are few."""
        if self.readable.spec.nbytes <= min(nbytes, MOST_KEPT):
            self.kept = self.readable.read(Box.whole(self.readable.spec.shape))

    def layout(self) -> TensorSpec:
        """Return the tensor with the strides in which its values lie in storage."""
        source, spec = self.readable, self.readable.spec
        stride = spec.stride
        if isinstance(source, PinnedRegion):
            steps = (axis.step if isinstance(axis, range) else 1 for axis in source.box.axes)
            stride = tuple(one * step for one, step in zip(source.whole.spec.stride, steps, strict=True))
        return replace(spec, stride=stride, offset=0)


@dataclass(frozen=True, slots=True)
class Bound:
    """An expression bound to a region of a tensor.

    Attributes
    ----------
    expression
        What it was.
    dtype
        In which results come.
    """

    expression: Expression
    dtype: torch.dtype
    leaves: Mapping[Node, Leaf]
    source: Stored

    def evaluate(self, values: torch.Tensor, box: Box) -> torch.Tensor:
        """Return the result for one piece, on the piece's device.

        Parameters
        ----------
        values
            The piece of the source as stored, in the box's shape.
        box
            Where it lies within the source.

        Returns
        -------
        torch.Tensor
            In the box's shape: bool of a condition; else int64, float32, float64, complex64 or complex128, to be
            rounded once when stored. The bits of each value depend on no other value of the piece.

        Raises
        ------
        ExpressionError
            If a whole number is divided by 0.
        """
        frame = Frame(self.expression.text, box, self.leaves, values.device, values)
        found = frame.value(self.expression.root)
        result = found if isinstance(found, torch.Tensor) else of_number(found).to(values.device)
        return result.to(self.dtype).expand(box.shape)


def bind(expression: Expression, source: Readable, tensors: Mapping[str, Readable], nbytes: int,
         check: Callable[[], None], gives: torch.dtype | None = None) -> Bound:  # fmt: skip
    """Check an expression against tensors and work its reductions out; see `Expression.bind`.

    `gives` is the dtype it must have, where that matters.
    """
    own = Stored(source)
    stored: dict[Node, Stored] = {Own(0): own}
    for node in walk(expression.root):
        if isinstance(node, Named) and node not in stored:
            if node.name not in tensors:
                raise failure(expression.text, node, f"there is no tensor {node.name!r}")
            stored[node] = Stored(tensors[node.name])
    for leaf_node, leaf in stored.items():
        spec = leaf.readable.spec
        mentioned = next((node for node in walk(expression.root) if node == leaf_node), None)
        if mentioned is not None and (spec.encoding != "plain" or spec.type.family == "opaque"):
            what = spec.dtype if spec.encoding == "plain" else spec.encoding
            name = leaf_node.name if isinstance(leaf_node, Named) else "w"
            raise failure(expression.text, mentioned, f"{name} is {what}, which has no values to compute with")
    shapes = shapes_of(expression.text, expression.root, {node: leaf.shape for node, leaf in stored.items()})
    check_fits(expression.text, expression.root, shapes, own.shape)
    leaves: dict[Node, Leaf] = dict(stored)
    pending = _pending(expression, shapes, leaves)
    dtype = _dtype(expression, expression.root, leaves)
    if gives is not None and dtype != gives:
        raise failure(expression.text, expression.root,
                      f"a condition is wanted, and this is {str(dtype)[6:]}; compare it, as in w != 0")  # fmt: skip
    for node, leaf in stored.items():
        if node != Own(0):
            leaf.keep(nbytes)
    for level in pending:
        _reduce(expression, level, own, leaves, check)
    return Bound(expression, dtype, leaves, own)


def _dtype(expression: Expression, node: Node, leaves: Mapping[Node, Leaf]) -> torch.dtype:
    """Return the dtype a part gives, by working it out over no values at all."""
    found = Frame(expression.text, None, leaves).value(node)
    return found.dtype if isinstance(found, torch.Tensor) else of_number(found).dtype


def _pending(expression: Expression, shapes: Mapping[Node, tuple[int, ...]],
             leaves: dict[Node, Leaf]) -> list[list[Pending]]:  # fmt: skip
    """Return the reductions by level, each level needing only those before; what they will be joins the leaves."""
    levels: dict[Node, int] = {}
    found: list[list[Pending]] = []
    for node in walk(expression.root):
        if not isinstance(node, Reduce) or node in levels:
            continue
        level = 1 + max((levels[part] for part in walk(node.operand) if part in levels), default=-1)
        levels[node] = level
        shape = shapes[node.operand]
        operand = _dtype(expression, node.operand, leaves)
        if operand.is_complex and node.name in ("std", "var", "min", "max", "median", "quantile", "finite_std"):
            name = node.name.removeprefix("finite_")
            raise failure(expression.text, node, f"{name} does not take complex values; give it abs(x)")
        dims = reduced_dims(expression.text, node, shape)
        if node.name in ("min", "max", "quantile") and prod(shape[dim] for dim in dims) == 0:
            raise failure(expression.text, node, f"{node.name} of no values is nothing")
        expected = Reduced(shapes[node], reduced_dtype(node, operand))
        leaves[node] = expected
        found += [[]] if level == len(found) else []
        found[level].append(Pending(node, shape, dims, expected, operand))
    return found


def _reduce(expression: Expression, level: list[Pending], own: Stored, leaves: dict[Node, Leaf],
            check: Callable[[], None]) -> None:  # fmt: skip
    """Work out the reductions of one level, those of one shape together."""
    by_shape: dict[tuple[int, ...], list[Pending]] = {}
    for one in level:
        by_shape.setdefault(one.shape, []).append(one)
    for shape, group in by_shape.items():
        layout = own.layout() if shape == own.shape else TensorSpec.contiguous("float64", shape)

        def frame(box: Box) -> Frame:
            return Frame(expression.text, box, leaves)

        for one, found in zip(group, work_out(group, layout, frame, check), strict=True):
            leaves[one.node] = found
