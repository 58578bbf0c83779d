"""How the shape of a tensor of the checkpoint differs from that of the model, and what the difference looks like."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import permutations
from math import prod
from typing import Literal

from weightedit.doctor.facts import TensorFacts

Kind = Literal["transposed", "permuted", "reshaped", "shape"]
Shape = tuple[int, ...]
LAYOUTS = ((3, 2, 0, 1), (0, 3, 1, 2), (2, 3, 0, 1), (2, 1, 0), (4, 3, 0, 1, 2), (3, 4, 0, 1, 2))
"""Orders of dimensions that bring kernels of TensorFlow and JAX, and channels last, to torch's: known ones alone count.

HWIO, OHWI, HWOI of transposed convolutions, WIO, DHWIO and DHWOI.
"""
_MOST_ORDERED = 6


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference of shapes.

    Attributes
    ----------
    kind
        `transposed`, `permuted` and `reshaped` have all values; `shape` has more or fewer.
    found, wanted
        The shapes in the checkpoint and in the model.
    orders
        Orders of dimensions that give the shape of the model, where it is permuted.
    """

    kind: Kind
    found: Shape
    wanted: Shape
    orders: tuple[tuple[int, ...], ...] = ()

    @property
    def dim(self) -> int | None:
        """The one dimension in which the shapes differ; None where there are several, or as many dimensions."""
        if len(self.found) != len(self.wanted):
            return None
        differing = [dim for dim, (old, new) in enumerate(zip(self.found, self.wanted, strict=True)) if old != new]
        return differing[0] if len(differing) == 1 else None


def difference(ours: TensorFacts, theirs: TensorFacts) -> Difference | None:
    """Return how shapes differ; None where they do not, or where the model takes any."""
    found, wanted = theirs.shape, ours.shape
    if found == wanted or ours.kind == "uninitialized":
        return None
    if sorted(found) == sorted(wanted) and len(wanted) == 2:
        return Difference("transposed", found, wanted)
    if sorted(found) == sorted(wanted) and (orders := _orders(found, wanted)):
        return Difference("permuted", found, wanted, orders)
    if prod(found) == prod(wanted) and (_merges(found, wanted) or _merges(wanted, found)):
        return Difference("reshaped", found, wanted)
    return Difference("shape", found, wanted)


def settled(differences: Iterable[Difference]) -> set[tuple[int, ...]]:
    """Return the orders of dimensions that kernels are in beyond doubt."""
    return {one.orders[0] for one in differences if len(one.orders) == 1}


def _orders(found: Shape, wanted: Shape) -> tuple[tuple[int, ...], ...]:
    known = [order for order in LAYOUTS if len(order) == len(found) and _ordered(found, order) == wanted]
    if known or not 3 <= len(found) <= _MOST_ORDERED:
        return tuple(known)
    every = [order for order in permutations(range(len(found))) if _ordered(found, order) == wanted]
    return tuple(every) if len(every) == 1 else ()


def _ordered(shape: Shape, order: tuple[int, ...]) -> Shape:
    return tuple(shape[dim] for dim in order)


def _merges(many: Shape, few: Shape) -> bool:
    """Whether neighbouring dimensions of one shape, or ones, make those of the other."""
    sizes = iter(size for size in many if size != 1)
    for size in (size for size in few if size != 1):
        made = 1
        while made < size:
            made *= next(sizes, 0) or size + 1
        if made != size:
            return False
    return next(sizes, None) is None
