"""Zip archives of which readers would see different things, by name; made from a whole one of two arrays."""

from __future__ import annotations

import io
import struct
import zipfile

import numpy as np


def whole() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, a=np.arange(3.0), b=np.arange(4.0))
    return buffer.getvalue()


def _central(data: bytes, index: int) -> int:
    """Return where a record of the directory begins."""
    at = -1
    for _ in range(index + 1):
        at = data.index(b"PK\1\2", at + 1)
    return at


def name_with_a_zero() -> bytes:
    """Found as npz 5:15: Python's own reader ends a name at the zero, and reads `b`, which was no array here."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(whole())) as old, zipfile.ZipFile(buffer, "w") as new:
        new.writestr("a.npy", old.read("a.npy"))
        new.writestr("b.npy?x", old.read("b.npy"))
    return buffer.getvalue().replace(b"b.npy?x", b"b.npy\0x")


def counts_too_few() -> bytes:
    """The end says one record, the directory has two: found as npz 5:15 of an earlier run."""
    data = whole()
    end = data.rindex(b"PK\5\6")
    return data[: end + 8] + struct.pack("<HH", 1, 1) + data[end + 12 :]


def other_name_in_front() -> bytes:
    """Found as npz 100:368: a record that is no array by the directory, and an array by its own header."""
    data = whole()
    at = _central(data, 1) + 46
    return data[:at] + data[at : at + 5].replace(b"npy", b"np}") + data[at + 5 :]


CASES = {"a name with a zero in it": (name_with_a_zero, "zero byte"),
         "fewer counted than there are": (counts_too_few, "counts"),
         "another name in front of the record": (other_name_in_front, "not what the directory says")}  # fmt: skip
