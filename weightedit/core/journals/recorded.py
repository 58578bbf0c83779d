"""Where a document tells its journal what it is about to do: edits, moves in the history, batches and saves."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from weightedit.core.journal import EDGE, FileMark
from weightedit.core.journals.journaling import Journal

if TYPE_CHECKING:
    from weightedit.core.document import Document
    from weightedit.core.history import Step
    from weightedit.core.source import SourceFile

_FEW_FILES = 16


def mark_of(file: SourceFile, edge: int = EDGE) -> FileMark:
    """Return the mark of an open file as it was when it was opened; without a hash where it is another by now."""
    was = file.fingerprint
    with suppress(OSError, ValueError):
        mark = FileMark.of(file.path, edge=edge)
        if (mark.size, mark.inode, mark.mtime_ns) == (was.size, was.inode, was.mtime_ns):
            return mark
    return FileMark(os.path.realpath(file.path), was.size, was.inode, was.mtime_ns, edge, "")


def marks_of(document: Document) -> tuple[FileMark, ...]:
    """Return the marks of every file of a document."""
    edge = EDGE if len(document.files) <= _FEW_FILES else EDGE // 8
    return tuple(mark_of(file, edge) for file in document.files)


def keep_journal(document: Document, recovers: str | None = None) -> None:
    """Give a document that was just opened from a file a journal, which is made at its first edit.

    Parameters
    ----------
    document
        One of a file; a live one has no journal, since what it was is gone with the process.
    recovers
        The key of the journal whose edits will be applied to it.
    """
    if document.path is not None and not document.is_live:
        document.journal = Journal(document.history, path=document.path, title=document.title, recovers=recovers,
                                   format_name=document.format_name, files=marks_of(document))  # fmt: skip


def announce_save(document: Document, replaced: Mapping[str, Path]) -> None:
    """Let the journal know what the files are about to be: a crash may come before it is told that they are.

    Parameters
    ----------
    document
        Whose own files are replaced.
    replaced
        By destination, with links followed, the file that will have its name.
    """
    if document.journal is None:
        return
    marks = [mark for mark in marks_of(document) if mark.path not in replaced]
    with suppress(OSError):  # then a crash within the save leaves a journal that fits no file
        marks += [replace(FileMark.of(temporary), path=target) for target, temporary in replaced.items()]
        document.journal.saving(marks)


def saved(document: Document) -> None:
    """Let the journal begin anew: what it has is in the file, and the document reads from that."""
    if document.journal is not None:
        document.journal.restart(marks_of(document))


@contextmanager
def recorded_edit(document: Document, step: Step) -> Iterator[None]:
    """Write an edit down before it is done inside; if it raises, that is written down too."""
    journal = document.journal
    if journal is None:
        yield
        return
    from weightedit.core.undo.touched import pieces_of

    point = journal.point
    pieces = pieces_of(step.commands)
    number = journal.edit(step, document.history.group)
    try:
        yield
    except BaseException:
        journal.back_to(point)
        raise
    journal.touched(number, pieces)


@contextmanager
def recorded_move(document: Document, position: int) -> Iterator[None]:
    """Write an undo or redo down before it is done inside; if it raises, that is written down too."""
    journal, history = document.journal, document.history
    if journal is None or position == history.position:
        yield
        return
    journal.move(history.forgotten + position)
    try:
        yield
    except BaseException:
        journal.move(history.forgotten + history.position)
        raise


@contextmanager
def recorded_batch(document: Document) -> Iterator[None]:
    """Write down that what was done inside was taken back as if it had never been, if it raises."""
    journal = document.journal
    point = None if journal is None else journal.point
    try:
        yield
    except BaseException:
        if journal is not None:
            journal.back_to(point)
        raise
