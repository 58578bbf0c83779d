"""Writes into tensors that running code holds, by `copy_` or `index_put_`, worked out before the first is made."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from weightedit.core.commands import LiveWrite
from weightedit.core.edits.compute import Piece, compute
from weightedit.core.edits.plan import Plan, Target
from weightedit.core.edits.workshop import Workshop
from weightedit.core.live.objects import LiveBytes
from weightedit.core.region import Box
from weightedit.core.slots import Described
from weightedit.core.stage import bits_of, bytes_of, copy_out, selected, tensor_over, write_live
from weightedit.core.storage import Storage
from weightedit.core.undo.sealed import seal
from weightedit.core.values.reading import array_index, gather


def live_write(plan: Plan, target: Target, described: Described, shop: Workshop) -> LiveWrite:
    """Return the command that writes a target's new values into its live tensor."""
    kept: list[tuple[Box, memoryview, memoryview]] = []
    rooms = [shop.spill.allocate(target.nbytes if target.condition is None else 0) for _ in range(2)]
    for box in target.boxes:
        for piece in compute(plan, target, box, shop.chunk):
            written, new = _narrowed(piece)
            shop.progress.advance(piece.stored.numel() * piece.stored.element_size())
            if not written.numel:
                continue
            now = np.ascontiguousarray(gather(target.pinned.spec, target.pinned.content, written, shop.chunk))
            new = new if piece.mask is None else np.where(_cut(piece, written), new, now.view(new.dtype))
            if rooms[0].nbytes < now.nbytes:  # a condition: how much its cells spread over is not known before
                rooms = [shop.spill.allocate(max(now.nbytes, shop.chunk)) for _ in range(2)]
            before, after = (room[: now.nbytes] for room in rooms)
            rooms = [room[now.nbytes :] for room in rooms]
            before[:] = now.reshape(-1).view(np.uint8).data
            after[:] = np.ascontiguousarray(new).reshape(-1).view(np.uint8).data
            seal(before), seal(after)
            kept.append((written, before, after))
    return _command(described.live, described.storage, kept)


def whole_write(live: torch.Tensor, storage: Storage, values: torch.Tensor, shop: Workshop,
                beside: bool = False) -> LiveWrite:  # fmt: skip
    """Return the command that writes `values`, of its shape and dtype, over the whole of a live tensor."""
    before, after = (shop.spill.allocate(live.numel() * live.element_size()) for _ in range(2))
    copy_out(live, before)
    copy_out(values, after)
    seal(before), seal(after)
    return replace(_command(live, storage, [(Box.whole(tuple(live.shape)), before, after)]), beside=beside)


def _command(live: torch.Tensor, storage: Storage, kept: list[tuple[Box, memoryview, memoryview]]) -> LiveWrite:
    dtype = str(live.dtype).removeprefix("torch.")

    def write(tensor: Any, box: Box, data: memoryview) -> None:
        write_live(tensor, box, tensor_over(data, dtype, box.shape))

    def read(tensor: Any, box: Box) -> bytes:
        with torch._C.DisableTorchFunctionSubclass():  # what is there, not what a class of its own says is there
            return bytes(bytes_of(selected(tensor, box).cpu()))

    untyped, shape, number = live.untyped_storage(), live.shape, live.dtype

    def fits(tensor: Any) -> bool:
        return bool(tensor.shape == shape and tensor.dtype == number)

    return LiveWrite(live, storage, write, read, lambda: LiveBytes(untyped), kept, fits)


def _narrowed(piece: Piece) -> tuple[Box, np.ndarray[Any, Any]]:
    """Return the smallest product of rows, columns and so on that holds every cell a piece writes, and its bits."""
    bits = bits_of(piece.stored)
    if piece.mask is None:
        return piece.box, bits
    mask = piece.mask.numpy()
    inner = []
    for dim in range(mask.ndim):
        some = np.flatnonzero(mask.any(axis=tuple(other for other in range(mask.ndim) if other != dim)))
        inner.append(tuple(some.tolist()) if len(some) < mask.shape[dim] else range(mask.shape[dim]))
    if not mask.any():
        return Box(tuple(range(0) for _ in range(max(mask.ndim, 1)))), bits
    positions = Box(tuple(inner))
    return piece.box.within(positions), bits[array_index(positions)]


def _cut(piece: Piece, written: Box) -> np.ndarray[Any, Any]:
    assert piece.mask is not None
    found: np.ndarray[Any, Any] = piece.mask.numpy()[array_index(written.positions_in(piece.box))]
    return found
