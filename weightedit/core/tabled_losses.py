"""What storing the values of an edit would lose, by the table of their bit patterns and one count of these."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np
import torch

from weightedit.core import kernels
from weightedit.core.codes import Array
from weightedit.core.conversion import Storing, losses_in
from weightedit.core.counted import of_counts
from weightedit.core.dtypes import numpy_dtype
from weightedit.core.losses import KEPT, Cell, Losses, bits_that_differ, texts_of
from weightedit.core.nonfinite import FEW, NAMES, NonFinite, Passage, codes_of
from weightedit.core.plan import Plan, Target
from weightedit.core.progress import Progress
from weightedit.core.reading import ReadBuffer
from weightedit.core.region import Box
from weightedit.core.side_by_side import side_by_side, threads_for
from weightedit.core.tabled import Table, looked_up, parts_of, patterns_in

if TYPE_CHECKING:
    from weightedit.core.statistics import Statistics

PART = 8 << 20
"""Bytes of a part whose patterns are counted together."""


@dataclass(frozen=True, slots=True)
class _Part:
    """How often the classes of patterns occur in one part of a tensor."""

    box: Box
    classes: Array


class TabledLosses:
    """Measures targets by a table: one pass counts patterns, and places are looked for where there are any.

    Patterns to which the same things happen are one class: the kinds of loss, and what becomes of NaN and ±Inf.
    """

    def __init__(self, plan: Plan, table: Table, how: Storing, finite_arguments: bool,
                 wrapped: torch.Tensor | None) -> None:  # fmt: skip
        self.table, self.how = table, how
        in_place = plan.operation.effect == "write" or plan.operation.converts
        self.before = table.current if in_place else None
        self.current = self.before if finite_arguments else None
        self.lost = losses_in(self.current, table.exact, table.stored, how, wrapped if in_place else None)
        self.passages = self._passages()
        keys = self.passages.to(torch.int64)
        for place, found in enumerate(self.lost.values()):
            keys = keys + (found.to(torch.int64) << (4 + place))
        every, classes = np.unique(keys.numpy(), return_inverse=True)
        self.class_of = classes.reshape(-1).astype(np.uint8)
        self.count = len(every)
        # worked out here, for there may be thousands of targets
        pairs = self.passages.numpy()
        self.pairs = {int(pair): pairs == pair for pair in np.unique(pairs) if pair}
        nothing = torch.zeros(len(table), dtype=torch.bool)
        self.lossy = reduce(torch.logical_or, self.lost.values(), nothing)
        same = self.current is not None and self.current.dtype == table.stored.dtype
        self.changed = bits_that_differ(table.current, table.stored) if same else None

    def _passages(self) -> torch.Tensor:
        """Return for each pattern 4 · what it was + what it is, codes of `nonfinite`; 0 where both are finite."""
        nothing = torch.zeros(len(self.table), dtype=torch.uint8)
        if self.before is None and not self.how.converts:
            return nothing
        was = None if self.before is None else codes_of(self.before)
        now = codes_of(self.table.stored)
        was, now = nothing if was is None else was, nothing if now is None else now
        overflow = self.lost.get("overflow")
        pairs = was * 4 + now
        return pairs if overflow is None else torch.where(overflow & (was == 0), 0, pairs)

    @property
    def has_statistics(self) -> bool:
        """Whether statistics of before and after come with the losses."""
        return self.before is not None and not self.table.stored.is_complex()

    def losses(self, target: Target, progress: Progress) -> Losses:
        """Make the pass, and look for places."""
        counts, parts = self._counted(target, progress)
        found = Losses(total=int(counts.sum()))
        present = torch.from_numpy(counts > 0)
        found.take_counts({kind: self._of(mask, counts) for kind, mask in self.lost.items()},
                          self._of(self.lossy, counts))  # fmt: skip
        for kind, mask in self.lost.items():
            if found.of(kind).count:
                found.measure(kind, mask & present, self.table.exact, self.table.stored, self.how)
        if self.current is None:
            found.changed = found.total
        elif self.changed is not None:
            found.changed = self._of(self.changed, counts)
        else:
            found.changed = found.lossy
        self._pass_nonfinite(found.nonfinite, counts)
        self._find_places(target, found, parts, progress)
        found.statistics = self._statistics(target, counts)
        return found

    @staticmethod
    def _of(mask: torch.Tensor, counts: Array) -> int:
        return int(counts[mask.numpy()].sum())

    def _counted(self, target: Target, progress: Progress) -> tuple[Array, list[_Part]]:
        """Count the patterns of all parts, several side by side."""
        pinned, size = target.pinned, len(self.table)
        counts = np.zeros(size, np.int64)
        boxes = parts_of(pinned.spec, target.boxes, PART)
        parts: list[_Part | None] = [None] * len(boxes)

        def counting() -> object:
            buffer = ReadBuffer()

            def count(number: int) -> tuple[int, Array]:
                flat = patterns_in(pinned.spec, pinned.content, boxes[number], buffer).reshape(-1)
                found = np.zeros((2, size), np.int64)
                kernels.best().count(flat, found)
                return number, found.sum(axis=0)

            return count

        def take(result: tuple[int, Array]) -> None:
            number, found = result
            counts[...] += found
            classes = np.bincount(self.class_of, weights=found, minlength=self.count)
            parts[number] = _Part(boxes[number], classes.astype(np.int64))
            progress.advance(boxes[number].numel * target.result.type.itemsize)

        nbytes = sum(box.numel for box in target.boxes) * pinned.spec.type.itemsize
        kernels.prepare(nbytes)
        side_by_side(range(len(boxes)), counting, take, threads_for(nbytes, 2 * PART))  # type: ignore[arg-type]
        return counts, [part for part in parts if part is not None]

    def _pass_nonfinite(self, found: NonFinite, counts: Array) -> None:
        for pair, patterns in self.pairs.items():
            here = patterns & (counts > 0)
            if not here.any():
                continue
            known = None if self.before is None else NAMES[pair // 4]
            passage = found.passages.setdefault((known, NAMES[pair % 4]), Passage())
            passage.count = int(counts[here].sum())
            if not pair % 4:
                passage.values |= set(texts_of(self.table.stored[torch.from_numpy(here)][:2]))

    def _find_places(self, target: Target, found: Losses, parts: Sequence[_Part], progress: Progress) -> None:
        """Read the parts again that have the first values of some class."""
        looks: list[_Look] = []
        for kind, mask in self.lost.items():
            if found.of(kind).count:
                cells = found.of(kind).cells
                looks.append(_Look(mask.numpy(), KEPT, lambda at, patterns, cells=cells: cells.extend(  # type: ignore[misc]
                    self._cells(at, patterns))))  # fmt: skip
        for (known, now), passage in found.nonfinite.passages.items():
            mask = self.passages == 4 * (NAMES.index(known) if known else 0) + NAMES.index(now)
            looks.append(_Look(mask.numpy(), FEW, lambda at, patterns, places=passage.places: places.extend(  # type: ignore[misc]
                Cell(index, "", "").place for index in at)))  # fmt: skip
        pinned, buffer = target.pinned, ReadBuffer()
        has = [np.bincount(self.class_of, weights=look.mask, minlength=self.count) > 0 for look in looks]
        for part in parts:
            here = [look for look, classes in zip(looks, has, strict=True)
                    if look.wanted and part.classes[classes].any()]  # fmt: skip
            if here:
                progress.advance(0)
                patterns = patterns_in(pinned.spec, pinned.content, part.box, buffer)
                for look in here:
                    look.at(part.box, patterns)
            elif not any(look.wanted for look in looks):
                break

    def _cells(self, at: Sequence[tuple[int, ...]], patterns: Array) -> Iterator[Cell]:
        codes = torch.from_numpy(patterns.astype(np.int64))
        texts = (texts_of(values[codes]) for values in (self.table.exact, self.table.stored))
        for index, before, after in zip(at, *texts, strict=True):
            yield Cell(index, before, after)

    def _statistics(self, target: Target, counts: Array) -> tuple[Statistics, Statistics] | None:
        if not self.has_statistics:
            return None
        dtypes = (target.spec.dtype, target.result.dtype)
        every = np.arange(len(self.table), dtype=f"u{target.spec.type.itemsize}")
        before, after = (of_counts(dtype, bits.view(numpy_dtype(dtype)), counts)
                         for dtype, bits in zip(dtypes, (every, self.table.bits), strict=True))  # fmt: skip
        return before, after


@dataclass(slots=True)
class _Look:
    """A search for the first values of some patterns.

    Attributes
    ----------
    mask
        Which patterns, bool.
    wanted
        How many places are still wanted.
    found
        Is given indices in the tensor and the patterns there.
    """

    mask: Array
    wanted: int
    found: Callable[[Sequence[tuple[int, ...]], Array], object]

    def at(self, box: Box, patterns: Array) -> None:
        """Look through one piece."""
        places = np.flatnonzero(looked_up(self.mask, patterns))[: self.wanted]
        self.wanted -= len(places)
        at = np.unravel_index(places, patterns.shape)
        indices = [tuple(int(axis[i]) for axis, i in zip(box.axes, index, strict=True))
                   for index in zip(*(one.tolist() for one in at), strict=True)]  # fmt: skip
        self.found(indices, patterns[at])
