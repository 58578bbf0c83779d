"""Draws a cell and edits it: a number, or after `=` an expression whose mistakes are shown under it as it is typed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QAbstractItemModel, QEvent, QModelIndex, QObject, QPersistentModelIndex, QPoint, QRect, Qt
from PySide6.QtGui import QKeyEvent, QPainter
from PySide6.QtWidgets import QLineEdit, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QTableView, QWidget

from weightedit.core.values.typed import typed_note
from weightedit.ui.theme import mono_font, ui_font
from weightedit.ui.values.model import PICKED
from weightedit.ui.widgets.pieces import restyle
from weightedit.ui.widgets.plain import Label, aloud

if TYPE_CHECKING:
    from weightedit.ui.values.cell_view import CellView

Check = Callable[[str], tuple[str, int] | None]
"""Returns what is wrong with a typed text, and the 0-based column it is at; None where it reads."""
_Index = QModelIndex | QPersistentModelIndex
FORMULA_WIDTH = 320


class CellEditor(QLineEdit):
    """A field over a cell. It grows for an expression, and stays open while that does not read.

    Under it stands what is wrong with an expression, or what is stored of a number that is not stored exactly.
    """

    def __init__(self, viewport: QWidget, check: Check, dtype: str | None = None) -> None:
        super().__init__(viewport)
        self._check, self._dtype = check, dtype
        self.setFrame(False)
        self.setFont(mono_font(12))
        self.setProperty("cell", True)
        self.setAccessibleName("Cell")
        self.problem = Label("", viewport)
        self.problem.setObjectName("cellProblem")
        self.problem.setFont(ui_font(11))
        self.problem.setWordWrap(True)
        self.problem.hide()
        self.textChanged.connect(self._look)
        self._is_edited = False
        self.textEdited.connect(self._begin)

    def _begin(self) -> None:
        """Note that a person types: what the editor begins with needs no word."""
        self._is_edited = True

    def _note(self, text: str) -> None:
        """Say what is stored of a number as it is typed."""
        if not self._is_edited or self._dtype is None:
            return
        found = None if text.startswith("=") else typed_note(text, self._dtype)
        if found is not None and (found.is_lost or not found.text.endswith("exactly")):
            self._say(found.text, "lost" if found.is_lost else "note")

    def _look(self, text: str) -> None:
        found = self._check(text) if text.startswith("=") else None
        viewport = self.parentWidget()
        assert viewport is not None
        if text.startswith("=") and self.width() < FORMULA_WIDTH:
            room = viewport.width() - self.x()
            width = min(FORMULA_WIDTH, max(room, self.width()))
            self.resize(width, self.height())
        self.setProperty("problem", None if found is None else found[1])
        restyle(self, "wrong", "true" if found else "false")
        if found is None:
            self.problem.hide()
            self.setAccessibleDescription("")
            self._note(text)
        else:
            self._say(found[0], "problem")

    def _say(self, text: str, kind: str) -> None:
        """Show a sentence under the field, or over it where there is no room below."""
        viewport = self.parentWidget()
        assert viewport is not None
        restyle(self.problem, "kind", kind)
        self.problem.setText(text)
        self.problem.show()
        self.setAccessibleDescription(aloud(text))
        needed = self.problem.fontMetrics().horizontalAdvance(text) + 22
        width = min(460 if kind == "problem" else needed, viewport.width() - 16)
        self.problem.setFixedWidth(width)
        height = self.problem.heightForWidth(width)
        left = min(self.x(), viewport.width() - width - 8)
        below = self.geometry().bottom() + 2
        top = below if below + height < viewport.height() else self.y() - height - 2
        self.problem.setGeometry(QRect(QPoint(max(left, 4), top), self.problem.size()))
        self.problem.setFixedHeight(height)
        self.problem.raise_()

    @property
    def is_wrong(self) -> bool:
        """Whether what is typed does not read as an expression."""
        return self.property("problem") is not None

    def point_at_problem(self) -> None:
        """Put the cursor where the mistake is."""
        self.setCursorPosition(int(self.property("problem")) + 1)

    def hideEvent(self, event: Any) -> None:
        """Take what was said away too."""
        self.problem.hide()
        super().hideEvent(event)

    def done(self) -> None:
        """Leave the window, with what was said."""
        self.problem.deleteLater()


class CellDelegate(QStyledItemDelegate):
    """Draws a number that the right edge cuts with … in place of what is cut, and makes the editor."""

    def __init__(self, table: CellView, check: Check) -> None:
        super().__init__(table)
        self._check = check

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        """Draw a cell within what is seen of it, tinted where it is picked."""
        table = self.parent()
        assert isinstance(table, QTableView)
        rect: QRect = option.rect
        rect.setRight(min(rect.right(), table.viewport().width() - 1))
        option.rect = rect
        if index.data(PICKED):
            option.state |= QStyle.StateFlag.State_Selected
        super().paint(painter, option, index)

    def createEditor(self, parent: QWidget, option: QStyleOptionViewItem, index: _Index) -> QWidget:
        """Make the field over a cell."""
        return CellEditor(parent, self._check, getattr(index.model(), "dtype", None))

    def destroyEditor(self, editor: QWidget, index: _Index) -> None:
        """Take the field away."""
        if isinstance(editor, CellEditor):
            editor.done()
        super().destroyEditor(editor, index)

    def setEditorData(self, editor: QWidget, index: _Index) -> None:
        """Begin with the value as it reads back, all of it selected."""
        if isinstance(editor, CellEditor):
            editor.setText(str(index.data(Qt.ItemDataRole.EditRole) or ""))
            editor.selectAll()

    def setModelData(self, editor: QWidget, model: QAbstractItemModel, index: _Index) -> None:
        """Hand on what was typed."""
        if isinstance(editor, CellEditor) and not editor.is_wrong:
            model.setData(index, editor.text())

    def eventFilter(self, editor: QObject, event: QEvent) -> bool:
        """Keep the field open while an expression does not read, with the cursor at the mistake."""
        if isinstance(editor, CellEditor) and isinstance(event, QKeyEvent) and editor.is_wrong:
            ends = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Tab)
            if ends and event.type() == QEvent.Type.KeyPress:
                editor.point_at_problem()
                return True
        return super().eventFilter(editor, event)
