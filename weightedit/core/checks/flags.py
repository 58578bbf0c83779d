"""What `requires_grad` cannot be, and where it is lost."""

from __future__ import annotations

from collections.abc import Iterable

from weightedit.core.edit import Edit
from weightedit.core.edits.plan import Plan, Target
from weightedit.core.hazards import Hazard, refusal
from weightedit.core.live.registering import recomputed_by
from weightedit.core.words.labels import listed


def flag_hazards(plan: Plan) -> Iterable[Hazard]:
    """Yield `not-a-leaf` and `grad-dtype` of every target."""
    effect = plan.operation.effect
    for target in plan.targets:
        lost_grad = target.spec.requires_grad and not target.result.requires_grad
        if effect == "flag" and _not_leaves(target, bool(plan.scalars["value"])):
            if any(recomputed_by(slot) is not None for slot in target.slots):
                yield _recomputed(target)
                continue
            yield refusal("not-a-leaf", f"{target.name} is the result of a computation",
                          "torch changes the flag of leaves only; edit what it was computed from, or put a detached "
                          "clone in its place first.", targets=[target.name],
                          alternatives=[_cast(plan, target, target.spec.dtype)],
                          labels=["Put a detached clone in its place"])  # fmt: skip
        elif effect == "flag" and plan.scalars.get("value") and not _can_require_grad(target):
            yield refusal("grad-dtype", f"{target.name} cannot require grad",
                          f"It is {target.spec.dtype}; only floating point and complex tensors can.",
                          targets=[target.name], alternatives=[_cast(plan, target, "float32")],
                          labels=["Cast to float32"])  # fmt: skip
        elif effect == "rebind" and lost_grad:
            yield Hazard("grad-dtype", "notice", f"{target.name} no longer requires grad",
                         f"{target.result.dtype} parameters cannot.", (target.name,))  # fmt: skip


def _recomputed(target: Target) -> Hazard:
    """Return the refusal for what a hook computes anew at each forward: a clone in its place is gone then."""
    hook, sources = next(found for slot in target.slots if (found := recomputed_by(slot)) is not None)
    return refusal("not-a-leaf", f"{target.name} is the result of a computation",
                   f"{hook} computes it anew at each forward from {listed(sources)}; set the flag of these.",
                   targets=[target.name])  # fmt: skip


def _cast(plan: Plan, target: Target, dtype: str) -> Edit:
    return Edit("cast", (target.name,), None, {"dtype": dtype}, tied=plan.edit.tied)


def _not_leaves(target: Target, value: bool) -> bool:
    tensors = [held.described.live for held in target.held]
    return any(live is not None and not live.is_leaf and live.requires_grad != value for live in tensors)


def _can_require_grad(target: Target) -> bool:
    return target.spec.type.family in ("float", "complex")
