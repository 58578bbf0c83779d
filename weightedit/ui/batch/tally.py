"""What all rows of an edit of many tensors come to, counted in a worker: there may be 46,000 of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from weightedit.core.batch import IN, LEFT, REFUSED, BatchRow
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
    """

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(PASSES, 0))
    total: Total = field(default_factory=Total)
    places: dict[str, int] = field(default_factory=dict)
    telling: set[int] = field(default_factory=set)

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
        made.total = Total(*sums)
        return made

    def change(self, place: int, old: BatchRow, new: BatchRow) -> None:
        """Follow a row of which more is known."""
        for name, passes in PASSES.items():
            self.counts[name] += passes(new) - passes(old)
        self.total = self.total.plus(Total.of(old), -1).plus(Total.of(new))
        (self.telling.add if tells(new) else self.telling.discard)(place)
