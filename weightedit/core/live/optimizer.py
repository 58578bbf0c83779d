"""Keeping an optimizer that was handed over in step with rebound parameters."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from typing import Any

import torch

from weightedit.core.commands import Rebind
from weightedit.core.hazards import Hazard


@dataclass(slots=True)
class OptimizerStep:
    """Put the new parameter where the old one was in `param_groups`, with the state that still fits.

    Attributes
    ----------
    optimizer
        The person's.
    old, new
        The parameters; undo puts the same old object and the same state object back.
    """

    optimizer: torch.optim.Optimizer
    old: torch.Tensor
    new: torch.Tensor
    state: dict[str, Any] | None = None
    nbytes: int = 0

    @classmethod
    def following(cls, optimizer: torch.optim.Optimizer, rebind: Rebind) -> OptimizerStep | None:
        """Return the step that follows a rebind, or None if the optimizer does not hold the tensor."""
        old, new = rebind.before[1].live, rebind.after[1].live
        if new is None or not any(p is old for group in optimizer.param_groups for p in group["params"]):
            return None
        return cls(optimizer, old, new)

    def do(self) -> None:
        """Swap the parameter and carry over the state that fits it."""
        self._swap(self.old, self.new)
        self.state = self.optimizer.state.pop(self.old, None)
        if self.state is not None and self.old.shape == self.new.shape:
            self.optimizer.state[self.new] = {key: self._carried(value) for key, value in self.state.items()}

    def undo(self) -> None:
        """Put the old parameter and its state object back."""
        self._swap(self.new, self.old)
        self.optimizer.state.pop(self.new, None)
        if self.state is not None:
            self.optimizer.state[self.old] = self.state

    def _swap(self, out: torch.Tensor, into: torch.Tensor) -> None:
        for group in self.optimizer.param_groups:
            group["params"][:] = [into if parameter is out else parameter for parameter in group["params"]]

    def _carried(self, value: Any) -> Any:
        if not isinstance(value, torch.Tensor):
            return copy(value)
        if value.shape != self.old.shape or not (value.is_floating_point() or value.is_complex()):
            return value.detach().clone()  # Adam's count of steps runs on in the new state alone
        return value.detach().clone().to(device=self.new.device, dtype=self.new.dtype)

    def was_changed_elsewhere(self) -> bool:
        """Whether someone took the parameter out of the optimizer since."""
        return not any(p is self.new for group in self.optimizer.param_groups for p in group["params"])


def state_hazard(optimizer: Any, live: torch.Tensor | None, shape: tuple[int, ...], name: str) -> Hazard | None:
    """Return the warning that optimizer state of another shape is dropped, if there is such state."""
    state = optimizer.state.get(live) if optimizer is not None and live is not None else None
    if not state or tuple(live.shape) == shape:  # type: ignore[union-attr]
        return None
    return Hazard("optimizer-state-shape", "warning", f"The optimizer's state of {name} is dropped",
                  f"Its moments have the shape {tuple(live.shape)}, and the next step starts fresh ones.",  # type: ignore[union-attr]
                  (name,), 1)  # fmt: skip
