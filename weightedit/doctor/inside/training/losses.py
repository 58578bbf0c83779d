"""Finding the loss that a person names: torch's own by class, function or short name, the model's, or a function."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional
from torch.nn.modules import loss as loss_modules

from weightedit.core.errors import WeightEditError
from weightedit.doctor.inside.training.parts import own_loss

Resolve = Callable[[str], Any]
"""Takes `file.py:NAME` or `PKG:NAME` and returns what it names."""
OUTPUT_LOSS = "output.loss"
REDUCTIONS = ("sum", "mean")
SHORT = {
    "mse": "mse_loss", "l2": "mse_loss", "l1": "l1_loss", "mae": "l1_loss", "huber": "huber_loss",
    "smooth_l1": "smooth_l1_loss", "ce": "cross_entropy", "nll": "nll_loss", "kl": "kl_div",
    "bce": "binary_cross_entropy", "bce_logits": "binary_cross_entropy_with_logits",
    "bce_with_logits": "binary_cross_entropy_with_logits",
}  # fmt: skip
"""What people call the commonest ones."""
_OF_CLASS = {
    "MSELoss": "mse_loss", "L1Loss": "l1_loss", "SmoothL1Loss": "smooth_l1_loss", "HuberLoss": "huber_loss",
    "CrossEntropyLoss": "cross_entropy", "NLLLoss": "nll_loss", "KLDivLoss": "kl_div", "BCELoss":
    "binary_cross_entropy", "BCEWithLogitsLoss": "binary_cross_entropy_with_logits", "PoissonNLLLoss":
    "poisson_nll_loss", "SoftMarginLoss": "soft_margin_loss", "HingeEmbeddingLoss": "hinge_embedding_loss",
    "MultiMarginLoss": "multi_margin_loss", "MultiLabelMarginLoss": "multilabel_margin_loss",
    "MultiLabelSoftMarginLoss": "multilabel_soft_margin_loss",
}  # fmt: skip


class UnknownLoss(WeightEditError):
    """A name that is no loss, or one that takes more than an output and a target."""


@dataclass(frozen=True, slots=True)
class Loss:
    """A loss that was found.

    Attributes
    ----------
    name
        As it was asked for.
    function
        The function of torch.nn.functional that it is, `cross_entropy`; `output` for the model's own, `sum` and `mean`
        for these, and empty for a person's own.
    call
        Takes output and target, or the output alone.
    takes_target, needs_target
        Whether it takes a target, and whether it cannot do without.
    takes_whole
        Whether it is given the output as the model returned it, and not one tensor of it.
    ignore_index
        The class that does not count, where it has one.
    log_target
        Whether the target of a divergence is logarithms.
    """

    name: str
    function: str
    call: Callable[..., Any]
    takes_target: bool = True
    needs_target: bool = True
    takes_whole: bool = False
    ignore_index: int | None = None
    log_target: bool = False


def found_loss(asked: str | Callable[..., Any], resolve: Resolve | None = None) -> Loss:
    """Find a loss.

    Parameters
    ----------
    asked
        A class of torch.nn (`CrossEntropyLoss`) or function of torch.nn.functional (`cross_entropy`), with or without
        its module; a short name out of `SHORT`; `sum` or `mean` of the output; `output.loss`, which the model computed;
        `file.py:NAME` or `PKG:NAME`; or a function or module itself.
    resolve
        Asked for names with a colon.

    Raises
    ------
    UnknownLoss
        If there is no such loss; the message has the names that are close to it.
    """
    if not isinstance(asked, str):
        return _given(asked, getattr(asked, "__name__", type(asked).__name__))
    name = asked.strip()
    if ":" in name and resolve is not None:
        return _given(resolve(name), name)
    if name == OUTPUT_LOSS:
        return Loss(name, "output", own_loss, False, False, takes_whole=True)
    if name in REDUCTIONS:
        return Loss(name, name, getattr(torch.Tensor, name), False, False)
    bare = name.removeprefix("torch.").removeprefix("nn.").removeprefix("functional.").removeprefix("F.")
    made = _classes().get(bare)
    if made is not None:
        return _checked(_given(made, name))
    function = _functions().get(SHORT.get(bare, bare))
    if function is not None:
        return _checked(_given(function, name))
    raise UnknownLoss(_unknown(asked))


def _given(found: Any, name: str) -> Loss:
    """Return the loss that a class, module or function is."""
    if isinstance(found, type):
        found = _made(found, name)
    if not callable(found):
        raise UnknownLoss(f"{name} is {_article(type(found).__name__)}, and a loss is a function or a module.")
    kind = type(found)
    known = _OF_CLASS.get(kind.__name__, "") if kind.__module__ == loss_modules.__name__ else ""
    name_of_function = getattr(found, "__name__", "")
    if not known and _functions().get(name_of_function) is found:
        known = name_of_function
    of_torch = bool(known) or kind.__module__ == loss_modules.__name__
    ignored = getattr(found, "ignore_index", -100) if known in ("cross_entropy", "nll_loss") else None
    needed, taken = _arguments(found)
    of_logs = known == "kl_div" and getattr(found, "log_target", False) is True
    return Loss(name, known, found, taken > 1, needed > 1, not of_torch, ignored, of_logs)


def _made(kind: type, name: str) -> Any:
    """Return a loss of a class that needs nothing to be made."""
    try:
        return kind()
    except TypeError as error:
        raise UnknownLoss(f"{name} cannot be made without arguments ({error}). Write a function of an output and a "
                          "target that makes it, and name that as file.py:NAME.") from error  # fmt: skip


def _checked(found: Loss) -> Loss:
    """Return one of torch's own; UnknownLoss if output and target are not enough for it."""
    if _arguments(found.call)[0] > 2:
        raise UnknownLoss(f"{found.name} takes more than an output and a target. Write a function of these two that "
                          "calls it, and name that as file.py:NAME.")  # fmt: skip
    return found


def _arguments(call: Any) -> tuple[int, int]:
    """Return how many arguments a loss must be given and how many it takes; 2 where that cannot be told."""
    try:
        names = inspect.signature(call.forward if isinstance(call, torch.nn.Module) else call).parameters.values()
    except (TypeError, ValueError):
        return 2, 2
    taken = [one for one in names if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    if any(one.kind == one.VAR_POSITIONAL for one in names):
        return 2, 2
    return sum(one.default is one.empty for one in taken), len(taken)


def _classes() -> Mapping[str, Any]:
    return {name: kind for name, kind in vars(torch.nn).items()
            if isinstance(kind, type) and kind.__module__ == loss_modules.__name__}  # fmt: skip


def _functions() -> Mapping[str, Any]:
    named = {name: found for name, found in vars(functional).items()
             if callable(found) and not name.startswith("_") and name.endswith("_loss")}  # fmt: skip
    return named | {name: getattr(functional, name) for name in _OF_CLASS.values()}


def _unknown(asked: str) -> str:
    names = [*_classes(), *_functions(), *SHORT, *REDUCTIONS, OUTPUT_LOSS]
    lower = {name.lower(): name for name in names}
    close = [lower[one] for one in difflib.get_close_matches(asked.lower(), list(lower), 4, 0.6)]
    hint = f"Close to it: {', '.join(close)}." if close else \
        "Name one of torch.nn, such as MSELoss or CrossEntropyLoss."  # fmt: skip
    return f"There is no loss {asked[:80]!r}. {hint} Your own goes as file.py:NAME, the model's as {OUTPUT_LOSS}."


def _article(noun: str) -> str:
    return f"{'an' if noun[:1].lower() in 'aeiou' else 'a'} {noun}"

