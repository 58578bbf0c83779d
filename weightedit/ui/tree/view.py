"""The tree itself: selection, expanding, renaming, and the rows that come as they are scrolled to."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any

from PySide6.QtCore import (
    QEvent,
    QItemSelectionModel,
    QItemSelectionRange,
    QModelIndex,
    QPersistentModelIndex,
    QRect,
    QRectF,
    Qt,
    Signal,
)
from PySide6.QtGui import (
    QAction,
    QContextMenuEvent,
    QFontMetrics,
    QGuiApplication,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QMenu, QStyleOptionViewItem, QTreeView, QWidget

from weightedit.core.described.outline import Node
from weightedit.core.slots import Entry
from weightedit.ui.documents import OpenDocument
from weightedit.ui.theme import theme, ui_font
from weightedit.ui.tree.delegate import TreeDelegate
from weightedit.ui.tree.expansion import Expansion
from weightedit.ui.tree.meaning import Meaning
from weightedit.ui.tree.model import Column, Index, TreeModel
from weightedit.ui.tree.pace import Pace
from weightedit.ui.tree.row_painter import CHEVRON, RowPainter
from weightedit.ui.tree.row_texts import slot_of
from weightedit.ui.widgets.literals import can_be_typed
from weightedit.ui.widgets.plain import plain

ROOM_FOR_NAMES = 134


class TreeView(QTreeView):
    """Shows a `TreeModel`; rows are painted by `RowPainter`.

    Signals
    -------
    chosen
        (OpenDocument, tensor name): the current row is this tensor.
    opened
        (OpenDocument, tensor name): Enter or a double click asks for the tensor in a tab of its own.
    close_requested
        (OpenDocument) from a document's context menu.
    """

    chosen = Signal(object, object)
    opened = Signal(object, object)
    close_requested = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("tree")
        self.setAccessibleName("Tensors")
        self.rows = TreeModel(self)
        self.entry_actions: list[QAction] = []
        """What the menu of a row offers; the window's own actions."""
        self._hovered = QPersistentModelIndex()
        self._is_restoring = False
        self._pace = Pace(self)
        self._pace.settled.connect(lambda: self._emit(self.chosen, self.currentIndex()))
        self.setModel(self.rows)
        self.row_painter = RowPainter(self, self.rows)
        self.setItemDelegate(TreeDelegate(self, self.rows, self.row_painter))
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setEditTriggers(QAbstractItemView.EditTrigger.EditKeyPressed)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setUniformRowHeights(True)
        self.setIndentation(0)
        self.setRootIsDecorated(False)
        self.setExpandsOnDoubleClick(True)
        self.setMouseTracking(True)
        self.setTabKeyNavigation(False)
        header = self.header()
        header.setFixedHeight(27)
        header.setStretchLastSection(False)
        header.setSectionsMovable(False)
        header.setMinimumSectionSize(12)
        header.setHighlightSections(False)
        for column in Column:
            stretch = column == Column.NAME
            header.setSectionResizeMode(
                column, QHeaderView.ResizeMode.Stretch if stretch else QHeaderView.ResizeMode.Fixed
            )
        self.fit_columns([])
        self.levels = Expansion(self, self.rows)
        theme.changed.connect(self._theme_changed)

    def _theme_changed(self) -> None:
        self.row_painter.fonts_changed()
        self.viewport().update()

    # ---- what it shows

    def fit_columns(self, documents: Iterable[OpenDocument]) -> None:
        """Give the columns the width of the widest text they hold, so that names get the rest."""
        documents = list(documents)
        metrics = QFontMetrics(ui_font(12))
        shape = max((metrics.horizontalAdvance(found.widest_shape) for found in documents), default=0)
        dtype = max((metrics.horizontalAdvance(found.widest_dtype) for found in documents), default=0)
        self._widths = {
            Column.SHAPE: min(max(shape + 8, 46), 150),
            Column.DTYPE: min(max(dtype + 8, 40), 80),
            Column.SIZE: metrics.horizontalAdvance("8.88 MB") + 8,
            Column.STORAGE: 34 if any(found.has_groups for found in documents) else 0,
            Column.GRAD: 18 if any(found.has_grad for found in documents) else 0,
        }
        self._apply_widths()

    def _apply_widths(self) -> None:
        """Share the width: names keep some of it, for which columns go, and shapes are cut only after that."""
        header, widths = self.header(), self._widths
        room = self.viewport().width() - ROOM_FOR_NAMES
        ways: tuple[tuple[Column, ...], ...] = ((), (Column.DTYPE,), (Column.SIZE,), (Column.DTYPE, Column.SIZE))
        gone = next((way for way in ways if sum(widths.values()) - sum(widths[one] for one in way) <= room), ways[-1])
        rest = sum(width for column, width in widths.items() if column != Column.SHAPE and column not in gone)
        for column, width in widths.items():
            is_there = width > 0 and column not in gone
            self.setColumnHidden(column, not is_there)
            if is_there:
                header.resizeSection(column, max(min(width, room - rest), 46) if column == Column.SHAPE else width)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Fit the columns to the new width."""
        super().resizeEvent(event)
        self._apply_widths()

    def select(self, document: OpenDocument, name: str) -> bool:
        """Make a tensor the current row, expanding what it lies in; False if it is not shown."""
        return self._go_to(self.rows.find(document, name))

    def restore(self, picked: Iterable[tuple[OpenDocument, str]]) -> None:
        """Select tensors whose rows were made anew; nobody chose them just now."""
        self._is_restoring = True
        try:
            for document, name in picked:
                self.select(document, name)
        finally:
            self._is_restoring = False

    def select_group(self, document: OpenDocument, prefix: str) -> bool:
        """Make the row of a group the current one; False if it is not shown."""
        return self._go_to(self.rows.find_group(document, prefix))

    def _go_to(self, index: QModelIndex) -> bool:
        if not index.isValid():
            return False
        self.levels.open_above(index)
        flags = QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows
        self.selectionModel().setCurrentIndex(index, flags)
        self.scrollTo(index)
        return True

    def selected_tensors(self) -> list[tuple[OpenDocument, str]]:
        """Return the selected tensors, in the order of the tree."""
        return [(document, node.entry.name) for document, node in self._picked()
                if slot_of(node) is not None and node.entry is not None]  # fmt: skip

    def selected_patterns(self, document: OpenDocument) -> tuple[list[str], int]:
        """Return what the selected rows of a document mean as targets, and how many tensors that is."""
        meant = self.meaning(document)
        return meant.targets(), meant.count

    def meaning(self, document: OpenDocument) -> Meaning:
        """Return the same, whose targets are listed only when they are asked for."""
        picked = [node for of, node in self._picked() if of is document]
        return Meaning(picked, self.rows.outline_of(picked[0]) if picked else None)

    def has_several_tensors(self) -> bool:
        """Whether two tensors or more are selected."""
        found = (node for part in self._ranges() if part.left() == Column.NAME
                 for node in self.rows.between(part.parent(), part.top(), part.bottom())
                 if slot_of(node) is not None)  # fmt: skip
        return len(list(islice(found, 2))) > 1

    def is_picked(self, what: str) -> bool:
        """Return whether a `tensor`, or any `entry`, or else an entry or a `group`, is selected."""
        for part in self._ranges():
            for node in self.rows.between(part.parent(), part.top(), part.bottom()):
                if node.entry is not None and (what != "tensor" or slot_of(node) is not None):
                    return True
                if what == "group" and node.kind == "group":
                    return True
        return False

    def _ranges(self) -> list[QItemSelectionRange]:
        found = self.selectionModel().selection()
        return [found.at(number) for number in range(found.size())]

    def _picked(self) -> list[tuple[OpenDocument, Node]]:
        """Return the selected rows in the order of the tree, by ranges: there may be a hundred thousand."""
        rows: list[tuple[tuple[int, ...], Node]] = []
        for part in self._ranges():
            if part.left() == Column.NAME:
                above: tuple[int, ...] = ()
                parent = part.parent()
                while parent.isValid():
                    above, parent = (parent.row(), *above), parent.parent()
                nodes = self.rows.between(part.parent(), part.top(), part.bottom())
                rows += [((*above, row), node) for row, node in enumerate(nodes, part.top())]
        rows.sort(key=lambda row: row[0])
        return [(document, node) for _, node in rows if (document := self.rows.document_of(node)) is not None]

    def is_at(self, document: OpenDocument, name: str) -> bool:
        """Whether a tensor is selected, or its row is the current one and its selection is still being made."""
        here = document, name
        return self.tensor_at(self.currentIndex()) == here or here in self.selected_tensors()

    def tensor_at(self, index: QModelIndex) -> tuple[OpenDocument, str] | None:
        """Return the tensor whose row this is."""
        node, document = self.rows.node(index), self.rows.document(index)
        if node is None or document is None or slot_of(node) is None or node.entry is None:
            return None
        return document, node.entry.name

    def selected_entries(self) -> list[tuple[OpenDocument, Entry]]:
        """Return the selected tensors, values and containers, in the order of the tree."""
        return [(document, node.entry) for document, node in self._picked() if node.entry is not None]

    def selected_targets(self) -> list[tuple[OpenDocument, str | tuple[Any, ...]]]:
        """Return what the selected rows stand for: the path of an entry, the dotted prefix of a group."""
        return [(document, self.rows.prefix(node) if node.entry is None else node.entry.path)
                for document, node in self._picked() if node.entry is not None or node.kind == "group"]  # fmt: skip

    # ---- mouse and keyboard

    def _on_chevron(self, index: QModelIndex, x: float) -> bool:
        node = self.rows.node(index)
        if node is None or node.is_leaf or index.column() != Column.NAME:
            return False
        rect = self.visualRect(index)
        left = rect.x() + self.row_painter.indent(node, rect.width())
        return left - 4 <= x <= left + CHEVRON + 3

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Expand or collapse by the chevron."""
        index = self.indexAt(event.position().toPoint())
        if event.button() == Qt.MouseButton.LeftButton and self._on_chevron(index, event.position().x()):
            self.setExpanded(index, not self.isExpanded(index))
            return
        super().mousePressEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Open a tensor."""
        index = self.indexAt(event.position().toPoint())
        if self._on_chevron(index, event.position().x()):
            self.setExpanded(index, not self.isExpanded(index))
            return
        super().mouseDoubleClickEvent(event)
        self._emit(self.opened, index)
        node = self.rows.node(index)
        if node is not None and node.kind == "value":
            self.edit_value()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Follow the pointer for the hovered row."""
        super().mouseMoveEvent(event)
        self._hover(self.indexAt(event.position().toPoint()))

    def leaveEvent(self, event: QEvent) -> None:
        """Forget the hovered row."""
        super().leaveEvent(event)
        self._hover(QModelIndex())

    def _hover(self, index: QModelIndex) -> None:
        now = QPersistentModelIndex(index.siblingAtColumn(0))
        if now != self._hovered:
            self._hovered = now
            self.viewport().update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Open with Enter."""
        index = self.currentIndex()
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and event.modifiers() == Qt.KeyboardModifier.NoModifier:
            if self.state() != QAbstractItemView.State.EditingState and index.isValid():
                if self.rows.hasChildren(index.siblingAtColumn(0)):
                    self.setExpanded(index.siblingAtColumn(0), not self.isExpanded(index.siblingAtColumn(0)))
                else:
                    self.edit_value()
                self._emit(self.opened, index)
            return
        with self._pace.key():
            super().keyPressEvent(event)

    def edit_current(self) -> None:
        """Open the field that renames the current entry."""
        self.rows.edits_values = False
        self._edit_name()

    def value_can_be_typed(self) -> bool:
        """Whether the current row is a value, or a list or dict of values, that can be typed."""
        node = self.rows.node(self.currentIndex())
        if node is None or node.entry is None or node.kind == "tensor" or node.tensors:
            return False
        return node.kind in ("value", "list", "tuple", "dict") and can_be_typed(node.entry.value)

    def edit_value(self) -> None:
        """Open the field that sets the value of the current row."""
        if self.value_can_be_typed():
            self.rows.edits_values = True
            self._edit_name()

    def _edit_name(self) -> None:
        index = self.currentIndex().siblingAtColumn(Column.NAME)
        if self.rows.flags(index) & Qt.ItemFlag.ItemIsEditable:
            self.setFocus(Qt.FocusReason.ShortcutFocusReason)
            self.edit(index)

    def currentChanged(self, current: Index, previous: Index) -> None:
        """Announce the tensor that is current."""
        super().currentChanged(current, previous)
        self.viewport().update()
        if not self._is_restoring and not self._pace.waits():
            self._emit(self.chosen, current)

    def _emit(self, signal: object, index: Index) -> None:
        node, document = self.rows.node(index), self.rows.document(index)
        if node is not None and document is not None and slot_of(node) is not None and node.entry is not None:
            signal.emit(document, node.entry.name)  # type: ignore[attr-defined]
            self._pace.opened()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Offer what can be done with a row."""
        by_key = event.reason() == QContextMenuEvent.Reason.Keyboard
        index = self.currentIndex().siblingAtColumn(0) if by_key else self.indexAt(event.pos())
        node, document = self.rows.node(index), self.rows.document(index)
        if node is None or document is None:
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        name = node.entry.name if node.entry is not None else self.rows.prefix(node)
        if node.entry is not None or name:
            for action in self.entry_actions:
                menu.addAction(action)
            menu.addSeparator()
            menu.addAction("&Copy name", lambda: QGuiApplication.clipboard().setText(name))
        if not node.is_leaf:
            menu.addAction("&Expand all below", lambda: self.expandRecursively(index, 2))
        menu.addSeparator()
        menu.addAction(f"C&lose {plain(document.title)}", lambda: self.close_requested.emit(document))
        below = self.viewport().mapToGlobal(self.visualRect(index).bottomLeft())
        menu.popup(below if by_key else event.globalPos())

    # ---- painting

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the rows in sight."""
        self.row_painter.begin()
        super().paintEvent(event)

    def drawRow(self, painter: QPainter, options: QStyleOptionViewItem, index: Index) -> None:
        """Draw the row's background, bar and focus around its cells."""
        row: QRect = options.rect
        selected = self.selectionModel().isSelected(index)
        if selected:
            painter.fillRect(row, theme.color("accentbg"))
        elif self._hovered.isValid() and self._hovered == index:
            painter.fillRect(row, theme.color("hover"))
        self.row_painter.paint(painter, row, index, selected)
        if selected:
            painter.fillRect(QRect(0, row.y(), 2, row.height()), theme.color("accent"))
        if self.hasFocus() and index == self.currentIndex().siblingAtColumn(Column.NAME):
            painter.save()
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(QPen(theme.color("accent"), 1))
            painter.drawRoundedRect(QRectF(row).adjusted(0.5, 0.5, -0.5, -0.5), 3, 3)
            painter.restore()
