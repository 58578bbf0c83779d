"""Which kind of field each type of parameter has."""

from __future__ import annotations

from weightedit.core.operation import Parameter
from weightedit.ui.edit_panel.choice_field import ChoiceField
from weightedit.ui.edit_panel.expression_field import ExpressionField
from weightedit.ui.edit_panel.field import Field
from weightedit.ui.edit_panel.tensor_field import TensorField, TensorsField
from weightedit.ui.edit_panel.text_field import TextField

NAMED = ("tensor", "tensors", "operand", "expression")
"""Types whose fields complete the names of tensors."""


def field_for(parameter: Parameter, names: list[str]) -> Field:
    """Make the field of a parameter; `names` are the tensors it may name."""
    if parameter.type in ("dtype", "boolean", "choice"):
        return ChoiceField(parameter)
    if parameter.type in ("tensor", "operand"):
        return TensorField(parameter, names)
    if parameter.type == "tensors":
        return TensorsField(parameter, names)
    if parameter.type == "expression":
        return ExpressionField(parameter, names)
    return TextField(parameter)
