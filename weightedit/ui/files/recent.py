"""The files opened last: kept in the settings, newest first, and looked for on disk in the background."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal

from weightedit.core.words.numbers import bytes_text, count_text, moment_text
from weightedit.core.words.visible import visible
from weightedit.ui.settings import Settings
from weightedit.ui.tasks import TaskProgress, Tasks

if TYPE_CHECKING:
    from weightedit.core.document import Document

KEPT = 20
KEY = "files/recent"


@dataclass(frozen=True, slots=True)
class RecentFile:
    """One file as it was when it was opened last.

    Attributes
    ----------
    path
        Absolute, as it was opened; of a folder of shards the index in it.
    tensors, nbytes
        How many tensors, and the bytes of all its files.
    format_name
        `safetensors`, `torch zip`.
    files
        How many files it lies in.
    opened
        When, in seconds since 1970.
    """

    path: str
    tensors: int = 0
    nbytes: int = 0
    format_name: str = ""
    files: int = 1
    opened: float = 0.0

    @property
    def name(self) -> str:
        """The file's name without its folder, as it can be shown."""
        return visible(Path(self.path).name or self.path)

    @property
    def folder(self) -> str:
        """Where it lies, the home folder as `~`."""
        folder = Path(self.path).parent
        try:
            inside = folder.relative_to(Path.home())
        except (ValueError, RuntimeError):
            return visible(str(folder))
        return "~" if not inside.parts else visible(str(Path("~", inside)))

    @property
    def place(self) -> str:
        """The folder, and that there are several files."""
        return self.folder if self.files < 2 else f"{self.folder}, {count_text(self.files)} files"

    @property
    def size(self) -> str:
        """`291 tensors · 13.2 GB`."""
        word = "tensor" if self.tensors == 1 else "tensors"
        return f"{count_text(self.tensors)} {word} · {bytes_text(self.nbytes)}"

    @property
    def when(self) -> str:
        """`10:42` today, `yesterday`, `12 Nov`."""
        return moment_text(datetime.fromtimestamp(self.opened))


class Recents(QObject):
    """The files opened last, newest first.

    Parameters
    ----------
    settings
        Where they are kept.
    tasks
        Runs the look at the disk, which may be a slow one.

    Signals
    -------
    changed
        The list, or which of its files are there, is another.
    """

    changed = Signal()

    def __init__(self, settings: Settings, tasks: Tasks, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._settings, self._tasks = settings, tasks
        self._files = _read(settings.text(KEY))
        self._missing: frozenset[str] = frozenset()

    @property
    def files(self) -> Sequence[RecentFile]:
        """Every file, newest first."""
        return tuple(self._files)

    def is_missing(self, file: RecentFile) -> bool:
        """Whether the file was not there when it was looked for last."""
        return file.path in self._missing

    def add(self, document: Document) -> None:
        """Put a document's file on top; a live object has none."""
        if document.path is None:
            return
        path = str(document.path.expanduser().absolute())
        nbytes = sum(file.size for file in document.files)
        self._missing -= {path}
        made = RecentFile(path, len(document.slots), nbytes, document.format_name, len(document.files), time.time())
        self._keep([made, *(file for file in self._files if file.path != path)])

    def remove(self, path: str) -> None:
        """Take a file off the list."""
        self._keep([file for file in self._files if file.path != path])

    def clear(self) -> None:
        """Forget every file."""
        self._keep([])

    def _keep(self, files: list[RecentFile]) -> None:
        self._files = files[:KEPT]
        text = json.dumps([asdict(file) for file in self._files]) if self._files else None
        self._settings.set(KEY, text)
        self.changed.emit()

    def look(self) -> None:
        """Look in the background for which files are there."""
        paths = [file.path for file in self._files]

        def work(progress: TaskProgress) -> frozenset[str]:
            found = set()
            for path in paths:
                progress.advance(0)
                if not Path(path).exists():
                    found.add(path)
            return frozenset(found)

        def done(missing: frozenset[str]) -> None:
            if missing != self._missing:
                self._missing = missing
                self.changed.emit()

        if paths:
            self._tasks.start("Recent files", work, on_result=done, on_error=lambda _: None, group="recent", quiet=True)


def _read(text: str) -> list[RecentFile]:
    """Read what was kept; what does not read is dropped, for the settings may be of another version."""
    try:
        kept = json.loads(text) if text else []
    except ValueError:
        return []
    found = [made for one in kept if (made := _one(one)) is not None] if isinstance(kept, list) else []
    return list({file.path: file for file in found}.values())[:KEPT]


def _one(kept: Any) -> RecentFile | None:
    if not isinstance(kept, dict) or not isinstance(kept.get("path"), str) or not kept["path"]:
        return None
    numbers = {key: kept.get(key, 0) for key in ("tensors", "nbytes", "files", "opened")}
    if not all(isinstance(value, int | float) and 0 <= value < 1 << 62 for value in numbers.values()):
        return None
    if numbers["opened"] > time.time() + 86_400:
        numbers["opened"] = 0
    return RecentFile(kept["path"], int(numbers["tensors"]), int(numbers["nbytes"]), str(kept.get("format_name", "")),
                      int(numbers["files"]), float(numbers["opened"]))  # fmt: skip
