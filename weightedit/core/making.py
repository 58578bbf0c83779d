"""Making tensors that were not there before, piece by piece, in the dtype they are to have."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch

from weightedit.core.compute import PIECE
from weightedit.core.dtypes import torch_dtype
from weightedit.core.reading import array_index, array_over, blocks
from weightedit.core.region import Box
from weightedit.core.spec import TensorSpec
from weightedit.core.stage import bits_of, staged, tensor_over

if TYPE_CHECKING:
    from weightedit.core.workshop import Workshop


def filled(spec: TensorSpec, fill: Callable[[Box], torch.Tensor], shop: Workshop) -> memoryview:
    """Return the row-major bytes of a new tensor, made in pieces; the shop's progress is told of each."""
    buffer = shop.spill.allocate(spec.nbytes)
    out = array_over(spec, buffer)
    for box in blocks(spec, Box.whole(spec.shape), PIECE):
        stored = staged(fill(box).expand(box.shape), spec.dtype)
        out[array_index(box)] = bits_of(stored)
        shop.progress.advance(stored.numel() * stored.element_size())
    return buffer


def live_tensor(spec: TensorSpec, buffer: memoryview) -> Any:
    """Return a torch tensor of its own with these bytes, a Parameter where the spec says so."""
    tensor = tensor_over(buffer, spec.dtype, spec.shape).clone()
    assert tensor.dtype == torch_dtype(spec.dtype)
    return torch.nn.Parameter(tensor, spec.requires_grad) if spec.kind == "parameter" else tensor
