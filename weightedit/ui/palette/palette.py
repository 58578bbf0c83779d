"""The palette itself: a field, a list, and the veil over the rest of the window while it is open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QModelIndex, QObject, QRectF, Qt, QVariantAnimation
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QApplication, QFrame, QHBoxLayout, QLabel, QLineEdit, QListView, QVBoxLayout, QWidget

from weightedit.core.words.numbers import count_text
from weightedit.core.words.visible import visible_places
from weightedit.ui.documents import OpenDocument
from weightedit.ui.palette.items import (
    Item,
    Used,
    action_items,
    document_items,
    matching,
    recent_items,
    setting_items,
)
from weightedit.ui.palette.names import FoundName, FoundNames, Names
from weightedit.ui.palette.results import HEADING, ROW, Line, ResultDelegate, Results, spoken
from weightedit.ui.palette.scopes import SCOPES, Scopes
from weightedit.ui.tasks import TaskProgress
from weightedit.ui.theme import theme
from weightedit.ui.widgets.pieces import IconLabel, label, line
from weightedit.ui.widgets.plain import aloud

if TYPE_CHECKING:
    from weightedit.core.document import Change
    from weightedit.ui.window import MainWindow

WIDTH, TOP, RADIUS = 640, 112, 10
FADE = 90
"""Milliseconds in which the veil comes."""
LATELY = 6
"""Lines under *Used last* while nothing is typed."""


class Palette(QWidget):
    """Covers the window while open; Esc, a press beside it, or a choice closes it.

    Parameters
    ----------
    window
        What it covers, and whose actions and documents it lists.
    """

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._used = Used(window.settings)
        self._names = Names()
        self._items: list[Item] = []
        self._found: FoundNames | None = None
        self._before: QWidget | None = None
        self._is_searching = self._runs_first = False
        self._veil = 0.0
        self._fade = QVariantAnimation(self)
        self._fade.setDuration(FADE)
        self._fade.setStartValue(0.0)
        self._fade.setEndValue(1.0)
        self._fade.valueChanged.connect(self._draw_veil)
        self.setAccessibleName("Command palette")
        self.hide()
        self._build()
        window.installEventFilter(self)
        window.documents.changed.connect(self._changed)
        window.documents.removed.connect(self._names.forget)
        for there_is_more in (window.ready, window.documents.settled):
            there_is_more.connect(self._collect_again)

    def _build(self) -> None:
        self.card = QFrame(self)
        self.card.setObjectName("palette")
        self.field = QLineEdit()
        self.field.setObjectName("palette-field")
        self.field.setFrame(False)
        self.field.textChanged.connect(self._search)
        self.field.installEventFilter(self)
        self.scopes = Scopes()
        self.scopes.chosen.connect(lambda _: self._search())
        head = QHBoxLayout()
        head.setContentsMargins(16, 8, 14, 8)
        head.setSpacing(8)
        head.addWidget(IconLabel("search", 18, "accent"))
        head.addWidget(self.field, 1)
        head.addWidget(self.scopes)
        head.addWidget(label("Tab", "key"), 0, Qt.AlignmentFlag.AlignVCenter)
        self.model = Results(self)
        self.list = QListView()
        self.list.setModel(self.model)
        self.list.setItemDelegate(ResultDelegate(self.list))
        self.list.setFrameShape(QFrame.Shape.NoFrame)
        self.list.setMouseTracking(True)
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setAccessibleName("What was found")
        self.list.entered.connect(self._point_at)
        self.list.clicked.connect(self._run)
        self.nothing = label("", "secondary")
        self.nothing.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.nothing.setFixedHeight(2 * ROW)
        self.count = label("", "secondary")
        column = QVBoxLayout(self.card)
        column.setContentsMargins(1, 1, 1, 1)
        column.setSpacing(0)
        column.addLayout(head)
        column.addWidget(line())
        inset = QVBoxLayout()
        inset.setContentsMargins(6, 6, 6, 6)
        inset.addWidget(self.list)
        inset.addWidget(self.nothing)
        column.addLayout(inset)
        column.addWidget(line())
        column.addLayout(self._foot())

    def _foot(self) -> QHBoxLayout:
        foot = QHBoxLayout()
        foot.setContentsMargins(16, 9, 16, 9)
        foot.setSpacing(6)
        for keys, what in ((("↑", "↓"), "move"), (("Enter",), "run"), (("Esc",), "close")):
            for key in keys:
                foot.addWidget(label(key, "key"))
            said: QLabel = label(what, "secondary")
            foot.addWidget(said)
            foot.addSpacing(8)
        foot.addStretch(1)
        foot.addWidget(self.count)
        return foot

    # ---- open and close

    def open(self, scope: str = "all") -> None:
        """Show the palette, listing `all`, `actions`, `tensors` or `settings`."""
        if not self.isVisible():
            self._before = QApplication.focusWidget()
        self._collect()
        self._found = None
        self.scopes.choose(scope)
        self.field.blockSignals(True)
        self.field.clear()
        self.field.blockSignals(False)
        self._cover()
        self.show()
        self.raise_()
        self.field.setFocus()
        self._search()
        self._fade.start()

    def _collect(self) -> None:
        self._window.actions_of.refresh()
        window = self._window
        self._items = [*document_items(window), *recent_items(window), *action_items(window), *setting_items(window)]

    def _collect_again(self) -> None:
        if self.isVisible():
            self._collect()
            self._search()

    def close_palette(self) -> None:
        """Hide the palette and put the focus back where it was."""
        self._window.tasks.cancel_group("palette")
        self._is_searching = self._runs_first = False
        self._fade.stop()
        self.hide()
        before, self._before = self._before, None
        try:
            if before is not None and before.isVisible():
                before.setFocus()
        except RuntimeError:  # it was deleted meanwhile
            pass

    def _changed(self, opened: OpenDocument, change: Change) -> None:
        if change.structure:
            self._names.forget(opened)

    # ---- searching

    @property
    def query(self) -> str:
        """What is typed."""
        return self.field.text().strip()

    def _search(self, _: str = "") -> None:
        scope, query = self.scopes.current, self.query
        self.field.setPlaceholderText(SCOPES[scope])
        self.field.setAccessibleName(SCOPES[scope])
        self._runs_first = False
        wants_names = scope == "tensors" or (scope == "all" and bool(query))
        if not wants_names or not self._window.documents.all:
            self._window.tasks.cancel_group("palette")
            self._found, self._is_searching = None, False
            self._list()
            return
        documents = list(self._window.documents.all)
        self._is_searching = True

        def work(progress: TaskProgress) -> FoundNames:
            return self._names.search(documents, query, progress)

        self._window.tasks.start("Searching names", work, on_result=self._take_names, group="palette", quiet=True)
        if scope == "all":
            self._list()

    def _take_names(self, found: FoundNames) -> None:
        self._found, self._is_searching = found, False
        runs_first = self._runs_first
        self._list()
        if runs_first:
            self._run(self.list.currentIndex())

    def _list(self) -> None:
        """List what is known to match: the best section first, within a section the best line."""
        scope, query = self.scopes.current, self.query
        sections: list[tuple[float, list[Item]]] = []
        listed = [item for item in self._items if scope == "all" or item.section in _SECTIONS[scope]]
        found = matching(listed, query, self._used) if query else [(0.0, item) for item in listed]
        for name in dict.fromkeys(item.section for _, item in found):
            own = [(score, item) for score, item in found if item.section == name]
            sections.append((max(score for score, _ in own), [item for _, item in own]))
        total, count = len(listed), len(found)
        names = self._found
        if names is not None and scope in ("all", "tensors"):
            total, count = total + names.total, count + names.count
            if names.names:
                sections.append((names.names[0].score, [self._tensor_item(one) for one in names.names]))
        if query:
            sections.sort(key=lambda section: -section[0])
        elif lately := self._lately(listed):
            sections.insert(0, (0.0, lately))
        self._show(sections, count, total)

    def _lately(self, items: Sequence[Item]) -> list[Item]:
        known = {item.key: item for item in items}
        used = [known[key] for key in self._used.keys if key in known and not known[key].off]
        return [replace(item, section="Used last") for item in used[:LATELY]]

    def _show(self, sections: list[tuple[float, list[Item]]], count: int, total: int) -> None:
        lines: list[Line] = []
        for _, items in sections:
            lines += [items[0].section, *items]
        self.model.show(lines)
        self.list.setVisible(bool(lines))
        self.nothing.setVisible(not lines)
        self.nothing.setText("" if self._is_searching else self._why_nothing())
        self.count.setText(f"{count_text(count)} of {count_text(total)}")
        self._mark(self.model.next_line(-1, 1))
        self._cover()

    def _why_nothing(self) -> str:
        if self.scopes.current == "tensors" and not self._window.documents.all:
            return "No file open. Press Ctrl+O to open one."
        return f"Nothing matches {self.query}."

    def _tensor_item(self, found: FoundName) -> Item:
        title, places = visible_places(found.name, found.places)
        return Item(f"tensor:{title}", title, found.detail, "Tensors", "tensor", lambda: self._go_to(found),
                    places=places)  # fmt: skip

    def _go_to(self, found: FoundName) -> None:
        self._window.show_tensor(found.opened, found.name)
        page = None if self._window.workbench is None else self._window.workbench.page
        if page is not None:
            page.focus_view()

    # ---- keys and mouse

    def _mark(self, row: int) -> None:
        index = self.model.index(row, 0)
        self.list.setCurrentIndex(index)
        if row <= 1:
            self.list.scrollToTop()
        picked = index.data(Qt.ItemDataRole.UserRole)
        self.field.setAccessibleDescription(aloud(spoken(picked) if isinstance(picked, Item) else self.nothing.text()))

    def _point_at(self, index: QModelIndex) -> None:
        if isinstance(index.data(Qt.ItemDataRole.UserRole), Item):
            self._mark(index.row())

    def _run(self, index: QModelIndex) -> None:
        item = index.data(Qt.ItemDataRole.UserRole)
        if not isinstance(item, Item) or item.off:
            return
        self._used.add(item.key)
        self.close_palette()
        item.run()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Follow the window's size; take the keys that move in the list while the field is typed in."""
        if watched is self._window and event.type() == QEvent.Type.Resize and self.isVisible():
            self._cover()
        if watched is self.field and event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            return self._take_key(Qt.Key(event.key()))
        return False

    def _take_key(self, key: Qt.Key) -> bool:
        row = self.list.currentIndex().row()
        page = max(self.list.viewport().height() // ROW - 1, 1)
        steps = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1, Qt.Key.Key_PageUp: -page, Qt.Key.Key_PageDown: page}
        if key in steps:
            self._mark(self.model.next_line(row, steps[key]))
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            if self._is_searching and not self.model.lines:
                self._runs_first = True
            else:
                self._run(self.list.currentIndex())
        elif key == Qt.Key.Key_Escape:
            self.close_palette()
        elif key in (Qt.Key.Key_Tab, Qt.Key.Key_Backtab):
            self.scopes.step(1 if key == Qt.Key.Key_Tab else -1)
        else:
            return False
        return True

    def focusNextPrevChild(self, forward: bool) -> bool:
        """Tab chooses what is searched; nothing behind the veil takes the focus."""
        return False

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Close on a press beside the card."""
        self.close_palette()

    # ---- place and veil

    def _cover(self) -> None:
        self.setGeometry(self._window.rect())
        width = min(WIDTH, self.width() - 40)
        room = self.height() - TOP - 40 - 110
        rows = sum(HEADING if isinstance(found, str) else ROW for found in self.model.lines)
        self.list.setFixedHeight(max(min(rows, room, 12 * ROW), ROW))
        layout = self.card.layout()
        assert layout is not None
        layout.activate()
        self.card.setGeometry((self.width() - width) // 2, TOP, width, layout.totalSizeHint().height())

    def _draw_veil(self, share: float) -> None:
        self._veil = share
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Dim the window and lay a soft shadow around the card."""
        painter = QPainter(self)
        veil = QColor(theme.color("window"))
        veil.setAlphaF(0.6 * self._veil)
        painter.fillRect(self.rect(), veil)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        for spread in range(1, 13, 2):
            painter.setBrush(QColor(0, 0, 0, 10 if theme.name == "dark" else 5))
            edge = QRectF(self.card.geometry()).adjusted(-spread, 2 - spread, spread, 4 + spread)
            painter.drawRoundedRect(edge, RADIUS + spread, RADIUS + spread)


_SECTIONS = {"actions": ("Actions", "Operations"), "tensors": (), "settings": ("Settings",)}
