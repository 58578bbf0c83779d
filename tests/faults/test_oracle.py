"""The oracle sees what it is to see: each thing that must not be in a folder after a save is done here by hand."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

import weightedit
from tests.faults.oracle import Oracle, digest, document_state, edits_kept, reopening
from tests.faults.saves import KINDS, files_of, make
from tests.faults.warm import NO_FORK, warm


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "watched"
    make(KINDS["safetensors"], folder, 4096, 1)
    make(KINDS["safetensors"], tmp_path / "new", 4096, 2)
    (folder / "bystander.txt").write_text("here")
    return folder


@pytest.fixture
def oracle(folder: Path) -> Oracle:
    return Oracle(folder, {folder / "model.safetensors": digest(folder.parent / "new" / "model.safetensors")})


def test_old_and_new_files_hold(folder, oracle):
    assert oracle.faults() == []
    assert oracle.faults(False) == []
    assert any("O2" in fault for fault in oracle.faults(True))
    (folder.parent / "new" / "model.safetensors").replace(folder / "model.safetensors")
    assert oracle.faults(True) == []
    assert any("O2" in fault for fault in oracle.faults(False))


@pytest.mark.parametrize("does", ["cut", "flip", "remove", "mode", "bystander", "stray", "temporary"])
def test_each_fault_is_seen(folder, oracle, does):
    path = folder / "model.safetensors"
    mode = path.stat().st_mode
    if does == "cut":
        os.truncate(path, path.stat().st_size - 1)
    elif does == "flip":
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        path.write_bytes(data)
    elif does == "remove":
        path.unlink()
    elif does == "mode":
        path.chmod(0o600 if mode & 0o777 != 0o600 else 0o644)
    elif does == "bystander":
        (folder / "bystander.txt").write_text("gone")
    else:
        (folder / {"stray": "stray.bin", "temporary": ".model.weightedit-00000000.tmp"}[does]).write_bytes(b"x")
    code = "O1" if does in ("cut", "flip", "remove") else "O4"
    assert any(fault.startswith(code) for fault in oracle.faults()), oracle.faults()


def test_shards_of_two_saves_are_seen(tmp_path):
    kind = KINDS["safetensors in shards"]
    old, new = (files_of(make(kind, tmp_path / name, 4096, seed)) for seed, name in enumerate(("old", "new")))
    oracle = Oracle(tmp_path / "old", {path: digest(tmp_path / "new" / path.name) for path in old})
    new[0].replace(old[0])
    assert any("not of one save" in fault for fault in oracle.faults())
    index = json.loads(old[-1].read_text())
    index["weight_map"]["layers.0.weight"] = old[2].name
    old[-1].write_text(json.dumps(index))
    assert any("which lacks it" in fault for fault in oracle.faults(reopen=False))


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_every_format_reads_alike_in_its_library(tmp_path, kind):
    assert reopening(make(kind, tmp_path, 4096, 1)) == []


def test_a_file_that_does_not_open_is_seen(tmp_path):
    path = tmp_path / "model.pt"
    path.write_bytes(b"PK\x03\x04 nothing else")
    assert "does not open" in reopening(path)[0]


def test_a_lost_edit_is_seen(tmp_path):
    save_file({"a": torch.zeros(3), "b": torch.ones(2)}, tmp_path / "model.safetensors")
    with weightedit.open(tmp_path / "model.safetensors") as document:
        states = [document_state(document)]
        document.apply("fill", "a", value=1.0)
        states.append(document_state(document))
        assert edits_kept(document, states, tmp_path / "fine.safetensors") == []
        assert edits_kept(document, [states[1], states[1]], tmp_path / "lost.safetensors") != []


@pytest.mark.skipif(bool(NO_FORK), reason=NO_FORK)
def test_the_warm_process_says_how_a_child_ended(tmp_path):
    one = warm()
    source = make(KINDS["npy"], tmp_path, 4096, 1)
    arguments = {"kind": "npy", "source": str(source), "target": None}
    killed = one.run("tests.faults.saves:save", arguments | {"end_at": [1, "before"]})
    assert killed.was_killed
    assert killed.phase == "begin"
    late = one.run("tests.faults.saves:save", arguments | {"slow": {"sync": 30.0}}, kill_after=0.2)
    assert late.was_killed
    assert late.phase in ("begin", "write", "sync")
    wrong = one.run("tests.faults.saves:save", arguments | {"source": str(tmp_path / "none.npy")})
    assert wrong.status == 1
    assert "none.npy" in wrong.error
    done = one.run("tests.faults.saves:save", arguments)
    assert (done.status, done.phase) == (0, "saved")
    assert "replace" in done.answer
