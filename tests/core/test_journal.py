"""Journal records: what was written whole comes back, what was cut or damaged does not."""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

import weightedit
from weightedit.core.edit import Edit
from weightedit.core.journal import LONGEST, decode, edit_record, encode, header
from weightedit.core.source import SourceFile

PAYLOADS = [
    {"weightedit_journal": 1, "file": "größe.重み.safetensors", "size": 10},
    {"position": 1, "names": ["a", "line\nbreak"], "edit": {"operation": "scale", "arguments": {"factor": 0.1}}},
    {},
    {"position": 2, "names": [], "edit": None},
]


def whole(payloads: list[dict]) -> tuple[bytes, list[int]]:
    """Give the journal of some payloads, and the byte each record ends at."""
    data, ends = b"", []
    for payload in payloads:
        data += encode(payload)
        ends.append(len(data))
    return data, ends


def test_records_come_back_in_order():
    """Recovery replays what it reads, so nothing may be lost, doubled or swapped."""
    assert list(decode(whole(PAYLOADS)[0])) == PAYLOADS
    assert list(decode(b"")) == []


def test_a_record_is_framed_as_documented():
    """Length and CRC-32, little-endian, then UTF-8 JSON: a format on disk outlives the code that wrote it."""
    record = encode({"größe": 1})
    length, check = struct.unpack("<II", record[:8])
    assert length == len(record) - 8
    assert check == zlib.crc32(record[8:])
    assert json.loads(record[8:].decode("utf-8")) == {"größe": 1}


def test_cut_at_every_byte_only_whole_records_come_back():
    """A crash cuts a journal anywhere."""
    data, ends = whole(PAYLOADS)
    for cut in range(len(data) + 1):
        assert list(decode(data[:cut])) == PAYLOADS[: sum(end <= cut for end in ends)]


@pytest.mark.parametrize("flip", [0x01, 0x80, 0xFF])
def test_it_stops_at_a_flipped_byte(flip):
    """A damaged record, and what comes after it, must not be replayed over someone's weights."""
    data, ends = whole(PAYLOADS)
    for at in range(len(data)):
        damaged = bytearray(data)
        damaged[at] ^= flip
        assert list(decode(bytes(damaged))) == PAYLOADS[: sum(end <= at for end in ends)]


@pytest.mark.parametrize("count", [1, 7, 8, 9, 4096])
def test_zeros_at_the_end_are_no_record(count):
    """After a power cut file systems leave zeros where bytes were promised; zeros are a length of 0 and its CRC-32."""
    data, _ = whole(PAYLOADS)
    assert list(decode(data + bytes(count))) == PAYLOADS


@pytest.mark.parametrize("payload", [b"", b"{", b"[1]", b"\xff\xfe", b"3", b"[" * 100_000])
def test_a_framed_payload_that_is_no_record_stops_it(payload):
    """The frame being right says nothing of who wrote it."""
    data, _ = whole(PAYLOADS)
    framed = struct.pack("<II", len(payload), zlib.crc32(payload)) + payload
    assert list(decode(data + framed + encode({"after": 1}))) == PAYLOADS


def test_a_length_past_all_reason_is_not_believed():
    """Damage may say 4 GB."""
    data, _ = whole(PAYLOADS)
    assert list(decode(data + struct.pack("<II", LONGEST + 1, 0) + bytes(64))) == PAYLOADS


def test_the_header_says_which_file_it_belongs_to(tmp_path: Path):
    """A journal replayed on another file would be damage."""
    path = tmp_path / "model.bin"
    path.write_bytes(b"weights")
    status = path.stat()
    found = next(decode(encode(header(SourceFile(path)))))
    assert found["file"] == str(path)
    assert [found[key] for key in ("size", "inode", "mtime_ns", "ctime_ns")] == [
        status.st_size, status.st_ino, status.st_mtime_ns, status.st_ctime_ns]  # fmt: skip


def test_an_applied_edit_comes_back_as_it_was(tmp_path: Path):
    """An edit out of the journal gives the same bits on the same file; NaN and infinities are JSON too."""
    path = tmp_path / "model.safetensors"
    save_file({"a": torch.arange(6.0).view(2, 3), "b": torch.ones(4)}, path)
    with weightedit.open(path) as document:
        document.apply("fill", "a", region=["[0, 0]", "[1, 1:]"], value=float("-inf"))
        document.apply("fill", "a", region="[0, 1]", value=float("nan"))
        document.apply("scale", ["a", "b"], factor=0.1)
        document.apply("set", "b", values=torch.arange(4.0))
        steps = document.history.steps
        data = b"".join(encode(edit_record(step.edit, i, sorted(step.names))) for i, step in enumerate(steps))
        expected = [document.read(name, raw=True) for name in "ab"]
        tensors = {value.digest: value.data for step in steps for value in step.edit.tensor_values()}
    records = list(decode(data))
    assert [record["position"] for record in records] == [0, 1, 2, 3]
    assert [record["names"] for record in records] == [["a"], ["a"], ["a", "b"], ["b"]]
    edits = [Edit.from_json(record["edit"], tensors) for record in records]
    assert [edit.to_json() for edit in edits] == [step.edit.to_json() for step in steps]
    with weightedit.open(path) as again:
        weightedit.Recipe(tuple(edits)).apply(again)
        assert all(torch.equal(again.read(name, raw=True), bits) for name, bits in zip("ab", expected, strict=True))


def test_a_name_that_is_no_unicode_is_kept():
    """A pickle may name a tensor by half a surrogate pair."""
    payload = {"names": ["\ud800"]}
    assert list(decode(encode(payload))) == [payload]
