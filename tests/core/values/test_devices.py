"""Devices: values come to the device a weight is on, moves keep identity rules, sharing and the optimizer, memory is
asked for before, and a checkpoint's device tags can be changed."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import weightedit
from tests.operations import oracle
from weightedit import ConfirmationNeeded, EditRefused
from weightedit.core.edits import rebinding, relocating
from weightedit.core.values import devices


def kinds(hazards: list[Any]) -> set[tuple[str, str]]:
    return {(hazard.kind, hazard.level) for hazard in hazards}


def save_for(path: Path, device: str, legacy: bool = False) -> dict[str, torch.Tensor]:
    """Save tensors as torch saves what lies on a device, without one: only the tags differ."""
    flat = torch.arange(8.0)
    tensors = {"a": flat[:4].view(2, 2), "b": flat[3:], "n": torch.arange(3), "p": nn.Parameter(torch.ones(2))}
    original = torch.serialization.location_tag
    torch.serialization.location_tag = lambda storage: device  # type: ignore[assignment]
    try:
        torch.save(tensors, path, _use_new_zipfile_serialization=not legacy)
    finally:
        torch.serialization.location_tag = original
    return tensors


# ---- checkpoints


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
def test_a_checkpoint_saved_on_cuda_is_made_to_load_without_it(tmp_path, legacy):
    """torch refuses it where there is no CUDA, unless every caller gives map_location."""
    path = tmp_path / "gpu.pt"
    tensors = save_for(path, "cuda:7", legacy)
    with pytest.raises(RuntimeError, match=r"(?i)cuda"):
        torch.load(path)
    with weightedit.open(path) as doc:
        assert {info.device for info in doc.tensors.values()} == {"cuda:7"}
        before = {name: oracle.bits(doc.read(name)) for name in doc.tensors}
        nbytes = doc.history.nbytes
        doc.apply("to_device", "*", device="cpu")
        assert doc.history.nbytes == nbytes, "tags change, not bytes"
        doc.undo()
        assert {info.device for info in doc.tensors.values()} == {"cuda:7"}
        doc.redo()
        doc.save()
        assert {name: oracle.bits(doc.read(name)) for name in doc.tensors} == before
    loaded = torch.load(path)
    for name, tensor in tensors.items():
        assert oracle.bits(loaded[name]) == oracle.bits(tensor)
        assert loaded[name].device.type == "cpu"
        assert type(loaded[name]) is type(tensor)
    assert loaded["a"].untyped_storage().data_ptr() == loaded["b"].untyped_storage().data_ptr()


def test_a_tag_belongs_to_a_storage_so_all_over_it_go_along(tmp_path):
    path = tmp_path / "gpu.pt"
    save_for(path, "cuda:1")
    with weightedit.open(path) as doc:
        hazard = next(one for one in doc.preflight("to_device", "a", device="cpu") if one.kind == "shared-storage")
        assert hazard.targets == ("b",)
        doc.apply("to_device", "a", device="cpu")
        assert {name: info.device for name, info in doc.tensors.items()} == {
            "a": "cpu", "b": "cpu", "n": "cuda:1", "p": "cuda:1"}  # fmt: skip
        assert doc.tensors["a"].storage_group == doc.tensors["b"].storage_group is not None
        doc.export(tmp_path / "half.pt")
        doc.undo()
        doc.apply("to_device", "a", device="cpu", tied="untie")
        assert (doc.tensors["a"].device, doc.tensors["b"].device) == ("cpu", "cuda:1")
        doc.export(tmp_path / "apart.pt")
    for name, on_cpu in (("half", {"a", "b"}), ("apart", {"a"})):
        with weightedit.open(tmp_path / f"{name}.pt") as again:
            assert {key for key, info in again.tensors.items() if info.device == "cpu"} == on_cpu
            assert torch.equal(again.read("b"), torch.arange(3.0, 8.0))


def test_safetensors_keeps_no_device(tmp_path):
    safetensors = pytest.importorskip("safetensors.torch")
    safetensors.save_file({"w": torch.ones(2)}, tmp_path / "m.safetensors")
    with weightedit.open(tmp_path / "m.safetensors") as doc:
        with pytest.raises(EditRefused, match="keeps no device"):
            doc.apply("to_device", "w", device="cuda:0")
        assert kinds(doc.preflight("to_device", "w", device="cpu")) == {("device-mix", "notice")}


@pytest.mark.parametrize("device", ["nowhere", "cuda:x", "meta", "cuda:-1", ""])
def test_what_is_no_device(device):
    doc = weightedit.open({"w": torch.ones(2)})
    with pytest.raises(EditRefused, match="It takes a device, such as cpu or cuda:0"):
        doc.apply("to_device", "w", device=device)


def test_a_device_that_is_not_here():
    doc = weightedit.open({"w": torch.ones(2)})
    with pytest.raises(EditRefused, match=r"no device cuda:63.*This machine has: cpu"):
        doc.apply("to_device", "w", device="cuda:63")
    assert not doc.history.steps


# ---- values come to the weight


@pytest.mark.parametrize("operation", ["set", "replace", "add"])
def test_a_cpu_tensor_given_to_a_weight_comes_to_its_device(device, operation):
    """`m.weight = nn.Parameter(cpu_tensor)` leaves a module on two devices; here values go where the weight is."""
    net = nn.Linear(3, 2, device=device)
    weight, values = net.weight, torch.arange(6.0).reshape(2, 3)
    doc = weightedit.open(net)
    before = net.weight.detach().cpu().clone()
    argument = {"set": "values", "replace": "source", "add": "value"}[operation]
    doc.apply(operation, "weight", **{argument: values})
    assert net.weight.device.type == device
    assert (net.weight is weight) == (operation != "replace")
    want = values + before if operation == "add" else values
    assert torch.equal(net.weight.detach().cpu(), want)
    assert net(torch.ones(1, 3, device=device)).shape == (1, 2)
    doc.undo()
    assert net.weight is weight
    assert torch.equal(net.weight.detach().cpu(), before)


def test_every_kind_of_write_reaches_a_weight_where_it_is(device):
    net = nn.Linear(4, 3, bias=False, device=device)
    doc = weightedit.open(net)
    want = net.weight.detach().cpu().clone()
    doc.apply("fill", "weight", value=2.0, region="[[0, 2], 1:3]")
    want[[0, 2], 1:3] = 2.0
    doc.apply("scale", "weight", factor=-1.0, region="where w > 1")
    want[want > 1] *= -1
    doc.apply("cast", "weight", dtype="float16", accept="all")
    doc.apply("transpose", "weight", accept="all")
    assert net.weight.device.type == device
    assert torch.equal(net.weight.detach().cpu(), want.half().T)
    assert torch.equal(doc.read("weight"), want.half().T)


# ---- moves


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(5, 3)
        self.lstm = nn.LSTM(3, 2)
        self.norm = nn.BatchNorm1d(2)
        self.head = nn.Linear(3, 5, bias=False)
        self.head.weight = self.embed.weight


def trained() -> tuple[Net, torch.optim.Optimizer]:
    torch.manual_seed(0)
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    sum(parameter.square().sum() for parameter in net.parameters()).backward()
    optimizer.step()
    return net, optimizer


@pytest.fixture
def elsewhere(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, device: str) -> str:
    """A device to move to: the GPU where there is one; else memory of this machine that goes by the name of `cuda:0`.

    In that case the whole way is walked, allocation and copying apart: torch has no second device on such a machine
    that holds values.
    """
    if device == "cuda":
        return "cuda:0"
    monkeypatch.setattr(devices, "devices", lambda: ["cpu", "cuda:0"])
    monkeypatch.setattr("weightedit.core.checks.devices.devices", lambda: ["cpu", "cuda:0"])
    monkeypatch.setattr("weightedit.core.checks.devices.free_memory", lambda name: 1 << 30)
    real = relocating.moved_storage
    monkeypatch.setattr(relocating, "moved_storage",
                        lambda storage, low, high, device, *rest: real(storage, low, high, "cpu", *rest))  # fmt: skip
    return "cuda:0"


def test_a_module_is_moved_in_one_step(elsewhere, device):
    net, optimizer = trained()
    doc = weightedit.open(net, optimizer=optimizer)
    before = {name: (tensor, oracle.bits(tensor)) for name, tensor in net.state_dict(keep_vars=True).items()}
    states = {id(parameter): state for parameter, state in optimizer.state.items()}
    copies = {name: copy.deepcopy(optimizer.state[tensor]) for name, (tensor, _) in before.items()
              if tensor in optimizer.state}  # fmt: skip
    grads = {name: tensor.grad for name, (tensor, _) in before.items()}
    storages = {tensor.untyped_storage().data_ptr() for tensor in net.lstm.parameters()}
    doc.apply("to_device", "*", device=elsewhere, accept="all")
    assert len(doc.history) == 1
    if device == "cuda":
        assert {tensor.device for tensor in net.state_dict().values()} == {torch.device("cuda:0")}
    after = net.state_dict(keep_vars=True)
    for name, (old, bits) in before.items():
        new = after[name]
        assert new is not old
        assert type(new) is type(old)
        assert oracle.bits(new) == bits
        assert new.requires_grad == old.requires_grad
        assert (new.grad is None) == (grads[name] is None)
        if grads[name] is not None:
            assert oracle.bits(new.grad) == oracle.bits(grads[name])
            assert new.grad.device == new.device
        for key, value in copies.get(name, {}).items():
            moved = optimizer.state[new][key]
            assert oracle.bits(moved) == oracle.bits(value)
            assert moved.device == (new.device if key != "step" else value.device)
    assert net.head.weight is net.embed.weight, "tied stays tied"
    assert {id(p) for group in optimizer.param_groups for p in group["params"]} == {id(p) for p in net.parameters()}
    assert all(flat is getattr(net.lstm, name) for name, flat in
               zip(net.lstm._flat_weights_names, net.lstm._flat_weights, strict=True))  # fmt: skip
    assert len({tensor.untyped_storage().data_ptr() for tensor in net.lstm.parameters()}) == len(storages)
    optimizer.step()
    doc.undo(accept="all")
    for name, tensor in net.state_dict(keep_vars=True).items():
        assert tensor is before[name][0]
        assert oracle.bits(tensor) == before[name][1]
        assert tensor.grad is grads[name]
    assert {id(parameter): state for parameter, state in optimizer.state.items()} == states


def test_views_of_one_storage_move_together(elsewhere):
    flat = torch.arange(10.0)
    state = {"a": flat[2:6].view(2, 2), "b": nn.Parameter(flat[4:]), "c": torch.zeros(3)}
    doc = weightedit.open(state)
    hazard = next(one for one in doc.preflight("to_device", "a", device=elsewhere) if one.kind == "shared-storage")
    assert (hazard.targets, hazard.level) == (("b",), "notice")
    doc.apply("to_device", "a", device=elsewhere)
    a, b = state["a"], state["b"]
    assert a.untyped_storage().data_ptr() == b.untyped_storage().data_ptr() != flat.untyped_storage().data_ptr()
    assert isinstance(b, nn.Parameter)
    doc.apply("fill", "b", value=-1.0, region="[0]")
    assert a[1, 0].item() == -1
    assert flat.tolist() == list(range(10))
    doc.undo()
    doc.undo()
    assert state["a"].data_ptr() == flat[2:].data_ptr()
    doc.apply("to_device", "a", device=elsewhere, tied="untie")
    assert state["a"].untyped_storage().data_ptr() != state["b"].untyped_storage().data_ptr()
    assert state["b"] is b or state["b"].data_ptr() == flat[4:].data_ptr()


def test_one_module_on_two_devices_is_asked_about(elsewhere):
    net = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2)))
    doc = weightedit.open(net)
    [hazard] = [one for one in doc.preflight("to_device", "1.0.weight", device=elsewhere) if one.kind == "device-mix"]
    assert (hazard.level, hazard.count) == ("warning", 1)
    assert hazard.message.startswith("1.0 is on two devices then")
    assert "1 on cuda:0, 1 on cpu" in hazard.message
    with pytest.raises(ConfirmationNeeded, match="two devices"):
        doc.apply("to_device", "1.0.weight", device=elsewhere)
    [hazard] = [one for one in doc.preflight("to_device", "1.0.*", device=elsewhere) if one.kind == "device-mix"]
    assert hazard.message.startswith("1 is on two devices then")
    [hazard] = [one for one in doc.preflight("to_device", "1.*", device=elsewhere) if one.kind == "device-mix"]
    assert hazard.message.startswith("Sequential is on two devices then")
    assert not [one for one in doc.preflight("to_device", "*", device=elsewhere) if one.kind == "device-mix"]


# ---- memory


def test_memory_is_asked_for_before_a_move(elsewhere, monkeypatch):
    """The refusal names what is missing: values, gradients and what the optimizer keeps."""
    net = nn.Linear(100, 10, bias=False)
    optimizer = torch.optim.Adam(net.parameters())
    net(torch.ones(1, 100)).sum().backward()
    optimizer.step()
    needed = 4 * 1000 * 4 + 4  # weight, grad, two moments; Adam's count of steps
    monkeypatch.setattr("weightedit.core.checks.devices.free_memory", lambda name: {"cuda:0": needed - 1000}[name])
    doc = weightedit.open(net, optimizer=optimizer)
    weight = net.weight
    with pytest.raises(EditRefused, match=r"cuda:0 has 15.0 kB free, 1.00 kB less than the move needs"):
        doc.apply("to_device", "weight", device=elsewhere)
    assert net.weight is weight
    monkeypatch.setattr("weightedit.core.checks.devices.free_memory", lambda name: needed)
    doc.apply("to_device", "weight", device=elsewhere)
    assert net.weight is not weight


OUT_OF_MEMORY = {
    "cuda": lambda: torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has 1 GiB"),
    "python": MemoryError,
    "cpu": lambda: RuntimeError("[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory"),
}


@pytest.mark.parametrize("error", OUT_OF_MEMORY)
def test_a_failed_allocation_changes_nothing(elsewhere, monkeypatch, error):
    """The third of four storages does not fit: the first two are not moved either."""
    net, optimizer = trained()
    doc = weightedit.open(net, optimizer=optimizer)
    before = {name: (tensor, oracle.bits(tensor), tensor.grad) for name, tensor in
              net.state_dict(keep_vars=True).items()}  # fmt: skip
    state = {id(parameter): id(kept) for parameter, kept in optimizer.state.items()}
    real, calls = relocating.moved_storage, []

    def moved_storage(*arguments: Any) -> torch.UntypedStorage:
        calls.append(arguments)
        if len(calls) == 3:
            raise OUT_OF_MEMORY[error]()
        return real(*arguments)

    monkeypatch.setattr(relocating, "moved_storage", moved_storage)
    with pytest.raises(EditRefused, match=r"no memory left for .* on cuda:0.*Nothing was changed"):
        doc.apply("to_device", "*", device=elsewhere)
    assert len(calls) == 3
    assert not doc.history.steps
    for name, tensor in net.state_dict(keep_vars=True).items():
        assert tensor is before[name][0]
        assert (oracle.bits(tensor), tensor.grad) == before[name][1:]
    assert {id(parameter): id(kept) for parameter, kept in optimizer.state.items()} == state


def test_a_cast_without_memory_changes_nothing(device, monkeypatch):
    net = nn.Linear(3, 2, device=device)
    doc = weightedit.open(net)
    weight, bias = net.weight, net.bias
    real, calls = rebinding.fill_live, []

    def fill_live(*arguments: Any) -> None:
        calls.append(arguments)
        if len(calls) == 2:
            raise MemoryError
        real(*arguments)

    monkeypatch.setattr(rebinding, "fill_live", fill_live)
    with pytest.raises(EditRefused, match="no memory left for Cast dtype"):
        doc.apply("cast", "*", dtype="float64")
    assert len(calls) == 2
    assert net.weight is weight
    assert net.bias is bias


def test_other_errors_are_not_taken_for_a_lack_of_memory():
    with pytest.raises(RuntimeError, match="something else"), devices.refused_for_memory("it"):
        raise RuntimeError("something else")


def test_free_memory_is_what_the_system_says(device):
    free = devices.free_memory("cuda:0" if device == "cuda" else "cpu")
    assert free is None or free > 1 << 20
    if device == "cuda":
        assert free is not None
        kept = torch.empty(64 << 20, dtype=torch.uint8, device="cuda:0")
        assert devices.free_memory("cuda:0") <= free - kept.numel()
        assert devices.model_name("cuda:0") == torch.cuda.get_device_name(0)
    assert devices.free_memory("cuda:99") is None
    assert devices.model_name("cpu") == ""
    assert devices.full_name("cuda") == "cuda:0"


@pytest.mark.cuda
@pytest.mark.filterwarnings("ignore:RNN module weights are not part of single contiguous chunk:UserWarning")
def test_to_the_gpu_and_back():
    """A model is trained there after the move, and the way back is another step."""
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device here")
    net = nn.Sequential(nn.Linear(8, 8), nn.LSTM(8, 4))
    optimizer = torch.optim.Adam(net.parameters())
    doc = weightedit.open(net, optimizer=optimizer)
    doc.apply("to_device", "*", device="cuda")
    for _ in range(2):
        optimizer.zero_grad()
        net(torch.ones(3, 8, device="cuda"))[0].sum().backward()
        optimizer.step()
    doc.apply("to_device", "*", device="cpu")
    assert {parameter.device.type for parameter in net.parameters()} == {"cpu"}
    optimizer.zero_grad()
    net(torch.ones(3, 8))[0].sum().backward()
    optimizer.step()
    doc.undo(accept="all")
    assert {parameter.device.type for parameter in net.parameters()} == {"cuda"}


def test_what_other_code_did_since_a_move_is_asked_about(elsewhere):
    net = nn.Linear(2, 2, bias=False)
    doc = weightedit.open(net)
    doc.apply("to_device", "weight", device=elsewhere)
    with torch.no_grad():
        net.weight.add_(1)
    with pytest.raises(ConfirmationNeeded, match="changed elsewhere"):
        doc.undo()
    doc.undo(accept={"changed-elsewhere"})
    with torch.no_grad():
        net.weight.add_(1)
    with pytest.raises(ConfirmationNeeded, match="changed elsewhere"):
        doc.redo()


def test_hooks_and_attributes_come_along(elsewhere):
    net = nn.Linear(2, 2, bias=False)
    net.weight.tag = "mine"  # type: ignore[attr-defined]
    called: list[int] = []
    net.weight.register_hook(lambda grad: called.append(1))
    doc = weightedit.open(net)
    doc.apply("to_device", "weight", device=elsewhere)
    assert net.weight.tag == "mine"
    net.weight.sum().backward()
    assert called == [1]


def test_a_snapshot_taken_before_a_move_is_restored_where_the_tensor_is_now(elsewhere, device):
    net = nn.Linear(3, 2, bias=False)
    before = oracle.bits(net.weight)
    doc = weightedit.open(net)
    doc.snapshot("start")
    doc.apply("to_device", "weight", device=elsewhere)
    moved = net.weight
    doc.apply("fill", "weight", value=0.0)
    doc.restore("start")
    assert net.weight is moved
    assert net.weight.device.type == device
    assert oracle.bits(net.weight) == before
