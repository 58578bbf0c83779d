"""Making tensors that were not there before, piece by piece, in the dtype they are to have."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from weightedit.core.dtypes import torch_dtype
from weightedit.core.edits.compute import PIECE, compute, computed_parts
from weightedit.core.losing.tabled import Table, parts_of, patterns_in, table_of
from weightedit.core.progress import Progress
from weightedit.core.region import Box
from weightedit.core.spec import TensorSpec
from weightedit.core.stage import bits_of, staged, tensor_over
from weightedit.core.values.passes import each_part
from weightedit.core.values.reading import ReadBuffer, array_index, array_over, blocks
from weightedit.core.values.side_by_side import side_by_side, threads_for

if TYPE_CHECKING:
    from weightedit.core.edits.plan import Plan, Target
    from weightedit.core.edits.workshop import Workshop


LOOKED_UP = 1 << 20
"""Bytes whose patterns are looked up at once: they stay in the cache of a core."""


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
    put_computed(plan, target, array_over(target.result, buffer), shop)
    return buffer


def put_computed(plan: Plan, target: Target, out: np.ndarray[Any, Any], shop: Workshop) -> None:
    """Compute a target in pieces and put each where it belongs in an array over the whole result, as plain items."""
    table = table_of(plan, target)
    if table is not None:
        _put_looked_up(target, table, out, shop)
        return

    def put(box: Box, progress: Progress) -> None:
        for piece in compute(plan, target, box, shop.chunk):
            values, index = bits_of(piece.stored), array_index(piece.box)
            out[index] = values if piece.mask is None else np.where(piece.mask.numpy(), values, out[index])
            progress.advance(values.nbytes)

    boxes, threads = computed_parts(plan, target)
    each_part(boxes, put, shop.progress, threads)


def _put_looked_up(target: Target, table: Table, out: np.ndarray[Any, Any], shop: Workshop) -> None:
    """Look what is stored up by the bits of what was there, in several threads: each part is read, and written once."""
    spec, content = target.pinned.spec, target.pinned.content

    def looking_up() -> Callable[[Box], int]:
        buffer = ReadBuffer()

        def look_up(part: Box) -> int:
            patterns, place = patterns_in(spec, content, part, buffer), out[array_index(part)]
            if place.flags.c_contiguous and np.may_share_memory(place, out):
                table.look_up(patterns, place)
            else:
                out[array_index(part)] = table.look_up(patterns)
            return patterns.size * out.itemsize

        return look_up

    parts = parts_of(spec, target.boxes, LOOKED_UP)
    side_by_side(parts, looking_up, shop.progress.advance, threads_for(target.nbytes, 8 * LOOKED_UP))


def live_tensor(spec: TensorSpec, buffer: memoryview) -> Any:
    """Return a torch tensor of its own with these bytes, a Parameter where the spec says so."""
    tensor = tensor_over(buffer, spec.dtype, spec.shape).clone()
    assert tensor.dtype == torch_dtype(spec.dtype)
    return torch.nn.Parameter(tensor, spec.requires_grad) if spec.kind == "parameter" else tensor
