"""The snapshots of a document under its history: taken by name, compared with, restored from, deleted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from weightedit.core.words.numbers import bytes_text, count_text, moment_text
from weightedit.core.words.paths import counted
from weightedit.core.words.visible import visible
from weightedit.ui.history.snapshot_delegate import ROW, SnapshotDelegate
from weightedit.ui.theme import theme
from weightedit.ui.widgets.pieces import icon_button, label, line, restyle
from weightedit.ui.widgets.plain import plain, row_text, tip

if TYPE_CHECKING:
    from weightedit.core.document import Document
    from weightedit.core.snapshot import Snapshot

MOST_ROWS = 3
NOTHING = "No snapshots. Take one to compare with later, and to go back to."


def facts(snapshot: Snapshot) -> str:
    """Return what a snapshot is in one line: `5 tensors, 33.6 MB · 1.2 MB kept · 10:42`."""
    what = f"{counted(len(snapshot.tensors), 'tensor')}, {bytes_text(snapshot.values_nbytes)}"
    kept = f"{bytes_text(snapshot.nbytes)} kept" if snapshot.nbytes else "in the file"
    return f"{what} · {kept} · {moment_text(snapshot.time)}"


class _List(QListWidget):
    """A list in which Enter compares and Delete deletes."""

    opened = Signal()
    deleted = Signal()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Take Enter and Delete for the snapshot with the focus."""
        if self.currentRow() >= 0 and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.opened.emit()
        elif self.currentRow() >= 0 and event.key() == Qt.Key.Key_Delete:
            self.deleted.emit()
        else:
            super().keyPressEvent(event)

    def event(self, event: QEvent) -> bool:
        """Keep Delete from the tree's shortcut."""
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and \
                event.key() == Qt.Key.Key_Delete:  # fmt: skip
            event.accept()
            return True
        return super().event(event)


@dataclass(frozen=True, slots=True)
class Question:
    """Whether to restore all the same.

    Attributes
    ----------
    targets, version
        What it was asked about, and the version of the document then.
    kinds
        Of the warnings that were said.
    """

    targets: Sequence[str] | str
    version: int
    kinds: frozenset[str]


class SnapshotsView(QWidget):
    """The list with its buttons, and a field that asks for a name.

    Signals
    -------
    taken
        (name) that a snapshot is to have.
    compared, dropped
        (name) of the snapshot that is selected.
    restored
        (name, targets, kinds of warnings that were answered): targets are `*`, or what tensors are called now.
    """

    taken = Signal(str)
    compared = Signal(str)
    restored = Signal(str, object, object)
    dropped = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._document: Document | None = None
        self._asked = ""
        self._question: Question | None = None
        self.take_button = icon_button("plus", "Take a snapshot", 24, 14)
        self.take_button.clicked.connect(self.ask_name)
        self.name = QLineEdit()
        self.name.setAccessibleName("Name of the snapshot")
        self.name.returnPressed.connect(self._take)
        self.name.installEventFilter(self)
        self.confirm_name = QPushButton("Take snapshot")
        self.confirm_name.setProperty("kind", "primary")
        self.confirm_name.clicked.connect(self._take)
        self.empty = label("none", "caption")  # the head's line alone: history has more use for the room
        self.empty.setToolTip(NOTHING)
        self.empty.setAccessibleDescription(NOTHING)
        self.list = _List()
        self.list.setFrameShape(QFrame.Shape.NoFrame)
        self.list.setAccessibleName("Snapshots")
        self.list.setItemDelegate(SnapshotDelegate(self.list))
        self.list.setMouseTracking(True)
        theme.changed.connect(self.list.viewport().update)
        self.list.opened.connect(self._compare)
        self.list.deleted.connect(self.drop)
        self.list.itemDoubleClicked.connect(self._compare)
        self.list.currentRowChanged.connect(lambda _: self.forget_questions())
        self.compare_button, self.restore_button, self.delete_button = (
            QPushButton(plain(text)) for text in ("Compare", "Restore", "Delete"))  # fmt: skip
        for button, help_, call in (
            (self.compare_button, "List the tensors that differ from the snapshot", self._compare),
            (self.restore_button, "Put the tensors that differ back to the snapshot, as one step",
             self._restore),
            (self.delete_button, "Delete the snapshot; pressed twice, since undo does not bring it back", self.drop),
        ):
            button.setProperty("small", "true")
            button.setToolTip(tip(help_))
            button.clicked.connect(call)
        self.says = label("", "caption")
        self.says.setWordWrap(True)
        self._lay_out()
        self.show_document(None)

    def _lay_out(self) -> None:
        head, field, buttons = QHBoxLayout(), QHBoxLayout(), QHBoxLayout()
        head.addWidget(label("Snapshots", "section"))
        head.addStretch(1)
        head.addWidget(self.empty)
        head.addWidget(self.take_button)
        self.asking, self.acting = QWidget(), QWidget()
        for layout in (field, buttons):
            layout.setContentsMargins(0, 0, 4, 0)
            layout.setSpacing(6)
        field.addWidget(self.name, 1)
        field.addWidget(self.confirm_name)
        self.asking.setLayout(field)
        for button in (self.compare_button, self.restore_button, self.delete_button):
            buttons.addWidget(button)
        buttons.addStretch(1)
        self.acting.setLayout(buttons)
        inner = QVBoxLayout()
        inner.setContentsMargins(14, 4, 10, 4)
        inner.setSpacing(4)
        inner.addLayout(head)
        for widget in (self.asking, self.list, self.acting, self.says):
            inner.addWidget(widget)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(line())
        column.addLayout(inner)

    # ---- what is listed

    def show_document(self, document: Document | None) -> None:
        """List the snapshots of a document; the one selected stays selected."""
        changed = document is not self._document
        chosen = "" if changed else self.selected
        self._document = document
        snapshots = [] if document is None else list(document.snapshots.values())[::-1]
        self.list.blockSignals(True)
        self.list.clear()
        for snapshot in snapshots:
            item = QListWidgetItem(row_text(f"{visible(snapshot.name)}\n{facts(snapshot)}"))
            item.setData(Qt.ItemDataRole.UserRole, snapshot.name)
            item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{visible(snapshot.name)}, {facts(snapshot)}")
            kept = f"{count_text(snapshot.nbytes)} bytes of the undo budget"
            item.setToolTip(tip(f"{visible(snapshot.name)}\n{facts(snapshot)}\n{kept}"))
            self.list.addItem(item)
        names = [snapshot.name for snapshot in snapshots]
        self.list.setCurrentRow(names.index(chosen) if chosen in names else 0)
        self.list.blockSignals(False)
        self.list.setFixedHeight(ROW * min(len(snapshots), MOST_ROWS) + 2)
        self.take_button.setEnabled(document is not None)
        for widget, there in ((self.list, bool(snapshots)), (self.acting, bool(snapshots)),
                              (self.empty, not snapshots and self.asking.isHidden())):  # fmt: skip
            widget.setVisible(there)
        if changed:
            self.close_name()
            self.say("")
        if chosen != self.selected or changed or self._is_past():
            self.forget_questions()

    @property
    def selected(self) -> str:
        """The name of the snapshot that is selected; empty where there is none."""
        at = self.list.currentRow()
        return "" if at < 0 else str(self.list.item(at).data(Qt.ItemDataRole.UserRole))

    def say(self, text: str, *, warning: bool = False) -> None:
        """Say something under the buttons, or nothing."""
        self.says.setText(text)
        width = self.width() - 24
        self.says.setMinimumHeight(self.says.heightForWidth(width) if text else 0)  # wrapped text asks for too little
        restyle(self.says, "tone", "warn" if warning else "")
        self.says.setVisible(bool(text))

    # ---- taking

    def ask_name(self) -> None:
        """Show the field for a name, with the first one that is free in it."""
        taken = {} if self._document is None else self._document.snapshots
        number = next(number for number in range(1, len(taken) + 2) if f"Snapshot {number}" not in taken)
        self.name.setText(f"Snapshot {number}")
        self.empty.hide()
        self.asking.show()
        self.say("")
        self.name.setFocus()
        self.name.selectAll()

    def close_name(self) -> None:
        """Hide the field."""
        self.asking.hide()
        self.empty.setVisible(not self.list.count())

    def _take(self) -> None:
        name = self.name.text().strip()
        if name:
            self.taken.emit(name)

    def eventFilter(self, watched: QWidget, event: QEvent) -> bool:  # type: ignore[override]
        """Esc in the field closes it."""
        if isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_Escape:
            if event.type() == QEvent.Type.ShortcutOverride:
                event.accept()
                return True
            if event.type() == QEvent.Type.KeyPress:
                self.close_name()
                self.take_button.setFocus()
                return True
        return False

    # ---- what is done with one

    def _compare(self) -> None:
        if self.selected:
            self.forget_questions()
            self.compared.emit(self.selected)

    def _restore(self) -> None:
        self.restore("*" if self._question is None else self._question.targets)

    def restore(self, targets: Sequence[str] | str = "*") -> None:
        """Restore tensors from the snapshot that is selected; the same asked again after a warning, all the same."""
        if self.selected:
            asked = None if self._is_past() else self._question
            accepted = asked.kinds if asked is not None and targets == asked.targets else frozenset[str]()
            self.forget_questions()  # this was the answer, or another wish than the one that was asked about
            self.restored.emit(self.selected, targets, accepted)

    def _is_past(self) -> bool:
        """Whether the document changed since a question was asked, and with it what the answer would do."""
        asked, document = self._question, self._document
        return asked is not None and document is not None and document.version != asked.version

    def ask_whether(self, text: str, question: Question) -> None:
        """Say what restoring does besides, and make the button the answer to that alone."""
        self.forget_questions()
        self._question = question
        self.compare_button.hide()  # its words need the room
        self.restore_button.setText("Restore all the same")
        restyle(self.restore_button, "kind", "warning")
        self.say(text, warning=True)
        self.restore_button.setFocus()

    def drop(self) -> None:
        """Ask by the button's own words, then delete the snapshot that is selected."""
        if not self.selected:
            return
        if self._asked == self.selected:
            self.forget_questions()
            self.dropped.emit(self.selected)
            return
        self.forget_questions()
        self._asked = self.selected
        self.compare_button.hide()
        self.delete_button.setText("Delete for good")
        restyle(self.delete_button, "kind", "warning")
        self.say("Undo does not bring a snapshot back.", warning=True)
        self.delete_button.setFocus()

    def forget_questions(self) -> None:
        """Let the buttons say again what they do: what was asked was answered, or is about another snapshot."""
        asked = bool(self._asked) or self._question is not None
        self._asked, self._question = "", None
        self.compare_button.show()
        for button, text in ((self.restore_button, "Restore"), (self.delete_button, "Delete")):
            button.setText(text)
            restyle(button, "kind", "")
        if asked:
            self.say("")
