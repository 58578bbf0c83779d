"""An expression as the PyTorch code that means the same."""

from __future__ import annotations

import math
from collections.abc import Mapping

from weightedit.search.functions import function
from weightedit.search.nodes import (
    Binary,
    Call,
    Constant,
    Extent,
    Named,
    Node,
    Own,
    Reduce,
    Unary,
    Value,
    kind_of,
    walk,
)
from weightedit.search.parser import constant_of

_TIGHTNESS = {
    "|": 5, "&": 6, "<": 4, "<=": 4, ">": 4, ">=": 4, "==": 4, "!=": 4, "+": 8, "-": 8, "*": 9, "/": 9, "//": 9,
    "%": 9, "**": 11,
}  # fmt: skip
_SIGN, _WHOLE = 10, 12
_JOIN = {"and": "&", "or": "|"}


def printed(root: Node, current: str, names: Mapping[str, str]) -> str:
    """Return code: `current` is what `w` is there, `names` what each tensor name is."""
    return _Printer(current, names).text(root)[0]


class _Printer:
    """Returns (code, how tightly its outermost operator binds)."""

    def __init__(self, current: str, names: Mapping[str, str]) -> None:
        self.current = current
        self.names = names

    def text(self, node: Node) -> tuple[str, int]:
        if isinstance(node, Constant):
            return _number(node.value, node.spelled), _WHOLE
        if isinstance(node, Own):
            return self.current, _WHOLE if _is_one_word(self.current) else 0
        if isinstance(node, Named):
            code = self.names.get(node.name, repr(node.name))
            return code, _WHOLE if _is_one_word(code) else 0
        if isinstance(node, Unary):
            op = "~" if node.op == "not" else node.op
            if op == "~" and is_number(node.operand):  # to Python, ~True is -2
                return f"(not {self.text(node.operand)[0]})", _WHOLE
            operand = self.counted(node.operand) if op == "-" else None
            return f"{op}{operand or self.inside(node.operand, _SIGN)}", _SIGN
        if isinstance(node, Binary):
            folded = constant_of("", node)
            if isinstance(folded, float) and not math.isfinite(folded):  # where Python raises, or gives complex
                return _number(folded, ""), _WHOLE
            op = _JOIN.get(node.op, node.op)
            tight = _TIGHTNESS[op]
            left = self.inside(node.left, tight + (op == "**" or tight == 4))
            right = self.inside(node.right, _SIGN if op == "**" else tight + 1)
            if tight > _TIGHTNESS["&"]:  # bool tensors are not added or subtracted
                left, right = self.counted(node.left) or left, self.counted(node.right) or right
            return f"{left} {op} {right}", tight
        if isinstance(node, Extent):
            return self.extent(node), _WHOLE
        return (self.reduce(node) if isinstance(node, Reduce) else self.call(node)), _WHOLE

    def inside(self, node: Node, tightness: int) -> str:
        code, own = self.text(node)
        return code if own >= tightness else f"({code})"

    def counted(self, node: Node) -> str:
        """Return a condition as the numbers 0 and 1; an empty text where a part is none."""
        found = kind_of(node) == "condition" and not is_number(node)
        return f"{self.inside(node, _WHOLE)}.long()" if found else ""

    def call(self, node: Call) -> str:
        codes = [self.text(argument)[0] for argument in node.arguments]
        if node.name != "where" and function(node.name).gives == "number":
            codes = [self.counted(one) or code for one, code in zip(node.arguments, codes, strict=True)]
        first = node.arguments[0]
        if function(node.name).whole == "float64" and not is_number(first) and not _is_fractional(first):
            codes[0] = f"{self.inside(first, _WHOLE)}.double()"  # some functions take no whole numbers
        if all(map(is_number, node.arguments[: 1 if node.name in ("where", "clamp") else None])):
            dtype = ", dtype=torch.float64" if function(node.name).whole == "float64" else ""
            codes[0] = f"torch.tensor({codes[0]}{dtype})"  # torch's functions take no plain numbers
        if node.name == "clamp":
            bounds = node.arguments[1:]
            if all(is_number(bound) for bound in bounds):
                return f"torch.clamp({', '.join(codes)})"
            return f"torch.clamp(torch.clamp({codes[0]}, min={codes[1]}), max={codes[2]})"
        if node.name in ("minimum", "maximum"):
            first, second = node.arguments
            if is_number(first) or is_number(second):
                values, bound = codes if is_number(second) else codes[::-1]
                return f"torch.clamp({values}, {'max' if node.name == 'minimum' else 'min'}={bound})"
            return f"torch.{node.name}({', '.join(codes)})"
        return function(node.name).code.format(*codes)

    def reduce(self, node: Reduce) -> str:
        code = self.text(node.operand)[0]
        if function(node.name).whole == "float64" and not _is_fractional(node.operand):
            code = f"{self.inside(node.operand, _WHOLE)}.double()"  # torch has no mean of whole numbers
        if node.name == "quantile":
            return f"torch.quantile({code}, {node.quantile!r})"
        if node.name.startswith("finite_"):
            values = self.inside(node.operand, _WHOLE)
            return f"torch.{node.name.removeprefix('finite_')}({values}[torch.isfinite({code})])"
        if node.name == "count" and kind_of(node.operand) != "condition":
            code = f"{self.inside(node.operand, 5)} != 0"
        name = {"min": "amin", "max": "amax", "count": "sum", "norm": "linalg.vector_norm"}.get(node.name, node.name)
        if not node.dims:
            return f"torch.{name}({code})"
        if node.name == "prod":
            for dim in node.dims:
                code = f"torch.prod({code}, {dim}, keepdim=True)"
            return code
        dims = str(node.dims[0]) if len(node.dims) == 1 else str(node.dims)
        which = f"dim={dims}" if node.name == "norm" else dims
        return f"torch.{name}({code}, {which}, keepdim=True)"

    def extent(self, node: Extent) -> str:
        current = self.current if _is_one_word(self.current) else f"({self.current})"
        size = f"{current}.size({node.dim})"
        if node.name == "size":
            return size
        dim = str(node.dim) if node.dim >= 0 else f"{current}.dim() - {-node.dim}"
        return f"torch.arange({size}).view([-1 if dim == {dim} else 1 for dim in range({current}.dim())])"


def is_number(node: Node) -> bool:
    """Whether a part is one plain number, True or False in Python, not a tensor."""
    if isinstance(node, Unary):
        return is_number(node.operand)
    if isinstance(node, Binary):
        return is_number(node.left) and is_number(node.right)
    return isinstance(node, Constant) or (isinstance(node, Extent) and node.name == "size")


def _is_fractional(node: Node) -> bool:
    """Whether a part may hold fractions, as far as the text tells: not where it is counted or a condition."""
    if kind_of(node) == "condition":
        return False
    return any(isinstance(part, Own | Named) or (isinstance(part, Constant) and part.type == "float")
               for part in walk(node))  # fmt: skip


def _is_one_word(code: str) -> bool:
    """Whether code binds as one value: a name, with whatever is called or indexed on it."""
    depth = 0
    for char in code:
        depth += (char in "([{") - (char in ")]}")
        if depth == 0 and char in "+-*/%<>=&|~ ":
            return False
    return True


def _number(value: Value, spelled: str) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    if spelled in ("pi", "e"):
        return f"torch.{spelled}"
    return spelled if spelled.lower().startswith("0x") else repr(value)
