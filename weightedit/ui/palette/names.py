"""Tensor names of every open document, matched in a worker so that 100,000 of them hold nothing up."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

from weightedit.core.words.numbers import shape_text
from weightedit.ui.documents import OpenDocument
from weightedit.ui.palette.fuzzy import match, may_match, words
from weightedit.ui.tasks import TaskProgress

SHOWN = 200
"""Names listed at most; how many there are is said."""
SCORED = 2_000
"""Names looked at closely; of more that match, those with the shortest names."""
TOGETHER = 2_000
"""Names looked at between two looks at whether the search is still wanted."""


@dataclass(frozen=True, slots=True)
class FoundName:
    """One tensor that matches."""

    opened: OpenDocument
    name: str
    detail: str
    score: float
    places: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class FoundNames:
    """The best names, the best first, and how many match."""

    names: tuple[FoundName, ...]
    count: int
    total: int


class Names:
    """The names of each document as they were when somebody searched first, until its structure changes."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[object, Sequence[str], list[str]]] = {}

    def forget(self, opened: OpenDocument) -> None:
        """Read a document's names anew at the next search."""
        self._known.pop(id(opened), None)

    def _of(self, opened: OpenDocument, progress: TaskProgress) -> tuple[Sequence[str], list[str]]:
        slots = opened.document.slots
        known = self._known.get(id(opened))
        if known is None or known[0] is not slots:
            names = slots.names
            lowered: list[str] = []
            for start in range(0, len(names), TOGETHER):
                progress.advance(0)
                lowered += map(_lowered, names[start : start + TOGETHER])
            known = self._known[id(opened)] = (slots, names, lowered)
        return known[1], known[2]

    def search(self, documents: Sequence[OpenDocument], query: str, progress: TaskProgress) -> FoundNames:
        """Return the names that fit a query best; all of them, in file order, for an empty one."""
        parts = words(query)
        most = SCORED if parts else SHOWN
        hits: list[tuple[int, int, int]] = []
        count = total = 0
        for number, opened in enumerate(documents):
            names, lowered = self._of(opened, progress)
            total += len(names)
            for start in range(0, len(names), TOGETHER):
                progress.advance(0)
                piece = lowered[start : start + TOGETHER]
                if parts:
                    found = [start + at for at, name in enumerate(piece) if may_match(parts, name)]
                else:
                    found = list(range(start, start + len(piece)))
                count += len(found)
                hits += [(len(names[at]) if parts else 0, number, at) for at in found]
                if len(hits) > 4 * SCORED:
                    hits = heapq.nsmallest(most, hits)
        rows = []
        for _, number, at in heapq.nsmallest(most, hits):
            progress.advance(0)
            opened, name = documents[number], self._known[id(documents[number])][1][at]
            fit = match(query, name)
            if fit is not None:
                rows.append((-fit.score if parts else 0.0, number, at, fit.places))
        best = sorted(rows)[:SHOWN]
        several = len(documents) > 1
        return FoundNames(tuple(self._named(documents[number], at, -score, places, several)
                                for score, number, at, places in best), count, total)  # fmt: skip

    def _named(self, opened: OpenDocument, at: int, score: float, places: tuple[int, ...],
               several: bool) -> FoundName:  # fmt: skip
        spec = opened.document.slots[at].spec
        detail = f"{shape_text(spec.shape)} · {spec.type.short}"
        return FoundName(opened, self._known[id(opened)][1][at], f"{detail} · {opened.title}" if several else detail,
                         score, places)  # fmt: skip


def _lowered(name: str) -> str:
    """Return a name in small letters: the same text, for there may be a million, where it has no others."""
    small = name.lower()
    return name if small == name else small
