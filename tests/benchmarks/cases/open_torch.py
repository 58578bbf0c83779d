"""Opening a torch checkpoint of many tensors, each in a storage of its own, to the list of names."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

from tests.benchmarks.case import Case, Clock, Contender, Goal, Round
from tests.benchmarks.cases.open_safetensors import weightedit
from tests.benchmarks.data import Folder, torch_zip


def _many(folder: Folder) -> Path:
    count = folder.pick(500, 20_000)
    return folder.once("experts.pt", lambda path: torch_zip(path, count))


def torch_load(data: Path) -> Round:
    """Load it with torch, which maps the values."""
    import torch

    def run(clock: Clock) -> None:
        with clock:
            names = list(torch.load(data, mmap=True, weights_only=True))
        assert names

    return run


class _Inert:
    """Keeps what a pickle calls something with, such as a tensor's storage, size and stride, and does nothing."""

    __slots__ = ("args",)

    def __init__(self, *args: Any) -> None:
        self.args = args


class _Bare(pickle.Unpickler):
    """Makes dicts and inert objects."""

    def find_class(self, module: str, name: str) -> Any:
        return OrderedDict if name == "OrderedDict" else _Inert

    def persistent_load(self, key: Any) -> Any:
        return key


def unpickle(data: Path) -> Round:
    """List the records of the archive and unpickle what stands for the tensors; their values stay where they are."""

    def run(clock: Clock) -> None:
        with clock, zipfile.ZipFile(data) as archive:
            name = next(name for name in archive.namelist() if name.endswith("/data.pkl"))
            names = list(_Bare(io.BytesIO(archive.read(name))).load())
        assert names

    return run


CASES = (
    Case("open-torch-zip", "open 20,000 tensors of a torch zip", _many,
         (Contender("weightedit", weightedit), Contender("torch.load", torch_load),
          Contender("directory and bare unpickling", unpickle)), (Goal(1.5),), rounds=11),
)  # fmt: skip
