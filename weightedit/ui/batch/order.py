"""Which rows of an edit of many tensors are shown, and in which order; a million of them are put in order in pieces."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Any

from weightedit.core.batches.batch import BatchRow
from weightedit.core.progress import OFTEN, Ask, unasked
from weightedit.ui.batch.tally import PASSES
from weightedit.ui.batch.texts import chip_of

SORTED_AT_ONCE = 16_384
"""Rows sorted in one go, for which no other thread runs for some milliseconds."""
FIRST = ("All", "Model order")
_GRAVITY = {"refusal": 4, "warning": 3, "notice": 2, "quiet": 1}

KEYS: dict[str, Callable[[BatchRow], Any] | None] = {
    "Model order": None,
    "Name": lambda row: row.name,
    "Changes": lambda row: -row.changed,
    "Hazards": lambda row: -_GRAVITY.get(chip_of(row).level, 0),
    "Size": lambda row: -(0 if row.before is None else row.before.nbytes),
}
"""What each order goes by."""


def order_of(rows: Sequence[BatchRow], segment: str, sort: str, ask: Ask = unasked) -> Sequence[int]:
    """Return the places of the rows of a segment in an order.

    Parameters
    ----------
    rows
        All of them.
    segment, sort
        Keys of `PASSES` and `KEYS`.
    ask
        May end it.
    """
    if (segment, sort) == FIRST:
        return range(len(rows))
    passes, key = PASSES[segment], KEYS[sort]
    pieces: list[list[int]] = []
    for start in range(0, len(rows), SORTED_AT_ONCE):
        ask()
        places = range(start, min(start + SORTED_AT_ONCE, len(rows)))
        piece = list(places) if segment == "All" else [place for place in places if passes(rows[place])]
        if key is not None:
            piece.sort(key=_of(rows, key))
        pieces.append(piece)
    merged: Iterable[int] = chain.from_iterable(pieces) if key is None else heapq.merge(*pieces, key=_of(rows, key))
    found: list[int] = []
    for place in merged:
        if not len(found) % OFTEN:
            ask()
        found.append(place)
    return found


def _of(rows: Sequence[BatchRow], key: Callable[[BatchRow], Any]) -> Callable[[int], Any]:
    return lambda place: key(rows[place])
