"""The hazards of an edit: what its structure shows, and what computing it without storing it shows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from weightedit.core.attributes import attribute_hazard
from weightedit.core.compute import measure
from weightedit.core.edit import Edit
from weightedit.core.hazards import LEVELS, Hazard, refusal
from weightedit.core.labels import called
from weightedit.core.plan import Plan, Target, place_of
from weightedit.core.precision import Loss, Losses, largest_finite
from weightedit.core.progress import Progress
from weightedit.core.region import shape_text
from weightedit.core.sharing import common_cells
from weightedit.core.slots import Slot


def structural_hazards(plan: Plan, slots: Sequence[Slot], group: Callable[[Slot], str | None]) -> list[Hazard]:
    """Return the hazards that need no values: sharing, ties, flags."""
    found = list(plan.hazards)
    effect = plan.operation.effect
    named = {id(slot) for target in plan.targets for slot in target.slots}
    members: dict[int, list[Slot]] = {}
    if effect in ("write", "rebind"):
        wanted = {id(t.slots[0].storage) for t in plan.targets if not t.slots[0].held.is_deferred and group(t.slots[0])}
        for slot in slots if wanted else ():
            if not slot.held.is_deferred and id(slot.storage) in wanted:
                members.setdefault(id(slot.storage), []).append(slot)
    for target in plan.targets:
        stale = attribute_hazard(target) if effect == "rebind" else None
        found += [stale] if stale is not None else []
        if effect == "rebind" and target.tensors and target.spec.shape != target.result.shape:
            found.append(Hazard("shape-mismatch", "notice",
                                f"{shape_text(target.spec.shape)} becomes {shape_text(target.result.shape)}",
                                f"{target.name} takes the shape of what replaces it; code that loads it expects the "
                                "old one unless it is told.", (target.name,)))  # fmt: skip
        others = [slot for slot in members.get(id(target.slots[0].storage), []) if slot not in target.slots]
        if effect == "write" and not target.clones_first:
            found += _shared(target, others, named, group)
        elif effect in ("write", "rebind"):
            found += _untied(target, others, named, plan.edit, group)
        lost_grad = target.spec.requires_grad and not target.result.requires_grad
        if effect == "flag" and _not_leaves(target, bool(plan.scalars["value"])):
            found.append(refusal("not-a-leaf", f"{target.name} is the result of a computation",
                                 "torch changes the flag of leaves only; edit what it was computed from.",
                                 targets=[target.name]))  # fmt: skip
        elif effect == "flag" and plan.scalars.get("value") and not _can_require_grad(target):
            found.append(refusal("grad-dtype", f"{target.name} cannot require grad",
                                 f"It is {target.spec.dtype}; only floating point and complex tensors can.",
                                 targets=[target.name]))  # fmt: skip
        elif effect == "rebind" and lost_grad:
            found.append(Hazard("grad-dtype", "notice", f"{target.name} no longer requires grad",
                                f"{target.result.dtype} parameters cannot.", (target.name,)))  # fmt: skip
    return found


def _not_leaves(target: Target, value: bool) -> bool:
    tensors = [held.described.live for held in target.held]
    return any(live is not None and not live.is_leaf and live.requires_grad != value for live in tensors)


def _can_require_grad(target: Target) -> bool:
    return target.spec.type.family in ("float", "complex")


def _shared(target: Target, others: list[Slot], named: set[int],
            group: Callable[[Slot], str | None]) -> Iterable[Hazard]:  # fmt: skip
    """Say which other slots change with a write, and which of their cells."""
    changed: list[tuple[Slot, int, str]] = []
    for slot in others:
        if id(slot) in named:
            continue
        cells = [common_cells(target.spec, box, slot.spec) for box in target.boxes if box.numel]
        hits = [cell for cell in cells if cell is not None]
        if hits:
            changed.append((slot, sum(count for count, _ in hits), hits[0][1]))
    if changed:
        names = ", ".join(slot.name for slot, _, _ in changed)
        cells_text = "; ".join(f"cells {region} of {slot.name}" for slot, _, region in changed)
        yield Hazard("shared-storage", "notice", f"Also changes {names}",
                     f"It shares storage {group(target.slots[0])}: {cells_text} change as well.",
                     tuple(slot.name for slot, _, _ in changed), sum(count for _, count, _ in changed),
                     tuple(region for _, _, region in changed))  # fmt: skip


def _untied(target: Target, others: list[Slot], named: set[int], edit: Edit,
            group: Callable[[Slot], str | None]) -> Iterable[Hazard]:  # fmt: skip
    from dataclasses import replace

    place = place_of(target.slots[0])
    tied = [slot for slot in others if place_of(slot) == place]
    views = [slot for slot in others if place_of(slot) != place and id(slot) not in named]
    if edit.tied == "all" and len(target.slots) > 1:
        rest = ", ".join(slot.name for slot in target.slots[1:])
        yield Hazard("unties", "notice", f"{target.name} and {rest} stay tied", "All of them get the new tensor.",
                     tuple(slot.name for slot in target.slots), len(target.slots),
                     alternatives=(replace(edit, tied="untie", targets=(target.name,)),))  # fmt: skip
    if tied:
        rest = ", ".join(slot.name for slot in tied)
        yield Hazard("unties", "notice", f"{target.name} is no longer tied to {rest}", f"{rest} keeps the old tensor.",
                     tuple(slot.name for slot in (target.slots[0], *tied)), len(tied),
                     alternatives=(replace(edit, tied="all"),))  # fmt: skip
    if views:
        rest = ", ".join(slot.name for slot in views)
        yield Hazard("unties", "notice", f"{target.name} leaves storage {group(target.slots[0])}",
                     f"{rest} keeps the old storage, and edits of one no longer show in the other.",
                     tuple(slot.name for slot in views), len(views))  # fmt: skip


def value_hazards(plan: Plan, nbytes: int, progress: Progress) -> tuple[list[Hazard], list[Losses]]:
    """Compute every target once without storing anything, and return what storing would lose."""
    if plan.operation.effect not in ("write", "rebind"):
        return [], []
    measured = []
    progress.begin("Checking", sum(_work(plan, target) for target in plan.targets))
    for target in plan.targets:
        moves_only = plan.operation.effect == "rebind" and plan.operation.converts and plan.operation.prepare is None
        needless = moves_only and target.result.dtype == target.spec.dtype and not (target.tensors or target.lists)
        measured.append(Losses(total=target.result.numel) if needless else measure(plan, target, nbytes, progress))
    found: list[Hazard] = []
    for target, losses in zip(plan.targets, measured, strict=True):
        found += _loss_hazards(target, losses)
    return found, measured


def _work(plan: Plan, target: Target) -> int:
    return sum(box.numel for box in target.boxes) * target.result.type.itemsize


def _loss_hazards(target: Target, losses: Losses) -> Iterable[Hazard]:
    dtype, name, where = target.result.dtype, target.name, called(target.name)
    if losses.overflow.count:
        yield _overflow(dtype, name, losses)
    if losses.underflow.count:
        yield _hazard("underflow", "warning", f"Underflow: {losses.underflow.count:,} become 0",
                      f"They are too small for {dtype} in {where}.", name, losses.underflow)  # fmt: skip
    if losses.truncated.count:
        yield _hazard("truncation", "warning", f"Truncation: {losses.truncated.count:,} values are cut to {dtype}",
                      f"Fractions, NaN and values out of range do not fit {where}.", name,
                      losses.truncated)  # fmt: skip
    if losses.imaginary.count:
        yield _hazard("imaginary-lost", "warning", f"The imaginary part of {losses.imaginary.count:,} values is lost",
                      f"{where} is {dtype}.", name, losses.imaginary)  # fmt: skip
    if losses.rounded.count:
        share = 100 * losses.rounded.count / max(losses.total, 1)
        share = share if losses.rounded.count == losses.total else min(share, 99.99)
        largest, relative = losses.largest_error, losses.largest_relative
        detail = f"{where}: largest error {largest:.3g}, largest relative error {relative:.3g}."
        yield _hazard("precision-loss", "notice",
                      f"Precision loss: {losses.rounded.count:,} of {losses.total:,} values are rounded, {share:.2f} %",
                      detail, name, losses.rounded)  # fmt: skip


def _overflow(dtype: str, name: str, losses: Losses) -> Hazard:
    loss = losses.overflow
    if "int" in dtype or dtype == "bool":
        return _hazard("overflow", "warning", f"Overflow: {loss.count:,} wrap around",
                       f"They are out of range for {dtype} in {called(name)}.", name, loss)  # fmt: skip
    becomes = " or ".join(sorted(losses.becomes, key=str.lower))
    largest = f" The largest is {losses.largest_overflow:.6g}." if losses.largest_overflow else ""
    return _hazard("overflow", "warning", f"Overflow: {loss.count:,} become {becomes}",
                   f"{dtype} ends at {largest_finite(dtype):.6g} in {called(name)}.{largest}", name, loss)  # fmt: skip


def _hazard(kind: str, level: str, title: str, detail: str, name: str, loss: Loss) -> Hazard:
    return Hazard(kind, level, title, detail, (name,), loss.count, tuple(loss.places))  # type: ignore[arg-type]


def sorted_hazards(hazards: Iterable[Hazard]) -> list[Hazard]:
    """Refusals first, then warnings, then notices; otherwise in the order found."""
    return sorted(hazards, key=lambda hazard: LEVELS.index(hazard.level))
