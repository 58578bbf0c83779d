"""Which targets a loss of torch takes: one rule for the target of a step and for those of the whole data."""

from __future__ import annotations

import math
from dataclasses import dataclass

from weightedit.doctor.training_step.facts import LossFacts, Taken
from weightedit.doctor.training_step.parts import Part, Values

BY_CLASS = {"cross_entropy", "nll_loss", "multi_margin_loss"}
"""Losses of torch whose target is the number of a class."""
CLASS_LISTS = {"multilabel_margin_loss"}
"""Losses of torch whose target lists numbers of classes, ended by −1."""
_BINARY = {"binary_cross_entropy", "binary_cross_entropy_with_logits", "multilabel_soft_margin_loss"}
"""Losses of torch whose target is a probability."""
_RAISE = {"binary_cross_entropy", *CLASS_LISTS}
"""Of these and those, the ones for which torch raises on its own at other targets."""
_SIGNS = {"soft_margin_loss", "hinge_embedding_loss"}
"""Losses of torch whose target is −1 or 1; they take anything."""
_FLOAT = ("float", "bfloat")


@dataclass(frozen=True, slots=True)
class Accepted:
    """The targets that a loss takes.

    Attributes
    ----------
    low, high
        From where to where they go.
    said
        They in words, `targets from 0 to 1`.
    kind
        That of the finding of others.
    only_ends
        Whether nothing between the two is taken.
    raises
        Whether torch raises where there are others.
    """

    low: float
    high: float
    said: str
    kind: str = "target-range"
    only_ends: bool = False
    raises: bool = False

    def takes(self, value: float) -> bool:
        """Whether a target may be this."""
        return value in (self.low, self.high) if self.only_ends else self.low <= value <= self.high

    def holds(self, values: Values | None) -> bool:
        """Whether no value of a target is known to be another."""
        return values is None or values.lowest is None or values.highest is None or \
            (self.takes(values.lowest) and self.takes(values.highest))  # fmt: skip


PROBABILITIES = Accepted(0, 1, "targets from 0 to 1")


def accepted(loss: LossFacts, taken: Taken, target: Part) -> Accepted | None:
    """Return the targets that a loss takes with this output; None where it takes any, or where shapes do not fit.

    Parameters
    ----------
    loss, taken
        The loss, and the tensor it was made of.
    target
        The target of the step, whose dtype and shape say whether it holds classes or probabilities.
    """
    if loss.function in BY_CLASS:
        if is_probabilities(loss, taken, target):
            return PROBABILITIES
        classes = classes_of(taken)
        return Accepted(0, classes - 1, f"classes from 0 to {classes - 1}", raises=True) \
            if target.shape == shape_of_classes(taken) else None  # fmt: skip
    raises = loss.function in _RAISE
    if loss.function in _BINARY:
        return Accepted(0, 1, PROBABILITIES.said, raises=raises)
    if loss.function in _SIGNS:
        return Accepted(-1, 1, "targets of −1 and 1", only_ends=True)
    if loss.function in CLASS_LISTS and taken.shape:
        last = taken.shape[-1] - 1
        return Accepted(-1, last, f"classes from 0 to {last}, ended by −1", raises=raises)
    if loss.function == "kl_div" and not loss.log_target:  # above 1 it is a number like any other
        return Accepted(0, math.inf, PROBABILITIES.said, "target-negative")
    return None


def is_probabilities(loss: LossFacts, taken: Taken, target: Part) -> bool:
    """Whether the target of a loss over classes has a probability for each."""
    return loss.function == "cross_entropy" and target.shape == taken.shape and target.dtype.startswith(_FLOAT)


def classes_of(taken: Taken) -> int:
    """Return how many classes an output has a score for: its second dimension, or its only one."""
    return taken.shape[1] if len(taken.shape) > 1 else taken.shape[0] if taken.shape else 0


def shape_of_classes(taken: Taken) -> tuple[int, ...]:
    """Return the shape of a target that has one class for each row of an output."""
    return (*taken.shape[:1], *taken.shape[2:]) if len(taken.shape) > 1 else ()
