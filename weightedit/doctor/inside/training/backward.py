"""Where in a backward pass NaN, infinities and zeros begin: every step of autograd is asked what came in and out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from weightedit.doctor.inside.training.values import bad_count, is_all_zero
from weightedit.doctor.inside.training.watching import Watch, number_of
from weightedit.doctor.training_step.facts import Origin

MOST_NODES = 200_000
"""Steps of autograd that are asked."""
MOST_ORIGINS = 32
"""Places that are told of, of each kind."""
MOST_REACHED = 50
"""Parameters that one of them names."""


@dataclass(slots=True)
class BackwardWatch:
    """Watches the backward pass of one loss.

    Attributes
    ----------
    nodes
        The steps, each once.
    running
        Which one is at work.
    begun
        What begins where: the kind, the step, and the edges out of it.
    """

    nodes: list[Any] = field(default_factory=list)
    running: int | None = None
    begun: list[tuple[str, int, tuple[int, ...]]] = field(default_factory=list)
    _handles: list[Any] = field(default_factory=list)

    @classmethod
    def over(cls, loss: torch.Tensor) -> BackwardWatch:
        """Return one that watches what `loss.backward()` will do."""
        made = cls()
        for node in reached_from(loss.grad_fn):
            if len(made.nodes) >= MOST_NODES:
                break
            number = len(made.nodes)
            made.nodes.append(node)
            made._handles.append(node.register_prehook(made._before(number)))
            made._handles.append(node.register_hook(made._after(number)))
        return made

    def close(self) -> None:
        """Let go of the graph and of every hook."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        self.nodes.clear()

    def origins(self, watch: Watch, named: Sequence[tuple[str, torch.Tensor]]) -> tuple[Origin, ...]:
        """Describe what began where, in the order of the backward pass; before `close`."""
        found = []
        for what, number, edges in self.begun:
            node = self.nodes[number]
            at = watch.module_at(number_of(node))
            ends = [node.next_functions[edge][0] for edge in edges if edge < len(node.next_functions)]
            leaves = {id(one.variable) for one in reached_from(*ends) if hasattr(one, "variable")}
            names = [name for name, tensor in named if id(tensor) in leaves][:MOST_REACHED]
            found.append(Origin(what, node.name(), *(at or ("", "")), in_loss=at is None, reaches=tuple(names)))
        return tuple(found)

    def running_name(self, watch: Watch) -> tuple[str, str, str]:
        """Return the step at work, and name and type of the module it was recorded in."""
        if self.running is None:
            return "", "", ""
        node = self.nodes[self.running]
        return node.name(), *(watch.module_at(number_of(node)) or ("", ""))

    def _before(self, number: int) -> Any:
        def hook(_grads: Sequence[torch.Tensor | None]) -> None:
            self.running = number

        return hook

    def _after(self, number: int) -> Any:
        def hook(made: Sequence[torch.Tensor | None], given: Sequence[torch.Tensor | None]) -> None:
            self._look(number, made, [one for one in given if one is not None])

        return hook

    def _look(self, number: int, made: Sequence[torch.Tensor | None], given: list[torch.Tensor]) -> None:
        bad = tuple(edge for edge, one in enumerate(made) if one is not None and bad_count(one))
        if bad and not any(map(bad_count, given)):
            self._begin("non-finite", number, bad)
        zero = tuple(edge for edge, one in enumerate(made) if one is not None and is_all_zero(one))
        if zero and not all(map(is_all_zero, given)):
            self._begin("zero", number, zero)

    def _begin(self, what: str, number: int, edges: tuple[int, ...]) -> None:
        if sum(kind == what for kind, _, _ in self.begun) < MOST_ORIGINS:
            self.begun.append((what, number, edges))


def reached_from(*starts: Any) -> Iterator[Any]:
    """Yield the steps of autograd that come after some, and these, each once."""
    waiting, seen = [one for one in starts if one is not None], set()
    while waiting:
        node = waiting.pop()
        if node not in seen:
            seen.add(node)
            yield node
            waiting += [following for following, _ in node.next_functions if following is not None]
