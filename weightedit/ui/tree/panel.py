"""The left panel: heading, filter, tree, and what to say when nothing matches."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QEvent, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QFont, QKeyEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from weightedit.core.described.name_filter import matching, suggestion
from weightedit.core.described.outline import Outline
from weightedit.core.words.numbers import count_text
from weightedit.core.words.paths import counted
from weightedit.ui.documents import Documents, OpenDocument
from weightedit.ui.tasks import TaskProgress, Tasks
from weightedit.ui.theme import theme, ui_font
from weightedit.ui.tree.arriving import ArrivingList
from weightedit.ui.tree.sizes import Sizes
from weightedit.ui.tree.thumbnails import Thumbnails
from weightedit.ui.tree.view import TreeView
from weightedit.ui.widgets.icons import icon, icon_pixmap
from weightedit.ui.widgets.plain import Label, plain

TYPING_PAUSE = 120
"""Milliseconds after the last letter before the tree is filtered."""
FEW_MATCHES = 200
"""A filter's result of this size is expanded whole."""
Filtered = tuple[list[Outline], str | None]


class TreePanel(QWidget):
    """Every open document as a tree.

    Signals
    -------
    chosen, opened
        (OpenDocument, tensor name): the row is current; the row was entered.
    rename_requested
        (OpenDocument, tensor name, new name)
    close_requested
        (OpenDocument)
    """

    chosen = Signal(object, object)
    opened = Signal(object, object)
    rename_requested = Signal(object, object, object)
    close_requested = Signal(object)

    def __init__(self, documents: Documents, tasks: Tasks, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("surface", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setMinimumWidth(280)
        self.setMaximumWidth(560)
        self._documents = documents
        self._tasks = tasks
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(TYPING_PAUSE)
        self._pause.timeout.connect(self._refresh)
        self._suggested = ""
        self._is_filtered = False
        self._is_filtering = False
        self._matched: list[tuple[OpenDocument, Outline]] = []
        self._then: Callable[[], None] | None = None
        self.taken_over: tuple[OpenDocument, str] | None = None
        """The tensor of the newest document that was picked while the document was still on its way."""
        self._build()
        self.thumbnails: Thumbnails = Thumbnails(self.tree, self.tree.rows, tasks)
        self.tree.row_painter.thumbnails = self.thumbnails
        documents.added.connect(self._added)
        documents.arrivals.came.connect(self._arrived)
        documents.removed.connect(self._removed)
        documents.removed.connect(self.thumbnails.forget)
        documents.outlined.connect(self._outlined)
        documents.changed.connect(lambda document, change: self.tree.rows.announce(document, change.names))
        theme.changed.connect(self._paint_icons)

    def _build(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        self.head = head = QHBoxLayout()
        head.setContentsMargins(12, 6, 10, 0)
        head.setSpacing(8)
        title = Label("Tensors")
        title.setFont(ui_font(12, QFont.Weight.DemiBold))
        title.setProperty("role", "strong")
        self.count = Label()
        self.count.setProperty("role", "secondary")
        self.collapse = QToolButton()
        self.collapse.setIcon(icon("collapse"))
        self.collapse.setIconSize(QSize(16, 16))
        self.collapse.setFixedSize(26, 26)
        self.collapse.setToolTip("Collapse every row")
        self.collapse.setAccessibleName("Collapse every row")
        head.addWidget(title)
        head.addWidget(self.count)
        head.addStretch(1)
        head.addWidget(self.collapse)
        layout.addLayout(head)
        self.filter = QLineEdit()
        self.filter.setObjectName("filter")
        self.filter.setPlaceholderText("Filter: name, *.mlp.*")
        self.filter.setAccessibleName("Filter the tree")
        self.filter.setToolTip("A word, or a pattern with * ? [ ] for the whole name; Ctrl+F")
        self.filter.setClearButtonEnabled(False)
        self.filter.addAction(icon("filter"), QLineEdit.ActionPosition.LeadingPosition).setText("Filter")
        self.filter.textChanged.connect(self._typed)
        self.filter.installEventFilter(self)
        field = QVBoxLayout()
        field.setContentsMargins(10, 4, 10, 6)
        field.addWidget(self.filter)
        layout.addLayout(field)
        self.tree: TreeView = TreeView()
        self.tree.chosen.connect(self.chosen)
        self.tree.opened.connect(self.opened)
        self.tree.close_requested.connect(self.close_requested)
        self.tree.rows.rename_requested.connect(self.rename_requested)
        Sizes(self.tree.rows, self._tasks)
        self.collapse.clicked.connect(self.tree.levels.close_all)
        self.stack = QStackedWidget()
        self.stack.addWidget(self.tree)
        self.stack.addWidget(self._build_nothing())
        self.arriving: ArrivingList = ArrivingList()
        self.stack.addWidget(self.arriving)
        layout.addWidget(self.stack, 1)

    def _build_nothing(self) -> QWidget:
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(24, 40, 24, 24)
        column.setSpacing(8)
        self._nothing_icon = Label()
        self._nothing_icon.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self.nothing = Label()
        self.nothing.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self.nothing.setWordWrap(True)
        self.meant = QPushButton()
        self.meant.setProperty("kind", "link")
        self.meant.clicked.connect(lambda: self.filter.setText(self._suggested))
        column.addWidget(self._nothing_icon)
        column.addWidget(self.nothing)
        column.addWidget(self.meant, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(1)
        self._paint_icons()
        return page

    def _paint_icons(self) -> None:
        self._nothing_icon.setPixmap(icon_pixmap("search", 24, "text3", self.devicePixelRatioF()))

    # ---- documents

    def _arrived(self) -> None:
        """Show what is known of a file that is on its way, where no other is open."""
        arrival = None if len(self._documents) else self._documents.arrivals.shown
        self.arriving.follow(arrival)
        for part in (self.filter, self.collapse):
            part.setEnabled(arrival is None)
        if arrival is not None:
            self.stack.setCurrentWidget(self.arriving)
            self.count.setText(f"{counted(arrival.tensors, 'tensor')} so far")

    def _added(self, document: OpenDocument) -> None:
        """Put the tree in place of the names that came before it, at the tensor that was picked or scrolled to."""
        picked, top = self.arriving.picked, self.arriving.top
        had_focus = self.arriving.hasFocus()
        self._refresh(new=document)
        self.taken_over = (document, picked) if self.tree.rows.find(document, picked).isValid() else None
        if self.taken_over is not None:
            self.tree.restore([self.taken_over])
        elif top:
            QTimer.singleShot(0, self, lambda: self._show_at_top(document, top))  # after the first tensor is shown
        if had_focus:
            self.tree.setFocus()

    def _show_at_top(self, document: OpenDocument, name: str) -> None:
        index = self.tree.rows.find(document, name)
        if index.isValid():
            self.tree.levels.open_above(index)
            self.tree.scrollTo(index, QAbstractItemView.ScrollHint.PositionAtTop)

    def _removed(self, document: OpenDocument) -> None:
        self._refresh()

    def _outlined(self, document: OpenDocument) -> None:
        self._refresh()

    def _typed(self) -> None:
        self._then = None
        self._pause.start()

    def _refresh(self, new: OpenDocument | None = None) -> None:
        """Show the documents by the filter that stands in the field."""
        documents = list(self._documents.all)
        text = self.filter.text().strip()
        if not text:
            self._tasks.cancel_group("filter")
            self._show(documents, [document.outline for document in documents], new)
            return
        entries = [document.document.entries for document in documents]

        def work(progress: TaskProgress) -> Filtered:
            outlines = []
            for found in entries:
                outline = Outline(found, matching(found, text, progress))
                outline.prepare(progress)
                outlines.append(outline)
            if any(outline.leaves for outline in outlines):
                return outlines, None
            return outlines, next(filter(None, (suggestion(found, text) for found in entries)), None)

        def done(result: Filtered) -> None:
            self._show(documents, result[0], new, text, result[1])

        self._is_filtering = True
        self._tasks.start("Filter", work, on_result=done, group="filter", quiet=True)

    def _show(self, documents: Sequence[OpenDocument], outlines: Sequence[Outline], new: OpenDocument | None,
              text: str = "", meant: str | None = None) -> None:  # fmt: skip
        current = self.tree.selected_tensors()[:1]
        if not self._is_filtered:
            self.tree.levels.remember()
        self._is_filtered, self._is_filtering = bool(text), False
        self._matched = list(zip(documents, outlines, strict=True))
        self.tree.fit_columns(documents)
        self.tree.rows.set_roots(self._matched)
        found = sum(outline.tensors for outline in outlines)
        total = sum(document.tensors for document in documents)
        word = "tensor" if total == 1 else "tensors"
        self.count.setText(f"{count_text(found)} of {count_text(total)}" if text else f"{count_text(total)} {word}")
        nothing = bool(text) and not any(outline.leaves for outline in outlines)
        self.stack.setCurrentIndex(1 if nothing else 0)
        self._suggested = meant or ""
        self.nothing.setText(f"Nothing matches {text}")
        self.meant.setText(f"Did you mean {plain(meant or '')}?")
        self.meant.setVisible(meant is not None)
        if text:
            self.tree.levels.open_first(FEW_MATCHES * 2 if found <= FEW_MATCHES else 40)
        else:
            self.tree.levels.restore()
            if new is not None:
                self.tree.levels.open_first()
        self.tree.restore(current)
        if (then := self._then) is not None:
            self._then = None
            then()

    # ---- keyboard

    def focus_filter(self) -> None:
        """Go to the filter, with its text selected."""
        self.filter.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.filter.selectAll()

    def _leave_filter(self, opens: bool) -> None:
        """Go to the first tensor that matches, once what was typed last has been filtered by."""
        if self._pause.isActive():
            self._pause.stop()
            self._refresh()
        if self._is_filtering:
            self._then = lambda: self._go_to_first(opens)
        else:
            self._go_to_first(opens)

    def _go_to_first(self, opens: bool) -> None:
        matched = self._matched if self._is_filtered else []
        first = next(((document, name) for document, outline in matched if (name := outline.first())), None)
        if self.stack.currentIndex() != 0:
            return
        self.tree.setFocus(Qt.FocusReason.TabFocusReason)
        if first is not None:
            self.tree.select(*first)
            if opens:
                self.opened.emit(*first)
        elif not self.tree.currentIndex().isValid():
            self.tree.setCurrentIndex(self.tree.rows.index(0, 0))

    def eventFilter(self, watched: object, event: QEvent) -> bool:
        """Clear the filter with Esc, leave it for the tree with Down or Enter."""
        if watched is self.filter and isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            if event.key() == Qt.Key.Key_Escape and self.filter.text():
                self.filter.clear()
                return True
            if event.key() in (Qt.Key.Key_Down, Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self._leave_filter(opens=event.key() != Qt.Key.Key_Down)
                return True
        return super().eventFilter(watched, event)  # type: ignore[arg-type]
