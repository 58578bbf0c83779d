"""Computing an edit piece by piece: what would be stored, from the values before the edit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from weightedit.core.edit import TensorName
from weightedit.core.edits.place import Place, Survey
from weightedit.core.edits.plan import Plan, Target
from weightedit.core.errors import EditRefused, ExpressionError
from weightedit.core.hazards import refusal
from weightedit.core.losing.tabled import table_of
from weightedit.core.region import Box, parse_region
from weightedit.core.spec import TensorSpec
from weightedit.core.stage import staged, tensor_from
from weightedit.core.values.passes import parts_of, readers_of
from weightedit.core.values.pinned import CHUNK, Chunks, PinnedRegion, PinnedTensor
from weightedit.core.values.reading import blocks, gather, pieces, tiles

PIECE = 1 << 15
"""Elements computed at once on CPU: past them torch splits its loops over threads, which costs more than it gives."""



@dataclass(slots=True)
class Piece:
    """One computed piece: where it goes, what was there, and what comes, exactly and as stored (both on CPU).

    `mask` says which of the cells are written; None means all.
    """

    box: Box
    current: torch.Tensor | None
    exact: torch.Tensor
    stored: torch.Tensor
    mask: torch.Tensor | None = None

    @property
    def count(self) -> int:
        """How many cells are written."""
        return self.stored.numel() if self.mask is None else int(torch.count_nonzero(self.mask))


def result_boxes(plan: Plan, target: Target) -> list[Box]:
    """Return what is computed, in the result's indices: the regions of a write, all of a rebind."""
    return target.boxes if plan.operation.effect == "write" else [Box.whole(target.result.shape)]


def computed_parts(plan: Plan, target: Target) -> tuple[list[Box], int]:
    """Return what is computed, cut into parts that do not depend on one another, and how many threads may take them.

    Where a pass came before, or values come from elsewhere, or on a device, it is one thread and the boxes as they are.
    """
    operation, boxes = plan.operation, result_boxes(plan, target)
    alone = not (operation.inputs or operation.prepare or operation.takes_place or operation.random or target.condition
                 or target.tensors or target.lists)  # fmt: skip
    if not alone or plan.edit.device != "cpu" or target.pinned.writes is not None:
        return boxes, 1
    parts = [part for box in boxes for part in parts_of(target.spec, box)]
    return parts, readers_of(target.pinned) if len(parts) > 1 else 1


def compute(plan: Plan, target: Target, box: Box, nbytes: int) -> Iterator[Piece]:
    """Compute one box of the result in pieces; `nbytes` bounds what is read at once, and with it all else."""
    elements = min(PIECE, nbytes // 16) if plan.edit.device == "cpu" else max(PIECE, nbytes // 8)
    layout = _layout(plan, target)
    cut = tiles(layout, box, nbytes // 16) if _is_crossed(target, layout) else blocks(layout, box, elements)
    for piece in cut:
        yield compute_piece(plan, target, box, piece, nbytes)


def _is_crossed(target: Target, layout: TensorSpec) -> bool:
    """Whether an argument lies in another order than the result, as a transposed one does.

    Pieces of either are thin strips of the other then, and each would read through all of it.
    """
    for one in target.tensors.values():
        if len(one.spec.shape) == len(layout.shape):
            dims = [dim for dim, size in enumerate(layout.shape) if size > 1 and one.spec.shape[dim] > 1]
            if _order(one.spec, dims) != _order(layout, dims):
                return True
    return False


def _order(spec: TensorSpec, dims: list[int]) -> list[int]:
    return sorted(dims, key=lambda dim: (-spec.stride[dim], dim))


def _layout(plan: Plan, target: Target) -> TensorSpec:
    """Return a spec to cut the result by, so that pieces follow the order in which the old tensor is stored."""
    inputs, result = plan.operation.inputs, target.result
    if plan.operation.effect == "write":
        return target.spec
    if inputs is None:
        return replace(target.spec, dtype=result.dtype) if target.spec.shape == result.shape else result
    origin = _first_of(plan, target, Box(tuple(range(1) for _ in result.shape))) if result.numel else None
    if origin is None:
        return result
    stride = []
    dims = range(len(result.shape))
    for dim, size in enumerate(result.shape):
        next_one = Box(tuple(range(1, 2) if other == dim and size > 1 else range(1) for other in dims))
        moved = _first_of(plan, target, next_one) or origin
        steps = zip(origin, moved, target.spec.stride, strict=True)
        stride.append(sum(abs(new - old) * step for old, new, step in steps))
    return replace(result, stride=tuple(stride))


def _first_of(plan: Plan, target: Target, box: Box) -> tuple[int, ...] | None:
    """Return the index of the old tensor that one element of the result comes from, if it comes from one."""
    assert plan.operation.inputs is not None
    found = plan.operation.inputs(target.boxes[0], box, **plan.scalars)
    return tuple(axis[0] for axis in found.axes) if found is not None and found.numel else None


def compute_piece(plan: Plan, target: Target, box: Box, piece: Box, nbytes: int = CHUNK) -> Piece:
    """Compute one piece of a box; on the device the edit asks for."""
    operation, device = plan.operation, plan.edit.device
    if operation.prepare is not None:
        surveyed(plan, target)  # which may refuse, and in better words than what comes after
    source: Box | None = piece
    if operation.inputs is not None:
        source = operation.inputs(target.boxes[0], piece, **plan.scalars)
    current = None
    if source is not None:
        values = gather(target.pinned.spec, target.pinned.content, source, nbytes)
        current = tensor_from(values, target.spec.dtype)
    arguments: dict[str, Any] = {
        name: tensor_from(_argument(readable, box, piece, nbytes), readable.spec.dtype).to(device)
        for name, readable in target.tensors.items()
    } | dict(target.lists)
    mask = None
    if operation.takes_place:
        arguments["place"] = _place(plan, target, box, piece)
    if target.condition is not None and current is not None:
        mask = surveyed(plan, target).mask(current, piece)
    found = operation.compute(None if current is None else current.to(device), **plan.scalars, **arguments)
    exact, stored = found if isinstance(found, tuple) else (found, None)
    exact = exact.cpu().reshape(piece.shape) if exact.numel() == piece.numel else exact.cpu().expand(piece.shape)
    stored = staged(exact, target.result.dtype) if stored is None else stored.cpu().reshape(piece.shape)
    same = current is not None and current.shape == exact.shape and operation.effect == "write"
    keeps = operation.inputs is None or operation.converts
    known = current if (same and keeps) or operation.converts else None
    return Piece(piece, known, exact, stored, mask)


@dataclass(frozen=True, slots=True)
class Surveyed:
    """What passes over a target found before its first piece: the operation's context, and its condition's mask."""

    context: Any
    mask: Callable[[torch.Tensor, Box], torch.Tensor]


def _all(values: torch.Tensor, box: Box) -> torch.Tensor:
    return torch.ones(values.shape, dtype=torch.bool)


def surveyed(plan: Plan, target: Target) -> Surveyed:
    """Make the passes an operation or a condition needs, once for each target."""
    with target.lock:
        if target.survey is None:
            mask = _mask(plan, target) if target.condition is not None else None
            context = None
            if plan.operation.prepare is not None:
                bench, lists = plan.bench, {name: [one] for name, one in target.tensors.items()} | dict(target.lists)
                survey = Survey(target.name, plan.edit.seed or 0, target.pinned, target.result,
                                result_boxes(plan, target) if plan.operation.effect == "write" else target.boxes,
                                mask, lists, lambda name: bench.resolve(TensorName(name)), bench.nbytes, bench.check,
                                bench.spill)  # fmt: skip
                context = plan.operation.prepare(survey, **plan.scalars)
            target.survey = Surveyed(context, mask or _all)
        found: Surveyed = target.survey
        return found


def _mask(plan: Plan, target: Target) -> Callable[[torch.Tensor, Box], torch.Tensor]:
    condition, bench, region = target.condition, plan.bench, target.boxes[0]
    assert condition is not None
    named = {name: bench.resolve(TensorName(name)) for name in condition.names}
    try:
        bound = condition.bind(PinnedRegion(target.pinned, region), named, nbytes=bench.nbytes, check=bench.check)
    except ExpressionError as error:
        title = f"{plan.edit.region} cannot be worked out for {target.name}"
        raise EditRefused([refusal("out-of-range", title, str(error), targets=[target.name])]) from None

    def mask(values: torch.Tensor, box: Box) -> torch.Tensor:
        return bound.evaluate(values, box.positions_in(region)).expand(box.shape)

    return mask


def _place(plan: Plan, target: Target, box: Box, piece: Box) -> Place:
    lists = {name: [one] for name, one in target.tensors.items()} | dict(target.lists)
    return Place(target.name, plan.edit.seed or 0, target.pinned, target.result, box, piece,
                 surveyed(plan, target).context, lists)  # fmt: skip


def _argument(readable: PinnedTensor, box: Box, piece: Box, nbytes: int) -> np.ndarray[Any, Any]:
    """Read the part of a tensor argument that a piece takes, in a shape that broadcasts to the piece's."""
    kept = [dim for dim in range(len(box.axes)) if dim not in box.dropped]
    positions = piece.positions_in(box)
    axes = [positions.axes[dim] for dim in kept]
    shape = readable.spec.shape
    axes = axes[len(axes) - len(shape) :]
    own = Box(tuple(range(1) if size == 1 else axis for axis, size in zip(axes, shape, strict=True)))
    values = gather(readable.spec, readable.content, own, nbytes)
    spread = [1] * len(box.axes)
    for dim, size in zip(kept[len(kept) - len(shape) :], values.shape, strict=True):
        spread[dim] = size
    return values.reshape(spread)


@dataclass(frozen=True, slots=True)
class ComputedTensor:
    """What a target will be after the edit, computed where someone looks: a `Readable` without a storage."""

    plan: Plan
    target: Target
    box: Box

    @property
    def spec(self) -> TensorSpec:
        """A row-major tensor of the box's shape in the dtype of the result."""
        return self.target.result.fresh(shape=self.box.shape)

    def chunks(self, region: str | Box | None = None, nbytes: int = CHUNK) -> Chunks:
        """Yield (box within the region, values)."""
        inner = region if isinstance(region, Box) else parse_region(region, self.box.shape)
        for piece in pieces(self.spec, inner, nbytes):
            yield piece, self.read(piece)

    def read(self, box: Box) -> np.ndarray[Any, Any]:
        """Return an independent array of the box's shape."""
        from weightedit.core.dtypes import numpy_dtype
        from weightedit.core.stage import bytes_of

        if not box.numel:
            return np.empty(box.shape, numpy_dtype(self.target.result.dtype))
        table = table_of(self.plan, self.target)
        if table is not None:
            spec, content = self.target.pinned.spec, self.target.pinned.content
            patterns = gather(spec, content, self.box.within(box)).view(f"u{spec.type.itemsize}")
            return table.look_up(patterns).view(numpy_dtype(self.target.result.dtype))
        piece = compute_piece(self.plan, self.target, self.box, self.box.within(box))
        stored = np.frombuffer(bytes_of(piece.stored), numpy_dtype(self.target.result.dtype)).reshape(box.shape)
        if piece.mask is None:
            return stored
        now = gather(self.target.pinned.spec, self.target.pinned.content, piece.box)
        return np.where(piece.mask.numpy(), stored, now)
