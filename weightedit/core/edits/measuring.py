"""What storing the values of an edit would change, found without storing them."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import replace

import torch

from weightedit.core.edits.compute import Piece, compute, computed_parts, surveyed
from weightedit.core.edits.plan import Plan, Target
from weightedit.core.losing.conversion import KINDS, Storing
from weightedit.core.losing.losses import Losses
from weightedit.core.losing.tabled import table_of
from weightedit.core.losing.tabled_losses import TabledLosses
from weightedit.core.progress import Progress
from weightedit.core.region import Box
from weightedit.core.source import Source
from weightedit.core.storage import Patched, Resident, file_under
from weightedit.core.values.passes import each_part
from weightedit.core.values.precision import outside

WORTH_KEEPING = 256 << 10
"""Bytes from which on it is kept what a pass found: of thousands of small tensors, looking it up takes longer."""
Seen = Callable[[Target, Piece], None]
"""Is shown each piece of a target as it is computed."""


def measure(plan: Plan, target: Target, nbytes: int, progress: Progress,
            seen: Seen | None = None) -> Losses:  # fmt: skip
    """Compute a target without storing it, and count what storing would change.

    `seen` is shown every piece, unless the losses come with statistics of before and after: values of few bits are not
    computed one by one. What was measured of the same content by the same operation, arguments and region is not
    measured again, unless places to show or statistics are wanted.
    """
    known = _known(plan, target) if seen is None and plan.shown is None else None
    if known is not None:
        progress.advance(sum(box.numel for box in target.boxes) * target.result.type.itemsize)
        return known
    losses = _measured(plan, target, nbytes, progress, seen)
    _keep(plan, target, losses)
    return losses


def _measured(plan: Plan, target: Target, nbytes: int, progress: Progress, seen: Seen | None) -> Losses:
    finite_arguments = all(_is_finite(value) for value in plan.scalars.values())
    scales = plan.operation.scales and finite_arguments and 0 not in plan.scalars.values() and not target.tensors
    how = Storing(plan.operation.converts, scales, clamps(plan))
    table = table_of(plan, target)
    if table is not None:
        if how not in table.losses:
            table.losses[how] = TabledLosses(plan, table, how, finite_arguments, _wrapped(plan, target, table.current))
        tabled: TabledLosses = table.losses[how]
        if seen is None or tabled.has_statistics:
            return tabled.losses(target, progress, plan.places, seen is not None or plan.shown is target)
    if plan.operation.prepare is not None:
        surveyed(plan, target)  # an empty tensor has no piece, and its arguments may be wrong all the same

    def observe(box: Box, progress: Progress) -> Losses:
        losses = Losses()
        for piece in compute(plan, target, box, nbytes):
            current = piece.current if finite_arguments else None
            losses.observe(current, piece.exact, piece.stored, piece.box, how,
                           wrapped=_wrapped(plan, target, piece.current), mask=piece.mask,
                           before=piece.current)  # fmt: skip
            if seen is not None:
                seen(target, piece)
            progress.advance(piece.stored.numel() * piece.stored.element_size())
        return losses

    parts, threads = computed_parts(plan, target)
    losses = Losses()
    for found in each_part(parts, observe, progress, threads if seen is None else 1):
        losses.join(found)
    target.selected = losses.total if target.condition is not None else None
    return losses


def _what(plan: Plan, target: Target) -> Hashable:
    """Return what losses are kept as; None where they come of more than the values and the arguments."""
    operation = plan.operation
    if sum(box.numel for box in target.boxes) * target.spec.type.itemsize < WORTH_KEEPING:
        return None
    if (operation.prepare or operation.random or operation.takes_place or target.condition or target.tensors
            or target.lists or target.pinned.spec.encoding != "plain"):  # fmt: skip
        return None
    arguments = repr(sorted(plan.scalars.items()))
    return "losses", operation.name, arguments, plan.edit.device, target.result, tuple(target.boxes)


def _known(plan: Plan, target: Target) -> Losses | None:
    """Return what was measured of the same values before; SourceChanged if they are in a file that is another now."""
    results, what = plan.bench.measured, _what(plan, target)
    found: Losses | None = None if results is None or what is None else results.get(target.pinned, what)
    if found is not None:
        file = file_under(target.pinned.content, *target.spec.extent)
        if file is not None:
            file.check()
    return found


def _keep(plan: Plan, target: Target, losses: Losses) -> None:
    results, what = plan.bench.measured, _what(plan, target)
    if results is not None and what is not None and isinstance(target.pinned.content, Source | Patched | Resident):
        cells = sum(len(losses.of(kind).cells) for kind in KINDS)
        results.put(target.pinned, what, replace(losses, statistics=None), 2048 + 256 * cells)


def clamps(plan: Plan) -> bool:
    """Whether values past the range of the dtype get its end on purpose."""
    return plan.scalars.get("out_of_range") == "clamp"


def _wrapped(plan: Plan, target: Target, current: torch.Tensor | None) -> torch.Tensor | None:
    """Return where whole-number arithmetic on integers leaves the range of their dtype."""
    fits = plan.operation.fits
    if fits is None or current is None or target.tensors or current.dtype == torch.bool or current.is_complex():
        return None
    if current.is_floating_point() or not all(isinstance(value, int) for value in plan.scalars.values()):
        return None
    info = torch.iinfo(current.dtype)
    return outside(current, *fits(info.min, info.max, **plan.scalars))


def _is_finite(value: object) -> bool:
    return not isinstance(value, float | complex) or abs(value) < float("inf")
