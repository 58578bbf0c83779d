"""What becomes of an optimizer and of what it keeps for each parameter."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from weightedit.core.hazards import Hazard
from weightedit.core.labels import listed
from weightedit.core.live.moments import Following, followings
from weightedit.core.plan import Plan, Target


def state_hazards(plan: Plan, optimizer: Any) -> Iterable[Hazard]:
    """Yield `optimizer-state-shape`: whose state follows, and whose is dropped; each once for all targets."""
    found = [(target, one) for target in plan.targets for one in followings(plan, target, optimizer)]
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
        yield Hazard("optimizer-state-shape", "notice", f"The optimizer's state of {listed(names)} is dropped",
                     "The next step starts it anew, as asked for.", names, len(names),
                     alternatives=(replace(plan.edit, moments="follow"),),
                     labels=("Let the moments follow",))  # fmt: skip
    elif drop:
        names = _names(drop)
        stuck = listed(tuple(dict.fromkeys(key for _, one in drop for key in one.stuck)))
        yield Hazard("optimizer-state-shape", "warning", f"The optimizer's state of {listed(names)} is dropped",
                     f"{stuck} cannot be taken through {plan.operation.name}; the next step starts anew.",
                     names, len(names), alternatives=(replace(plan.edit, moments="drop"),),
                     labels=("Start the moments anew",))  # fmt: skip


def _names(found: list[tuple[Target, Following]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(target.name for target, _ in found))


def _how(plan: Plan, follow: list[Following]) -> str:
    moments = listed(tuple(dict.fromkeys(key for one in follow for key in one.moments))) or "What it counts"
    dtypes = {target.result.dtype for target in plan.targets if target.result.dtype != target.spec.dtype}
    dtype = f" in {listed(tuple(sorted(dtypes)))}" if dtypes else ""
    if all(one.way == "kept" for one in follow):
        return f"{moments} stays with its cells{dtype}; steps are counted on."
    return f"{moments} goes through the same {plan.operation.name}{dtype}, with 0 in new cells; steps are counted on."
