"""Breaks files made of fixed records: tar headers, .npy headers, tables of text, journals."""

from __future__ import annotations

import random
import re
import struct
import zlib
from collections.abc import Sequence

from tests.fuzz.mutate_bytes import integer, mutate_bytes, packed
from tests.fuzz.mutate_json import mutate_json
from tests.fuzz.mutate_pickle import mutate_pickles

_TAR_FIELDS = ((0, 100), (100, 8), (108, 8), (116, 8), (124, 12), (136, 12), (148, 8), (156, 1), (157, 100), (257, 6),
               (263, 2), (345, 155))  # fmt: skip


def mutate_tar(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Break one field of one header, whose checksum is mostly set right again; or the pickles of a member."""
    headers = [at for at in range(0, len(data) - 511, 512) if data[at + 257 : at + 262] == b"ustar"]
    choice = rng.random()
    if not headers or choice < 0.15:
        return mutate_bytes(rng, data, others)
    at = rng.choice(headers)
    if choice < 0.6:
        return _member(rng, data, at, others)
    raw = bytearray(data)
    start, width = rng.choice(_TAR_FIELDS)
    text = rng.choice((b"", b"7" * width, b"0" * width, b"\x80" + b"\xff" * (width - 1), b"-1", b"x" * width, b"pickle",
                       b"../pickle", b"%o" % (integer(rng) & ((1 << 33) - 1)),
                       b"\x80" + packed(integer(rng), 11, "big"),
                       rng.choice((b"0", b"1", b"2", b"5", b"x", b"g", b"L", b"S", b"\0"))))  # fmt: skip
    raw[at + start : at + start + width] = text[:width].ljust(width, b"\0")
    if rng.random() < 0.85 and start != 148:
        _sum(raw, at)
    return bytes(raw)


def _sum(raw: bytearray, at: int) -> None:
    raw[at + 148 : at + 156] = b" " * 8
    raw[at + 148 : at + 156] = b"%06o\0 " % sum(raw[at : at + 512])


def _member(rng: random.Random, data: bytes, at: int, others: Sequence[bytes]) -> bytes:
    """Break the pickles in a member, and say its new length."""
    digits = data[at + 124 : at + 135].strip(b"\0 ")
    size = int(digits, 8) if digits.isdigit() and not digits.strip(b"01234567") else 0
    body = data[at + 512 : at + 512 + size]
    if not body or data[at + 156 : at + 157] not in b"0\0":
        return mutate_bytes(rng, data, others)
    new = mutate_pickles(rng, body, [body]) if rng.random() < 0.7 else mutate_bytes(rng, body, [body])
    raw = bytearray(data[at : at + 512])
    raw[124:136] = b"%011o\0" % len(new)
    _sum(raw, 0)
    return data[:at] + bytes(raw) + new + bytes(-len(new) % 512) + data[at + 512 + size + -size % 512 :]


_NPY_WORDS = (b"'<f4'", b"'>f8'", b"'|O'", b"'<U3'", b"'|V2'", b"'<f16'", b"'<i9'", b"'f4'", b"'=f4'", b"'|b1'",
              b"[('a', '<f4')]", b"True", b"False", b"None", b"1", b"(3,)", b"()", b"(0,)", b"(-1, 2)", b"(1e3,)",
              b"(9223372036854775807, 2)", b"(" + b"1," * 70 + b")", b"(3L, 4L)", b"(3)", b"(3 4)", b"(1_0,)",
              b"('a',)",
              b"__import__('os').system('true')", b"{'a': 1}", b"'shape'", b"'descr'", b"\xff", b"#", b"\\x41",
              b"(" * 3000, b"'<f4', 'descr': '<f8'", b"(99999999999999999999,)", b"(\xc2\xb2,)")  # fmt: skip
_NPY_TOKEN = re.compile(rb"'[^']*'|\([^)]*\)|\w+|.", re.DOTALL)


def mutate_npy(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Break the header's dict, whose length is mostly set right again, or any byte."""
    if rng.random() < 0.25 or len(data) < 12:
        return mutate_bytes(rng, data, others)
    fixed = 10 if data[6] == 1 else 12
    end = fixed + int.from_bytes(data[8:fixed], "little")
    tokens = _NPY_TOKEN.findall(data[fixed:end])
    if not tokens:
        return mutate_bytes(rng, data, others)
    words = [i for i, token in enumerate(tokens) if len(token) > 1]
    at, choice = rng.choice(words) if words else 0, rng.random()
    if choice < 0.6:
        tokens[at] = rng.choice(_NPY_WORDS)
    elif choice < 0.7:
        tokens.insert(at, rng.choice(tokens))
    elif choice < 0.8:
        del tokens[at]
    else:
        tokens = [mutate_bytes(rng, b"".join(tokens), [b"".join(tokens)])]
    text = b"".join(tokens)
    said = len(text) if rng.random() < 0.9 else max(0, len(text) + rng.choice((-1, 1, 60000)))
    version = data[6:8] if rng.random() < 0.95 else bytes((rng.choice((0, 1, 2, 3, 4, 255)), rng.randrange(3)))
    return data[:6] + version + packed(said, fixed - 8) + text + data[end:]


_CELLS = (b"", b" ", b"nan", b"-inf", b"NaN", b"1e999", b"-0.0", b"0x10", b"1_0", b"+1", b".5", b"5.", b"1e", b"--1",
          b"9223372036854775808", b"-9223372036854775809", b"18446744073709551616", b"9" * 5000, b"1" + b"0" * 400,
          b"\xd9\xa1", b"1\0", b'"1"', b"'1'", b"True", b"1,5", b"1;2", b"1\t2", b"#", b"\r", b"\xef\xbb\xbf1",
          b"1e-400",
          b"infinity", b"1j", b"\xff", b"\x0c1", b"1\x0b", b"\xc2\xa01")  # fmt: skip


def mutate_csv(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Break one cell, separator or line of a table."""
    if rng.random() < 0.25:
        return mutate_bytes(rng, data, others)
    tokens = re.findall(rb"[^\s,;]+|.", data, re.DOTALL) or [b""]
    at, choice = rng.randrange(len(tokens)), rng.random()
    if choice < 0.6:
        tokens[at] = rng.choice(_CELLS)
    elif choice < 0.75:
        tokens.insert(at, rng.choice((b",", b";", b"\t", b" ", b"\n", b"\r", b"\n\n", b"\r\n", b"#")))
    elif choice < 0.85:
        del tokens[at]
    else:
        tokens = tokens * rng.choice((2, 3, 100))
    return b"".join(tokens)


def mutate_journal(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Break one record, whose length and checksum are mostly set right again, or any byte."""
    records, at = [], 0
    while at + 8 <= len(data):
        length = int.from_bytes(data[at : at + 4], "little")
        records.append(data[at + 8 : at + 8 + length])
        at += 8 + length
    if not records or rng.random() < 0.3:
        return mutate_bytes(rng, data, others)
    index = rng.randrange(len(records))
    if rng.random() < 0.8:
        records[index] = mutate_json(rng, records[index], records)
    else:
        records.insert(rng.randrange(len(records)), records[index])
    whole, check = b"", 0
    for record in records:
        check = zlib.crc32(record, check)  # each goes on from the one before
        whole += struct.pack("<II", len(record), check) + record
    return whole
