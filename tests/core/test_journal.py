"""Journal records: what was written whole comes back, what was cut or damaged does not."""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path

import pytest

from weightedit.core.journal import LONGEST, FileMark, TooLong, check_of, decode, encode, read

PAYLOADS = [
    {"weightedit_journal": 1, "file": "größe.重み.safetensors", "size": 10},
    {"position": 1, "names": ["a", "line\nbreak"], "edit": {"operation": "scale", "arguments": {"factor": 0.1}}},
    {},
    {"position": 2, "names": [], "edit": None},
]


def whole(payloads: list[dict]) -> tuple[bytes, list[int]]:
    """Give the journal of some payloads, and the byte each record ends at."""
    data, ends, check = b"", [], 0
    for payload in payloads:
        record = encode(payload, check)
        data, check = data + record, check_of(record)
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
    check = check_of(encode(PAYLOADS[-1], check_of(whole(PAYLOADS[:-1])[0][whole(PAYLOADS[:-2])[1][-1] :])))
    framed = struct.pack("<II", len(payload), zlib.crc32(payload, check)) + payload
    assert list(decode(data + framed + encode({"after": 1}, check_of(framed)))) == PAYLOADS


def test_a_length_past_all_reason_is_not_believed():
    """Damage may say 4 GB."""
    data, _ = whole(PAYLOADS)
    assert list(decode(data + struct.pack("<II", LONGEST + 1, 0) + bytes(64))) == PAYLOADS


def test_a_name_that_is_no_unicode_is_kept():
    """A pickle may name a tensor by half a surrogate pair."""
    payload = {"names": ["\ud800"]}
    assert list(decode(encode(payload))) == [payload]


def test_records_that_change_places_are_told():
    """Each goes on from the one before it, so edits cannot come back in another order, twice, or with one missing."""
    data, ends = whole(PAYLOADS)
    first, second, third = data[: ends[0]], data[ends[0] : ends[1]], data[ends[1] : ends[2]]
    assert list(decode(first + third + second)) == PAYLOADS[:1]
    assert list(decode(first + second + second)) == PAYLOADS[:2]
    assert list(decode(first + third)) == PAYLOADS[:1]


def test_a_record_of_another_journal_is_told():
    """Two journals that differ in the first record only have no other record in common."""
    mine, ends = whole(PAYLOADS)
    other, other_ends = whole([{**PAYLOADS[0], "lot": "b"}, *PAYLOADS[1:]])
    assert list(decode(mine[: ends[0]] + other[other_ends[0] :])) == PAYLOADS[:1]


def test_a_file_is_read_as_its_bytes_are(tmp_path: Path):
    """Listing journals reads them record by record; it must find what decoding the whole finds."""
    data, ends = whole(PAYLOADS)
    for cut in (0, 1, 7, 8, ends[0] - 1, ends[0], ends[1] + 3, len(data)):
        path = tmp_path / f"{cut}"
        path.write_bytes(data[:cut])
        with path.open("rb") as file:
            assert list(read(file)) == list(decode(data[:cut]))


def test_a_record_longer_than_readers_take_is_not_written():
    """Recovery would stop at it, and lose what comes after."""
    with pytest.raises(TooLong):
        encode({"names": "x" * (LONGEST + 1)})


def test_a_mark_tells_a_copy_from_another_file(tmp_path: Path):
    """Recovery may go on with a file that was copied or touched, and never with one of other bytes at its ends."""
    path = tmp_path / "model.bin"
    path.write_bytes(bytes(range(256)) * 4096)
    mark = FileMark.of(path)
    assert FileMark.from_json(json.loads(json.dumps(mark.to_json()))) == mark
    assert mark.compare(path) == "same"
    assert mark.is_at(path)
    copy = tmp_path / "copy.bin"
    copy.write_bytes(path.read_bytes())
    assert mark.compare(copy) == "alike"
    for at in (0, -1):
        data = bytearray(path.read_bytes())
        data[at] ^= 1
        copy.write_bytes(data)
        assert mark.compare(copy) == "other"
    copy.write_bytes(path.read_bytes()[:-1])
    assert mark.compare(copy) == "other"
    copy.unlink()
    assert mark.compare(copy) == "other"
    copy.mkdir()
    assert mark.compare(copy) == "other"
