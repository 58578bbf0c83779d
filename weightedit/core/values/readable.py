"""Which tensors can still be read after another program changed the files of a document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from weightedit.core.errors import SourceChanged
from weightedit.core.hazards import Hazard
from weightedit.core.slots import Slot
from weightedit.core.source import READABLE, ByteSource, SourceFile
from weightedit.core.storage import file_under
from weightedit.core.words.paths import counted, some

if TYPE_CHECKING:
    from weightedit.core.reader import Reader


@dataclass(frozen=True, slots=True)
class Remains:
    """What is left of a document's files.

    Attributes
    ----------
    held
        Files that are no longer what their paths lead to, of which the open handle still gives the bytes.
    lost
        Files whose bytes are another program's by now, or cannot be read.
    slots
        What needs a byte of a lost file, in file order: everything else can be read.
    """

    held: tuple[SourceFile, ...]
    lost: tuple[SourceFile, ...]
    slots: tuple[Slot, ...]

    def needs_lost(self, content: ByteSource, start: int, stop: int) -> bool:
        """Whether bytes `[start, stop)` of a content come from a lost file."""
        return file_under(content, start, stop) in self.lost

    def hazard(self, names: Sequence[str]) -> Hazard:
        """Say which tensors are left out of a file."""
        files = some([file.name for file in self.lost])
        needs = "it needs" if len(names) == 1 else "they need"
        return Hazard(
            "values-dropped", "warning", f"{counted(len(names), 'tensor')} left out: {needs} bytes that are lost",
            f"{some(list(names))}: read from {files}, which another program changed since it was opened.",
            tuple(names), len(names))  # fmt: skip


def what_remains(document: Reader) -> Remains:
    """Look at every file of a document and say what of it can still be read."""
    changed = [file for file in document.files if not _is_as_opened(file)]
    held = tuple(file for file in changed if file.still_holds())
    lost = tuple(file for file in changed if file not in held)
    remains = Remains(held, lost, ())
    if not lost:
        return remains
    return Remains(held, lost, tuple(slot for slot in document.slots if _needs(remains, slot)))


def _needs(remains: Remains, slot: Slot) -> bool:
    spec, content = slot.held.described.spec, slot.held.described.storage.content
    start, stop = spec.extent if spec.encoding == "plain" else (0, content.nbytes)
    return remains.needs_lost(content, start, stop)


def _is_as_opened(file: SourceFile) -> bool:
    try:
        file.check(header=True)
    except (OSError, SourceChanged):
        return False
    return True


def check_read_files(slots: Sequence[Slot]) -> None:
    """Raise `SourceChanged` if a file that some tensor is read from is not what was opened, by times and by hash."""
    read: dict[SourceFile, None] = {}
    for slot in slots:
        content = slot.held.described.storage.content
        file = file_under(content, 0, content.nbytes)
        if file is not None:
            read[file] = None
    for file in read:
        file.check(header=True)


def refuse_over_changed(files: Sequence[SourceFile]) -> None:
    """Refuse to write over what another program put in the place of an opened file.

    Raises
    ------
    SourceChanged
        With the ways on.
    """
    for file in files:
        try:
            file.check(header=True)
        except SourceChanged as error:
            if READABLE in str(error):
                raise  # there is nothing to write over
            raise SourceChanged(f"{error} It was not written over; {READABLE}.", file=file.path) from None
