"""Regions: the selected index of one tensor, as text, as boxes of indices, and boxes cut into pieces."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import gcd, prod

from weightedit.core.errors import RegionError

Axis = range | tuple[int, ...]
RegionText = str | None
LONGEST_NUMBER = 20
_TOKEN = re.compile(r"\s*(?:(-?\d+)|(\.\.\.)|([\[\]:,])|(\S))")


@dataclass(frozen=True, slots=True)
class Box:
    """The product of one set of indices per dimension; indices are in range and never repeat.

    `dropped` are the dimensions a single integer selected, which `read` leaves out as torch does.
    """

    axes: tuple[Axis, ...]
    dropped: tuple[int, ...] = ()

    @classmethod
    def whole(cls, shape: Sequence[int]) -> Box:
        """Select everything."""
        return cls(tuple(range(size) for size in shape))

    @property
    def shape(self) -> tuple[int, ...]:
        """Size along each dimension, dropped ones as 1."""
        return tuple(len(axis) for axis in self.axes)

    @property
    def result_shape(self) -> tuple[int, ...]:
        """The shape torch gives the same index."""
        return tuple(len(axis) for dim, axis in enumerate(self.axes) if dim not in self.dropped)

    @property
    def numel(self) -> int:
        """How many elements are selected."""
        return prod(self.shape)

    def is_whole(self, shape: Sequence[int]) -> bool:
        """Whether every element of `shape` is selected in order."""
        return all(axis == range(size) for axis, size in zip(self.axes, shape, strict=True))

    def within(self, inner: Box) -> Box:
        """Select by `inner` among what this box selects: positions become indices."""
        return Box(tuple(_take(axis, positions) for axis, positions in zip(self.axes, inner.axes, strict=True)))

    def positions_in(self, outer: Box) -> Box:
        """Return where this box's indices stand in `outer`, from which it was cut: `outer.within(it)` is this box."""
        return Box(tuple(_positions(axis, whole) for axis, whole in zip(self.axes, outer.axes, strict=True)))

    def minus(self, other: Box) -> Iterator[Box]:
        """Yield disjoint boxes that select what this box does and `other` does not."""
        shared = [_common(mine, theirs) for mine, theirs in zip(self.axes, other.axes, strict=True)]
        if not all(shared):
            if self.numel:
                yield self
            return
        for dim, axis in enumerate(self.axes):
            for rest in _without(axis, shared[dim]):
                yield Box((*shared[:dim], rest, *self.axes[dim + 1 :]), self.dropped)

    def intersection(self, other: Box) -> Box:
        """Select what both select."""
        return Box(tuple(_common(mine, theirs) for mine, theirs in zip(self.axes, other.axes, strict=True)))

    def __str__(self) -> str:
        return "[" + ", ".join(_axis_text(axis, dim in self.dropped) for dim, axis in enumerate(self.axes)) + "]"


def _axis_text(axis: Axis, dropped: bool) -> str:
    if dropped or (len(axis) == 1 and isinstance(axis, range)):
        return str(axis[0]) if dropped else f"{axis[0]}:{axis[0] + 1}"
    if isinstance(axis, range):
        return f"{axis.start}:{axis.stop}" + (f":{axis.step}" if axis.step != 1 else "")
    return "[" + ", ".join(map(str, axis)) + "]"


def _take(axis: Axis, positions: Axis) -> Axis:
    if isinstance(positions, range):
        return axis[positions.start : positions.stop : positions.step]
    return tuple(axis[position] for position in positions)


def _positions(axis: Axis, whole: Axis) -> Axis:
    if not len(axis):
        return range(0)
    first = whole.index(axis[0])
    if len(axis) > 1 and isinstance(axis, range) and isinstance(whole, range):
        return range(first, first + len(axis) * (axis.step // whole.step), axis.step // whole.step)
    return range(first, first + len(axis)) if len(axis) == 1 else _positions_of_list(axis, whole)


def _positions_of_list(axis: Axis, whole: Axis) -> Axis:
    places = {index: position for position, index in enumerate(whole)}
    found = tuple(places[index] for index in axis)
    ascending = all(later == earlier + 1 for earlier, later in pairwise(found))
    return range(found[0], found[0] + len(found)) if ascending else found


def _common(mine: Axis, theirs: Axis) -> Axis:
    """Return what two axes share; ranges stay ranges, for a list of a long axis would fill the memory."""
    if isinstance(mine, range) and isinstance(theirs, range):
        return _common_range(mine, theirs)
    if isinstance(theirs, range):
        return tuple(index for index in mine if index in theirs)
    members = set(theirs)
    return tuple(index for index in mine if index in members)


def _common_range(mine: range, theirs: range) -> range:
    """Return the indices in both of two ascending ranges (the Chinese remainder theorem finds the first)."""
    divisor = gcd(mine.step, theirs.step)
    if not mine or not theirs or (theirs.start - mine.start) % divisor:
        return range(0)
    step = mine.step // divisor * theirs.step
    modulus = theirs.step // divisor
    turns = (theirs.start - mine.start) // divisor * pow(mine.step // divisor, -1, modulus) % modulus
    first = mine.start + turns * mine.step
    low = max(mine.start, theirs.start)
    first += -(-max(0, low - first) // step) * step
    found = range(first, min(mine[-1], theirs[-1]) + 1, step)
    return found if len(found) != 1 else range(first, first + 1)


def _without(axis: Axis, removed: Axis) -> Iterator[Axis]:
    """Yield disjoint axes that hold the indices of `axis` that are not in `removed`, a part of it."""
    if not isinstance(axis, range) or not isinstance(removed, range):
        members = removed if isinstance(removed, range) else set(removed)
        kept = tuple(index for index in axis if index not in members)
        yield from (kept,) if kept else ()
        return
    turn = removed.step // axis.step if len(removed) > 1 else 1
    inside = range(removed[0], removed[-1] + 1, axis.step)
    rests = [range(axis.start, inside.start, axis.step), range(inside[-1] + axis.step, axis.stop, axis.step)]
    if turn - 1 <= len(removed):
        rests += [inside[position::turn] for position in range(1, turn)]
    else:
        rests += [range(index + axis.step, index + removed.step, axis.step) for index in removed[:-1]]
    yield from (rest for rest in rests if rest)


def parse_region(text: RegionText, shape: Sequence[int]) -> Box:
    """Return the box that a region such as `[3, 10:20, :]` selects in a tensor of `shape`.

    Parameters
    ----------
    text
        Integers (negative ones count from the end), `:` with a positive step, `...`, one list; None or an
        empty text selects everything. The outer brackets may be left out.
    shape
        Of the tensor.

    Raises
    ------
    RegionError
        If the text does not parse, or selects past the size of a dimension; `column` points at the place.
    """
    if text is None or not text.strip():
        return Box.whole(shape)
    items = _Parser(text).items()
    if not items and shape:
        raise RegionError(f"{text} selects nothing; write [:] for everything.", text=text)
    dims = sum(item.kind != "ellipsis" for item in items)
    if dims > len(shape):
        extra = [item for item in items if item.kind != "ellipsis"][len(shape)]
        raise RegionError(
            f"{text} has {dims} indices, and the tensor has {len(shape)} dimensions, {shape_text(shape)}.",
            text=text, column=extra.column)  # fmt: skip
    filled: list[_Item] = []
    whole = _Item("slice", len(text), (None, None, None))
    for item in items:
        filled += [whole] * (len(shape) - dims) if item.kind == "ellipsis" else [item]
    filled += [whole] * (len(shape) - len(filled))
    axes = tuple(item.axis(size, dim, text) for dim, (item, size) in enumerate(zip(filled, shape, strict=True)))
    return Box(axes, tuple(dim for dim, item in enumerate(filled) if item.kind == "integer"))


def parse_regions(region: RegionText | Sequence[str], shape: Sequence[int]) -> list[Box]:
    """Return disjoint boxes that together select one region, or the union of several."""
    if region is None or isinstance(region, str):
        return [parse_region(region, shape)]
    disjoint: list[Box] = []
    for text in region:
        fresh = [parse_region(text, shape)]
        for earlier in disjoint:
            fresh = [part for box in fresh for part in box.minus(earlier)]
        disjoint += fresh
    return disjoint


def clamped(text: str, shape: Sequence[int]) -> str | None:
    """Return the part of a region that is inside a tensor of `shape`, as text; None where nothing of it is.

    A single index past the end becomes the last one, as a slice that ends there would; indices for dimensions that
    the tensor does not have are left out.
    """
    try:
        items = _Parser(text).items()
    except RegionError:
        return None
    dims = len([item for item in items if item.kind != "ellipsis"])
    while dims > len(shape):
        last = items.pop()
        dims -= last.kind != "ellipsis"
    said: list[str] = []
    sizes = iter(shape)
    for item in items:
        if item.kind == "ellipsis":
            for _ in range(len(shape) - dims):
                next(sizes)
            said.append("...")
            continue
        inside = item.clamped(next(sizes))
        if inside is None:
            return None
        said.append(inside)
    return f"[{', '.join(said)}]" if said else None


def shape_text(shape: Sequence[int]) -> str:
    """Return a shape as messages show it: `10 × 20`, or `a single number`."""
    return " × ".join(map(str, shape)) if shape else "a single number"


@dataclass(frozen=True, slots=True)
class _Item:
    kind: str
    column: int
    value: tuple[int | None, ...]

    def axis(self, size: int, dim: int, text: str) -> Axis:
        if self.kind == "slice":
            return self._slice(size, dim, text)
        indices = tuple(self._index(value, size, dim, text) for value in self.value if value is not None)
        if len(set(indices)) != len(indices):
            raise RegionError(f"{text} names an index of dimension {dim} twice.", text=text, column=self.column)
        if self.kind == "integer":
            return range(indices[0], indices[0] + 1)
        return indices

    def clamped(self, size: int) -> str | None:
        """Return what is inside a dimension of this size, as text; None where nothing is."""
        if self.kind == "slice":
            start, stop, step = self.value
            inside = range(size)[start:stop:step] if step is None or step > 0 else range(0)
            if not inside:
                return None
            ends = ":" if start is None and stop is None else f"{inside.start}:{inside.stop}"
            return ends + (f":{inside.step}" if inside.step > 1 else "")
        indices = [value for value in self.value if value is not None]
        if self.kind == "integer":
            return str(min(max(indices[0], -size), size - 1)) if size else None
        kept = list(dict.fromkeys(value % size for value in indices if -size <= value < size)) if size else []
        return f"[{', '.join(map(str, kept))}]" if kept else None

    def _index(self, value: int, size: int, dim: int, text: str) -> int:
        if not -size <= value < size:
            valid = f"{-size} to {size - 1}" if size else "none, it is empty"
            raise RegionError(
                f"Index {value} is out of range for dimension {dim} of size {size}; valid: {valid}.",
                text=text, column=self.column)  # fmt: skip
        return value % size

    def _slice(self, size: int, dim: int, text: str) -> range:
        start, stop, step = self.value
        if step is not None and step < 1:
            raise RegionError(f"The step in {text} must be 1 or more.", text=text, column=self.column)
        for end in (start, stop):
            if end is not None and not -size <= end <= size:
                raise RegionError(
                    f"{end} is past dimension {dim}, which has {size} indices; valid: {-size} to {size}.",
                    text=text, column=self.column)  # fmt: skip
        low = 0 if start is None else start + size if start < 0 else start
        high = size if stop is None else stop + size if stop < 0 else stop
        found = range(low, max(low, high), step or 1)
        return found if found else range(low, low)


class _Parser:
    """Reads one region; every error says the column it stands at."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens: list[tuple[str, int]] = []
        for match in _TOKEN.finditer(text):
            token = match.group(match.lastindex or 0)
            column = match.start(match.lastindex or 0)
            if match.lastindex == 4:
                raise self.error(f"{token!r} has no meaning in a region", column)
            self.tokens.append((token, column))
        if self.tokens and self.tokens[0][0] == "[" and self._closes_at_end():
            self.tokens = self.tokens[1:-1]
        self.place = 0

    def _closes_at_end(self) -> bool:
        depth = 0
        for position, (token, _) in enumerate(self.tokens):
            depth += (token == "[") - (token == "]")
            if depth == 0:
                return position == len(self.tokens) - 1
        raise self.error("a bracket is not closed", len(self.text))

    def error(self, what: str, column: int) -> RegionError:
        return RegionError(
            f"The region {self.text} does not read at column {column + 1}: {what}; write it like [3, 10:20, :].",
            text=self.text, column=column)  # fmt: skip

    def peek(self) -> str:
        return self.tokens[self.place][0] if self.place < len(self.tokens) else ""

    @property
    def column(self) -> int:
        return self.tokens[self.place][1] if self.place < len(self.tokens) else len(self.text)

    def next(self) -> str:
        token = self.peek()
        self.place += 1
        return token

    def items(self) -> list[_Item]:
        found: list[_Item] = []
        while self.peek():
            column = self.column
            item = self.item(column)
            for kind in ("ellipsis", "list"):
                if item.kind == kind and any(earlier.kind == kind for earlier in found):
                    raise self.error(f"only one {'...' if kind == 'ellipsis' else 'list'} is allowed", column)
            found.append(item)
            if self.peek() and self.next() != ",":
                self.place -= 1
                raise self.error("a comma is missing", self.column)
        return found

    def item(self, column: int) -> _Item:
        if self.peek() == "...":
            self.next()
            return _Item("ellipsis", column, ())
        if self.peek() == "[":
            return self.list(column)
        start = self.integer()
        if self.peek() != ":":
            if start is None:
                raise self.error("an index is missing", self.column)
            return _Item("integer", column, (start,))
        parts: list[int | None] = [start]
        while self.peek() == ":":
            if len(parts) == 3:
                raise self.error("a slice has at most two colons", self.column)
            self.next()
            parts.append(self.integer())
        return _Item("slice", column, (*parts, None)[:3])

    def integer(self) -> int | None:
        if not self.peek() or self.peek() in "[]:,." or self.peek() == "...":
            return None
        if len(self.peek()) > LONGEST_NUMBER:
            raise self.error("the index has too many digits", self.column)
        return int(self.next())

    def list(self, column: int) -> _Item:
        self.next()
        values: list[int | None] = []
        while self.peek() != "]":
            value = self.integer()
            if value is None:
                raise self.error("an index is missing", self.column)
            values.append(value)
            if self.peek() == ",":
                self.next()
            elif self.peek() != "]":
                raise self.error("a comma or ] is missing", self.column)
        self.next()
        return _Item("list", column, tuple(values))
