"""Writing what a formula gives: each value from the value before, its place, the whole tensor, and other tensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from weightedit.core.edits.place import Place, Survey
from weightedit.core.errors import ExpressionError
from weightedit.core.operation import ExpressionText, operation
from weightedit.core.region import Box
from weightedit.core.spec import TensorSpec
from weightedit.core.values.pinned import PinnedRegion
from weightedit.operations import coding
from weightedit.operations.refusing import refuse
from weightedit.search.expression import Expression, parse
from weightedit.search.nodes import Binary, Call, Node, Own, Unary, walk

if TYPE_CHECKING:
    from torch import Tensor

    from weightedit.search.bound import Bound


def _parsed(formula: str, name: str = "") -> Expression:
    try:
        return parse(formula)
    except ExpressionError as error:
        refuse("The formula does not read", str(error), name=name)


def _prepare(survey: Survey, formula: str) -> dict[Box, Bound]:
    """Bind the formula to each box, before any value changes."""
    expression = _parsed(formula, survey.name)
    if len(survey.boxes) > 1 and expression.looks_around:
        refuse(f"The formula is about one region, and there are {len(survey.boxes)}",
               "Functions of many values, index and size need one rectangle; select one, or give a condition.",
               name=survey.name)  # fmt: skip
    tensors = {name: survey.find(name) for name in expression.names}
    try:
        return {
            box: expression.bind(PinnedRegion(survey.source, box), tensors, nbytes=survey.nbytes, check=survey.check)
            for box in survey.boxes
        }
    except ExpressionError as error:
        refuse(f"The formula does not fit {survey.name}", str(error), name=survey.name)


def _mentions(formula: str) -> tuple[str, ...]:
    return _parsed(formula).names


def _widened(spec: TensorSpec, fractional: bool) -> str:
    """Return what makes PyTorch compute in the dtype the editor computes in."""
    if coding.is_whole(spec):
        return ".double()" if fractional else ".long()" if spec.dtype != "int64" else ""
    return coding.widened(spec)


def _is_logical(expression: Expression) -> bool:
    """Whether a formula takes the tensor itself as a condition, which only a tensor of bools is."""
    for node in walk(expression.root):
        parts: tuple[Node, ...] = ()
        if isinstance(node, Unary) and node.op == "not":
            parts = (node.operand,)
        elif isinstance(node, Binary) and node.op in ("and", "or"):
            parts = (node.left, node.right)
        elif isinstance(node, Call) and node.name == "where":
            parts = node.arguments[:1]
        if any(isinstance(part, Own) for part in parts):
            return True
    return False


def _code(spec: TensorSpec, given: Mapping[str, Any]) -> str:
    """Return the formula in PyTorch, in the dtype the editor computes in; `{at[0]}` is the first tensor it names."""
    expression = _parsed(given["formula"])
    names = {name: f"{{at[{place}]}}" for place, name in enumerate(expression.names)}
    wide = "" if spec.dtype == "bool" and _is_logical(expression) else _widened(spec, expression.is_fractional)
    code = expression.to_pytorch(f"{{kept}}{wide}", names)
    if expression.is_tensor:
        return code
    if spec.dtype not in ("float32", "float64"):  # of which torch fills with no number that does not fit
        kind = ", dtype=torch.float64" if expression.is_fractional else ""
        code = f"torch.tensor({code}{kind}).to(torch.{spec.dtype}).item()"
    return f"torch.full_like({{kept}}, {code})"


@operation("write", title="Expression", locality="several", prepare=_prepare, label="{formula}", code=_code,
           mentions=_mentions)
def expression(current: Tensor, formula: ExpressionText, place: Place) -> Tensor:
    """Write what a formula gives for each cell of the region.

    The language is that of docs/expressions.md: arithmetic, comparisons, functions of each value such as `sqrt`, and
    of many such as `mean(w, 0)`. Halves compute in float32 and whole numbers with fractions in float64; the result is
    rounded once, when it is stored. All values are those before the edit.

    Parameters
    ----------
    formula
        What every cell becomes: `w` is its value, other tensors stand in quotes, such as `w - mean(w, 0) * 'scale'`.

    References
    ----------
    Each function is the one of that name in torch, https://docs.pytorch.org/docs/stable/torch.html
    Broadcasting, https://docs.pytorch.org/docs/stable/notes/broadcasting.html
    """
    bound: Bound = place.context[place.box]
    return bound.evaluate(current, place.piece.positions_in(place.box))
