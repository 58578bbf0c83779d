"""Writes zip archives the way torch does: nothing compressed, every record aligned, large ones by zip64."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from operator import itemgetter

from weightedit.core.source import ByteSource
from weightedit.core.transaction import BUFFER, Pending
from weightedit.core.values.streaming import CHUNK, range_bytes
from weightedit.core.writing.file_layout import FileLayout, Fresh, Kept
from weightedit.formats.zip_directory import (
    CENTRAL,
    END,
    END64,
    HAS_DESCRIPTOR,
    LOCAL,
    LOCATOR64,
    MAX16,
    MAX32,
    STORED,
    ZipDirectory,
    ZipRecord,
)

ALIGNMENT = 64
"""Bytes; where torch puts the start of each record, so that it can be mapped."""
_UTF8 = 1 << 11
_DATE = (1 << 5) | 1  # 1 January 1980, as torch writes: the same content is the same file
_LOCAL_CRC, _CENTRAL_CRC = 14, 16


@dataclass(frozen=True, slots=True)
class _Row:
    name: bytes
    offset: int
    stored: int
    size: int
    crc: int
    method: int


class ZipWriter:
    """Appends records to one file and ends it with their directory.

    Parameters
    ----------
    pending
        The file, from its first byte.
    """

    def __init__(self, pending: Pending) -> None:
        self._pending = pending
        self._rows: list[_Row] = []

    def add(self, name: str, size: int, chunks: Iterable[bytes | memoryview]) -> None:
        """Append a record of exactly `size` bytes."""
        raw, offset = name.encode("utf-8", "surrogatepass"), self._pending.position
        crc = 0
        if self._pending.is_sketch:
            written = size
        elif size <= BUFFER:
            data = b"".join(chunks)
            crc = zlib.crc32(data)
            self._pending.write(self._local(raw, size, size, crc, STORED) + data)
            written = len(data)
        else:
            self._pending.write(self._local(raw, size, size, 0, STORED))
            written = 0
            for chunk in chunks:
                crc = zlib.crc32(chunk, crc)
                written += len(chunk)
                self._pending.write(chunk)
            self._pending.write_at(struct.pack("<L", crc), offset + _LOCAL_CRC)
        assert written == size, f"record {name} has {written} bytes instead of {size}"
        self._rows.append(_Row(raw, offset, size, size, crc, STORED))

    def copy(self, directory: ZipDirectory, record: ZipRecord) -> None:
        """Append a record of another archive, compressed as it is there."""
        raw, offset = record.name.encode("utf-8", "surrogatepass"), self._pending.position
        self._pending.write(self._local(raw, record.stored, record.size, record.crc, record.method))
        self._pending.stream(file_bytes(directory, directory.data_offset(record), record.stored))
        self._rows.append(_Row(raw, offset, record.stored, record.size, record.crc, record.method))

    def _local(self, name: bytes, stored: int, size: int, crc: int, method: int) -> bytes:
        wide = max(stored, size) >= MAX32
        extra = struct.pack("<HHQQ", 1, 16, size, stored) if wide else b""
        start = self._pending.position + LOCAL.size + len(name) + len(extra) + 4
        padding = -start % ALIGNMENT
        extra += b"FB" + struct.pack("<H", padding) + b"Z" * padding
        sizes = (MAX32, MAX32) if wide else (stored, size)
        return LOCAL.pack(b"PK\3\4", 45 if wide else 20, _UTF8, method, 0, _DATE, crc, *sizes, len(name),
                          len(extra)) + name + extra  # fmt: skip

    def close(self) -> None:
        """Append the directory."""
        start = self._pending.position
        for row in self._rows:
            wide = [value for value in (row.size, row.stored, row.offset) if value >= MAX32]
            extra = struct.pack(f"<HH{len(wide)}Q", 1, 8 * len(wide), *wide) if wide else b""
            self._pending.write(
                CENTRAL.pack(b"PK\1\2", 45, 45 if wide else 20, _UTF8, row.method, 0, _DATE, row.crc,
                             min(row.stored, MAX32), min(row.size, MAX32), len(row.name), len(extra), 0, 0, 0, 0,
                             min(row.offset, MAX32)) + row.name + extra)  # fmt: skip
        end, count = self._pending.position, len(self._rows)
        size = end - start
        if count >= MAX16 or end >= MAX32:
            self._pending.write(END64.pack(b"PK\6\6", END64.size - 12, 45, 45, 0, 0, count, count, size, start))
            self._pending.write(LOCATOR64.pack(b"PK\6\7", 0, end, 1))
        small = min(count, MAX16)
        self._pending.write(END.pack(b"PK\5\6", 0, 0, small, small, min(size, MAX32), min(start, MAX32), 0))


def file_bytes(directory: ZipDirectory, offset: int, nbytes: int) -> Iterator[memoryview]:
    """Yield a range of the archive itself in chunks of one reused buffer."""
    buffer = memoryview(bytearray(min(CHUNK, nbytes)))
    for at in range(0, nbytes, CHUNK):
        view = buffer[: min(CHUNK, nbytes - at)]
        directory.file.read_into(view, offset + at)
        yield view


def overlay(directory: ZipDirectory, replaced: Mapping[str, ByteSource]) -> FileLayout:
    """Return an archive byte for byte with other bytes in some stored records.

    Parameters
    ----------
    directory
        Of the archive.
    replaced
        By record name, content of exactly the record's size. Their checksums are new wherever they stand.
    """
    changes: list[tuple[int, int, ByteSource | _Sum]] = []
    for record in map(directory.record, replaced):
        assert record.method == STORED
        content, start = replaced[record.name], directory.data_offset(record)
        crc = _Sum(content)
        changes.append((start, start + record.size, content))
        changes += [(place, place + 4, crc) for place in _crc_places(directory, record, start + record.size)]
    layout, at = FileLayout(), 0
    for start, stop, new in sorted(changes, key=itemgetter(0, 1)):
        layout.add(Kept(directory.file, at, start))
        if isinstance(new, _Sum):
            layout.add(Fresh(4, new.chunks))
        else:
            layout.add_content(new, 0, stop - start)
        at = stop
    layout.add(Kept(directory.file, at, directory.file.size))
    return layout


class _Sum:
    """The CRC-32 of a content, as a zip archive has it; worked out when it is first wanted."""

    def __init__(self, content: ByteSource) -> None:
        self._content = content
        self._data: bytes | None = None

    def chunks(self) -> tuple[bytes]:
        if self._data is None:
            crc = 0
            for chunk in range_bytes(self._content, 0, self._content.nbytes):
                crc = zlib.crc32(chunk, crc)
            self._data = struct.pack("<L", crc)
        return (self._data,)


def _crc_places(directory: ZipDirectory, record: ZipRecord, end: int) -> Iterator[int]:
    """Yield where the checksum of a record stands: the directory, and the header or the descriptor after the data."""
    yield record.central_offset + _CENTRAL_CRC
    if not record.flags & HAS_DESCRIPTOR:
        yield record.header_offset + _LOCAL_CRC
        return
    if any(directory.file.read(record.header_offset + _LOCAL_CRC, 4)):
        yield record.header_offset + _LOCAL_CRC
    signed = directory.file.read(end, 4) == b"PK\7\x08"
    yield end + 4 if signed else end
