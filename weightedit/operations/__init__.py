"""The operations, by subject; nothing registers itself, this tuple is all there is."""

from weightedit.core.operation import Operation
from weightedit.operations.arithmetic import add, fill, multiply, scale, set_
from weightedit.operations.limits import clamp, replace_nonfinite, round_, zero_small
from weightedit.operations.precision import cast
from weightedit.operations.reshape import slice_, transpose
from weightedit.operations.structure import add_tensor, delete, duplicate, move, rename, set_value, split
from weightedit.operations.tensor import replace, requires_grad

OPERATIONS: tuple[Operation, ...] = (
    set_, fill, scale, multiply, add,
    clamp, replace_nonfinite, round_, zero_small,
    cast, slice_, transpose, replace, requires_grad,
    rename, duplicate, split, add_tensor, move, delete, set_value,
)  # fmt: skip
