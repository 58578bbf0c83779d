"""One comparison of a checkpoint with a model, as all kinds of findings look at it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from weightedit.doctor.facts import ModelFacts, TensorFacts
from weightedit.doctor.finding import Finding
from weightedit.doctor.load_report.matching import Matched
from weightedit.doctor.load_report.naming import Naming
from weightedit.doctor.load_report.part import Part
from weightedit.doctor.load_report.surroundings import Pairs


@dataclass(frozen=True, slots=True)
class Told:
    """A finding with what it is about.

    Attributes
    ----------
    finding
        What is said.
    names
        The tensors of the model.
    keys
        The tensors of the part that nothing of the model is matched with.
    """

    finding: Finding
    names: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Comparison:
    """A checkpoint against a model.

    Attributes
    ----------
    model
        As its code makes it.
    wanted
        What its state_dict has, by name.
    part
        The part of the checkpoint that is compared.
    matched
        Which tensor is which.
    naming
        What tensors of the document are called after the renames that were proposed so far.
    types
        The class of each module of the model by its name.
    sharing
        The tensors of the document that are one, by the name of the first of them.
    extra_states
        The names in the document under which modules keep an extra state, in the part that is compared; None where
        nobody can tell.
    """

    model: ModelFacts
    wanted: Mapping[str, TensorFacts]
    part: Part
    matched: Matched
    naming: Naming
    types: Mapping[str, str]
    sharing: Mapping[str, frozenset[str]]
    extra_states: tuple[str, ...] | None = ()

    def ours(self, name: str) -> TensorFacts:
        """Return a tensor of the model."""
        return self.wanted[name]

    def theirs(self, name: str) -> TensorFacts:
        """Return the tensor of the checkpoint that is matched with one of the model."""
        return self.part.tensors[self.matched.pairs[name]]

    def type_of(self, name: str) -> str:
        """Return the class of the module that a tensor of the model is in."""
        return self.types.get(name.rpartition(".")[0], "")

    @property
    def undecided(self) -> set[str]:
        """The tensors of the model that could be one of the checkpoint, or of several."""
        return {name for pairs in self._possible for name in pairs}

    @property
    def undecided_keys(self) -> set[str]:
        """The tensors of the part that could be one of the model, or of several."""
        return {key for pairs in self._possible for key in pairs.values()}

    @property
    def _possible(self) -> list[Pairs]:
        return [*(pairs for options in (*self.matched.choices, *self.matched.orders) for pairs in options),
                *self.matched.doubtful]  # fmt: skip

    @property
    def missing(self) -> list[str]:
        """The tensors of the model that nothing is matched with."""
        gone = self.matched.pairs.keys() | self.undecided
        return [name for name in self.wanted if name not in gone]

    @property
    def unexpected(self) -> list[str]:
        """The tensors of the part that the model does not have."""
        gone = {*self.matched.pairs.values(), *self.undecided_keys,
                *(key for one in self.matched.copies for key in one.keys)}  # fmt: skip
        return [key for key in self.part.tensors if key not in gone]
