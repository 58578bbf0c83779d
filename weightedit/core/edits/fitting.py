"""Which nearby edits fit where a source of one shape does not fit a region of another; on shapes alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations
from math import prod

from weightedit.core.region import shape_text

MOST_PERMUTED = 6
"""Dimensions up to which orders are tried."""
MOST_ORDERS = 3
"""Orders that are offered where several fit."""
LAYOUTS = ((3, 2, 0, 1), (0, 3, 1, 2), (2, 1, 0), (4, 3, 0, 1, 2), (0, 2, 3, 1), (2, 3, 1, 0))
"""Orders that go before others: convolutions HWIO, WIO and DHWIO to torch's, images NHWC to NCHW, and back."""


@dataclass(frozen=True, slots=True)
class Fit:
    """One way to make a source and a region fit each other.

    Attributes
    ----------
    label
        What a link says.
    permute, part, shape
        What the source is seen as, as in `TensorView`; None where it stays as it is. `part` are the sizes kept.
    into
        Sizes of the leading part of the region that is written; None means all of it.
    """

    label: str
    permute: tuple[int, ...] | None = None
    part: tuple[int, ...] | None = None
    shape: tuple[int, ...] | None = None
    into: tuple[int, ...] | None = None


def fits(source: tuple[int, ...], wanted: tuple[int, ...]) -> Iterator[Fit]:
    """Yield what makes a source fit where `copy_` refuses it, the most likely first.

    Parameters
    ----------
    source, wanted
        Shapes of the source and of the region.
    """
    orders = list(_orders(source, wanted))
    for dims in orders:
        two = len(dims) == 2
        yield Fit("Transpose the source" if two else f"Permute the source by {', '.join(map(str, dims))}", dims)
    yield from _parts(source, wanted, transposes=not orders)
    numel = prod(wanted)
    if numel and prod(source) == numel:
        column = len(source) == 1 and wanted == (*source, 1)
        words = "Take it as a column" if column else f"Reshape the source to {shape_text(wanted)}"
        yield Fit(words, shape=wanted)
    yield from _repeats(source, wanted)


def _orders(source: tuple[int, ...], wanted: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Yield the orders of dimensions that give the shape: known layouts, then those that keep equal sizes in order."""
    count = len(source)
    if not 2 <= count == len(wanted) <= MOST_PERMUTED or sorted(source) != sorted(wanted) or source == wanted:
        return
    found = [dims for dims in permutations(range(count)) if tuple(source[dim] for dim in dims) == wanted]
    known = [dims for dims in LAYOUTS if dims in found]
    found = [dims for dims in found if all(
        first < second for place, first in enumerate(dims) for second in dims[place + 1 :]
        if source[first] == source[second])]  # fmt: skip
    yield from list(dict.fromkeys([*known, *found]))[:MOST_ORDERS]


def _parts(source: tuple[int, ...], wanted: tuple[int, ...], transposes: bool) -> Iterator[Fit]:
    if len(source) != len(wanted) or not source or not prod(source) or not prod(wanted):
        return
    common = tuple(map(min, source, wanted))
    if common == wanted:
        yield Fit(f"Take {_leading(source, common)}", part=common)
        return
    if common == source:
        yield Fit(f"Write into {_leading(wanted, common)}", into=common)
        return
    turned = source[::-1]
    if transposes and len(source) == 2 and not any(map(int.__eq__, source, wanted)):
        turned_common = tuple(map(min, turned, wanted))
        if turned_common == wanted:
            yield Fit(f"Transpose the source and take {_leading(turned, wanted)}", (1, 0), wanted)
        elif turned_common == turned:
            yield Fit(f"Transpose it and write into {_leading(wanted, turned)}", (1, 0), into=turned)
    if transposes:
        yield Fit(f"Copy the part in common, {_bounds(common)}", part=common, into=common)


def _repeats(source: tuple[int, ...], wanted: tuple[int, ...]) -> Iterator[Fit]:
    """Yield the first way to put dimensions of size 1 between those of a source, so that it broadcasts."""
    sizes = [size for size in source if size != 1]
    if not sizes or len(sizes) >= len(wanted) or prod(source) == prod(wanted):
        return
    shape = []
    for size in wanted:
        if sizes and sizes[0] == size:
            shape.append(sizes.pop(0))
        else:
            shape.append(1)
    if sizes:
        return
    times = prod(wanted) // max(prod(shape), 1)
    words = "Take it as a column" if len(wanted) == 2 and shape[1] == 1 else f"See it as {shape_text(shape)}"
    yield Fit(f"{words} and repeat it {times:,} times", shape=tuple(shape))


def padded(target: tuple[int, ...], source: tuple[int, ...]) -> tuple[tuple[int, ...], str] | None:
    """Return the `pad` that makes a target as large as a larger source, and its words; None where it is no larger."""
    if len(target) != len(source) or not target or any(map(int.__lt__, source, target)) or source == target:
        return None
    pad = [number for old, new in zip(reversed(target), reversed(source), strict=True) for number in (0, new - old)]
    return tuple(pad), f"Pad target to {_sized(target, source)}"


def _sized(old: tuple[int, ...], new: tuple[int, ...]) -> str:
    grows = [dim for dim in range(len(new)) if old[dim] != new[dim]]
    if grows == [0]:
        return f"{new[0]:,} {'values' if len(new) == 1 else 'rows'}"
    return f"{new[1]:,} columns" if grows == [1] and len(new) == 2 else shape_text(new)


def _leading(whole: tuple[int, ...], part: tuple[int, ...]) -> str:
    """Say which leading part is meant: `rows 0–4`, `columns 0–9`, or its bounds."""
    cut = [dim for dim in range(len(part)) if part[dim] != whole[dim]]
    if len(cut) == 1 and (cut == [0] or len(whole) == 2):
        word = "value" if len(whole) == 1 else "row" if cut == [0] else "column"
        size = part[cut[0]]
        return f"{word} 0" if size == 1 else f"{word}s 0–{size - 1}"
    return _bounds(part)


def _bounds(part: tuple[int, ...]) -> str:
    return "[" + ", ".join(f"0:{size}" for size in part) + "]"
