"""What lives in memory is written as the state_dict torch would save, by one rule for every format."""

from __future__ import annotations

import types
from collections import UserDict, defaultdict, namedtuple
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

import weightedit
from weightedit.core.errors import EditRefused

Pair = namedtuple("Pair", "a b")


class Partly(nn.Module):
    """Has what a state_dict leaves out, and what it holds beside tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(2, 2)
        self.register_buffer("kept", torch.ones(2))
        self.register_buffer("passing", torch.ones(2), persistent=False)
        self.plain = torch.zeros(3)

    def get_extra_state(self) -> dict[str, Any]:
        return {"version": 1, "scale": torch.full((2,), 3.0)}

    def set_extra_state(self, state: Any) -> None:
        self.extra = state


class Trainer:
    def __init__(self, module: nn.Module) -> None:
        self.module = module


def exported(root: Any, tmp_path: Path) -> tuple[Any, Any]:
    report = weightedit.open(root).export(tmp_path / "out.pt")
    return torch.load(tmp_path / "out.pt", weights_only=False), report


@pytest.mark.parametrize("wrapped", [False, True])
def test_both_formats_hold_what_the_state_dict_holds(wrapped, tmp_path):
    module = Partly()
    root, prefix = ({"m": module}, "m.") if wrapped else (module, "")
    with weightedit.open(root) as document:
        zipped = document.export(tmp_path / "a.pt")
        flat = document.export(tmp_path / "a.safetensors")
    loaded = torch.load(tmp_path / "a.pt", weights_only=False)
    module.load_state_dict(loaded["m"] if wrapped else loaded)
    assert torch.equal(module.extra["scale"], torch.full((2,), 3.0))
    names = {prefix + name for name in ("inner.weight", "inner.bias", "kept", "_extra_state.scale")}
    assert set(load_file(tmp_path / "a.safetensors")) == names
    assert zipped.tensors == flat.tensors == 4
    for report in (zipped, flat):
        left_out = next(hazard for hazard in report.hazards if "state_dict" in hazard.title)
        assert (left_out.kind, left_out.level) == ("values-dropped", "warning")
        assert left_out.targets == (f"{prefix}passing", f"{prefix}plain")


def test_a_module_and_its_optimizer_are_written_as_their_state_dicts(tmp_path):
    module = nn.Linear(2, 2)
    optimizer = torch.optim.Adam(module.parameters())
    module(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    loaded, report = exported({"model": module, "opt": optimizer}, tmp_path)
    assert report.tensors == 8
    module.load_state_dict(loaded["model"])
    optimizer.load_state_dict(loaded["opt"])


@pytest.mark.parametrize(("root", "plain"), [
    ({"d": defaultdict(list, {"x": torch.ones(2)})}, dict), ({"d": Pair(torch.ones(2), 1)}, tuple),
    ({"d": type("Names", (dict,), {})({"x": torch.ones(2)})}, dict),
    ({"d": type("Rows", (list,), {})([torch.ones(2)])}, list),
])  # fmt: skip
def test_containers_of_a_class_of_their_own_become_plain_and_say_so(root, plain, tmp_path):
    loaded, report = exported(root, tmp_path)
    assert type(loaded["d"]) is plain
    first = next(iter(loaded["d"].values())) if plain is dict else loaded["d"][0]
    assert torch.equal(first, torch.ones(2))
    assert [hazard.kind for hazard in report.hazards] == ["values-dropped"]
    assert f"d ({type(root['d']).__name__})" in report.hazards[0].detail


def test_a_container_without_tensors_stays_what_it_is(tmp_path):
    loaded, report = exported({"d": defaultdict(list, {"x": [1]}), "w": torch.ones(1)}, tmp_path)
    assert type(loaded["d"]) is defaultdict
    assert not report.hazards


def test_objects_keep_their_class_and_what_they_share(tmp_path):
    weight = torch.arange(3.0)
    holder = types.SimpleNamespace(w=weight, part=weight[1:])
    holder.me = holder
    loaded, report = exported({"h": holder, "u": UserDict({"x": weight}), "w": weight}, tmp_path)
    assert report.tensors == len(loaded["u"].data) + 3
    assert loaded["h"].me is loaded["h"]
    loaded["w"][1] = 7
    assert loaded["h"].part[0] == 7
    assert loaded["u"]["x"] is loaded["w"]


def test_a_container_that_holds_itself_is_written(tmp_path):
    root: dict[str, Any] = {"w": torch.ones(2)}
    root["self"] = root
    loaded, _ = exported(root, tmp_path)
    assert loaded["self"] is loaded


@pytest.mark.parametrize("suffix", ["pt", "safetensors"])
def test_a_module_inside_an_object_is_refused_by_place(suffix, tmp_path):
    with pytest.raises(EditRefused, match=r"t \(Trainer\) holds a Linear"):
        weightedit.open({"t": Trainer(nn.Linear(1, 1)), "w": torch.ones(1)}).export(tmp_path / f"a.{suffix}")


def test_a_tensor_as_a_key_is_refused(tmp_path):
    with pytest.raises(weightedit.CheckpointError, match="as the key of a dict"):
        weightedit.open({torch.ones(1): torch.ones(1)}).export(tmp_path / "a.pt")


def test_conjugated_and_negated_tensors_load_as_they_are(tmp_path):
    whole = torch.tensor([1 + 2j, 3 - 4j]).conj()
    loaded, _ = exported({"c": whole, "n": whole.imag}, tmp_path)
    assert loaded["c"].is_conj()
    assert loaded["c"].tolist() == [1 - 2j, 3 + 4j]
    assert loaded["n"].tolist() == [-2.0, 4.0]


@pytest.mark.parametrize("suffix", ["pt", "safetensors"])
def test_what_has_no_form_in_a_file_is_refused(suffix, tmp_path):
    with pytest.raises(EditRefused, match="sparse_coo"):
        weightedit.open({"s": torch.eye(2).to_sparse()}).export(tmp_path / f"a.{suffix}")
    assert not list(tmp_path.iterdir())
