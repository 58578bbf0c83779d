"""The form of a journal record: one edit, framed so that a torn or altered end is told from a whole record.

A record is a 4-byte little-endian length, the CRC-32 of the payload, and the payload: JSON in UTF-8. A journal
begins with a record that says which file it belongs to. Writing and recovery come with a later issue.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

from weightedit.core.edit import Edit
from weightedit.core.source import SourceFile

VERSION = 1
_FRAME = struct.Struct("<II")
LONGEST = 64 << 20


def encode(payload: Mapping[str, Any]) -> bytes:
    """Return one framed record."""
    data = json.dumps(payload, separators=(",", ":"), allow_nan=False).encode("ascii")
    return _FRAME.pack(len(data), zlib.crc32(data)) + data


def header(file: SourceFile) -> dict[str, Any]:
    """Return the first record's payload: the journal's version and the file's fingerprint."""
    mark = file.fingerprint
    return {"weightedit_journal": VERSION, "file": str(file.path), "size": mark.size, "inode": mark.inode,
            "mtime_ns": mark.mtime_ns, "ctime_ns": mark.ctime_ns}  # fmt: skip


def edit_record(edit: Edit, position: int, names: list[str]) -> dict[str, Any]:
    """Return the payload of one applied edit: the record, its place in history, and the tensors it resolved to."""
    return {"position": position, "names": names, "edit": edit.to_json()}


def decode(data: bytes) -> Iterator[dict[str, Any]]:
    """Yield the payloads of whole records, and stop at the first that is torn or altered."""
    at = 0
    while at + _FRAME.size <= len(data):
        length, check = _FRAME.unpack_from(data, at)
        start, stop = at + _FRAME.size, at + _FRAME.size + length
        if not length or length > LONGEST or stop > len(data) or zlib.crc32(data[start:stop]) != check:
            return  # zeros too: file systems leave them at the end after a power cut
        try:
            payload = json.loads(data[start:stop])
        except (ValueError, RecursionError):
            return
        if not isinstance(payload, dict):
            return
        yield payload
        at = stop
