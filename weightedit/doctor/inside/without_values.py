"""Models whose tensors have shapes, dtypes and devices, and no values: torch calls such tensors fake."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from weightedit.core.live.detached import Copier, blank
from weightedit.core.progress import Ask, unasked


def fake_mode() -> Any:
    """Return a mode under which tensors have no values."""
    from torch._subclasses.fake_tensor import FakeTensorMode

    return FakeTensorMode(allow_non_fake_inputs=True)


def faked(model: nn.Module, fake: Any, ask: Ask = unasked) -> nn.Module:
    """Return a copy of a model whose tensors have no values; the model is as it was.

    Parameters
    ----------
    model
        The model, on any device.
    fake
        The mode of the tensors that are made.
    ask
        Called at each tensor; what it raises stops the copying.

    Raises
    ------
    TypeError
        If something inside cannot be copied, such as a lock or a generator.
    """
    made: nn.Module = _Faked(fake, ask).copy(model)
    return made


class _Faked(Copier):
    """Copies objects, their tensors without values."""

    def __init__(self, fake: Any, ask: Ask) -> None:
        super().__init__(ask)
        self._fake = fake

    def tensor(self, tensor: torch.Tensor) -> torch.Tensor:
        """Return a tensor of the same shape, stride, dtype, device and class, with copies of what hangs on it.

        One on meta, which has no values either, is on the CPU.
        """
        if is_lazy(tensor):
            return blank(tensor)
        made = self._plain(tensor) if _is_plain(tensor) else self._fake.from_tensor(tensor, static_shapes=True)
        attributes = getattr(tensor, "__dict__", None)
        if attributes:
            self._keep(tensor, made)
            vars(made).update(self.copy(attributes))
        return made

    def _plain(self, tensor: torch.Tensor) -> torch.Tensor:
        """Make what torch's own conversion makes of a tensor that is a view of none, in a tenth of its time."""
        from torch._subclasses.fake_tensor import FakeTensor

        meta = torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device="meta",
                                   requires_grad=tensor.requires_grad and tensor.is_leaf)  # fmt: skip
        device = torch.device("cpu") if tensor.is_meta else tensor.device  # where what it is called with is made
        made: torch.Tensor = FakeTensor(self._fake, meta, device)
        if isinstance(tensor, nn.Parameter):
            made._is_param = True  # as `nn.Parameter` does with tensors of such a class
        return made


def _is_plain(tensor: torch.Tensor) -> bool:
    """Whether shape, stride, dtype and device say all of a tensor but its values."""
    return type(tensor) in (torch.Tensor, nn.Parameter) and tensor.layout == torch.strided and not (
        tensor.is_nested or tensor.is_quantized or tensor.is_conj() or tensor.is_neg())  # fmt: skip
