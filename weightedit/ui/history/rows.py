"""The lines of the history panel: single steps, groups of steps, the preview, and the beginning."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from weightedit.core.words.numbers import count_text, moment_text
from weightedit.ui.widgets.plain import tip

if TYPE_CHECKING:
    from weightedit.core.document import Document
    from weightedit.core.history import Group, Step

PREVIEW, PRESENT, DONE, UNDONE, OPENED = "preview", "present", "done", "undone", "opened"
_Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True)
class Row:
    """One line.

    Attributes
    ----------
    position
        How many steps are applied there; None for the preview.
    state
        `preview`, `present`, `done`, `undone` or `opened`.
    label, where, time
        What was done, to what, and when.
    group
        Of a group's line, and of the lines under it; None for a step by itself.
    count
        How many steps the group of this line has; 0 for a step.
    is_open
        Whether the steps of the group stand under it.
    """

    position: int | None
    state: str
    label: str
    where: str
    time: str
    group: Group | None = None
    count: int = 0
    is_open: bool = False

    @property
    def depth(self) -> int:
        """1 for a step under its group."""
        return int(self.group is not None and not self.count)


def rows_of(document: Document, opened: str, preview: tuple[str, str] | None, unfolded: Collection[Group] = (),
            query: str = "") -> list[Row]:  # fmt: skip
    """Return the lines of a history, the latest first.

    Parameters
    ----------
    document
        Whose history it is.
    opened
        When it was opened.
    preview
        (what, where) of an edit that is not applied.
    unfolded
        The groups whose steps are listed.
    query
        Words that a line must have; each step is then listed by itself.
    """
    history, words = document.history, query.lower().split()
    rows = [Row(None, PREVIEW, *preview, "preview")] if preview is not None and not words else []
    end = len(history)
    while end:
        start = end - 1 if words else history.start_of(end)
        steps = history.steps[start:end]
        if end - start > 1:
            rows += _group_rows(steps, start, history.position, unfolded)
        elif all(word in f"{steps[0].label} {steps[0].where}".lower() for word in words):
            rows.append(_row(steps[0], end, history.position))
        end = start
    if words:
        return rows
    state = PRESENT if history.position == 0 else OPENED
    first = "Opened" if not history.forgotten else f"{history.forgotten} older edits"
    return [*rows, Row(0, state, first, document.title, opened)]


def _state(position: int, present: int) -> str:
    return PRESENT if position == present else DONE if position < present else UNDONE


def _row(step: Step, position: int, present: int, group: Group | None = None) -> Row:
    return Row(position, _state(position, present), step.label, step.where, moment_text(step.time), group)


def _group_rows(steps: Sequence[Step], start: int, present: int, unfolded: Collection[Group]) -> list[Row]:
    group, end = steps[-1].group, start + len(steps)
    assert group is not None
    inside = start < present <= end
    is_open = group in unfolded
    state = PRESENT if inside and not is_open else UNDONE if present <= start else DONE
    said = f"{present - start} of {count_text(len(steps))}" if start < present < end else count_text(len(steps))
    head = Row(end, state, group.label, f"{said} edits", moment_text(steps[-1].time), group, len(steps), is_open)
    under = [_row(step, start + at, present, group) for at, step in enumerate(steps, 1)]
    return [head, *reversed(under)] if is_open else [head]


class HistoryModel(QAbstractListModel):
    """The lines of the history panel."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.rows: list[Row] = []

    def show_rows(self, rows: list[Row]) -> None:
        """Show other lines."""
        if rows != self.rows:
            self.beginResetModel()
            self.rows = rows
            self.endResetModel()

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        """How many lines there are."""
        return 0 if parent.isValid() else len(self.rows)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return a line's text, tooltip or the line itself."""
        if not index.isValid():
            return None
        row = self.rows[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return row.label
        if role == Qt.ItemDataRole.ToolTipRole:
            return tip(f"{row.label}\n{row.where}")
        if role == Qt.ItemDataRole.AccessibleTextRole:
            group = "" if not row.count else ", group, unfolded" if row.is_open else ", group, folded"
            return f"{row.label}, {row.where}, {row.state}{group}"
        return row if role == Qt.ItemDataRole.UserRole else None

    def flags(self, index: _Index) -> Qt.ItemFlag:
        """Every line but the preview can be gone to."""
        if not index.isValid():
            return Qt.ItemFlag.NoItemFlags
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemNeverHasChildren
        if self.rows[index.row()].position is not None:
            flags |= Qt.ItemFlag.ItemIsSelectable
        return flags
