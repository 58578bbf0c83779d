"""A live model of very many tensors: comparing names copies nothing, copies are quick, and all of it can be stopped."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import weightedit
from weightedit.checking import check_model
from weightedit.core.errors import Cancelled
from weightedit.core.progress import Progress
from weightedit.doctor.checkup import Asked, Wanted
from weightedit.doctor.inside.training.step import copied
from weightedit.doctor.inside.without_values import fake_mode, faked

BLOCKS = 1_000


class Block(nn.Module):
    runs = 0

    def __init__(self) -> None:
        super().__init__()
        self.fc, self.norm = nn.Linear(4, 4), nn.LayerNorm(4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        Block.runs += 1
        return self.norm(self.fc(x))


@pytest.fixture(scope="module")
def deep() -> nn.Module:
    return nn.Sequential(*(Block() for _ in range(BLOCKS)))


def least(work: Callable[[], Any], times: int = 3) -> float:
    """Return the seconds of processor time that work took when it took least."""
    took = []
    for _ in range(times):
        begun = time.process_time()
        work()
        took.append(time.process_time() - begun)
    return min(took)


def loop(model: nn.Module) -> dict[str, Any]:
    return {name: (tuple(one.shape), one.dtype) for name, one in model.state_dict().items()}


def test_comparing_names_costs_what_looking_at_each_tensor_costs(deep, tmp_path):
    """Generous: a copy of the model took hundreds of times as long as the loop does."""
    file = tmp_path / "deep.safetensors"
    save_file(deep.state_dict(), file)
    assert weightedit.check(file, deep)["ok"]  # once, so that what is imported is
    ratio = least(lambda: weightedit.check(file, deep)) / least(lambda: loop(deep))
    assert ratio < 80, f"{ratio:.0f} times a loop over state_dict()"


def test_a_copy_without_values_costs_what_a_copy_costs(deep):
    fake = fake_mode()
    faked(nn.Linear(2, 2), fake)
    ratio = least(lambda: faked(deep, fake)) / least(lambda: loop(deep))
    assert ratio < 60, f"{ratio:.0f} times a loop over state_dict()"


def test_a_module_that_cannot_be_copied_is_compared_and_not_run(tmp_path):
    """What goes wrong is the copying, which only a run takes."""
    net = nn.Linear(4, 3)
    file = tmp_path / "net.safetensors"
    save_file(nn.Linear(4, 2).state_dict(), file)
    net.lock = threading.Lock()  # type: ignore[assignment]
    load = weightedit.check(file, net)
    assert [one["kind"] for one in load["findings"]] == ["shape"]
    found = weightedit.check(net, net, "float32[2,4]", loss="mse_loss", target="float32[2,3]")
    (said,) = found["findings"]
    assert said["message"].startswith("The model was not run: TypeError: a lock cannot be copied")
    assert not found["ok"]
    assert "No training step was taken, as the model does not run." in found["notes"]


@pytest.mark.parametrize(("inputs", "device"), [(None, "auto"), ("float32[2,4]", "fake"), ("float32[2,4]", "cpu")])
def test_looking_and_copying_end_when_the_time_is_up(deep, inputs, device):
    """No module runs meanwhile, so none would ask."""
    check_model(Block(), Block(), inputs, Asked(device))  # once, so that what is imported is
    found = weightedit.check(deep, deep, inputs, device=device, seconds=0.01)
    (said,) = found["findings"]
    assert said["message"] == "Sequential took more than 0.01 s; it was stopped."


@pytest.mark.parametrize("device", ["fake", "cpu"])
def test_copying_can_be_cancelled(deep, device, tmp_path: Path):
    class Flag:
        asked = 0

        def is_set(self) -> bool:
            self.asked += 1
            return self.asked > 10 * BLOCKS  # all 7,000 modules and tensors are looked at by then, and not all copied

    flag, runs = Flag(), Block.runs
    with pytest.raises(Cancelled):
        check_model(deep, deep, "float32[2,4]", Asked(device), progress=Progress(cancel=flag))
    assert flag.asked == 10 * BLOCKS + 1
    assert Block.runs == runs


@pytest.mark.parametrize("make", [
    lambda: nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3)).half(),
    lambda: nn.LSTM(4, 3, num_layers=2),
    lambda: nn.Conv2d(3, 4, 2).to(memory_format=torch.channels_last).requires_grad_(False),
    lambda: nn.utils.parametrizations.weight_norm(nn.Linear(4, 3)),
    lambda: nn.Linear(4, 3, device="meta"),
    lambda: nn.LazyLinear(3),
])  # fmt: skip
def test_a_copy_without_values_is_the_model_but_for_its_values(make):
    """As torch's own conversion of each tensor has it; what is on meta is where its inputs are made."""
    model, fake = make(), fake_mode()
    tensors = [*model.named_parameters(), *model.named_buffers()]
    made = dict([*(found := faked(model, fake)).named_parameters(), *found.named_buffers()])
    assert list(made) == [name for name, _ in tensors]
    for name, tensor in tensors:
        copy = made[name]
        assert isinstance(copy, nn.Parameter) == isinstance(tensor, nn.Parameter)
        device = torch.device("cpu") if tensor.is_meta else tensor.device
        assert (copy.dtype, copy.device, copy.requires_grad) == (tensor.dtype, device, tensor.requires_grad)
        if not torch.nn.parameter.is_lazy(tensor):
            torch_own = fake.from_tensor(tensor, static_shapes=True)
            assert type(copy) is type(torch_own)
            assert (copy.shape, copy.stride()) == (torch_own.shape, torch_own.stride())


def test_what_is_tied_is_tied_in_both_copies():
    net = nn.ModuleDict({"first": nn.Linear(4, 4), "second": nn.Linear(4, 4)})
    net["second"].weight = net["first"].weight
    net.held = [net["first"], net["first"].weight]
    for copy in (faked(net, fake_mode()), copied(net)[0]):
        assert copy["second"].weight is copy["first"].weight is copy.held[1]
        assert copy.held[0] is copy["first"] is not net["first"]


def test_a_load_report_of_a_live_module_leaves_it_as_it_is(deep, tmp_path):
    were = {name: (id(one), one._version) for name, one in deep.state_dict(keep_vars=True).items()}
    check_model(deep, deep, None, Asked(), training=Wanted())
    assert {name: (id(one), one._version) for name, one in deep.state_dict(keep_vars=True).items()} == were
