"""The parts an expression is made of; plain data, so that equal parts are worked out once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

Value = bool | int | float | complex
Kind = Literal["condition", "number", "unknown"]
"""What a part gives: True and False, numbers, or either, which only the tensor's dtype tells."""

COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")
LOGICAL = ("and", "or", "&", "|")


@dataclass(frozen=True, slots=True)
class Constant:
    """A number, or True or False; `type` tells 1, 1.0 and True apart, which are equal in Python."""

    value: Value
    column: int = field(compare=False)
    type: str = ""
    spelled: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Own:
    """`w`: the tensor's own values in the region."""

    column: int = field(compare=False)


@dataclass(frozen=True, slots=True)
class Named:
    """Another tensor, by its full name."""

    name: str
    column: int = field(compare=False)


@dataclass(frozen=True, slots=True)
class Unary:
    """`-x`, `+x`, `not x` or `~x`."""

    op: str
    operand: Node
    column: int = field(compare=False)


@dataclass(frozen=True, slots=True)
class Binary:
    """Arithmetic, a comparison, or two conditions joined."""

    op: str
    left: Node
    right: Node
    column: int = field(compare=False)


@dataclass(frozen=True, slots=True)
class Call:
    """A function of each value."""

    name: str
    arguments: tuple[Node, ...]
    column: int = field(compare=False)


@dataclass(frozen=True, slots=True)
class Reduce:
    """A function of many values: of all, or along dimensions, which stay with size 1; `quantile` keeps its q."""

    name: str
    operand: Node
    dims: tuple[int, ...]
    column: int = field(compare=False)
    quantile: float = 0.5


@dataclass(frozen=True, slots=True)
class Extent:
    """`index(dim)`, the positions along a dimension of the region, or `size(dim)`."""

    name: Literal["index", "size"]
    dim: int
    column: int = field(compare=False)


Node = Constant | Own | Named | Unary | Binary | Call | Reduce | Extent


def children(node: Node) -> tuple[Node, ...]:
    """Return the parts a part is made of."""
    if isinstance(node, Unary | Reduce):
        return (node.operand,)
    if isinstance(node, Binary):
        return (node.left, node.right)
    return node.arguments if isinstance(node, Call) else ()


def walk(node: Node) -> Iterator[Node]:
    """Yield every part, each after those it is made of, from left to right."""
    for child in children(node):
        yield from walk(child)
    yield node


def kind_of(node: Node) -> Kind:
    """Return what a part gives, as far as the text alone tells."""
    from weightedit.search.functions import function

    if isinstance(node, Constant):
        return "condition" if isinstance(node.value, bool) else "number"
    if isinstance(node, Own | Named):
        return "unknown"
    if isinstance(node, Unary):
        return "condition" if node.op in ("not", "~") else "number"
    if isinstance(node, Binary):
        return "condition" if node.op in COMPARISONS or node.op in LOGICAL else "number"
    if isinstance(node, Extent):
        return "number"
    if isinstance(node, Reduce):
        if node.name in ("min", "max"):
            return kind_of(node.operand)
        return "condition" if function(node.name).gives == "condition" else "number"
    if node.name == "where":
        kinds = {kind_of(branch) for branch in node.arguments[1:]}
        return "condition" if kinds == {"condition"} else "number" if "number" in kinds else "unknown"
    return "condition" if function(node.name).gives == "condition" else "number"


def makes_fractions(node: Node) -> bool:
    """Whether a part, on its own, makes fractions of whole numbers."""
    from weightedit.search.functions import function

    if isinstance(node, Constant):
        return node.type == "float"
    if isinstance(node, Binary):
        return node.op == "/" or (node.op == "**" and isinstance(node.right, Unary))
    return isinstance(node, Call | Reduce) and function(node.name).whole == "float64"
