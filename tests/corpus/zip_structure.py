"""Torch checkpoints whose zip archive lies about its records, and honest archives of unusual make."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

from tests.corpus.building import bad_files, written
from tests.corpus.case import Family, Opens, Refused, raw
from tests.corpus.zips import DEFLATED, PREFIX, Record, W, archive, checkpoint, parts, with_record

FAMILY = Family("zip structure")
SEEN = {"w": raw("float32", (2, 3), W)}
BIG = 0xFFFFFFFF
KEY = f"{PREFIX}data/0"


def wide(*numbers: int) -> bytes:
    """The zip64 field of a record."""
    return struct.pack(f"<HH{len(numbers)}Q", 1, 8 * len(numbers), *numbers)


def bomb() -> Record:
    """30 MB of zeros, deflated, that promise to be 24 bytes."""
    return Record(KEY, bytes(30 << 20), DEFLATED, central={"size": 24}, local={"size": 24})


def quoted_overlap(count: int) -> bytes:
    """Many records that all inflate the same bytes, by quoting the headers between them."""
    kernel = Record(KEY, bytes(1 << 20), DEFLATED)
    data = kernel.stored
    out, listed = b"", b""
    for i in range(count):
        name = f"{PREFIX}data/{i}".encode()
        local = struct.pack("<4sHHHHHLLLHH", b"PK\3\4", 20, 0, 8, 0, 33, 0, len(data), 1 << 20, len(name), 0) + name
        listed += (
            struct.pack(
                "<4sHHHHHHLLLHHHHHLL",
                b"PK\1\2",
                20,
                20,
                0,
                8,
                0,
                33,
                0,
                len(data) + 40,
                1 << 20,
                len(name),
                0,
                0,
                0,
                0,
                0,
                len(out),
            )
            + name
        )
        out += local
    out += data
    return out + listed + struct.pack("<4sHHHHLLH", b"PK\5\6", 0, 0, count, count, len(listed), len(out), 0)


def twice() -> list[Record]:
    return [*parts(), Record(KEY, bytes(24))]


def other(index: int, *, local: dict | None = None, central: dict | None = None) -> bytes:
    return with_record(index, local=local or {}, central=central or {})


SOUND = checkpoint()
bad_files(
    FAMILY,
    {
        # its end
        "cut before its directory": (SOUND[:300], "the directory that ends a zip archive is missing"),
        "cut within its directory": (SOUND[:-60], "the directory that ends a zip archive is missing"),
        "cut by one byte": (SOUND[:-1], "the directory that ends a zip archive is missing"),
        "only a local signature": (b"PK\3\4", "the directory that ends a zip archive is missing"),
        "an empty archive": (archive(), "is a zip archive without data.pkl"),
        "only the end of one, cut": (archive()[:-4], "the directory that ends a zip archive is missing"),
        "bytes behind the end": (SOUND + b"more", "the directory that ends a zip archive is missing"),
        "70,000 bytes behind the end": (SOUND + bytes(70_000), "the directory that ends a zip archive is missing"),
        "a comment shorter than said": (archive(*parts(), comment=b"ab", end={"comment": 200}), "is missing"),
        "a comment longer than said": (archive(*parts(), comment=b"abcdef", end={"comment": 2}), "is missing"),
        "more records than the directory holds": (archive(*parts(), end={"count": 5, "here": 5}), "is damaged"),
        "60,000 records in a short directory": (
            archive(*parts(), end={"count": 60_000, "here": 60_000}),
            "cannot hold",
        ),
        "fewer records than the directory holds": (archive(*parts(), end={"count": 3, "here": 3}), "is damaged"),
        "counts that differ": (archive(*parts(), end={"here": 3}), "is one part of an archive of several"),
        "another disk": (archive(*parts(), end={"disk": 1}), "is one part of an archive of several"),
        "the directory past the file": (archive(*parts(), end={"start": 1 << 20}), "does not fit the file"),
        "the directory one byte on": (archive(*parts(), end={"start": len(SOUND) - 22 - 200}), "is damaged"),
        "a directory of 4 GB": (archive(*parts(), end={"size": BIG - 1}), "does not fit the file"),
        "a directory of no bytes": (archive(*parts(), end={"size": 0}), "its directory of 0 bytes"),
        "a directory of other bytes": (archive(*parts(), directory=b"x" * 300), "is damaged"),
        "a directory cut within a name": (archive(*parts(), end={"size": 60, "count": 1, "here": 1}), "is damaged"),
        "a script before it": (archive(*parts(), prefix=b"#!/bin/sh\ntouch tripped\nexit\n"), "is no checkpoint"),
        "a program before it": (archive(*parts(), prefix=b"MZ" + bytes(510)), "is a Windows program"),
        "one byte before it": (archive(*parts(), prefix=b"\0"), "is no checkpoint"),
        # zip64
        "zip64 promised and missing": (archive(*parts(), end={"start": BIG}), "is damaged"),
        "zip64 at another place": (archive(*parts(), end64={"at": 40}), "is not where it should be"),
        "zip64 past the file": (archive(*parts(), end64={"at": 1 << 60}), "lies outside the file"),
        "zip64 that wraps": (archive(*parts(), end64={"at": (1 << 64) - 8}), "lies outside the file"),
        "zip64 of another signature": (archive(*parts(), end64={"signature": b"PK\6\5"}), "is not where it should be"),
        "zip64 of several disks": (archive(*parts(), end64={"disks": 3}), "is damaged"),
        "zip64 with another count": (archive(*parts(), end64={"count": 2, "here": 2}), "contradict each other"),
        "zip64 with another start": (archive(*parts(), end64={"start": 0}), "contradict each other"),
        "zip64 of 2^60 records": (
            archive(*parts(), end={"count": 0xFFFF, "here": 0xFFFF}, end64={"count": 1 << 60, "here": 1 << 60}),
            "cannot hold",
        ),
        "zip64 with a directory that wraps": (
            archive(*parts(), end={"start": BIG, "size": BIG}, end64={"start": (1 << 64) - 100, "size": 100}),
            "does not fit",
        ),
        # records
        "a record twice": (archive(*twice()), f"holds the record {KEY} twice"),
        "the pickle twice": (archive(*parts(), Record(f"{PREFIX}data.pkl", b"\x80\2}.")), "twice"),
        "two checkpoints in one archive": (archive(*parts(), *parts(prefix="other/")), "several data.pkl"),
        "no data.pkl": (archive(*parts()[1:]), "without data.pkl"),
        "a data.pkl that is a folder": (archive(Record("archive/data.pkl/x", b"")), "without data.pkl"),
        "no storage": (archive(*parts()[:2]), f"lacks the record {KEY}"),
        "a storage by a path up": (
            archive(*parts()[:2], Record("archive/data/../data/0", W)),
            f"lacks the record {KEY}",
        ),
        "records that overlap": (other(2, central={"offset": 10}), "overlap"),
        "a record at another's place": (other(2, central={"offset": 0}), "overlap"),
        "a record in the directory": (other(2, central={"offset": len(SOUND) - 60}), "is cut short"),
        "a record past the file": (other(2, central={"offset": BIG - 1}), "is cut short"),
        "a record longer than the file": (other(2, central={"stored": 1 << 30, "size": 1 << 30}), "overlap"),
        "a last record longer than the file": (other(3, central={"stored": 1 << 30, "size": 1 << 30}), "is cut short"),
        "a record whose zip64 field is missing": (other(2, central={"size": BIG}), "has no zip64 sizes"),
        "a record whose zip64 field is short": (
            other(2, central={"size": BIG, "stored": BIG, "extra": wide(24)}),
            "has no zip64 sizes",
        ),
        "a record of 2^63 bytes": (other(2, central={"size": BIG, "extra": wide(1 << 63)}), "is stored in 24 bytes"),
        "a record whose sizes wrap": (
            other(2, central={"size": BIG, "stored": BIG, "extra": wide(*[(1 << 64) - 24] * 2)}),
            "overlap",
        ),
        "an offset that wraps": (other(2, central={"offset": BIG, "extra": wide((1 << 64) - 100)}), "is cut short"),
        "a stored record of two sizes": (other(2, central={"size": 240}), "is stored in 24 bytes and says it has 240"),
        "an encrypted storage": (with_record(2, flags=1), "encrypted"),
        "an encrypted pickle": (with_record(0, flags=1), "encrypted"),
        "a strongly encrypted storage": (with_record(2, flags=65), "encrypted"),
        "compressed by a method of tomorrow": (with_record(2, method=97), "compressed by method 97"),
        "compressed by Zstandard": (with_record(2, method=93), "compressed by method 93"),
        "a pickle compressed by bzip2": (with_record(0, method=12), "compressed by method 12"),
        "extra fields past the directory": (other(3, central={"extra_length": 5000}), "is damaged"),
        "a name past the directory": (other(3, central={"name_length": 60_000}), "is damaged"),
        "another signature in the directory": (other(2, central={"signature": b"PK\1\3"}), "is damaged"),
        "4 GB promised of a few deflated bytes": (
            with_record(2, method=DEFLATED, central={"size": BIG - 1}),
            "cannot hold",
        ),
        "a quoted overlap bomb": (quoted_overlap(200), "overlap"),
        "a storage shorter than its tensor": (with_record(2, data=W[:-1]), "should have 24 bytes and has 23"),
        "an empty storage": (with_record(2, data=b""), "should have 24 bytes and has 0"),
        "a local header of the pickle that is none": (other(0, local={"signature": b"PK\3\5"}), "is no checkpoint"),
        "a local header of another name for the pickle": (
            other(0, local={"name": b"archive/data.pkX"}),
            "is not what the directory says",
        ),
        "a pickle deflated in one header only": (other(0, local={"method": 8}), "is not what the directory says"),
        "a pickle whose checksum is wrong, deflated": (
            with_record(0, method=DEFLATED, central={"crc": 1}),
            "not those it promises",
        ),
        "a pickle that inflates to more": (with_record(0, method=DEFLATED, central={"size": 40}), "holds more than"),
        "a pickle that inflates to less": (with_record(0, method=DEFLATED, central={"size": 400}), "inflates to"),
        "a pickle that does not inflate": (with_record(0, method=DEFLATED, raw=b"\xff" * 60), "cannot be inflated"),
        "a pickle bomb": (archive(Record("archive/data.pkl", bytes(30 << 20), DEFLATED), *parts()[1:]), "pickle"),
        "no pickle but text": (with_record(0, data=b"hello"), "pickle"),
        "byteorder big": (with_record(1, data=b"big"), "big-endian"),
        "byteorder middle": (with_record(1, data=b"middle"), "neither little nor big"),
        "byteorder empty": (with_record(1, data=b""), "neither little nor big"),
    },
    "model.pt",
)

for _name, _data, _words in (
    (
        "a local header of the storage that is none",
        other(2, local={"signature": b"PK\3\5"}),
        "is not what the directory says",
    ),
    ("a local header of another name", other(2, local={"name": b"archive/data/1"}), "is not what the directory says"),
    (
        "a local header with a longer name",
        other(2, local={"name": b"archive/data/0x"}),
        "is not what the directory says",
    ),
    ("a local header of another method", other(2, local={"method": 8}), "is not what the directory says"),
    (
        "a local header with extra bytes past the directory",
        SOUND.replace(b"\x0e\0\0\0archive/data/0", b"\x0e\0\xff\xffarchive/data/0", 1),
        "is not what the directory says",
    ),
    ("a deflated bomb", archive(*parts()[:2], bomb()), "holds more than the 24 bytes it promises"),
    ("deflated bytes that are none", with_record(2, method=DEFLATED, raw=b"\xff" * 24), "cannot be inflated"),
    (
        "deflated bytes cut short",
        with_record(2, method=DEFLATED, raw=Record("x", W * 9, DEFLATED).stored[:-4]),
        "is damaged",
    ),
    (
        "a deflated storage with the wrong checksum",
        with_record(2, method=DEFLATED, central={"crc": 7}),
        "not those it promises",
    ),
):
    FAMILY.add(_name, written(_data, "model.pt"), Refused(_words, "read"))


def odd(name: str, data: bytes, file: str = "model.pt", tensors: dict | None = None) -> None:
    def make(folder: Path) -> tuple[Path, Opens]:
        (folder / file).write_bytes(data)
        return folder / file, Opens(SEEN if tensors is None else tensors, {})

    FAMILY.add(name, make)


def with_descriptors(signature: bytes) -> bytes:
    """As streaming writers do: sizes behind the data, and zeros in front of it."""
    records = parts()
    for record in records:
        record.flags = 8
        record.local = {"crc": 0, "stored": 0, "size": 0}
        record.descriptor = signature + struct.pack("<LLL", zlib.crc32(record.data), len(record.data), len(record.data))
    return archive(*records)


def every(**changes: object) -> bytes:
    records = parts()
    for record in records:
        for key, value in changes.items():
            setattr(record, key, value)
    return archive(*records)


odd("made field by field", SOUND)
odd("no byteorder and no version", archive(*(record for record in parts() if "data" in str(record.name))))
odd("storages before the pickle", archive(*reversed(parts())))
odd("deflated", every(method=DEFLATED))
odd("data descriptors", with_descriptors(b"PK\7\x08"))
odd("data descriptors without a signature", with_descriptors(b""))
odd("a comment", archive(*parts(), comment=b"hello"))
odd("the longest comment", archive(*parts(), comment=b"x" * 65_535))
odd("a comment that looks like an end", archive(*parts(), comment=b"PK\5\6" + bytes(14)))
odd("a comment with an end inside", archive(*parts(), comment=b"a" + archive() + b"b"))
odd("zip64 where it is not needed", archive(*parts(), end64={}))
odd(
    "zip64 and an end of nothing but ones",
    archive(*parts(), end64={}, end={"disk": 0xFFFF, "here": 0xFFFF, "count": 0xFFFF, "size": BIG, "start": BIG}),
)
odd("zip64 sizes of a record", other(2, central={"size": BIG, "stored": BIG, "extra": wide(24, 24)}))
odd("zip64 behind another field", other(2, central={"size": BIG, "extra": b"\xca\xfe\4\0abcd" + wide(24)}))
odd("extra bytes that align", every(local={"extra": b"FB\x14\0" + b"Z" * 20}))
odd("extra fields of time", every(central={"extra": b"UT\5\0\3abcd"}))
odd("comments of records", every(central={"comment": b"a comment"}))
odd("bytes between records", archive(parts()[0], *(Record(r.name, r.data, before=b"padding") for r in parts()[1:])))
odd("bytes before the directory", archive(*parts(), gap=bytes(1000)))
odd("records the directory does not list", archive(*parts(), Record("ghost", b"x", listed=False)))
odd("no folder", archive(*parts(prefix="")))
odd("a deep folder", archive(*parts(prefix="a/b/c/")))
odd("a folder with spaces and accents", archive(*(parts(prefix="modèle 1 (copie)/"))), "modèle 1.pt")
odd(
    "a folder whose name is no UTF-8",
    archive(
        *[
            Record(str(record.name).replace("archive", "x").encode().replace(b"x", b"\x81", 1), record.data)
            for record in parts()
        ]
    ),
)
odd(
    "more files beside the checkpoint",
    archive(*parts(), Record("archive/extra/code.py", b"1/0"), Record("../up", b"x")),
)
odd("a serialization id", archive(*parts(), Record("archive/.data/serialization_id", b"0123456789")))
odd(
    "an alignment record",
    archive(*parts(), Record("archive/.format_version", b"1"), Record("archive/.storage_alignment", b"64")),
)
odd("a folder record", archive(Record("archive/", b""), *parts()))
odd("named .safetensors", SOUND, "model.safetensors")
odd("a storage longer than its tensor", with_record(2, data=W + b"more than needed"))
odd("little-endian with a line break", with_record(1, data=b"little\n"))
odd("method by both, stored empty", archive(*parts(), Record("archive/empty", b"", DEFLATED, raw=b"\3\0")))
