"""Breaks zip archives: single fields of their three kinds of records, or whole members, with sums set right again."""

from __future__ import annotations

import io
import random
import struct
import zipfile
import zlib
from collections.abc import Callable, Sequence

from tests.fuzz.mutate_bytes import integer, mutate_bytes, packed
from tests.fuzz.mutate_json import mutate_json
from tests.fuzz.mutate_pickle import mutate_pickles
from tests.fuzz.mutate_records import mutate_npy

_LOCAL = ((4, 2), (6, 2), (8, 2), (14, 4), (18, 4), (22, 4), (26, 2), (28, 2))
_CENTRAL = ((4, 2), (6, 2), (8, 2), (10, 2), (16, 4), (20, 4), (24, 4), (28, 2), (30, 2), (32, 2), (34, 2), (42, 4))
_END = ((4, 2), (6, 2), (8, 2), (10, 2), (12, 4), (16, 4), (20, 2))
_END64 = ((4, 8), (16, 4), (20, 4), (24, 8), (32, 8), (40, 8), (48, 8))
_LOCATOR = ((4, 4), (8, 8), (16, 4))
_KINDS: tuple[tuple[bytes, tuple[tuple[int, int], ...]], ...] = (
    (b"PK\3\4", _LOCAL), (b"PK\1\2", _CENTRAL), (b"PK\5\6", _END), (b"PK\6\6", _END64),
                                                                 (b"PK\6\7", _LOCATOR))  # fmt: skip

Member = tuple[str, bytes, int]
"""Name, bytes and method."""


def mutate_zip(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Break an archive once."""
    choice = rng.random()
    if choice < 0.1:
        return mutate_bytes(rng, data, others)
    if choice < 0.35:
        return _field(rng, data)
    members = _members(data)
    if not members:
        return mutate_bytes(rng, data, others)
    _change(rng, members, others)
    whole = _written(members)
    return _field(rng, whole) if rng.random() < 0.05 else whole


def _field(rng: random.Random, data: bytes) -> bytes:
    """Break one field of one record, and mostly the same field where the record stands a second time."""
    signature, fields = rng.choice(_KINDS)
    places = [at for at in range(len(data)) if data.startswith(signature, at)] if signature in data else []
    if not places:
        return mutate_bytes(rng, data, [data])
    at, (offset, width) = rng.choice(places), rng.choice(fields)
    old = int.from_bytes(data[at + offset : at + offset + width], "little")
    value = packed(rng.choice((0, 8, 12, 99)) if (signature, offset) in ((b"PK\1\2", 10), (b"PK\3\4", 8))
                   else integer(rng, old), width)  # fmt: skip
    raw = bytearray(data)
    raw[at + offset : at + offset + width] = value
    if signature == b"PK\1\2" and rng.random() < 0.5 and 10 <= offset <= 28:
        local = int.from_bytes(data[at + 42 : at + 46], "little") + offset - 2
        raw[local : local + width] = value
    return bytes(raw)


def _members(data: bytes) -> list[Member]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return [(info.filename, archive.read(info), info.compress_type) for info in archive.infolist()]
    except Exception:  # broken twice over: whatever it raises, there are no members to go on with
        return []


def _change(rng: random.Random, members: list[Member], others: Sequence[bytes]) -> None:
    pickles = [i for i, member in enumerate(members) if member[0].endswith(".pkl")]
    arrays = [i for i, member in enumerate(members) if member[0].endswith(".npy")]
    index, choice = rng.randrange(len(members)), rng.random()
    if (pickles or arrays) and choice < 0.6:
        index = rng.choice(pickles or arrays)
    name, data, method = members[index]
    if choice < 0.7:
        siblings = [data]
        if name.endswith(".pkl") and rng.random() < 0.2:
            siblings = [member[1] for member in _members(rng.choice(others)) if member[0].endswith(".pkl")] or siblings
        members[index] = name, _content(name)(rng, data, siblings), method
    elif choice < 0.75:
        del members[index]
    elif choice < 0.8:
        members.append((name if rng.random() < 0.5 else name + "2", data, method))
    elif choice < 0.86:
        members[index] = _name(rng, name), data, method
    elif choice < 0.92:
        members[index] = name, data, 8 - method
    elif choice < 0.95:
        members[index] = name, bytes(rng.choice((0, 10_000, 3_000_000))), 8
    else:
        members += _members(rng.choice(others))[: rng.choice((1, 100))]


def _content(name: str) -> Callable[[random.Random, bytes, Sequence[bytes]], bytes]:
    if name.endswith(".pkl"):
        return mutate_pickles
    return mutate_npy if name.endswith(".npy") else mutate_json if name.endswith(".json") else mutate_bytes


def _name(rng: random.Random, name: str) -> str:
    return rng.choice((name.upper(), "/" + name, "../" + name, name + "/", name.replace("/", "\\"), "x" * 60_000, "",
                       name.rpartition("/")[2], "a/" + name, name + "\0x", "archive/data.pkl", "archive/byteorder",
                       "archive/data/0", "\u202e" + name, "archive/.data/serialization_id"))  # fmt: skip


def _written(members: Sequence[Member]) -> bytes:
    """Write an archive; names twice, empty ones and all else that Python's own refuses or mends."""
    body, directory = bytearray(), bytearray()
    for name, data, method in members:
        raw = name.encode("utf-8")[:0xFFFF]
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        stored = data if method == 0 else packer.compress(data) + packer.flush()
        shared = struct.pack("<HHHHHLLLHH", 20, 1 << 11, method, 0, 33, zlib.crc32(data), len(stored), len(data),
                             len(raw), 0)
        offset = len(body)
        body += b"PK\3\4" + shared + raw + stored
        directory += b"PK\1\2\x14\0" + shared + struct.pack("<HHHLL", 0, 0, 0, 0, offset) + raw
    end = struct.pack("<4sHHHHLLH", b"PK\5\6", 0, 0, len(members), len(members), len(directory), len(body), 0)
    return bytes(body + directory) + end
