"""The fields of the tree's rows: one for a name, one for a value."""

from __future__ import annotations

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtWidgets import QLabel, QLineEdit, QStyledItemDelegate, QStyleOptionViewItem, QTreeView, QWidget

from weightedit.core.described.contents import kind_of
from weightedit.ui.tree.model import Index, TreeModel
from weightedit.ui.tree.row_painter import RowPainter
from weightedit.ui.widgets.literals import FieldError, plain
from weightedit.ui.widgets.plain import Label, tip

ROW = 24


def _say_kind(editor: QLineEdit, note: QLabel, text: str) -> None:
    """Say at the right end of the field what kind of value the text will be read as."""
    try:
        kind = kind_of(plain(text))
    except FieldError:
        kind = "does not read"
    note.setText(kind)
    editor.setToolTip(tip(f"Becomes {kind}" if kind != "does not read" else kind))
    note.adjustSize()
    note.move(editor.width() - note.width() - 6, (editor.height() - note.height()) // 2)
    editor.setTextMargins(0, 0, note.width() + 8, 0)


class TreeDelegate(QStyledItemDelegate):
    """Gives rows their height and makes their fields; they are painted by `RowPainter`."""

    def __init__(self, view: QTreeView, model: TreeModel, painter: RowPainter) -> None:
        super().__init__(view)
        self._view = view
        self._model = model
        self._painter = painter

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """Return a row's height; widths are the header's."""
        return QSize(40, ROW)

    def createEditor(self, parent: QWidget, option: QStyleOptionViewItem,
                     index: Index) -> QWidget:  # fmt: skip
        """Return the field that renames a tensor."""
        editor = QLineEdit(parent)
        editor.setObjectName("rename")
        editor.setProperty("inline", True)
        if self._model.edits_values:
            note = Label("", editor)
            note.setProperty("role", "secondary")
            note.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
            editor.textChanged.connect(lambda text: _say_kind(editor, note, text))
        return editor

    def updateEditorGeometry(self, editor: QWidget, option: QStyleOptionViewItem,
                             index: Index) -> None:  # fmt: skip
        """Give the field the rest of the row."""
        rect: QRect = option.rect
        node = self._model.node(index)
        left = rect.x() if node is None else rect.x() + self._painter.indent(node, rect.width()) + 18
        editor.setGeometry(left, rect.y(), self._view.viewport().width() - left - 4, rect.height())
