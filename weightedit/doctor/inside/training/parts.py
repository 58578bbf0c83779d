"""What a nested value is made of: each tensor and other leaf, with the path of keys and indices down to it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

import torch

from weightedit.doctor.inside.seeing import leaves
from weightedit.doctor.training_step.parts import Part

MOST = 10_000
"""Parts of one value."""
LONGEST = 200
"""Characters of one path or type."""


def tensors(value: Any) -> Iterator[torch.Tensor]:
    """Yield the tensors that a nested value holds."""
    return (leaf for _, leaf in islice(leaves(value), MOST) if isinstance(leaf, torch.Tensor))


def parts_of(value: Any) -> tuple[Part, ...]:
    """Describe what a nested value holds, up to `MOST` parts."""
    return tuple(part(path, leaf) for path, leaf in islice(leaves(value), MOST))


def call_parts(args: Iterable[Any], kwargs: Mapping[str, Any]) -> tuple[Part, ...]:
    """Describe what a module is called with: positional inputs by their number, others by name."""
    given: dict[Any, Any] = {**dict(enumerate(args)), **kwargs}
    return tuple(one for one in parts_of(given) if one.type != "NoneType")


def part(path: str, leaf: Any) -> Part:
    """Describe one leaf: a tensor, an array, or anything else by its class."""
    name = type(leaf).__name__[:LONGEST]
    if isinstance(leaf, torch.Tensor):
        return Part(path[:LONGEST], name, shape_of(leaf), dtype_name(leaf.dtype), str(leaf.device))
    shape, dtype = getattr(leaf, "shape", None), getattr(leaf, "dtype", None)
    if isinstance(shape, tuple) and dtype is not None and all(type(size) is int for size in shape):
        return Part(path[:LONGEST], name, shape, str(dtype)[:LONGEST])
    size, mode = getattr(leaf, "size", None), getattr(leaf, "mode", None)
    if isinstance(mode, str) and isinstance(size, tuple) and all(type(one) is int for one in size):
        return Part(path[:LONGEST], name, size, mode[:LONGEST])  # an image, which has width before height
    return Part(path[:LONGEST], name)


def shape_of(tensor: torch.Tensor) -> tuple[int, ...]:
    """Return the shape of a tensor; -1 stands for the dimension in which the parts of a nested one differ."""
    return tuple(int(size) if type(size) is int else -1 for size in tensor.shape)


def dtype_name(dtype: torch.dtype) -> str:
    """Return the name of a dtype without `torch.`."""
    return str(dtype).removeprefix("torch.")


def taken_of(output: Any, preferred: tuple[str, ...] = ("logits",)) -> tuple[str, torch.Tensor] | None:
    """Return the tensor that a loss takes of an output, with its path: a preferred one, else the first that can train.

    A tensor called `loss` is passed by, since it is one already; where no other is floating point, the first tensor of
    any dtype is taken.
    """
    found = [(path, leaf) for path, leaf in islice(leaves(output), MOST) if isinstance(leaf, torch.Tensor)]
    by_path = dict(found)
    for path in preferred:
        if path in by_path:
            return path, by_path[path]
    others = [(path, tensor) for path, tensor in found if path != "loss"]
    floating = [(path, tensor) for path, tensor in others if tensor.is_floating_point() or tensor.is_complex()]
    return next(iter([*floating, *others]), None)


def own_loss(output: Any) -> torch.Tensor | None:
    """Return the loss that a model computed itself: the attribute or key `loss` of its output."""
    found = output.get("loss") if isinstance(output, Mapping) else getattr(output, "loss", None)
    return found if isinstance(found, torch.Tensor) else None
