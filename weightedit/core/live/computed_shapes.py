"""What shape a weight comes to have that a module computes of other tensors, and where these no longer fit together."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from weightedit.core.live.sizes import Shape
from weightedit.core.region import shape_text

After = Mapping[tuple[int, Any], Shape]
"""Shapes that tensors come to have, by id of their module and key in it."""


@dataclass(frozen=True, slots=True)
class ComputedShape:
    """What becomes of one computed weight.

    Attributes
    ----------
    key
        The weight's name in its module.
    shape
        What it comes to have; None where it cannot be computed.
    misfits
        What does not fit, in sentences.
    siblings
        Keys, from the module on, of what it is computed from.
    unchecked
        Whether torch computes it all the same, and reads past the end of a tensor.
    """

    key: str
    shape: Shape | None
    misfits: tuple[str, ...] = ()
    siblings: tuple[str, ...] = ()
    unchecked: bool = False


def computed_shapes(module: Any, after: After) -> Iterator[ComputedShape]:
    """Yield what becomes of every weight that a live module computes by a parametrization or by a hook."""
    inside = vars(module).get("_modules", {}).get("parametrizations")
    for key, parametrizations in getattr(inside, "_modules", {}).items():
        yield _parametrized(key, parametrizations, after)
    for hook in vars(module).get("_forward_pre_hooks", {}).values():
        key = getattr(hook, "name", None) or getattr(hook, "_tensor_name", None)
        if isinstance(key, str):
            yield from _hooked(key, hook, _own(module, after))


def computing_module(path: Sequence[Any], root: Any) -> tuple[Any, str, int] | None:
    """Return the module that a path's tensor is an original or a buffer of a parametrization of.

    Returns
    -------
    tuple or None
        (the module, its weight's key, how much of the path leads to the module)
    """
    if "parametrizations" not in path:
        return None
    here = root
    for length, step in enumerate(path[:-2]):
        inside = getattr(here, "_modules", None)
        if step == "parametrizations" and isinstance(inside, dict) and step in inside:
            return here, str(path[length + 1]), length
        try:
            here = inside[step] if isinstance(inside, dict) else here[step]
        except (KeyError, IndexError, TypeError):
            return None
    return None


def unfit_norm(parametrizations: Any, after: After | None = None) -> str:
    """Return in a sentence how the originals of weight_norm do not fit; torch does not look, and reads past the end."""
    first = _norm_of(parametrizations)
    if first is None:
        return ""
    shapes = _own(parametrizations, after or {})
    magnitude, direction = shapes.get("original0"), shapes.get("original1")
    if magnitude is None or direction is None:
        return ""
    return _unfit("original0", magnitude, "original1", direction, first.dim)


def _norm_of(parametrizations: Any) -> Any:
    """Return the weight_norm that a list begins with, if any; no other place takes two originals."""
    from torch.nn.utils.parametrizations import _WeightNorm

    first = next(iter(parametrizations._modules.values()), None)
    return first if isinstance(first, _WeightNorm) else None


def _unfit(name: str, magnitude: Shape, other: str, direction: Shape, dim: int) -> str:
    """Return how the two tensors of a weight_norm do not fit: one magnitude for each slice along a dimension."""
    there = -len(direction) <= dim < len(direction)
    at = dim % len(direction) if there and dim != -1 else None
    wanted = () if dim == -1 else tuple(size if axis == at else 1 for axis, size in enumerate(direction))
    if magnitude == wanted and (there or dim == -1):
        return ""
    return f"{name} is {shape_text(magnitude)} where {other} of {shape_text(direction)} asks for {shape_text(wanted)}"


def _parametrized(key: str, parametrizations: Any, after: After) -> ComputedShape:
    start = f"parametrizations.{key}."
    names = [name for name, _ in (*parametrizations.named_parameters(), *parametrizations.named_buffers())]
    siblings = tuple(f"{start}{name}" for name in names)
    told = unfit_norm(parametrizations, after)
    if told:
        shape = _own(parametrizations, after)["original1"]
        return ComputedShape(key, shape, (told,), siblings, True)
    if len(parametrizations) == 1:  # those of torch at once: the meta device takes a second to be ready
        known = _known(key, parametrizations, siblings, after)
        if known is not None:
            return known
    worked, why = _worked_out(parametrizations, after)
    if worked is None and _worked_out(parametrizations, {})[0] is not None:
        kinds = ", ".join(type(one).__name__ for one in parametrizations)
        return ComputedShape(key, None, (f"{kinds} cannot compute {key} any more: {why}",), siblings)
    return ComputedShape(key, worked, (), siblings)


def _known(key: str, parametrizations: Any, siblings: tuple[str, ...], after: After) -> ComputedShape | None:
    from torch.nn.utils.parametrizations import _SpectralNorm

    shapes, only = _own(parametrizations, after), parametrizations[0]
    if _norm_of(parametrizations) is not None and "original1" in shapes:
        return ComputedShape(key, shapes["original1"], (), siblings)
    original = shapes.get("original")
    if not isinstance(only, _SpectralNorm) or original is None:
        return None
    vectors, start = _own(only, after), f"parametrizations.{key}.0."
    rows = original[only.dim] if only.dim < len(original) else 0
    wanted = {"_u": (rows,), "_v": (prod(original) // max(rows, 1),)}
    told = tuple(f"{start}{name} is {shape_text(vectors[name])} and has to be {shape_text(shape)}"
                 for name, shape in wanted.items() if name in vectors and vectors[name] != shape)  # fmt: skip
    return ComputedShape(key, original, told, siblings)


def _worked_out(parametrizations: Any, after: After) -> tuple[Shape | None, str]:
    """Return the shape of what parametrizations compute, or why they do not; on the meta device, so without values."""
    import torch

    memo: dict[int, Any] = {}
    for part in parametrizations.modules():
        for inside in (part._parameters, part._buffers):
            for key, tensor in inside.items():
                if tensor is not None:
                    shape = after.get((id(part), key), tuple(tensor.shape))
                    memo[id(tensor)] = torch.empty(shape, dtype=tensor.dtype, device="meta")
    try:
        twin = copy.deepcopy(parametrizations, memo).eval()
        with torch.no_grad():
            return tuple(twin().shape), ""
    except Exception as error:  # a class of the person's own may raise anything, and may need values
        return None, " ".join(str(error).split())


def _hooked(key: str, hook: Any, shapes: Mapping[str, Shape]) -> Iterator[ComputedShape]:
    """Yield what weight_norm, spectral_norm and prune of torch.nn.utils compute: hooks with a name in the module."""
    kind = type(hook).__name__
    direction, magnitude, original = (shapes.get(f"{key}_{part}") for part in ("v", "g", "orig"))
    if kind == "WeightNorm" and direction is not None and magnitude is not None:
        told = _unfit(f"{key}_g", magnitude, f"{key}_v", direction, hook.dim)
        yield ComputedShape(key, direction, (told,) if told else (), (f"{key}_g", f"{key}_v"), bool(told))
    elif kind == "SpectralNorm" and original:
        rows = original[hook.dim] if hook.dim < len(original) else 0
        wanted = {f"{key}_u": (rows,), f"{key}_v": (prod(original) // max(rows, 1),)}
        yield _beside(key, original, wanted, shapes)
    elif original is not None and f"{key}_mask" in shapes:
        yield _beside(key, original, {f"{key}_mask": original}, shapes)


def _beside(key: str, original: Shape, wanted: Mapping[str, Shape], shapes: Mapping[str, Shape]) -> ComputedShape:
    wrong = {name: shape for name, shape in wanted.items() if name in shapes and shapes[name] != shape}
    told = tuple(f"{name} is {shape_text(shapes[name])} where {key}_orig asks for {shape_text(shape)}"
                 for name, shape in wrong.items())  # fmt: skip
    return ComputedShape(key, original, told, (f"{key}_orig", *wanted))


def _own(module: Any, after: After) -> dict[str, Shape]:
    """Return the shapes of a module's own parameters and buffers as they come to be."""
    return {
        key: after.get((id(module), key), tuple(tensor.shape))
        for inside in (module._parameters, module._buffers) for key, tensor in inside.items() if tensor is not None
    }  # fmt: skip
