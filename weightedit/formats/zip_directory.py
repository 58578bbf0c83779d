"""The directory of a zip archive, read at the speed of its bytes: Python's own takes 5 times longer.

Format: APPNOTE.TXT 6.3.10, sections 4.3.7 (local header), 4.3.12 (central directory), 4.3.14 to 4.3.16 (its end).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from weightedit.core.errors import CheckpointError
from weightedit.core.progress import OFTEN, Ask, unasked
from weightedit.core.source import SourceFile
from weightedit.formats.detection import with_remedy

STORED, DEFLATED = 0, 8
LOCAL = struct.Struct("<4sHHHHHLLLHH")
CENTRAL = struct.Struct("<4sHHHHHHLLLHHHHHLL")
END = struct.Struct("<4sHHHHLLH")
END64 = struct.Struct("<4sQHHLLQQQQ")
LOCATOR64 = struct.Struct("<4sLQL")
MAX16, MAX32 = 0xFFFF, 0xFFFFFFFF
HAS_DESCRIPTOR = 1 << 3
_ENCRYPTED = 1
_UTF8 = 1 << 11
_MOST_INFLATION = 1040
"""Deflate makes at most 1,032 bytes of one; a record that promises more lies."""

Row = tuple[int, int, int, int, int, int, int, int]
"""Header offset, stored bytes, full bytes, method, flags, CRC-32, where the directory says so, name bytes."""


@dataclass(frozen=True, slots=True)
class ZipRecord:
    """One file inside the archive; offsets are bytes from the start of the archive."""

    name: str
    header_offset: int
    stored: int
    size: int
    method: int
    flags: int
    crc: int
    central_offset: int
    name_bytes: int


@dataclass(frozen=True, slots=True)
class ZipDirectory:
    """What an archive says it holds.

    Attributes
    ----------
    file
        The archive.
    rows
        By record name, in the order of the directory.
    start
        Where the directory begins.
    """

    file: SourceFile
    rows: dict[str, Row]
    start: int

    def __contains__(self, name: str) -> bool:
        return name in self.rows

    def record(self, name: str) -> ZipRecord:
        """Return one record; KeyError where there is none."""
        return ZipRecord(name, *self.rows[name])

    def data_offset(self, record: ZipRecord) -> int:
        """Return where the bytes of a record begin, out of the header in front of them.

        Raises
        ------
        CheckpointError
            If that header is not what the directory says.
        """
        raw = self.file.read(record.header_offset, LOCAL.size + record.name_bytes)
        signature, _, _, method, _, _, _, _, _, name_bytes, extra_bytes = LOCAL.unpack_from(raw)
        at: int = record.header_offset + LOCAL.size + name_bytes + extra_bytes
        name = raw[LOCAL.size :]
        same = signature == b"PK\3\4" and method == record.method and name_bytes == record.name_bytes
        if not same or _text(name, record.flags) != record.name or at + record.stored > self.start:
            raise wrong(self.file, f"is damaged: the header of record {record.name} is not what the directory says.",
                        record.name)  # fmt: skip
        return at


def wrong(file: SourceFile, what: str, place: str | None = None) -> CheckpointError:
    """Return the error about one archive."""
    return CheckpointError(f"{file.name} {with_remedy(what)}", file=file.path, place=place)


def is_zip(head: bytes) -> bool:
    """Whether a file begins as a zip archive does."""
    return head[:4] in (b"PK\3\4", b"PK\5\6")


def read_directory(file: SourceFile, ask: Ask = unasked) -> ZipDirectory:
    """Read and check the directory at the end of the archive; `ask` is called about every thousand records.

    Raises
    ------
    CheckpointError
        If it is missing or does not fit the file.
    """
    count, size, start, end = _find_end(file)
    if start + size > end:
        raise wrong(file, f"is damaged: its directory of {size:,} bytes at {start:,} does not fit the file.")
    if start + size < end:  # some readers take the place where it says it is, others count back from its end
        raise wrong(file, f"is damaged: its directory of {size:,} bytes at {start:,} does not reach byte {end:,}, its "
                          "end.")  # fmt: skip
    if count * CENTRAL.size > size:
        raise wrong(file, f"is damaged: its directory of {size:,} bytes cannot hold {count:,} records.")
    rows = _read_rows(file, file.read(start, size), count, start, ask)
    _check_spans(file, rows, start, ask)
    return ZipDirectory(file, rows, start)


def _find_end(file: SourceFile) -> tuple[int, int, int, int]:
    """Return records, size and start of the directory, and where what ends it begins."""
    tail_size = min(file.size, END.size + MAX16)
    tail = file.read(file.size - tail_size, tail_size)
    at = tail_size - END.size
    while at >= 0:
        at = tail.rfind(b"PK\5\6", 0, at + 4)
        if at < 0:
            break
        _, disk, first, here, count, size, start, comment = END.unpack_from(tail, at)
        if at + END.size + comment == tail_size:
            break
        at -= 1
    if at < 0:
        raise wrong(file, f"is cut short or damaged: the directory that ends a zip archive is missing from its "
                          f"{file.size:,} bytes.")  # fmt: skip
    end = file.size - tail_size + at
    if MAX16 in (disk, here, count) or MAX32 in (size, start):
        return _find_end64(file, end, (disk, first, here, count, size, start))
    if disk or first or here != count:
        raise wrong(file, "is one part of an archive of several files, which weightedit does not read.")
    if _has_end64(file, end):  # torch writes both, even where one is enough
        return _find_end64(file, end, (disk, first, here, count, size, start))
    return count, size, start, end


def _has_end64(file: SourceFile, end: int) -> bool:
    return end >= LOCATOR64.size and file.read(end - LOCATOR64.size, 4) == b"PK\6\7"


def _find_end64(file: SourceFile, end: int, small: tuple[int, ...]) -> tuple[int, int, int, int]:
    if not _has_end64(file, end):
        disk, first, here, count, size, start = small
        if disk or first or here != count:
            raise wrong(file, "is damaged: its zip64 directory is missing.")
        return count, size, start, end
    _, disk, at, disks = LOCATOR64.unpack(file.read(end - LOCATOR64.size, LOCATOR64.size))
    if disk or disks > 1 or at + END64.size > end - LOCATOR64.size:
        raise wrong(file, "is damaged: its zip64 directory lies outside the file.")
    signature, _, _, _, disk, first, here, count, size, start = END64.unpack(file.read(at, END64.size))
    if signature != b"PK\6\6" or disk or first or here != count:
        raise wrong(file, "is damaged: its zip64 directory is not where it should be.")
    narrow = zip(small, (disk, first, here, count, size, start), (MAX16,) * 4 + (MAX32,) * 2, strict=True)
    if any(said not in (limit, meant) for said, meant, limit in narrow):
        raise wrong(file, "is damaged: its two directories contradict each other.")
    return count, size, start, at


def _read_rows(file: SourceFile, raw: bytes, count: int, start: int, ask: Ask) -> dict[str, Row]:
    rows: dict[str, Row] = {}
    at, fixed, unpack = 0, CENTRAL.size, CENTRAL.unpack_from
    for number in range(count):
        if not number % OFTEN:
            ask()
        if at + fixed > len(raw):
            raise wrong(file, f"is damaged: its directory ends after {len(rows):,} of {count:,} records.")
        (signature, _, _, flags, method, _, _, crc, stored, size, name_bytes, extra, comment, disk, _, _,
         offset) = unpack(raw, at)  # fmt: skip
        after = at + fixed + name_bytes
        if signature != b"PK\1\2" or after + extra + comment > len(raw):
            raise wrong(file, f"is damaged: record {len(rows) + 1:,} of its directory is not readable.")
        name = _text(raw[at + fixed : after], flags)
        if offset == MAX32 or stored == MAX32 or size == MAX32 or disk == MAX16:
            size, stored, offset = _zip64(file, name, raw[after : after + extra], size, stored, offset)
        if name in rows:
            raise wrong(file, f"holds the record {name} twice.", name)
        rows[name] = (offset, stored, size, method, flags, crc, start + at, name_bytes)
        at = after + extra + comment
    if "\0" in "".join(rows):
        name = next(name for name in rows if "\0" in name)
        raise wrong(file, f"is damaged: the name of record {name} has a zero byte in it, where others end it.", name)
    if at != len(raw):
        raise wrong(file, f"is damaged: its directory holds more than the {count:,} records it counts.")
    return rows


def _text(raw: bytes, flags: int) -> str:
    return raw.decode("utf-8" if flags & _UTF8 else "cp437", "backslashreplace")


def _zip64(file: SourceFile, name: str, extra: bytes, *small: int) -> tuple[int, int, int]:
    """Return full size, stored size and offset, those that did not fit taken from the zip64 field."""
    at = 0
    wide: bytes = b""
    while at + 4 <= len(extra):
        tag, length = struct.unpack_from("<HH", extra, at)
        if tag == 1:
            wide = extra[at + 4 : at + 4 + length]
            break
        at += 4 + length
    numbers = list(struct.unpack(f"<{len(wide) // 8}Q", wide[: len(wide) // 8 * 8]))
    try:
        full = [numbers.pop(0) if value == MAX32 else value for value in small]
    except IndexError:
        raise wrong(file, f"is damaged: record {name} has no zip64 sizes.", name) from None
    return full[0], full[1], full[2]


def _check_spans(file: SourceFile, rows: dict[str, Row], start: int, ask: Ask) -> None:
    """Raise unless every record lies before the directory and none reaches into the next."""
    spans = sorted((row[0], row[0] + LOCAL.size + row[7] + row[1], name) for name, row in rows.items())
    end, before = 0, ""
    for number, (offset, stop, name) in enumerate(spans):
        if not number % OFTEN:
            ask()
        if offset < end:
            raise wrong(file, f"is damaged: records {before} and {name} overlap.", name)
        end, before = stop, name
    if end > start:
        raise wrong(file, f"is cut short: record {before} reaches byte {end:,}, its directory begins at {start:,}.",
                    before)  # fmt: skip


def check_readable(file: SourceFile, record: ZipRecord) -> None:
    """Raise unless the record is stored or deflated, not encrypted, and its sizes are possible."""
    if record.flags & _ENCRYPTED:
        raise wrong(file, f"holds the encrypted record {record.name}.", record.name)
    if record.method not in (STORED, DEFLATED):
        raise wrong(file, f"holds the record {record.name}, compressed by method {record.method}, "
                          "which weightedit does not read.", record.name)  # fmt: skip
    if record.method == STORED and record.stored != record.size:
        raise wrong(file, f"is damaged: record {record.name} is stored in {record.stored:,} bytes and says it has "
                          f"{record.size:,}.", record.name)  # fmt: skip
    if record.method == DEFLATED and record.size > record.stored * _MOST_INFLATION + 64:
        raise wrong(file, f"is damaged: {record.stored:,} bytes of record {record.name} cannot hold the "
                          f"{record.size:,} it promises.", record.name)  # fmt: skip
