"""A live module is checked on a copy; all else of the person's process is as it was: inputs, chance, warnings, logs."""

from __future__ import annotations

import logging
import random
import threading
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import weightedit
from weightedit.checking import capturing, check_model
from weightedit.core.errors import Cancelled
from weightedit.core.progress import Progress
from weightedit.doctor.checkup import Asked, Checkup, Wanted
from weightedit.doctor.inside.calls import MADE_BY

TRAINS = Wanted(loss="mse_loss", target="float32[2,3]")


class InPlace(nn.Module):
    """Writes into what it is given, as many real layers do."""

    def __init__(self) -> None:
        super().__init__()
        self.relu, self.drop, self.fc = nn.ReLU(inplace=True), nn.Dropout(0.5), nn.Linear(4, 3)
        self.constant = [torch.ones(4)]

    def forward(self, x: Any, more: Any = None) -> torch.Tensor:
        if more is not None:
            more["second"].add_(1)
            more["noise"] = torch.rand(1)
        random.random()
        np.random.rand()  # its state is what matters
        return self.fc(self.drop(self.relu(x) + torch.rand(4)))


@pytest.fixture
def net() -> InPlace:
    torch.manual_seed(0)
    return InPlace()


def states() -> tuple[Any, ...]:
    array = np.random.get_state()
    return torch.get_rng_state().tolist(), random.getstate(), [array[0], list(array[1]), *array[2:]]


def checked(net: nn.Module, inputs: Any, device: str = "cpu", training: Wanted | None = None,
            is_measured: bool = False, **how: Any) -> Checkup:  # fmt: skip
    return check_model(net, net, inputs, Asked(device, is_measured=is_measured, **how), training=training)


def used(net: nn.Module, inputs: Any, how: str, folder: Path) -> None:
    """Run, measure, train or capture a module."""
    if how == "capture":
        with weightedit.open(net) as document:
            capturing(document, net, inputs, Asked("cpu")).capture(["*"], folder / "captures.safetensors")
        return
    found = checked(net, inputs, "fake" if how == "fake" else "cpu", TRAINS if how == "train" else None,
                    is_measured=how == "measured")  # fmt: skip
    assert found.runs, found.findings


@pytest.mark.parametrize("how", ["run", "fake", "measured", "train", "capture"])
def test_inputs_and_random_numbers_are_as_they_were(net, how, tmp_path):
    whole = torch.randn(4, 4)
    x = whole[::2]  # a view: what it shares memory with is the person's too
    more = {"second": torch.zeros(3), "kept": [torch.ones(2, requires_grad=True)]}
    before, weights = (whole.clone(), x.stride()), {name: one.clone() for name, one in net.state_dict().items()}
    were, modules = states(), {name: dict(vars(one)) for name, one in net.named_modules()}
    used(net, (x, more), how, tmp_path)
    assert states() == were
    assert torch.equal(whole, before[0])
    assert x.stride() == before[1]
    assert torch.equal(more["second"], torch.zeros(3))
    assert list(more) == ["second", "kept"]
    assert more["kept"][0].requires_grad
    assert not any(vars(one) for one in (whole, x, more["second"], more["kept"][0]))
    assert all(torch.equal(one, weights[name]) for name, one in net.state_dict().items())
    assert all(one.grad is None for one in net.parameters())
    assert {name: dict(vars(one)) for name, one in net.named_modules()} == modules
    assert net.training


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
@pytest.mark.parametrize("training", [None, TRAINS])
def test_random_numbers_of_cuda_are_as_they_were(training):
    net = nn.Sequential(nn.ReLU(inplace=True), nn.Linear(4, 3), nn.Dropout(0.5)).cuda()
    net.register_forward_pre_hook(lambda module, args: [torch.rand(1, device="cuda")].clear())
    x, were = torch.randn(2, 4, device="cuda"), torch.cuda.get_rng_state_all()
    known = x.clone()
    assert checked(net, x, "cuda:0", training).runs
    assert all(map(torch.equal, torch.cuda.get_rng_state_all(), were))
    assert torch.equal(x, known)


def test_inputs_keep_their_form_and_what_they_share(net):
    """What the model is given looks like what the person has."""
    seen: dict[str, Any] = {}

    @dataclass
    class Batch:
        first: torch.Tensor
        second: torch.Tensor

    class Looks(nn.Module):
        def forward(self, batch: Batch, pair: tuple[torch.Tensor, ...], unlike: Any) -> torch.Tensor:
            seen.update(batch=batch, pair=pair, unlike=unlike)
            batch.first.mul_(0)
            return batch.second

    base = torch.arange(6.0)
    batch, lock = Batch(base[:3], base.view(2, 3).T), threading.Lock()
    pair = (base, torch.ones(2, requires_grad=True))
    assert checked(Looks(), (batch, pair, lock)).runs
    assert torch.equal(base, torch.arange(6.0))
    assert seen["unlike"] is lock
    assert type(seen["batch"]) is Batch
    assert seen["batch"].first.data_ptr() == seen["batch"].second.data_ptr()
    assert (seen["batch"].second.stride(), seen["pair"][1].requires_grad) == (batch.second.stride(), True)


def test_batches_of_a_persons_own_data_are_as_they_were(net):
    batches = [(torch.randn(2, 4), torch.zeros(2, 3)) for _ in range(2)]
    before = [one.clone() for one, _ in batches]
    generator = torch.Generator().manual_seed(3)
    loader = torch.utils.data.DataLoader(batches, batch_size=None, shuffle=True, generator=generator)
    was, were = generator.get_state(), states()
    found = checked(net, None, training=Wanted(loss="mse_loss", data=loader))
    assert found.training is not None, found.findings
    assert found.training.raised is None
    assert torch.equal(generator.get_state(), was)
    assert states() == were
    assert all(torch.equal(one, known) for (one, _), known in zip(batches, before, strict=True))


def test_a_loss_that_is_a_module_is_a_copy_too_and_what_it_shares_stays_shared(net):
    class Centred(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.mean, self.head = nn.Parameter(torch.zeros(3)), net.fc
            self.register_buffer("seen", torch.zeros(()))

        def forward(self, output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
            self.seen += 1
            return (output - target - self.mean).pow(2).mean() + self.head.weight.sum()

    loss = Centred()
    optimizer = torch.optim.SGD([*net.parameters(), loss.mean], 0.5)
    found = checked(net, torch.randn(2, 4), training=Wanted(loss=loss, optimizer=optimizer, target=torch.ones(2, 3)))
    assert found.training is not None
    assert found.training.done[-1] == "step"
    assert (int(loss.seen), loss.mean.tolist()) == (0, [0, 0, 0])
    assert loss.head is net.fc
    assert loss.mean.grad is None
    assert optimizer.param_groups[0]["params"][-1] is loss.mean
    assert not optimizer.state


def test_constants_beside_the_model_bear_no_marks():
    constant = torch.ones(3)

    class Adds(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(4, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            constant.mul_(self.fc(x).detach().sum() * 0 + 1)
            return constant

    assert checked(Adds(), torch.ones(2, 4)).runs
    assert MADE_BY not in vars(constant)


def test_torch_prints_nothing_of_what_raises_without_values(caplog, capfd):
    found = checked(nn.Linear(4, 3), torch.ones(2, 5), "fake")
    assert [one.kind for one in found.findings] == ["features"]
    assert (caplog.text, *capfd.readouterr()) == ("", "", "")


def test_logs_warnings_and_the_stance_of_the_compiler_are_as_they_were(net):
    class Warns(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            warnings.warn("of the model", UserWarning, stacklevel=1)
            return x

    logs = {name: one.level for name, one in logging.root.manager.loggerDict.items() if isinstance(one, logging.Logger)}
    filters, shown = list(warnings.filters), warnings.showwarning
    registry = dict(globals().get("__warningregistry__", {}))
    for device in ("fake", "cpu"):
        found = checked(Warns(), torch.ones(2), device)
        assert found.trace is not None
        assert found.trace.warnings == ("UserWarning: of the model",)
    assert warnings.filters == filters
    assert warnings.showwarning is shown
    now = globals().get("__warningregistry__", {})
    assert {key: one for key, one in now.items() if key != "version"} == {
        key: one for key, one in registry.items() if key != "version"}  # fmt: skip
    levels = {name: one.level for name, one in logging.root.manager.loggerDict.items()
              if isinstance(one, logging.Logger)}  # fmt: skip
    assert {name: levels[name] for name in logs} == logs


# ---- hooks

@pytest.mark.parametrize("device", ["fake", "cpu"])
def test_a_persons_hooks_run_on_the_copy_and_that_is_said(net, device):
    kept: list[Any] = []
    net.fc.register_forward_hook(lambda module, args, output: kept.append(module))
    net.drop.register_forward_pre_hook(lambda module, args: None)
    found = checked(net, torch.ones(2, 4), device)
    said = "The hooks of drop and fc run on the copy as well; what they keep elsewhere has this run in it."
    assert said in found.notes
    assert len(kept) == 1
    assert kept[0] is not net.fc
    assert len(net.fc._forward_hooks) == 1


def test_hooks_that_do_not_run_are_not_told_of(net):
    """torch's own are there for what it does itself, and those of gradients wait for a training step."""
    net.fc.register_full_backward_hook(lambda module, given, taken: None)
    for one, inputs, training, said in (
        (nn.Sequential(torch.nn.utils.spectral_norm(nn.Linear(4, 3))), torch.ones(2, 4), None, False),
        (net, torch.ones(2, 4), None, False), (net, None, None, False), (net, torch.ones(2, 4), TRAINS, True),
    ):  # fmt: skip
        notes = checked(one, inputs, training=training).notes
        assert any("run on the copy as well" in note for note in notes) == said


# ---- stopping

class Slow(nn.Module):
    """Spends a tenth of a second in each of many modules."""

    def __init__(self, catches: bool = False) -> None:
        super().__init__()
        self.inner = nn.ModuleList(nn.Identity() for _ in range(200))
        self.fc, self.catches = nn.Linear(4, 3), catches

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for one in self.inner:
            time.sleep(0.1)
            try:
                x = one(x)
            except Exception:
                if not self.catches:
                    raise
        return self.fc(x)


@pytest.mark.parametrize("catches", [False, True])
def test_a_live_check_ends_when_its_time_is_up(catches):
    """Also where the model's own code catches what ends it."""
    net = Slow(catches)
    if catches:
        net.inner = net.inner[:30]
    begun = time.monotonic()
    found = checked(net, torch.ones(2, 4), seconds=1.5)
    assert time.monotonic() - begun < 15
    (stopped,) = [one for one in found.findings if one.kind == "stopped"]
    assert stopped.message.startswith("Slow took more than 1.5 s in ")
    assert stopped.message.endswith(" calls of modules; it was stopped there.")


def test_a_training_step_of_a_live_module_ends_when_its_time_is_up():
    class Late(Slow):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x) if self.training else self.fc(x)

    found = checked(Late(), torch.ones(2, 4), training=TRAINS, seconds=2)
    (stopped,) = [one for one in found.findings if one.kind == "stopped"]
    assert (stopped.part, found.training) == ("training", None)
    assert stopped.module.startswith("inner.")
    assert stopped.message.startswith(f"Late took more than 2 s in {stopped.module}, after ")


@pytest.mark.parametrize("training", [None, TRAINS])
def test_a_stop_takes_effect_where_the_next_module_is_entered(training):
    class Stops(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Linear(4, 3), nn.Linear(3, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.first(x)
            if self.training or training is None:
                stop.append(True)
            x = self.second(x)
            after.append(self.training)
            return x

    stop: list[bool] = []
    after: list[bool] = []

    class Flag:
        def is_set(self) -> bool:
            return bool(stop)

    net, asked = Stops(), Asked("cpu", is_measured=False)
    with pytest.raises(Cancelled):
        check_model(net, net, torch.ones(2, 4), asked, training=training, progress=Progress(cancel=Flag()))
    assert True not in after[1:]
    assert len(after) == (0 if training is None else 1)


@pytest.mark.parametrize("how", ["fake", "cpu", "measured", "train", "capture", "copy"])
def test_ctrl_c_is_ctrl_c(net, how, tmp_path):
    """It goes up to whoever pressed it, and what they have is as it was."""
    class Pressed(nn.Module):
        runs = 0

        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(4, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            Pressed.runs += 1
            x.mul_(2)
            if {"measured": self.runs == 2, "train": self.training, "copy": False}.get(how, True):
                raise KeyboardInterrupt
            return self.fc(x)

        def __deepcopy__(self, memo: Any) -> Any:
            if how == "copy":
                raise KeyboardInterrupt
            made = Pressed()
            made.load_state_dict(self.state_dict())
            return made

    pressed, x = Pressed(), torch.ones(2, 4)
    were = states()
    with pytest.raises(KeyboardInterrupt):
        used(pressed, x, how, tmp_path)
    assert states() == were
    assert torch.equal(x, torch.ones(2, 4))
    assert not pressed._forward_pre_hooks
    assert not pressed.fc._forward_hooks
    assert pressed.training
    assert not (tmp_path / "captures.safetensors").exists()


@pytest.mark.parametrize("given", [torch.ones(4, 1, 8, 8), (torch.ones(4, 1, 8, 8),), {"x": torch.ones(4, 1, 8, 8)}])
def test_another_input_is_told_of_where_tensors_are_given_too(given):
    """As for a spec in text: not the weights alone may be what is wrong."""
    class Colour(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 2, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.conv(x)

    colour = Colour()
    (said,) = checked(colour, given, "fake").findings
    name = "x: " if isinstance(given, dict) else ""
    assert f"{name}float32[4,3,8,8]" in [mend.inputs for mend in said.mends]
