"""Writing what a formula gives: each value from the value before, its place, the whole tensor, and other tensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from weightedit.core.errors import ExpressionError
from weightedit.core.operation import ExpressionText, operation
from weightedit.core.pinned import PinnedRegion
from weightedit.core.place import Place, Survey
from weightedit.core.region import Box
from weightedit.core.spec import TensorSpec
from weightedit.operations.refusing import refuse
from weightedit.search.expression import Expression, parse

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
    if spec.type.is_floating:
        return ".float()" if spec.type.itemsize < 4 else ""
    if spec.type.family == "complex":
        return ".to(torch.complex64)" if spec.type.itemsize < 8 else ""
    if spec.type.is_integer and fractional:
        return ".double()"
    return ".long()" if spec.type.is_integer and spec.dtype != "int64" else ""


def _code(spec: TensorSpec, given: Mapping[str, Any]) -> str:
    """Return the formula in PyTorch, in the dtype the editor computes in; `{at[0]}` is the first tensor it names."""
    expression = _parsed(given["formula"])
    names = {name: f"{{at[{place}]}}" for place, name in enumerate(expression.names)}
    code = expression.to_pytorch(f"{{kept}}{_widened(spec, expression.is_fractional)}", names)
    return code if expression.is_tensor else f"torch.full_like({{kept}}, {code})"


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
    """
    bound: Bound = place.context[place.box]
    return bound.evaluate(current, place.piece.positions_in(place.box))
