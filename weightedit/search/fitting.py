"""Whether the shapes in an expression fit together, known before anything is read."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

from weightedit.core.errors import ExpressionError
from weightedit.core.region import shape_text
from weightedit.search.nodes import Constant, Extent, Named, Node, Own, Reduce, children, walk
from weightedit.search.tokens import shortened, shown_column

Shape = tuple[int, ...]


def failure(text: str, node: Node, what: str) -> ExpressionError:
    """Return the error that an expression does not fit, with its place."""
    column = shown_column(text, node.column)
    return ExpressionError(f"{shortened(text)} cannot be worked out at column {column}: {what}.",
                           text=text, column=node.column)  # fmt: skip


def broadcast(*shapes: Shape) -> Shape | None:
    """Return the shape that shapes broadcast to, as torch does it, or None."""
    rank = max((len(shape) for shape in shapes), default=0)
    result = []
    for place in range(-rank, 0):
        sizes = {shape[place] for shape in shapes if len(shape) >= -place} - {1}
        if len(sizes) > 1:
            return None
        result.append(sizes.pop() if sizes else 1)
    return tuple(result)


def shapes_of(text: str, root: Node, leaves: Mapping[Node, Shape]) -> dict[Node, Shape]:
    """Return the shape of every part.

    Raises
    ------
    ExpressionError
        If shapes do not broadcast, a dimension does not exist, or a part has more values than what it is made from.
    """
    found: dict[Node, Shape] = {}
    region = leaves[Own(0)]
    for node in walk(root):
        if isinstance(node, Constant):
            found[node] = ()
        elif isinstance(node, Own | Named):
            found[node] = leaves[node]
        elif isinstance(node, Extent):
            found[node] = _extent(text, node, region)
        elif isinstance(node, Reduce):
            operand = found[node.operand]
            dims = reduced_dims(text, node, operand)
            kept = tuple(1 if dim in dims else size for dim, size in enumerate(operand))
            found[node] = kept if node.dims else ()
        else:
            found[node] = _joined(text, node, [found[child] for child in children(node)], region, leaves)
    return found


def _joined(text: str, node: Node, shapes: list[Shape], region: Shape, leaves: Mapping[Node, Shape]) -> Shape:
    joined = broadcast(*shapes)
    if joined is None:
        listed = " and ".join(shape_text(shape) for shape in dict.fromkeys(shapes) if shape)
        raise failure(text, node, f"{listed} do not broadcast")
    largest = max(prod(shape) for shape in (region, *(leaves[part] for part in walk(node) if part in leaves)))
    if prod(joined) > largest:
        raise failure(text, node, f"this makes {shape_text(joined)}, more values than the region has")
    return joined


def _extent(text: str, node: Extent, region: Shape) -> Shape:
    _check_dim(text, node, node.dim, region)
    dim = node.dim % len(region)
    return tuple(size if at == dim else 1 for at, size in enumerate(region)) if node.name == "index" else ()


def reduced_dims(text: str, node: Reduce, shape: Shape) -> tuple[int, ...]:
    """Return the dimensions that a reduction of values of a shape reduces, none of them negative."""
    for dim in node.dims:
        _check_dim(text, node, dim, shape)
    found = tuple(dim % len(shape) for dim in node.dims) if node.dims else tuple(range(len(shape)))
    if len(set(found)) != len(found):
        raise failure(text, node, f"{node.name} names a dimension twice")
    return found


def _check_dim(text: str, node: Node, dim: int, shape: Shape) -> None:
    if not -len(shape) <= dim < len(shape):
        valid = f"valid: {-len(shape)} to {len(shape) - 1}" if shape else "it has none"
        raise failure(text, node, f"there is no dimension {dim} in {shape_text(shape)}; {valid}")


def check_fits(text: str, root: Node, shapes: Mapping[Node, Shape], region: Shape) -> None:
    """Refuse a result that does not broadcast to the region."""
    if broadcast(shapes[root], region) != region:
        raise failure(text, root, f"the result is {shape_text(shapes[root])}, which does not broadcast to the region, "
                      f"{shape_text(region)}")  # fmt: skip
