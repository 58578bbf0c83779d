"""What every export asks: which file, with what would be lost or replaced said under it before anything is written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from weightedit.core.errors import EditRefused, WeightEditError
from weightedit.core.files.same_file import same_file
from weightedit.core.hazards import Hazard, refusal
from weightedit.core.words.numbers import bytes_text, moment_text
from weightedit.core.words.visible import LONGEST_MESSAGE, visible
from weightedit.ui.errors.errors_view import Notice
from weightedit.ui.files.file_dialogs import ask_destination
from weightedit.ui.tasks import TaskProgress, Tasks
from weightedit.ui.theme import ui_font
from weightedit.ui.widgets.pieces import fit_height, label, restyle
from weightedit.ui.widgets.plain import aloud, plain, title_text

WIDTH = 640
TYPING_PAUSE = 150
GROUP = "export hazards"


@dataclass(frozen=True, slots=True)
class Formats:
    """The formats that can be written: names with their usual suffix."""

    suffixes: tuple[tuple[str, tuple[str, ...]], ...]

    @classmethod
    def known(cls) -> Formats:
        """Ask assembly."""
        from weightedit.assembly import FORMATS

        return cls(tuple((kind.name, kind.suffixes) for kind in FORMATS if kind.writes))

    def meant_by(self, path: str) -> str | None:
        """Return the format a suffix means."""
        low = path.lower()
        return next((name for name, suffixes in self.suffixes if low.endswith(suffixes)), None)


class ExportSheet(QDialog):
    """A file, choices, hazards, and the button that names what happens; what is exported is up to its heirs.

    Parameters
    ----------
    title
        Of the sheet.
    path
        The file that is proposed.
    tasks
        Run the check of what would be lost.

    Attributes
    ----------
    names_own
        Whether the last check found that the file is the one that is open, however it is spelled.
    """

    def __init__(self, title: str, path: str, tasks: Tasks, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(title_text(title))
        self.setModal(True)
        self.setFixedWidth(WIDTH)
        self._tasks = tasks
        self.names_own = False
        self._notices: list[Notice] = []
        self._parts: dict[QWidget, QWidget] = {}
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(TYPING_PAUSE)
        self._pause.timeout.connect(self.check)
        # A field cannot hold every path, nor show it: the proposed one is meant while the field is as it was.
        self._proposed = path, visible(path, LONGEST_MESSAGE)
        self.path = QLineEdit(self._proposed[1])
        self.path.setObjectName("path")
        self.path.setProperty("mono", True)
        self.path.setAccessibleName("File")
        self.path.textChanged.connect(self.typed)
        self.browse, self.cancel, self.export = QPushButton("&Choose…"), QPushButton("C&ancel"), QPushButton("Export")
        self._lay_out(title)

    def _lay_out(self, title: str) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 20, 20, 20)
        column.setSpacing(4)
        heading = label(title, "title")
        heading.setFont(ui_font(15, QFont.Weight.DemiBold))
        heading.setWordWrap(True)
        column.addWidget(heading)
        column.addSpacing(10)
        column.addWidget(label("File", "section"))
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.path, 1)
        row.addWidget(self.browse)
        column.addLayout(row)
        column.addSpacing(8)
        self._choices_row = QHBoxLayout()
        self._choices_row.setSpacing(14)
        column.addLayout(self._choices_row)
        column.addSpacing(8)
        self.notices = QVBoxLayout()
        self.notices.setSpacing(6)
        column.addLayout(self.notices)
        column.addSpacing(12)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        for button in (self.browse, self.cancel):
            button.setAutoDefault(False)
        self.browse.clicked.connect(self._browse)
        self.cancel.clicked.connect(self.reject)
        self.export.setObjectName("export")
        self.export.setProperty("kind", "primary")
        self.export.setDefault(True)
        self.export.clicked.connect(self.go)
        buttons.addStretch(1)
        buttons.addWidget(self.cancel)
        buttons.addWidget(self.export)
        column.addLayout(buttons)

    def add_choice(self, text: str, field: QWidget) -> None:
        """Put a field under the file, beside those that are there."""
        holder = QWidget()
        part = QVBoxLayout(holder)
        part.setContentsMargins(0, 0, 0, 0)
        part.setSpacing(4)
        part.addWidget(label(text, "section"))
        part.addWidget(field)
        field.setAccessibleName(aloud(text))
        self._choices_row.addWidget(holder, 1)
        self._parts[field] = holder

    def show_choice(self, field: QWidget, shown: bool) -> None:
        """Show or hide a field with its heading."""
        field.setVisible(shown)
        self._parts[field].setVisible(shown)

    # ---- what an heir says

    def show_choices(self) -> None:
        """Show the fields that the file's format has a use for."""

    def hazards_of(self, path: Path) -> Callable[[TaskProgress], list[Hazard]]:
        """Return what asks, in a worker, what this export would leave behind; WeightEditError if a field is wrong."""
        raise NotImplementedError

    def verb(self, warned: list[Hazard]) -> str:
        """Return what the button says."""
        raise NotImplementedError

    def go(self) -> None:
        """Export as chosen."""
        raise NotImplementedError

    # ---- the check

    @property
    def target(self) -> Path:
        """The file that is named."""
        path, shown = self._proposed
        typed = self.path.text().strip()
        return Path(path if typed == shown.strip() else typed).expanduser()

    def _browse(self) -> None:
        if chosen := ask_destination(self, str(self.target)):
            self.path.setText(chosen)

    def typed(self) -> None:
        """Look again once nothing was typed for a moment."""
        self.export.setEnabled(False)
        self.names_own = False
        self.show_choices()
        self._pause.start()

    def check(self) -> None:
        """Ask, in the background, what this export would leave behind."""
        self._pause.stop()
        self.export.setEnabled(False)
        named, path = bool(self.path.text().strip()), self.target
        try:
            ask = self.hazards_of(path)
        except WeightEditError as error:
            self._tasks.cancel_group(GROUP)
            self.say([refusal("choice", str(error).rstrip("."))])
            return

        def work(progress: TaskProgress) -> list[Hazard]:
            if not named:
                return [refusal("argument", "No file is named")]
            if not path.parent.is_dir():
                return [refusal("argument", f"There is no folder {path.parent}")]
            if path.is_dir():
                return [refusal("argument", f"{path} is a folder", "Name a file in it.")]
            try:
                return ask(progress)
            except EditRefused as error:
                return list(error.hazards)

        self._tasks.start("Export check", work, on_result=self.say, on_error=self._show_error, group=GROUP,
                          quiet=True)  # fmt: skip

    def _show_error(self, error: Exception) -> None:
        text = str(error) if isinstance(error, WeightEditError) else f"{type(error).__name__}: {error}"
        self.say([refusal("argument", text.rstrip("."))])

    def say(self, hazards: list[Hazard]) -> None:
        """Show what the export would leave behind, and name the button after it."""
        self.names_own = any(hazard.kind == "saves" for hazard in hazards)
        self.show_choices()
        for notice in self._notices:
            self.notices.removeWidget(notice)
            notice.hide()
            notice.deleteLater()
        self._notices = [Notice(hazard.level, hazard.title, hazard.detail) for hazard in hazards]
        for notice in self._notices:
            self.notices.addWidget(notice)
            notice.show()  # a layout counts a new widget only once it is shown, and the height is taken just below
        refused = any(hazard.level == "refusal" for hazard in hazards)
        warned = [hazard for hazard in hazards if hazard.level == "warning"]
        self.export.setEnabled(not refused)
        replaces = any(hazard.kind == "replaces-file" for hazard in warned)
        self.export.setText(f"Replace {plain(self.target.name)}" if replaces else self.verb(warned))
        restyle(self.export, "kind", "warning" if warned and not refused else "primary")
        restyle(self.path, "wrong", refused and any(hazard.kind == "argument" for hazard in hazards))
        self.mark_wrong(any(hazard.kind == "choice" for hazard in hazards))
        fit_height(self)

    def mark_wrong(self, wrong: bool) -> None:
        """Mark the field that does not read."""

    def done(self, result: int) -> None:
        """Stop the check that may still run, and close."""
        self._pause.stop()
        self._tasks.cancel_group(GROUP)
        super().done(result)

    def showEvent(self, event: object) -> None:
        """Select the name without its folder and suffix, ready to be typed over."""
        super().showEvent(event)  # type: ignore[arg-type]
        text = self.path.text()
        start = len(text) - len(Path(text).name)
        self.path.setFocus(Qt.FocusReason.OtherFocusReason)
        self.path.setSelection(start, len(Path(text).stem))


def replaces(target: Path, own: Path | None) -> list[Hazard]:
    """Say what file is there already, as a fact: how large, and from when."""
    if not target.exists():
        return []
    if own is not None and same_file(target, [own]):
        return [Hazard("saves", "notice", f"{target.name} is the file that is open", "This saves it.")]
    status = target.stat()
    when = moment_text(datetime.fromtimestamp(status.st_mtime))
    return [Hazard("replaces-file", "warning", f"Replaces {bytes_text(status.st_size)} from {when}",
                   f"{target.name} is there already.")]  # fmt: skip
