"""numpy's .npz: archives of arrays that lie, and honest unusual ones."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from tests.corpus.building import FLOATS, written
from tests.corpus.case import Family, Opens, Refused, Seen, raw
from tests.corpus.npy import BAD as BAD_ARRAYS
from tests.corpus.npy import header, loaded, npy

FAMILY = Family("npz")
ONE = raw("float32", (2,), FLOATS)
ARRAY = npy(header())


def archive(records: dict[str, bytes] | list[tuple[str, bytes]], method: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as file:
        for name, data in records.items() if isinstance(records, dict) else records:
            file.writestr(zipfile.ZipInfo(name), data, method)
    return buffer.getvalue()


def bad(name: str, data: bytes, words: str, when: str = "open") -> None:
    FAMILY.add(name, written(data, "arrays.npz"), Refused(words, when))


# What is wrong with an array is wrong inside an archive too: one of each kind, stored and deflated in turn.
for _i, (_name, (_data, _words)) in enumerate(BAD_ARRAYS.items()):
    if _i % 3 == 0:
        _method = zipfile.ZIP_DEFLATED if _i % 2 else zipfile.ZIP_STORED
        bad(f"an array with {_name}", archive({"sound.npy": ARRAY, "w.npy": _data}, _method), "holds the record w.npy")

bad("a record that is no array", archive({"a.npy": ARRAY, "b.npy": b"not an array, but text"}), "is no numpy array")
bad("an empty record", archive({"a.npy": ARRAY, "b.npy": b""}), "is no numpy array")
bad(
    "a deflated bomb",
    archive({"a.npy": npy(header(shape=f"({1 << 30},)")) + bytes(100 << 20)}, zipfile.ZIP_DEFLATED),
    "is cut short",
)
bad(
    "a stored array with a flipped bit",
    archive({"a.npy": ARRAY}).replace(FLOATS, FLOATS[:-1] + bytes([FLOATS[-1] ^ 1]), 1),
    "are not those it promises", "read",
)  # fmt: skip
bad("the archive cut in half", archive({"a.npy": ARRAY, "b.npy": ARRAY})[:200], "is cut short or damaged")
bad(
    "a record twice",
    archive([("a.npy", ARRAY), ("b.npy", ARRAY)]).replace(b"b.npy", b"a.npy"),
    "holds the record a.npy twice",
)
bad("a record compressed by bzip2", archive({"a.npy": ARRAY}, zipfile.ZIP_BZIP2), "compressed by method 12")
bad("a record compressed by LZMA", archive({"a.npy": ARRAY}, zipfile.ZIP_LZMA), "compressed by method 14")
bad(
    "deflated bytes that are none",
    archive({"a.npy": ARRAY * 9}, zipfile.ZIP_DEFLATED)
    .replace(b"a.npy", b"a.npy\xff\xff", 1)
    .replace(b"a.npy\xff\xff", b"a.npy", 1)[:38]
    + b"\xff" * 300,
    "is cut short",
)


def promising(size: int) -> bytes:
    """Deflated bytes of which the directory says that they inflate to `size`."""
    data = bytearray(archive({"a.npy": npy(header(shape="(50,)"), bytes(700))}, zipfile.ZIP_DEFLATED))
    for at in (data.find(b"PK\3\4") + 22, data.find(b"PK\1\2") + 24):
        data[at : at + 4] = size.to_bytes(4, "little")
    return bytes(data)


bad("deflated to more than it promises", promising(280), "holds more than", "read")
bad("deflated to less than it promises", promising(5000), "inflates to", "read")
bad("4 GB promised of a few bytes", promising((1 << 32) - 2), "cannot hold")


def flipped(method: int) -> bytes:
    data = bytearray(archive({"a.npy": npy(header(shape="(500,)"), bytes(range(250)) * 8)}, method))
    data[data.find(b"PK\1\2") + 16] ^= 1
    return bytes(data)


bad("a deflated record with the wrong checksum", flipped(zipfile.ZIP_DEFLATED), "not those it promises", "read")


def odd(name: str, data: bytes, tensors: dict[str, Seen], file: str = "arrays.npz", metadata: Any = None) -> None:
    def make(folder: Path) -> tuple[Path, Opens]:
        (folder / file).write_bytes(data)
        return folder / file, Opens(tensors, metadata)

    FAMILY.add(name, make)


def numpy_archive(compressed: bool, **arrays: Any) -> bytes:
    buffer = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(buffer, **arrays)
    return buffer.getvalue()


ARRAYS = {
    "f": np.arange(5, dtype=">f8"),
    "g": np.asfortranarray(np.arange(12, dtype="i2").reshape(3, 4)),
    "none": np.zeros((0, 2), "u8"),
    "scalar": np.complex64(1 + 2j),
    "flags": np.array([True, False]),
}
odd("written by savez", numpy_archive(False, **ARRAYS), {name: loaded(array) for name, array in ARRAYS.items()})
odd(
    "written by savez_compressed",
    numpy_archive(True, **ARRAYS),
    {name: loaded(np.asarray(array)) for name, array in ARRAYS.items()},
)
odd("arrays without names", numpy_archive(False, arr_0=np.zeros(2, "f4")), {"arr_0": raw("float32", (2,), bytes(8))})
odd(
    "names with slashes and dots",
    archive({"layer/0.weight.npy": ARRAY, "../up.npy": ARRAY, "/etc/x.npy": ARRAY}),
    {"layer/0.weight": ONE, "../up": ONE, "/etc/x": ONE},
)
odd(
    "names of every letter",
    archive({"é🙂.npy": ARRAY, "a\nb.npy": ARRAY, ".npy": ARRAY, " .npy": ARRAY}),
    {"é🙂": ONE, "a\nb": ONE, "": ONE, " ": ONE},
)
odd(
    "records that are no arrays beside them",
    archive({"a.npy": ARRAY, "README.txt": b"hello", "evil.py": b"1/0"}),
    {"a": ONE},
)
odd("named .pt", archive({"a.npy": ARRAY}), {"a": ONE}, "model.pt")
odd(
    "arrays of versions 2 and 3",
    archive({"a.npy": npy(header(), version=(2, 0)), "b.npy": npy(header(), version=(3, 0))}),
    {"a": ONE, "b": ONE},
)
odd(
    "stored and deflated in one",
    archive({"a.npy": ARRAY}) and numpy_archive(True, a=np.zeros(2, "f4")),
    {"a": raw("float32", (2,), bytes(8))},
)
