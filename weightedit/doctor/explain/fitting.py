"""Which tensors of the document fit what a message says, and edits that bring one to another shape or dtype."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import prod

from weightedit.core.edit import Edit
from weightedit.core.edits.fitting import fits
from weightedit.core.words.labels import called
from weightedit.core.words.paths import counted
from weightedit.doctor.explain.kind import Fit, Found, Match, Offer, Seen, bracketed
from weightedit.doctor.explain.pieces import numbers_of
from weightedit.doctor.facts import TensorFacts
from weightedit.doctor.finding import Mend
from weightedit.doctor.resizing import padding_of, region_of

Shape = tuple[int, ...]
FLOATS = ("float64", "float32", "bfloat16", "float16")
_MOST_TARGETS = 64
"""Tensors that an edit names one by one; more are named by what they are."""


def of_shape(*groups: str, turned: bool = False, ends: tuple[str, ...] = ()) -> Fit:
    """Make what finds the tensors of a shape that groups of the pattern give.

    Parameters
    ----------
    groups
        The groups; a tensor of any of these shapes fits.
    turned
        Whether the shape read backwards fits too, as of a weight that torch shows transposed.
    ends
        What the last part of the name begins with, where it is known.
    """

    def fit(match: Match, seen: Seen) -> Found:
        shapes = {numbers_of(match[group]) for group in groups if match[group]}
        shapes |= {shape[::-1] for shape in shapes} if turned else set()
        return tuple(one for one in seen.tensors if one.shape in shapes and (not ends or named_so(one, ends)))

    return fit


def where(holds: Callable[[TensorFacts, Match], bool]) -> Fit:
    """Make what finds the tensors for which something holds, given the message."""
    return lambda match, seen: tuple(one for one in seen.tensors if holds(one, match))


def named_so(tensor: TensorFacts, ends: tuple[str, ...]) -> bool:
    """Whether the last part of a name begins with one of these."""
    return tensor.name.rpartition(".")[2].startswith(ends)


def alone(found: Found) -> TensorFacts | None:
    """Return the one tensor that fits, tied names counted once; None where several do, or none."""
    several = [one for one in found if not one.same_as]
    return several[0] if len(several) == 1 else None


def named(tensors: Found, key: str, shape: Shape | None = None) -> TensorFacts | None:
    """Return the tensor of a name and shape: the name itself, or the only one that ends in it after a dot."""
    fitting = [one for one in tensors if shape is None or one.shape == shape]
    exact = next((one for one in fitting if one.name == key), None)
    below = [one for one in fitting if one.name.endswith(f".{key}")]
    return exact or (below[0] if len(below) == 1 else None)


def reshaping(name: str, old: Shape, new: Shape) -> list[Mend]:
    """Return ways to give a tensor another shape, the likeliest first; none where nothing but chance would fit."""
    detail = f"{bracketed(old)} → {bracketed(new)}"
    mends = []
    for fit in fits(old, new):
        if fit.permute is not None and fit.part is None and fit.into is None:
            two = len(old) == 2
            edit = Edit("transpose", (name,), None, {"dim0": 0, "dim1": 1}) if two else \
                Edit("permute", (name,), None, {"dims": fit.permute})  # fmt: skip
            mends.append(Mend(f"{'Transpose' if two else 'Permute'} {called(name)}", (edit,), detail))
    if not mends and old != new and len(old) == len(new) and 0 not in (*old, *new):
        mends.append(resizing(name, old, new, detail))
    elif not mends and old != new and prod(old) == prod(new):
        mends.append(Mend(f"Reshape {called(name)}", (Edit("reshape", (name,), None, {"shape": new}),), detail))
    return mends


def resizing(name: str, old: Shape, new: Shape, detail: str = "") -> Mend:
    """Return how a tensor is cut and padded with zeros to a shape of as many dimensions."""
    kept = tuple(map(min, old, new))
    edits: list[Edit] = []
    words = []
    if kept != old:
        edits.append(Edit("slice", (name,), region_of(old, kept)))
        words.append("cut")
    grown = [(dim, size - kept[dim]) for dim, size in enumerate(new) if size != kept[dim]]
    if [dim for dim, _ in grown] == [0]:
        edits.append(Edit("insert_rows", (name,), None, {"count": grown[0][1], "method": "zeros"}))
        words.append(f"add {counted(grown[0][1], 'row')} of zeros to" if len(new) > 1 else
                     f"add {counted(grown[0][1], 'zero')} to")  # fmt: skip
    elif grown:
        edits.append(Edit("pad", (name,), None, {"pad": padding_of(kept, new), "mode": "constant", "value": 0}))
        words.append("pad")
    title = f"{' and '.join(words)} {called(name)}{' with zeros' if words[-1:] == ['pad'] else ''}"
    return Mend(title[:1].upper() + title[1:], tuple(edits), detail or f"{bracketed(old)} → {bracketed(new)}")


def casting(tensors: Found, old: str, new: str) -> tuple[Mend, ...]:
    """Return the cast of every tensor of one dtype in the document to another; none where there is no such tensor."""
    targets = names_of(one for one in tensors if one.dtype == old)
    if not targets or old == new or new not in FLOATS:
        return ()
    others = sorted({one.dtype for one in tensors} - {old})
    many = len(targets) > _MOST_TARGETS
    edit = Edit("cast", ("*",) if many else targets, None, {"dtype": new},
                leave=tuple(f"dtype:{other}" for other in others) if many else ())  # fmt: skip
    what = called(targets[0]) if len(targets) == 1 else f"{len(targets):,} tensors"
    return (Mend(f"Cast {what} to {new}", (edit,), f"{old} → {new}"),)


def names_of(found: Iterable[TensorFacts]) -> tuple[str, ...]:
    """Return the names, tied ones once."""
    return tuple(one.name for one in found if not one.same_as)


def rarer(tensors: Found, *dtypes: str) -> Found:
    """Return the tensors of that dtype which fewer have, where the document has tensors of all of these."""
    groups = [tuple(one for one in tensors if one.dtype == dtype) for dtype in dict.fromkeys(dtypes)]
    return min(groups, key=len) if len(groups) > 1 and all(groups) else ()


def transposing(group: str) -> Offer:
    """Make what offers to transpose the one tensor of a shape, or of that shape read backwards."""

    def offer(match: Match, seen: Seen) -> tuple[Mend, ...]:
        one = alone(of_shape(group, turned=True)(match, seen))
        return () if one is None else tuple(reshaping(one.name, one.shape, one.shape[::-1])[:1])

    return offer
