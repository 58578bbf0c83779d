"""What people hang on a Parameter itself: gradient hooks and attributes of their own, which a new one must have too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

HOOKS = ("_backward_hooks", "_post_accumulate_grad_hooks")


@dataclass(slots=True)
class HandOver:
    """Give a new tensor the hooks of the one it stands for, and on undo give back those registered meanwhile.

    Both have one and the same dict of hooks, so that a handle that was returned for one removes the hook from both.

    Attributes
    ----------
    old, new
        The tensors.
    copies
        Whether the old one stays in another slot: then each has a dict of its own.
    """

    old: torch.Tensor
    new: torch.Tensor
    copies: bool = False
    nbytes: int = 0

    @property
    def references(self) -> list[torch.Tensor]:
        """The tensors it refers to."""
        return [self.old, self.new]

    def do(self) -> None:
        """Let the new tensor have the hooks."""
        _hand(self.old, self.new, self.copies)

    def undo(self) -> None:
        """Let the old tensor have hooks that came since."""
        if not self.copies:
            _hand(self.new, self.old, False)

    def was_changed_elsewhere(self) -> bool:
        """Nothing would be lost."""
        return False


def _hand(giver: torch.Tensor, taker: torch.Tensor, copies: bool) -> None:
    if not giver.is_leaf or not taker.is_leaf or not taker.requires_grad:
        return
    first, after = giver._backward_hooks, giver._post_accumulate_grad_hooks
    if first and taker._backward_hooks is not first:
        taker._backward_hooks = type(first)(first) if copies else first
    if after and taker._post_accumulate_grad_hooks is not after:
        taker._post_accumulate_grad_hooks = type(after)(after) if copies else after


def handed_over(old: torch.Tensor, new: torch.Tensor, copies: bool) -> list[HandOver]:
    """Give a new tensor the attributes people set on the old one, and return the step that brings hooks, if any can."""
    vars(new).update(vars(old))
    return [HandOver(old, new, copies)] if old.requires_grad and old.is_leaf else []


def hook_names(tensor: Any) -> list[str]:
    """Return what the hooks on a leaf tensor are called."""
    if tensor is None or not tensor.is_leaf:
        return []
    found = [hook for name in HOOKS for hook in (getattr(tensor, name, None) or {}).values()]
    return [getattr(hook, "__qualname__", type(hook).__name__) for hook in found]
