"""Leaves a person's own process as it was when a copy of a live module runs in it: random numbers and warnings."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.nn.modules import module as modules

from weightedit.core.words.labels import listed
from weightedit.doctor.checkup import Wanted
from weightedit.doctor.inside.capturing.forms import found_in
from weightedit.doctor.inside.capturing.unchanged import same_random_numbers

_HOOKS = ("_forward_pre_hooks", "_forward_hooks", "_backward_pre_hooks", "_backward_hooks")
"""Where a module keeps its hooks, those that run forward first; torch keeps those of all modules as `_global…`."""


@contextmanager
def undisturbed(model: nn.Module, wanted: Wanted) -> Iterator[None]:
    """Put back what a run moves: all random numbers, and the filters of warnings.

    Parameters
    ----------
    model, wanted
        The live module, and what is asked of it: what they draw random numbers from is put back too.
    """
    with same_random_numbers(None, _generators(model, wanted)), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a warning that was seen here is one that is not shown there any more
        yield


def _generators(model: nn.Module, wanted: Wanted) -> list[torch.Generator]:
    """Return the generators of random numbers that a model, its inputs and its data hold."""
    data = wanted.data
    samplers = [getattr(data, name, None) for name in ("sampler", "batch_sampler", "dataset")]
    holders = [*model.modules(), data, *samplers, getattr(samplers[1], "sampler", None)]
    held = [value for one in holders for value in getattr(one, "__dict__", {}).values()
            if isinstance(value, torch.Generator)]  # fmt: skip
    found = [*held, *found_in((wanted.given, wanted.target), torch.Generator)]
    return list({id(one): one for one in found}.values())


def hooks_note(model: nn.Module, *, trains: bool) -> str:
    """Say that a person's own hooks run too, which a copy has as well; empty where there are none.

    Parameters
    ----------
    model
        The live module.
    trains
        Whether those of gradients run as well.
    """
    held = _HOOKS if trains else _HOOKS[:2]
    named = [name or "the model itself" for name, module in model.named_modules() if any(
        _is_theirs(hook) for one in held for hook in getattr(module, one, {}).values())]  # fmt: skip
    if any(getattr(modules, f"_global{one}", None) for one in held):
        named.append("every module")
    return f"The hooks of {listed(named)} run on the copy as well; what they keep elsewhere has this run in it." \
        if named else ""  # fmt: skip


def _is_theirs(hook: Any) -> bool:
    """Whether a hook is none of torch's own, as weight_norm and its like have them."""
    while isinstance(hook, partial):
        hook = hook.func
    where = getattr(hook, "__module__", None) or type(hook).__module__
    return where.partition(".")[0] != "torch"
