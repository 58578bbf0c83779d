"""Random uses of the operations that move, take, add or choose cells, with what plain torch and Python make of them."""

from __future__ import annotations

import math
from typing import Any

import torch
from hypothesis import strategies as st
from torch.nn import functional

from tests.operations import oracle

MOVES = ("flip", "roll", "permute_rows", "reshape", "permute", "pad", "concat", "repeat", "insert_rows", "delete_rows")
CHOICES = ("clamp", "zero_small", "prune", "initialize")
MOST = 200
"""Tensors with more elements are not enlarged."""


def cells(tensor: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """The elements of a tensor at row-major offsets, bit for bit, in the shape of `places`."""
    if not places.numel():
        return torch.empty(places.shape, dtype=tensor.dtype)
    data = torch.frombuffer(bytearray(oracle.bits(tensor)), dtype=torch.uint8).reshape(-1, tensor.element_size())
    return data[places.reshape(-1)].reshape(-1).view(tensor.dtype).reshape(places.shape)


def moved(data: st.DataObject, what: str, before: torch.Tensor) -> tuple[dict[str, Any], torch.Tensor] | None:
    """Arguments for a random move, and the tensor after it; None where a tensor cannot be moved so."""
    shape = tuple(before.shape)
    at = torch.arange(before.numel()).reshape(shape)
    if not shape or (before.numel() > MOST and what in ("pad", "concat", "repeat", "insert_rows")):
        return None
    dim = data.draw(st.integers(-len(shape), len(shape) - 1), "dim")
    size = shape[dim]
    if what == "flip":
        dims = data.draw(st.lists(st.integers(0, len(shape) - 1), unique=True, min_size=1), "dims")
        return {"dims": dims}, cells(before, at.flip(dims))
    if what == "roll":
        shift = data.draw(st.integers(-9, 9), "shift")
        return {"shifts": shift, "dims": dim}, cells(before, at.roll(shift, dim))
    if what == "permute_rows":
        order = data.draw(st.permutations(range(size)), "order")
        return {"order": list(order), "dim": dim}, cells(before, at.index_select(dim, torch.tensor(order).long()))
    if what == "permute":
        dims = list(data.draw(st.permutations(range(len(shape))), "dims"))
        return {"dims": dims}, cells(before, at.permute(dims))
    if what == "reshape":
        split = [one for one in range(1, before.numel() + 1) if before.numel() % one == 0]
        first = data.draw(st.sampled_from(split or [1]), "first")
        return {"shape": [first, -1]}, cells(before, at.reshape(first, before.numel() // first))
    return grown(data, what, before, at, dim)


def grown(data: st.DataObject, what: str, before: torch.Tensor, at: torch.Tensor,
          dim: int) -> tuple[dict[str, Any], torch.Tensor]:  # fmt: skip
    """Arguments for a random edit that adds or takes cells, and the tensor after it."""
    size = before.shape[dim]
    if what == "repeat":
        times = [data.draw(st.integers(1, 2), "times") for _ in before.shape]
        return {"repeats": times}, cells(before, at.repeat(times))
    if what == "concat":
        return {"tensors": [before.clone()], "dim": dim}, cells(before, torch.cat([at, at], dim))
    if what == "delete_rows":
        first = data.draw(st.integers(0, size), "first")
        last = data.draw(st.integers(first, size), "last")
        kept = [*range(first), *range(last, size)]
        wanted = torch.tensor(kept, dtype=torch.int64)
        return {"rows": f"{first}:{last}", "dim": dim}, cells(before, at.index_select(dim, wanted))
    with_value = torch.cat([cells(before, at).reshape(-1).view(torch.uint8),
                            oracle.filled(torch.empty(1, dtype=before.dtype), 1).view(torch.uint8)])  # fmt: skip
    source = with_value.view(before.dtype)
    new = before.numel()
    if what == "pad":
        pad = data.draw(st.lists(st.integers(0, 2), min_size=2, max_size=2), "pad")
        return {"pad": pad, "value": 1}, cells(source, functional.pad(at, pad, value=new))
    index = data.draw(st.integers(0, size), "index")
    rows = torch.full([2 if one == dim % before.dim() else length for one, length in enumerate(before.shape)], new)
    places = torch.cat([at.narrow(dim, 0, index), rows, at.narrow(dim, index, size - index)], dim)
    return {"index": index, "count": 2, "dim": dim, "method": "ones"}, cells(source, places)


def chosen(data: st.DataObject, what: str, before: torch.Tensor) -> tuple[dict[str, Any], torch.Tensor] | None:
    """Arguments for an edit of cells by their size, and the cells after it; None where the dtype has no order."""
    if what == "initialize":
        number = data.draw(st.sampled_from([0, 1, -2, 0.5]), "value")
        number = abs(int(number)) if before.dtype in oracle.INTEGERS else number
        return {"method": "constant", "value": number}, oracle.filled(before, number)
    if what == "prune":
        amount = data.draw(st.sampled_from([0, 0.25, 0.5, 1]), "amount")
        wide = before.to(torch.complex64) if before.dtype == torch.complex32 else before
        plain = [abs(one) for one in wide.reshape(-1).tolist()]
        sizes = [math.inf if math.isnan(one) else one for one in plain]
        order = sorted(range(len(plain)), key=lambda at: (sizes[at], math.isnan(plain[at])))
        gone = torch.zeros(len(plain), dtype=torch.bool)
        gone[order[: round(amount * len(plain))]] = True
        return {"amount": amount}, picked(gone.reshape(before.shape), oracle.filled(before, 0), before)
    if before.is_complex():
        return None
    if before.is_floating_point():
        wide = before if before.dtype == torch.float64 else before.to(torch.float32)
        if what == "zero_small":
            return {"threshold": 2}, picked(wide.abs() <= 2, oracle.filled(before, 0), before)
        return {"min": -1, "max": 8}, oracle.stored(wide.clamp(-1, 8), before.dtype)
    plain = [int(one) for one in before.reshape(-1).tolist()]
    least = -1 if before.dtype in oracle.INTEGERS and torch.iinfo(before.dtype).min else 0
    after = [0 if abs(one) <= 2 else one for one in plain] if what == "zero_small" else \
        [min(max(one, least), 8) for one in plain]  # fmt: skip
    stored = torch.tensor(after, dtype=torch.uint64 if before.dtype == torch.uint64 else torch.int64)
    arguments: dict[str, Any] = {"threshold": 2} if what == "zero_small" else {"min": -1, "max": 8}
    return arguments, oracle.stored(stored, before.dtype).reshape(before.shape)


def picked(mask: torch.Tensor, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """`torch.where` by bits, for the dtypes that it does not take."""
    both = torch.stack([torch.frombuffer(bytearray(oracle.bits(one)), dtype=torch.uint8).reshape(mask.numel(), -1)
                        for one in (first, second)]) if mask.numel() else None  # fmt: skip
    if both is None:
        return second.clone()
    return torch.where(mask.reshape(-1, 1), *both).reshape(-1).view(second.dtype).reshape(second.shape)
