"""Breaks JSON by its tokens: numbers, texts and brackets replaced, doubled, dropped, nested."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Sequence

from tests.fuzz.mutate_bytes import mutate_bytes, packed

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?|true|false|null|[{}\[\],:]|\s+|.', re.DOTALL)
_NUMBERS = (b"0", b"-1", b"1", b"2", b"7", b"8", b"2147483647", b"2147483648", b"4294967296", b"9007199254740993",
            b"9223372036854775807", b"9223372036854775808", b"18446744073709551616", b"1" + b"0" * 400, b"9" * 5000,
            b"1.0", b"1e5", b"1e400", b"-0", b"-0.0", b"0.5", b"NaN", b"Infinity", b"true", b"null", b'"1"', b"[]",
            b"{}", b"[1]", b"007", b"1_000", b"0x10")  # fmt: skip
_TEXTS = (b'""', b'"__metadata__"', b'"dtype"', b'"shape"', b'"data_offsets"', b'"weight_map"', b'"metadata"', b'"F4"',
          b'"F32"', b'"F64"', b'"U8"', b'"BOOL"', b'"F6_E2M3"', b'"../../etc/passwd"', b'"/etc/passwd"', b'"a\\u0000b"',
          b'"\\ud800"', b'"\\u202e<b>x</b>&amp;"', b'"\xff\xfe"', b'"a\nb"', b'"' + b"n" * 100_000 + b'"', b"0",
          b"null", b"[]", b"{}", b'"fill"', b'"all"', b'"tuple"', b'"__class__"', b'"\\/"',
          b'"model-1-of-2.safetensors"',
          b'"."', b'"https://example.org/a.safetensors"')  # fmt: skip
_OPENING = {b"{": b"}", b"[": b"]"}


def mutate_json(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Break a JSON text once."""
    tokens = _TOKEN.findall(data)
    if not tokens or rng.random() < 0.08:
        return mutate_bytes(rng, data, others)
    at = rng.randrange(len(tokens))
    end = _end(tokens, at)
    part, choice = tokens[at:end], rng.random()
    if choice < 0.45:
        kinds = [i for i, token in enumerate(tokens) if token[:1] == b'"' or token[:1].isdigit()]
        if kinds:
            at = rng.choice(kinds)
        tokens[at] = _replacement(rng, tokens[at], tokens)
    elif choice < 0.6:
        del tokens[at:end]
    elif choice < 0.75:
        tokens[at:at] = [*part, b","] if rng.random() < 0.7 else part
    elif choice < 0.82:
        other = _TOKEN.findall(rng.choice(others))
        place = rng.randrange(len(other)) if other else 0
        tokens[at:end] = other[place : _end(other, place)] if other else []
    elif choice < 0.87:
        depth = rng.choice((3, 500, 100_000))
        tokens[at:end] = [b"[" * depth, *part, b"]" * depth] if rng.random() < 0.5 else [b'{"a":' * depth]
    elif choice < 0.93:
        tokens[at:at] = [rng.choice((b" ", b"\n" * 100, b"\0", b"\xef\xbb\xbf", b"//x\n", b",", b":", b"}", b"{"))]
    else:
        to = rng.randrange(len(tokens))
        tokens[at], tokens[to] = tokens[to], tokens[at]
    return b"".join(tokens)


def _end(tokens: list[bytes], at: int) -> int:
    """Return where what begins at a token ends: the token itself, or all up to its closing bracket."""
    depth = 0
    for end in range(at, len(tokens)):
        depth += tokens[end] in _OPENING
        depth -= tokens[end] in _OPENING.values()
        if depth <= 0:
            return end + 1
    return at + 1


def _replacement(rng: random.Random, token: bytes, tokens: list[bytes]) -> bytes:
    if token[:1] == b'"':
        same = [other for other in tokens if other[:1] == b'"']
        return rng.choice(same) if same and rng.random() < 0.4 else rng.choice(_TEXTS)
    if token.isdigit() and len(token) < 20 and rng.random() < 0.5:
        return str(int(token) + rng.choice((-8, -4, -1, 1, 4, 8, 1 << 32, 1 << 62))).encode()
    return rng.choice(_NUMBERS)


def mutate_safetensors(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Break a safetensors file: mostly its header, whose length is mostly set right again."""
    if rng.random() < 0.2:
        return mutate_bytes(rng, data, others)
    length = int.from_bytes(data[:8], "little")
    header, rest = data[8 : 8 + length], data[8 + length :]
    header = mutate_json(rng, header, [other[8:-8] for other in others])
    if rng.random() < 0.1:
        rest = mutate_bytes(rng, rest, others)
    if rng.random() < 0.1:
        header = _wrapped(rng, header)
    said = len(header) if rng.random() < 0.9 else max(0, len(header) + rng.choice((-1, 1, 8, -8, 1 << 40)))
    return packed(said, 8) + header + rest


def _wrapped(rng: random.Random, header: bytes) -> bytes:
    """Say two tensors lie in the same bytes, or move all of them."""
    try:
        table = json.loads(header)
        names = [name for name in table if name != "__metadata__"]
        one, other = rng.choice(names), rng.choice(names)
        table[one]["data_offsets"] = table[other]["data_offsets"]
        return json.dumps(table).encode()
    except (ValueError, KeyError, TypeError, IndexError, RecursionError):
        return header


def mutate_recipe(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Break a recipe or an index of shards."""
    return mutate_json(rng, data, others)
