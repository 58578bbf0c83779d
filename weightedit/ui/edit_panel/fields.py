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


EXAMPLES = {
    ("reshape", "shape"): "64, -1",
    ("add_tensor", "shape"): "64, 128",
    ("flip", "dims"): "0, 1",
    ("roll", "dims"): "0, 1",
    ("roll", "shifts"): "1, -1",
    ("permute", "dims"): "1, 0",
    ("permute_rows", "order"): "2, 0, 1",
    ("delete_rows", "rows"): "0, 5",
    ("pad", "pad"): "1, 1",
    ("repeat", "repeats"): "2, 1",
    ("split", "split_size_or_sections"): "64, 64, 64",
    ("split", "names"): "q, k, v, or full names",
}
"""What an empty field shows, by operation and parameter."""


def field_for(parameter: Parameter, names: list[str], operation: str = "") -> Field:
    """Make the field of an operation's parameter; `names` are the tensors it may name."""
    if parameter.type in ("dtype", "device", "boolean", "choice"):
        return ChoiceField(parameter)
    if parameter.type in ("tensor", "operand"):
        return TensorField(parameter, names)
    if parameter.type == "tensors":
        return TensorsField(parameter, names)
    if parameter.type == "expression":
        return ExpressionField(parameter, names)
    return TextField(parameter, EXAMPLES.get((operation, parameter.name), ""))
