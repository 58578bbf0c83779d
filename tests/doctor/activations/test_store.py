"""Copies stay within their budget, the rest is on disk, and a disk that is full or broken is said in a sentence."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

import weightedit
from tests.doctor.activations.test_captures import same_bits
from weightedit.core.dtypes import DTYPES, torch_dtype
from weightedit.core.stage import copies
from weightedit.doctor.inside.capturing.captures import capture
from weightedit.doctor.inside.capturing.store import CapturesDamaged, NoRoom, Store, why_not

DTYPES_COPIED = [name for name in DTYPES if hasattr(torch, name) and copies(name)]


def anything(dtype, *shape):
    """Return a tensor of any bits of a dtype."""
    size = DTYPES[dtype].itemsize
    raw = torch.randint(256, (*shape[:-1], shape[-1] * size), dtype=torch.uint8,
                        generator=torch.Generator().manual_seed(len(dtype)))  # fmt: skip
    return (raw % 2 if dtype == "bool" else raw).view(torch_dtype(dtype))


@pytest.mark.parametrize("dtype", DTYPES_COPIED)
@pytest.mark.parametrize("budget", [0, 1 << 20])
def test_every_dtype_and_stride_comes_back_bit_for_bit(tmp_path, dtype, budget, device):
    store = Store(tmp_path, budget)
    whole = anything(dtype, 5, 6).to(device)
    for number, tensor in enumerate((whole, whole.t(), whole[1::2, ::3], whole[0, 0], whole[:0], whole[:1].expand(3, 6),
                                     nn.Parameter(whole, requires_grad=False))):  # fmt: skip
        kept = store.keep(tensor, f"t{number}")
        assert same_bits(kept.read(), tensor.detach().cpu())
        assert kept.has_bits_of(tensor)
        assert kept.is_in_memory == (budget > 0 or not tensor.numel())
    other = whole.clone()
    other.view(torch.uint8)[2, 3] ^= 1
    assert not store.keep(whole, "whole").has_bits_of(other)
    assert not store.keep(whole, "whole").has_bits_of(whole.t())
    store.close()


def test_a_copy_is_not_the_tensor(tmp_path):
    """Nothing of the storage is kept: a view of a large tensor takes its own bytes alone."""
    store, large = Store(tmp_path, 1 << 20), torch.arange(1 << 20, dtype=torch.float32)
    kept = store.keep(large[:3], "few")
    large[0] = 9
    assert kept.read().tolist() == [0, 1, 2]
    assert store.memory_nbytes == 12
    assert kept.read().untyped_storage().nbytes() == 12


class Wide(nn.Module):
    """Makes and lets go of many tensors of 1 MiB."""

    def __init__(self, count):
        super().__init__()
        self.layers = nn.ModuleList([nn.Tanh() for _ in range(count)])

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


def live_bytes():
    """The bytes of every tensor that Python knows of, each storage once."""
    gc.collect()
    found = {}
    for thing in gc.get_objects():
        if type(thing) is torch.Tensor and thing.layout is torch.strided:  # others have no storage
            found[thing.untyped_storage()._cdata] = thing.untyped_storage().nbytes()
    return sum(found.values())


def anonymous_bytes():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("RssAnon"))


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux how much memory is taken")
def test_the_budget_holds_and_the_rest_is_on_disk(tmp_path):
    """40 captures of 1 MiB under a budget of 4 MiB: no more is ever in memory, and all can be read.

    In a process of its own: what other tests have freed, or hold, is in nobody's way.
    """
    code = "import sys; from pathlib import Path; from tests.doctor.activations.test_store import keep_to_a_budget; " \
           "keep_to_a_budget(Path(sys.argv[1]))"  # fmt: skip
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, env={**os.environ, "PYTHONPATH": "."},
                   cwd=Path(__file__).parents[3])  # fmt: skip
    assert list(tmp_path.iterdir()) == []


def keep_to_a_budget(folder):
    model, x = Wide(40), torch.randn(1 << 18)
    budget, most = 4 << 20, []

    with capture(model, (x,), folder=folder, budget=64 << 20) as captures:  # what torch itself takes at first
        assert captures.run.uncalled == ()  # a ModuleList is none that could be called
    before, tensors = anonymous_bytes(), live_bytes()
    with capture(model, (x,), folder=folder, budget=budget,
                 ask=lambda: most.append(anonymous_bytes())) as captures:  # fmt: skip
        assert captures.memory_nbytes == budget - x.nbytes  # the run had a copy of the input, to put that back
        assert captures.disk_nbytes == (41 << 20) - captures.memory_nbytes
        assert max(most) - before < budget + (12 << 20)
        assert live_bytes() == tensors  # none of what the run made is held as a tensor
        wanted = x
        for number in range(40):
            assert same_bits(captures.read(f"layers.{number}.input"), wanted)
            wanted = torch.tanh(wanted)
            assert same_bits(captures.read(f"layers.{number}.output"), wanted)


def test_any_budget_gives_the_same_file(tmp_path):
    """Bit for bit, wherever the values were meanwhile."""
    torch.manual_seed(0)
    model, x = nn.Sequential(nn.Linear(30, 20), nn.ReLU(inplace=True), nn.LSTM(20, 10)), torch.randn(4, 2, 30)
    files = []
    for budget in (0, 1000, 2500, 1 << 40):
        with capture(model, (x,), folder=tmp_path, budget=budget) as captures:
            assert captures.memory_nbytes <= budget
            files.append(captures.export(tmp_path / f"{budget}.safetensors").read_bytes())
    assert len(set(files)) == 1
    assert len(files[0]) > 5000


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no largest file of a process")
def test_a_full_disk_is_a_sentence(tmp_path):
    """The run ends, the model is as it was, and nothing is left on the disk."""
    import resource

    model, x = nn.Sequential(nn.BatchNorm1d(512), nn.ReLU()), torch.randn(1024, 512)
    before = model[0].running_mean.clone()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, limits[1]))
    try:
        with pytest.raises(NoRoom) as raised:
            capture(model, (x,), folder=tmp_path, budget=1000, modules=("1",))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert str(raised.value).startswith("There is no room for the 2.10 MB of the input: ")
    assert "has none (this process may write files of at most 1,048,576 bytes" in str(raised.value)
    assert str(raised.value).endswith("captures have 8 B of the 1.00 kB that they may have in memory. Free some space, "
                                      "or choose fewer modules.")  # fmt: skip
    assert torch.equal(model[0].running_mean, before)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="this system takes the disk's blocks otherwise")
def test_a_full_disk_in_the_middle_is_told_though_the_model_catches_it(tmp_path, monkeypatch):
    class Catches(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.ReLU()

        def forward(self, x):
            try:
                return self.inner(x)
            except Exception:
                return x

    def full(handle, start, nbytes):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(NoRoom, match=r"the 8 B of inner\.input: .* has none \(No space left on device\), and captures"):
        capture(Catches(), (torch.ones(2),), folder=tmp_path, budget=0, leaves_no_trace=False, modules=("inner",))


@pytest.mark.skipif(sys.platform != "linux", reason="finds the file of the spill in /proc")
def test_values_that_the_disk_lost_are_not_shown(tmp_path):
    store = Store(tmp_path, 0)
    kept = store.keep(torch.ones(1000), "x")
    os.pwrite(kept.content.kept.file.handle, b"\x07", 100)
    with pytest.raises(CapturesDamaged, match=r"damaged: the checksum of bytes 0–4,000 differs\. Run the model again"):
        kept.read()


def test_what_cannot_be_copied_says_why():
    assert why_not(torch.ones(2)) == ""
    assert why_not(torch.ones(2).to_sparse()) == "is sparse_coo, and has no plain values"
    assert why_not(torch.empty(2, device="meta")) == "is on meta, without values"
    assert why_not(nn.UninitializedParameter()) == "has no values yet"
    assert why_not(torch.zeros(2, dtype=torch.uint8).view(torch.bits8)) == "is bits8, which torch does not copy"


def test_captures_open_as_any_other_tensors(tmp_path):
    """Names, values, sharing and statistics, by the same door as a checkpoint."""
    model, x = nn.Sequential(nn.Linear(3, 4), nn.Identity()), torch.randn(2, 3)
    with capture(model, (x,), folder=tmp_path) as captures:
        path = captures.export(tmp_path / "captures.safetensors")
    with weightedit.open(path) as document:
        assert list(document.tensors) == ["input", "0.input", "0.output", "1.input", "1.output", "output"]
        assert torch.equal(document.read("1.output", region="[1, :]"), model[0](x)[1])
        groups = {name: document.tensors[name].storage_group for name in document.tensors}
        assert groups == {"input": "S1", "0.input": "S1"} | dict.fromkeys(["0.output", "1.input", "1.output", "output"],
                                                                          "S2")  # fmt: skip
        document.export(tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes()[8:] != b""
    with weightedit.open(tmp_path / "again.safetensors") as document:
        assert torch.equal(document.read("output"), model[0](x))
