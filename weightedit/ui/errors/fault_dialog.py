"""The dialog of an unexpected error: what happened, what is safe, what to copy into a report, and where the log is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QFont, QGuiApplication
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLabel, QPlainTextEdit, QPushButton, QVBoxLayout

from weightedit.core.files.logbook import log_path
from weightedit.core.words.numbers import count_text
from weightedit.ui.asides.about import facts
from weightedit.ui.errors.errors_view import wrapping
from weightedit.ui.theme import mono_font, ui_font
from weightedit.ui.widgets.elided import ElidedLabel
from weightedit.ui.widgets.pieces import IconLabel, icon_button, label
from weightedit.ui.widgets.plain import lines_text

if TYPE_CHECKING:
    from weightedit.ui.errors.faults import Fault
    from weightedit.ui.window import MainWindow

WIDTH, TRACE_HEIGHT = 640, 170
TITLE = "Something went wrong in weightedit itself"
SAFE = ("Every open document keeps its edits and its undo, and no file was written halfway. The window goes on; what "
        "was under way was not done.")  # fmt: skip


def report(faults: Sequence[Fault], count: Callable[[Fault], int], window: MainWindow) -> str:
    """Return what belongs into a report: the traces, versions, the system, and the formats of what is open.

    No name and no value of a tensor is in it but what the trace itself says.
    """
    lines = []
    for fault in faults:
        times = count(fault)
        lines.append(f"{fault.sentence}{f' ({fault.where})' if fault.where else ''}")
        lines += [f"came {times:,} times"] if times > 1 else []
        lines += [lines_text(fault.trace), ""]
    lines += [f"{name}: {value}" for name, value in facts(window.status.devices).items()]
    for opened in window.documents.all:
        lines.append(f"Open: {opened.document.format_name}, {opened.tensors:,} tensors")
    return "\n".join(lines)


class FaultDialog(QDialog):
    """One dialog for all faults that come while it is shown; the window can be used meanwhile.

    Attributes
    ----------
    faults
        Those it tells of, the latest first.
    """

    def __init__(self, window: MainWindow, fault: Fault, count: Callable[[Fault], int]) -> None:
        super().__init__(window)
        self._window, self._count = window, count
        self.faults: list[Fault] = []
        self.setObjectName("fault")
        self.setModal(False)
        self.setFixedWidth(WIDTH)
        self.setWindowTitle("Unexpected error")
        title = wrapping(TITLE)
        title.setFont(ui_font(15, QFont.Weight.DemiBold))
        self.sentence, self.where = wrapping(""), wrapping("", "secondary")
        self.sentence.setAccessibleName("What happened")
        self.times = label("", "caption")
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setFont(mono_font(11))
        self.text.setProperty("mono", True)
        self.text.setTabChangesFocus(True)
        self.text.setFixedHeight(TRACE_HEIGHT)
        self.text.setAccessibleName("Details")
        self.copy_button = QPushButton("&Copy details")
        self.copy_button.setAutoDefault(False)
        self.copy_button.clicked.connect(self._copy)
        self.close_button = QPushButton("&Go on")
        self.close_button.setProperty("kind", "primary")
        self.close_button.setDefault(True)
        self.close_button.clicked.connect(self.accept)
        self._lay_out(title)
        self.add(fault)
        self.close_button.setFocus()

    def _lay_out(self, title: QLabel) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 20, 20, 20)
        column.setSpacing(8)
        head = QHBoxLayout()
        head.setSpacing(10)
        head.addWidget(IconLabel("refusal", 18, "bad"), 0, Qt.AlignmentFlag.AlignTop)
        head.addWidget(title, 1)
        column.addLayout(head)
        column.addWidget(self.sentence)
        column.addWidget(self.where)
        column.addWidget(wrapping(SAFE, "secondary"))
        column.addSpacing(4)
        column.addWidget(self.text)
        column.addLayout(self._log_row())
        column.addSpacing(4)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.times)
        row.addStretch(1)
        row.addWidget(self.copy_button)
        row.addWidget(self.close_button)
        column.addLayout(row)

    def _log_row(self) -> QHBoxLayout:
        path = str(log_path())
        row = QHBoxLayout()
        row.setSpacing(6)
        row.addWidget(label("Log", "caption"))
        self.log = ElidedLabel(path, "mono")
        self.log.setAccessibleName("Where the log is")
        self.copy_log = icon_button("copy", "Copy the path of the log", 24, 14)
        self.copy_log.clicked.connect(lambda: QGuiApplication.clipboard().setText(path))
        row.addWidget(self.log, 1)
        row.addWidget(self.copy_log)
        return row

    def add(self, fault: Fault) -> None:
        """Tell of one more; the same one again is counted."""
        known = next((one for one in self.faults if one.key == fault.key), None)
        if known is None:
            self.faults.insert(0, fault)
            self.text.setPlainText(lines_text("\n\n".join(one.trace for one in self.faults)))
        self.sentence.setText(self.faults[0].sentence)
        where = self.faults[0].where
        self.where.setText(f"It happened {where}." if where else "")
        self.where.setVisible(bool(where))
        self.times.setText(self._counted())
        self._fit()

    def _fit(self) -> None:
        """Take the height that the texts need at this width; labels that break their lines ask for more."""
        layout = self.layout()
        if layout is not None:
            layout.activate()
            self.setFixedHeight(layout.totalHeightForWidth(WIDTH))

    def _counted(self) -> str:
        total = sum(self._count(fault) for fault in self.faults)
        if len(self.faults) == 1:
            return "" if total <= 1 else f"The same {count_text(total)} times"
        return f"{count_text(len(self.faults))} different errors, {count_text(total)} times in all"

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(report(self.faults, self._count, self._window))
        self.times.setText("Copied.")
