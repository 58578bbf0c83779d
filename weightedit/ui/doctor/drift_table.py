"""How far each module's output is from what it was, in the order in which modules end, or by how far it is off."""

from __future__ import annotations

import math
from typing import Any

from weightedit.core.words.numbers import count_text, statistic_text
from weightedit.core.words.paths import counted
from weightedit.doctor.activations.drift import ModuleDrift
from weightedit.ui.doctor.rows_model import RowsModel
from weightedit.ui.doctor.rows_table import Listing, RowsTable

TITLES = ("Module", "Class", "Call", "Largest difference", "Of the largest before", "Cosine", "What it is given")
MODULE, CLASS, CALL, LARGEST, RELATIVE, COSINE, GIVEN = range(len(TITLES))
WIDTHS = (170, 110, 44, 136, 156, 76)


class DriftModel(RowsModel[ModuleDrift]):
    """One row for each call of a module."""

    def __init__(self) -> None:
        super().__init__(TITLES, (CALL, LARGEST, RELATIVE, COSINE))

    def text(self, row: ModuleDrift, column: int) -> str:
        """Return what a row says in a column."""
        return texts(row)[column]

    def key(self, row: ModuleDrift, column: int) -> Any:
        """Sort by numbers; what was not there, or is no longer finite, is off by more than any."""
        if column == CALL:
            return row.number
        if column in (LARGEST, RELATIVE):
            off = row.max_abs if column == LARGEST else row.relative
            return math.inf if row.what != "both" or row.appeared else off
        if column == COSINE:
            alike = 1.0 if row.cosine is None and not row.differs else row.cosine
            return -math.inf if alike is None or row.appeared else alike
        return super().key(row, column)

    def begins_with_largest(self, column: int) -> bool:
        """Put what is off the most first: of cosines that is the smallest."""
        return column in (LARGEST, RELATIVE)

    def token(self, row: ModuleDrift, column: int) -> str:
        """Return the colour of a row: of one that is off by much, by less, or not at all."""
        return "bad" if row.exceeds() else "text" if row.differs else "text3"


def texts(one: ModuleDrift) -> tuple[str, ...]:
    """Return the cells of a row."""
    given = "differs already" if one.inputs_differ else "the same"
    name, number = one.module or "the model", f"{one.number:,}"
    if one.what != "both":
        return name, one.type, number, one.what, "–", "–", given
    if not one.differs:
        return name, one.type, number, "0", "0", "1", given
    cosine = "–" if one.cosine is None else statistic_text(one.cosine)
    return name, one.type, number, statistic_text(one.max_abs), statistic_text(one.relative), cosine, given


def summary(drifts: tuple[ModuleDrift, ...]) -> str:
    """Return how many calls differ, and how many are the same."""
    off = sum(one.differs for one in drifts)
    same = len(drifts) - off
    return f"{counted(off, 'call')} {'differs' if off == 1 else 'differ'}, " \
           f"{count_text(same)} {'is' if same == 1 else 'are'} the same"  # fmt: skip


class DriftTable(Listing):
    """The table, with a line that counts."""

    def __init__(self, drifts: tuple[ModuleDrift, ...]) -> None:
        self.drifts = drifts
        super().__init__("Drift by module", summary(drifts), RowsTable(DriftModel(), "Drift by module", WIDTHS), drifts,
                         lambda one: one.differs)  # fmt: skip
