"""The rows of a load report: what model and checkpoint have, and the gravest that is said of each."""

from __future__ import annotations

from enum import IntEnum
from math import prod
from typing import Any

from weightedit.core.dtypes import DTYPES
from weightedit.core.words.numbers import shape_text
from weightedit.doctor.facts import TensorFacts
from weightedit.doctor.load_report.report import LoadReport, Row
from weightedit.ui.doctor.rows_model import RowsModel
from weightedit.ui.doctor.states import ORDER

TITLES = ("In the model", "In the checkpoint", "Model shape", "Checkpoint shape", "Model dtype", "Checkpoint dtype",
          "Verdict")  # fmt: skip
TOKENS = ("bad", "warn", "info")
"""Colours of the levels, the gravest first."""
SAME = len(ORDER)


class Column(IntEnum):
    """The columns."""

    MODEL = 0
    CHECKPOINT = 1
    MODEL_SHAPE = 2
    SHAPE = 3
    MODEL_DTYPE = 4
    DTYPE = 5
    VERDICT = 6


class LoadModel(RowsModel[Row]):
    """The rows of a load report, those that keep it from loading first."""

    def __init__(self, report: LoadReport) -> None:
        super().__init__(TITLES, (Column.MODEL_SHAPE, Column.SHAPE))
        self._report = report
        self._is_past = False
        self.sorted_by = (Column.VERDICT, False)

    def text(self, row: Row, column: int) -> str:
        """Return what a row says in a column; a dash for what is not there."""
        return text(row, Column(column))

    def key(self, row: Row, column: int) -> Any:
        """Sort shapes by how many values they are, and verdicts by how grave they are."""
        if column == Column.VERDICT:
            return self.gravity(row)
        if column in (Column.MODEL_SHAPE, Column.SHAPE):
            facts = row.model if column == Column.MODEL_SHAPE else row.checkpoint
            return (-1, ()) if facts is None else (prod(facts.shape), facts.shape)
        return super().key(row, column)

    def token(self, row: Row, column: int) -> str:
        """Return the colour of a verdict that is not that all is the same."""
        gravity = self.gravity(row) if column == Column.VERDICT else SAME
        return "" if gravity == SAME else "text3" if self._is_past else TOKENS[gravity]

    def show_past(self, past: bool) -> None:
        """Leave verdicts without their colours while the document is not what they are on."""
        self._is_past = past
        if self.rows:
            self.dataChanged.emit(self.index(0, Column.VERDICT), self.index(len(self.rows) - 1, Column.VERDICT))

    def gravity(self, row: Row) -> int:
        """Return how grave what is said of a row is, 0 for what keeps it from loading."""
        levels = [ORDER.index(self._report.findings[place].level) for place in row.findings]
        return min(levels, default=SAME if row.verdict == "same" else 0)


def text(row: Row, column: Column) -> str:
    """Return what a row says in a column; a dash for what is not there."""
    if column == Column.VERDICT:
        return row.verdict
    if column in (Column.MODEL, Column.CHECKPOINT):
        return (row.name if column == Column.MODEL else row.checkpoint_name) or "–"
    facts: TensorFacts | None = row.model if column in (Column.MODEL_SHAPE, Column.MODEL_DTYPE) else row.checkpoint
    if facts is None:
        return "–"
    if column in (Column.MODEL_SHAPE, Column.SHAPE):
        return shape_text(facts.shape)
    return DTYPES[facts.dtype].short if facts.dtype in DTYPES else facts.dtype
