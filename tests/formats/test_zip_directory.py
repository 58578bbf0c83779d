"""The zip directory is what Python's zipfile reads, and a damaged one is refused."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from weightedit.core.errors import CheckpointError
from weightedit.core.source import SourceFile
from weightedit.core.transaction import Transaction
from weightedit.formats.zip_directory import CENTRAL, END, read_directory
from weightedit.formats.zip_source import read_record
from weightedit.formats.zip_writer import ZipWriter


def assert_as_zipfile_reads(path: Path) -> None:
    directory = read_directory(SourceFile(path))
    with zipfile.ZipFile(path) as archive:
        assert list(directory.rows) == archive.namelist()
        for info in archive.infolist():
            record = directory.record(info.filename)
            assert (record.size, record.stored, record.crc, record.method, record.header_offset) == (
                info.file_size, info.compress_size, info.CRC, info.compress_type, info.header_offset)  # fmt: skip
            assert read_record(directory, info.filename) == archive.read(info)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("comment", [b"", b"a comment"])
def test_as_zipfile_reads(method, comment, tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("größe/data.pkl", b"a" * 100_000)
        archive.writestr("empty", b"")
        archive.comment = comment
        with archive.open("wide", "w", force_zip64=True) as file:
            file.write(b"12345")
    assert_as_zipfile_reads(path)


def test_a_comment_that_looks_like_the_end_is_none(tmp_path):
    data = make(tmp_path / "a.zip")
    comment = b"PK\5\6" + bytes(40)  # zipfile takes this for an archive with nothing in it
    data[-2:] = struct.pack("<H", len(comment))
    (tmp_path / "a.zip").write_bytes(data + comment)
    assert list(read_directory(SourceFile(tmp_path / "a.zip")).rows) == ["a", "b"]


def test_as_zipfile_reads_what_torch_writes(tmp_path, real_checkpoint):
    torch.save({str(i): torch.ones(3) for i in range(100)}, tmp_path / "a.pt")
    assert_as_zipfile_reads(tmp_path / "a.pt")
    assert_as_zipfile_reads(real_checkpoint("silero_vad/data/silero_vad.jit"))


def test_many_records_need_zip64(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for index in range(66_000):
            archive.writestr(zipfile.ZipInfo(str(index)), b"")
    directory = read_directory(SourceFile(path))
    assert len(directory.rows) == 66_000


def make(path: Path, method: int = zipfile.ZIP_STORED) -> bytearray:
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("a", b"x" * 1000)
        archive.writestr("b", b"y" * 1000)
    return bytearray(path.read_bytes())


def central(data: bytearray, number: int) -> int:
    at = -1
    for _ in range(number + 1):
        at = data.index(b"PK\1\2", at + 1)
    return at


def refuse(path: Path, data: bytearray, word: str, *, read: str = "") -> None:
    path.write_bytes(data)
    with pytest.raises(CheckpointError, match=word):
        read_record(read_directory(SourceFile(path)), read or "a")


def test_damage_is_named(tmp_path):
    path = tmp_path / "a.zip"
    data = make(path)
    refuse(path, data[:-30], "cut short")
    for field, value, word in [(42, 0, "overlap"), (42, 1 << 30, "cut short"), (20, 1 << 30, "overlap|cut short"),
                               (0, 0, "not readable")]:  # fmt: skip
        broken = data.copy()
        struct.pack_into("<L", broken, central(data, 1) + field, value)
        refuse(path, broken, word)
    broken = data.copy()
    broken[central(data, 1) + CENTRAL.size] = ord("a")
    refuse(path, broken, "twice")
    broken = data.copy()
    broken[26] = 200  # the name in the header in front of the first record
    refuse(path, broken, "not what the directory says")
    broken = data.copy()
    broken[central(data, 0) + 8] |= 1
    refuse(path, broken, "encrypted")
    broken = data.copy()
    broken[central(data, 0) + 10] = 12
    refuse(path, broken, "method 12")
    broken = data.copy()
    struct.pack_into("<H", broken, len(data) - END.size + 10, 1)
    refuse(path, broken, "several files|contradict")
    refuse(path, data, "lacks the record c", read="c")


def test_a_bomb_is_not_inflated(tmp_path):
    path = tmp_path / "a.zip"
    data = make(path, zipfile.ZIP_DEFLATED)
    at = central(data, 0)
    for size, word in [(1 << 31, "cannot hold"), (900, "more than the 900"), (1100, "not those it promises")]:
        broken = data.copy()
        struct.pack_into("<L", broken, at + 24, size)
        refuse(path, broken, word)
    broken = data.copy()
    struct.pack_into("<L", broken, at + 16, 1)
    refuse(path, broken, "not those it promises")


@given(st.data())
def test_damaged_archives_read_or_are_refused(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("fuzz") / "a.zip"
    raw = make(path, data.draw(st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])))
    start = data.draw(st.sampled_from([0, central(raw, 0), len(raw) - END.size]))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(start, min(len(raw) - 1, start + 60)))] = data.draw(st.integers(0, 255))
    path.write_bytes(raw)
    try:
        directory = read_directory(SourceFile(path))
        for name in directory.rows:
            read_record(directory, name)
    except CheckpointError:
        return


def test_what_is_written_reads_in_zipfile(tmp_path):
    with Transaction() as transaction:
        pending = transaction.create(tmp_path / "a.zip", 0)
        writer = ZipWriter(pending)
        for index in range(66_000):
            writer.add(f"größe/{index}", 1, [b"x"])
        writer.add("large", 3 << 20, [bytes(1 << 20)] * 3)
        writer.close()
        transaction.commit()
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert len(archive.namelist()) == 66_001
        assert archive.read("größe/65999") == b"x"
        assert archive.read("large") == bytes(3 << 20)
        assert archive.infolist()[-1].header_offset < archive.start_dir
    directory = read_directory(SourceFile(tmp_path / "a.zip"))
    assert len(directory.rows) == 66_001
    assert directory.data_offset(directory.record("large")) % 64 == 0
