"""Torch checkpoints whose pickle is broken, or asks for more than it may: bombs, cycles, laughs and depth."""

from __future__ import annotations

import struct

from tests.corpus.building import written
from tests.corpus.case import Family, Refused
from tests.corpus.opcodes import END, SEEN, TENSOR, beside, call, dct, g, lst, made, n, opens, ordered, root, t, tup
from tests.corpus.zips import checkpoint

FAMILY = Family("bad pickles")
SOUND = root()


def laugh(levels: int, wide: int = 2) -> bytes:
    """Tuples of the same tuple: wide ** levels leaves to whoever walks it as a tree."""
    out = b"N\x85q\0"
    for i in range(levels):
        out += b"0(" + (b"h" + bytes([i])) * wide + b"tq" + bytes([i + 1])
    return out


def listed_laugh(levels: int) -> bytes:
    out = b"]q\0"
    for i in range(levels):
        out += b"0](" + (b"h" + bytes([i])) * 10 + b"eq" + bytes([i + 1])
    return out


BAD = {
    # broken
    "empty": (b"", "pickle"),
    "only STOP": (b".", "pickle"),
    "only PROTO": (b"\x80\2", "pickle"),
    "no STOP": (SOUND[:-1], "pickle"),
    "cut in a text": (SOUND[:12], "pickle"),
    "cut in a name": (b"\x80\2ctorch._ut", "pickle"),
    "cut in a number": (b"\x80\2J\1\2", "pickle"),
    "stack underflow by TUPLE": (b"\x80\2t.", "pickle"),
    "stack underflow by REDUCE": (b"\x80\2R.", "pickle"),
    "stack underflow by APPEND": (b"\x80\2N" + b"a.", "pickle"),
    "stack underflow by BUILD": (b"\x80\2b.", "pickle"),
    "stack underflow by SETITEMS": (b"\x80\2u.", "pickle"),
    "stack underflow by POP": (b"\x80\x020.", "pickle"),
    "stack underflow by POP_MARK": (b"\x80\x021.", "pickle"),
    "stack underflow by DUP": (b"\x80\x022.", "pickle"),
    "stack underflow by BINPERSID": (b"\x80\2Q.", "pickle"),
    "stack underflow by STACK_GLOBAL": (b"\x80\4\x93.", "pickle"),
    "stack underflow by NEWOBJ": (b"\x80\2\x81.", "pickle"),
    "stack underflow by FROZENSET": (b"\x80\4\x91.", "pickle"),
    "stack underflow by TUPLE3": (b"\x80\2NN\x87.", "pickle"),
    "stack underflow by PUT": (b"\x80\2q\0.", "pickle"),
    "a mark left over": (b"\x80\2(.", "pickle"),
    "an odd number in SETITEMS": (b"\x80\2}(K\1u.", "pickle"),
    "an opcode that is none": (b"\x80\2\xff.", "pickle"),
    "a protocol of tomorrow": (b"\x80\x63}.", "pickle"),
    "a memo never set": (beside(b"h\x63"), "pickle"),
    "a memo by text": (beside(b"gx\n"), "pickle"),
    "a memo below 0": (beside(b"g-1\n"), "pickle"),
    "a memo set by text": (beside(b"Np1_0\n"), "no number"),
    "a float that is none": (beside(b"Fabc\n"), "pickle"),
    "an int that is none": (beside(b"Iabc\n"), "pickle"),
    "a long that is none": (beside(b"Labc\n"), "pickle"),
    "an int of 5,000 digits": (beside(b"I" + b"9" * 5000 + b"\n"), "pickle"),
    "a string without quotes": (beside(b"Sabc\n"), "pickle"),
    "a set of lists": (beside(b"\x8f(]\x90"), "pickle"),
    "a key that is a list": (beside(b"}]Ns"), "pickle"),
    "a key that is a dict": (beside(b"}}Ns"), "pickle"),
    "a frozenset of dicts": (beside(b"(}\x91"), "pickle"),
    "SETITEM on a number": (beside(b"K\1K\1K\1s"), "pickle"),
    "APPENDS on None": (beside(b"N(K\1e"), "pickle"),
    "BUILD on a list": (beside(b"]}b"), "pickle"),
    "BUILD on None": (beside(b"N}b"), "pickle"),
    "NEWOBJ of a number": (beside(b"K\1)\x81"), "pickle"),
    "STACK_GLOBAL of numbers": (beside(b"K\1K\2\x93"), "pickle"),
    "READONLY_BUFFER of nothing": (beside(b"\x98"), "pickle"),
    "NEXT_BUFFER": (beside(b"\x97"), "pickle"),
    "zeros": (bytes(500), "pickle"),
    "text": (b"this is no pickle at all", "pickle"),
    "JSON": (b'{"w": 1}', "pickle"),
    "random": (bytes(i * 73 % 256 for i in range(400)), "pickle"),
    "a frame of no bytes at the end": (b"\x80\4\x95" + bytes(8), "pickle"),
    # asking for more than there is
    "a memo of 4 billion": (beside(b"Nr\xf0\xff\xff\xff"), "numbers an object"),
    "a memo of 4 billion by text": (beside(b"Np4294967280\n"), "numbers an object"),
    "a memo of 10^30": (beside(b"Np" + b"9" * 30 + b"\n"), "no number"),
    "a text of 4 GB": (beside(b"X\xff\xff\xff\xff"), "it ends within"),
    "a text of 2^63": (beside(b"\x8d" + struct.pack("<Q", 1 << 63)), "it ends within"),
    "bytes of 2 GB": (beside(b"B\xff\xff\xff\x7f"), "it ends within"),
    "bytes of 2^62": (beside(b"\x8e" + struct.pack("<Q", 1 << 62)), "it ends within"),
    "a bytearray of 2^40": (beside(b"\x96" + struct.pack("<Q", 1 << 40)), "it ends within"),
    "LONG4 of 2 GB": (beside(b"\x8b\xff\xff\xff\x7f"), "it ends within"),
    "LONG4 of -1": (beside(b"\x8b\xff\xff\xff\xff"), "it ends within"),
    "BINSTRING of -1": (beside(b"T\xff\xff\xff\xff"), "it ends within"),
    "LONG1 past the end": (b"\x80\2\x8a\xff\1.", "it ends within"),
    # depth
    "lists 100,000 deep": (beside(b"]" * 100_000 + b"a" * 99_999), "deep"),
    "tuples 100,000 deep": (beside(b")" + b"\x85" * 100_000), "deep"),
    "tuples 3,000 deep": (beside(g("x", "y") + b"\x85" * 3000), "deep"),
    "301,000 dicts": (beside(b"](" + b"}" * 301_000 + b"e"), "more than 300,000"),
    "dicts 50,000 deep": (beside((b"}K\1") * 50_000 + b"N" + b"s" * 50_000), "deep"),
    "a tuple as key, 100,000 deep": (beside(b"}" + b")" + b"\x85" * 100_000 + b"Ns"), ""),
    "frozensets 5,000 deep": (beside(b"(" * 5000 + b"\x91" * 5000), ""),
    "3,000 numbers below a key of 10 MB": (
        beside(dct((t("k" * (10 << 20)), dct(*((t(str(i)), n(1)) for i in range(3000)))))), "names of what is below"),
    "190,000 numbers below 1,900 dicts": (
        beside((b"}" + t("")) * 1900 + dct(*((n(i), n(1)) for i in range(190_000))) + b"s" * 1900),
        "names of what is below"),
    "a tensor 300,000 times": (beside(b"](" + TENSOR + b"q\x64" + b"h\x64" * 300_000 + b"e"), "times over"),
    "marks only": (b"\x80\2" + b"(" * 1_000_000 + b".", "pickle"),
    "calls 100,000 deep": (beside(g("a", "b") + b"q\1" + b"h\1" * 100_000 + b"N" + b"\x85R" * 100_000), ""),
    "calls as keys 20,000 deep": (beside(g("a", "b") * 20_000 + b"N" + b"\x85R" * 20_000), ""),
}
OPEN = {
    # shared and cyclic: sound, however odd
    "a tuple laugh of 2^60 leaves": laugh(60),
    "a tuple laugh of 9^80 leaves": laugh(80, 9),
    "a list laugh of 10^60 leaves": listed_laugh(60),
    "a list in itself": b"]q\0h\0a",
    "a dict in itself": b"}q\0" + t("me") + b"h\0s",
    "two lists in each other": b"]q\0]q\1h\0aa",
    "a tuple in its own list": b"]q\0h\0\x85q\1a",
    "an object in its own state": g("x", "Y") + b")\x81q\0" + dct((t("me"), b"h\0")) + b"b",
    "a million times None": b"](" + b"N" * 1_000_000 + b"e",
    "100,000 times one dict": b"}q\x000](" + b"h\0" * 100_000 + b"e",
    "an int of 100,000 bits": b"\x8b" + struct.pack("<i", 12_500) + b"\x7f" * 12_500,
    "the widest LONG1": b"\x8a\xff" + b"\x7f" * 255,
    "LONG1 of nothing": b"\x8a\0",
    "a text of a megabyte": t("x" * (1 << 20)),
    "lists 900 deep": b"]" * 900 + b"a" * 899,
    "dicts 900 deep": b"}K\1" * 900 + b"N" + b"s" * 900,
    "objects 300 deep": b"".join([g("x", "Y") + b")\x81"] * 300) + b"N" + b"b" * 300,
    "two PROTOs": b"\x80\2N",
    "a list of 500,000 values and a dict": b"](" + b"N" * 500_000 + b"}e",
    "DUP": b"]2\x86",
    "an empty frame": b"\x95" + bytes(8) + b"N",
    "a memo written twice": b"Nq\x050]q\5h\5\x86",
    "MEMOIZE without memo": b"N\x94",
    "a set of every kind": b"\x8f(NK\1\x88G" + bytes(8) + t("a") + b")\x90",
    "NaN as a key": b"}G\x7f\xf8" + bytes(6) + b"K\1s",
    "half a surrogate": b"X\3\0\0\0\xed\xa0\x80",
    "a text with escapes": b"Va\\u0041\\U0001f642\n",
    "an old string": b"S'a\\x41b'\n",
    "bytes as an old string": b"U\4\xff\xfe\0a",
}

for _name, (_data, _words) in BAD.items():
    FAMILY.add(_name, written(checkpoint(_data), "model.pt"), Refused(_words))
for _name, _value in OPEN.items():
    FAMILY.add(_name + ", opens", opens(beside(_value)))

for _name, _frame in (("past the end", 1 << 40), ("that cuts an opcode", 7), ("of 2^64 - 1", (1 << 64) - 1)):
    FAMILY.add(f"a frame {_name}, opens", opens(b"\x80\4\x95" + struct.pack("<Q", _frame) + SOUND[2:]))
FAMILY.add("a root that is a tensor, opens", opens(b"\x80\2" + TENSOR + END, {"": SEEN}))
FAMILY.add("a root that is a list, opens", opens(b"\x80\2" + lst(TENSOR, n(1)) + END, {"0": SEEN}))
FAMILY.add("a root that is a tuple, opens", opens(b"\x80\2" + tup(TENSOR, n(1)) + END, {"0": SEEN}))
FAMILY.add("a root that is an object, opens", opens(b"\x80\2" + made(g("x", "Y"), state=dct((t("w"), TENSOR))) + END))
FAMILY.add(
    "a root that is an ordered dict in a call, opens",
    opens(b"\x80\2" + call(g("x", "Y"), ordered((t("w"), TENSOR))) + END, {"0.w": SEEN}),
)
FAMILY.add(
    "one tensor at 1,000 places, opens",
    opens(b"\x80\2" + TENSOR + b"q\x02" + b"0](" + b"h\2" * 1000 + b"e" + END, {str(i): SEEN for i in range(1000)}),
)
FAMILY.add("a root that is None, opens", opens(b"\x80\2N.", {}, {}))
