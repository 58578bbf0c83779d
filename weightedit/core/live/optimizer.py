"""Keeping an optimizer that was handed over in step with slots that come to hold other tensors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from weightedit.core.commands import Rebind
from weightedit.core.live.param_groups import Entering, Rearranged, State, put_back, rearrange
from weightedit.core.live.whole_group import resized


@dataclass(slots=True)
class OptimizerStep:
    """Take parameters out of an optimizer and put others in, with what it keeps for each.

    The lists in `param_groups` and the dict `state` are changed in place, since schedulers and closures hold them too.
    `OptimizerStep.of` makes one out of what slots held and come to hold.

    Attributes
    ----------
    optimizer
        The person's.
    gone, come
        Parameters that leave and that enter; one may enter that is there already, to be given a state.
    nbytes
        Of the new states.
    """

    optimizer: Any
    gone: Sequence[torch.Tensor] = ()
    come: Sequence[Entering] = ()
    nbytes: int = 0
    _lists: list[Rearranged] = field(default_factory=list)
    _left: list[tuple[torch.Tensor, State]] = field(default_factory=list)
    _given: dict[int, State] = field(default_factory=dict)

    @classmethod
    def of(cls, optimizer: Any, moves: Sequence[tuple[torch.Tensor, torch.Tensor]],
           is_still_held: Callable[[torch.Tensor], bool], states: Mapping[int, State | None] | None = None,
           resets: Iterable[torch.Tensor] = ()) -> OptimizerStep | None:  # fmt: skip
        """Return the step that follows slots to other tensors, or None if the optimizer has nothing to do with it.

        Parameters
        ----------
        optimizer
            The one that was handed over, or None.
        moves
            (the tensor a slot held, the one it comes to hold), for each slot or tensor.
        is_still_held
            Whether any slot holds a tensor after the edit: one that none holds leaves the optimizer.
        states
            By the `id` of a tensor that enters: what the optimizer keeps for it. Nothing for one left out.
        resets
            Parameters that the optimizer starts anew with.
        """
        if optimizer is None:
            return None
        there = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
        gone: dict[int, torch.Tensor] = {}
        come: dict[int, Entering] = {}
        for old, new in moves:
            if id(old) not in there or old is new:
                continue
            if not is_still_held(old):
                gone[id(old)] = old
            if id(new) not in there:
                come.setdefault(id(new), Entering(new, old, (states or {}).get(id(new))))
        for holder in [*resets, *resized(optimizer, gone.values(), come.values())]:
            come |= {key: replace(one, state=None) for key, one in come.items() if one.beside is holder}
            if id(holder) not in gone and id(holder) not in come and optimizer.state.get(holder):
                come[id(holder)] = Entering(holder, holder)
        if not gone and not come:
            return None
        nbytes = sum(_nbytes(entering.state) for entering in come.values())
        return cls(optimizer, tuple(gone.values()), tuple(come.values()), nbytes)

    @property
    def references(self) -> list[torch.Tensor]:
        """The parameters it refers to, as often as it does."""
        entering = [tensor for one in self.come for tensor in (one.new, one.beside)]
        lists = [one for kept in self._lists for one in (*kept.before, *kept.now) if isinstance(one, torch.Tensor)]
        return [*self.gone, *entering, *lists, *(tensor for tensor, _ in self._left)]

    def do(self) -> None:
        """Swap the parameters and their states."""
        try:
            self._lists += rearrange(self.optimizer, self.gone, self.come)
            for tensor in (*self.gone, *(entering.new for entering in self.come)):
                if tensor in self.optimizer.state:
                    self._left.append((tensor, self.optimizer.state.pop(tensor)))
            for entering in self.come:
                state = self._given.get(id(entering.new), entering.state)
                if state is not None:
                    self.optimizer.state[entering.new] = state
        except BaseException:
            self.undo()
            raise
        _count_anew(self.optimizer)

    def undo(self) -> None:
        """Put the old parameters and the very objects of their states back; what the new ones had is kept for redo."""
        for entering in self.come:
            if entering.new in self.optimizer.state:
                self._given[id(entering.new)] = self.optimizer.state.pop(entering.new)
        for tensor, state in self._left:
            self.optimizer.state[tensor] = state
        put_back(self.optimizer, self._lists, self.gone, self.come)
        self._lists.clear()
        self._left.clear()
        _count_anew(self.optimizer)

    def was_changed_elsewhere(self) -> bool:
        """Whether someone took a parameter out of the optimizer since."""
        there = {id(parameter) for group in self.optimizer.param_groups for parameter in group["params"]}
        return any(id(entering.new) not in there for entering in self.come)


def _count_anew(optimizer: Any) -> None:
    """Let LBFGS count the numbers of its parameters again, which it does once and remembers."""
    if getattr(optimizer, "_numel_cache", None) is not None:
        optimizer._numel_cache = None


def holds(optimizer: Any, tensor: torch.Tensor | None) -> bool:
    """Whether an optimizer updates a tensor."""
    if optimizer is None or tensor is None:
        return False
    return any(parameter is tensor for group in optimizer.param_groups for parameter in group["params"])


def copied_state(optimizer: Any, tensor: torch.Tensor, like: torch.Tensor | None = None) -> State | None:
    """Return an independent copy of what an optimizer keeps for a tensor, or None.

    Parameters
    ----------
    optimizer, tensor
        The optimizer, and one of its parameters.
    like
        The tensor that will have the state: what has the parameter's dtype gets this one's, and goes to its device.
    """
    state = optimizer.state.get(tensor) if optimizer is not None else None
    if not state:
        return None
    return {key: carried(key, value, tensor, tensor if like is None else like) for key, value in state.items()}


def carried(key: str, value: Any, old: torch.Tensor, new: torch.Tensor) -> Any:
    """Return an independent copy of one thing an optimizer keeps for `old`, for `new` with the same values.

    A step is counted on in its own dtype: Adam's `step` has the shape of a parameter that is a single number.
    """
    if not isinstance(value, torch.Tensor):
        return deepcopy(value)
    copy = value.detach().clone()
    if key == "step":
        return copy
    device = new.device if copy.device == old.device and old.device != new.device else copy.device
    return copy.to(device=device, dtype=dtype_for(value, old, new.dtype))


def dtype_for(value: torch.Tensor, old: torch.Tensor, dtype: torch.dtype) -> torch.dtype:
    """Return the dtype of a moment of a parameter that becomes `dtype`: the same, where it had the parameter's own."""
    if value.dtype != old.dtype or not (dtype.is_floating_point or dtype.is_complex):
        return value.dtype
    return dtype


def _nbytes(state: State | None) -> int:
    values = (state or {}).values()
    return sum(value.numel() * value.element_size() for value in values if isinstance(value, torch.Tensor))


@dataclass(slots=True)
class Moving:
    """What an edit of many tensors means for one optimizer, gathered so that it becomes one step.

    A step looks through every list of parameters and keeps them, which must not happen once for each tensor.

    Attributes
    ----------
    moves, states, resets
        As `OptimizerStep.of` takes them.
    given_up
        By the `id` of a tensor: how many slots no longer hold it.
    """

    moves: list[tuple[torch.Tensor, torch.Tensor]] = field(default_factory=list)
    states: dict[int, State | None] = field(default_factory=dict)
    resets: list[torch.Tensor] = field(default_factory=list)
    given_up: Counter[int] = field(default_factory=Counter)

    def add(self, rebinds: Iterable[Rebind], states: Mapping[int, State | None]) -> None:
        """Take in the rebinds of a target, and what is kept for the tensors they put in place."""
        for rebind in rebinds:
            old, new = rebind.before[1].live, rebind.after[1].live
            if new is not None:
                self.moves.append((old, new))
                self.given_up[id(old)] += len(rebind.slots)
        self.states.update(states)

    def step(self, optimizer: Any, held: Mapping[int, int]) -> list[OptimizerStep]:
        """Return the one step, if there is any; `held` says by `id` how many slots hold a tensor before the edit."""
        found = OptimizerStep.of(optimizer, self.moves,
                                 lambda old: held.get(id(old), 0) > self.given_up[id(old)],
                                 self.states, self.resets)  # fmt: skip
        return [] if found is None else [found]
