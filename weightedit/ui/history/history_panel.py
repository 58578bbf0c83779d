"""The history as a list: what was done, where and when; click to go there, search it, compare two of its points."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QModelIndex, QPoint, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHBoxLayout,
    QLineEdit,
    QListView,
    QMenu,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from weightedit.core.document import Document
from weightedit.core.history import Group
from weightedit.ui.history.compare_view import CompareView
from weightedit.ui.history.delegate import FOLD, ROW, HistoryDelegate
from weightedit.ui.history.rows import DONE, OPENED, PRESENT, PREVIEW, UNDONE, HistoryModel, Row, rows_of
from weightedit.ui.history.snapshots_view import SnapshotsView
from weightedit.ui.theme import theme
from weightedit.ui.widgets.pieces import icon_button, label

__all__ = ["DONE", "OPENED", "PRESENT", "PREVIEW", "ROW", "UNDONE", "HistoryPanel"]
NOTHING = "No edits yet. They appear here; click one to go back to it."


class _List(QListView):
    """A list in which Enter goes to a line, Shift+Enter compares it, and Right and Left unfold and fold a group."""

    gone = Signal(QModelIndex)
    compared = Signal(QModelIndex)
    folded = Signal(QModelIndex, bool)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Take Enter, Right and Left for the line with the focus."""
        index, key = self.currentIndex(), event.key()
        if index.isValid() and key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            shifted = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
            (self.compared if shifted else self.gone).emit(index)
        elif index.isValid() and key in (Qt.Key.Key_Right, Qt.Key.Key_Left):
            self.folded.emit(index, key == Qt.Key.Key_Right)
        else:
            super().keyPressEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Fold a group at its arrow, compare with Shift, else go there."""
        super().mouseReleaseEvent(event)
        index = self.indexAt(event.position().toPoint())
        if not index.isValid() or event.button() != Qt.MouseButton.LeftButton:
            return
        row: Row = index.data(Qt.ItemDataRole.UserRole)
        if row.count and int(event.position().x()) in FOLD:
            self.folded.emit(index, not row.is_open)
        elif event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self.compared.emit(index)
        else:
            self.gone.emit(index)


class HistoryPanel(QWidget):
    """History with undo and redo, a search, and comparisons.

    Signals
    -------
    go_to
        A position a person picked.
    undo, redo
        The buttons.
    compare
        (position, position, what is said of the first, of the second): the earlier one first.
    chosen
        (tensor name) that differs between two points.
    """

    go_to = Signal(int)
    undo = Signal()
    redo = Signal()
    compare = Signal(int, int, str, str)
    chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.undo_button, self.redo_button = icon_button("undo", "Undo  Ctrl+Z", 24, 14), \
            icon_button("redo", "Redo  Ctrl+Shift+Z", 24, 14)  # fmt: skip
        self.search_button = icon_button("search", "Search the history", 24, 14)
        self.search_button.setCheckable(True)
        self.search_button.toggled.connect(self._turn_search)
        self.undo_button.clicked.connect(self.undo)
        self.redo_button.clicked.connect(self.redo)
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search: scale, q_proj")
        self.search.setAccessibleName("Search the history")
        self.search.textChanged.connect(lambda _: self._list_rows())
        self.search.installEventFilter(self)
        self.search.hide()
        self._document: Document | None = None
        self._given: tuple[str, tuple[str, str] | None] = ("", None)
        self._unfolded: set[Group] = set()
        self._from: Row | None = None
        self.model = HistoryModel(self)
        self.list = _List()
        self._set_up_list()
        self.empty = label(NOTHING, "caption")
        self.empty.setWordWrap(True)
        self.empty.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.empty.setContentsMargins(14, 4, 14, 4)
        self.differences = CompareView()
        self.differences.left.connect(self._leave_comparison)
        self.differences.chosen.connect(self.chosen)
        self.pages = QStackedWidget()
        for page in (self.empty, self.list, self.differences):
            self.pages.addWidget(page)
        self.pages.setMinimumHeight(2 * ROW)
        self.snapshots = SnapshotsView()
        self._lay_out()
        theme.changed.connect(self.list.viewport().update)
        self.show_document(None)

    def _set_up_list(self) -> None:
        self.list.setModel(self.model)
        self.list.setItemDelegate(HistoryDelegate(self.list))
        self.list.setMouseTracking(True)
        self.list.setUniformItemSizes(True)
        self.list.setFrameShape(QFrame.Shape.NoFrame)
        self.list.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.list.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.list.setAccessibleName("History")
        self.list.gone.connect(self._picked)
        self.list.compared.connect(self._compare_with_present)
        self.list.folded.connect(self._fold)
        self.list.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.list.customContextMenuRequested.connect(self._show_menu)

    def _lay_out(self) -> None:
        self.head = head = QHBoxLayout()
        head.setContentsMargins(14, 6, 10, 2)
        head.setSpacing(2)
        head.addWidget(label("History", "section"))
        head.addStretch(1)
        for button in (self.search_button, self.undo_button, self.redo_button):
            head.addWidget(button)
        field = QHBoxLayout()
        field.setContentsMargins(10, 0, 10, 2)
        field.addWidget(self.search)
        self.asks = label("", "caption")
        self.asks.setWordWrap(True)
        self.asks.setContentsMargins(14, 2, 14, 4)
        self.asks.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(head)
        column.addLayout(field)
        column.addWidget(self.asks)
        column.addWidget(self.pages, 1)
        column.addWidget(self.snapshots)

    # ---- what is listed

    def show_document(self, document: Document | None, opened: str = "",
                      preview: tuple[str, str] | None = None) -> None:  # fmt: skip
        """Show a document's history; `preview` is (label, where) of an edit that is not applied."""
        if document is not self._document:
            self._document = document
            self._unfolded.clear()
            self._ask_for_other(None)
            self._leave_comparison()
        self._given = (opened, preview)
        self._list_rows()
        self.snapshots.show_document(document)
        self.undo_button.setEnabled(document is not None and document.can_undo)
        self.redo_button.setEnabled(document is not None and document.can_redo)

    def _list_rows(self) -> None:
        document, query = self._document, self.search.text().strip()
        rows = [] if document is None else rows_of(document, *self._given, self._unfolded, query)
        self.model.show_rows(rows)
        if self.pages.currentWidget() is not self.differences:
            self.pages.setCurrentWidget(self.list if len(rows) > (0 if query else 1) else self.empty)
        self.empty.setText(f"Nothing matches {query}." if query else NOTHING)

    def takes_whole(self, back: bool = True) -> bool:
        """Whether undo, or redo, takes a whole group: not where its steps are listed one by one."""
        if self._document is None:
            return True
        step = self._document.history.behind() if back else self._document.history.ahead()
        return step is None or step.group not in self._unfolded

    def _fold(self, index: QModelIndex, unfold: bool) -> None:
        group = self.model.rows[index.row()].group
        if group is not None:
            self._unfolded = self._unfolded | {group} if unfold else self._unfolded - {group}
            self._list_rows()
            at = next((at for at, row in enumerate(self.model.rows) if row.group is group), 0)
            self.list.setCurrentIndex(self.model.index(at, 0))

    # ---- search

    def focus_search(self) -> None:
        """Show the search and go to it."""
        self.search_button.setChecked(True)
        self.search.setFocus()

    def _turn_search(self, on: bool) -> None:
        self.search.setVisible(on)
        if on:
            self._leave_comparison()
            self.search.setFocus()
        else:
            self.search.clear()

    def eventFilter(self, watched: QWidget, event: QEvent) -> bool:  # type: ignore[override]
        """Esc in the search closes it; Down goes to the list."""
        if watched is self.search and isinstance(event, QKeyEvent):
            if event.key() == Qt.Key.Key_Escape:
                if event.type() == QEvent.Type.ShortcutOverride:
                    event.accept()
                elif event.type() == QEvent.Type.KeyPress:
                    self.search_button.setChecked(False)
                    self.list.setFocus()
                return True
            if event.type() == QEvent.Type.KeyPress and event.key() == Qt.Key.Key_Down:
                self.list.setFocus()
                return True
        return False

    # ---- going and comparing

    def _picked(self, index: QModelIndex) -> None:
        row = self.model.rows[index.row()]
        if row.position is None:
            return
        if self._from is not None:
            first, self._from = self._from, None
            self._ask_for_other(None)
            self._compare(first, row)
        elif self._document is not None and row.position != self._document.history.position:
            self.go_to.emit(row.position)

    def _compare_with_present(self, index: QModelIndex) -> None:
        row = self.model.rows[index.row()]
        if row.position is not None and self._document is not None:
            present = self._document.history.position
            self._compare(row, Row(present, PRESENT, "now", "", ""))

    def compare_with_opened(self) -> None:
        """Compare the present with the beginning of the history."""
        if self._document is not None:
            present = Row(self._document.history.position, PRESENT, "now", "", "")
            self._compare(Row(0, OPENED, "opened", "", ""), present)

    def _compare(self, one: Row, other: Row) -> None:
        assert one.position is not None
        assert other.position is not None
        first, second = (one, other) if one.position <= other.position else (other, one)
        assert first.position is not None
        assert second.position is not None
        said = [f"{row.label} {row.where}".strip() if row.label != "now" else "now" for row in (first, second)]
        self.show_comparison(*said)
        self.compare.emit(first.position, second.position, *said)

    def show_comparison(self, first: str, second: str) -> None:
        """Show what is compared in place of the steps; the differences come when they are found."""
        self.differences.wait_for(first, second)
        self.pages.setCurrentWidget(self.differences)

    def _leave_comparison(self) -> None:
        if self.pages.currentWidget() is self.differences:
            self.pages.setCurrentWidget(self.list)
            self._list_rows()

    def _ask_for_other(self, row: Row | None) -> None:
        self._from = row
        self.asks.setText("" if row is None else f"Pick the point to compare with {row.label}.")
        self.asks.setVisible(row is not None)

    def _show_menu(self, where: QPoint) -> None:
        index = self.list.indexAt(where) if where.x() >= 0 else self.list.currentIndex()
        row = self.model.rows[index.row()] if index.isValid() else None
        if row is None or row.position is None:
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction("Go to this point").triggered.connect(lambda: self._picked(index))
        menu.addAction("Compare with the present").triggered.connect(lambda: self._compare_with_present(index))
        menu.addAction("Compare with…").triggered.connect(lambda: self._ask_for_other(row))
        if row.count:
            menu.addAction("Fold" if row.is_open else "Unfold").triggered.connect(
                lambda: self._fold(index, not row.is_open))  # fmt: skip
        menu.popup(self.list.viewport().mapToGlobal(where))
