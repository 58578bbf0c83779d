"""The export dialog of a document: format, what to do with shared tensors, bytes per file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QLineEdit, QWidget

from weightedit.core.hazards import Hazard
from weightedit.core.live.facts import count_left_out
from weightedit.core.numbers import count_text
from weightedit.core.sizes import parse_size
from weightedit.ui.documents import OpenDocument
from weightedit.ui.export_sheet import ExportSheet, Formats, replaces
from weightedit.ui.pieces import restyle
from weightedit.ui.tasks import TaskProgress, Tasks

SHARING = ((None, "Keep as in torch"), ("copy", "Write a copy of each"), ("alias", "Write one, with aliases"))
ASKS_ABOUT_SHARING = ("safetensors", "npz")


class ExportDialog(ExportSheet):
    """Asks how to export a document, or, with `saves`, how to save what its own file cannot hold as it is.

    Signals
    -------
    chosen
        (path, format or None, shared or None, bytes per file or None): the person pressed Export.
    """

    chosen = Signal(str, object, object, object)

    def __init__(self, document: OpenDocument, formats: Formats, tasks: Tasks, parent: QWidget | None = None, *,
                 saves: bool = False) -> None:  # fmt: skip
        path = str(document.document.path) if saves else _first_path(document)
        super().__init__(f"{'Save' if saves else 'Export'} {document.title}", path, tasks, parent)
        self._document, self._formats = document, formats
        self.format, self.sharing, self.shard_size = QComboBox(), QComboBox(), QLineEdit()
        self.format.setObjectName("format")
        self.format.addItem("By the suffix", None)
        for name, suffixes in formats.suffixes:
            self.format.addItem(f"{name}  {', '.join(suffixes)}", name)
        self.format.currentIndexChanged.connect(self.typed)
        self.sharing.setObjectName("sharing")
        for value, text in SHARING:
            self.sharing.addItem(text, value)
        self.sharing.currentIndexChanged.connect(self.check)
        self.shard_size.setObjectName("shard-size")
        self.shard_size.setPlaceholderText("one file, or 5 GB")
        self.shard_size.textChanged.connect(self.typed)
        for text, field in (("Format", self.format), ("Tensors that share storage", self.sharing),
                            ("Bytes per file", self.shard_size)):  # fmt: skip
            self.add_choice(text, field)
        self.show_choices()
        self.check()

    @property
    def format_name(self) -> str | None:
        """The format that will be written; None where the suffix names none."""
        picked = self.format.currentData()
        return picked or self._formats.meant_by(self.path.text())

    def show_choices(self) -> None:
        """Ask about sharing and shards where the format has a use for an answer."""
        name = self.format_name
        self.show_choice(self.sharing, self._document.has_groups and name in ASKS_ABOUT_SHARING)
        self.show_choice(self.shard_size, name == "safetensors")

    def _choices(self) -> tuple[str | None, str | None, int | None]:
        """Return what is chosen; SizeError where the size of a file does not read."""
        # isHidden, not isVisible: the dialog itself may not be shown yet.
        shared = None if self.sharing.isHidden() else self.sharing.currentData()
        typed = "" if self.shard_size.isHidden() else self.shard_size.text().strip()
        return self.format.currentData(), shared, parse_size(typed) if typed else None

    def hazards_of(self, path: Path) -> Callable[[TaskProgress], list[Hazard]]:
        """Ask what the format cannot hold."""
        document = self._document.document
        kind, shared, shard_size = self._choices()

        def ask(progress: TaskProgress) -> list[Hazard]:
            found = document.export_hazards(path, kind, shared)
            return found + _parts_of(document.total_nbytes, shard_size) + replaces(path, document.path)

        return ask

    def mark_wrong(self, wrong: bool) -> None:
        """Mark the size that does not read."""
        restyle(self.shard_size, "wrong", wrong)

    def verb(self, warned: list[Hazard]) -> str:
        """Return how many tensors are exported, and whether something is lost."""
        count = self._document.tensors - count_left_out(self._document.document)
        what = f"{count_text(count)} {'tensor' if count == 1 else 'tensors'}"
        does = "Save" if self.target == self._document.document.path else "Export"
        return f"{does} {what} with the loss" if warned else f"{does} {what}"

    def go(self) -> None:
        """Export as chosen."""
        self.chosen.emit(str(self.target), *self._choices())
        self.accept()


def _first_path(found: OpenDocument) -> str:
    path = found.document.path
    if path is None:
        return str(Path.cwd() / f"{found.title}.safetensors")
    return str(path.with_name(f"{path.stem}-edited{path.suffix}"))


def _parts_of(nbytes: int, shard_size: int | None) -> list[Hazard]:
    """Say how many files come of a size; a tensor is never cut, so it may be one more or less."""
    if shard_size is None or nbytes <= shard_size:
        return []
    count = -(-nbytes // shard_size)
    return [Hazard("shards", "notice", f"About {count_text(count)} files and an index", "No tensor is cut in two.")]
