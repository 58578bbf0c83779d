"""What an edited and exported file may still run is said, and honest checkpoints are not nagged."""

from __future__ import annotations

import argparse
import collections
import os
import pickle
import zipfile

import numpy as np
import pytest
import torch
from torch import nn

import weightedit


class Calls:
    """What pickles itself as a call of a function."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def told(path, out):
    """The notices of an export, which `export` and `export_hazards` agree about."""
    with weightedit.open(path) as doc:
        doc.apply("fill", doc.slots[0].name, value=0.5)
        before = [one for one in doc.export_hazards(out) if one.kind == "names-code"]
        after = [one for one in doc.export(out).hazards if one.kind == "names-code"]
    assert after == before
    assert all(one.level == "notice" for one in before)
    return before


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
def test_a_call_that_is_kept_is_said_and_is_really_there(legacy, tmp_path):
    path, out, marker = tmp_path / "evil.pt", tmp_path / "out.pt", tmp_path / "marker"
    torch.save({"w": torch.ones(2), "x": Calls(os.system, f"touch {marker}"), "y": Calls(print, "1")}, path,
               _use_new_zipfile_serialization=not legacy)
    (one,) = told(path, out)
    assert (one.count, one.title) == (2, "Loading it may run 2 classes or functions")
    assert f"{os.system.__module__}.system" in one.detail
    assert "weights_only=False" in one.detail
    assert not marker.exists()
    torch.load(out, weights_only=False)
    assert marker.exists()


def test_safetensors_leaves_it_behind(tmp_path):
    path = tmp_path / "evil.pt"
    torch.save({"w": torch.ones(2), "x": Calls(os.system, "true")}, path)
    assert told(path, tmp_path / "out.safetensors") == []
    assert b"system" not in (tmp_path / "out.safetensors").read_bytes()


def test_a_call_whose_result_is_thrown_away_is_said(tmp_path):
    """It is in the old pickle, which an edit of values leaves as it is, and in nothing that was read."""
    plain, path = tmp_path / "plain.pt", tmp_path / "dropped.pt"
    torch.save({"w": torch.ones(2)}, plain)
    with zipfile.ZipFile(plain) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name.endswith("data.pkl"):
                data = data[:2] + b"cos\nsystem\nX\x04\x00\x00\x00true\x85R0" + data[2:]
            new.writestr(name, data)
    (one,) = told(path, tmp_path / "out.pt")
    assert "os.system" in one.detail


@pytest.mark.parametrize("name", ["operator.attrgetter", "partial"])
def test_what_torchs_modules_import_is_none_of_their_classes(name, tmp_path):
    path = tmp_path / "net.pt"
    body = b"".join(pickle.BINUNICODE + len(one).to_bytes(4, "little") + one.encode()
                    for one in ("torch.nn.modules.container", name))  # fmt: skip
    plain = tmp_path / "plain.pt"
    torch.save({"w": torch.ones(2)}, plain)
    with zipfile.ZipFile(plain) as old, zipfile.ZipFile(path, "w") as new:
        for member in old.namelist():
            data = old.read(member)
            new.writestr(member, data[:2] + body + b"\x930" + data[2:] if member.endswith("data.pkl") else data)
    assert len(told(path, tmp_path / "out.pt")) == 1


def test_honest_checkpoints_are_not_nagged(tmp_path):
    path = tmp_path / "honest.pt"
    net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.BatchNorm1d(3))
    optimizer = torch.optim.Adam(net.parameters())
    net(torch.ones(4, 2)).sum().backward()
    optimizer.step()
    torch.save({"w": torch.ones(2), "net": net, "optimizer": optimizer.state_dict(), "size": torch.Size([1]),
                "args": argparse.Namespace(lr=0.1), "loss": np.float64(1), "log": np.arange(3), "set": {1},
                "counts": collections.defaultdict(int, a=1), "device": torch.device("cpu"), "dtype": torch.float16,
                "path": tmp_path}, path)  # fmt: skip
    assert told(path, tmp_path / "out.pt") == []
    with weightedit.open({"w": torch.ones(2)}) as live:
        assert not [one for one in live.export_hazards(tmp_path / "live.pt") if one.kind == "names-code"]
