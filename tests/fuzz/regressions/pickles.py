"""Pickles that take time or memory without end, or print themselves without end, by name."""

from __future__ import annotations

import random
import struct
from functools import cache

from tests.formats.torch_files import MAGIC

LAUGH = b")" + b"2\x86" * 60
"""Nothing, and 60 times a pair of what was there before: 2 ** 60 parts."""
_WIDE = b"(" + b"N" * 500 + b"tq\1(" + b"h\1" * 500 + b"tq\2(" + b"h\2" * 500 + b"t"
"""Three tuples of 500: 125 million parts in 2.5 kB, and not deep at all."""
_MODULUS = (1 << 61) - 1


def _long(value: int) -> bytes:
    raw = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(raw)]) + raw if len(raw) < 256 else b"\x8b" + struct.pack("<i", len(raw)) + raw


def _colliding() -> bytes:
    """100,000 whole numbers that all hash to 0."""
    return b"}(" + b"".join(_long(i * _MODULUS) + b"N" for i in range(1, 100_000)) + b"u"


def _colliding_complex() -> bytes:
    """Complex numbers hash by real + 1000003 * imaginary."""
    one = b"cbuiltins\ncomplex\np7\n0"
    pairs = b"".join(b"g7\n" + b"G" + struct.pack(">d", 1000003.0 * i) + b"G" + struct.pack(">d", -float(i)) + b"\x86RN"
                     for i in range(1, 20_000))  # fmt: skip
    return one + b"}(" + pairs + b"u"


def _colliding_sets() -> bytes:
    rng = random.Random(1)
    keys = [i * _MODULUS for i in range(1, 60_000)]
    rng.shuffle(keys)
    return b"\x8f(" + b"".join(map(_long, keys)) + b"\x90"


@cache
def beside_each_other(bits: int) -> list[int]:
    """Return whole numbers each of which Python compares with thousands of those before it, in a table of 2^bits."""
    mask, turns = (1 << bits) - 1, [0]
    while len(turns) < (1 << bits) * 0.45:
        turns.append((5 * turns[-1] + 1) & mask)  # the places that are tried when the upper bits are used up
    place = {at: turn for turn, at in enumerate(turns)}
    rng, found = random.Random(1), dict.fromkeys(turns)
    most = (1 << bits) * 2 // 3 - 10
    while len(found) < most:
        key = rng.getrandbits(bits + 15)
        at, rest = key & mask, key
        while rest and at in place:
            rest >>= 5
            at = (at * 5 + rest + 1) & mask
        if not rest and place.get(at, most) < len(turns) // 3:
            found[key] = None
    return list(found)


_RANGE = b"cbuiltins\nrange\nJ" + struct.pack("<i", 1_000_000) + b"\x85R"
"""A range that could as well have 2^62 numbers: whoever goes through it never ends."""

REFUSED: dict[str, bytes] = {
    "a range for the items of a dict, by a persistent id": b"}" + _RANGE + b"\x86K\1\x86Q",
    "a range for a dict, by a persistent id": _RANGE + b"K\3\x86Q",
    "a range for the items of a set, by a persistent id": b"\x8f" + _RANGE + b"\x86K\4\x86Q",
    "a range for a set and its items, by a persistent id": _RANGE + b"K\4\x86Q",
    "a range for a frozenset, by a persistent id": _RANGE + b"K\5\x86Q",
    "a range as the arguments of a class": b"ccopyreg\n__newobj_ex__\nca\nb\n" + _RANGE + b"}\x87R",
    "a laugh as a key": b"}" + LAUGH + b"Ns",
    "a laugh as a key, set with others": b"}(" + LAUGH + b"NK\1Nu",
    "a laugh as a key of protocol 0": b"(" + LAUGH + b"Nd",
    "a laugh in a set": b"\x8f(" + LAUGH + b"\x90",
    "a laugh in a frozenset": b"(" + LAUGH + b"\x91",
    "a laugh in a set that is called": b"cbuiltins\nset\n]" + LAUGH + b"a\x85R",
    "a laugh in a frozenset that is called": b"c__builtin__\nfrozenset\n(" + LAUGH + b"t\x85R",
    "a laugh as a key of an OrderedDict": b"ccollections\nOrderedDict\n)R" + LAUGH + b"Ns",
    "a laugh as a key of pairs": b"ccollections\nOrderedDict\n](" + LAUGH + b"Nlaa\x85R",
    "a laugh as a key of somebody's class": b"ca\nb\n)\x81" + LAUGH + b"Ns",
    "a laugh of torch.Size as a key": b"}ctorch\nSize\n" + LAUGH + b"\x85RNs",
    "a laugh in a slice": b"cbuiltins\nslice\n" + LAUGH + b"NN\x87R",
    "125 million parts, three deep, as a key": b"}" + _WIDE + b"Ns",
    "tuples 200,000 deep as a key": b"})" + b"\x85" * 200_000 + b"Ns",
    "frozensets 5,000 deep": b"(" * 5000 + b"N" + b"\x91" * 5000,
    "a key of 10 million digits": b"}" + _long(1 << 33_000_000) + b"Ns",
    "100,000 keys that share their hash": _colliding(),
    "20,000 complex keys that share their hash": _colliding_complex(),
    "60,000 items of a set that share their hash": _colliding_sets(),
    "a thousand copies of a megabyte": b"cbuiltins\nbytearray\np1\n0B\0\0\x10\0" + bytes(1 << 20) + b"p2\n0]("
                                       + b"g1\ng2\n\x85R" * 5000 + b"e",
    "a thousand encodings of a megabyte": b"c_codecs\nencode\np1\n0X\0\0\x10\0" + b"a" * (1 << 20) + b"p2\n0]("
                                          + b"g1\ng2\nU\6latin1\x86R" * 5000 + b"e",
    "sets of one long list": b"cbuiltins\nset\np1\n0](" + b"".join(b"M" + struct.pack("<H", i) for i in range(20_000))
                             + b"ep2\n0](" + b"g1\ng2\n\x85R" * 5_000 + b"e",
    "sizes of one long list": b"ctorch\nSize\np1\n0](" + b"N" * 50_000 + b"ep2\n0](" + b"g1\ng2\n\x85R" * 20_000 + b"e",
    "3 million empty sets": b"](" + b"\x8f" * 3_000_000 + b"e",
    "12 million empty lists": b"](" + b"]" * 12_000_000 + b"e",
    "an object numbered 4 billion": b"Nr\xff\xff\xff\xff",
    "a text of 16 exabytes": b"\x8d" + b"\xff" * 8 + b"a",
    "a bytearray of 1 TB": b"\x96" + struct.pack("<Q", 1 << 40) + b"a",
    "a whole number of 2 GB": b"\x8b\xff\xff\xff\x7f1",
    "a buffer that is elsewhere": b"\x97",
    "a buffer made read-only": b"\x96" + struct.pack("<Q", 1) + b"a\x98",
    "an extension": b"\x82\1",
    "a key that is a list": b"}]Ns",
    "a set with a dict in it": b"\x8f(}\x90",
    "a dict of odd length": b"}(K\1u(K\1d",
    "SETITEMS on a number": b"K\1(NNu",
    "ADDITEMS on a list": b"](N\x90",
    "an item of nothing": b"NNNs",
    "a forged id of our own": b"K\1K\1\x86Q",
    "a forged id with nothing in it": b")K\2\x86Q",
    "a call of a number": b"K\1)R",
    "a text that is not UTF-8": b"X\2\0\0\0\xff\xfe",
    "digits without end": b"I" + b"9" * 5000 + b"\n",
    "a range beyond all": b"cbuiltins\nrange\n" + _long(1 << 70) + b"\x85R",
    "a step of nothing": b"cbuiltins\nrange\nK\1K\2K\0\x87R",
    "items hidden by a state": b"}}X\5\0\0\0itemsNsb",
    "a state for a list": b"]}X\6\0\0\0appendNsb",
}
"""Opcodes that leave one object, none of which may be read; each begins behind `PROTO 4`."""

OPENED: dict[str, bytes] = {
    "a laugh": LAUGH,
    "a laugh of lists": b"]q\0" + b"".join(b"](h%ch%ceq%c" % (i, i, i + 1) for i in range(12)),
    "a laugh of somebody's objects": b"ca\nb\nq\0)R" + b"q\1" + b"".join(
        b"h\0h%ch%c\x86Rq%c" % (i, i, i + 1) for i in range(1, 12)),
    "lists 1,500 deep": b"]" * 1500 + b"a" * 1499,
    "a list that holds itself": b"]q\0h\0a",
    "a dict that holds itself": b"}q\0K\1h\0s",
    "an object whose state is itself": b"cargparse\nNamespace\n)\x81q\0h\0b",
    "an OrderedDict that hides its items": b"ccollections\nOrderedDict\n)RX\1\0\0\0aK\1s}X\5\0\0\0itemsNsb",
    "keys that are not themselves": b"}G\x7f\xf8\0\0\0\0\0\0K\1sG\x7f\xf8\0\0\0\0\0\0K\2s",
    "keys of every plain kind": b"}(K\1NG?\xf8\0\0\0\0\0\0NX\1\0\0\0aNN\x88K\2K\3\x86Ncbuiltins\nrange\nK\5\x85RNu",
    "a whole number of 10,000 digits": _long(1 << 33_000),
    "a key of 10,000 digits": b"}" + _long(1 << 33_000) + b"K\1s",
    "a class as a key": b"}ca\nb\nK\1s",
    "an object as a key": b"}ca\nb\n)RK\1s",
    "slices and ranges": b"](cbuiltins\nslice\nK\1NN\x87Rcbuiltins\nrange\nK\1K\x09K\2\x87Re",
    "frozensets in sets": b"\x8f((K\1K\2\x91(K\3\x91\x90",
    "20,000 keys": b"}(" + b"".join(b"J" + struct.pack("<i", i) + b"N" for i in range(20_000)) + b"u",
    "frames that are wrong": b"\x95\5\0\0\0\0\0\0\0](K\1K\2e",
}
"""Odd ones that are read, listed and written again."""


def legacy(version: bytes) -> bytes:
    """Return the beginning of a file of torch before 1.6 with another pickle where its version stands."""
    return b"\x80\x02" + _long(MAGIC) + b"." + b"\x80\x02" + version + b"."
