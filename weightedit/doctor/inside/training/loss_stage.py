"""The loss of one step: which tensor of the output it takes, and whether it stretches output over target."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from weightedit.core.live.detached import detached_copy
from weightedit.doctor.inside.training.losses import Loss
from weightedit.doctor.inside.training.parts import dtype_name, own_loss, shape_of, taken_of
from weightedit.doctor.inside.training.values import values_of
from weightedit.doctor.inside.training.watching import Watch
from weightedit.doctor.training_step.facts import Broadcast, LossFacts, Taken
from weightedit.doctor.training_step.parts import Values

ELEMENTWISE = {
    "mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "poisson_nll_loss", "kl_div", "soft_margin_loss",
    "hinge_embedding_loss", "multilabel_soft_margin_loss", "gaussian_nll_loss", "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
}  # fmt: skip
"""Losses of torch that compare each value with one."""
BINARY = {"sub", "rsub", "__rsub__", "subtract", "add", "__radd__", "mul", "multiply", "div", "true_divide", "divide",
          "pow", "eq", "ne", "maximum", "minimum", "logaddexp", "where"}  # fmt: skip
"""Functions a person's own loss compares them with."""
BY_CLASS = {"cross_entropy", "nll_loss", "multi_margin_loss", "multilabel_margin_loss"}
"""Losses of torch that take numbers of classes as target."""
_CLOSE = 1e-4
"""How far from 1 the sum of probabilities in float32 may be; in smaller floats a few roundings of theirs."""


@dataclass(slots=True)
class LossStage:
    """The loss of one step.

    Attributes
    ----------
    loss
        What it computed, once it did.
    target_values
        What is in the target, where that is one tensor.
    """

    chosen: Loss
    target: Any
    loss: Any = None
    target_values: Values | None = None
    _output: Any = None
    _taken: tuple[str, torch.Tensor] | None = None
    _broadcasts: list[Broadcast] = field(default_factory=list)
    _is_done: bool = False

    def take(self, output: Any) -> None:
        """Take the tensor of an output that the loss is made of."""
        self._output = output
        self._taken = taken_of(output)
        if self.chosen.function == "output" and (found := own_loss(output)) is not None:
            self._taken = "loss", found

    def compute(self) -> None:
        """Compute the loss.

        Raises
        ------
        TypeError
            If the output has nothing that the loss could take, or it needs a target and there is none.
        """
        if isinstance(self.target, torch.Tensor):
            self.target_values = values_of(self._counting(self.target))
        if self._taken is None and not self.chosen.takes_whole:
            raise TypeError("the output of the model holds no tensor")
        if self.chosen.needs_target and self.target is None:
            raise TypeError(f"{self.chosen.name} takes a target, and none was given")
        given = self._output if self.chosen.takes_whole or self._taken is None else self._taken[1]
        self._refuse_before_the_device_does()
        both = self.chosen.needs_target or (self.chosen.takes_target and self.target is not None)
        with _Stretching(self):
            self.loss = self.chosen.call(given, self.target) if both else self.chosen.call(given)
        if self.loss is None and self.chosen.function == "output":
            raise TypeError("the output of the model has no loss")
        self._is_done = True

    def facts(self) -> LossFacts:
        """Describe the loss as far as it came."""
        made, chosen = self.loss, self.chosen
        seen = tuple(dict.fromkeys(self._broadcasts))
        if not self._is_done or not isinstance(made, torch.Tensor):
            return LossFacts(chosen.name, chosen.function, type(made).__name__ if self._is_done else "",
                             ignore_index=chosen.ignore_index, log_target=chosen.log_target,
                             broadcasts=seen)  # fmt: skip
        has_value = made.numel() == 1 and not made.is_meta and not made.is_complex()
        value = float(made.detach()) if has_value else None
        return LossFacts(chosen.name, chosen.function, type(made).__name__, tuple(made.shape), dtype_name(made.dtype),
                         value, made.requires_grad, chosen.ignore_index, chosen.log_target, seen)  # fmt: skip

    def taken_facts(self, watch: Watch) -> Taken | None:
        """Describe the tensor that was taken; None where there was none."""
        if self._taken is None:
            return None
        path, tensor = self._taken
        return Taken(path, shape_of(tensor), dtype_name(tensor.dtype), tensor.requires_grad,
                     values_of(tensor) or Values(), _sums_to_one(tensor), watch.head_of(tensor))  # fmt: skip

    def seen(self, function: str, args: tuple[Any, ...], result: Any) -> None:
        """Note a function that took output and target together and stretched one of them."""
        output = self._taken[1] if self._taken is not None else None
        if not any(one is output for one in args) or not any(one is self.target for one in args):
            return
        if not isinstance(output, torch.Tensor) or not isinstance(self.target, torch.Tensor):
            return
        shapes = tuple(output.shape), tuple(self.target.shape)
        if shapes[0] == shapes[1] or self.target.numel() < 2:
            return
        try:
            stretched = tuple(torch.broadcast_shapes(*shapes))  # type: ignore[no-untyped-call]
        except RuntimeError:
            return
        if function in ELEMENTWISE or (isinstance(result, torch.Tensor) and tuple(result.shape) == stretched):
            self._broadcasts.append(Broadcast(function, *shapes, stretched))

    def _counting(self, target: torch.Tensor) -> torch.Tensor:
        """Return what counts of a target: without the class that the loss leaves out, where there is any other."""
        if self.chosen.ignore_index is None or target.is_floating_point() or target.is_meta:
            return target
        found = target[target != self.chosen.ignore_index]
        return found if found.numel() else target

    def _refuse_before_the_device_does(self) -> None:
        """Compute on the CPU what a device would end the whole process for: a class or a probability out of range."""
        taken = self._taken[1] if self._taken is not None else None
        if taken is None or taken.device.type == "cpu" or not isinstance(self.target, torch.Tensor):
            return
        call = self.chosen.call
        if isinstance(call, torch.nn.Module):
            call = detached_copy(call).to("cpu")
        if self.chosen.function in BY_CLASS or self.chosen.function == "binary_cross_entropy":
            call(taken.detach().to("cpu"), self.target.detach().to("cpu"))


class _Stretching(TorchFunctionMode):
    """Sees each function that a loss calls, with the very tensors it is called with."""

    def __init__(self, stage: LossStage) -> None:
        super().__init__()
        self._stage = stage

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Call the function, and note what it took."""
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        name = getattr(func, "__name__", "")
        if name in ELEMENTWISE or name in BINARY:
            self._stage.seen(name, (*args, *kwargs.values()), result)
        return result


def _sums_to_one(tensor: torch.Tensor) -> bool:
    if tensor.dim() < 2 or not tensor.is_floating_point() or tensor.is_meta or tensor.shape[1] < 2 or \
            not tensor.numel():  # fmt: skip
        return False
    found = tensor.detach().to(torch.float32)
    if not 0 <= float(found.min()) <= float(found.max()) <= 1:
        return False
    close = max(_CLOSE, 4 * torch.finfo(tensor.dtype).eps)
    return bool(((found.sum(1) - 1).abs() < close).all())
