"""What all rows of an edit of many tensors come to, counted in a worker: there may be 46,000 of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from weightedit.core.batches.batch import IN, LEFT, REFUSED, BatchRow
from weightedit.core.progress import OFTEN, Ask, unasked
from weightedit.ui.batch.texts import Total, chip_of


def has_hazards(row: BatchRow) -> bool:
    """Whether a row is one of the segment *Hazards*."""
    return row.state == REFUSED or bool(row.shown) or (row.state == LEFT and chip_of(row).level == "warning")


PASSES: dict[str, Callable[[BatchRow], bool]] = {
    "All": lambda row: True,
    "Hazards": has_hazards,
    "Changed": lambda row: row.changed > 0 or (row.state == IN and bool(row.line)),
    "Left out": lambda row: row.state == LEFT,
}
"""Which rows each segment has."""


def _waits(row: BatchRow) -> bool:
    return row.measured is None and row.state == IN


def tells(row: BatchRow) -> bool:
    """Whether there is more to say of a row than that it is edited."""
    return row.state != IN or bool(row.said) or (row.measured is not None and bool(row.measured.hazards))


@dataclass
class Tally:
    """Counts and sums over rows, and where they are.

    Attributes
    ----------
    counts
        Rows in each segment.
    total
        The sums.
    places
        Of each row by its name.
    telling
        Places of rows of which there is something to say.
    unmeasured
        Rows that the edit reaches by themselves and whose values are not known.
    entries, lines
        Rows that are no tensors; rows that say in words what becomes of them.
    order
        The same for the same names in the same order.
    """

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(PASSES, 0))
    total: Total = field(default_factory=Total)
    places: dict[str, int] = field(default_factory=dict)
    telling: set[int] = field(default_factory=set)
    unmeasured: int = 0
    entries: int = 0
    lines: int = 0
    order: int = 0

    @classmethod
    def of(cls, rows: Sequence[BatchRow], ask: Ask = unasked) -> Tally:
        """Count rows; `ask` may end that."""
        made = cls()
        sums = [0] * len(made.total)
        for place, row in enumerate(rows):
            if not place % OFTEN:
                ask()
            made.places[row.name] = place
            for name, passes in PASSES.items():
                made.counts[name] += passes(row)
            sums = list(map(int.__add__, sums, map(int, Total.of(row))))
            if tells(row):
                made.telling.add(place)
            made.unmeasured += _waits(row)
            made.entries += row.before is None
            made.lines += bool(row.line)
        made.total = Total(*sums)
        made.order = hash(tuple(row.name for row in rows))
        return made

    def change(self, place: int, old: BatchRow, new: BatchRow) -> None:
        """Follow a row of which more is known."""
        for name, passes in PASSES.items():
            self.counts[name] += passes(new) - passes(old)
        self.total = self.total.plus(Total.of(old), -1).plus(Total.of(new))
        self.unmeasured += _waits(new) - _waits(old)
        (self.telling.add if tells(new) else self.telling.discard)(place)
