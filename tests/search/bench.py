"""Tensors in memory as documents read them, and expressions worked out over them piece by piece, and by torch."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from weightedit.core.region import Box, parse_region
from weightedit.core.spec import TensorSpec
from weightedit.core.stage import tensor_from
from weightedit.core.storage import Resident
from weightedit.core.values.pinned import PinnedRegion, PinnedTensor, Readable
from weightedit.core.values.reading import array_index, blocks
from weightedit.search.bound import Bound
from weightedit.search.expression import parse


def pin(tensor: torch.Tensor, name: str = "t") -> PinnedTensor:
    """A tensor with its stride."""
    raw = bytearray(torch.empty(0, dtype=torch.uint8).set_(tensor.untyped_storage()).numpy().tobytes())
    dtype = str(tensor.dtype).removeprefix("torch.")
    spec = TensorSpec(dtype, tuple(tensor.shape), tensor.stride(), tensor.storage_offset())
    return PinnedTensor(name, spec, Resident(memoryview(raw)))


def source_of(tensor: torch.Tensor, region: str | None = None) -> Readable:
    whole = pin(tensor)
    return whole if region is None else PinnedRegion(whole, parse_region(region, tensor.shape))


def evaluated(bound: Bound, source: Readable, cells: int) -> torch.Tensor:
    """The result of a bound expression, `cells` cells at a time."""
    result = torch.empty(source.spec.shape, dtype=bound.dtype)
    for box in blocks(source.spec, Box.whole(source.spec.shape), cells):
        values = tensor_from(source.read(box), source.spec.dtype)
        result[array_index(box)] = bound.evaluate(values, box)
    return result


def worked_out(text: str, tensor: torch.Tensor, others: Mapping[str, torch.Tensor] | None = None, *,
               cells: int = 1 << 15, region: str | None = None) -> torch.Tensor:
    source = source_of(tensor, region)
    named = {name: pin(other, name) for name, other in (others or {}).items()}
    return evaluated(parse(text).bind(source, named), source, cells)


def by_torch(text: str, tensor: torch.Tensor, others: Mapping[str, torch.Tensor] | None = None) -> torch.Tensor:
    """What the printed PyTorch code gives: torch itself is the reference."""
    code = parse(text).to_pytorch("w", {name: f"others[{name!r}]" for name in others or {}})
    found = torch.as_tensor(eval(code, {"torch": torch, "w": tensor, "others": others}))
    return found.expand(tensor.shape)


def bits(tensor: torch.Tensor) -> bytes:
    return tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes() if tensor.numel() else b""
