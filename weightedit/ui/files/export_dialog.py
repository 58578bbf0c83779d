"""The export dialog of a document: format, what to do with shared tensors, bytes per file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QLineEdit, QWidget

from weightedit.core.hazards import Hazard
from weightedit.core.live.facts import count_left_out
from weightedit.core.words.numbers import count_text
from weightedit.core.words.sizes import parse_size
from weightedit.core.words.visible import seen_only
from weightedit.ui.documents import OpenDocument
from weightedit.ui.files.export_sheet import ExportSheet, Formats, replaces
from weightedit.ui.tasks import TaskProgress, Tasks
from weightedit.ui.widgets.pieces import restyle
from weightedit.ui.widgets.plain import row_text

KEEP, COPY, ALIAS = (None, "Keep as in torch"), ("copy", "Write a copy of each"), ("alias", "Write one, with aliases")
SHARING = {"safetensors": (KEEP, COPY, ALIAS), "npz": (KEEP, COPY)}
"""What can be chosen for tensors that share storage, by the formats that ask."""


class ExportDialog(ExportSheet):
    """Asks how to export a document, or, with `saves`, how to save what its own file cannot hold as it is.

    With `only_readable` it leaves out what cannot be read any more, since another program changed the file.

    Signals
    -------
    chosen
        (path, format or None, shared or None, bytes per file or None): the person pressed Export, or Save.
    """

    chosen = Signal(object, object, object, object)

    def __init__(self, document: OpenDocument, formats: Formats, tasks: Tasks, parent: QWidget | None = None, *,
                 saves: bool = False, only_readable: bool = False) -> None:  # fmt: skip
        path = str(document.document.path) if saves else _first_path(document)
        does = "Save" if saves else "Export what is still readable of" if only_readable else "Export"
        super().__init__(f"{does} {document.title}", path, tasks, parent)
        self._only_readable = only_readable
        self._document, self._formats = document, formats
        self._saves, self._is_shared = saves, document.has_groups
        self.format, self.sharing, self.shard_size = QComboBox(), QComboBox(), QLineEdit()
        self.format.setObjectName("format")
        self.format.addItem("By the suffix", None)
        for name, suffixes in formats.suffixes:
            self.format.addItem(row_text(f"{name}  {', '.join(suffixes)}"), name)
        self.format.currentIndexChanged.connect(self.typed)
        self.sharing.setObjectName("sharing")
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
    def is_own(self) -> bool:
        """Whether the document's own file is named, which keeps its format and its files."""
        return self.names_own or self.target == self._document.document.path

    @property
    def format_name(self) -> str | None:
        """The format that will be written; None where the suffix names none."""
        if self.is_own:
            return self._document.document.format_name
        picked = self.format.currentData()
        return picked or self._formats.meant_by(self.path.text())

    def show_choices(self) -> None:
        """Ask about format, sharing and shards where there is a use for an answer."""
        name = self.format_name
        self._offer(SHARING.get(name or "", ()))
        self.show_choice(self.format, not self.is_own)
        self.show_choice(self.sharing, self._is_shared and name in SHARING)
        self.show_choice(self.shard_size, name == "safetensors" and not self.is_own)

    def _offer(self, choices: Sequence[tuple[str | None, str]]) -> None:
        """Offer what the format can do with shared tensors; what was chosen stays, where it can."""
        if [self.sharing.itemText(place) for place in range(self.sharing.count())] == [text for _, text in choices]:
            return
        chosen = self.sharing.currentData()
        self.sharing.blockSignals(True)
        self.sharing.clear()
        for value, text in choices:
            self.sharing.addItem(row_text(text), value)
        self.sharing.setCurrentIndex(max(0, self.sharing.findData(chosen)))
        self.sharing.blockSignals(False)

    def say(self, hazards: list[Hazard]) -> None:
        """Show what was found; where the answer is what becomes of shared tensors, that is the next thing to choose."""
        asks = any(hazard.kind == "shared-storage" for hazard in hazards)
        self._is_shared |= asks
        super().say(hazards)
        if asks and self._saves:
            self._saves = False
            self.sharing.setFocus(Qt.FocusReason.OtherFocusReason)

    def _choices(self) -> tuple[str | None, str | None, int | None]:
        """Return what is chosen; SizeError where the size of a file does not read."""
        # isHidden, not isVisible: the dialog itself may not be shown yet.
        shared = None if self.sharing.isHidden() else self.sharing.currentData()
        typed = "" if self.shard_size.isHidden() else self.shard_size.text().strip()
        kind = None if self.format.isHidden() else self.format.currentData()
        return kind, shared, parse_size(typed) if typed else None

    def hazards_of(self, path: Path) -> Callable[[TaskProgress], list[Hazard]]:
        """Ask what the format cannot hold."""
        document = self._document.document
        kind, shared, shard_size = self._choices()

        def ask(progress: TaskProgress) -> list[Hazard]:
            found = document.export_hazards(path, kind, shared, shard_size, only_readable=self._only_readable)
            found += _parts_of(document.total_nbytes, shard_size) + replaces(path, document.path)
            if any(hazard.level == "refusal" for hazard in found):
                return found
            plan = document.export_plan(path, kind, shared, shard_size, only_readable=self._only_readable,
                                        cancel=progress.cancel)  # fmt: skip
            return [*found, Hazard("plan", "notice", plan.text, "")]

        return ask

    def leave(self, document: OpenDocument) -> None:
        """Close with the document, which something else has closed."""
        if document is self._document:
            self.reject()

    def mark_wrong(self, wrong: bool) -> None:
        """Mark the size that does not read."""
        restyle(self.shard_size, "wrong", wrong)

    def verb(self, warned: list[Hazard]) -> str:
        """Return how many tensors are exported, and whether something is lost."""
        lost = sum(hazard.count for hazard in warned if hazard.kind == "values-dropped") if self._only_readable else 0
        count = self._document.tensors - count_left_out(self._document.document) - lost
        what = f"{count_text(count)} {'tensor' if count == 1 else 'tensors'}"
        does = "Save" if self.is_own else "Export"
        return f"{does} {what} with the loss" if warned else f"{does} {what}"

    def go(self) -> None:
        """Export as chosen."""
        self.chosen.emit(str(self.target), *self._choices())
        self.accept()


def _first_path(found: OpenDocument) -> str:
    path = found.document.path
    if path is None:
        return str(Path.cwd() / f"{seen_only(found.title)}.safetensors")
    return str(path.with_name(f"{seen_only(path.stem)}-edited{seen_only(path.suffix)}"))


def _parts_of(nbytes: int, shard_size: int | None) -> list[Hazard]:
    """Say how many files come of a size; a tensor is never cut, so it may be one more or less."""
    if shard_size is None or nbytes <= shard_size:
        return []
    count = -(-nbytes // shard_size)
    return [Hazard("shards", "notice", f"About {count_text(count)} files and an index", "No tensor is cut in two.")]
