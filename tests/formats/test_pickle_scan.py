"""A pickle that asks for memory it has no use for is refused before it is read, and no other one is."""

from __future__ import annotations

import io
import pickle
import pickletools
import struct
import zipfile
from collections import OrderedDict
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import weightedit
from tests.formats.test_torch_zip_open import replaced_pickle, saved
from weightedit.formats import pickle_scan
from weightedit.formats.pickle_budget import Unreadable
from weightedit.formats.pickle_scan import guarded

VALUES: list[Any] = [
    {"a": [1, 300, 70000, -5, 1 << 40, 1 << 3000, 1.5, None, True]}, OrderedDict(x=(1, 2, 3, 4), y={1}),
    "ä" * 300, b"r" * 300, bytearray(b"p" * 300), [str(number) for number in range(1000)], range(3), 1j, print,
    frozenset([2]),
]  # fmt: skip


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("value", VALUES, ids=range(len(VALUES)))
def test_every_opcode_is_stepped_over(value, protocol, monkeypatch):
    data = pickle.dumps(value, protocol)
    guarded(data)
    at = next(place for op, _, place in pickletools.genops(data) if op.name == "STOP")
    hostile = data[:at] + b"r\xff\xff\xff\xff."
    with pytest.raises(Unreadable, match="4,294,967,295"):  # so it got as far as the end
        guarded(hostile)


def test_the_tables_are_those_of_pickletools():
    sized = {op.code.encode("latin1") for op in pickletools.opcodes if op.arg is not None and op.arg.n < -1}
    assert set(pickle_scan._SIZED) == sized
    for op in pickletools.opcodes:
        code = op.code.encode("latin1")
        count = op.arg.n if op.arg is not None else 0
        looked_at = {*pickle_scan.PUTTING, *sized, b"\x95", b"\x97", b"\x98", b"."}
        if code in looked_at:
            continue
        data = code + (bytes(count) if count >= 0 else b"0\n0\n" if op.name in ("GLOBAL", "INST") else b"0\n")
        match = pickle_scan._RUN.match(data + b".")
        assert match is not None
        assert match.end() == len(data), op.name


def test_a_file_with_a_huge_memo_index_is_refused(tmp_path):
    path = saved(tmp_path, {"w": torch.ones(2)})
    data = path.read_bytes()
    assert data.count(b"X\x01\x00\x00\x00wq") == 1
    for hostile in (b"r" + struct.pack("<L", 0xFFFFFFF0), b"p4294967280\n"):
        archive = io.BytesIO()
        rewritten(path, archive, hostile)
        path.with_name("bad.pt").write_bytes(archive.getvalue())
        with pytest.raises(weightedit.CheckpointError, match="numbers an object 4,294,967,280"):
            weightedit.open(path.with_name("bad.pt"))


def rewritten(path: Any, out: Any, after_w: bytes) -> None:
    """Copy an archive with another opcode where the pickle remembers the key `w`."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            record = old.read(name)
            if name.endswith("data.pkl"):
                at = record.index(b"X\x01\x00\x00\x00w") + 6
                record = record[:at] + after_w + record[at + 2 :]
            new.writestr(name, record)


@pytest.mark.parametrize("text", [b"4_294_967_280", b"+4294967280", b" 4294967280", b"-1", b"9" * 30])
def test_an_index_in_digits_is_read_as_python_reads_it(text):
    with pytest.raises(Unreadable, match="it numbers an object"):
        guarded(b"\x80\x02]p" + text + b"\n.")


@given(st.binary(max_size=60))
def test_any_bytes_are_passed_over_or_refused(data):
    try:
        guarded(data)
    except Unreadable:
        return


@pytest.mark.parametrize("piece", [b"N\x85", b"NN\x86", b"NNN\x87", b"(l", b"(d", b"(t", b"]", b"}", b"}NNs", b"N",
                                   b"\x8f", b"(\x91", b"K\1", b"M\1\1", b"C\1a", b"\x8c\2ab", b"U\2ab",
                                   b"\x8a\2ab", b"X\2\0\0\0ab", b"\x96" + bytes(8)], ids=range(20))  # fmt: skip
def test_what_a_few_packed_bytes_describe_is_counted_whatever_it_is(piece, monkeypatch):
    """64 MB of any of them pack to 64 kB, and took up to 4 GB of memory and a minute."""
    monkeypatch.setattr(pickle_scan, "MOST_MEMORY", 4 << 20)
    data = b"\x80\4(" + piece * ((1 << 20) // len(piece)) + b"t."
    with pytest.raises(Unreadable, match="would take"):
        guarded(data, len(data) // 1000)


def test_a_size_that_is_a_range_is_not_gone_through(tmp_path):
    path = saved(tmp_path, {"w": torch.ones(2)})
    with zipfile.ZipFile(path) as archive:
        data = next(archive.read(name) for name in archive.namelist() if name.endswith("data.pkl"))
    size = b"K\x02\x85q"
    assert data.count(size) == 1
    hostile = b"cx\nx\nc__builtin__\nxrange\nJ" + struct.pack("<i", 1_000_000) + b"\x85R\x85Rq"
    with pytest.raises(weightedit.CheckpointError, match="no storage, size and stride"):
        weightedit.open(replaced_pickle(path, data.replace(size, hostile)))
