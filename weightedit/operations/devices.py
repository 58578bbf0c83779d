"""Operations on where tensors are."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from weightedit.core.operation import DeviceName, operation
from weightedit.core.region import Box
from weightedit.core.spec import TensorSpec

if TYPE_CHECKING:
    from torch import Tensor


def _moved(spec: TensorSpec, box: Box, device: str) -> TensorSpec:
    return replace(spec, device=device)


@operation("rebind", title="Move to device", converts=True, relocates=True, result=_moved, label="{device}",
           code='{current}.to("{device}")')  # fmt: skip
def to_device(current: Tensor, device: DeviceName) -> Tensor:
    """Move tensors to another device; in a file, change the device they are saved for.

    Values, dtype, shape and sharing stay: all tensors over one storage go together. In a live module each parameter
    becomes a new `nn.Parameter` on the device in every place that holds it, with its `.grad` and what the optimizer
    keeps for it. A checkpoint of torch is loaded onto the device its tensors are saved for, unless it is told another.

    Parameters
    ----------
    device
        Such as `cpu` or `cuda:0`.

    References
    ----------
    torch.Tensor.to, https://docs.pytorch.org/docs/stable/generated/torch.Tensor.to.html
    """
    return current
