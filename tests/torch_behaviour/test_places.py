"""Devices and files: what bare torch does, then what weightedit says and does."""

from __future__ import annotations

import pytest
import torch
from safetensors import torch as safetensors
from torch import nn

import weightedit
from tests.operations import oracle
from tests.torch_behaviour.saying import said


def test_device_mix():
    """torch lets one module lie on two devices. With a weight on `meta` a Linear even returns, what lay in memory."""
    bare = nn.Linear(2, 2)
    bare.weight = nn.Parameter(torch.zeros(2, 2, device="meta"))
    assert bare(torch.ones(1, 2)).device.type == "cpu"
    with pytest.raises(NotImplementedError):
        torch.zeros(2, 2).copy_(bare.weight)


def test_device_mix_after_a_move(device):
    """`m.weight.data = m.weight.to(device)` moves one parameter, unsaid; the editor asks, and moves the rest alike."""
    module = nn.Linear(2, 2)
    with weightedit.open(module) as doc:
        if device == "cpu":  # a second device is not there
            said(doc, "device-mix", "refusal", "to_device", "weight", device="cuda:99")
            assert said(doc, "device-mix", "notice", "to_device", "*", device="cpu").count == 2
            return
        said(doc, "device-mix", "warning", "to_device", "weight", device=device)
        doc.apply("to_device", "*", device=device)
        assert module(torch.ones(1, 2, device=device)).device.type == device
        doc.undo()
        assert module(torch.ones(1, 2)).device.type == "cpu"


def test_values_go_across_devices(device):
    """Values go across devices and the weight stays where it is, as `copy_` does and `.data =` does not."""
    module, values = nn.Linear(2, 3).to(device), torch.arange(6.0).reshape(3, 2)
    weight = module.weight
    with torch.no_grad():
        weight.copy_(values)
    assert weight.device.type == device
    with weightedit.open(module) as doc:
        doc.apply("set", "weight", values=values + 1)
        assert module.weight is weight
        assert weight.device.type == device
        assert oracle.same_bits(weight.detach().cpu(), values + 1)
        doc.undo()
        assert oracle.same_bits(weight.detach().cpu(), values)


def test_a_device_that_is_not_there():
    """torch raises; it is refused before anything happens."""
    with pytest.raises((RuntimeError, AssertionError)):
        torch.zeros(1).to("cuda:99")
    with weightedit.open({"w": torch.zeros(3)}) as doc:
        said(doc, "device-mix", "refusal", "scale", "w", factor=2.0, device="cuda:99")


def test_values_dropped(tmp_path):
    """safetensors has no place for numbers beside tensors, nor for Parameters; an export lists what would go."""
    module = nn.Linear(2, 2)
    back = safetensors.load(safetensors.save(dict(module.state_dict(keep_vars=True))))
    assert type(back["weight"]) is torch.Tensor
    with pytest.raises(ValueError, match="epoch"):
        safetensors.save({"w": torch.ones(1), "epoch": 3})
    torch.save({"w": torch.ones(2), "epoch": 3}, tmp_path / "a.pt")
    with weightedit.open(tmp_path / "a.pt") as doc:
        (hazard,) = doc.export_hazards(tmp_path / "a.safetensors")
        assert (hazard.kind, hazard.level) == ("values-dropped", "warning")
        assert "epoch" in hazard.message
        assert not (tmp_path / "a.safetensors").exists()
        assert hazard in doc.export(tmp_path / "a.safetensors").hazards
        assert list(safetensors.load_file(tmp_path / "a.safetensors")) == ["w"]
