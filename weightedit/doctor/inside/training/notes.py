"""What is noted of the parameters and buffers of a model while a step is taken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch.nn import ParameterDict, ParameterList

from weightedit.doctor.inside.training.holders import beside, held_by, named_parameters
from weightedit.doctor.inside.training.parts import dtype_name
from weightedit.doctor.inside.training.values import plain, values_of
from weightedit.doctor.training_step.facts import BufferFacts, ParameterFacts


@dataclass(slots=True)
class Notes:
    """Records of the parameters and buffers of one model, by name; each method is called at its place in the step."""

    model: torch.nn.Module
    parameters: dict[str, ParameterFacts] = field(default_factory=dict)
    buffers: dict[str, BufferFacts] = field(default_factory=dict)
    _kept: dict[str, torch.Tensor] = field(default_factory=dict)

    def before(self) -> None:
        """Note what there is."""
        for name, one, also in named_parameters(self.model):
            self.parameters[name] = _parameter(name, one, also)
        for name, tensor, kind in beside(self.model):
            self.buffers[name] = _buffer(name, tensor, kind)

    def after_forward(self, ran: set[str]) -> None:
        """Note what ran, what lazy parameters became, and which buffers changed."""
        modules = dict(self.model.named_modules(remove_duplicate=False))
        for name, one, also in named_parameters(self.model):
            was = self.parameters.get(name)
            found = _parameter(name, one, also) if was is None or was.values is None else was
            users = {_caller(modules, full.rpartition(".")[0]) for full in (name, *also)}
            self.parameters[name] = replace(found, ran=not users.isdisjoint(ran))
        for name, tensor, kind in beside(self.model):
            held, now = self.buffers.get(name), _buffer(name, tensor, kind)
            self.buffers[name] = now if held is None else replace(now, changed=held.values != now.values,
                                                                  before=held.values)  # fmt: skip

    def after_backward(self) -> None:
        """Note which parameters have a gradient, and what is in it."""
        for name, one, _ in named_parameters(self.model):
            if one.grad is not None and name in self.parameters:
                self.parameters[name] = replace(self.parameters[name], grad=values_of(one.grad))
        for name, tensor, _ in beside(self.model):
            if tensor.is_leaf and tensor.grad is not None and name in self.buffers:
                self.buffers[name] = replace(self.buffers[name], is_reached=True)

    def before_step(self, optimizer: Any) -> None:
        """Note what the optimizer holds, and keep what its step may change."""
        held = held_by(optimizer)
        for name, one, also in named_parameters(self.model):
            was = self.parameters.get(name) or _parameter(name, one, also)  # making an optimizer may add parameters
            self.parameters[name] = replace(was, is_held=id(one) in held)
            found = plain(one) if one.requires_grad or id(one) in held else None
            if found is not None:
                self._kept[name] = found.clone()
        for name, tensor, kind in beside(self.model):
            have = self.buffers.get(name) or _buffer(name, tensor, kind)
            self.buffers[name] = replace(have, is_held=id(tensor) in held)

    def after_step(self) -> None:
        """Note how far the step moved each parameter."""
        for name, one, _ in named_parameters(self.model):
            was, now = self._kept.pop(name, None), plain(one)
            if was is None or now is None or now.shape != was.shape:
                continue
            moved = values_of(now.to(was.dtype) - was) if was.dtype != torch.bool else values_of(now ^ was)
            self.parameters[name] = replace(self.parameters[name], after=values_of(one),
                                            moved=None if moved is None else moved.norm)  # fmt: skip


def _caller(modules: Mapping[str, torch.nn.Module], name: str) -> str:
    """Return the module whose forward uses what one holds: lists and dicts of parameters are never called."""
    while name and isinstance(modules[name], ParameterList | ParameterDict):
        name = name.rpartition(".")[0]
    return name


def _parameter(name: str, one: torch.Tensor, also: tuple[str, ...]) -> ParameterFacts:
    return ParameterFacts(name, _shape(one), dtype_name(one.dtype), str(one.device), one.requires_grad, also,
                          values_of(one))  # fmt: skip


def _buffer(name: str, one: torch.Tensor, kind: str) -> BufferFacts:
    return BufferFacts(name, _shape(one), dtype_name(one.dtype), one.requires_grad, kind, values=values_of(one))


def _shape(tensor: torch.Tensor) -> tuple[int, ...]:
    return () if torch.nn.parameter.is_lazy(tensor) else tuple(tensor.shape)
