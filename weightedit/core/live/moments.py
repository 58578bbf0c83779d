"""What an optimizer keeps for a parameter goes along with an edit: moments are cut, padded, moved and cast alike."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch

from weightedit.core.commands import Command
from weightedit.core.dtypes import torch_dtype
from weightedit.core.edits.making import result_bytes
from weightedit.core.edits.plan import Plan, Target
from weightedit.core.edits.workshop import Workshop
from weightedit.core.live.objects import LiveObjects
from weightedit.core.live.optimizer import Moving, carried, dtype_for
from weightedit.core.live.param_groups import State
from weightedit.core.live.whole_group import holders, names_of
from weightedit.core.live.writing import live_write
from weightedit.core.slots import Described
from weightedit.core.stage import fill_live
from weightedit.core.values.pinned import PinnedTensor

Way = Literal["kept", "moved", "dropped"]


class Zeros:
    """The content of a tensor of zeros: what an argument's own values are to moments, which it has none of."""

    __slots__ = ("nbytes",)

    def __init__(self, nbytes: int) -> None:
        self.nbytes = nbytes

    def read_into(self, buffer: memoryview, offset: int = 0) -> None:
        """Fill `buffer` with zeros."""
        view = buffer.cast("B")
        view[:] = bytes(view.nbytes)


@dataclass(frozen=True, slots=True)
class Following:
    """How what an optimizer keeps for one parameter follows an edit.

    Attributes
    ----------
    live
        The parameter as it is.
    state
        What is kept for it.
    way
        `kept` as it is or in another dtype, `moved` through the operation, or `dropped`.
    moments
        Names of the tensors in the parameter's shape.
    stuck
        Names of what cannot follow, with the shape it has.
    together
        Whether `live` has the state of its whole group, and some other parameter may be the one that is edited.
    """

    live: torch.Tensor
    state: State
    way: Way
    moments: tuple[str, ...]
    stuck: tuple[str, ...] = ()
    together: bool = False


def dropped_together(plan: Plan, optimizer: Any) -> dict[int, torch.Tensor]:
    """Return by the `id` of a parameter which one has the state of its group, for groups whose state an edit ends.

    Such a state is one long row of numbers, and no operation on one parameter can be done to it.
    """
    if optimizer is None or plan.operation.effect not in ("write", "rebind"):
        return {}
    kept = holders(optimizer)
    ended = {id(holder) for target in plan.targets if kept and _ends(plan, target) for held in target.held
             if not held.is_deferred and (holder := kept.get(id(held.described.live))) is not None}  # fmt: skip
    return {key: holder for key, holder in kept.items() if id(holder) in ended}


def _ends(plan: Plan, target: Target) -> bool:
    before, after, operation = target.spec, target.result, plan.operation
    return (plan.edit.moments == "drop" or (before.shape, before.dtype) != (after.shape, after.dtype)
            or (bool(operation.moves) and operation.inputs is not None))  # fmt: skip


def followings(plan: Plan, target: Target, optimizer: Any,
               together: Mapping[int, torch.Tensor]) -> Iterator[Following]:  # fmt: skip
    """Yield how the optimizer's state of each live tensor of a target follows; nothing where none is touched.

    Parameters
    ----------
    plan, target
        The edit, and one of its targets.
    optimizer
        The one that was handed over, or None.
    together
        What `dropped_together` returns.
    """
    if optimizer is None or plan.operation.effect not in ("write", "rebind"):
        return
    for held in target.held:
        live = None if held.is_deferred else held.described.live
        if id(live) in together:
            holder = together[id(live)]
            kept = optimizer.state[holder]
            yield Following(holder, kept, "dropped", (), names_of(kept), True)
            continue
        state = None if live is None else optimizer.state.get(live)
        if live is not None and state:
            found = _following(plan, target, live, state)
            if found is not None:
                yield found


def _following(plan: Plan, target: Target, live: torch.Tensor, state: State) -> Following | None:
    moments = tuple(key for key, value in state.items() if _is_moment(key, value, live))
    found = _by_itself(plan, target, live, state, moments)
    if plan.edit.moments == "drop":
        return Following(live, state, "dropped", moments, () if found is None else found.stuck)
    return found


def _by_itself(plan: Plan, target: Target, live: torch.Tensor, state: State,
               moments: tuple[str, ...]) -> Following | None:  # fmt: skip
    """Return how a state follows where nobody asks for another; None where it stays as it is."""
    operation = plan.operation
    stays = target.spec.shape == target.result.shape and (operation.inputs is None or not operation.moves)
    if stays:
        return Following(live, state, "kept", moments) if operation.effect == "rebind" else None
    stuck = tuple(f"{key} {list(value.shape)}" if isinstance(value, torch.Tensor) else key
                  for key, value in state.items() if key not in moments and _is_stuck(key, value))  # fmt: skip
    if not operation.moves or stuck:
        return Following(live, state, "dropped", moments, stuck or moments)
    return Following(live, state, "moved", moments)


def _is_moment(key: str, value: Any, live: torch.Tensor) -> bool:
    """Whether a tensor has a number for each of the parameter's; Adam's `step` may have its shape by chance."""
    return (isinstance(value, torch.Tensor) and key != "step" and value.shape == live.shape
            and value.layout == torch.strided and not value.is_quantized)  # fmt: skip


def _is_stuck(key: str, value: Any) -> bool:
    if isinstance(value, torch.Tensor):
        return value.dim() > 0 and value.numel() > 1
    if isinstance(value, Mapping | list | tuple):
        inside = value.values() if isinstance(value, Mapping) else value
        return any(_is_stuck(key, one) for one in inside)
    return False


def followed_state(plan: Plan, target: Target, one: Following, new: torch.Tensor, shop: Workshop) -> State | None:
    """Return what the optimizer keeps for `new`, which takes the parameter's place; None where it starts anew."""
    if one.way == "dropped":
        return None
    found: State = {}
    for key, value in one.state.items():
        moves = one.way == "moved" and key in one.moments
        found[key] = _moved(plan, target, one.live, value, new, shop) if moves else carried(key, value, one.live, new)
    return found


def _moved(plan: Plan, target: Target, old: torch.Tensor, moment: torch.Tensor, new: torch.Tensor,
           shop: Workshop) -> torch.Tensor:  # fmt: skip
    described = LiveObjects().describe(moment)
    dtype = dtype_for(moment, old, new.dtype)
    result = target.result.fresh(dtype=str(dtype).removeprefix("torch."))
    aside, aimed = _aimed(plan, target, described)
    aimed = replace(aimed, result=replace(result, requires_grad=False, kind="tensor"))
    made = torch.empty(aimed.result.shape, dtype=torch_dtype(aimed.result.dtype), device=moment.device)
    fill_live(made, result_bytes(aside, aimed, shop), shop.chunk)
    return made.to(new.device) if moment.device == old.device else made


def _aimed(plan: Plan, target: Target, described: Described) -> tuple[Plan, Target]:
    """Return a plan that does to a moment what the edit does to its parameter; what the edit makes anew is 0."""
    given = plan.operation.moves if isinstance(plan.operation.moves, Mapping) else {}
    edit = replace(plan.edit, arguments={**plan.edit.arguments, **given})
    pinned = PinnedTensor(target.name, described.spec, described.storage.content)
    tensors = {name: _zeroed(one) for name, one in target.tensors.items()}
    lists = {name: [_zeroed(one) for one in several] for name, several in target.lists.items()}
    return replace(plan, edit=edit), replace(target, pinned=pinned, result=pinned.spec, tensors=tensors, lists=lists,
                                             survey=None, lock=threading.RLock())  # fmt: skip


def _zeroed(pinned: PinnedTensor) -> PinnedTensor:
    return replace(pinned, content=Zeros(pinned.spec.extent[1]))


def moment_commands(plan: Plan, target: Target, shop: Workshop, moving: Moving,
                    together: Mapping[int, torch.Tensor]) -> list[Command]:  # fmt: skip
    """Return what a write does to the optimizer's state: moments move as the values do, or are dropped by choice.

    What is dropped is put down in `moving`.
    """
    commands: list[Command] = []
    for one in followings(plan, target, shop.optimizer, together):
        if one.way == "dropped":
            moving.resets.append(one.live)
        for key in one.moments if one.way == "moved" else ():
            described = LiveObjects().describe(one.state[key])
            aside, aimed = _aimed(plan, target, described)
            commands.append(replace(live_write(aside, aimed, described, shop), beside=True))
    return commands
