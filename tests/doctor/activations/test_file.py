"""The file of captures reads in safetensors' own reader and in weightedit, whatever dtypes, names and counts it has."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import namedtuple
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from torch import nn

import weightedit
from tests.doctor.activations.test_captures import same_bits
from tests.doctor.activations.test_store import DTYPES_COPIED, anything
from weightedit.core.errors import CheckpointError, WeightEditError
from weightedit.doctor.activations import file as file_module
from weightedit.doctor.activations.file import PAIRS, file_dtype
from weightedit.doctor.activations.form import Fields, rebuilt
from weightedit.doctor.activations.reading import CapturedDocument
from weightedit.doctor.activations.run import METADATA, NoCaptures
from weightedit.doctor.inside.capturing.captures import capture
from weightedit.formats.safetensors_rows import FROM_TORCH

Pair = namedtuple("Pair", ["left", "right"])


@dataclass
class OneField:
    only: torch.Tensor


class Gives(nn.Module):
    def forward(self, x):
        return {dtype: anything(dtype, 3, 5) for dtype in DTYPES_COPIED}


def test_every_dtype_in_one_file(tmp_path):
    """Those that safetensors lacks are pairs of their parts, and come back as what they were."""
    with capture(Gives(), (torch.zeros(1, dtype=torch.bool),), folder=tmp_path, budget=200) as captures:
        wanted = captures.output()
        path = captures.export(tmp_path / "a.safetensors")
        specs = {name: captures.content(name)[0] for name in captures.names}
    assert list(wanted) == DTYPES_COPIED
    raw = path.read_bytes()
    header = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])
    for name, spec in specs.items():  # each can be read where it lies, the large ones first
        assert header[name]["data_offsets"][0] % (spec.type.itemsize // (2 if spec.dtype in PAIRS else 1)) == 0, name
    with safe_open(path, "pt") as file:
        assert set(file.keys()) == set(specs)
        for dtype, tensor in wanted.items():
            found = file.get_tensor(f"output.{dtype}")
            if dtype in PAIRS:
                assert found.shape == (3, 5, 2)
                assert str(found.dtype) == f"torch.{PAIRS[dtype]}"
            assert same_bits(found if dtype not in PAIRS else torch.view_as_complex(found), tensor)
    with weightedit.open(path) as document:
        captured = CapturedDocument(document)
        assert {name: captured.content(name)[0] for name in specs} == specs
        assert json.loads(document.metadata[METADATA])["version"] == 1


@pytest.mark.parametrize("dtype", [dtype for dtype in DTYPES_COPIED if dtype not in PAIRS])
def test_dtypes_have_the_names_that_the_reader_knows(dtype):
    assert file_dtype(dtype) == FROM_TORCH[dtype]


def test_what_is_read_is_what_was_written(tmp_path):
    """The record of the run, calls, forms and failure included; names of any characters."""

    class Raises(nn.Module):
        def forward(self, x, *, key):
            raise RuntimeError("x" * 9000 + "\x1b[31m")

    model = nn.ModuleDict({"ünï 码\n\x00": nn.Identity(), "r": Raises()})
    model.forward = lambda x: model["r"](model["ünï 码\n\x00"](x), key={"a": (x, None), "": [float("inf"), "text"]})
    with capture(model, (torch.ones(2),), folder=tmp_path, modules=["*"]) as captures:
        path = captures.export(tmp_path / "a.safetensors")
        with weightedit.open(path) as document:
            captured = CapturedDocument(document)
            assert captured.run == captures.run
            assert len(captured.run.failure.message) == 4000
            assert [captured.same_as(name) for name in captures.names] == list(map(captures.same_as, captures.names))
            assert all(torch.equal(document.read(name), torch.ones(2)) for name in captures.names)


def test_a_file_without_captures_says_so(tmp_path):
    from safetensors.torch import save_file

    for metadata, said in ((None, "a.safetensors holds no captured run"), ({METADATA: "7"}, "not of a version"),
                           ({METADATA: "[" * 100_000}, "does not read"), ({METADATA: "{"}, "does not read"),
                           ({METADATA: '{"version": 2}'}, "not of a version"),
                           ({METADATA: '{"version": 1, "run": {"type": 3}}'}, "does not read"),
                           ({METADATA: '{"version": 1, "run": {"type": "M", "calls": [{}]}}'}, "does not read"),
                           ({METADATA: '{"version": 1, "run": ' + '{"type":"","calls":[],"x":' * 60_000},
                            "does not read")):  # fmt: skip
        save_file({"a": torch.ones(1)}, tmp_path / "a.safetensors", metadata)
        with weightedit.open(tmp_path / "a.safetensors") as document, pytest.raises(NoCaptures, match=said):
            CapturedDocument(document)


def test_a_file_that_cannot_be_written_leaves_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / "a.safetensors"
    path.write_bytes(b"before")
    with capture(nn.ReLU(), (-torch.ones(2),), folder=tmp_path) as captures:
        monkeypatch.setattr(file_module, "MOST_HEADER", 100)
        with pytest.raises(WeightEditError, match=r"not written: its header would have .* for 2 tensors of 1 call, "):
            captures.export(path)
        monkeypatch.undo()
        with pytest.raises(CheckpointError, match="there is no folder"):
            captures.export(tmp_path / "none" / "a.safetensors")
        assert path.read_bytes() == b"before"
        captures.export(path)
    assert [one.name for one in tmp_path.iterdir()] == ["a.safetensors"]
    with safe_open(path, "pt") as file:
        assert file.get_tensor("output").tolist() == [0, 0]


def test_a_long_header_is_read(tmp_path):
    """Thousands of calls: the record is larger than what is parsed at once."""

    class Loops(nn.Module):
        def __init__(self):
            super().__init__()
            self.step = nn.Tanh()

        def forward(self, x):
            for _ in range(1500):
                x = self.step(x)
            return x

    with capture(Loops(), (torch.ones(1),), folder=tmp_path) as captures:
        path = captures.export(tmp_path / "a.safetensors")
        with weightedit.open(path) as document:
            assert CapturedDocument(document).run == captures.run
            assert len(document.tensors) == 3002
            assert torch.equal(document.read("step.output #1500"), captures.read("output"))


def test_calls_past_the_most_are_counted(tmp_path, monkeypatch):
    from weightedit.doctor.inside.capturing import watching

    monkeypatch.setattr(watching, "MOST_CALLS", 3)
    monkeypatch.setattr(watching, "MOST_TENSORS", 2)
    model = nn.Sequential(*(nn.Tanh() for _ in range(5)))
    with capture(model, (torch.ones(1),), folder=tmp_path) as captures:
        assert captures.run.uncaptured == 3
        assert [call.module for call in captures.run.calls] == ["", "0", "1"]
        assert captures.output("1").said == "comes after 2 captured tensors"
        assert captures.output().said == "comes after 2 captured tensors"


def test_the_nesting_is_kept_where_no_class_is_at_hand(tmp_path):
    """Read from a file, a named tuple and a dataclass have their fields; no class is looked for or made."""

    class Nests(nn.Module):
        def forward(self, x):
            return [Pair(x, (x + 1, None)), OneField(x + 2), {"a": x}, torch.max(x, 0)]

    with capture(Nests(), (torch.ones(2),), folder=tmp_path) as captures:
        path = captures.export(tmp_path / "a.safetensors")
    with weightedit.open(path) as document:
        pair, one, keyed, most = rebuilt(CapturedDocument(document).run.call("").output, document.read)
        assert (type(pair), pair.type, list(pair.fields), len(pair)) == (Fields, "Pair", ["left", "right"], 2)
        assert torch.equal(pair.left, torch.ones(2))
        assert torch.equal(pair[1][0], torch.full((2,), 2.0))
        assert [type(value) for value in pair] == [torch.Tensor, tuple]
        assert torch.equal(one.only, torch.full((2,), 3.0))
        assert type(keyed) is dict
        assert most.values.item() == 1
        with pytest.raises(AttributeError, match="Pair has no field middle"):
            _ = pair.middle


def test_what_the_window_imports_brings_neither_torch_nor_numpy():
    """The window lists and explains drift before anything is read; torch comes with the first values."""
    room = Path(file_module.__file__).parent
    names = [f"weightedit.doctor.activations.{file.stem}" for file in room.glob("[!_]*.py")]
    script = f"import importlib, sys; [importlib.import_module(name) for name in {names!r}]; print(*sys.modules)"
    root = Path(weightedit.__file__).resolve().parents[1]
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=root)
    assert len(names) >= 7
    assert not {"torch", "numpy", "PySide6"} & set(done.stdout.split())
