"""The small whole files that are broken: made by torch, safetensors, numpy and weightedit, of as many kinds as fit."""

from __future__ import annotations

import argparse
import functools
import io
import json
import pickle
import tempfile
import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from torch import nn

from tests.formats import torch_files
from tests.fuzz import canary


@dataclass(frozen=True)
class Seed:
    """A whole checkpoint: the bytes of its files by name, and which of them is opened."""

    name: str
    files: dict[str, bytes]
    main: str

    @property
    def data(self) -> bytes:
        return self.files[self.main]


FORMATS = ("safetensors", "shards", "torch zip", "torch legacy", "torch tar", "npy", "npz", "csv", "recipe",
           "journal", "pickle")  # fmt: skip


@functools.cache
def seeds(format: str) -> tuple[Seed, ...]:
    """Return every seed of a format, the same on every run."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch calls quantized, sparse and traced tensors unfinished or old
        return tuple(_MAKERS[format]())


def _one(name: str, main: str, data: bytes) -> Seed:
    return Seed(name, {main: data}, main)


def numbers(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    count = int(np.prod(shape)) if shape else 1
    return (torch.arange(count, dtype=torch.float32) - 2.5).to(dtype).reshape(shape)


# ---------------------------------------------------------------- roots of torch files


class Evil:
    """Asks to be called when it is loaded."""

    def __reduce__(self) -> Any:
        return canary.fire, ("from a file",)


class EvilState:
    """Asks for a class, and then gives it a state."""

    def __reduce__(self) -> Any:
        return canary.Class, (1, 2), {"a": 1}


def _shared() -> dict[str, Any]:
    base = numbers(4, 6)
    return {"whole": base, "view": base[1:3, ::2], "transposed": base.t(), "again": base, "parameter":
            nn.Parameter(numbers(3, 2)), "scalar": numbers(), "empty": torch.empty(0, 3)}  # fmt: skip


def _training() -> dict[str, Any]:
    torch.manual_seed(3)
    model = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
    model(numbers(4, 3)).sum().backward()
    optimizer.step()
    return {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3, "best": 0.125,
            "args": argparse.Namespace(lr=1e-3, layers=[1, 2]), "rng": torch.get_rng_state()[:40].clone()}  # fmt: skip


def _values() -> dict[Any, Any]:
    return {"text": "ä\nb", 7: [1, -300, 70_000, 1 << 40, -(1 << 70)], (1, "a"): {2, 3}, None: frozenset({"x"}),
            "bytes": b"\0\xff", "array": bytearray(b"abc"), "complex": 1 - 2j, "range": range(1, 9, 2),
            "slice": slice(1, None), "size": torch.Size([2, 3]), "dtype": torch.bfloat16, 2.5: float("nan"),
            "device": torch.device("cpu"), True: [[], {}, ()], "w": numbers(2, 2)}  # fmt: skip


def _dtypes() -> dict[str, torch.Tensor]:
    names = ("float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool",
             "complex64", "complex128", "float8_e4m3fn", "float8_e5m2", "uint16", "uint32", "uint64")  # fmt: skip
    return {name: numbers(2, 3).to(getattr(torch, name)) for name in names}


def _odd() -> dict[str, Any]:
    quantized = torch.quantize_per_tensor(numbers(2, 3), 0.1, 3, torch.qint8)
    channels = torch.quantize_per_channel(numbers(2, 3), torch.tensor([0.1, 0.2]), torch.tensor([0, 1]), 0, torch.qint8)
    return {"quantized": quantized, "per channel": channels, "sparse": numbers(3, 3).to_sparse(),
            "csr": numbers(3, 3).to_sparse_csr(), "conj": torch.complex(numbers(2), numbers(2)).conj(),
            "plain": numbers(2, 2)}  # fmt: skip


def _arrays() -> dict[str, Any]:
    return {"array": np.arange(6, dtype="<f4").reshape(2, 3), "scalar": np.float64(0.5),
            "big": np.arange(3, dtype=">i2"),
            "rng": np.random.RandomState(3).get_state()[2:], "w": numbers(3)}  # fmt: skip


def _roots() -> dict[str, Callable[[], Any]]:
    return {
        "shared": _shared, "training": _training, "values": _values, "dtypes": _dtypes, "odd": _odd,
        "arrays": _arrays, "list": lambda: [numbers(2), (numbers(3), {"x": numbers(1)})], "one": lambda: numbers(2, 2),
        "evil": lambda: {"w": numbers(2), "payload": Evil(), "state": EvilState()},
        "module": lambda: nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU()),
    }  # fmt: skip


def _saved(root: Any, **how: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(root, buffer, **how)
    return buffer.getvalue()


def _torch_zip() -> Iterator[Seed]:
    for name, make in _roots().items():
        yield _one(name, "a.pt", _saved(make()))
    yield _one("protocol 4", "a.pt", _saved(_shared(), pickle_protocol=4))
    yield _one("protocol 5 values", "a.pt", _saved(_values(), pickle_protocol=5))
    scripted = io.BytesIO()
    torch.jit.save(torch.jit.trace(nn.Linear(3, 2), numbers(1, 3)), scripted)
    yield _one("script", "a.pt", scripted.getvalue())


def _torch_legacy() -> Iterator[Seed]:
    for name, make in _roots().items():
        if name not in ("dtypes", "odd"):
            yield _one(name, "a.pt", _saved(make(), _use_new_zipfile_serialization=False))
    old = [torch_files.storage("1", 6), torch_files.storage("1", 6, ("2", 1, 4))]
    root = {"a": torch_files.Tensor(old[0], 0, (2, 3), (3, 1)), "b": torch_files.Tensor(old[1], 1, (3,), (1,)),
            "c": torch_files.Old(torch_files.Tensor(old[0], 2, (2,), (1,)))}  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        path = torch_files.legacy_file(Path(folder) / "a.pt", root, [("1", 6, torch_files.floats(*range(6)))])
        yield _one("views", "a.pt", path.read_bytes())


def _torch_tar() -> Iterator[Seed]:
    import tarfile

    with tempfile.TemporaryDirectory() as folder:
        for format in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT):
            path = torch_files.tar_file(Path(folder) / "a.pt", format=format)
            yield _one(f"tar {format}", "a.pt", path.read_bytes())


# ---------------------------------------------------------------- the others


def _safetensors() -> Iterator[Seed]:
    save = safetensors.torch.save
    yield _one("one", "a.safetensors", save({"w": numbers(2, 3)}))
    yield _one("many", "a.safetensors", save({f"h.{i}.w": numbers(i, 2) for i in range(5)}, {"format": "pt"}))
    few = {name: tensor for name, tensor in _dtypes().items() if name != "complex128"}
    yield _one("dtypes", "a.safetensors", save(few))
    yield _one("empty", "a.safetensors", save({}))
    yield _one("names", "a.safetensors", save({"ä\n\"": numbers(1), "": numbers(), "x" * 300: torch.empty(0)}))


def _shards() -> Iterator[Seed]:
    save = safetensors.torch.save
    files = {f"model-{i}-of-2.safetensors": save({f"{i}.a": numbers(2), f"{i}.b": numbers(2, 2)}) for i in (1, 2)}
    table = {f"{i}.{name}": f"model-{i}-of-2.safetensors" for i in (1, 2) for name in "ab"}
    index = json.dumps({"metadata": {"total_size": 48}, "weight_map": table}).encode()
    main = "model.safetensors.index.json"
    yield Seed("two", {main: index, **files}, main)


def _npy() -> Iterator[Seed]:
    arrays = {"f4": np.arange(6, dtype="<f4").reshape(2, 3), "big": np.arange(4, dtype=">i8"), "scalar": np.array(2.5),
              "fortran": np.asfortranarray(np.arange(12.0).reshape(3, 4)), "empty": np.zeros((0, 3), "<u2"),
              "bool": np.array([True, False]), "c16": np.ones((2, 2), "<c16"), "object": np.array([None, 1], object),
              "fields": np.zeros(2, [("a", "<f4"), ("b", "<i2")])}  # fmt: skip
    for name, array in arrays.items():
        for version in ((1, 0), (2, 0), (3, 0)) if name == "f4" else ((1, 0),):
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, array, version)
            yield _one(f"{name} {version[0]}", "a.npy", buffer.getvalue())


def _npz() -> Iterator[Seed]:
    arrays: dict[str, Any] = {"a": np.arange(6, dtype="<f4").reshape(2, 3), "b/c": np.arange(3), "d": np.array(1.5)}
    for name, save in (("stored", np.savez), ("deflated", np.savez_compressed)):
        buffer = io.BytesIO()
        save(buffer, **arrays)
        yield _one(name, "a.npz", buffer.getvalue())


def _csv() -> Iterator[Seed]:
    texts = {"floats": "1.5,2,-3e-5\n4,nan,inf\n", "ints": "1\t2\n3\t4\n", "large": "18446744073709551615;1\n2;3\n",
             "comments": "# a, b\n1 2 3\n# between\n4 5 6\n", "crlf": "1,2\r\n3,4\r\n",
             "bom": "\ufeff0.1,0.2\n"}  # fmt: skip
    for name, text in texts.items():
        yield _one(name, "a.csv", text.encode())


def _recipe() -> Iterator[Seed]:
    import weightedit

    for name, edits in RECIPES.items():
        with tempfile.TemporaryDirectory() as folder:
            with weightedit.open({"a": numbers(3, 4), "b": numbers(3, 4), "c": numbers(5)}) as document:
                for operation, target, arguments in edits:
                    document.apply(operation, target, accept="all", **arguments)
                document.recipe.save(Path(folder) / "r.json")
            files = {path.relative_to(folder).as_posix(): path.read_bytes()
                     for path in sorted(Path(folder).rglob("*")) if path.is_file()}  # fmt: skip
            yield Seed(name, files, "r.json")


RECIPES: dict[str, list[tuple[str, str, dict[str, Any]]]] = {
    "fill": [("fill", "a", {"value": 2.0, "region": "[0:2, 1]"}), ("fill", "c", {"value": float("inf")})],
    "scale": [("scale", "a", {"factor": 0.5}), ("fill", "b", {"value": -1.0})],
    "structure": [("reshape", "a", {"shape": (4, 3)}), ("rename", "b", {"to": "d"})],
}


def _journal() -> Iterator[Seed]:
    from weightedit.core import journal

    head = {"weightedit_journal": 1, "file": "/x/a.pt", "size": 12, "inode": 1, "mtime_ns": 2, "ctime_ns": 3}
    records = [{"position": i, "names": [f"t{i}"], "edit": {"operation": "fill", "value": i / 3}} for i in range(4)]
    data, check = b"", 0
    for record in (head, *records):
        framed = journal.encode(record, check)
        data, check = data + framed, journal.check_of(framed)
    yield _one("journal", "a.journal", data)


def _pickle() -> Iterator[Seed]:
    for protocol in range(6):
        for name, value in {"values": _plain(), "evil": [Evil(), EvilState(), argparse.Namespace(a=1)],
                            "nested": {"a": [{"b": ({"c": (1, 2)},)}] * 3}}.items():  # fmt: skip
            yield _one(f"{name} {protocol}", "a.pkl", pickle.dumps(value, protocol))


def _plain() -> dict[Any, Any]:
    return {key: value for key, value in _values().items() if not isinstance(value, torch.Tensor)} | {
        "ordered": OrderedDict(a=1, b=OrderedDict()), "more": list(range(20))}  # fmt: skip


_MAKERS: dict[str, Callable[[], Iterator[Seed]]] = {
    "safetensors": _safetensors, "shards": _shards, "torch zip": _torch_zip, "torch legacy": _torch_legacy,
    "torch tar": _torch_tar, "npy": _npy, "npz": _npz, "csv": _csv, "recipe": _recipe, "journal": _journal,
    "pickle": _pickle,
}  # fmt: skip
