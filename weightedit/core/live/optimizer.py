"""Keeping an optimizer that was handed over in step with slots that come to hold other tensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import torch

State = dict[str, Any]
"""What an optimizer keeps for one parameter, such as `{"step": …, "exp_avg": …}`."""


@dataclass(frozen=True, slots=True)
class Entering:
    """A parameter that comes into an optimizer.

    Attributes
    ----------
    new
        The parameter.
    beside
        One that the optimizer holds: `new` takes its place where it goes, and stands after it where it stays.
    state
        What the optimizer keeps for `new` from now on; None lets it start anew.
    """

    new: torch.Tensor
    beside: torch.Tensor
    state: State | None = None


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
    _lists: list[tuple[list[Any], list[Any], list[Any]]] = field(default_factory=list)
    _left: list[tuple[torch.Tensor, State]] = field(default_factory=list)
    _given: dict[int, State] = field(default_factory=dict)

    @classmethod
    def of(cls, optimizer: Any, moves: Sequence[tuple[torch.Tensor, torch.Tensor]],
           is_still_held: Callable[[torch.Tensor], bool],
           states: Mapping[int, State | None] | None = None) -> OptimizerStep | None:  # fmt: skip
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
        if not gone and not come:
            return None
        nbytes = sum(_nbytes(entering.state) for entering in come.values())
        return cls(optimizer, tuple(gone.values()), tuple(come.values()), nbytes)

    @property
    def references(self) -> list[torch.Tensor]:
        """The parameters it refers to, as often as it does."""
        entering = [tensor for one in self.come for tensor in (one.new, one.beside)]
        lists = [one for _, before, now in self._lists for one in (*before, *now) if isinstance(one, torch.Tensor)]
        return [*self.gone, *entering, *lists, *(tensor for tensor, _ in self._left)]

    def do(self) -> None:
        """Swap the parameters and their states."""
        gone = {id(tensor) for tensor in self.gone}
        try:
            for group in self.optimizer.param_groups:
                for values, now in self._rearranged(group, gone):
                    self._lists.append((values, list(values), now))
                    values[:] = now
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

    def undo(self) -> None:
        """Put the old parameters and the very objects of their states back; what the new ones had is kept for redo."""
        for entering in self.come:
            if entering.new in self.optimizer.state:
                self._given[id(entering.new)] = self.optimizer.state.pop(entering.new)
        for tensor, state in self._left:
            self.optimizer.state[tensor] = state
        for values, before, now in reversed(self._lists):
            if same_objects(values, now):
                values[:] = before
            else:  # other code added to it or took from it since
                values[:] = self._taken_back(values)
        self._lists.clear()
        self._left.clear()

    def _rearranged(self, group: dict[str, Any], gone: set[int]) -> list[tuple[list[Any], list[Any]]]:
        """Return (list, its new items) of a group's parameters and of their names, where it has such."""
        params, names = group["params"], group.get("param_names") or []
        named = isinstance(names, list) and len(names) == len(params) > 0
        order: list[tuple[Any, Any]] = []
        listed = {id(parameter) for parameter in params} - gone
        for place, parameter in enumerate(params):
            name = names[place] if named else None
            if id(parameter) not in gone:
                order.append((parameter, name))
            for entering in self.come:
                if entering.beside is parameter and id(entering.new) not in listed:
                    order.append((entering.new, name if id(parameter) in gone else f"{name} (untied)"))
                    listed.add(id(entering.new))
        if same_objects(params, [parameter for parameter, _ in order]):
            return []
        found = [(params, [parameter for parameter, _ in order])]
        return [*found, (names, [name for _, name in order])] if named else found

    def _taken_back(self, values: list[Any]) -> list[Any]:
        gone = {id(tensor): tensor for tensor in self.gone}
        back: list[Any] = []
        for value in values:
            entering = next((one for one in self.come if one.new is value), None)
            if entering is None:
                back.append(value)
            elif id(entering.beside) in gone:
                back.append(entering.beside)
        return back

    def was_changed_elsewhere(self) -> bool:
        """Whether someone took a parameter out of the optimizer since."""
        there = {id(parameter) for group in self.optimizer.param_groups for parameter in group["params"]}
        return any(id(entering.new) not in there for entering in self.come)


def same_objects(values: Sequence[Any], others: Sequence[Any]) -> bool:
    """Whether two sequences hold the very same objects; `==` of tensors asks for their values."""
    return len(values) == len(others) and all(one is other for one, other in zip(values, others, strict=True))


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


def reset(optimizer: Any, tensor: torch.Tensor) -> OptimizerStep | None:
    """Return the step after which an optimizer starts anew with a parameter, or None if it keeps nothing for it."""
    if optimizer is None or not optimizer.state.get(tensor):
        return None
    return OptimizerStep(optimizer, (), (Entering(tensor, tensor),))
