"""What of a model can be trained and who holds it: parameters, buffers, tensors set beside these, the optimizer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch

from weightedit.doctor.inside.training.parts import part
from weightedit.doctor.training_step.facts import Misfit, OptimizerFacts

LIKE_THE_PARAMETER = (
    "exp_avg", "exp_avg_sq", "max_exp_avg_sq", "momentum_buffer", "square_avg", "grad_avg", "acc_delta", "sum",
    "exp_inf", "ax", "mu", "prev", "step_size",
)  # fmt: skip
"""What the optimizers of torch keep in the shape of the parameter; others keep rows and columns of it as well."""
MOST_LISTED = 1_000
"""Tensors and misfits that are told of."""


def named_parameters(model: torch.nn.Module) -> list[tuple[str, torch.nn.Parameter, tuple[str, ...]]]:
    """Return each parameter once, with its first name and the others it has."""
    names: dict[int, list[str]] = {}
    found: dict[int, torch.nn.Parameter] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        names.setdefault(id(parameter), []).append(name)
        found[id(parameter)] = parameter
    return [(names[key][0], parameter, tuple(names[key][1:])) for key, parameter in found.items()]


def beside(model: torch.nn.Module) -> Iterator[tuple[str, torch.Tensor, str]]:
    """Yield what `parameters()` does not give, with what it is: `buffer`, `attribute`, or `listed`.

    An `attribute` is a tensor that requires grad and is set on a module as any other value is; `listed` is a parameter
    of a module, or a parameter, that a plain list, tuple or dict holds.
    """
    known = {id(one) for one in model.parameters()}
    for name, buffer in model.named_buffers():
        known.add(id(buffer))
        yield name, buffer, "buffer"
    for prefix, module in model.named_modules():
        for key, value in vars(module).items():
            if key in ("_parameters", "_buffers", "_modules") or key.startswith(("_forward", "_back")):
                continue
            for path, tensor, kind in _unregistered(f"{prefix}.{key}" if prefix else key, value):
                if id(tensor) not in known:
                    known.add(id(tensor))
                    yield path, tensor, kind


def _unregistered(path: str, value: Any, depth: int = 0) -> Iterator[tuple[str, torch.Tensor, str]]:
    if isinstance(value, torch.Tensor):
        if value.requires_grad and value.is_leaf:
            yield path, value, "listed" if depth else "attribute"
    elif isinstance(value, torch.nn.Module) and depth:
        yield from ((f"{path}.{name}", one, "listed") for name, one in value.named_parameters() if one.requires_grad)
    elif isinstance(value, list | tuple | dict) and depth < 2:
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in list(pairs)[:MOST_LISTED]:
            yield from _unregistered(f"{path}.{key}", inner, depth + 1)


def held_by(optimizer: Any) -> dict[int, torch.Tensor]:
    """Return the tensors of an optimizer by their id."""
    groups = getattr(optimizer, "param_groups", None) or ()
    return {id(one): one for group in groups for one in group["params"]}


def optimizer_facts(optimizer: Any, model: torch.nn.Module, is_default: bool) -> OptimizerFacts:
    """Describe an optimizer: its rates, the tensors it holds that are not the model's, and state that does not fit."""
    own = {id(parameter): name for name, parameter, _ in named_parameters(model)}
    own |= {id(tensor): name for name, tensor, _ in beside(model)}
    held = held_by(optimizer)
    foreign = [part(str(number), one) for number, (key, one) in enumerate(held.items()) if key not in own]
    rates = [float(group["lr"]) for group in optimizer.param_groups if "lr" in group]
    return OptimizerFacts(type(optimizer).__name__, is_default, tuple(rates), len(held), tuple(foreign[:MOST_LISTED]),
                          tuple(_misfits(optimizer, held, own))[:MOST_LISTED])  # fmt: skip


def _misfits(optimizer: Any, held: Mapping[int, torch.Tensor], own: Mapping[int, str]) -> Iterator[Misfit]:
    states = getattr(optimizer, "state", None) or {}
    for key, parameter in held.items():
        kept = states.get(parameter)
        for name, value in kept.items() if isinstance(kept, Mapping) else ():
            if name in LIKE_THE_PARAMETER and isinstance(value, torch.Tensor) and value.shape != parameter.shape:
                yield Misfit(own.get(key, ""), tuple(parameter.shape), str(name), tuple(value.shape))
