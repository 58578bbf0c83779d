"""What storing the values of an edit would change, found without storing them."""

from __future__ import annotations

from collections.abc import Callable

import torch

from weightedit.core.compute import Piece, compute, result_boxes, surveyed
from weightedit.core.conversion import Storing
from weightedit.core.losses import Losses
from weightedit.core.plan import Plan, Target
from weightedit.core.precision import outside
from weightedit.core.progress import Progress
from weightedit.core.tabled import table_of
from weightedit.core.tabled_losses import TabledLosses

Seen = Callable[[Target, Piece], None]
"""Is shown each piece of a target as it is computed."""
def measure(plan: Plan, target: Target, nbytes: int, progress: Progress,
            seen: Seen | None = None) -> Losses:  # fmt: skip
    """Compute a target without storing it, and count what storing would change.

    `seen` is shown every piece, unless the losses come with statistics of before and after: values of few bits are not
    computed one by one.
    """
    finite_arguments = all(_is_finite(value) for value in plan.scalars.values())
    scales = plan.operation.scales and finite_arguments and 0 not in plan.scalars.values() and not target.tensors
    how = Storing(plan.operation.converts, scales, clamps(plan))
    table = table_of(plan, target)
    if table is not None:
        if how not in table.losses:
            table.losses[how] = TabledLosses(plan, table, how, finite_arguments, _wrapped(plan, target, table.current))
        tabled: TabledLosses = table.losses[how]
        if seen is None or tabled.has_statistics:
            return tabled.losses(target, progress)
    losses = Losses()
    if plan.operation.prepare is not None:
        surveyed(plan, target)  # an empty tensor has no piece, and its arguments may be wrong all the same
    for box in result_boxes(plan, target):
        for piece in compute(plan, target, box, nbytes):
            current = piece.current if finite_arguments else None
            losses.observe(current, piece.exact, piece.stored, piece.box, how,
                           wrapped=_wrapped(plan, target, piece.current), mask=piece.mask,
                           before=piece.current)  # fmt: skip
            if seen is not None:
                seen(target, piece)
            progress.advance(piece.stored.numel() * piece.stored.element_size())
    target.selected = losses.total if target.condition is not None else None
    return losses


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
