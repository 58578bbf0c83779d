"""Models that torch compiled, parametrized, scripted or made parallel are pinned to their own modules."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

import weightedit
from weightedit.checking import capturing, check_model
from weightedit.core.live.detached import detached_copy
from weightedit.doctor.checkup import Asked, Wanted
from weightedit.doctor.inside.model_facts import model_facts
from weightedit.doctor.inside.running import uncompiled
from weightedit.doctor.inside.session import Session


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(4, 8), nn.Linear(8, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.second(self.first(x).relu())


def compiled_in_place() -> nn.Module:
    net = Net()
    net.compile()
    return net


def compiled_inside() -> nn.Module:
    net = Net()
    net.first = torch.compile(net.first)
    return net


def parametrized() -> nn.Module:
    net = Net()
    torch.nn.utils.parametrizations.weight_norm(net.first)
    return net


def old_weight_norm() -> nn.Module:
    net = Net()
    torch.nn.utils.weight_norm(net.first)
    return net


EAGER: dict[str, tuple[Callable[[], Any], str]] = {
    "compiled": (lambda: torch.compile(Net()), "_orig_mod.first"),
    "compiled in place": (compiled_in_place, "first"),
    "compiled inside": (compiled_inside, "first._orig_mod"),
    "weight_norm": (parametrized, "first"),
    "old weight_norm": (old_weight_norm, "first"),
    "data parallel": (lambda: nn.DataParallel(Net()), "module.first"),
}  # fmt: skip
SCRIPTS: dict[str, tuple[Callable[[], Any], str]] = {
    "scripted": (lambda: torch.jit.script(Net()), ""),
    "traced": (lambda: torch.jit.trace(Net(), torch.ones(2, 4)), ""),
    "scripted inside": (lambda: nn.Sequential(torch.jit.script(Net())), "0"),
}  # fmt: skip
CODE = """
import torch, warnings
from torch import nn

warnings.simplefilter("ignore")

def net():
    return torch.jit.script(nn.Sequential(nn.Linear(4, 3)))

def fast():
    return torch.compile(nn.Sequential(nn.Linear(4, 3)))
"""
TRAINS = Wanted(loss="mse_loss", target="float32[2,3]")


def made(make: Callable[[], Any]) -> Any:
    with warnings.catch_warnings():  # weight_norm and scripts are what torch would rather see no more
        warnings.simplefilter("ignore")
        torch.manual_seed(0)
        return make()


@pytest.mark.parametrize("device", ["auto", "cpu"])
@pytest.mark.parametrize("name", [*EAGER, *SCRIPTS])
def test_one_that_is_well_runs_and_trains(name, device):
    net = made((EAGER | SCRIPTS)[name][0])
    before = copy.deepcopy({name: one.detach() for name, one in net.state_dict().items()})
    found = check_model(net, net, torch.ones(2, 4), Asked(device, is_measured=True), training=TRAINS)
    assert found.is_healthy, found.findings
    assert found.training is not None
    assert found.training.done[-1] == "step"
    assert all(torch.equal(one, before[name]) for name, one in net.state_dict().items())
    assert not any(module._forward_hooks for module in net.modules())


@pytest.mark.parametrize("device", ["fake", "cpu"])
@pytest.mark.parametrize("name", EAGER)
def test_what_breaks_is_pinned_to_the_inner_module(name, device):
    make, module = EAGER[name]
    net = made(make)
    found = check_model(net, net, torch.ones(2, 5), Asked(device))
    assert (found.findings[0].kind, found.findings[0].module) == ("features", module)
    assert found.trace is not None
    assert found.trace.failure is not None
    assert found.trace.failure.module == module
    calls = {call.module: call for call in found.trace.calls}
    assert calls[module].state == "stopped"
    assert not any("second" in call.module for call in found.trace.calls)


@pytest.mark.parametrize("name", SCRIPTS)
def test_what_breaks_in_a_script_is_pinned_to_the_script(name):
    """Python sees it as one call; what runs inside is torch's own, which names no module."""
    make, module = SCRIPTS[name]
    net = made(make)
    found = check_model(net, net, torch.ones(2, 5), Asked())
    assert found.findings[0].module == module
    assert "[2, 5]" in found.findings[0].message
    assert found.trace is not None
    assert [(call.module, call.type) for call in found.trace.calls if call.type == "Net"] == [(module, "Net")]


def test_nothing_is_compiled(monkeypatch):
    """A check runs a model once: minutes of compiling are no part of it."""
    compiled: list[object] = []

    def backend(graph: Any, inputs: Any) -> Any:
        compiled.append(graph)
        return graph.forward

    net = torch.compile(Net(), backend=backend)
    for device in ("fake", "cpu"):
        check_model(net, net, torch.ones(2, 4), Asked(device, is_measured=True), training=TRAINS)
    assert compiled == []
    net(torch.ones(2, 4))
    assert len(compiled) == 1  # as the person means it, still


@pytest.mark.parametrize("name", ["compiled", "weight_norm", "scripted inside"])
def test_captures_are_those_of_the_run_as_it_was_written(name, tmp_path):
    net = made((EAGER | SCRIPTS)[name][0])
    x = torch.randn(2, 4)
    with weightedit.open(net) as document:
        path = capturing(document, net, x, Asked("cpu")).capture(["*"], tmp_path / "captures.safetensors")
    outputs = [one for one in load_file(path).values() if one.shape == (2, 3)]
    assert outputs
    with uncompiled(), torch.no_grad():
        expected = net(x)
    assert all(torch.equal(one, expected) for one in outputs)


def test_a_script_of_a_file_is_made_compared_and_run(tmp_path):
    file = tmp_path / "net.py"
    file.write_text(CODE, encoding="utf-8")
    for name, module in (("net", ""), ("fast", "_orig_mod.0")):
        session = Session(tmp_path)
        answer = session.do({"do": "bring", "reference": f"{file}:{name}", "device": "cpu"})
        assert [one["kind"] for one in answer["model"]["tensors"]] == ["parameter", "parameter"]
        answer = session.do({"do": "run", "inputs": "float32[2,5]"})
        assert answer["trace"]["failure"]["module"] == module


def test_the_copy_of_a_script_is_one_of_its_own():
    """Its parameters can be trained, and whatever else holds them holds those of the copy."""
    net = made(lambda: torch.jit.script(Net()))
    net.first.bias.requires_grad_(False)
    copied, held = detached_copy((net, list(net.parameters())))
    assert [one.requires_grad for one in copied.parameters()] == [True, False, True, True]
    assert all(one.is_leaf for one in copied.parameters())
    assert all(one is other for one, other in zip(copied.parameters(), held, strict=True))
    assert all(torch.equal(one, other) and one.data_ptr() != other.data_ptr()
               for one, other in zip(copied.parameters(), net.parameters(), strict=True))  # fmt: skip
    copied(torch.ones(2, 4)).sum().backward()
    assert all(one.grad is None for one in net.parameters())


def test_a_script_is_told_by_the_class_it_was_made_of():
    facts = model_facts(made(lambda: torch.jit.script(Net())))
    assert (facts.type, [one.type for one in facts.modules]) == ("Net", ["Net", "Linear", "Linear"])
    assert {one.kind for one in facts.tensors} == {"parameter"}
