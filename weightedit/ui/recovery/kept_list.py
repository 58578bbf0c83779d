"""The edits that a journal has kept, listed as the history lists them: the latest first, groups folded."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QAbstractItemView, QFrame, QListView

from weightedit.core.history import Group
from weightedit.core.words.numbers import count_text, moment_text
from weightedit.core.words.visible import visible
from weightedit.ui.history.delegate import ROW, HistoryDelegate
from weightedit.ui.history.rows import DONE, UNDONE, HistoryModel, Row
from weightedit.ui.widgets.plain import aloud

if TYPE_CHECKING:
    from weightedit.core.journals.recovery import KeptEdit

TALLEST = 5 * ROW


def kept_rows(edits: Sequence[KeptEdit], unfolded: Collection[int] = ()) -> list[Row]:
    """Return the lines of kept edits, the latest first; `unfolded` are the groups whose edits are listed.

    A group is known by where it begins: two groups of one name that follow each other are drawn as one.
    """
    rows: list[Row] = []
    end = len(edits)
    while end:
        start, name = end - 1, edits[end - 1].group
        while name is not None and start and edits[start - 1].group == name:
            start -= 1
        inside = edits[start:end]
        if len(inside) == 1:
            rows.append(_row(inside[0], end))
        else:
            group, last = Group(visible(name or "")), inside[-1]
            state = UNDONE if all(one.undone for one in inside) else DONE
            rows.append(Row(end, state, group.label, f"{count_text(len(inside))} edits", moment_text(last.time), group,
                            len(inside), start in unfolded))  # fmt: skip
            if start in unfolded:
                rows += [_row(edits[at], at + 1, group) for at in range(end - 1, start - 1, -1)]
        end = start
    return rows


def _row(edit: KeptEdit, position: int, group: Group | None = None) -> Row:
    where = visible(edit.where)
    said = f"{where} · undone" if edit.undone else where
    return Row(position, UNDONE if edit.undone else DONE, visible(edit.label), said, moment_text(edit.time), group)


class KeptList(QListView):
    """The list; a press, or Right and Left, unfold and fold a group."""

    def __init__(self, edits: Sequence[KeptEdit], name: str) -> None:
        super().__init__()
        self._edits = edits
        self._unfolded: set[int] = set()
        self._model = HistoryModel(self)
        self.setModel(self._model)
        self.setItemDelegate(HistoryDelegate(self))
        self.setObjectName("kept")
        self.setAccessibleName(aloud(name))
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setMouseTracking(True)
        self.setUniformItemSizes(True)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.clicked.connect(self._fold)
        self._fill()

    @property
    def rows(self) -> list[Row]:
        """The lines that are listed."""
        return self._model.rows

    def _fill(self) -> None:
        self._model.show_rows(kept_rows(self._edits, self._unfolded))
        self.setFixedHeight(min(ROW * len(self._model.rows), TALLEST))

    def _fold(self, index: QModelIndex, open_it: bool | None = None) -> None:
        row: Row = index.data(Qt.ItemDataRole.UserRole)
        if not row.count or row.position is None or row.is_open is open_it:
            return
        self._unfolded.symmetric_difference_update({row.position - row.count})
        self._fill()
        self.setCurrentIndex(self._model.index(index.row(), 0))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Take Right and Left for the line with the focus."""
        index, key = self.currentIndex(), event.key()
        if index.isValid() and key in (Qt.Key.Key_Right, Qt.Key.Key_Left):
            self._fold(index, key == Qt.Key.Key_Right)
        else:
            super().keyPressEvent(event)
