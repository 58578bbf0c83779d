"""What is said before a file is patched in place: how much is written, and what that does not promise."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QDialog, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from weightedit.core.errors import EditRefused, WeightEditError
from weightedit.core.words.numbers import bytes_text, count_text
from weightedit.core.words.paths import some
from weightedit.core.writing.save_plan import SavePlan
from weightedit.ui.documents import OpenDocument
from weightedit.ui.errors.errors_view import Notice, title_and_body
from weightedit.ui.tasks import TaskProgress, Tasks
from weightedit.ui.theme import ui_font
from weightedit.ui.widgets.pieces import fit_height, label, restyle
from weightedit.ui.widgets.plain import plain, title_text

WIDTH = 640
GROUP = "patch plan"
WEAKER = ("Other programs that read the file meanwhile get old and new bytes mixed",
          "So does who opens it after this program or the machine stopped in the midst, until weightedit put the old "
          "bytes back: at its next start, when it opens the file, or by weightedit recover FILE. They are kept beside "
          "it till then. Save never does that: it writes a new file and exchanges the two.")  # fmt: skip


class PatchDialog(QDialog):
    """Shows the plan and the weaker promise, with saving as the way without.

    Signals
    -------
    patches, saves
        The person pressed Patch in place, or Save instead.
    """

    patches = Signal()
    saves = Signal()

    def __init__(self, document: OpenDocument, tasks: Tasks, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._document, self._tasks = document, tasks
        self.setWindowTitle(title_text(f"Patch {document.title} in place"))
        self.setModal(True)
        self.setFixedWidth(WIDTH)
        self.patch, self.save, self.cancel = QPushButton("Patch in place"), QPushButton("&Save instead"), QPushButton()
        self.cancel.setText("C&ancel")
        self.notices = QVBoxLayout()
        self._lay_out()
        self._tasks.start("Patch plan", self._ask, on_result=self._say, on_error=self._refuse, group=GROUP, quiet=True)

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 20, 20, 20)
        column.setSpacing(8)
        heading = label(f"Patch {self._document.title} in place", "title")
        heading.setFont(ui_font(15, QFont.Weight.DemiBold))
        heading.setWordWrap(True)
        column.addWidget(heading)
        self.notices.setSpacing(6)
        column.addLayout(self.notices)
        self.notices.addWidget(Notice("warning", *WEAKER))
        column.addSpacing(8)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addStretch(1)
        for button in (self.cancel, self.save, self.patch):
            button.setAutoDefault(False)
            row.addWidget(button)
        column.addLayout(row)
        restyle(self.patch, "kind", "warning")
        self.patch.setEnabled(False)
        self.save.setDefault(True)
        self.save.setFocus()
        self.cancel.clicked.connect(self.reject)
        for button, signal in ((self.save, self.saves), (self.patch, self.patches)):
            button.clicked.connect(self.accept)
            button.clicked.connect(signal)

    def _ask(self, progress: TaskProgress) -> SavePlan:
        return self._document.document.save_plan(in_place=True, cancel=progress.cancel)

    def _say(self, plan: SavePlan) -> None:
        what = f"{count_text(plan.tensors)} {'tensor' if plan.tensors == 1 else 'tensors'} changed"
        if (own := self._document.document.path) is not None and own not in (file.path for file in plan.files):
            what += f" in {some((file.path.name for file in plan.files), 3)}"  # the shards, of which own is the index
        self._add("notice", plan.text, f"{what}. The old bytes of as much, {bytes_text(plan.written)}, are kept "
                                       "beside the file until it is done.")  # fmt: skip
        if plan.names > 1:
            self._add("warning", f"The file has {count_text(plan.names)} names, and all of them show the new bytes",
                      "A save leaves the others the old ones.")  # fmt: skip
        self.patch.setText(f"Patch {bytes_text(plan.written)} in place")
        self.patch.setEnabled(True)

    def _refuse(self, error: Exception) -> None:
        if isinstance(error, EditRefused):
            for hazard in error.hazards:
                self._add(hazard.level, hazard.title, hazard.detail)
        else:
            title, body = title_and_body(error)
            self._add("refusal", title if isinstance(error, WeightEditError) else plain(body), body)

    def _add(self, level: str, title: str, body: str) -> None:
        notice = Notice(level, title, body)
        self.notices.insertWidget(0, notice)
        notice.show()  # a layout counts a new widget only once it is shown
        fit_height(self)

    def leave(self, document: OpenDocument) -> None:
        """Close with the document, which something else has closed."""
        if document is self._document:
            self.reject()

    def done(self, result: int) -> None:
        """Stop asking, and close."""
        self._tasks.cancel_group(GROUP)
        super().done(result)
