"""Making tensors that were not there before, piece by piece, in the dtype they are to have."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch

from weightedit.core.compute import PIECE, compute, result_boxes
from weightedit.core.dtypes import torch_dtype
from weightedit.core.reading import array_index, array_over, blocks
from weightedit.core.region import Box
from weightedit.core.spec import TensorSpec
from weightedit.core.stage import bits_of, staged, tensor_over

if TYPE_CHECKING:
    from weightedit.core.plan import Plan, Target
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


def result_bytes(plan: Plan, target: Target, shop: Workshop) -> memoryview:
    """Return the row-major bytes of what a rebind makes of a target, computed in pieces."""
    buffer = shop.spill.allocate(target.result.nbytes)
    out = array_over(target.result, buffer)
    for box in result_boxes(plan, target):
        for piece in compute(plan, target, box, shop.chunk):
            out[array_index(piece.box)] = bits_of(piece.stored)
            shop.progress.advance(piece.stored.numel() * piece.stored.element_size())
    return buffer


def live_tensor(spec: TensorSpec, buffer: memoryview) -> Any:
    """Return a torch tensor of its own with these bytes, a Parameter where the spec says so."""
    tensor = tensor_over(buffer, spec.dtype, spec.shape).clone()
    assert tensor.dtype == torch_dtype(spec.dtype)
    return torch.nn.Parameter(tensor, spec.requires_grad) if spec.kind == "parameter" else tensor
