"""What storing the values of an edit would lose, by the table of their bit patterns and one count of these."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np
import torch

from weightedit.core import kernels
from weightedit.core.dtypes import numpy_dtype
from weightedit.core.edits.plan import Plan, Target
from weightedit.core.looking.counted import of_counts
from weightedit.core.losing.conversion import Storing, losses_in
from weightedit.core.losing.losses import KEPT, Cell, Losses, bits_that_differ, picked, texts_of
from weightedit.core.losing.nonfinite import FEW, NAMES, NonFinite, Passage, codes_of
from weightedit.core.losing.tabled import Table, parts_at_once, parts_of, patterns_in
from weightedit.core.losing.tabled_places import Look, Part, find_places
from weightedit.core.progress import Progress
from weightedit.core.values.codes import Array
from weightedit.core.values.passes import CHUNK
from weightedit.core.values.reading import ReadBuffer, pieces
from weightedit.core.values.side_by_side import side_by_side, threads_for

if TYPE_CHECKING:
    from weightedit.core.statistics import Statistics

PART = 8 << 20
"""Bytes of a part whose patterns are counted together."""


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
        self.lost = self._lost(wrapped if in_place else None)
        self.passages = self._passages()
        keys = self.passages.to(torch.int64)
        for place, found in enumerate(self.lost.values()):
            keys = keys + (found.to(torch.int64) << (4 + place))
        every, classes = np.unique(keys.numpy(), return_inverse=True)
        self.class_of = classes.reshape(-1).astype(np.uint8)
        self.count = len(every)
        self.by_class = np.argsort(self.class_of, kind="stable")
        self.heads = np.searchsorted(self.class_of[self.by_class], np.arange(self.count))
        # worked out here, for there may be thousands of targets
        pairs = self.passages.numpy()
        self.pairs = {int(pair): pairs == pair for pair in np.unique(pairs) if pair}
        nothing = torch.zeros(len(table), dtype=torch.bool)
        self.lossy = reduce(torch.logical_or, self.lost.values(), nothing)
        same = self.current is not None and self.current.dtype == table.stored.dtype
        self.changed = bits_that_differ(table.current, table.stored) if same else None

    def _lost(self, wrapped: torch.Tensor | None) -> dict[str, torch.Tensor]:
        """Return which patterns lose in each way."""
        exact, stored = parts_at_once(self.table.exact), parts_at_once(self.table.stored)
        current, past = ([None] * 2 if one is None else parts_at_once(one) for one in (self.current, wrapped))
        found = [losses_in(was, before, after, self.how, out)
                 for was, before, after, out in zip(current, exact, stored, past, strict=False)]  # fmt: skip
        return {kind: torch.cat([part[kind] for part in found]) for kind in found[0]}

    def _passages(self) -> torch.Tensor:
        """Return for each pattern 4 · what it was + what it is, codes of `nonfinite`; 0 where both are finite."""
        nothing = torch.zeros(len(self.table), dtype=torch.uint8)
        if self.before is None and not self.how.converts:
            return nothing
        was = nothing if self.before is None else _codes(self.before)
        now = _codes(self.table.stored)
        overflow = self.lost.get("overflow")
        pairs = was * 4 + now
        return pairs if overflow is None else torch.where(overflow & (was == 0), 0, pairs)

    @property
    def has_statistics(self) -> bool:
        """Whether statistics of before and after come with the losses."""
        return self.before is not None and not self.table.stored.is_complex()

    def losses(self, target: Target, progress: Progress, places: int = KEPT, statistics: bool = True) -> Losses:
        """Make the pass, and look for so many places; statistics of before and after come with it where wanted."""
        counts, parts = self._counted(target, progress)
        found = Losses(total=int(counts.sum()))
        found.take_counts({kind: self._of(mask, counts) for kind, mask in self.lost.items()},
                          self._of(self.lossy, counts))  # fmt: skip
        for kind, mask in self.lost.items():
            if found.of(kind).count:
                self._measure(found, kind, np.flatnonzero(mask.numpy() & (counts > 0)))
        if self.current is None:
            found.changed = found.total
        elif self.changed is not None:
            found.changed = self._of(self.changed, counts)
        else:
            found.changed = found.lossy
        self._pass_nonfinite(found.nonfinite, counts)
        self._find_places(target, found, parts, counts, places, progress)
        found.statistics = self._statistics(target, counts) if statistics else None
        return found

    def _measure(self, found: Losses, kind: str, codes: Array) -> None:
        """Take in how large a loss is for some patterns."""
        for part in parts_at_once(torch.from_numpy(codes)):
            exact, stored = (picked(one, [part]) for one in (self.table.exact, self.table.stored))
            found.measure(kind, torch.ones(len(part), dtype=torch.bool), exact, stored, self.how)

    @staticmethod
    def _of(mask: torch.Tensor, counts: Array) -> int:
        return int(counts[mask.numpy()].sum())

    def _counted(self, target: Target, progress: Progress) -> tuple[Array, list[Part]]:
        """Count the patterns of all parts, several side by side."""
        pinned, size = target.pinned, len(self.table)
        counts = np.zeros(size, np.int64)
        boxes = parts_of(pinned.spec, target.boxes, PART)
        parts: list[Part | None] = [None] * len(boxes)

        def counting() -> object:
            buffer = ReadBuffer()

            def count(number: int) -> tuple[int, Array]:
                found = np.zeros((2, size), np.int64)
                for piece in pieces(pinned.spec, boxes[number], CHUNK):
                    flat = patterns_in(pinned.spec, pinned.content, piece, buffer).reshape(-1)
                    kernels.best().count(flat, found)
                return number, found.sum(axis=0)

            return count

        def take(result: tuple[int, Array]) -> None:
            number, found = result
            counts[...] += found
            parts[number] = Part(boxes[number], np.add.reduceat(found[self.by_class], self.heads))
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

    def _find_places(self, target: Target, found: Losses, parts: Sequence[Part], counts: Array, wanted: int,
                     progress: Progress) -> None:  # fmt: skip
        """Read the parts again that have the first values of some class."""
        looks: list[Look] = []
        for kind, mask in self.lost.items():
            if found.of(kind).count:
                cells = found.of(kind).cells
                looks.append(self._look(mask, wanted, lambda at, patterns, cells=cells: cells.extend(
                    self._cells(at, patterns))))  # fmt: skip
        for (known, now), passage in found.nonfinite.passages.items():
            mask = self.passages == 4 * (NAMES.index(known) if known else 0) + NAMES.index(now)
            looks.append(self._look(mask, FEW, lambda at, patterns, places=passage.places: places.extend(
                Cell(index, "", "").place for index in at)))  # fmt: skip
        find_places(target, [look.among(counts > 0) for look in looks], parts, progress)

    def _look(self, mask: torch.Tensor, wanted: int, found: Callable[..., object]) -> Look:
        patterns = mask.numpy()
        return Look(patterns, np.bincount(self.class_of, weights=patterns, minlength=self.count) > 0, wanted, found)

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


def _codes(values: torch.Tensor) -> torch.Tensor:
    """Return the code of `nonfinite` of each value; 0 where it is finite."""
    parts = [(codes_of(part), part) for part in parts_at_once(values)]
    return torch.cat([torch.zeros(part.shape, dtype=torch.uint8) if codes is None else codes for codes, part in parts])
