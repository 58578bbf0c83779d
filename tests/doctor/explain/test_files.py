"""What torch and safetensors say of files they do not read or write is explained, by files that really are so."""

from __future__ import annotations

import io
import json
import pickle
import sys
import types
import warnings
import zipfile
from collections.abc import Callable
from typing import BinaryIO

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save, save_file
from torch import nn

import weightedit
from tests.doctor.explain.provoking import bare_of, raised_by, traceback_of
from weightedit.core.edit import Edit
from weightedit.doctor.explain.explain import explain
from weightedit.doctor.explain.kinds import kinds
from weightedit.doctor.facts import TensorFacts, facts_of

Bytes = Callable[[], bytes]


def saved(thing: object, **settings: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(thing, buffer, **settings)
    return buffer.getvalue()


def checkpoint() -> bytes:
    return saved(nn.Linear(99, 99).state_dict())


def with_location(location: str) -> bytes:
    """A checkpoint that says of its tensors that they were elsewhere; the pickle's text is of the length it says."""
    buffer = io.BytesIO()
    word = location.encode()
    with zipfile.ZipFile(io.BytesIO(saved({"w": torch.arange(3.0)}))) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            told = b"X" + bytes([len(word), 0, 0, 0]) + word
            new.writestr(name, old.read(name).replace(b"X\x03\x00\x00\x00cpu", told))
    return buffer.getvalue()


def scripted() -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is deprecated, and people have such files
        torch.jit.save(torch.jit.script(nn.Linear(2, 2)), buffer)
    return buffer.getvalue()


def other_zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.txt", "text")
    return buffer.getvalue()


def header(text: bytes, values: int = 0) -> bytes:
    return len(text).to_bytes(8, "little") + text + bytes(values)


SAFE_ONLY, ANY = {"weights_only": True}, {"weights_only": False}
LOADED = [
    ("zip-directory", lambda: checkpoint()[:2000], SAFE_ONLY, "zip archive, whose list of contents stands at the end"),
    ("cut-file", lambda: checkpoint()[:-10], SAFE_ONLY, "The file ended where something was to be read"),
    ("cut-file", bytes, SAFE_ONLY, "it is empty, or cut short"),
    ("cut-file", bytes, ANY, "it is empty, or cut short"),
    ("cut-file", lambda: saved({"w": torch.zeros(9)}, _use_new_zipfile_serialization=False)[:-10], SAFE_ONLY,
     "10 bytes are missing at the end of the file."),
    ("cut-file", lambda: saved({"w": torch.zeros(9)}, _use_new_zipfile_serialization=False)[:100], ANY,
     "it is empty, or cut short"),
    ("load-key", lambda: b"<!DOCTYPE html>", ANY, "The file begins with `<`"),
    ("load-key", lambda: b"version https://git-lfs.github.com/spec/v1\n", ANY, "The file begins with `v`"),
    ("load-key", lambda: b"\x1f\x8b\x08", ANY, "The file begins with `\\x1f`"),
    ("weights-only", lambda: b"<!DOCTYPE html>", SAFE_ONLY, "it came upon the byte 60, `<`"),
    ("weights-only", lambda: saved(nn.Linear(2, 2)), SAFE_ONLY, "The file names torch.nn.modules.linear.Linear"),
    ("weights-only", lambda: saved({"a": np.float64(1)}), SAFE_ONLY, "scalar, and `torch.load`"),
    ("weights-only", lambda: saved({"a": print}), SAFE_ONLY, "The file names print"),
    ("not-a-pickle", lambda: b"hello world", SAFE_ONLY, "What was read as a pickle is none"),
    ("not-a-pickle", lambda: b"hello world", ANY, "What was read as a pickle is none"),
    ("persistent-id", lambda: b"PK\x03", ANY, "values that lie beside it"),
    ("zip-folder", other_zip, SAFE_ONLY, "The archive holds a.txt at its top"),
    ("saved-on-device", lambda: with_location("cuda:0"), SAFE_ONLY, "saved as being on CUDA"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "made", "settings", "says"), LOADED)
def test_a_checkpoint_that_does_not_load_is_explained(kind, made, settings, says, tmp_path):
    (tmp_path / "a.pt").write_bytes(made())
    text = traceback_of(lambda: torch.load(tmp_path / "a.pt", **settings))
    found = explain(text)
    assert found.kind == kind
    assert says in found.message
    assert found.frame is not None
    assert found.frame.file == __file__


SAFETENSORS = [
    ("safetensors-cut", lambda: save({"w": torch.zeros(20)})[:-4]),
    ("safetensors-cut", lambda: save({"w": torch.zeros(20)}) + b"more"),
    ("safetensors-length", lambda: b"hello world and more"),
    ("safetensors-header", lambda: b"he"),
    ("safetensors-length", checkpoint),
    ("safetensors-header", lambda: save({"w": torch.zeros(20)})[:30]),
    ("safetensors-header", lambda: header(b"{xx}")),
    ("safetensors-length", lambda: b"version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 12\n"),
    ("safetensors-offsets", lambda: header(b'{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}', 4)),
    ("safetensors-offsets", lambda: header(b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}', 8)),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "made"), SAFETENSORS)
def test_a_safetensors_file_that_does_not_load_is_explained(kind, made, tmp_path):
    (tmp_path / "a.safetensors").write_bytes(made())
    fails = lambda: load_file(tmp_path / "a.safetensors")  # noqa: E731
    assert explain(traceback_of(fails)).kind == kind
    assert explain(bare_of(fails)).kind == kind


def test_the_tensor_whose_place_is_wrong_is_named(tmp_path):
    (tmp_path / "a.safetensors").write_bytes(header(b'{"fc.w":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}', 8))
    assert ", fc.w," in explain(traceback_of(lambda: load_file(tmp_path / "a.safetensors"))).message


@pytest.mark.parametrize(("old", "kind"), [
    ("HeaderTooLarge", "safetensors-length"), ("InvalidHeaderDeserialization", "safetensors-header"),
    ("MetadataIncompleteBuffer", "safetensors-cut"), ("TensorInvalidInfo", "safetensors-offsets")])  # fmt: skip
def test_words_of_older_versions_of_safetensors_are_known(old, kind):
    assert explain(f"safetensors_rust.SafetensorError: Error while deserializing header: {old}").kind == kind


def test_tensors_that_share_memory_are_untied(tmp_path):
    shared = torch.arange(3.0)
    text = traceback_of(lambda: save_file({"a.w": shared, "b.w": shared, "c": torch.ones(2)}, tmp_path / "no"))
    torch.save({"a.w": shared, "b.w": shared, "c": torch.ones(2)}, tmp_path / "a.pt")
    with weightedit.open(tmp_path / "a.pt") as document:
        found = explain(text, facts_of(document))
        for edit in found.mends[0].edits:
            document.apply(Edit.from_json(json.loads(json.dumps(edit.to_json())), {}), accept="all")
        document.export(tmp_path / "b.pt")
    assert found.kind == "shared-memory"
    assert found.tensors == ("a.w", "b.w")
    save_file(torch.load(tmp_path / "b.pt"), tmp_path / "b.safetensors")
    assert torch.equal(load_file(tmp_path / "b.safetensors")["b.w"], shared)
    assert not explain(text, (TensorFacts("a.w", (3,), "float32"),)).mends


def test_a_checkpoint_of_another_device_is_moved_to_the_cpu(tmp_path):
    (tmp_path / "a.pt").write_bytes(with_location("cuda:0"))
    text = traceback_of(lambda: torch.load(tmp_path / "a.pt"))
    with weightedit.open(tmp_path / "a.pt") as document:
        found = explain(text, facts_of(document))
        document.apply(Edit.from_json(json.loads(json.dumps(found.mends[0].edits[0].to_json())), {}), accept="all")
        document.export(tmp_path / "b.pt")
    assert (found.kind, found.tensors) == ("saved-on-device", ("w",))
    assert found.mends[0].title == "Move 1 tensor to cpu"
    assert torch.equal(torch.load(tmp_path / "b.pt")["w"], torch.arange(3.0))


@pytest.mark.parametrize(("kind", "fails", "says"), [
    ("not-contiguous", lambda path: save_file({"fc.w": torch.zeros(2, 3).t()}, path), "fc.w is a view"),
    ("safetensors-values", lambda path: save_file({"epoch": 1}, path), "epoch is an int"),
    ("safetensors-values", lambda path: save_file({"model": {"w": torch.zeros(2)}}, path), "model is a dict"),
    ("no-folder", lambda path: torch.save({}, path / "b" / "c.pt"), "there is no such folder"),
    ("pickle-local", lambda path: torch.save({"f": lambda: 1}, path), "<lambda>"),
])  # fmt: skip
def test_what_is_not_saved_is_explained(kind, fails, says, tmp_path):
    found = explain(traceback_of(lambda: fails(tmp_path / "a")))
    assert found.kind == kind
    assert says in found.message


def test_torchscript_and_checkpoints_are_told_apart(tmp_path):
    (tmp_path / "a.pt").write_bytes(scripted())
    (tmp_path / "b.pt").write_bytes(saved({"a": 1}))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert explain(traceback_of(lambda: torch.load(tmp_path / "a.pt"))).kind == "torchscript"
        record = explain(traceback_of(lambda: torch.jit.load(tmp_path / "b.pt")))
    assert record.kind == "zip-record"
    assert "constants.pkl" in record.message
    assert "`torch.load`" in record.why


def test_a_checkpoint_read_by_pickle_is_explained(tmp_path):
    (tmp_path / "a.pt").write_bytes(saved({"w": torch.zeros(2)}, _use_new_zipfile_serialization=False))
    with (tmp_path / "b.pkl").open("wb") as file:
        file.write(zipfile.ZipFile(io.BytesIO(checkpoint())).read("archive/data.pkl"))
    error = raised_by(lambda: pickle.loads((tmp_path / "b.pkl").read_bytes()))
    assert explain(f"{type(error).__name__}: {error}").kind == "persistent-id"


def module_of(name: str) -> types.ModuleType:
    made = types.ModuleType(name)
    made.Net = type("Net", (nn.Linear,), {"__module__": name})
    return made


def test_a_class_or_a_package_that_is_gone_is_named(tmp_path, monkeypatch):
    with monkeypatch.context() as during:
        during.setitem(sys.modules, "its_models", module_of("its_models"))
        torch.save(sys.modules["its_models"].Net(2, 2), tmp_path / "a.pt")
    gone = explain(traceback_of(lambda: torch.load(tmp_path / "a.pt", weights_only=False)))
    assert (gone.kind, gone.message) == ("no-module", "Python finds no package or file of the name its_models.")
    assert "goes through `torch.load`" in gone.causes[0]
    monkeypatch.setitem(sys.modules, "its_models", types.ModuleType("its_models"))
    moved = explain(traceback_of(lambda: torch.load(tmp_path / "a.pt", weights_only=False)))
    assert moved.kind == "no-class"
    assert "the class Net, and its_models has no such class" in moved.message


def test_every_kind_of_file_is_provoked():
    done = {kind for kind, *_ in [*LOADED, *SAFETENSORS]} | {
        "shared-memory", "not-contiguous", "safetensors-values", "no-folder", "pickle-local", "torchscript",
        "zip-record", "no-module", "no-class"}  # fmt: skip
    assert done >= {kind.name for kind in kinds() if kind.subject == "Files"}


def test_an_end_of_file_elsewhere_is_not_torchs(tmp_path):
    (tmp_path / "empty").write_bytes(b"")
    with (tmp_path / "empty").open("rb") as file:
        for fails in (lambda: read_all(file), lambda: file.seek(-1)):
            assert explain(traceback_of(fails)).kind == "unknown"


def read_all(file: BinaryIO) -> bytes:
    if not (found := file.read()):
        raise EOFError
    return found
