"""What running code knows of a tensor beside its values: how it is registered, who trains it, what hangs on it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from weightedit.core.slots import Slot
from weightedit.core.words.numbers import shape_text

if TYPE_CHECKING:
    from weightedit.core.document import Document

HOOKS = ("_backward_hooks", "_post_accumulate_grad_hooks")
MODULE_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks",
                "_state_dict_hooks", "_state_dict_pre_hooks", "_load_state_dict_pre_hooks",
                "_load_state_dict_post_hooks")  # fmt: skip
LONGEST = 120
"""Letters of what a module says of itself."""


@dataclass(frozen=True, slots=True)
class LiveFacts:
    """What is known of a live tensor, each as text for people; empty where there is nothing to say.

    Attributes
    ----------
    registered
        `parameter`, `buffer`, `buffer, not persistent`, `not registered`, `computed by a hook` at each forward, or
        what container it is in.
    module
        The module it is in: `Linear(in_features=3, out_features=2, bias=True)`.
    grad
        `None`, or its shape and dtype.
    is_leaf
        Whether gradients end at it.
    hooks
        How many functions hang on the tensor, and on its module.
    optimizer, state
        Which optimizer that was handed over trains it, with what settings, and what it keeps for it.
    elsewhere
        Names of other slots that hold the same tensor.
    """

    registered: str
    module: str
    grad: str
    is_leaf: bool
    hooks: str
    optimizer: str
    settings: str
    state: tuple[str, ...]
    elsewhere: tuple[str, ...]


def registration(slot: Slot) -> str:
    """Return how a live tensor is registered in its module; nothing where it is in none, such as in a dict."""
    owner, key = slot.owner, slot.key
    if not isinstance(getattr(owner, "_modules", None), dict) or not isinstance(getattr(owner, "_buffers", None), dict):
        return ""
    if key in getattr(owner, "_parameters", ()):
        return "original of a parametrization" if "parametrizations" in slot.path else "parameter"
    if key in owner._buffers:
        return "buffer, not persistent" if key in owner._non_persistent_buffers_set else "buffer"
    hooks = getattr(owner, "_forward_pre_hooks", {}).values()
    computed = any(key in (getattr(hook, "name", None), getattr(hook, "_tensor_name", None)) for hook in hooks)
    return "computed by a hook" if computed else "not registered"


def count_left_out(document: Document) -> int:
    """Return how many slots of a live document are in no state_dict, so that no export writes them."""
    left_out = ("not registered", "computed by a hook", "buffer, not persistent")
    return sum(registration(slot) in left_out for slot in document.slots) if document.is_live else 0


def module_text(module: Any) -> str:
    """Return what a module says of itself: `Linear(in_features=3, out_features=2, bias=True)`; its class if nothing."""
    name = type(module).__name__
    try:
        said = " ".join(str(module.extra_repr()).split())
    except Exception:  # a class of the person's own may need what is not there yet
        said = ""
    text = f"{name}({said})" if said else name
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def short_module_text(module: Any) -> str:
    """Return the same without what everybody knows: `Linear(3, 2)`."""
    return re.sub(r", bias=True|\b(in_features|out_features|num_features)=", "", module_text(module))


def retold(document: Document) -> bool:
    """Say anew what modules say of themselves, after an edit changed their sizes; returns whether any says other."""
    changed = False
    for entry in document.entries:
        if entry.kind == "module" and (text := short_module_text(entry.value)) != entry.text:
            entry.text, changed = text, True
    return changed


def live_facts(document: Document, slot: Slot) -> LiveFacts:
    """Return what is known of a live tensor; nothing of its values is read."""
    live = slot.held.described.live
    owner, registered = slot.owner, registration(slot)
    return LiveFacts(
        registered or f"in a {type(owner).__name__}", module_text(owner) if registered else "", _grad(live),
        bool(live.is_leaf), _hooks(live, owner if registered else None), *_optimizer(document.origin.optimizer, live),
        tuple(other.name for other in document.slots if other.held is slot.held and other is not slot))  # fmt: skip


def grad_norm(slot: Slot) -> float | None:
    """Return the L2 norm of a tensor's gradient; None where it has none. Reads all of it."""
    import torch

    grad = slot.held.described.live.grad
    if grad is None:
        return None
    values = grad.detach()
    values = values.coalesce().values() if values.layout == torch.sparse_coo else values
    wide = None if values.dtype in (torch.float64, torch.complex64, torch.complex128) else torch.float32
    return float(torch.linalg.vector_norm(values, dtype=wide))


def has_state(document: Document, slot: Slot) -> bool:
    """Whether an optimizer that was handed over keeps something for a tensor, such as moments."""
    optimizer, live = document.origin.optimizer, slot.held.described.live
    return bool(optimizer is not None and live is not None and optimizer.state.get(live))


def _grad(live: Any) -> str:
    if not live.is_leaf and not live.retains_grad:
        return ""  # asking for it would warn
    grad = live.grad
    return "None" if grad is None else f"{shape_text(tuple(grad.shape))} · {str(grad.dtype).removeprefix('torch.')}"


def _hooks(live: Any, module: Any) -> str:
    mine = sum(len(getattr(live, name, None) or ()) for name in HOOKS)
    its = sum(len(getattr(module, name, None) or ()) for name in MODULE_HOOKS)
    parts = [f"{mine} on the tensor"] * bool(mine) + [f"{its} on {type(module).__name__}"] * bool(its)
    return ", ".join(parts)


def _optimizer(optimizer: Any, live: Any) -> tuple[str, str, tuple[str, ...]]:
    if optimizer is None:
        return "", "", ()
    name = type(optimizer).__name__
    for number, group in enumerate(optimizer.param_groups):
        if any(parameter is live for parameter in group["params"]):
            rate = f", lr {float(group['lr']):g}" if "lr" in group else ""
            settings = "\n".join(f"{key}: {value}" for key, value in group.items() if key != "params")
            return f"{name}, group {number}{rate}", settings, tuple(_state(optimizer.state.get(live) or {}))
    return f"{name} does not train it", "", ()


def _state(state: dict[Any, Any]) -> Iterator[str]:
    for key, value in state.items():
        shape = getattr(value, "shape", None)
        if shape is None:
            yield f"{key} {value}"
        elif not tuple(shape):
            yield f"{key} {float(value):g}"
        else:
            yield f"{key} {shape_text(tuple(shape))}"
