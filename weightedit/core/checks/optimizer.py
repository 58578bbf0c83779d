"""What becomes of an optimizer and of what it keeps for each parameter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from weightedit.core.edits.plan import Plan, Target
from weightedit.core.hazards import Hazard
from weightedit.core.live.moments import Following, dropped_together, followings
from weightedit.core.live.watching import described_by, held_elsewhere, tensors_of
from weightedit.core.live.whole_group import holders
from weightedit.core.words.labels import listed

if TYPE_CHECKING:
    from weightedit.core.document import Document


def state_hazards(plan: Plan, optimizer: Any) -> Iterable[Hazard]:
    """Yield `optimizer-state-shape`: whose state follows, and whose is dropped; each once for all targets."""
    together = dropped_together(plan, optimizer)
    found = [(target, one) for target in plan.targets for one in followings(plan, target, optimizer, together)]
    follow = [(target, one) for target, one in found if one.way != "dropped"]
    drop = [(target, one) for target, one in found if one.way == "dropped"]
    if follow:
        names = _names(follow)
        yield Hazard("optimizer-state-shape", "notice", f"The optimizer's state of {listed(names)} follows",
                     _how(plan, [one for _, one in follow]), names, len(names),
                     alternatives=(replace(plan.edit, moments="drop"),),
                     labels=("Start the moments anew",))  # fmt: skip
    if drop and plan.edit.moments == "drop":
        names = _names(drop)
        can = any(not one.stuck for _, one in drop)
        yield Hazard("optimizer-state-shape", "notice", f"The optimizer's state of {listed(names)} is dropped",
                     "The next step starts it anew, as asked for.", names, len(names),
                     alternatives=(replace(plan.edit, moments="follow"),) if can else (),
                     labels=("Let the moments follow",) if can else ())  # fmt: skip
    elif drop:
        names = _names(drop)
        stuck = listed(tuple(dict.fromkeys(key for _, one in drop for key in one.stuck)))
        shared = " The state is that of all parameters of the group at once." if \
            any(one.together for _, one in drop) else ""  # fmt: skip
        yield Hazard("optimizer-state-shape", "warning", f"The optimizer's state of {listed(names)} is dropped",
                     f"{stuck} cannot be taken through {plan.operation.name}; the next step starts anew.{shared}",
                     names, len(names), alternatives=(replace(plan.edit, moments="drop"),),
                     labels=("Start the moments anew",))  # fmt: skip


def detached_hazards(plan: Plan, document: Document) -> Iterable[Hazard]:
    """Yield `optimizer-detached` for each optimizer that was not handed over and trains what an edit replaces."""
    return leaving_hazards(document, [
        (held.described.live, target.name)
        for target in plan.targets if plan.operation.effect == "rebind" or target.clones_first
        for held in target.held if not held.is_deferred and held.described.live is not None
    ])  # fmt: skip


def regrouped_hazards(document: Document, leaving: Sequence[tuple[Any, str]]) -> Iterable[Hazard]:
    """Yield `optimizer-state-shape` where a group that has one state for all comes to have other parameters."""
    kept = holders(document.origin.optimizer)
    names = tuple(dict.fromkeys(name for live, name in leaving if id(live) in kept))
    if names:
        yield Hazard("optimizer-state-shape", "warning", f"The optimizer's state of {listed(names)} is dropped",
                     "The state is that of all parameters of the group at once, and these become other ones; the next "
                     "step starts anew.", names, len(names))  # fmt: skip


def leaving_hazards(document: Document, leaving: Sequence[tuple[Any, str]]) -> Iterable[Hazard]:
    """Yield `optimizer-detached` for live tensors that slots give up; each comes with the slot's name."""
    watch, handed = document.origin.watch, document.origin.optimizer
    tensors = held_elsewhere(*_holders(document, leaving)) if watch is not None else []
    for optimizer in watch.holding(tensors, handed) if watch is not None else ():
        trained = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
        names = tuple(dict.fromkeys(name for live, name in leaving if id(live) in trained))
        kind = type(optimizer).__name__
        yield Hazard("optimizer-detached", "warning", f"{kind} goes on training the old tensor of {listed(names)}",
                     f"The new one is not in its param_groups. Hand it over, weightedit.open(module, "
                     f"optimizer=...), and it follows; else make the {kind} anew after the edit.",
                     names, len(names))  # fmt: skip


def _holders(document: Document, leaving: Sequence[tuple[Any, str]]) -> tuple[list[Any], dict[int, int]]:
    """Return the tensors, each once, and how many references the document, its modules and its optimizer have."""
    entries = Counter(id(live) for live, _ in leaving)
    places = {(id(slot.held.described.live), id(slot.owner), repr(slot.key))
              for slot in document.slots if not slot.held.is_deferred}  # fmt: skip
    known = entries + Counter(live for live, _, _ in places)
    states = {id(slot.held.described): slot.held.described.live
              for slot in document.slots if not slot.held.is_deferred}  # fmt: skip
    for step in document.history.steps:
        for command in step.commands:
            states |= {id(described): described.live for described in described_by(command)}
            known.update(map(id, tensors_of(command)))
    known.update(map(id, states.values()))
    optimizer = document.origin.optimizer
    if optimizer is not None:
        known.update(id(one) for group in optimizer.param_groups for one in group["params"])
        known.update(id(one) for one in optimizer.state)
    return list({id(live): live for live, _ in leaving}.values()), known


def _names(found: list[tuple[Target, Following]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(target.name for target, _ in found))


def _how(plan: Plan, follow: list[Following]) -> str:
    keys = tuple(dict.fromkeys(key for one in follow for key in one.moments))
    moments = listed(keys) or "What it counts"
    dtypes = {target.result.dtype for target in plan.targets if target.result.dtype != target.spec.dtype}
    several = len(keys) > 1
    dtype = f" in {listed(tuple(sorted(dtypes)))}" if dtypes else ""
    if all(one.way == "kept" for one in follow):
        said = "stay with their cells" if several else "stays with its cells"
        return f"{moments} {said}{dtype}; steps are counted on."
    verb = "go" if several else "goes"
    return f"{moments} {verb} through the same {plan.operation.name}{dtype}, with 0 in new cells; steps are counted on."
