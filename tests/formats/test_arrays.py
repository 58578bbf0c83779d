"""numpy's arrays open as numpy loads them and are written as it writes them; what holds no numbers is refused."""

from __future__ import annotations

import math
import os
import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import weightedit
from tests import checkpoints
from tests.formats.documents import Held, bits
from weightedit.core.errors import CheckpointError, EditRefused
from weightedit.core.spec import TensorSpec
from weightedit.formats.npy_header import FROM_TORCH, make_header

CODES = list(FROM_TORCH.values())
SHAPES = [(), (1,), (0,), (7,), (3, 4), (2, 0, 3), (2, 3, 4, 5)]


def numbers(code: str, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """Random bits of a dtype; NaN payloads too."""
    raw = np.random.default_rng(0).bytes(int(np.prod(shape, dtype=int)) * np.dtype(code).itemsize)
    array = np.frombuffer(raw, code).reshape(shape)
    return array != 0 if code == "b1" else array.copy()


def opened_bits(path: Path, name: str = "array") -> bytes:
    with weightedit.open(path) as document:
        return bits(document.read(name))


@pytest.mark.parametrize("order", ["<", ">", "F"])
@pytest.mark.parametrize("code", CODES)
def test_every_dtype_and_order_is_what_numpy_loads(code, order, tmp_path):
    """Big-endian numbers come as numbers; Fortran order is a stride."""
    for shape in SHAPES[order == "F" :]:  # numpy gives a scalar a dimension where it makes Fortran order of it
        array = numbers(code, shape)
        np.save(tmp_path / "a.npy", np.asfortranarray(array) if order == "F" else array.astype(order + code))
        with weightedit.open(tmp_path / "a.npy") as document:
            info = document.tensors["array"]
            assert info.shape == shape
            assert FROM_TORCH[info.dtype_name] == code
            assert bits(document.read("array")) == array.tobytes()
            if order == "F" and len(shape) > 1 and array.size:
                assert info.stride == tuple(step // array.itemsize for step in np.asfortranarray(array).strides)


def test_a_region_of_a_swapped_array_is_swapped(tmp_path):
    """Reads begin and end anywhere."""
    array = np.arange(5000, dtype=">u4").reshape(50, 100)
    np.save(tmp_path / "a.npy", array)
    with weightedit.open(tmp_path / "a.npy") as document:
        assert document.read("array", "[7, 3:90:5]").tolist() == array[7, 3:90:5].tolist()
        document.apply("set", "array", region="[7, 3]", values=1)
        document.save()
    array[7, 3] = 1
    np.save(tmp_path / "b.npy", array)
    assert (tmp_path / "a.npy").read_bytes() == (tmp_path / "b.npy").read_bytes()


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_every_version_of_the_header_is_read(version, tmp_path):
    with (tmp_path / "a.npy").open("wb") as file:
        np.lib.format.write_array(file, np.arange(6.0).reshape(2, 3), version=version)
    assert opened_bits(tmp_path / "a.npy") == np.arange(6.0).tobytes()


@pytest.mark.parametrize("shape", [*SHAPES, (123456, 7), tuple(range(1, 25))])
def test_the_header_is_the_one_numpy_writes(shape, tmp_path):
    """Byte for byte, so that a checksum says that nothing else changed."""
    if math.prod(shape) < 1 << 22:
        np.save(tmp_path / "a.npy", np.zeros(shape, "f4"))
        assert (tmp_path / "a.npy").read_bytes().startswith(make_header(TensorSpec.contiguous("float32", shape)))
    assert len(make_header(TensorSpec.contiguous("float32", shape))) % 64 == 0


def test_a_header_of_python_2_is_read(tmp_path):
    text = b"{'descr': '<f4', 'fortran_order': False, 'shape': (2L, 3L), }"
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    data = b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text + np.arange(6, dtype="f4").tobytes()
    (tmp_path / "a.npy").write_bytes(data)
    assert opened_bits(tmp_path / "a.npy") == np.arange(6, dtype="f4").tobytes()


def test_an_edited_array_is_saved_in_its_own_order(tmp_path):
    """A Fortran array stays one, and what follows the first array in its file stays too."""
    array = np.asfortranarray(np.arange(12, dtype="f8").reshape(3, 4))
    with (tmp_path / "a.npy").open("wb") as file:
        np.save(file, array)
        np.save(file, np.ones(2))
    with weightedit.open(tmp_path / "a.npy") as document:
        document.apply("fill", "array", region="[1, :]", value=-1.0)
        document.save()
        document.undo()
        assert document.is_modified
        document.redo()
        assert not document.is_modified
        array[1] = -1
        with (tmp_path / "a.npy").open("rb") as file:
            loaded, rest = np.load(file), np.load(file)
        assert loaded.flags.f_contiguous
        assert loaded.tolist() == array.tolist()
        assert rest.tolist() == [1, 1]
        document.apply("cast", "array", dtype="float32", accept="all")
        document.save()
    with (tmp_path / "a.npy").open("rb") as file:
        assert np.load(file).dtype == np.float32
        assert np.load(file).tolist() == [1, 1]


def npy(header: bytes, data: bytes = b"", *, version: int = 1, size: int | None = None) -> bytes:
    return b"\x93NUMPY" + bytes((version, 0)) + struct.pack("<H", len(header) if size is None else size) + header + data


WRONG: dict[str, tuple[bytes, str]] = {
    "objects": (npy(b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n", b"x" * 99), "holds Python objects"),
    "records": (npy(b"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }\n", bytes(4)), "records"),
    "raw": (npy(b"{'descr': '<V2', 'fortran_order': False, 'shape': (1,), }\n", bytes(4)), "such as bfloat16"),
    "text": (npy(b"{'descr': '<U3', 'fortran_order': False, 'shape': (1,), }\n", bytes(12)), "holds texts"),
    "dates": (npy(b"{'descr': '<M8[ns]', 'fortran_order': False, 'shape': (1,), }\n", bytes(8)), "holds dates"),
    "long double": (npy(b"{'descr': '<f16', 'fortran_order': False, 'shape': (1,), }\n", bytes(16)), "does not have"),
    "cut": (npy(b"{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }\n", bytes(47)), "promises 48 bytes"),
    "too large": (npy(b"{'descr': '<f4', 'fortran_order': False, 'shape': (9999999999, 9999999999), }\n", bytes(8)),
                  "more bytes than 63 bits count"),
    "digits": (npy(b"{'descr': '<f4', 'fortran_order': False, 'shape': (" + b"9" * 99 + b",), }\n"), "its shape is"),
    "negative": (npy(b"{'descr': '<f4', 'fortran_order': False, 'shape': (-3,), }\n", bytes(8)), "does not read"),
    "code": (npy(b"{'descr': __import__('os'), 'fortran_order': False, 'shape': (1,), }\n", bytes(4)), "does not read"),
    "a field missing": (npy(b"{'descr': '<f4', 'shape': (1,), }\n", bytes(4)), "does not read"),
    "no dict": (npy(b"[1, 2]\n", bytes(4)), "does not read"),
    "header past the end": (npy(b"{}", size=9999), "its header alone has 10,009 bytes"),
    "version": (npy(b"{}", bytes(9), version=9), "version 9.0"),
    "cut in the header": (b"\x93NUMPY\1\0v", "is cut short"),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_a_malformed_array_gets_one_sentence(what, tmp_path):
    raw, sentence = WRONG[what]
    path = tmp_path / "wrong.npy"
    path.write_bytes(raw)
    with pytest.raises(CheckpointError) as caught:
        Held.open(path)
    assert sentence in str(caught.value)
    assert str(caught.value).startswith("wrong.npy ")
    assert str(caught.value).endswith(".")
    assert caught.value.file == os.fspath(path)


def test_objects_in_an_array_do_not_run(tmp_path):
    """numpy would unpickle them with allow_pickle."""
    np.save(tmp_path / "evil.npy", np.array([checkpoints.Evil(tmp_path / checkpoints.EVIL_MARKER)], object))
    np.savez(tmp_path / "evil.npz", evil=np.array([checkpoints.Evil(tmp_path / checkpoints.EVIL_MARKER)], object))
    for name in ("evil.npy", "evil.npz"):
        with pytest.raises(CheckpointError, match="holds Python objects"):
            weightedit.open(tmp_path / name)
    assert not (tmp_path / checkpoints.EVIL_MARKER).exists()


# ---------------------------------------------------------------- npz


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_an_archive_is_what_numpy_loads(save, tmp_path):
    arrays = {code: numbers(code, (3, 5)) for code in CODES} | {
        "a/b.c": np.arange(4.0), "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)), "empty": np.zeros((0, 2)),
        "big": np.arange(5, dtype=">i4"), "scalar": np.float32(2.5), "zeros": np.zeros(300_000),
    }  # fmt: skip
    save(tmp_path / "a.npz", **arrays)
    with weightedit.open(tmp_path / "a.npz") as document, np.load(tmp_path / "a.npz") as theirs:
        assert list(document.tensors) == list(theirs)
        for name in theirs:
            little = theirs[name].astype(theirs[name].dtype.newbyteorder("<"))
            assert bits(document.read(name)) == little.tobytes()
            assert document.tensors[name].shape == theirs[name].shape


def test_a_saved_archive_keeps_what_is_no_array(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", w=np.arange(6.0), v=np.ones((2, 2), "f4"))
    with zipfile.ZipFile(tmp_path / "a.npz", "a") as archive:
        archive.writestr("notes.txt", "kept")
    with weightedit.open(tmp_path / "a.npz") as document:
        document.apply("scale", "w", factor=2.0)
        document.apply("rename", "v", to="u")
        document.save()
        document.undo()
        document.undo()
        assert document.read("w").tolist() == [0, 1, 2, 3, 4, 5]
    with np.load(tmp_path / "a.npz") as theirs:
        assert theirs["w"].tolist() == [0, 2, 4, 6, 8, 10]
        assert theirs["u"].dtype == np.float32
    with zipfile.ZipFile(tmp_path / "a.npz") as archive:
        assert archive.read("notes.txt") == b"kept"
        assert archive.testzip() is None


def test_a_checkpoint_becomes_an_archive(tmp_path):
    """Ties are said, and copied only when asked to."""
    path = checkpoints.tied_gpt2(tmp_path)
    with weightedit.open(path) as document:
        with pytest.raises(EditRefused, match="share their values, which npz cannot hold"):
            document.export(tmp_path / "out.npz")
        report = document.export(tmp_path / "out.npz", shared="copy")
        assert [hazard.kind for hazard in report.hazards] == ["values-dropped"]
    loaded = torch.load(path)
    with np.load(tmp_path / "out.npz") as theirs:
        assert {name: theirs[name].tobytes() for name in theirs} == {
            name: bits(tensor) for name, tensor in loaded.items()
        }


def test_one_file_for_one_array(tmp_path):
    with weightedit.open(checkpoints.training(tmp_path)) as document, pytest.raises(EditRefused, match="holds one ten"):
        document.export(tmp_path / "out.npy")
    with weightedit.open(checkpoints.low_precision_zip(tmp_path)) as document, pytest.raises(
        EditRefused, match=r"numpy has no dtype for .*bfloat16"
    ):
        document.export(tmp_path / "out.npz")
    assert not (tmp_path / "out.npy").exists()


def test_a_record_that_promises_too_little_or_too_much_is_damaged(tmp_path):
    """Deflated bytes are inflated to what the directory promises and no further."""
    path = tmp_path / "bomb.npz"
    np.savez_compressed(path, a=np.zeros(200_000))
    raw = bytearray(path.read_bytes())
    full = struct.pack("<L", 200_000 * 8 + 128)
    assert raw.count(full) >= 1
    path.write_bytes(bytes(raw).replace(full, struct.pack("<L", 100_000 * 8 + 128)))
    with pytest.raises(CheckpointError, match="is cut short"):
        weightedit.open(path)
    path.write_bytes(bytes(raw).replace(full, struct.pack("<L", 1 << 31)))
    with pytest.raises(CheckpointError, match="cannot hold the"):
        weightedit.open(path)


def test_a_truncated_archive_and_a_record_that_is_no_array_are_said(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, a=np.arange(100.0))
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(CheckpointError, match=r"a\.npz "):
        weightedit.open(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.npy", pickle.dumps([1, 2, 3] * 9))
    with pytest.raises(CheckpointError, match=r"record a\.npy, which is no numpy array"):
        weightedit.open(path)
