"""Where tensors stand in a model and in a checkpoint: what is matched for sure stands between others, or beside."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Sequence

from weightedit.doctor.load_report.surroundings import Pairs
from weightedit.doctor.load_report.units import Unit, split


class Places:
    """The order of a model and that of a checkpoint, against each other.

    Parameters
    ----------
    known
        What is matched by name.
    names
        All names of the model, in order.
    order
        All names of the checkpoint, in order; None where their order says nothing.
    """

    def __init__(self, known: Pairs, names: Sequence[str], order: Sequence[str] | None) -> None:
        self.known = known
        self._says = order is not None
        self._ours, self._theirs = ({name: number for number, name in enumerate(all_of)}
                                    for all_of in (names, order or ()))  # fmt: skip
        self._known = sorted((self._ours[name], self._theirs[other], name, other)
                             for name, other in known.items()) if self._says else []  # fmt: skip
        self._starts = [place for place, *_ in self._known]

    def fits(self, unit: Unit, other: Unit) -> bool:
        """Whether a unit of the checkpoint stands between the same neighbours as one of the model, if order says so."""
        if not self._says:
            return True
        at, place = self._at(unit), self._theirs[other.tensors[0]]
        after = at == 0 or self._known[at - 1][1] < place
        return after and (at == len(self._known) or place < self._known[at][1])

    def is_beside(self, unit: Unit, other: Unit) -> bool:
        """Whether two units follow the same neighbour and come before the same one, and one of these is a sibling.

        What comes last in a model is a head, which another one may follow as well; so something must come after it.
        """
        if not self._says or not self.fits(unit, other):
            return False
        at = self._at(unit)
        around = self._known[max(at - 1, 0) : at + 1]
        return at < len(self._known) and any(_parent(unit.tensors[0]) == _parent(name) and
                                             _parent(other.tensors[0]) == _parent(key)
                                             for _, _, name, key in around)  # fmt: skip

    def are_apart(self, ours: Sequence[Unit], theirs: Sequence[Unit], sure: Pairs) -> bool:
        """Whether one and the same module stands between two units of the model and between two of the checkpoint.

        Parameters
        ----------
        ours, theirs
            Two units each, in order.
        sure
            What is told by its own name or shape; what is a guess itself proves nothing.
        """
        if not self._says:
            return False
        first, last = (self._ours[unit.tensors[0]] for unit in ours)
        start, end = (self._theirs[unit.tensors[0]] for unit in theirs)
        return any(first < self._ours[name] < last and start < self._theirs[key] < end for name, key in sure.items())

    def _at(self, unit: Unit) -> int:
        return bisect(self._starts, self._ours[unit.tensors[0]])


def _parent(name: str) -> str:
    return split(name)[0].rpartition(".")[0]
