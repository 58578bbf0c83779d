"""The operations, by subject; nothing registers itself, this tuple is all there is."""

from weightedit.core.operation import Operation
from weightedit.operations.arithmetic import add, fill, multiply, scale, set_
from weightedit.operations.devices import to_device
from weightedit.operations.enlarge import concat, pad, repeat
from weightedit.operations.expressions import expression
from weightedit.operations.initialize import initialize
from weightedit.operations.limits import clamp, replace_nonfinite, round_, zero_small
from weightedit.operations.low_rank import low_rank
from weightedit.operations.modules import register
from weightedit.operations.normalize import normalize
from weightedit.operations.order import flip, permute_rows, roll
from weightedit.operations.precision import cast
from weightedit.operations.prune import prune
from weightedit.operations.reshape import permute, reshape, slice_, transpose
from weightedit.operations.rows import delete_rows, insert_rows
from weightedit.operations.sharing import retie, tie, untie
from weightedit.operations.structure import add_tensor, delete, duplicate, move, rename, set_value, split
from weightedit.operations.tensor import replace, requires_grad

OPERATIONS: tuple[Operation, ...] = (
    set_, fill, scale, multiply, add, expression,
    clamp, replace_nonfinite, round_, zero_small, normalize, prune, low_rank, initialize,
    flip, roll, permute_rows, insert_rows, delete_rows,
    slice_, transpose, permute, reshape, pad, concat, repeat,
    cast, to_device, replace, requires_grad,
    tie, untie, retie, register,
    rename, duplicate, split, add_tensor, move, delete, set_value,
)  # fmt: skip
