"""Pickles inside a file: where each one ends, and what is wrong with it said with the file's name."""

from __future__ import annotations

import json
import pickle
from typing import Any

from weightedit.core.errors import Cancelled, CheckpointError
from weightedit.core.progress import Ask, unasked
from weightedit.core.source import ByteSource, SourceFile
from weightedit.core.words.visible import visible
from weightedit.formats.pickle_budget import Unreadable
from weightedit.formats.pickle_reader import PickleReader
from weightedit.formats.pickle_scan import end_of_pickle
from weightedit.formats.pickle_settle import path_to
from weightedit.formats.zip_directory import wrong

MOST_PICKLE = 1 << 30
_FIRST = 4096


class PickleStream:
    """Cuts pickles that follow one another out of a file; a pickle says only by its last opcode where it ends.

    Parameters
    ----------
    file
        The file.
    start, stop
        The bytes of it to look at; by default all.
    ask
        Called in between; what it raises ends the reading.

    Attributes
    ----------
    at
        Where the next pickle begins; move it over what lies between two of them.
    """

    def __init__(self, file: SourceFile, start: int = 0, stop: int | None = None, ask: Ask = unasked) -> None:
        self.file = file
        self._ask = ask
        self.at = start
        self.stop = file.size if stop is None else stop

    def cut(self, what: str) -> bytes:
        """Return the bytes of the next pickle, and stand behind it.

        Raises
        ------
        CheckpointError
            If there is no whole pickle; `what` is what it should have been.
        """
        data, at, ended = b"", 0, False
        while not ended:
            self._ask()
            more = min(self.stop - self.at, MOST_PICKLE, max(_FIRST, 2 * len(data)))
            if more <= len(data) == MOST_PICKLE:
                raise wrong(self.file, f"has a pickle of more than {MOST_PICKLE:,} bytes: {what}.", what)
            if more <= len(data):
                raise wrong(self.file, f"is cut short: it ends within {what}, which begins at byte {self.at:,}.", what)
            data += self.file.read(self.at + len(data), more - len(data))
            try:
                at, ended = end_of_pickle(data, at, self._ask)
            except pickle.UnpicklingError as error:
                raise wrong(self.file, f"has a pickle that cannot be read, {what}: {error}.", what) from error
        self.at += at
        return data[:at]

    def value(self, what: str) -> Any:
        """Return the next pickle as inert data; it describes no tensor."""
        return read_checked(PickleReader(self._no_storage, self._no_source, self._ask), self.cut(what), self.file, what)

    def take(self, nbytes: int, what: str) -> bytes:
        """Return the next few bytes that are no pickle."""
        if self.at + nbytes > self.stop:
            raise wrong(self.file, f"is cut short: it ends within {what}, at byte {self.stop:,}.", what)
        raw = self.file.read(self.at, nbytes)
        self.at += nbytes
        return raw

    def _no_storage(self, key: str) -> int:
        raise wrong(self.file, f"names storage {key} where no tensor can be.", key)

    def _no_source(self, key: str) -> ByteSource:
        raise AssertionError("no storage was described")


def _cause(error: Exception) -> str:
    """Return in a few words what the unpickler met: its own speak of itself."""
    if isinstance(error, Unreadable):
        return visible(str(error), 300).rstrip(".")
    if isinstance(error, RecursionError):
        return "it nests deeper than it can be read"
    if isinstance(error, MemoryError):
        return "it asks for more memory than there is"
    if isinstance(error, UnicodeError):
        return "a text in it is not UTF-8"
    if isinstance(error, EOFError) or "truncated" in str(error) or "exhausted" in str(error):
        return "it is cut short"
    if "extension code" in str(error):
        return "it uses an extension code, whose meaning only the program that wrote it knows"
    if isinstance(error, KeyError | IndexError | pickle.UnpicklingError):
        return "its opcodes do not fit together"
    return "it does with an object what cannot be done with it"


def read_checked(reader: PickleReader, data: bytes, file: SourceFile, place: str, nbytes: int | None = None) -> Any:
    """Read a pickle as inert data; `nbytes` is what it takes in the file, where that is less.

    Raises
    ------
    CheckpointError
        If it is malformed, or a tensor in it leaves its storage.
    """
    try:
        root = reader.read(data, nbytes)
    except (CheckpointError, Cancelled):
        raise
    except Exception as error:  # the unpickler meets arbitrary bytes: whatever it raises is about the file
        raise wrong(file, f"has a pickle that cannot be read: {_cause(error)}.", place) from error
    file.named |= reader.named
    for held, fault in reader.faults[:1]:
        where = json.dumps(path_to(root, held), ensure_ascii=False)[:200]
        raise wrong(file, f"is damaged: tensor {where} {fault}.", where)
    return root
