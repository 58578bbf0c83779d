"""State that an optimizer keeps for all parameters of a group at once, as LBFGS does on the first of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import torch

from weightedit.core.live.param_groups import Entering


def holders(optimizer: Any) -> dict[int, torch.Tensor]:
    """Return by the `id` of a parameter which one has the state of its whole group; nothing where each has its own.

    Such a state is told by a flat tensor with as many numbers as the group has.
    """
    found: dict[int, torch.Tensor] = {}
    for group in () if optimizer is None else optimizer.param_groups:
        params = group["params"]
        state = optimizer.state.get(params[0]) if params else None
        flat = {value.numel() for value in _tensors((state or {}).values())
                if value.dim() == 1 and value.shape != params[0].shape}  # fmt: skip
        if flat and len(params) > 1 and sum(map(_numbers, params)) in flat:
            found.update((id(parameter), params[0]) for parameter in params)
    return found


def _tensors(values: Iterable[Any]) -> Iterator[torch.Tensor]:
    for value in values:
        if isinstance(value, torch.Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from _tensors(value)
        elif isinstance(value, Mapping):
            yield from _tensors(value.values())


def _numbers(parameter: torch.Tensor) -> int:
    """Return how many real numbers a parameter is."""
    return parameter.numel() * (2 if parameter.is_complex() else 1)


def names_of(state: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what of a group's state is made of tensors, with the shape it has."""
    return tuple(f"{key} {list(value.shape)}" if isinstance(value, torch.Tensor) else key
                 for key, value in state.items()
                 if any(one.dim() == 1 for one in _tensors([value])))  # fmt: skip


def resized(optimizer: Any, gone: Iterable[torch.Tensor], come: Iterable[Entering]) -> list[torch.Tensor]:
    """Return those that have the state of a group which comes to have more numbers or fewer, or others."""
    kept = holders(optimizer)
    if not kept:
        return []
    change: dict[int, Counter[Any]] = {}
    for tensor in gone:
        if id(tensor) in kept:
            change.setdefault(id(kept[id(tensor)]), Counter())[tensor.dtype] -= _numbers(tensor)
    for entering in come:
        if id(entering.beside) in kept:
            change.setdefault(id(kept[id(entering.beside)]), Counter())[entering.new.dtype] += _numbers(entering.new)
    changed = {key for key, counts in change.items() if any(counts.values())}
    return [holder for key, holder in {id(one): one for one in kept.values()}.items() if key in changed]
