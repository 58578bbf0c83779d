"""One training step as the findings ask for it: its records, and what the document calls the model's tensors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from weightedit.core.edit import Edit
from weightedit.core.words.labels import listed
from weightedit.core.words.numbers import index_text
from weightedit.core.words.paths import counted
from weightedit.core.words.visible import visible
from weightedit.doctor.finding import Mend
from weightedit.doctor.training_step.batch_facts import Extremes
from weightedit.doctor.training_step.facts import ParameterFacts, TrainingFacts
from weightedit.doctor.training_step.parts import Part


@dataclass(frozen=True, slots=True)
class Case:
    """What findings are made of.

    Attributes
    ----------
    facts
        What was seen.
    holds
        The name of a tensor in the document by its name in the model, for those that the document holds; None where the
        names are the same and it holds all.
    targets
        From where to where the targets of all the data go that the step's batch is of; None where that is not known.
    """

    facts: TrainingFacts
    holds: Mapping[str, str] | None = None
    targets: Extremes | None = None

    def tensor(self, name: str) -> str:
        """Return what the document calls a tensor of the model, under any name it has; empty where it has none."""
        if self.holds is None or name in self.holds:
            return name if self.holds is None else self.holds[name]
        also = next((one.also for one in self.facts.parameters if one.name == name), ())
        return next((self.holds[other] for other in also if other in self.holds), "")

    def what(self, names: Iterable[str], noun: str) -> str:
        """Return the tensors of an edit as its title calls them: the name of the only one, or how many."""
        held = list(dict.fromkeys(found for name in names if (found := self.tensor(name))))
        return visible(held[0]) if len(held) == 1 else counted(len(held), noun)

    def edit(self, operation: str, names: Iterable[str], **arguments: Any) -> tuple[Edit, ...]:
        """Return one edit of those tensors that the document holds; none where it holds none of them."""
        targets = tuple(dict.fromkeys(held for name in names if (held := self.tensor(name))))
        return (Edit(operation, targets, arguments=arguments),) if targets else ()

    def mend(self, title: str, operation: str, names: Sequence[str], detail: str = "", **arguments: Any) \
            -> tuple[Mend, ...]:  # fmt: skip
        """Return the mend that one edit is; none where the document holds none of the tensors."""
        edits = self.edit(operation, names, **arguments)
        return (Mend(title, edits, detail),) if edits else ()

    def more_rows(self, name: str, rows: int, highest: int) -> tuple[Mend, ...]:
        """Return the mend that gives an embedding a row for each index up to the highest."""
        count = highest + 1 - rows
        return self.mend(f"Insert {counted(count, 'row')} into {visible(self.tensor(name))}", "insert_rows", [name],
                         f"{rows} → {highest + 1} rows, the new ones the mean of the old", count=count,
                         method="mean") if count > 0 else ()  # fmt: skip

    def own(self, module: str) -> list[ParameterFacts]:
        """Return the parameters that a module has itself."""
        return [one for one in self.facts.parameters
                if module in {name.rpartition(".")[0] for name in (one.name, *one.also)}]  # fmt: skip

    def own_name(self, module: str, last: str) -> str:
        """Return the first name of a module's own parameter such as `weight`, which tied names share."""
        full = f"{module}.{last}" if module else last
        return next((one.name for one in self.facts.parameters if full in (one.name, *one.also)), "")

    @property
    def input(self) -> Part | None:
        """The only tensor that goes into the model; None where there are several."""
        found = [one for one in self.facts.inputs if one.is_tensor]
        return found[0] if len(found) == 1 and len(self.facts.inputs) == 1 else None

    def inputs_mend(self, given: Part | None, shape: Sequence[int]) -> tuple[Mend, ...]:
        """Return the mend of another input, where what a module was given is the model's only one as it came."""
        only = self.input
        if only is None or given is None or (only.shape, only.dtype) != (given.shape, given.dtype):
            return ()
        text = spec(shape, only.dtype)
        return (Mend(f"Give the model {text}", inputs=text),)


def spec(shape: Sequence[int], dtype: str) -> str:
    """Return a tensor as a spec: `float32[5, 1]`."""
    return f"{visible(dtype)}{index_text(shape)}"


def module_text(name: str, kind: str = "") -> str:
    """Return a module as sentences call it: its name, or `The model` for the model itself."""
    if not name:
        return "The model"
    return f"{visible(name)} ({visible(kind)})" if kind else visible(name)


def names_text(names: Sequence[str]) -> str:
    """Return names as people list them."""
    return listed(list(names))
