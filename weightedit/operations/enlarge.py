"""Operations that make a tensor larger: edges around it, others behind it, itself again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from weightedit.core.dtypes import torch_dtype
from weightedit.core.edits.place import Place
from weightedit.core.operation import Ints, Number, TensorSources, operation
from weightedit.core.region import Box, shape_text
from weightedit.core.spec import TensorSpec
from weightedit.core.values.pinned import PinnedTensor
from weightedit.operations import coding
from weightedit.operations.refusing import dimension, few_dimensions, refuse

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from weightedit.operations.axes import Array

Mode = Literal["constant", "reflect", "replicate", "circular"]


def _edges(dims: int, pad: Ints) -> list[tuple[int, int]]:
    """Return (before, after) of each dimension; torch counts pairs from the last dimension on."""
    pairs = list(zip(pad[::2], pad[1::2], strict=True))
    return [(0, 0)] * (dims - len(pairs)) + pairs[::-1]


def _pad_result(spec: TensorSpec, box: Box, pad: Ints, mode: str, value: Number) -> TensorSpec:
    if len(pad) % 2 or len(pad) > 2 * len(spec.shape):
        refuse(f"pad has {len(pad)} numbers",
               f"It takes two for each of the last dimensions, at most {2 * len(spec.shape)}.")  # fmt: skip
    sizes = []
    for dim, (size, (before, after)) in enumerate(zip(spec.shape, _edges(len(spec.shape), pad), strict=True)):
        sizes.append(size + before + after)
        most = {"constant": None, "reflect": size - 1, "circular": size}.get(mode, None if size else 0)
        if sizes[-1] < 0 or (most is not None and max(before, after) > max(most, 0)):
            detail = f"{mode} adds at most {max(most, 0)} there." if most is not None and sizes[-1] >= 0 else \
                "No fewer than 0 indices can stay."  # fmt: skip
            refuse(f"Dimension {dim} of size {size} cannot be padded by {before} and {after}", detail)
    return spec.fresh(shape=tuple(sizes))


def _origins(mode: str, at: Array, size: int) -> Array:
    """Return which old index each padded position shows; positions past the ends only where the mode fills them."""
    import numpy as np

    if mode == "reflect" and size > 1:
        folded = np.abs(at) % (2 * (size - 1))
        at = np.minimum(folded, 2 * (size - 1) - folded)
    if mode == "replicate":
        return np.clip(at, 0, size - 1)
    return at % size if mode == "circular" else at


def _pad_inputs(box: Box, result: Box, pad: Ints, mode: str, value: Number) -> Box | None:
    from weightedit.operations.axes import array_of, compact

    axes = []
    for old, new, (before, _) in zip(box.axes, result.axes, _edges(len(box.axes), pad), strict=True):
        at = _origins(mode, array_of(new) - before, len(old))
        axes.append(compact(at[(at >= 0) & (at < len(old))]))
    return Box(tuple(axes)) if all(axes) else None


def _pad_code(spec: TensorSpec, given: Mapping[str, Any]) -> str:
    pad, mode = given["pad"], given["mode"]
    if mode == "constant":
        return f"torch.nn.functional.pad({{current}}, {{pad}}, value={coding.stored(spec, given['value'])})"
    if len(pad) == 2 * len(spec.shape) <= 6 and spec.dtype in ("float32", "float64") and min(pad) >= 0:
        return f"torch.nn.functional.pad({{current}}[None, None], {{pad}}, mode={mode!r})[0, 0]"
    code = "{current}"  # where torch has no such pad, or takes away before it looks what is at the other end
    for dim, (size, (before, after)) in enumerate(zip(spec.shape, _edges(len(spec.shape), pad), strict=True)):
        at = f"torch.arange({-before}, {size + after})"
        if mode == "reflect":
            at = f"{size - 1} - ({at} % {max(1, 2 * (size - 1))} - {size - 1}).abs()"
        else:
            at += f".clamp(0, {size - 1})" if mode == "replicate" else f" % {max(1, size)}"
        code += f".index_select({dim}, {at})" if before or after else ""
    return code


@operation("rebind", title="Pad", group="Shape", locality="whole", result=_pad_result, inputs=_pad_inputs,
           moves={"mode": "constant", "value": 0}, label="{pad} {mode}", code=_pad_code,
           uses={"mode": {"constant": ["value"]}})  # fmt: skip
def pad(current: Tensor | None, pad: Ints, mode: Mode = "constant", value: Number = 0, *,
        place: Place) -> Tensor | tuple[Tensor, Tensor]:  # fmt: skip
    """Add indices before and after those of a dimension, or take some away with negative numbers.

    Parameters
    ----------
    pad
        How many come before and after: two numbers for the last dimension, then two for the one before it, and so on.
    mode
        What the new cells hold: `constant` one value, `reflect` the values mirrored at the edge, `replicate` the value
        at the edge, `circular` the values from the other end.
    value
        What new cells hold in the mode `constant`.

    References
    ----------
    torch.nn.functional.pad, https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.pad.html
    """
    if mode != "constant":
        assert current is not None
        return current
    from weightedit.operations.axes import array_of
    from weightedit.operations.fresh_values import surrounded

    size = place.source.spec.shape
    old = []
    for axis, length, (before, _) in zip(place.piece.axes, size, _edges(len(size), pad), strict=True):
        at = array_of(axis) - before
        old.append((at >= 0) & (at < length))
    return surrounded(current, old, place, value)


def _concat_result(spec: TensorSpec, box: Box, tensors: Sequence[TensorSpec], dim: int) -> TensorSpec:
    import torch

    at = dimension("", spec.shape, dim)
    found = torch_dtype(spec.dtype)
    for other in tensors:
        rest = [shape[:at] + shape[at + 1 :] for shape in (spec.shape, other.shape)]
        if len(spec.shape) != len(other.shape) or rest[0] != rest[1]:
            refuse(f"{shape_text(other.shape)} cannot come behind {shape_text(spec.shape)}",
                   f"All sizes but that of dimension {dim} have to be the same.", kind="shape-mismatch")  # fmt: skip
        try:
            found = torch.promote_types(found, torch_dtype(other.dtype))
        except (RuntimeError, TypeError):
            refuse(f"{spec.dtype} and {other.dtype} have no common dtype", "Cast one of them first.",
                   kind="unsupported")  # fmt: skip
    size = spec.shape[at] + sum(other.shape[at] for other in tensors)
    return spec.fresh(dtype=str(found).removeprefix("torch."), shape=(*spec.shape[:at], size, *spec.shape[at + 1 :]))


def _nothing(box: Box, result: Box, **_: object) -> None:
    """Say that the old values are read where they are computed."""


@operation("rebind", title="Concatenate", group="Shape", locality="several", converts=True, result=_concat_result,
           inputs=_nothing, moves=True, label="{tensors} along {dim}",
           code="torch.cat([{current}, *{tensors}], {dim})")  # fmt: skip
def concat(current: Tensor, tensors: TensorSources, dim: int = 0, *, place: Place) -> Tensor:
    """Put other tensors behind this one along a dimension.

    The result has the dtype that holds all of them, as torch.cat chooses it.

    Parameters
    ----------
    tensors
        What comes behind, in that order; every other dimension has the same size.
    dim
        The dimension along which they follow each other; negative ones count from the end.

    References
    ----------
    torch.cat, https://docs.pytorch.org/docs/stable/generated/torch.cat.html
    """
    import numpy as np
    import torch

    from weightedit.operations.axes import array_of, compact
    from weightedit.operations.flat import as_bits

    at = dim % len(place.spec.shape)
    parts: list[torch.Tensor] = []
    start = 0
    sources: list[PinnedTensor] = [place.source, *tensors]
    wanted = array_of(place.piece.axes[at])
    where = np.full(len(wanted), -1)
    for source in sources:
        size = source.spec.shape[at]
        here = (wanted >= start) & (wanted < start + size)
        if here.any():
            where[here] = sum(part.shape[at] for part in parts) + np.arange(int(here.sum()))
            axes = (*place.piece.axes[:at], compact(wanted[here] - start), *place.piece.axes[at + 1 :])
            parts.append(place.read(source, Box(axes)))
        start += size
    if len({part.dtype for part in parts}) > 1:
        common = torch_dtype(place.spec.dtype)
        parts = [part.to(common) for part in parts]
    joined = torch.cat([as_bits(part) for part in parts], at).view(parts[0].dtype) if len(parts) > 1 else parts[0]
    ordered = bool((np.diff(where) >= 0).all())
    return joined if ordered else as_bits(joined).index_select(at, torch.from_numpy(where)).view(joined.dtype)


def _repeat_result(spec: TensorSpec, box: Box, repeats: Ints) -> TensorSpec:
    if len(repeats) < len(spec.shape) or any(times < 0 for times in repeats):
        refuse(f"repeats is {list(repeats)}",
               f"It takes a number of 0 or more for each of the {len(spec.shape)} dimensions, new ones in front.")
    shape = (1,) * (len(few_dimensions(repeats)) - len(spec.shape)) + spec.shape
    return spec.fresh(shape=tuple(times * size for times, size in zip(repeats, shape, strict=True)))


def _repeat_inputs(box: Box, result: Box, repeats: Ints) -> Box:
    from weightedit.operations.axes import array_of, compact

    axes = result.axes[len(result.axes) - len(box.axes) :]
    return Box(tuple(compact(array_of(new) % max(1, len(old))) for new, old in zip(axes, box.axes, strict=True)))


@operation("rebind", title="Repeat", group="Shape", locality="whole", converts=True, result=_repeat_result,
           inputs=_repeat_inputs, moves=True, label="× {repeats}", code="{current}.repeat({repeats})")  # fmt: skip
def repeat(current: Tensor, repeats: Ints, *, place: Place) -> Tensor:
    """Put copies of the tensor behind each other.

    Parameters
    ----------
    repeats
        How often along each dimension; more numbers than dimensions make new dimensions in front.

    References
    ----------
    torch.Tensor.repeat, https://docs.pytorch.org/docs/stable/generated/torch.Tensor.repeat.html
    """
    from weightedit.operations.flat import as_bits

    new = place.piece.shape[: len(place.piece.axes) - current.dim()]
    return as_bits(current).expand(*new, *current.shape).reshape(place.piece.shape).view(current.dtype)
