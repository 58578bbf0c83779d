"""The optimizer of a training step: one of torch's by name, one that code makes of the model, or SGD; and its step."""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from weightedit.core.errors import WeightEditError

RATE = 1e-3
"""Learning rate of the optimizer that is made where none was given: torch's own default."""


class UnknownOptimizer(WeightEditError):
    """A name that no optimizer of torch has."""


@dataclass(frozen=True, slots=True)
class Maker:
    """What makes an optimizer, with the arguments that come after the model or its parameters.

    Attributes
    ----------
    make
        A class of optimizers, or a function of the model.
    args, kwargs
        What it is called with besides.
    """

    make: Callable[..., Any]
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, over: Any) -> Any:
        """Make one over the parameters, or of the model."""
        return self.make(over, *self.args, **self.kwargs)


def torch_optimizer(name: str) -> type[torch.optim.Optimizer]:
    """Return an optimizer of `torch.optim` by its name, in whatever case it is written.

    Raises
    ------
    UnknownOptimizer
        If there is none; the message has the names that are close to it.
    """
    base = torch.optim.Optimizer
    known = {other.lower(): kind for other, kind in vars(torch.optim).items()
             if isinstance(kind, type) and issubclass(kind, base) and kind is not base}  # fmt: skip
    if found := known.get(name.lower()):
        return found
    close = [known[one].__name__ for one in difflib.get_close_matches(name.lower(), list(known), 4, 0.6)]
    hint = f"Close to it: {', '.join(close)}." if close else "Name one of torch.optim, such as SGD or AdamW(lr=1e-4)."
    raise UnknownOptimizer(f"There is no optimizer {name[:80]!r}. {hint} Your own goes as file.py:NAME.")


def made_optimizer(model: torch.nn.Module, given: Any) -> Any:
    """Return the optimizer: what was given, what a maker that was given makes, or else SGD.

    A class of optimizers, also one with arguments bound to it, makes one over the parameters that require grad, and a
    function makes one of the model. None where there is no such parameter: an optimizer over nothing cannot be made.
    """
    given = Maker(torch.optim.SGD, kwargs={"lr": RATE}) if given is None else given
    if hasattr(given, "param_groups") or not callable(given):
        return given
    kind = given.make if isinstance(given, Maker) else given.func if isinstance(given, functools.partial) else given
    if not (isinstance(kind, type) and issubclass(kind, torch.optim.Optimizer)):
        return given(model)
    trained = [one for one in model.parameters() if one.requires_grad]
    return given(trained) if trained else None


def take_step(optimizer: Any, loss: torch.Tensor) -> None:
    """Let an optimizer do one step; one that wants to compute the loss anew is given the loss as it was."""
    step: Callable[..., Any] = optimizer.step
    try:
        closure = inspect.signature(step).parameters.get("closure")
    except (TypeError, ValueError):
        closure = None
    if closure is not None and closure.default is closure.empty:
        step(lambda: loss)
    else:
        step()
