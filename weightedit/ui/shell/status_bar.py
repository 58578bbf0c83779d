"""The status bar: whether there are unsaved edits, which file, what is running, device, memory, torch."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import QActionGroup, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QMenu, QProgressBar, QToolButton, QWidget

from weightedit.core.words.numbers import bytes_text, count_text
from weightedit.ui.documents import OpenDocument
from weightedit.ui.errors.errors_view import LEVELS
from weightedit.ui.running.memory import memory_in_use, memory_there_is
from weightedit.ui.shell.first_frame import NO_FILE, STATUS
from weightedit.ui.tasks import Tasks
from weightedit.ui.theme import theme
from weightedit.ui.widgets.elided import ElidedLabel
from weightedit.ui.widgets.icons import icon
from weightedit.ui.widgets.pieces import IconLabel, icon_button, label, line
from weightedit.ui.widgets.plain import aloud, plain, tip

MESSAGE_FOR = 12_000
"""Milliseconds a message stays."""


def left_text(seconds: float | None) -> str:
    """Return how long something still takes, in words; empty where nobody knows."""
    if seconds is None:
        return ""
    if seconds < 1:
        return "under 1 s left"
    if seconds < 90:
        return f"about {round(seconds)} s left"
    return f"about {round(seconds / 60)} min left"


def percent(fraction: float | None) -> str:
    """Return how much is done, `42 %`; empty where nobody knows."""
    return "" if fraction is None else f"{round(fraction * 100)} %"


def modified_text(document: OpenDocument) -> str:
    """Return whether a document differs from its file, and by how many edits."""
    found = document.document
    if not found.is_modified:
        return "No changes"
    saved = found.history.saved_position
    if saved is None:
        return "Modified since last save"
    edits = abs(found.history.position - saved)
    since = "last save" if found.path is not None else "it was opened"
    return f"Modified · {count_text(edits)} {'edit' if edits == 1 else 'edits'} since {since}"


class Dot(QWidget):
    """The round mark of modified."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedSize(8, 8)
        self._token = "text3"
        theme.changed.connect(self.update)

    def set_token(self, token: str) -> None:
        """Take a token's colour."""
        self._token = token
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw a disc."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color(self._token))
        painter.drawEllipse(QRectF(1, 1, 6, 6))


class MemoryBar(QWidget):
    """A short bar: how much of the machine's memory this program holds."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedSize(38, 4)
        self.share = 0.0
        theme.changed.connect(self.update)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the share over its groove."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color("active"))
        painter.drawRoundedRect(QRectF(self.rect()), 2, 2)
        painter.setBrush(theme.color("text3"))
        painter.drawRoundedRect(QRectF(0, 0, max(4.0, self.width() * min(self.share, 1.0)), self.height()), 2, 2)


class StatusBar(QWidget):
    """The bar under the whole window.

    Signals
    -------
    device_chosen
        Where edits are computed from now on: `cpu`, `cuda:0`.
    """

    device_chosen = Signal(str)

    def __init__(self, tasks: Tasks, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("status")
        self.setFixedHeight(STATUS)
        self.setProperty("surface", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._tasks = tasks
        self.devices: list[str] = ["cpu"]
        self.device = "cpu"
        self._filed = self._passing = ""
        self._there_is = memory_there_is()
        self._build()
        tasks.changed.connect(self._show_tasks)
        self._message_timer = QTimer(self)
        self._message_timer.setSingleShot(True)
        self._message_timer.setInterval(MESSAGE_FOR)
        self._message_timer.timeout.connect(lambda: self.say(""))
        self._memory_timer = QTimer(self)
        self._memory_timer.setInterval(2000)
        self._memory_timer.timeout.connect(self._show_memory)
        self._memory_timer.start()
        self.show_document(None)
        self._show_tasks()
        self._show_memory()

    def _build(self) -> None:
        self.dot = Dot()
        self.state = label("")
        self.file = label("")
        self.format = label("", "secondary")
        self.message_icon = IconLabel("check", 12, "ok")
        self.message = ElidedLabel("", "secondary")
        self.task_name = QToolButton()
        self.task_name.setToolTip("Every task that is running")
        self.task_name.clicked.connect(self._list_tasks)
        self.task_bar = QProgressBar()
        self.task_bar.setTextVisible(False)
        self.task_bar.setFixedWidth(64)
        self.task_percent = label("")
        self.task_left = label("", "secondary")
        self.task_cancel = icon_button("close", "Cancel", 18, 12)
        self.task_cancel.setObjectName("cancel")
        self.task_cancel.clicked.connect(self._cancel)
        self.device_icon = IconLabel("cpu", 14)
        self.device_button = QToolButton()
        self.device_button.setText("CPU")
        self.device_button.setToolTip("Where edits are computed")
        self.device_button.clicked.connect(self._choose_device)
        self.memory = label("")
        self.memory_bar = MemoryBar()
        self.torch = label("torch –", "secondary")
        self.torch.setMinimumWidth(self.torch.fontMetrics().horizontalAdvance("torch 0.00.0"))  # so that nothing moves
        self._file_line, self._message_line, self._task_line = self._rule(), self._rule(), self._rule()
        self._memory_line, self._torch_line = self._rule(), self._rule()
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 0, 12, 0)
        row.setSpacing(8)
        for widget in (self.dot, self.state, self._file_line, self.file, self.format, self._message_line,
                       self.message_icon, self.message):  # fmt: skip
            row.addWidget(widget)
        row.addStretch(1)
        memory_icon = IconLabel("memory", 14)
        for widget in (self.task_name, self.task_bar, self.task_percent, self.task_left, self.task_cancel,
                       self._task_line, self.device_icon, self.device_button, self._memory_line, memory_icon,
                       self.memory, self.memory_bar, self._torch_line, self.torch):  # fmt: skip
            if widget is self.device_button:
                row.addSpacing(-6)  # the button's own padding stands between it and its icon
            row.addWidget(widget)
        self.say("")

    def _rule(self) -> QWidget:
        made = line(vertical=True)
        made.setFixedHeight(12)
        return made

    # ---- what it says

    def show_document(self, document: OpenDocument | None, is_opening: bool = False) -> None:
        """Show a document's state, file and format; what is being opened stands among the tasks."""
        present = document is not None
        self.dot.setVisible(present or not is_opening)
        for widget in (self.file, self.format, self._file_line):
            widget.setVisible(present)
        if document is None:
            self.dot.set_token("text3")
            self.state.setText("" if is_opening else NO_FILE)
            return
        self.dot.set_token("warn" if document.document.is_modified else "text3")
        self.state.setText(modified_text(document))
        self.file.setText(document.title)
        self.file.setToolTip(tip(str(document.document.path or "")))
        self.format.setText(document.document.format_name)

    def say(self, text: str, level: str = "ok") -> None:
        """Show what just happened, for a while."""
        self._passing = ""
        self.message.setText(text)
        self.message.setToolTip(tip(text))  # a narrow window cuts it
        self.message_icon.show_icon(*LEVELS[level])
        for widget in (self.message, self.message_icon, self._message_line):
            widget.setVisible(bool(text))
        if text:
            self._message_timer.start()

    def say_passing(self, text: str) -> None:
        """Show something about the tensor that is shown, until another one is; an empty text takes it back."""
        if text:
            self.say(text)
        elif self._passing:
            self.say("")
        self._passing = text

    def say_filed(self, text: str) -> None:
        """Show that something was saved or exported, until the next change."""
        self.say(text)
        self._filed = text

    def forget_filed(self) -> None:
        """Take back what `say_filed` shows: it is about a state that is no more."""
        if self._filed and self.message.text() == self._filed:
            self.say("")
        self._filed = ""

    # ---- what is running

    def _show_tasks(self) -> None:
        shown = self._tasks.shown
        parts: tuple[QWidget, ...] = (self.task_name, self.task_bar, self.task_percent, self.task_left,
                                      self.task_cancel, self._task_line)  # fmt: skip
        if not shown:
            for widget in parts:
                widget.hide()
            return
        task = shown[0]
        more = f" and {len(shown) - 1} more" if len(shown) > 1 else ""
        self.task_name.setText(plain(f"{task.name}{more}"))
        self.task_name.setAccessibleName(aloud(f"Running: {task.name}{more}"))
        self.task_cancel.setToolTip(tip(f"Cancel {task.name}"))
        fraction = task.fraction
        self.task_bar.setRange(0, 0 if fraction is None else 1000)
        self.task_bar.setValue(0 if fraction is None else round(fraction * 1000))
        self.task_percent.setText("" if fraction is None else f"{fraction * 100:.0f} %")
        left = "stopping" if task.is_cancelled else left_text(task.seconds_left)
        self.task_left.setText(left)
        silent: dict[QWidget, bool] = {self.task_percent: fraction is None, self.task_left: not left}
        for widget in parts:  # each once: what is shown and hidden again has Qt paint the whole window at once
            widget.setHidden(silent.get(widget, False))

    def _cancel(self) -> None:
        for task in self._tasks.shown[:1]:
            task.cancel()
        self._show_tasks()

    def _list_tasks(self) -> None:
        """List what is running; an entry stops its task."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for task in self._tasks.shown:
            left = "stopping" if task.is_cancelled else left_text(task.seconds_left)
            parts = [task.name, percent(task.fraction), left]
            entry = menu.addAction(f"Cancel {plain(', '.join(part for part in parts if part))}")
            entry.setEnabled(not task.is_cancelled)
            entry.triggered.connect(lambda _=False, task=task: task.cancel())
        menu.popup(self.task_name.mapToGlobal(QPoint(0, -menu.sizeHint().height())))

    def _show_memory(self) -> None:
        used = memory_in_use()
        whole = f" of {bytes_text(self._there_is)}" if self._there_is else ""
        self.memory.setText("–" if used is None else f"{bytes_text(used)}{whole}")
        self.memory.setToolTip("" if used is None else f"{count_text(used)} bytes in this program")
        self.memory_bar.share = used / self._there_is if used and self._there_is else 0.0
        self.memory_bar.setVisible(bool(self._there_is))
        self.memory_bar.update()

    # ---- device and torch

    def show_torch(self, version: str, devices: list[str]) -> None:
        """Show torch's version and offer the devices it has."""
        self.torch.setText(f"torch {version.split('+')[0]}")
        self.torch.setToolTip(tip(version))
        self._show_memory()
        self.devices = devices
        several = len(devices) > 1
        self.device_button.setIcon(icon("chevron-up", 12) if several else icon("cpu", 0))
        self.device_button.setToolButtonStyle(
            Qt.ToolButtonStyle.ToolButtonTextBesideIcon if several else Qt.ToolButtonStyle.ToolButtonTextOnly
        )
        self.device_button.setToolTip("Where edits are computed" if several else "Edits are computed on the CPU")

    def _choose_device(self) -> None:
        if len(self.devices) < 2:
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        group = QActionGroup(menu)
        for name in self.devices:
            action = menu.addAction(name.upper())
            action.setCheckable(True)
            action.setChecked(name == self.device)
            action.triggered.connect(lambda _=False, name=name: self.choose_device(name))
            group.addAction(action)
        menu.popup(self.device_button.mapToGlobal(QPoint(0, -menu.sizeHint().height())))

    def choose_device(self, name: str) -> None:
        """Compute edits on another device from now on."""
        self.device = name
        self.device_button.setText(name.upper())
        self.device_chosen.emit(name)
