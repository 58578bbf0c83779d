"""Records of a zip archive as byte ranges: where they begin is looked up, and inflated, when first read."""

from __future__ import annotations

import threading
import zlib

from weightedit.core.errors import CheckpointError
from weightedit.core.source import ByteSource, Source, SourceFile
from weightedit.core.storage import Resident
from weightedit.core.undo.spill import Spill
from weightedit.formats.zip_directory import DEFLATED, STORED, ZipDirectory, ZipRecord, check_readable, wrong

_CHUNK = 1 << 20
_SPILL = Spill()


class RecordSource(Source):
    """A stored record: a range of the archive whose start the header in front of it tells.

    Looking it up costs a read, which 20,000 records spare until someone wants their values.
    """

    __slots__ = ("_directory", "_start", "record")

    def __init__(self, directory: ZipDirectory, record: ZipRecord) -> None:
        self.file = directory.file
        self.nbytes = record.size
        self.record = record
        self._directory = directory
        self._start: int | None = None

    @property
    def offset(self) -> int:  # type: ignore[override]
        """Where the bytes begin in the archive."""
        if self._start is None:
            self._start = self._directory.data_offset(self.record)
        return self._start


class VerifiedSource(RecordSource):
    """A stored record whose CRC-32 is checked once, before any byte of it is given out, as numpy does."""

    __slots__ = ("_is_verified", "_lock")

    def __init__(self, directory: ZipDirectory, record: ZipRecord) -> None:
        super().__init__(directory, record)
        self._is_verified = False
        self._lock = threading.Lock()

    def read_into(self, buffer: memoryview, offset: int = 0) -> None:
        """Fill `buffer` with the bytes from `offset` on.

        Raises
        ------
        CheckpointError
            If the whole record is not what the archive's directory promises.
        """
        if not self._is_verified:
            with self._lock:
                if not self._is_verified:
                    self._verify()
                    self._is_verified = True
        super().read_into(buffer, offset)

    def _verify(self) -> None:
        room, crc = memoryview(bytearray(min(_CHUNK, self.nbytes))), 0
        for start in range(0, self.nbytes, _CHUNK):
            piece = room[: min(_CHUNK, self.nbytes - start)]
            super().read_into(piece, start)
            crc = zlib.crc32(piece, crc)
        if crc != self.record.crc:
            raise wrong(self.file, f"is damaged: the {self.nbytes:,} bytes of record {self.record.name} are not those "
                                   "it promises.", self.record.name)  # fmt: skip


class InflatedSource:
    """A deflated record, inflated whole at the first read, counted while it grows."""

    __slots__ = ("_directory", "_inflated", "_lock", "nbytes", "record")

    def __init__(self, directory: ZipDirectory, record: ZipRecord) -> None:
        self.nbytes = record.size
        self.record = record
        self._directory = directory
        self._inflated: Resident | None = None
        self._lock = threading.Lock()

    def read_into(self, buffer: memoryview, offset: int = 0) -> None:
        """Fill `buffer` with the inflated bytes from `offset` on.

        They are our own once they were inflated, and are given out only while the file is what was opened, so that
        what another program did to it is noticed here as anywhere else.
        """
        with self._lock:
            if self._inflated is None:
                self._inflated = Resident(inflate(self._directory, self.record, _SPILL.allocate(self.nbytes)))
        self._directory.file.check()
        self._inflated.read_into(buffer, offset)

    def reads(self, start: int, stop: int) -> SourceFile | None:
        """Return the archive."""
        return self._directory.file if stop > start else None


def inflate(directory: ZipDirectory, record: ZipRecord, buffer: memoryview) -> memoryview:
    """Inflate a record into a buffer of exactly its size and check its CRC-32."""
    file, name = directory.file, record.name
    source = Source(file, directory.data_offset(record), record.stored)
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    raw = memoryview(bytearray(min(_CHUNK, record.stored)))
    done = taken = crc = 0
    try:
        while not inflater.eof and (taken < record.stored or inflater.unconsumed_tail):
            pending = inflater.unconsumed_tail
            if not pending:
                piece = raw[: min(_CHUNK, record.stored - taken)]
                source.read_into(piece, taken)
                taken += len(piece)
                pending = bytes(piece)
            data = inflater.decompress(pending, _CHUNK)
            if done + len(data) > record.size:
                raise wrong(file, f"is damaged: record {name} holds more than the {record.size:,} bytes it promises.",
                            name)  # fmt: skip
            buffer[done : done + len(data)] = data
            crc = zlib.crc32(data, crc)
            done += len(data)
    except zlib.error as error:
        raise wrong(file, f"is damaged: record {name} cannot be inflated.", name) from error
    if done != record.size or crc != record.crc:
        raise wrong(file, f"is damaged: record {name} inflates to {done:,} bytes that are not those it promises.", name)
    return buffer


def first_bytes(directory: ZipDirectory, record: ZipRecord, most: int) -> bytes:
    """Return up to `most` of the first bytes of a record, however long it is."""
    start = directory.data_offset(record)
    if record.method == STORED:
        return directory.file.read(start, min(most, record.size))
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        return inflater.decompress(directory.file.read(start, min(most + 1024, record.stored)), most)
    except zlib.error as error:
        raise wrong(directory.file, f"is damaged: record {record.name} cannot be inflated.", record.name) from error


def record_size(directory: ZipDirectory, name: str) -> int:
    """Return how many bytes a record has, inflated.

    Raises
    ------
    CheckpointError
        If there is no such record, or it is encrypted or otherwise unreadable.
    """
    row = directory.rows.get(name)
    if row is None:
        raise CheckpointError(f"{directory.file.name} lacks the record {name}.", file=directory.file.path, place=name)
    if row[3] != STORED or row[1] != row[2] or row[4] & 1:
        check_readable(directory.file, directory.record(name))
    return row[2]


def record_source(directory: ZipDirectory, name: str) -> ByteSource:
    """Return the bytes of one record; raises what `record_size` does."""
    record_size(directory, name)
    record = directory.record(name)
    return InflatedSource(directory, record) if record.method == DEFLATED else RecordSource(directory, record)


def verified_source(directory: ZipDirectory, name: str) -> ByteSource:
    """Return the bytes of one record, whose CRC-32 is checked at the first read; raises what `record_size` does."""
    source = record_source(directory, name)
    return VerifiedSource(directory, source.record) if isinstance(source, RecordSource) else source


def read_record(directory: ZipDirectory, name: str) -> bytes:
    """Return a whole record; for the pickles and small texts, never for tensors."""
    source = record_source(directory, name)
    try:
        buffer = bytearray(source.nbytes)
    except MemoryError as error:
        raise wrong(directory.file, f"holds the record {name} of {source.nbytes:,} bytes, too large for memory.",
                    name) from error  # fmt: skip
    source.read_into(memoryview(buffer))
    return bytes(buffer)
