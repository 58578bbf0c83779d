"""Lazy modules, whose tensors get a shape in the first run, where tensors have no values: torch makes real ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn import parameter as parameters
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter, is_lazy


@contextmanager
def really_made() -> Iterator[None]:
    """Let tensors without a shape be made really inside a fake mode: they hold nothing, and torch refuses others."""
    kinds: tuple[Any, ...] = (UninitializedParameter, UninitializedBuffer)
    before = [kind.__new__ for kind in kinds]
    for kind, make in zip(kinds, before, strict=True):
        kind.__new__ = _outside(make)
    try:
        yield
    finally:
        for kind, make in zip(kinds, before, strict=True):
            kind.__new__ = make


def _outside(make: Callable[..., Any]) -> Callable[..., Any]:
    def made(kind: Any, *args: Any, **named: Any) -> Any:
        from torch._subclasses.fake_tensor import unset_fake_temporarily

        with unset_fake_temporarily():
            return make(kind, *args, **named)

    return made


@contextmanager
def materialized_without_values(model: nn.Module) -> Iterator[None]:
    """Let a run under a fake mode give lazy tensors their shapes, by new ones that take their places in the model."""
    tables: list[dict[str, Any]] = [table for one in model.modules() for table in (one._parameters, one._buffers)]
    places = {id(tensor): (table, name) for table in tables for name, tensor in table.items() if is_lazy(tensor)}
    if not places:
        yield
        return
    mixin: Any = vars(parameters)["UninitializedTensorMixin"]
    before = mixin.materialize

    def materialize(self: Any, shape: Any, device: Any = None, dtype: Any = None) -> None:
        if id(self) not in places:
            before(self, shape, device, dtype)
            return
        table, name = places[id(self)]
        made = torch.empty(shape, device=device or self.device, dtype=dtype or self.dtype)
        table[name] = nn.Parameter(made, self.requires_grad) if isinstance(self, nn.Parameter) else made

    mixin.materialize = materialize
    try:
        yield
    finally:
        mixin.materialize = before
