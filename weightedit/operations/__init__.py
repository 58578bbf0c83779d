"""The operations, by subject; nothing registers itself, this tuple is all there is."""

from weightedit.core.operation import Operation
from weightedit.operations.arithmetic import add, fill, scale, set_
from weightedit.operations.precision import cast
from weightedit.operations.reshape import slice_, transpose
from weightedit.operations.structure import rename, replace, requires_grad

OPERATIONS: tuple[Operation, ...] = (
    set_, fill, scale, add, cast, slice_, transpose, replace, requires_grad, rename,
)  # fmt: skip
