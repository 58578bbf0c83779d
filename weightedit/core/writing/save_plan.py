"""How a save or export will be done, and how it was: the same code says it that does it, with nothing written."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from weightedit.core.transaction import Transaction
from weightedit.core.words.paths import counted
from weightedit.core.writing.file_layout import FAR, FileLayout, Fresh, Kept
from weightedit.core.writing.pending import Pending, failing

if TYPE_CHECKING:
    from weightedit.core.progress import Progress

IN_PLACE, CLONE, HEADER, WHOLE = "patch in place", "clone and patch", "new header", "whole"
"""From the least work to the most."""
_ORDER = (IN_PLACE, CLONE, HEADER, WHOLE)


@dataclass(frozen=True, slots=True)
class FilePlan:
    """One file of a save.

    Attributes
    ----------
    path
        The destination.
    method
        `patch in place`, `clone and patch`, `new header`, `whole`.
    nbytes
        Of the file; about, where only writing it tells.
    written, kept, copied
        Bytes that are written; that are not written, since they stay where they are or share their blocks; and how
        many of the written ones the system copies unchanged.
    names
        How many names the file has: a patch in place shows under all of them, a save only under this one.
    """

    path: Path
    method: str
    nbytes: int
    written: int
    kept: int = 0
    copied: int = 0
    names: int = 1

    @classmethod
    def of(cls, pending: Pending, *, in_place: bool = False) -> FilePlan:
        """Say it of a file that is about to be written, or was."""
        layout = pending.layout
        if layout is None:
            return cls(pending.path, WHOLE, pending.position, pending.position)
        if pending.is_clone or in_place:
            fresh = layout.fresh_bytes(layout.gap())
            method, names = (IN_PLACE, pending.target.stat().st_nlink) if in_place else (CLONE, 1)
            return cls(pending.path, method, layout.nbytes, fresh, layout.nbytes - fresh, names=names)
        copied = sum(piece.nbytes for _, piece in layout.steps(FAR) if isinstance(piece, Kept) and piece.nbytes >= FAR)
        method = HEADER if is_new_header(layout) else WHOLE
        return cls(pending.path, method, layout.nbytes, layout.nbytes, 0, copied)


def is_new_header(layout: FileLayout) -> bool:
    """Whether something new stands before what a file held, and nothing else is new."""
    pieces = layout.pieces
    return len(pieces) > 1 and isinstance(pieces[0], Fresh) and all(isinstance(one, Kept) for one in pieces[1:])


@dataclass(frozen=True, slots=True)
class SavePlan:
    """How a save or export is done.

    Attributes
    ----------
    files
        Those that are written, in their order.
    tensors
        How many tensors differ from the file that the document is read from.
    untouched
        How many of the document's files stay as they are.
    """

    files: tuple[FilePlan, ...]
    tensors: int
    untouched: int = 0

    @classmethod
    def of(cls, pending: Iterable[Pending], tensors: int, untouched: int = 0, *, in_place: bool = False) -> SavePlan:
        """Sum up what a transaction writes."""
        return cls(tuple(FilePlan.of(one, in_place=in_place) for one in pending), tensors, untouched)

    @property
    def method(self) -> str:
        """That of the file that takes the most work."""
        return max((file.method for file in self.files), key=_ORDER.index, default=IN_PLACE)

    @property
    def written(self) -> int:
        """Bytes to write."""
        return sum(file.written for file in self.files)

    @property
    def kept(self) -> int:
        """Bytes of the written files that are not written: they stay, or share their blocks with the old file."""
        return sum(file.kept for file in self.files)

    @property
    def copied(self) -> int:
        """Bytes that the system copies unchanged, counted in `written`."""
        return sum(file.copied for file in self.files)

    @property
    def text(self) -> str:
        """One line for people, such as `Clone and patch: 33.6 MB to write, 6.15 GB kept`."""
        if not self.files:
            return "Nothing to write"
        how = {WHOLE: "Written whole", HEADER: "New header, payload copied by the system"}
        return f"{how.get(self.method, self.method.capitalize())}: {self.amounts}"

    @property
    def amounts(self) -> str:
        """The bytes of it, such as `33.6 MB to write, 6.15 GB kept`."""
        from weightedit.core.words.numbers import bytes_text

        said = [f"{bytes_text(self.written)} to write"]
        if self.kept:
            said.append(f"{bytes_text(self.kept)} kept")
        elif self.copied:
            said.append(f"{bytes_text(self.copied)} of it copied unchanged")
        if self.untouched:
            said.append(f"{counted(self.untouched, 'file')} untouched")
        return ", ".join(said)

    @property
    def names(self) -> int:
        """How many names the file has that has the most: a patch in place shows under all of them."""
        return max((file.names for file in self.files), default=1)


class Sketch(Transaction):
    """Goes through all the motions of a save and makes nothing: what it would write is in `pending` then.

    With `in_place` the disk needs room for the old bytes alone, and nothing is cloned.
    """

    def __init__(self, *, in_place: bool = False) -> None:
        super().__init__()
        self.in_place = in_place

    def _need(self, size: int | FileLayout, target: Path) -> int:
        if self.in_place and isinstance(size, FileLayout) and size.origin is not None:
            kept = size.fresh_bytes(size.gap())
            return kept if not self.clones(size, target) else 2 * kept  # whose blocks are shared gets new ones
        return super()._need(size, target)

    def create(self, path: Path, size: int | FileLayout) -> Pending:
        """Note a file; its destination is checked as for a save, and so is the room on the disk."""
        path = Path(path)
        with failing(path):
            target = Path(os.path.realpath(path))
            if target not in self._needs:
                self.expect([(path, size)])
            layout = size if isinstance(size, FileLayout) else None
            pending = Noted(self._system, path, target, layout)
            pending.is_clone = layout is not None and not self.in_place and self.clones(layout, target)
            pending.position = size.nbytes if isinstance(size, FileLayout) else size
        self.pending.append(pending)
        return pending

    def make_folder(self, path: Path) -> None:
        """Note a folder that would be made."""
        self._made += [folder for folder in (path, *path.parents) if not folder.is_dir()]

    def rollback(self) -> None:
        """Do nothing: nothing was made."""

    def commit(self) -> list[Path]:
        """Refuse: it is not a save."""
        raise TypeError("a sketch cannot be committed")


class Noted(Pending):
    """A file that is not written."""

    is_sketch = True

    def begin(self, *, clones: bool = False) -> None:
        """Make nothing."""

    def lay(self, progress: Progress) -> None:
        """Write nothing."""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Write nothing."""

    def write_at(self, data: bytes | memoryview, offset: int) -> None:
        """Write nothing."""

    def stream(self, chunks: Iterable[bytes | memoryview], progress: Progress | None = None) -> None:
        """Ask for none of it."""

    def finish(self) -> None:
        """Have nothing to put on the disk."""
