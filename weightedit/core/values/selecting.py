"""Which elements of a tensor are picked: boxes, or a condition on one of them, combined without reading a value."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from weightedit.core.edit import Region
from weightedit.core.errors import RegionError
from weightedit.core.region import Axis, Box, parse_region

MOST_BOXES = 256
"""Boxes a selection may have; each is compared with each when they are made disjoint."""
LONGEST_LIST = 64
"""Indices that are named one by one at most; more of them stay boxes of their own."""
_WHERE = re.compile(r"\bwhere\b")
_QUOTED = re.compile(r"(\"[^\"]*\"|'[^']*')")


def region_text(box: Box, shape: Sequence[int]) -> str:
    """Return a box as people type it: `[1152:1536, :]`, with whole dimensions as `:`."""
    parts = []
    for dim, (axis, size) in enumerate(zip(box.axes, shape, strict=True)):
        if dim in box.dropped:
            parts.append(str(axis[0]))
        elif axis == range(size):
            parts.append(":")
        elif isinstance(axis, range):
            parts.append(f"{axis.start}:{axis.stop}" + (f":{axis.step}" if axis.step != 1 else ""))
        else:
            parts.append("[" + ", ".join(map(str, axis)) + "]")
    return f"[{', '.join(parts)}]"

def split_regions(text: str) -> list[str]:
    """Return the regions of a text that parts several by `;`, or is a list of texts: `["[0:2, :]", "[5, :]"]`."""
    if text.strip().startswith('["'):
        try:
            given = json.loads(text)
        except ValueError:
            raise RegionError(f"The list of regions {text} does not read; write it like [\"[0:2, :]\", \"[5, :]\"].",
                              text=text) from None  # fmt: skip
        return [str(one) for one in given]
    found = [""]
    for place, piece in enumerate(_QUOTED.split(text)):
        first, *more = [piece] if place % 2 else piece.split(";")
        found[-1] += first
        found += more
    return [part.strip() for part in found if part.strip()]


@dataclass(frozen=True)
class Picks:
    """A union of boxes of one tensor, or the elements of one box for which a condition holds.

    Attributes
    ----------
    shape
        Of the tensor.
    boxes
        In the order they were picked; they may overlap. Without any, nothing is picked.
    condition
        An expression of `w`, the values of the box, with a true or false result; then there is one box. Empty picks
        all of the boxes.
    """

    shape: tuple[int, ...]
    boxes: tuple[Box, ...] = ()
    condition: str = ""

    @classmethod
    def parse(cls, text: str, shape: tuple[int, ...]) -> Picks:
        """Return what a typed text picks: a region, several parted by `;`, or a condition; `[:]` is no pick.

        The condition's own syntax is for the expression language to check.

        Raises
        ------
        RegionError
            If a region does not read, nothing follows `where`, or a condition is given for several regions.
        """
        texts = split_regions(text) or [text]
        found = [_WHERE.search(one) for one in texts]
        if not any(found):
            boxes = tuple(parse_region(one, shape) for one in texts)
            whole = len(boxes) == 1 and boxes[0].is_whole(shape) and not boxes[0].dropped
            return cls(shape, () if whole else boxes)
        if len(texts) > 1 or found[0] is None:
            raise RegionError(f"{text} gives a condition and several regions; a condition selects within one region.",
                              text=text, column=text.find(texts[1]))  # fmt: skip
        condition = texts[0][found[0].end() :].strip()
        if not condition:
            raise RegionError("Nothing follows where; write a condition, such as where abs(w) < 1e-4.",
                              text=text, column=len(text))  # fmt: skip
        return cls(shape, (parse_region(texts[0][: found[0].start()], shape),), condition)

    def __bool__(self) -> bool:
        return bool(self.boxes)

    @property
    def box(self) -> Box | None:
        """The box that is picked, all of it, where it is a single one."""
        return self.boxes[0] if len(self.boxes) == 1 and not self.condition else None

    @property
    def region(self) -> Region:
        """What an edit takes as region: one text, several, or None where nothing is picked."""
        if self.condition:
            box = self.boxes[0]
            return f"{'' if box.is_whole(self.shape) else region_text(box, self.shape) + ' '}where {self.condition}"
        texts = tuple(region_text(box, self.shape) for box in self.boxes)
        return None if not texts else texts[0] if len(texts) == 1 else texts

    @property
    def text(self) -> str:
        """What a field shows; the whole tensor where nothing is picked."""
        region = self.region
        if region is None:
            return region_text(Box.whole(self.shape), self.shape)
        return region if isinstance(region, str) else "; ".join(region)

    def numel(self, within: Box | None = None) -> int:
        """Return how many elements the boxes have; nothing picked stands for all. A condition is not looked at."""
        boxes = self.boxes or (Box.whole(self.shape),)
        if within is not None:
            boxes = tuple(box.intersection(within) for box in boxes)
        return sum(box.numel for box in disjoint(boxes))

    # ---- combining

    def add(self, box: Box) -> Picks:
        """Pick a box as well; in place of a condition, which can only be picked alone."""
        if self.condition:
            return Picks(self.shape, (box,))
        kept = [held for held in self.boxes if not _covers(box, held)]
        if any(_covers(held, box) for held in kept):
            return self._with(kept)
        return self._with(_joined([*kept, box]))

    def remove(self, box: Box) -> Picks:
        """Pick a box no longer; of a condition nothing can be taken away."""
        if self.condition:
            return self
        return self._with([rest for held in self.boxes for rest in held.minus(box)])

    def where(self, condition: str) -> Picks:
        """Pick those elements of the selection (of the whole tensor where there is none) that fulfil a condition.

        Raises
        ------
        RegionError
            If several boxes are picked.
        """
        if len(self.boxes) > 1:
            raise RegionError(f"A condition selects within one region, and {len(self.boxes)} are selected.")
        return Picks(self.shape, self.boxes or (Box.whole(self.shape),), condition)

    def inverted(self) -> Picks:
        """Pick what is not picked, and nothing else; a condition is turned within its own box."""
        if self.condition:
            return replace(self, condition=_opposite(self.condition))
        left = [Box.whole(self.shape)]
        for box in self.boxes:
            left = [rest for held in left for rest in held.minus(box)]
        return self._with(_joined(left))

    def _with(self, boxes: Sequence[Box]) -> Picks:
        if len(boxes) > MOST_BOXES:
            raise RegionError(f"A selection has at most {MOST_BOXES} regions, and this one would have {len(boxes):,}; "
                              "pick whole rows, columns or a condition instead.")  # fmt: skip
        return replace(self, boxes=tuple(boxes))


def disjoint(boxes: Iterable[Box]) -> list[Box]:
    """Return boxes that select what `boxes` do together, each element once."""
    found: list[Box] = []
    for box in boxes:
        fresh = [box] if box.numel else []
        for earlier in found:
            fresh = [part for one in fresh for part in one.minus(earlier)]
        found += fresh
    return found


def runs(axis: Axis) -> Iterator[range]:
    """Yield the ranges of neighbouring indices in an axis, in their order."""
    if isinstance(axis, range) and (axis.step == 1 or len(axis) < 2):
        if axis:
            yield range(axis[0], axis[-1] + 1)
        return
    start = last = None
    for index in sorted(axis):
        if start is None or last is None or index != last + 1:
            if start is not None and last is not None:
                yield range(start, last + 1)
            start = index
        last = index
    if start is not None and last is not None:
        yield range(start, last + 1)


def _covers(outer: Box, inner: Box) -> bool:
    """Whether every element of `inner` is one of `outer`."""
    return outer.intersection(inner).numel == inner.numel


def _opposite(condition: str) -> str:
    inner = condition.removeprefix("not (").removesuffix(")")
    if condition == f"not ({inner})" and _is_balanced(inner):
        return inner
    return f"not ({condition})"


def _is_balanced(text: str) -> bool:
    depth = 0
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        if depth < 0:
            return False
    return depth == 0


def _joined(boxes: Iterable[Box]) -> list[Box]:
    """Put boxes together that differ along one dimension: neighbours as a range, single lines as a list."""
    found: list[Box] = []
    for box in boxes:
        fresh, moved = box, True
        while moved:
            moved = False
            for place, held in enumerate(found):
                together = _one_box(held, fresh)
                if together is not None:
                    del found[place]
                    fresh, moved = together, True
                    break
        found.append(fresh)
    return found


def _one_box(first: Box, second: Box) -> Box | None:
    """Return the union of two boxes where it is a box that a region can say."""
    pairs = zip(first.axes, second.axes, strict=True)
    differ = [dim for dim, (mine, theirs) in enumerate(pairs) if mine != theirs]
    if len(differ) != 1:
        return None
    dim = differ[0]
    axis = _one_axis(first.axes[dim], second.axes[dim])
    lists = any(not isinstance(other, range) for at, other in enumerate(first.axes) if at != dim)
    if axis is None or (lists and not isinstance(axis, range)):
        return None
    axes = (*first.axes[:dim], axis, *first.axes[dim + 1 :])
    return Box(axes, tuple(at for at in first.dropped if at in second.dropped and at != dim))


def _one_axis(first: Axis, second: Axis) -> Axis | None:
    if isinstance(first, range) and isinstance(second, range) and first.step == second.step == 1:
        low, high = sorted((first, second), key=lambda axis: axis.start)
        if high.start <= low.stop:
            return range(low.start, max(low.stop, high.stop))
    if max(len(first), len(second)) > 1 and not (isinstance(first, tuple) or isinstance(second, tuple)):
        return None
    if len(first) + len(second) > LONGEST_LIST:
        return None
    together = tuple(sorted({*first, *second}))
    only = list(runs(together))
    return only[0] if len(only) == 1 else together
