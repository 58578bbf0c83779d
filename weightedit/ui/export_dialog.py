"""The export dialog: where to, in which format, what to do with shared tensors, and what would be lost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QComboBox, QDialog, QHBoxLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from weightedit.core.errors import EditRefused, WeightEditError
from weightedit.core.hazards import Hazard, refusal
from weightedit.core.numbers import bytes_text, count_text, moment_text
from weightedit.core.sizes import SizeError, parse_size
from weightedit.ui.actions.action import plain
from weightedit.ui.documents import OpenDocument
from weightedit.ui.errors_view import Notice
from weightedit.ui.file_dialogs import ask_destination
from weightedit.ui.pieces import label, restyle
from weightedit.ui.tasks import TaskProgress, Tasks
from weightedit.ui.theme import ui_font

WIDTH = 640
TYPING_PAUSE = 150
GROUP = "export hazards"
SHARING = ((None, "Keep as in torch"), ("copy", "Write a copy of each"), ("alias", "Write one, with aliases"))


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


class ExportDialog(QDialog):
    """Asks how to export a document.

    Signals
    -------
    chosen
        (path, format or None, shared or None, bytes per file or None): the person pressed Export.
    """

    chosen = Signal(str, object, object, object)

    def __init__(self, document: OpenDocument, formats: Formats, tasks: Tasks, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(f"Export {document.title}")
        self.setModal(True)
        self.setFixedWidth(WIDTH)
        self._document = document
        self._formats = formats
        self._tasks = tasks
        self._notices: list[Notice] = []
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(TYPING_PAUSE)
        self._pause.timeout.connect(self._check)
        self._build()
        self._show_choices()
        self._check()

    def _build(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 20, 20, 20)
        column.setSpacing(4)
        title = label(f"Export {self._document.title}", "title")
        title.setFont(ui_font(15, QFont.Weight.DemiBold))
        column.addWidget(title)
        column.addSpacing(10)
        column.addWidget(label("File", "section"))
        self.path = QLineEdit(self._first_path())
        self.path.setObjectName("path")
        self.path.setProperty("mono", True)
        self.path.textChanged.connect(self._typed)
        self.browse = QPushButton("&Choose…")
        self.browse.setAutoDefault(False)
        self.browse.clicked.connect(self._browse)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.path, 1)
        row.addWidget(self.browse)
        column.addLayout(row)
        column.addSpacing(8)
        self.format = QComboBox()
        self.format.setObjectName("format")
        self.format.addItem("By the suffix", None)
        for name, suffixes in self._formats.suffixes:
            self.format.addItem(f"{name}  {', '.join(suffixes)}", name)
        self.format.currentIndexChanged.connect(self._typed)
        self.sharing = QComboBox()
        self.sharing.setObjectName("sharing")
        for value, text in SHARING:
            self.sharing.addItem(text, value)
        self.sharing.currentIndexChanged.connect(self._check)
        self.shard_size = QLineEdit()
        self.shard_size.setObjectName("shard-size")
        self.shard_size.setPlaceholderText("one file, or 5 GB")
        self.shard_size.textChanged.connect(self._typed)
        column.addLayout(self._choice_row())
        column.addSpacing(8)
        self.notices = QVBoxLayout()
        self.notices.setSpacing(6)
        column.addLayout(self.notices)
        column.addSpacing(12)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        self.cancel = QPushButton("C&ancel")
        self.cancel.setAutoDefault(False)
        self.cancel.clicked.connect(self.reject)
        self.export = QPushButton("Export")
        self.export.setObjectName("export")
        self.export.setProperty("kind", "primary")
        self.export.setDefault(True)
        self.export.clicked.connect(self._accept)
        buttons.addStretch(1)
        buttons.addWidget(self.cancel)
        buttons.addWidget(self.export)
        column.addLayout(buttons)

    def _choice_row(self) -> QHBoxLayout:
        choices = QHBoxLayout()
        choices.setSpacing(14)
        self._parts: dict[QWidget, QWidget] = {}
        for text, field in (("Format", self.format), ("Tensors that share storage", self.sharing),
                            ("Bytes per file", self.shard_size)):  # fmt: skip
            holder = QWidget()
            part = QVBoxLayout(holder)
            part.setContentsMargins(0, 0, 0, 0)
            part.setSpacing(4)
            part.addWidget(label(text, "section"))
            part.addWidget(field)
            field.setAccessibleName(text)
            choices.addWidget(holder, 1)
            self._parts[field] = holder
        return choices

    def _first_path(self) -> str:
        path = self._document.document.path
        if path is None:
            return str(Path.cwd() / f"{self._document.title}.safetensors")
        return str(path.with_name(f"{path.stem}-edited{path.suffix}"))

    def _browse(self) -> None:
        if chosen := ask_destination(self, self.path.text()):
            self.path.setText(chosen)

    @property
    def format_name(self) -> str | None:
        """The format that will be written; None where the suffix names none."""
        picked = self.format.currentData()
        return picked or self._formats.meant_by(self.path.text())

    def _typed(self) -> None:
        self.export.setEnabled(False)
        self._show_choices()
        self._pause.start()

    def _show_choices(self) -> None:
        safetensors = self.format_name == "safetensors"
        for field, asks in ((self.sharing, self._document.has_groups and safetensors), (self.shard_size, safetensors)):
            field.setVisible(asks)
            self._parts[field].setVisible(asks)

    def _choices(self) -> tuple[str, str | None, str | None, int | None]:
        """Return what is chosen; SizeError where the size of a file does not read."""
        # isHidden, not isVisible: the dialog itself may not be shown yet.
        shared = None if self.sharing.isHidden() else self.sharing.currentData()
        typed = "" if self.shard_size.isHidden() else self.shard_size.text().strip()
        return self.path.text().strip(), self.format.currentData(), shared, parse_size(typed) if typed else None

    def _check(self) -> None:
        """Ask, in the background, what this export would leave behind."""
        self._pause.stop()
        self.export.setEnabled(False)
        document = self._document.document
        try:
            path, kind, shared, shard_size = self._choices()
        except SizeError as error:
            self._tasks.cancel_group(GROUP)
            self._show([refusal("shard-size", str(error).rstrip("."))])
            return

        def work(progress: TaskProgress) -> list[Hazard]:
            if not path:
                return [refusal("argument", "No file is named")]
            if not Path(path).expanduser().parent.is_dir():
                return [refusal("argument", f"There is no folder {Path(path).expanduser().parent}")]
            if Path(path).expanduser().is_dir():
                return [refusal("argument", f"{path} is a folder", "Name a file in it.")]
            try:
                found = document.export_hazards(Path(path).expanduser(), kind, shared)
            except EditRefused as error:
                return list(error.hazards)
            return found + _parts_of(document.total_nbytes, shard_size) + _replaces(path, document.path)

        self._tasks.start("Export check", work, on_result=self._show, on_error=self._show_error, group=GROUP,
                          quiet=True)  # fmt: skip

    def _show_error(self, error: Exception) -> None:
        text = str(error) if isinstance(error, WeightEditError) else f"{type(error).__name__}: {error}"
        self._show([refusal("argument", text.rstrip("."))])

    def _show(self, hazards: list[Hazard]) -> None:
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
        self.export.setText(self._verb(warned))
        restyle(self.export, "kind", "warning" if warned and not refused else "primary")
        restyle(self.path, "wrong", refused and any(hazard.kind == "argument" for hazard in hazards))
        restyle(self.shard_size, "wrong", any(hazard.kind == "shard-size" for hazard in hazards))
        self._fit_height()

    def _fit_height(self) -> None:
        """Take the height the notices need at this width; `adjustSize` measures them at another one."""
        whole = self.layout()
        if whole is not None:
            whole.activate()
            asked = whole.totalHeightForWidth(WIDTH) if whole.hasHeightForWidth() else -1
            self.setFixedHeight(whole.totalSizeHint().height() if asked < 0 else asked)

    def _verb(self, warned: list[Hazard]) -> str:
        count = self._document.tensors
        what = f"{count_text(count)} {'tensor' if count == 1 else 'tensors'}"
        kinds = {hazard.kind for hazard in warned}
        if "replaces-file" in kinds:
            return f"Replace {plain(Path(self.path.text()).name)}"
        return f"Export {what} with the loss" if warned else f"Export {what}"

    def _accept(self) -> None:
        path, kind, shared, shard_size = self._choices()
        self.chosen.emit(str(Path(path).expanduser()), kind, shared, shard_size)
        self.accept()

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


def _replaces(path: str, own: Path | None) -> list[Hazard]:
    target = Path(path).expanduser()
    if not target.exists():
        return []
    if own is not None and own.exists() and target.samefile(own):
        return [Hazard("saves", "notice", f"{target.name} is the file that is open", "This saves it.")]
    status = target.stat()
    when = moment_text(datetime.fromtimestamp(status.st_mtime))
    return [Hazard("replaces-file", "warning", f"Replaces {bytes_text(status.st_size)} from {when}",
                   f"{target.name} is there already.")]  # fmt: skip


def _parts_of(nbytes: int, shard_size: int | None) -> list[Hazard]:
    """Say how many files come of a size; a tensor is never cut, so it may be one more or less."""
    if shard_size is None or nbytes <= shard_size:
        return []
    count = -(-nbytes // shard_size)
    return [Hazard("shards", "notice", f"About {count_text(count)} files and an index", "No tensor is cut in two.")]
