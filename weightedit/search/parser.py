"""Reading an expression: a small grammar of our own, with nothing in it that runs code."""

from __future__ import annotations

import difflib
from typing import Literal, NoReturn

from weightedit.search.constants import ConstantError, combine
from weightedit.search.functions import CONSTANTS, FUNCTIONS, Function
from weightedit.search.nodes import (
    COMPARISONS,
    LOGICAL,
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
    children,
    kind_of,
    walk,
)
from weightedit.search.tokens import Token, fail, tokenize

MOST_LEVELS = 64
MOST_PARTS = 256
MOST_REDUCTIONS = 16
_BINDING = {
    "or": 1, "and": 2, **dict.fromkeys(COMPARISONS, 4), "|": 5, "&": 6, "+": 8, "-": 8, "*": 9, "/": 9, "//": 9, "%": 9,
    "**": 11,
}  # fmt: skip
"""How tightly operators bind: as in Python."""
_NOT, _SIGN = 3, 10
_COMPARE = 4


def parse_nodes(text: str) -> Node:
    """Return the parts of an expression.

    Raises
    ------
    ExpressionError
        If it does not read, mixes conditions and numbers, or is larger than allowed.
    """
    parser = _Parser(text)
    if not text.strip():
        parser.fail(len(text), "it is empty; write for example w * 0.5")
    root = parser.expression(0)
    if parser.at != len(parser.tokens) - 1:
        parser.unexpected()
    _check_size(text, root)
    for node in walk(root):
        _check(text, node)
    return root


def _check_size(text: str, root: Node) -> None:
    """Refuse what is too large, level by level, before anything descends into it."""
    level: list[Node] = [root]
    parts = depth = 0
    reductions: dict[Reduce, None] = {}
    while level:
        parts, depth = parts + len(level), depth + 1
        if depth > MOST_LEVELS:
            fail(text, level[0].column, f"it has more than {MOST_LEVELS} levels; write it in several steps")
        if parts > MOST_PARTS:
            fail(text, level[0].column, f"it has more than {MOST_PARTS} parts; write it in several steps")
        level = [child for node in level for child in children(node)]
    for node in walk(root):
        if isinstance(node, Reduce):
            reductions[node] = None
        if len(reductions) > MOST_REDUCTIONS:
            fail(text, node.column, f"it has more than {MOST_REDUCTIONS} functions of many values, such as mean")


def _check(text: str, node: Node) -> None:
    """Refuse conditions where numbers belong and the other way round, and numbers that cannot be put together."""
    if isinstance(node, Unary) and node.op in ("not", "~"):
        _need_condition(text, node.operand, node.op, node.column)
    if isinstance(node, Binary):
        if node.op in LOGICAL:
            for side in (node.left, node.right):
                _need_condition(text, side, node.op, node.column)
        constant_of(text, node)
    if isinstance(node, Call) and node.name == "where" and kind_of(node.arguments[0]) == "number":
        fail(text, node.arguments[0].column, "where takes a condition first, such as w > 0")


TIGHT = "joins conditions and binds tighter than < and ==; put each comparison in parentheses, as in (w > 1) & (w < 2)"


def _need_condition(text: str, node: Node, op: str, column: int) -> None:
    if kind_of(node) != "number":
        return
    if op in ("&", "|"):
        fail(text, column, f"{op} {TIGHT}")
    if op == "~":
        fail(text, column, "~ turns a condition round, and this is a number; put the comparison in parentheses")
    fail(text, node.column, f"{op} takes conditions, and this is a number; compare it, as in w != 0")


def constant_of(text: str, node: Node) -> Value | None:
    """Return the number that a part made of numbers alone comes to, or None."""
    if isinstance(node, Constant):
        return node.value
    if isinstance(node, Unary):
        value = constant_of(text, node.operand)
        if value is None or node.op in ("not", "~"):
            return None if value is None else not value
        return value if node.op == "+" else -value
    if not isinstance(node, Binary):
        return None
    left, right = constant_of(text, node.left), constant_of(text, node.right)
    if left is None or right is None:
        return None
    try:
        return combine(node.op, left, right)
    except ConstantError as error:
        fail(text, node.column, str(error))


class _Parser:
    """Reads from left to right, by how tightly operators bind; every error says its column."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = tokenize(text)
        self.at = 0
        self.depth = 0

    @property
    def token(self) -> Token:
        return self.tokens[self.at]

    def fail(self, column: int, what: str) -> NoReturn:
        fail(self.text, column, what)

    def next(self) -> Token:
        token = self.token
        self.at += token.kind != "end"
        return token

    def take(self, sign: str) -> bool:
        """Step over a sign if it comes next."""
        found = self.token.kind == "sign" and self.token.text == sign
        self.at += found
        return found

    def unexpected(self) -> NoReturn:
        token = self.token
        if token.text in ("and", "or"):
            self.fail(token.column, f"a condition is missing before {token.text}")
        if token.kind == "end":
            self.fail(token.column, "something is missing at the end")
        if token.text == ")":
            self.fail(token.column, "this parenthesis was never opened")
        if token.text == ",":
            self.fail(token.column, "a comma stands only between the arguments of a function; dimensions are listed "
                      "without parentheses, as in mean(w, 0, 1)")  # fmt: skip
        if token.kind == "sign":
            self.fail(token.column, f"a value is missing before {token.text}")
        after = self.tokens[self.at - 1].kind if self.at else "end"
        if after == "end":
            self.fail(token.column, f"{token.text!r} does not belong here")
        self.fail(token.column, f"an operator is missing before {token.text!r}; write * to multiply")

    def expression(self, tightness: int) -> Node:
        """Read one expression whose operators bind at least so tightly."""
        self.depth += 1
        if self.depth > MOST_LEVELS:
            self.fail(self.token.column, f"it has more than {MOST_LEVELS} levels; write it in several steps")
        left = self.prefix()
        compared = False
        while (binding := self.binding()) >= max(tightness, 1):
            token = self.next()
            if binding == _COMPARE:
                if compared:
                    joined = left.right if isinstance(left, Binary) else left
                    if isinstance(joined, Binary) and joined.op in ("&", "|"):
                        self.fail(joined.column, f"{joined.op} {TIGHT}")
                    self.fail(token.column, "comparisons are not chained; write (0 < w) and (w < 1)")
                compared = True
            right = self.expression(_SIGN if token.text == "**" else binding + 1)
            left = Binary(token.text, left, right, token.column)
        self.depth -= 1
        return left

    def binding(self) -> int:
        """Return how tightly the next word binds as an operator; 0 where it is none."""
        return _BINDING.get(self.token.text, 0) if self.token.kind in ("sign", "word") else 0

    def prefix(self) -> Node:
        """Read a value with the signs before it."""
        token = self.next()
        if token.kind == "word" and token.text == "not":
            return Unary("not", self.expression(_NOT), token.column)
        if token.kind == "sign" and token.text in "-+~":
            return Unary(token.text, self.expression(_SIGN), token.column)
        if token.kind == "number":
            return _constant(token.value, token.column, token.text)
        if token.kind == "name":
            return Named(token.text, token.column)
        if token.kind == "word" and token.text not in ("and", "or"):
            return self.word(token)
        if token.kind == "sign" and token.text == "(":
            inner = self.expression(0)
            self.close(token)
            return inner
        self.at -= token.kind != "end"
        return self.unexpected()

    def close(self, opened: Token) -> None:
        """Step over the closing parenthesis."""
        if self.take(")"):
            return
        if self.token.kind == "end":
            self.fail(opened.column, "this parenthesis is not closed")
        self.unexpected()

    def word(self, token: Token) -> Node:
        """Read what starts with a word: `w`, a constant, or a function."""
        called = self.token.kind == "sign" and self.token.text == "("
        if token.text in FUNCTIONS:
            if not called:
                self.fail(token.column, f"{token.text} is a function; write {FUNCTIONS[token.text].signature}")
            return self.call(token, FUNCTIONS[token.text])
        if token.text == "w" and not called:
            return Own(token.column)
        if token.text in CONSTANTS and not called:
            return _constant(CONSTANTS[token.text], token.column, token.text)
        if token.text.lower() in ("true", "false") and not called:
            return _constant(token.text.lower() == "true", token.column, token.text.lower())
        if token.text in ("lambda", "if", "else", "for", "in", "is", "import"):
            self.fail(token.column, f"{token.text!r} has no place here; write where(condition, a, b) to choose")
        near = difflib.get_close_matches(token.text, [*FUNCTIONS, *CONSTANTS], 1, 0.6)
        hint = f"did you mean {near[0]}?" if near else "the tensor itself is w, and other tensors stand in quotes"
        return self.fail(token.column, f"there is no {'function ' if called else ''}{token.text!r}; {hint}")

    def call(self, token: Token, function: Function) -> Node:
        """Read the arguments of a function."""
        opened = self.next()
        arguments: list[Node] = []
        columns: list[int] = []
        while not self.take(")"):
            if arguments and not self.take(","):
                self.close(opened)
                break
            columns.append(self.token.column)
            if self.token.kind == "end" or (self.token.kind == "sign" and self.token.text == ")"):
                self.fail(self.token.column, f"an argument of {function.name} is missing; write {function.signature}")
            arguments.append(self.expression(0))
        least, most = _counts(function)
        if not least <= len(arguments) <= most:
            at = columns[most] if len(arguments) > most else token.column
            self.fail(at, f"{function.name} takes {_count_text(least, most)}, {function.signature}; "
                      f"it was given {len(arguments)}")  # fmt: skip
        return self.built(token, function, arguments)

    def built(self, token: Token, function: Function, arguments: list[Node]) -> Node:
        name, column = function.name, token.column
        if name in ("index", "size"):
            which: Literal["index", "size"] = "index" if name == "index" else "size"
            return Extent(which, self.dimension(function, arguments[0]), column)
        if function.arity == "reduction":
            dims = tuple(self.dimension(function, one) for one in arguments[1:])
            return Reduce(name, self.varying(function, arguments[0]), dims, column)
        if function.arity == "share":
            share = constant_of(self.text, arguments[1])
            if not isinstance(share, int | float) or not 0 <= share <= 1:
                self.fail(arguments[1].column, "quantile takes a number from 0 to 1 as its second argument")
            return Reduce(name, self.varying(function, arguments[0]), (), column, float(share))
        if name == "outliers":
            values = self.varying(function, arguments[0])
            away = Binary("-", values, Reduce("finite_mean", values, (), column), column)
            limit = Binary("*", arguments[1], Reduce("finite_std", values, (), column), column)
            return Binary(">", Call("abs", (away,), column), limit, column)
        return Call(name, tuple(arguments), column)

    def varying(self, function: Function, node: Node) -> Node:
        """Return an argument that has values to reduce."""
        if not any(isinstance(part, Own | Named) or getattr(part, "name", "") == "index" for part in walk(node)):
            self.fail(node.column, f"{function.name} takes the values of a tensor, such as w, and this is one number")
        return node

    def dimension(self, function: Function, node: Node) -> int:
        value = constant_of(self.text, node)
        if type(value) is not int or abs(value) > 64:
            other = {"min": "minimum", "max": "maximum"}.get(function.name)
            hint = f"; {other}(a, b) compares two values" if other else ""
            self.fail(node.column, f"{function.name} takes whole numbers as dimensions, such as 0 or -1{hint}")
        return value


def _constant(value: Value, column: int, spelled: str) -> Constant:
    return Constant(value, column, type(value).__name__, spelled)


def _counts(function: Function) -> tuple[int, int]:
    if function.arity == "reduction":
        return 1, 1 if function.name == "median" else 65
    if function.arity == "share":
        return 2, 2
    return function.least, function.most


def _count_text(least: int, most: int) -> str:
    if most > 64:
        return "values and dimensions"
    return f"{least} argument{'s' * (least != 1)}"
