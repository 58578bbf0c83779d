"""The header of a safetensors file: read, and everything it promises checked against the file.

Format: https://github.com/huggingface/safetensors#format. A long header is parsed in pieces, so that a million records
are never there at once, the interpreter is free for others every few milliseconds, and someone may stop it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from weightedit.core.described.columns import Columns
from weightedit.core.source import SourceFile
from weightedit.formats.detection import lying_length
from weightedit.formats.safetensors_rows import METADATA, Rows, Unsound
from weightedit.formats.safetensors_wrong import explained, note_repeats, wrong

MOST_HEADER = 100_000_000
"""Bytes; the reference reader takes no longer header either."""
PIECE = 128 << 10
"""Bytes of a header that are parsed at once, in about a millisecond."""
_AT_ONCE = 4 << 20
"""Bytes of a long header that are read at once."""
_BETWEEN = re.compile(rb"\}[ \t\n\r]*,[ \t\n\r]*(?=\")")
"""What is between two records, wherever it is not within a text."""

Read = Callable[[int], None]
"""Told how many bytes of a header were parsed since the last time; what it raises ends it."""


def _no_number(text: str) -> None:
    """Refuse `NaN` and `Infinity`, which Python reads as numbers and JSON does not have."""
    raise ValueError(text)


_DECODE = json.JSONDecoder(parse_constant=_no_number).decode


@dataclass
class Header:
    """A checked header.

    Attributes
    ----------
    columns
        What it says of each tensor, in its own order.
    metadata
        Its `__metadata__`, in its own order.
    """

    columns: Columns
    metadata: dict[str, str]

    @property
    def start(self) -> int:
        """Where in the file the data begins, in bytes."""
        return self.columns.start

    def raw(self) -> bytes:
        """Return its bytes as they are in the file, padding included, without the length before them.

        Raises
        ------
        SourceChanged
            If the file is no longer what was opened.
        """
        return self.columns.file.read(8, self.start - 8)


def looks_like_header(head: bytes, size: Callable[[], int]) -> bool:
    """Whether a file that begins so may be meant as safetensors: a length, and then the start of a JSON object."""
    if len(head) < 10 or head[8:9] != b"{" or head[:8].isalnum():
        return False
    length = int.from_bytes(head[:8], "little")
    return 2 <= length <= MOST_HEADER or MOST_HEADER < length <= size()


def read_header(file: SourceFile, done: Read = lambda nbytes: None) -> Header:
    """Read and check the header of an open file, and make its hash part of the file's fingerprint.

    Parameters
    ----------
    file
        The file.
    done
        Told how many bytes of the header were parsed, every few milliseconds; what it raises ends it.

    Raises
    ------
    CheckpointError
        If anything the header says is wrong or does not fit the file.
    """
    if file.size < 8:
        raise wrong(file, f"is cut short. A safetensors file has at least 8 bytes, the file has {file.size}.")
    first = file.take_beginning()
    length = int.from_bytes(first[:8], "little")
    if length > max(file.size, MOST_HEADER):
        raise wrong(file, lying_length(length, file.size))
    if length > MOST_HEADER:
        raise wrong(file, f"says its header has {length:,} bytes; more than {MOST_HEADER:,} is not allowed.")
    if 8 + length > file.size:
        raise wrong(file, f"is cut short. Its header alone has {length:,} bytes, the file has {file.size:,}.")
    whole = first[: 8 + length]
    while (rest := 8 + length - len(whole)) > 0:  # to make room for all of it at once would hold up other threads
        whole += file.read(len(whole), min(rest, _AT_ONCE))
        done(0)
    file.remember_header(len(whole), whole)
    rows = _rows(file, whole, done)
    return Header(Columns(file, 8 + length, rows.names, rows.kinds, rows.starts), rows.metadata or {})


def _rows(file: SourceFile, whole: bytearray, done: Read) -> Rows:
    rows, names = Rows(), set[str]()
    data = file.size - len(whole)
    try:
        for piece, nbytes in _pieces(whole):
            before = len(rows.names)
            text = piece.decode("utf-8")
            if "\\" in text or not rows.take_text(text):
                rows.take(strictly_parsed(text))
            names.update(rows.names[before:])
            done(nbytes)
        if len(names) == len(rows.names) and rows.fill(data, lambda: done(0)):
            return rows
    except (ValueError, RecursionError, Unsound):
        pass
    return explained(file, bytes(whole[8:]), data, lambda: done(0))


def _pieces(whole: bytearray) -> Iterator[tuple[bytearray | bytes, int]]:
    """Yield a header as objects of JSON that hold its records one after the other, each with its length in the file.

    Where each of them reads, so does the whole, as their union: what is between braces are members joined by commas,
    and so are some of these joined by a comma, wherever it is cut. A cut within a text leaves pieces that do not read.
    """
    if len(whole) <= 8 + PIECE:
        yield whole[8:], len(whole) - 8
        return
    start, end = 9, whole.rindex(b"}")
    if whole[8:start] != b"{" or whole[end + 1 :].strip(b" \t\n\r"):
        raise Unsound
    while start < end:
        found = _BETWEEN.search(whole, min(start + PIECE, end), end)
        stop, after = (found.start() + 1, found.end()) if found else (end, end)
        yield b"".join((b"{", memoryview(whole)[start:stop], b"}")), after - start
        start = after


def strictly_parsed(text: str) -> dict[str, Any]:
    """Return the records of a piece; raises ValueError or `Unsound` where something in it is not as it has to be."""
    if "\\" in text:
        return _with_escapes(text)
    records = _DECODE(text)
    if not isinstance(records, dict):
        raise Unsound
    metadata = records.get(METADATA)
    # JSON readers silently keep the last of two members of one key. Without escapes every quotation mark bounds a
    # text, so counting them counts keys and values.
    own = 1 + 2 * len(metadata) if isinstance(metadata, dict) else 0
    if text.count('"') != 2 * (5 * (len(records) - (own > 0)) + own):
        raise Unsound
    return records


def _with_escapes(text: str) -> dict[str, Any]:
    repeats: list[str] = []
    records = json.loads(text, object_pairs_hook=lambda pairs: note_repeats(pairs, repeats), parse_constant=_no_number)
    if repeats or not isinstance(records, dict):
        raise Unsound
    metadata = records.get(METADATA)
    texts = [text for pair in metadata.items() for text in pair] if isinstance(metadata, dict) else []
    for text in (*records, *texts):
        if isinstance(text, str):
            text.encode("utf-8")  # an escape can spell half of a surrogate pair, and no file can be written with it
    return records
