"""What the views that compute something of a tensor share: asked for when looked at, stale results dropped."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QComboBox, QFrame, QHBoxLayout, QLabel, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from weightedit.core.errors import CheckpointError, WeightEditError
from weightedit.core.values.pinned import PinnedTensor
from weightedit.ui.edit_panel.preview_work import Shown
from weightedit.ui.tasks import TaskProgress, Tasks
from weightedit.ui.tensor_page.lookup import Lookup
from weightedit.ui.tensor_page.selection import Selection
from weightedit.ui.widgets.pieces import empty_state, icon_button, label, line
from weightedit.ui.widgets.plain import aloud, plain, row_text, tip

T = TypeVar("T")
TOOLS = 36
ROOM = 200


def quiet_combo(name: str, entries: tuple[tuple[str, object], ...]) -> QComboBox:
    """Make a choice without a frame, as in the bars above a view; `entries` are (text, what it stands for)."""
    made = QComboBox()
    made.setProperty("kind", "quiet")
    made.setAccessibleName(aloud(name))
    made.setToolTip(tip(name))
    made.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
    for text, meaning in entries:
        made.addItem(row_text(text), meaning)
    widest = max(made.fontMetrics().horizontalAdvance(text) for text, _ in entries)
    made.setMinimumWidth(widest + 40)  # the style sheet's padding is not in the size Qt works out
    return made


class AnalysisPane(QWidget):
    """A bar of tools over what was computed, or over a sentence why there is nothing.

    Signals
    -------
    read
        (where, value, more) under the cursor, for the read-out; empty texts where there is none.
    failed
        (exception) of reading the tensor.
    status
        A sentence for the status bar.
    """

    read = Signal(str, str, str)
    failed = Signal(object)
    status = Signal(str)
    title = ""

    def __init__(self, tasks: Tasks, selection: Selection, lookup: Lookup, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tasks, self._selection, self._lookup = tasks, selection, lookup
        self.pinned: PinnedTensor | None = None
        self.shown: Shown | None = None
        self._is_stale = True
        self.tools = QFrame()
        self.tools.setProperty("surface", "panel")
        self.tools.setFixedHeight(TOOLS)
        self.bar = QHBoxLayout(self.tools)
        self.bar.setContentsMargins(14, 0, 12, 0)
        self.bar.setSpacing(8)
        self.copy_button = icon_button("copy", f"Copy {self.title.lower()} as text", 26, 14)
        self.copy_button.clicked.connect(self.copy)
        self.body = QWidget()
        self.stack = QStackedWidget()
        self.stack.addWidget(self.body)
        self.said: QWidget | None = None
        self.go: QPushButton | None = None
        self.hint: QWidget | None = None
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        for part in (self.tools, line()):
            column.addWidget(part)
        column.addWidget(self.stack, 1)

    # ---- when to compute

    def show_pinned(self, pinned: PinnedTensor) -> None:
        """Show a state of the tensor."""
        self.pinned = pinned
        self.ask()

    def show_preview(self, shown: Shown | None) -> None:
        """Take the preview of an edit of this tensor, or that there is none; most views do not show it."""
        self.shown = shown

    def ask(self) -> None:
        """Compute anew, now or when it is looked at."""
        self._is_stale = True
        if self.isVisible() and self.pinned is not None:
            self._is_stale = False
            self.compute()

    def showEvent(self, event: QShowEvent) -> None:
        """Compute what was put off while nobody looked."""
        super().showEvent(event)
        if self._is_stale:
            self.ask()

    def compute(self) -> None:
        """Start the task that finds what is shown."""
        raise NotImplementedError

    def start(self, work: Callable[[TaskProgress], T], then: Callable[[T], None],
              on_cancelled: Callable[[], None] | None = None) -> None:  # fmt: skip
        """Run work in the background; a later one of this pane drops it."""
        self._tasks.start(self.title, work, on_result=then, on_error=self._not_found, on_cancelled=on_cancelled,
                          group=self._group)  # fmt: skip

    @property
    def _group(self) -> str:
        return f"{self.title} {id(self)}"

    def _not_found(self, error: Exception) -> None:
        if isinstance(error, WeightEditError) and not isinstance(error, CheckpointError):
            self.say(f"No {self.title.lower()}", str(error))
        else:
            self.failed.emit(error)

    def cancel(self) -> None:
        """Stop what is under way."""
        for group in (self._group, f"copy {self._group}"):
            self._tasks.cancel_group(group)

    # ---- what is shown

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave the line under the cursor out where there is hardly room for a chart."""
        super().resizeEvent(event)
        if self.hint is not None:
            self.hint.setVisible(self.height() >= ROOM)

    def say(self, title: str, body: str, button: str = "") -> None:
        """Show a sentence in place of the body, and a button `go` that is named."""
        self._unsay()
        self.said = empty_state("info", title, body)
        self.go = None
        if button:
            self.go = QPushButton(plain(button))
            layout = self.said.layout()
            assert isinstance(layout, QVBoxLayout)
            layout.insertSpacing(layout.count() - 1, 6)
            layout.insertWidget(layout.count() - 1, self.go, 0, Qt.AlignmentFlag.AlignHCenter)
        self.stack.addWidget(self.said)
        self.stack.setCurrentWidget(self.said)
        self.copy_button.setEnabled(False)
        self.read.emit("", "", "")

    def show_body(self) -> None:
        """Show what was computed."""
        self._unsay()
        self.stack.setCurrentWidget(self.body)
        self.copy_button.setEnabled(True)

    def _unsay(self) -> None:
        if self.said is not None:
            self.stack.removeWidget(self.said)
            self.said.deleteLater()
            self.said = self.go = None

    def caption(self, text: str) -> QLabel:
        """Put a caption into the bar."""
        made = label(text, "caption")
        self.bar.addWidget(made)
        return made

    def focus_view(self) -> None:
        """Put the keys on what is shown."""
        self.setFocus()

    def text_maker(self) -> Callable[[], str] | None:
        """Return what makes what is shown into lines of values parted by tabs; None where nothing is."""
        return None

    def copy(self) -> None:
        """Put it on the clipboard."""
        make = self.text_maker()
        if make is None:
            return

        def done(text: str) -> None:
            QGuiApplication.clipboard().setText(text)
            self.status.emit(f"Copied the {self.title.lower()} as text.")

        self._tasks.start("Copying", lambda _: make(), on_result=done, on_error=self.failed.emit,
                          group=f"copy {self._group}")  # fmt: skip
