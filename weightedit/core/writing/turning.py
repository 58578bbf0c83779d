"""Turns a document that was saved to the file it wrote: wholly, or it goes on with the bytes that were replaced."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from weightedit.core.described.contents import file_inventory
from weightedit.core.errors import CheckpointError, SourceChanged
from weightedit.core.files.same_file import Identity, check_ours
from weightedit.core.journals.recorded import saved
from weightedit.core.slots import HeldTensor
from weightedit.core.source import SourceFile
from weightedit.core.words.paths import shown
from weightedit.core.words.shortages import is_out_of_memory
from weightedit.core.writing.saving import Change, Rebase, saved_point

if TYPE_CHECKING:
    from weightedit.core.document import Document


class Found(Protocol):
    """What a format found in the new file."""

    root: Any
    metadata: dict[str, str]
    files: list[SourceFile]
    origin: Any


Adopt = Callable[[Any, Mapping[str, HeldTensor]], None]


def turn(document: Document, rebase: Rebase, opening: Callable[[], Found], adopt: Adopt,
         made: Mapping[Path, Identity]) -> None:  # fmt: skip
    """Let a document that was just saved read from the new file, and make this its saved point.

    Everything that can go wrong is done before the first change. Where it goes wrong the document stays as it is and
    reads on from the open handles of the files that were replaced: values, edits, undo and the next save are right.

    Parameters
    ----------
    document, rebase
        What was saved; what of the old file it keeps.
    opening, adopt
        Opens the new file; tells its format which tensors the document has.
    made
        What tells each file that was put there from any other.

    Raises
    ------
    SourceChanged
        If another program put something else there meanwhile.
    CheckpointError
        If the document could not turn; the message says that it was saved all the same.
    """
    try:
        opened = opening()
        check_ours(opened.files, made, document.files)
        changes = changes_to(document, rebase, opened, adopt)
    except SourceChanged:
        raise  # what is there is not ours
    except BaseException as error:
        stay(document, made)
        if isinstance(error, Exception):
            raise _stayed(document, error) from error
        raise
    make(document, changes)


def make(document: Document, changes: list[Change]) -> None:
    """Make all changes that `changes_to` worked out, and begin the journal anew."""
    old = document.origin.files
    _make(changes)
    for file in old:
        file.release()
    with suppress(MemoryError, OSError):  # the journal knows since before the save what the file is
        saved(document)


def stay(document: Document, made: Mapping[Path, Identity]) -> None:
    """Let a document read on from the handles of files that its own save replaced."""
    for file in document.files:
        ours = made.get(Path(os.path.realpath(file.path)))
        if ours is not None and os.name == "nt":  # where a file has to be closed to be replaced
            file.close()
        elif ours is not None:
            with suppress(OSError):  # gone already: the next read says so
                file.read_on(ours)


def changes_to(document: Document, rebase: Rebase, opened: Found, adopt: Adopt) -> list[Change]:
    """Work out everything that becomes another, and change nothing."""
    fresh = {slot.path: slot for slot in file_inventory(opened.root).slots}
    changes = rebase.changes({
        id(slot.storage): fresh[slot.path].storage.content
        for slot in document.slots if slot.path in fresh and id(slot.storage) in rebase.placed
    })  # fmt: skip
    adopt(opened.origin, {slot.name: slot.held for slot in document.slots})
    origin = document.origin
    changes += (origin, "files", opened.files), (origin, "state", opened.origin), (origin, "metadata", opened.metadata)
    return changes + saved_point(document, {id(one): new for one, name, new in changes if name == "content"})


def _make(changes: list[Change]) -> None:
    """Make all changes, or none: an interrupt may come between any two."""
    before = [(one, name, getattr(one, name)) for one, name, _ in changes]
    try:
        for one, name, new in changes:
            setattr(one, name, new)
    except BaseException:
        for one, name, was in before:
            setattr(one, name, was)
        raise


def _stayed(document: Document, error: Exception) -> CheckpointError:
    path = document.path or Path(document.title)
    if isinstance(error, CheckpointError):
        why = f"cannot be read again: {str(error).rstrip('.')}"
    else:
        cause = "memory ran out" if is_out_of_memory(error) else f"{type(error).__name__} {error}".strip().rstrip(".")
        why = f"the document could not turn to the new file: {cause}"
    return CheckpointError(f"{shown(path)} was saved, whole and for good, but {why}. The document goes on with the "
                           "bytes that were replaced, with every edit and undo; save it again when that is mended, or "
                           "close it and open it again.", file=path)  # fmt: skip
