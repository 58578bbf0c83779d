"""Whether the shape of an argument fits its region, and the nearest edits that would."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING, Any

from weightedit.core.edit import Edit, TensorView
from weightedit.core.edits.fitting import Fit, fits, padded
from weightedit.core.errors import RegionError
from weightedit.core.hazards import Hazard, refusal
from weightedit.core.region import Box, clamped, shape_text
from weightedit.core.values.conditions import is_conditional
from weightedit.core.words.labels import called

if TYPE_CHECKING:
    from weightedit.core.edits.plan import Plan, Target
    from weightedit.core.operation import Operation
    from weightedit.core.values.pinned import PinnedTensor

Offer = tuple[str, Edit]


def broadcasts(shape: tuple[int, ...], target: tuple[int, ...]) -> bool:
    """Whether `copy_` accepts a source of `shape` for a target of this shape."""
    if len(shape) > len(target):
        return False
    return all(size in (1, wanted) for size, wanted in zip(reversed(shape), reversed(target), strict=False))


def argument_hazards(target: Target, operation: Operation, edit: Edit) -> list[Hazard]:
    """Return the hazards of tensor arguments of a write: `shape-mismatch` and `broadcast`."""
    from weightedit.core.edits.plan import overlaps_itself

    found: list[Hazard] = []
    for name, readable in target.tensors.items() if target.result is target.spec else ():
        shape, region = readable.spec.shape, target.boxes[0].result_shape
        if len(target.boxes) > 1 and shape:
            found.append(refusal("shape-mismatch", f"{name} has shape {shape_text(shape)} for several regions",
                                 "Give one number, or one region.", targets=[target.name]))  # fmt: skip
        elif not broadcasts(shape, region):
            offers = list(_write_offers(name, shape, region, target, operation, edit))
            found.append(refusal("shape-mismatch", f"{_bracketed(shape)} does not fit {_bracketed(region)}",
                                 f"{target.name} keeps its values.", targets=[target.name],
                                 alternatives=[other for _, other in offers], labels=[said for said, _ in offers]))
        elif shape != region and shape and prod(shape) < prod(region):
            times = prod(region) // max(prod(shape), 1)
            declared = operation.parameter(name)
            meant = declared is not None and declared.type == "operand"  # as a row that scales every row is
            title = f"{_one_of(shape)} is repeated {times:,} times"
            found.append(Hazard("broadcast", "notice" if meant else "warning", title,
                                f"{target.name} takes the same values again and again to fill {shape_text(region)}; "
                                "torch would not say so.",
                                (target.name,), times))  # fmt: skip
    if target.result is target.spec and overlaps_itself(target.spec):
        found.append(Hazard("overlap", "notice", f"{target.name} is cloned first",
                            "Some of its elements lie on the same bytes, and torch refuses to write into such.",
                            (target.name,)))  # fmt: skip
    return found


def _one_of(shape: tuple[int, ...]) -> str:
    """Return what is repeated: `One row of 20`, `One block of 1 × 20`."""
    if prod(shape) == 1:
        return "One value"
    return f"One row of {shape[0]:,}" if len(shape) == 1 else f"One block of {shape_text(shape)}"


def _bracketed(shape: tuple[int, ...]) -> str:
    """Return a shape as a card's title has it: `[10, 20]`, or `a single number`."""
    return str(list(shape)) if shape else "a single number"


def _alone(target: Target, edit: Edit) -> Edit:
    """Return the edit for this target alone, where it has several: what fits it need not fit the others."""
    return edit if len(edit.targets) == 1 and edit.targets[0] == target.name else replace(edit, targets=(target.name,))


def _viewed(value: Any, fit: Fit) -> Any:
    """Return a source as a fit sees it; one that is a view already stays as it is, and is not seen twice."""
    part = None if fit.part is None else "[" + ", ".join(f"0:{size}" for size in fit.part) + "]"
    if fit.permute is None and part is None and fit.shape is None:
        return value
    return TensorView(value, fit.permute, part, fit.shape)


def _write_offers(name: str, shape: tuple[int, ...], region: tuple[int, ...], target: Target, operation: Operation,
                  edit: Edit) -> Iterator[Offer]:  # fmt: skip
    value, alone = edit.arguments[name], _alone(target, edit)
    for fit in fits(shape, region):
        changed = replace(alone, arguments={**edit.arguments, name: _viewed(value, fit)})
        sees_anew = changed.arguments[name] is not value
        if (isinstance(value, TensorView) and sees_anew) or (fit.into is not None and target.condition is not None):
            continue
        if fit.into is not None:
            changed = replace(changed, region=_leading(target.boxes[0], fit.into))
        yield fit.label, changed
    whole = edit.region is None
    if whole and (growing := padded(target.spec.shape, shape)) is not None:
        pad = {"pad": growing[0], "mode": "constant", "value": 0}
        yield growing[1], Edit("pad", alone.targets, None, pad, tied=edit.tied, moments=edit.moments)
    if whole and operation.converts:
        yield "Replace the target", _replacement(alone, value)


def _replacement(edit: Edit, source: Any) -> Edit:
    return Edit("replace", edit.targets, None, {"source": source}, tied=edit.tied, moments=edit.moments)


def _leading(box: Box, sizes: tuple[int, ...]) -> str:
    """Return the region of the first so many indices along each dimension that a box keeps."""
    left = iter(sizes)
    inner = Box(tuple(range(1) if dim in box.dropped else range(next(left)) for dim in range(len(box.axes))))
    return str(replace(box.within(inner), dropped=box.dropped))


def out_of_range(edit: Edit, pinned: PinnedTensor, error: RegionError) -> Hazard:
    """Return the refusal of a region that does not fit, with the part of it that does."""
    inside = clamped(edit.region, pinned.spec.shape) if isinstance(edit.region, str) else None
    offers = () if inside is None or is_conditional(edit.region) else \
        (replace(edit, targets=(pinned.name,), region=inside),)  # fmt: skip
    return refusal("out-of-range", f"{edit.region} does not fit {called(pinned.name)}, {shape_text(pinned.spec.shape)}",
                   str(error), targets=[pinned.name], alternatives=offers, labels=[f"Take {inside}"] * len(offers))


def result_hazards(plan: Plan) -> Iterable[Hazard]:
    """Yield the notice that a replacement has another shape, with what would keep the shape."""
    for target in plan.targets if plan.operation.effect == "rebind" else ():
        if target.tensors and target.spec.shape != target.result.shape:
            offers = list(_rebind_offers(plan, target)) if plan.operation.name == "replace" else []
            yield Hazard("shape-mismatch", "notice",
                         f"{shape_text(target.spec.shape)} becomes {shape_text(target.result.shape)}",
                         f"{target.name} takes the shape of what replaces it; code that loads it expects the "
                         "old one unless it is told.", (target.name,),
                         alternatives=tuple(other for _, other in offers),
                         labels=tuple(said for said, _ in offers))  # fmt: skip


def _rebind_offers(plan: Plan, target: Target) -> Iterator[Offer]:
    value, alone = plan.edit.arguments["source"], _alone(target, plan.edit)
    if isinstance(value, TensorView):
        return
    for fit in fits(target.result.shape, target.spec.shape):
        source = _viewed(value, fit)
        whole = Box.whole(target.spec.shape)
        broadcast = fit.shape is not None and prod(fit.shape) != target.spec.numel
        if fit.into is None and not broadcast:
            yield fit.label, _replacement(alone, source)
        elif target.spec.encoding == "plain":
            region = _leading(whole, fit.into) if fit.into is not None else None
            yield fit.label, Edit("set", alone.targets, region, {"values": source}, tied=alone.tied)
