"""Tensors that are spread over ranks: what torch loses silently is refused; a rank's own part is edited in place.

Two ranks in one process: torch's `fake` backend answers for the other one, and `gloo` is used with a single rank.
Neither opens a connection.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

import weightedit
from weightedit import EditRefused, detached_copy

distributed = pytest.importorskip("torch.distributed")
if not distributed.is_available():
    pytest.skip("torch was built without torch.distributed", allow_module_level=True)
tensor = pytest.importorskip("torch.distributed.tensor")

VALUES = torch.arange(12.0).reshape(4, 3)


@pytest.fixture
def two_ranks() -> Iterator[object]:
    """A mesh of two ranks, of which this process is the first."""
    fake = pytest.importorskip("torch.testing._internal.distributed.fake_pg")
    distributed.init_process_group("fake", store=fake.FakeStore(), rank=0, world_size=2)
    try:
        yield distributed.device_mesh.DeviceMesh("cpu", [0, 1])
    finally:
        distributed.destroy_process_group()


@pytest.fixture
def one_rank(tmp_path: Path) -> Iterator[object]:
    """A mesh of one rank with a real backend, which meets in a file."""
    if not distributed.is_gloo_available():
        pytest.skip("torch was built without gloo")
    distributed.init_process_group("gloo", store=distributed.FileStore(str(tmp_path / "store"), 1), rank=0,
                                   world_size=1)  # fmt: skip
    try:
        yield distributed.device_mesh.DeviceMesh("cpu", [0])
    finally:
        distributed.destroy_process_group()


def sharded(mesh: object, dim: int = 0) -> torch.Tensor:
    """This rank's part of the values, cut along a dimension."""
    part = VALUES.chunk(2, dim)[0].clone()
    return tensor.DTensor.from_local(part, mesh, [tensor.Shard(dim)], run_check=False, shape=VALUES.shape,
                                     stride=VALUES.stride())  # fmt: skip


WRITES = {
    "d[0, 1] = 7": lambda d: d.__setitem__((0, 1), 7.0),
    "d[0].fill_(7)": lambda d: d[0].fill_(7.0),
    "d[0:1].zero_()": lambda d: d[0:1].zero_(),
    "d[1].add_(1)": lambda d: d[1].add_(1.0),
    "d[0].copy_(d[1])": lambda d: d[0].copy_(d[1]),
}


@pytest.mark.parametrize("write", WRITES)
def test_torch_loses_an_indexed_write_along_the_sharded_dimension(two_ranks, write):
    """No error and no warning: the index makes a tensor of its own out of both ranks' parts, and that is written."""
    spread = sharded(two_ranks)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("error")
        WRITES[write](spread)
    assert torch.equal(spread.to_local(), VALUES[:2]), "nothing of it arrived"


def test_torch_does_not_lose_it_along_another_dimension_or_on_one_rank(two_ranks):
    """It depends on where the cut is, so a program that works on one rank loses writes on two."""
    spread = sharded(two_ranks)
    with torch.no_grad():
        spread[:, 1].fill_(7.0)
    assert spread.to_local()[:, 1].tolist() == [7, 7]


def test_the_same_write_arrives_on_one_rank(one_rank):
    whole = tensor.distribute_tensor(VALUES.clone(), one_rank, [tensor.Shard(0)])
    with torch.no_grad():
        whole[0].fill_(7.0)
    assert whole.full_tensor()[0].tolist() == [7, 7, 7]


class Net(nn.Module):
    def __init__(self, mesh: object) -> None:
        super().__init__()
        self.weight = nn.Parameter(sharded(mesh))
        self.bias = nn.Parameter(torch.zeros(4))


def test_weightedit_refuses_what_would_be_lost(two_ranks):
    net = Net(two_ranks)
    doc = weightedit.open(net)
    info = doc.tensors["weight"]
    assert (info.shape, info.kind, info.dtype) == ((4, 3), "parameter", torch.float32)
    assert info.encoding == "DTensor Shard(dim=0) over 2 ranks"
    for operation, more in (("fill", {"value": 7.0, "region": "[0, :]"}), ("set", {"values": VALUES}),
                            ("scale", {"factor": 2.0}), ("cast", {"dtype": "float16"})):  # fmt: skip
        [hazard] = doc.preflight(operation, "weight", **more)
        assert (hazard.kind, hazard.level) == ("lost-write", "refusal")
        with pytest.raises(EditRefused, match=r"sharded.*Shard\(dim=0\) over 2 ranks.*to_local\(\)"):
            doc.apply(operation, "*", **more)
    assert torch.equal(net.weight.to_local(), VALUES[:2])
    assert net.bias.tolist() == [0, 0, 0, 0], "a batch with one such tensor changes nothing"
    doc.apply("fill", "bias", value=1.0)


def test_the_part_of_this_rank_is_edited_and_read_back(two_ranks):
    """What the refusal advises: `to_local()` shares its memory with the sharded parameter."""
    net = Net(two_ranks)
    with torch.no_grad():
        doc = weightedit.open({"weight": net.weight.to_local()})
    doc.apply("fill", "weight", value=7.0, region="[[1], 0:2]")
    assert net.weight.to_local()[1].tolist() == [7, 7, 5]
    assert doc.read("weight").tolist() == net.weight.to_local().tolist()
    doc.undo()
    assert torch.equal(net.weight.to_local(), VALUES[:2])


def test_a_detached_copy_keeps_the_placement(two_ranks):
    net = Net(two_ranks)
    result = net.weight * 2
    made = detached_copy({"weight": net.weight, "result": result})
    assert made["weight"].placements == net.weight.placements
    assert isinstance(made["weight"], nn.Parameter)
    assert made["weight"].requires_grad
    assert made["result"].grad_fn is None
    assert torch.equal(made["result"].to_local(), VALUES[:2] * 2)
    with torch.no_grad():
        net.weight.to_local().zero_()
    assert torch.equal(made["weight"].to_local(), VALUES[:2])


def test_a_snapshot_says_what_it_leaves_out(two_ranks):
    doc = weightedit.open(Net(two_ranks))
    assert doc.snapshot("start").left_out == ("weight",)
