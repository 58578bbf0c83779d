"""Torch checkpoints whose tensors leave their storage, or whose parts do not fit: sparse, nested and quantized too."""

from __future__ import annotations

import struct
from pathlib import Path

from tests.corpus.building import written
from tests.corpus.case import Family, Refused, raw
from tests.corpus.opcodes import END, SEEN, TENSOR, call, dct, g, lst, n, opens, ordered, root, storage, t, tensor, tup
from tests.corpus.zips import W, checkpoint

FAMILY = Family("torch tensors")
HUGE = 1 << 62


def two(size: tuple[int, ...], stride: tuple[int, ...], offset: int = 0) -> bytes:
    return tensor(None, n(offset), tup(*map(n, size)), tup(*map(n, stride)))


def typed(kind: bytes, numel: int = 6, size: int = 6) -> bytes:
    return tensor(storage(kind, numel=n(numel)), size=tup(n(size)), stride=tup(n(1)))


def pid(*parts: bytes) -> bytes:
    return tensor(tup(*parts) + b"Q")


F = g("torch", "FloatStorage")
ID = t("storage"), F, t("0"), t("cpu"), n(6)
BAD = {
    # leaving the storage
    "one row too many": (two((3, 3), (3, 1)), "reaches byte 36 of its storage, which has 24"),
    "an offset of one": (two((2, 3), (3, 1), 1), "reaches byte 28"),
    "an offset past the end": (two((1,), (1,), 6), "reaches byte 28"),
    "an offset of 2^62": (two((1,), (1,), HUGE), "reaches byte"),
    "an offset of 2^64 - 1": (two((1,), (1,), (1 << 64) - 1), "beyond all files"),
    "an offset of -1": (two((2, 3), (3, 1), -1), "pickle"),
    "an offset that wraps": (two((2,), (1,), (1 << 64) - 2), "beyond all files"),
    "a stride past the end": (two((2, 3), (4, 1)), "reaches byte 28"),
    "a stride of 2^62": (two((2,), (HUGE,)), "reaches byte"),
    "a stride of -1": (two((2, 3), (-3, 1)), "stride"),
    "a stride of 2^64 - 3": (two((2, 3), ((1 << 64) - 3, 1)), "beyond all files"),
    "a stride whose bytes wrap": (two((5,), (HUGE,)), "reaches byte"),
    "an empty tensor, its offset far away": (two((0,), (1,), 1 << 70), "beyond all files"),
    "a size of -1": (two((-1, 3), (3, 1)), "shape"),
    "sizes of -2 and -3": (two((-2, -3), (3, 1)), "shape"),
    "a size of 2^63": (two((1 << 63,), (0,)), "63 bits"),
    "sizes whose product wraps to 6": (two((1 << 32, 1 << 32, 6), (0, 0, 1)), "63 bits"),
    "expanded to 2^60 elements": (two((1 << 60,), (0,)), ""),
    "empty, and the others wrap": (two((0, HUGE, HUGE), (0, 0, 0)), "63 bits"),
    "65 dimensions": (two((1,) * 65, (0,) * 65), "65 sizes"),
    "100,000 dimensions": (tensor(None, n(0), tup(*[n(1)] * 100_000), tup(*[n(0)] * 100_000)), "100,000 sizes"),
    "more strides than sizes": (two((2, 3), (3, 1, 1)), "stride"),
    "fewer strides than sizes": (two((2, 3), (1,)), "stride"),
    "no stride": (two((6,), ()), "stride"),
    "a scalar with a stride": (two((), (1,)), "stride"),
    # a storage that does not fit
    "a storage said to be larger": (typed(F, 7), "should have 28 bytes and has 24"),
    "a storage of 2^62 elements": (typed(F, HUGE), "has 24"),
    "a storage of -1 elements": (typed(F, -1), "storage has"),
    "a storage of doubles": (typed(g("torch", "DoubleStorage")), "should have 48 bytes and has 24"),
    "two types of one storage, the second too large": (
        lst(TENSOR, typed(g("torch", "DoubleStorage"), 6, 6)),
        "should have 48 bytes",
    ),
    "a key that is not there": (pid(t("storage"), F, t("7"), t("cpu"), n(6)), "lacks the record"),
    "a key with a path": (pid(t("storage"), F, t("../data/0"), t("cpu"), n(6)), "lacks the record"),
    "a key of zeros": (pid(t("storage"), F, t("0\0"), t("cpu"), n(6)), "lacks the record"),
    "a key that is a number": (pid(t("storage"), F, n(0), t("cpu"), n(6)), "storage has"),
    "a key that is None": (pid(t("storage"), F, b"N", t("cpu"), n(6)), "storage has"),
    "a device that is a number": (pid(t("storage"), F, t("0"), n(0), n(6)), "storage has"),
    "a number that is a text": (pid(t("storage"), F, t("0"), t("cpu"), t("6")), "storage has"),
    "a number that is true": (pid(t("storage"), F, t("0"), t("cpu"), b"\x88"), "storage has"),
    "a storage of a class of nobody": (pid(t("storage"), g("os", "system"), t("0"), t("cpu"), n(6)), "persistent id"),
    "a storage whose class is a text": (pid(t("storage"), t("FloatStorage"), t("0"), t("cpu"), n(6)), "persistent id"),
    "a persistent id that is a text": (tensor(t("storage") + b"Q"), "persistent id"),
    "a persistent id by line": (tensor(b"Pstorage\n"), "persistent id"),
    "a persistent id that is a list": (tensor(lst(*ID) + b"Q"), "persistent id"),
    "a persistent id of another kind": (pid(t("module"), *ID[1:]), "persistent id"),
    "a persistent id of four parts": (pid(*ID[:4]), "persistent id"),
    "a persistent id of seven parts": (pid(*ID, b"N", b"N"), "persistent id"),
    "a persistent id that is itself one": (pid(t("storage"), F, storage(), t("cpu"), n(6)), "storage has"),
    # described by nonsense
    "no storage": (tensor(b"N"), "pickle"),
    "a tensor as a storage": (tensor(TENSOR), "pickle"),
    "a text as a storage": (tensor(t("0")), "pickle"),
    "a size that is a number": (tensor(size=n(6)), "no storage, size and stride"),
    "a size that is a text": (tensor(size=t("23")), "no storage, size and stride"),
    "a size that is a dict": (tensor(size=b"}"), "no storage, size and stride"),
    "sizes that are floats": (tensor(size=tup(b"G@" + bytes(7), n(3))), "pickle"),
    "sizes that are texts": (tensor(size=tup(t("2"), t("3"))), "pickle"),
    "sizes that are tensors": (tensor(size=tup(TENSOR, n(3))), "pickle"),
    "sizes that are true": (tensor(size=tup(b"\x88", b"\x88"), stride=tup(n(1), n(1))), "pickle"),
    "strides that are None": (tensor(stride=tup(b"N", b"N")), "pickle"),
    "an offset that is a text": (tensor(offset=t("0")), "pickle"),
    "an offset that is a float": (tensor(offset=b"G" + bytes(8)), "pickle"),
    "an offset that is None": (tensor(offset=b"N"), "pickle"),
    "sizes that are objects": (tensor(size=tup(call(g("x", "Y")), n(3))), "pickle"),
    "too few arguments": (call(g("torch._utils", "_rebuild_tensor_v2"), storage()), "pickle"),
    "too many arguments": (call(g("torch._utils", "_rebuild_tensor_v2"), *[b"N"] * 20), "pickle"),
    "no arguments": (call(g("torch._utils", "_rebuild_tensor_v2")), "pickle"),
    "a parameter without data": (call(g("torch._utils", "_rebuild_parameter")), "pickle"),
    "a dtype that is a storage": (
        call(
            g("torch._utils", "_rebuild_tensor_v3"),
            storage(g("torch.storage", "UntypedStorage"), numel=n(24)),
            n(0),
            tup(n(6)),
            tup(n(1)),
            b"\x89",
            ordered(),
            F,
        ),
        "pickle",
    ),
}

UNTYPED = storage(g("torch.storage", "UntypedStorage"), t("i"), numel=n(32))
"""Two rows of two int64: of which each test says what they are."""


def long(key: str, numel: int, size: tuple[int, ...]) -> bytes:
    stride = (size[1], 1) if len(size) == 2 else (1,)
    return tensor(
        storage(g("torch", "LongStorage"), t(key), numel=n(numel)), size=tup(*map(n, size)), stride=tup(*map(n, stride))
    )


def coo(indices: bytes, values: bytes, size: bytes, coalesced: bytes = b"\x88") -> bytes:
    """A sparse tensor in coordinates, as torch pickles it."""
    return call(
        g("torch._utils", "_rebuild_sparse_tensor"), g("torch", "sparse_coo"), tup(indices, values, size, coalesced)
    )


def compressed(layout: str, crow: bytes, col: bytes, values: bytes, size: bytes) -> bytes:
    return call(g("torch._utils", "_rebuild_sparse_tensor"), g("torch", layout), tup(crow, col, values, size))


VALUES = tensor(storage(key=t("v"), numel=n(2)), size=tup(n(2)), stride=tup(n(1)))
PAIR = long("i", 4, (2, 2))
SIZE = tup(n(3), n(4))
CROW = long("c", 4, (4,))
COL = long("k", 2, (2,))


def sparse_files(
    indices: tuple[int, ...] = (0, 2, 1, 3), crow: tuple[int, ...] = (0, 1, 1, 2), col: tuple[int, ...] = (0, 3)
) -> dict[str, bytes]:
    return {
        "0": W,
        "v": struct.pack("<2f", 5, 6),
        "i": struct.pack("<4q", *indices),
        "c": struct.pack("<4q", *crow),
        "k": struct.pack("<2q", *col),
    }


COO, CSR = coo(PAIR, VALUES, SIZE), compressed("sparse_csr", CROW, COL, VALUES, SIZE)
SPARSE = {
    "an index past its size": (COO, sparse_files((0, 3, 1, 3)), "index"),
    "an index past the other size": (COO, sparse_files((0, 2, 1, 4)), "index"),
    "a negative index": (COO, sparse_files((0, -1, 1, 3)), "index"),
    "an index of 2^62": (COO, sparse_files((0, HUGE, 1, 3)), "index"),
    "an index of -2^63": (COO, sparse_files((-(1 << 63), 0, 1, 3)), "index"),
    "coalesced, and not sorted": (COO, sparse_files((2, 0, 1, 3)), "coalesced"),
    "coalesced, and an index twice": (COO, sparse_files((1, 1, 2, 2)), "coalesced"),
    "more values than indices": (coo(long("i", 2, (2, 1)), VALUES, SIZE), sparse_files(), "values"),
    "fewer dimensions than rows of indices": (coo(PAIR, VALUES, tup(n(4))), sparse_files(), "dimension"),
    "more dimensions than rows of indices": (coo(PAIR, VALUES, tup(n(3), n(4), n(5))), sparse_files(), "dimension"),
    "a size that is negative": (coo(PAIR, VALUES, tup(n(3), n(-4))), sparse_files(), "size"),
    "a size that is a text": (coo(PAIR, VALUES, t("34")), sparse_files(), "size"),
    "indices in one row": (coo(COL, VALUES, SIZE), sparse_files(), "indices"),
    "indices that are floats": (coo(TENSOR, VALUES, SIZE), sparse_files(), "indices"),
    "indices that are None": (coo(b"N", VALUES, SIZE), sparse_files(), "indices"),
    "values that are None": (coo(PAIR, b"N", SIZE), sparse_files(), "values"),
    "a sparse tensor of three parts only": (
        call(g("torch._utils", "_rebuild_sparse_tensor"), g("torch", "sparse_coo"), tup(PAIR)),
        sparse_files(),
        "sparse",
    ),
    "a sparse tensor of no parts": (call(g("torch._utils", "_rebuild_sparse_tensor")), sparse_files(), "sparse"),
    "CSR: a column past its size": (CSR, sparse_files(col=(0, 4)), "index"),
    "CSR: a negative column": (CSR, sparse_files(col=(-1, 3)), "index"),
    "CSR: rows that begin behind 0": (CSR, sparse_files(crow=(1, 1, 1, 2)), "begin"),
    "CSR: rows that end early": (CSR, sparse_files(crow=(0, 1, 1, 1)), "end"),
    "CSR: rows that end late": (CSR, sparse_files(crow=(0, 1, 1, 9)), "end"),
    "CSR: rows that go back": (CSR, sparse_files(crow=(0, 2, 1, 2)), "fall"),
    "CSR: a row too few": (compressed("sparse_csr", COL, COL, VALUES, SIZE), sparse_files(), "rows"),
    "CSR: columns of another count": (
        compressed("sparse_csr", CROW, long("k", 1, (1,)), VALUES, SIZE),
        sparse_files(),
        "values",
    ),
    "CSR: two columns alike in a row": (CSR, sparse_files(crow=(0, 2, 2, 2), col=(3, 3)), "rise"),
    "CSR: columns that fall": (CSR, sparse_files(crow=(0, 2, 2, 2), col=(3, 0)), "rise"),
    "CSC: a row past its size": (compressed("sparse_csc", CROW, COL, VALUES, tup(n(3), n(3))), sparse_files(), "index"),
}


def quantized(*quantizer: bytes) -> bytes:
    return call(
        g("torch._utils", "_rebuild_qtensor"),
        storage(g("torch", "QInt8Storage"), numel=n(6)),
        n(0),
        tup(n(6)),
        tup(n(1)),
        tup(*quantizer),
        b"\x89",
        ordered(),
    )


PER_TENSOR, PER_CHANNEL = g("torch", "per_tensor_affine"), g("torch", "per_channel_affine")
ONE = b"G?\xf0" + bytes(6)
QUANTIZED = {
    "no quantizer": (quantized(), "quantize"),
    "a quantizer of one part": (quantized(PER_TENSOR), "quantize"),
    "a scale that is a text": (quantized(PER_TENSOR, t("1"), n(0)), "quantize"),
    "a zero point that is a float": (quantized(PER_TENSOR, ONE, ONE), "quantize"),
    "a zero point beyond 63 bits": (quantized(PER_TENSOR, ONE, n(1 << 70)), "quantize"),
    "a scale of 400 digits": (quantized(PER_TENSOR, n(10**400), n(0)), "quantize"),
    "a scheme of nobody": (quantized(g("os", "system"), ONE, n(0)), "quantize"),
    "scales that are None": (quantized(PER_CHANNEL, b"N", b"N", n(0)), "quantize"),
    "an axis past the dimensions": (quantized(PER_CHANNEL, TENSOR, TENSOR, n(5)), "quantize"),
    "an axis that is a text": (quantized(PER_CHANNEL, TENSOR, TENSOR, t("0")), "quantize"),
    "another count of scales": (quantized(PER_CHANNEL, VALUES, VALUES, n(0)), "quantize"),
    "a quantizer that is no tuple": (
        call(
            g("torch._utils", "_rebuild_qtensor"),
            storage(g("torch", "QInt8Storage"), numel=n(6)),
            n(0),
            tup(n(6)),
            tup(n(1)),
            n(1),
            b"\x89",
            ordered(),
        ),
        "quantize",
    ),
    "past its storage": (
        call(
            g("torch._utils", "_rebuild_qtensor"),
            storage(g("torch", "QInt8Storage"), numel=n(6)),
            n(0),
            tup(n(25)),
            tup(n(1)),
            tup(PER_TENSOR, ONE, n(0)),
            b"\x89",
            ordered(),
        ),
        "reaches byte",
    ),
}


def nested(buffer: bytes, sizes: bytes, strides: bytes, offsets: bytes) -> bytes:
    return call(g("torch._utils", "_rebuild_nested_tensor"), buffer, sizes, strides, offsets)


FLAT = tensor(size=tup(n(6)), stride=tup(n(1)))
NESTED = {
    "sizes past the buffer": (nested(FLAT, PAIR, PAIR, COL), sparse_files((9, 9, 9, 9)), "nested"),
    "negative sizes": (nested(FLAT, PAIR, PAIR, COL), sparse_files((-1, 2, 1, 1)), "nested"),
    "offsets past the buffer": (nested(FLAT, PAIR, PAIR, COL), sparse_files((1, 1, 1, 1), col=(0, 99)), "nested"),
    "another count of offsets": (nested(FLAT, PAIR, PAIR, long("k", 1, (1,))), sparse_files((1, 1, 1, 1)), "nested"),
    "sizes that are floats": (nested(FLAT, TENSOR, PAIR, COL), sparse_files(), "nested"),
    "sizes that are None": (nested(FLAT, b"N", PAIR, COL), sparse_files(), "nested"),
}

for _name, (_value, _words) in BAD.items():
    if _name == "expanded to 2^60 elements":
        continue
    FAMILY.add(_name, written(checkpoint(b"\x80\2" + dct((t("w"), _value)) + END), "model.pt"), Refused(_words))
for _group, _rows in (("sparse", SPARSE), ("nested", NESTED)):
    for _name, (_value, _files, _words) in _rows.items():
        FAMILY.add(
            f"{_group}: {_name}", written(checkpoint(root((t("s"), _value)), _files), "model.pt"), Refused(_words)
        )
for _name, (_value, _words) in QUANTIZED.items():
    FAMILY.add(
        f"quantized: {_name}",
        written(checkpoint(root((t("q"), _value)), {"0": W, "v": W[:8]}), "model.pt"),
        Refused(_words),
    )

PARTS = {
    "w": SEEN,
    "s.1.0": raw("int64", (2, 2), struct.pack("<4q", 0, 2, 1, 3)),
    "s.1.1": raw("float32", (2,), struct.pack("<2f", 5, 6)),
}
FAMILY.add("sparse: sound", opens(root((t("s"), COO)), PARTS, sparse_files()))
FAMILY.add(
    "sparse: not coalesced, an index twice",
    opens(
        root((t("s"), coo(PAIR, VALUES, SIZE, b"\x89"))),
        {**PARTS, "s.1.0": raw("int64", (2, 2), struct.pack("<4q", 1, 1, 2, 2))},
        sparse_files((1, 1, 2, 2)),
    ),
)
FAMILY.add(
    "expanded from one element to a billion",
    opens(
        b"\x80\2" + dct((t("w"), TENSOR), (t("e"), two((3, 1), (0, 1)))) + END,
        {"w": SEEN, "e": raw("float32", (3, 1), W[:4] * 3)},
    ),
)


@FAMILY.bad("is cut short")
def a_storage_of_half_the_file(folder: Path) -> Path:
    path = folder / "model.pt"
    path.write_bytes(checkpoint()[:-30] + b"PK\5\6")
    return path
