"""Which part of a checkpoint is the state_dict: what the model's names and shapes are found in most."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from weightedit.doctor.facts import TensorFacts
from weightedit.doctor.load_report.units import split

T = TypeVar("T")
_USUAL = ("state_dict", "model_state_dict", "model", "module", "net", "network", "weights", "params", "")
"""What training code calls it, the usual first."""
_TRIED = 6


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a checkpoint.

    Attributes
    ----------
    name
        What holds it; empty for all of the checkpoint.
    tensors
        By their names within it.
    rivals
        Other parts in which as much of the model is found.
    """

    name: str
    tensors: Mapping[str, TensorFacts]
    rivals: tuple[str, ...] = ()

    @property
    def start(self) -> str:
        """How the names of its tensors begin in the document."""
        return f"{self.name}." if self.name else ""


def part_of(model: Mapping[str, TensorFacts], checkpoint: Sequence[TensorFacts],
            score: Callable[[Part], tuple[int, ...]], wanted: str | None = None) -> Part:  # fmt: skip
    """Return the part that fits a model best.

    Parameters
    ----------
    model
        What the state_dict of the model has.
    checkpoint
        All tensors of the document.
    score
        How well a part fits by its names; asked of those only that could.
    wanted
        The part to take instead.

    Raises
    ------
    KeyError
        If there is nothing in the part that is wanted.
    """
    containers = dict.fromkeys(facts.container for facts in checkpoint)
    if wanted is not None or len(containers) < 2:
        return _part(checkpoint, next(iter(containers), "") if wanted is None else wanted)
    parts = dict.fromkeys(above for container in containers for above in _above(container))
    ends = Counter((split(name)[1], facts.shape) for name, facts in model.items())
    fitting = _overlap(checkpoint, ends, lambda facts: (split(facts.name)[1], facts.shape))
    if not any(fitting.values()):
        fitting = _overlap(checkpoint, Counter(facts.shape for facts in model.values()), lambda facts: facts.shape)
    most = max(fitting.values(), default=0)
    order = sorted((name for name in parts if 2 * fitting[name] >= most), key=lambda name: -fitting[name])[:_TRIED]
    tried = [(score(part), part) for part in (_part(checkpoint, name) for name in order)]
    if not any(any(how) for how, _ in tried):  # names tell nothing, shapes do
        tried = [((fitting[part.name],), part) for _, part in tried]
    best = max(how for how, _ in tried)
    good = [part for how, part in tried if how == best]
    good = [part for part in good if not any(_is_above(part.name, other.name) for other in good)]
    good.sort(key=lambda part: rank(part.name))
    return Part(good[0].name, good[0].tensors, tuple(part.name for part in good[1:]))


def _overlap(checkpoint: Sequence[TensorFacts], wanted: Mapping[T, int],
             key: Callable[[TensorFacts], T]) -> Counter[str]:  # fmt: skip
    """Return for each part how many of the tensors that are wanted it has."""
    left: dict[str, Counter[T]] = {}
    found: Counter[str] = Counter()
    for facts in checkpoint:
        what = key(facts)
        if what in wanted:
            for name in _above(facts.container):
                rest = left.setdefault(name, Counter())
                rest[what] += 1
                found[name] += rest[what] <= wanted[what]
    return found


def _above(container: str) -> list[str]:
    """Return what holds a container, the root last, itself first."""
    found = [container] if container else []
    while "." in container:
        container = container.rpartition(".")[0]
        found.append(container)
    return [*found, ""]


def _is_above(name: str, other: str) -> bool:
    return name != other and name in _above(other)


def rank(name: str) -> int:
    """Return how usual it is to call a state_dict so, or what begins the names in one; the usual comes first."""
    last = name.rpartition(".")[2]
    return _USUAL.index(last) if last in _USUAL else len(_USUAL)


def _part(checkpoint: Sequence[TensorFacts], name: str) -> Part:
    start = f"{name}." if name else ""
    tensors = {facts.name[len(start) :]: facts for facts in checkpoint if name in _above(facts.container)}
    if name and not tensors:
        raise KeyError(f"the checkpoint has nothing in {name}")
    return Part(name, tensors)
