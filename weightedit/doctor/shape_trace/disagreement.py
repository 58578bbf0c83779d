"""What in the operands of an operation disagrees: which sizes, dtypes or devices, worked out from the shapes alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import zip_longest

from weightedit.core.dtypes import DTYPES
from weightedit.doctor.shape_trace.trace import Operand, Seen


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Two operands that do not go together.

    Attributes
    ----------
    kind
        `features`, `channels`, `dims`, `dtype`, `device`, `broadcast`, `index-dtype`, `index`, `sizes` or `groups`.
    got
        The operand that came in.
    weight
        What it meets: a weight of the module, or another operand.
    got_dim, weight_dim
        The dimensions whose sizes disagree; -1 where it is not about one.
    got_size, weight_size
        The two sizes; for `channels` the second one counts all groups.
    """

    kind: str
    got: Operand
    weight: Operand
    got_dim: int = -1
    weight_dim: int = -1
    got_size: int = -1
    weight_size: int = -1


def disagreement(operation: str, operands: tuple[Operand, ...]) -> Disagreement | None:
    """Return what disagrees in the operands of a torch function, or None where that cannot be told.

    Parameters
    ----------
    operation
        `torch.nn.functional.linear`, `torch.Tensor.matmul` and their like; only the last part matters.
    operands
        As the run saw them.
    """
    name = operation.rpartition(".")[2].strip("_")
    tensors = [one for one in operands if one.seen.shape is not None]
    if not tensors:
        return None
    by_name = {one.seen.place: one for one in tensors}
    look = _LOOKS.get(name)
    found = look(tensors, by_name, operands) if look is not None else None
    return found or _mixed(tensors, name)


_Look = Callable[[list[Operand], dict[str, Operand], tuple[Operand, ...]], Disagreement | None]


def _size(operand: Operand, dim: int) -> int:
    shape = _shape(operand)
    return shape[dim] if -len(shape) <= dim < len(shape) else -1


def _shape(operand: Operand) -> tuple[int, ...]:
    return operand.seen.shape or ()


def _met(kind: str, got: Operand, weight: Operand, dims: tuple[int, int], times: int = 1) -> Disagreement | None:
    """Return the disagreement of two sizes, or None where they agree."""
    first, second = _size(got, dims[0]), _size(weight, dims[1]) * times
    if first < 0 or second < 0 or first == second:
        return None
    got_dim, weight_dim = dims[0] % len(_shape(got)), dims[1] % len(_shape(weight))
    return Disagreement(kind, got, weight, got_dim, weight_dim, first, second)


def _linear(tensors: list[Operand], by_name: dict[str, Operand], _: tuple[Operand, ...]) -> Disagreement | None:
    got, weight = by_name.get("input"), by_name.get("weight")
    return _met("features", got, weight, (-1, -1)) if got and weight else None


def _convolution(tensors: list[Operand], by_name: dict[str, Operand],
                 operands: tuple[Operand, ...]) -> Disagreement | None:  # fmt: skip
    got, weight = by_name.get("input"), by_name.get("weight")
    if not got or not weight:
        return None
    dims, kernel = len(_shape(got)), len(_shape(weight))
    if dims not in (kernel, kernel - 1):
        return Disagreement("dims", got, weight, got_size=dims, weight_size=kernel)
    groups = next((int(one.seen.says) for one in operands if one.seen.place in ("6", "groups")
                   and one.seen.says.isdigit()), 1)  # fmt: skip
    return _met("channels", got, weight, (dims - kernel + 1, 1), groups)


def _transposed(tensors: list[Operand], by_name: dict[str, Operand], _: tuple[Operand, ...]) -> Disagreement | None:
    got, weight = by_name.get("input"), by_name.get("weight")
    return _met("channels", got, weight, (len(_shape(got)) - len(_shape(weight)) + 1, 0)) if got and weight else None


def _embedding(tensors: list[Operand], by_name: dict[str, Operand], _: tuple[Operand, ...]) -> Disagreement | None:
    got, weight = by_name.get("input"), by_name.get("weight")
    if not got or not weight:
        return None
    if got.seen.dtype not in ("int64", "int32"):
        return Disagreement("index-dtype", got, weight)
    rows, highest = _size(weight, 0), _extremes(got.seen)
    if highest is not None and not (highest[0] >= 0 and highest[1] < rows):
        wrong = highest[1] if highest[1] >= rows else highest[0]
        return Disagreement("index", got, weight, -1, 0, wrong, rows)
    return None


def _extremes(seen: Seen) -> tuple[int, int] | None:
    low, dots, high = seen.says.partition("..")
    return (int(low), int(high)) if dots and low.lstrip("-").isdigit() and high.lstrip("-").isdigit() else None


def _norm(tensors: list[Operand], by_name: dict[str, Operand], operands: tuple[Operand, ...]) -> Disagreement | None:
    """Layer and RMS norm: the last dimensions of the input are the weight's."""
    got, weight = by_name.get("input"), by_name.get("weight")
    if not got or not weight:
        return None
    for dim in range(-1, -len(_shape(weight)) - 1, -1):
        if found := _met("features", got, weight, (dim, dim)):
            return found
    return None


def _by_channel(tensors: list[Operand], by_name: dict[str, Operand],
                _: tuple[Operand, ...]) -> Disagreement | None:  # fmt: skip
    """Batch and group norm: dimension 1 of the input has a number each in weight and statistics."""
    got = by_name.get("input")
    for name in ("weight", "running_mean", "running_var", "bias"):
        weight = by_name.get(name)
        if got and weight and (found := _met("channels", got, weight, (1, 0))):
            return found
    return None


def _product(tensors: list[Operand], by_name: dict[str, Operand], _: tuple[Operand, ...]) -> Disagreement | None:
    """Return which inner sizes of the last two tensors disagree; the first of three is added."""
    if len(tensors) < 2:
        return None
    left, right = tensors[-2:]
    if not _shape(left) or not _shape(right):
        return Disagreement("dims", left, right, got_size=len(_shape(left)), weight_size=len(_shape(right)))
    return _met("features", left, right, (-1, -2 if len(_shape(right)) > 1 else -1))


def _bilinear(tensors: list[Operand], by_name: dict[str, Operand], _: tuple[Operand, ...]) -> Disagreement | None:
    weight = by_name.get("weight")
    for dim, name in ((1, "input1"), (2, "input2")):
        got = by_name.get(name)
        if got and weight and (found := _met("features", got, weight, (-1, dim))):
            return found
    return None


def _attention(tensors: list[Operand], by_name: dict[str, Operand], _: tuple[Operand, ...]) -> Disagreement | None:
    """`multi_head_attention_forward(query, key, value, embed_dim, num_heads, in_proj_weight, ...)`."""
    weight = next((one for one in tensors if one.tensor.endswith("in_proj_weight")), None)
    for got in tensors[:3]:
        if weight and (found := _met("features", got, weight, (-1, -1))):
            return found
    return None


def _broadcast(tensors: list[Operand], by_name: dict[str, Operand], _: tuple[Operand, ...]) -> Disagreement | None:
    if len(tensors) < 2:
        return None
    left, right = tensors[:2]
    if left.tensor and not right.tensor:
        left, right = right, left
    pairs = zip_longest(reversed(_shape(left)), reversed(_shape(right)), fillvalue=1)
    for back, (first, second) in enumerate(pairs, 1):
        if first != second and 1 not in (first, second):
            return _met("broadcast", left, right, (-back, -back))
    return None


def _joined(tensors: list[Operand], by_name: dict[str, Operand], operands: tuple[Operand, ...]) -> Disagreement | None:
    """`cat` and `stack`: every dimension but the joined one is the same."""
    along = next((int(one.seen.says) for one in operands if one.seen.place in ("1", "dim", "axis")
                  and one.seen.says.lstrip("-").isdigit()), 0)  # fmt: skip
    first = tensors[0]
    for other in tensors[1:]:
        if len(_shape(other)) != len(_shape(first)):
            return Disagreement("dims", other, first, got_size=len(_shape(other)), weight_size=len(_shape(first)))
        for dim in range(len(_shape(first))):
            if dim != along % len(_shape(first)) and (found := _met("sizes", other, first, (dim, dim))):
                return found
    return None


def _mixed(tensors: list[Operand], name: str) -> Disagreement | None:
    """Return operands on two devices, or of two dtypes where torch takes one."""
    first = tensors[0]
    weights = [one for one in tensors[1:] if one.tensor] or tensors[1:]
    for other in weights:
        if other.seen.device != first.seen.device and other.seen.shape and first.seen.shape:
            return Disagreement("device", first, other)
    if name not in _ONE_DTYPE:
        return None
    for other in weights:
        if other.seen.dtype != first.seen.dtype:
            return Disagreement("dtype", first, other)
    known = DTYPES.get(first.seen.dtype)
    if weights and known is not None and known.family not in ("float", "complex"):
        return Disagreement("dtype", first, weights[0])
    return None


_PRODUCTS = ("matmul", "mm", "bmm", "addmm", "baddbmm", "mv", "dot", "addmv", "rmatmul", "scaled_dot_product_attention")
_ONE_DTYPE = (*_PRODUCTS, "linear", "bilinear", *(f"conv{dims}d" for dims in (1, 2, 3)),
              *(f"conv_transpose{dims}d" for dims in (1, 2, 3)), "layer_norm", "rms_norm", "group_norm", "batch_norm",
              "prelu", "lstm", "gru", "rnn_tanh", "rnn_relu", "einsum", "multi_head_attention_forward")  # fmt: skip
_LOOKS: dict[str, _Look] = {
    "linear": _linear, "embedding": _embedding, "embedding_bag": _embedding, "layer_norm": _norm, "rms_norm": _norm,
    "batch_norm": _by_channel, "group_norm": _by_channel, "instance_norm": _by_channel, "bilinear": _bilinear,
    "multi_head_attention_forward": _attention, "cat": _joined, "concat": _joined, "stack": _joined, "hstack": _joined,
    **{f"conv{dims}d": _convolution for dims in (1, 2, 3)},
    **{f"conv_transpose{dims}d": _transposed for dims in (1, 2, 3)},
    **dict.fromkeys(_PRODUCTS[:-1], _product),
    **dict.fromkeys(("add", "sub", "mul", "div", "radd", "rsub", "rmul", "truediv", "rtruediv", "iadd", "isub", "imul",
                     "itruediv", "floordiv", "pow", "eq", "ne", "lt", "le", "gt", "ge", "where", "maximum", "minimum",
                     "masked_fill", "mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"), _broadcast),
}  # fmt: skip
