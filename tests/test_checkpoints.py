"""The test checkpoints are what they say: torch and safetensors read them so."""

from __future__ import annotations

import json
import pickle
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError, safe_open

from tests import checkpoints


def load(path: Path) -> dict:
    with path.open("rb") as file:  # given a path, torch.load goes by the suffix
        return torch.load(file, weights_only=False)


def load_any(path: Path) -> None:
    """Read with the library that the name calls for."""
    if path.name.endswith("index.json"):
        for shard in sorted(set(json.loads(path.read_text())["weight_map"].values())):
            load_any(path.parent / shard)
    elif path.suffix == ".safetensors":
        with safe_open(path, "pt"):
            pass
    else:
        load(path)


def header(path: Path) -> tuple[int, dict]:
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    return 8 + size, json.loads(data[8 : 8 + size])


@pytest.mark.parametrize("make", [checkpoints.tied_gpt2, checkpoints.tied_parameters])
def test_tied_names_are_one_storage(make, tmp_path):
    state = load(make(tmp_path))
    first, second = (state[name] for name in checkpoints.TIED)
    assert first.untyped_storage()._cdata == second.untyped_storage()._cdata
    assert first.shape == (64, 24)


def test_tied_parameters_are_one_object(tmp_path):
    state = load(checkpoints.tied_parameters(tmp_path))
    first, second = (state[name] for name in checkpoints.TIED)
    assert first is second
    assert isinstance(first, torch.nn.Parameter)


def test_training_checkpoint_is_nested(tmp_path):
    state = load(checkpoints.training(tmp_path))
    assert list(state) == ["model", "optimizer", "epoch", "args", "note"]
    assert state["model"]._metadata["norm"] == {"version": 2}
    assert state["model"]["norm.num_batches_tracked"].item() == 2
    assert state["optimizer"]["state"][0]["step"].item() == 2
    assert (state["epoch"], state["args"].name, state["note"]) == (3, "small", "text")


def test_whole_module_needs_its_class(tmp_path):
    path = checkpoints.whole_module(tmp_path)
    assert isinstance(load(path), checkpoints.SmallNet)
    with pytest.raises(Exception, match="Weights only load failed"):
        torch.load(path, weights_only=True)


def test_legacy_is_no_zip(tmp_path):
    path = checkpoints.legacy(tmp_path)
    assert not zipfile.is_zipfile(path)
    assert load(path)["conv.weight"].shape == (4, 1, 3, 3)


def test_views_share_one_storage(tmp_path):
    state = load(checkpoints.shared_views(tmp_path))
    assert len({tensor.untyped_storage()._cdata for tensor in state.values()}) == 2
    assert state["tail"].storage_offset() == 20


def test_strides_survive(tmp_path):
    state = load(checkpoints.non_contiguous(tmp_path))
    assert state["transposed"].stride() == (1, 4)
    assert state["channels_last"].stride() == (60, 1, 15, 3)
    assert state["strided"].stride() == (2,)
    assert state["expanded"].stride() == (1, 0)


def test_a_slice_drags_its_storage(tmp_path):
    row = load(checkpoints.dragging_slice(tmp_path))["row"]
    assert row.nbytes * 1000 == row.untyped_storage().nbytes()


@pytest.mark.parametrize("make", [checkpoints.small_shapes_zip, checkpoints.zip_named_safetensors])
def test_small_shapes_in_a_zip(make, tmp_path):
    state = load(make(tmp_path))
    assert [tuple(tensor.shape) for tensor in state.values()] == [(), (0,), (3, 0), (), (1, 12), (2, 2)]
    assert state["num_batches_tracked"].item() == 2**53 + 1


@pytest.mark.parametrize("make", [checkpoints.small_shapes_safetensors, checkpoints.safetensors_named_pt])
def test_small_shapes_in_safetensors(make, tmp_path):
    with safe_open(make(tmp_path), "pt") as file:
        assert {name: tuple(file.get_tensor(name).shape) for name in file.keys()} == {  # noqa: SIM118
            name: tuple(tensor.shape) for name, tensor in checkpoints.small_shapes().items()
        }


def test_low_precision_is_the_same_in_both_formats(tmp_path):
    zipped = load(checkpoints.low_precision_zip(tmp_path))
    with safe_open(checkpoints.low_precision_safetensors(tmp_path), "pt") as file:
        assert file.metadata()["made by"] == "a test"
        for name, tensor in zipped.items():
            assert file.get_tensor(name).dtype == tensor.dtype
            assert file.get_tensor(name).view(torch.uint8).equal(tensor.view(torch.uint8))


def test_all_dtypes_holds_what_matters(tmp_path):
    state = load(checkpoints.all_dtypes_zip(tmp_path))
    assert state.keys() >= {"float32", "bfloat16", "float8_e5m2", "complex64", "int64", "uint16", "bool"}


def test_odd_offset_is_odd_and_valid(tmp_path):
    path = checkpoints.odd_offsets(tmp_path)
    start, entries = header(path)
    begin, end = entries["weight"]["data_offsets"]
    assert (start + begin) % 2 == 1
    data = bytearray(path.read_bytes()[start + begin : start + end])
    assert torch.frombuffer(data, dtype=torch.bfloat16).tolist() == [1, 2, 3, 4, 5, 6]
    with safe_open(path, "pt") as file:
        assert file.get_tensor("weight").tolist() == [[1, 2, 3], [4, 5, 6]]


def test_shards_hold_what_the_index_says(tmp_path):
    path = checkpoints.sharded(tmp_path)
    weight_map = json.loads(path.read_text())["weight_map"]
    assert len(set(weight_map.values())) == 3
    for shard in set(weight_map.values()):
        with safe_open(path.parent / shard, "pt") as file:
            assert set(file.keys()) == {name for name, where in weight_map.items() if where == shard}


def test_many_and_huge(tmp_path):
    with safe_open(checkpoints.many_tensors(tmp_path, 1000), "pt") as file:
        assert len(file.keys()) == 1000
    with safe_open(checkpoints.huge_tensor(tmp_path, 32 << 20), "pt") as file:
        assert file.get_slice("weight").get_shape() == [2048, 4096]


def test_hostile_names_survive_both_formats(tmp_path):
    zipped = load(checkpoints.hostile_names_zip(tmp_path))
    with safe_open(checkpoints.hostile_names_safetensors(tmp_path), "pt") as file:
        assert set(file.keys()) == set(zipped) == set(checkpoints.hostile_names())
    assert max(name.count(".") for name in zipped) == 999


def test_names_that_print_alike(tmp_path):
    state = load(checkpoints.names_that_print_alike(tmp_path))
    assert [list(state), state["a"]["b"].item(), state["a.b"].item()] == [["a", "a.b", 1, "1"], 1, 2]


def test_evil_runs_code_when_torch_trusts_it(tmp_path):
    path = checkpoints.evil(tmp_path)
    marker = tmp_path / checkpoints.EVIL_MARKER
    assert not marker.exists()
    load(path)
    assert marker.exists()


@pytest.mark.parametrize("make", checkpoints.READABLE, ids=lambda make: make.__name__)
def test_readable_files_are_made(make, tmp_path):
    assert make(tmp_path).is_file()


@pytest.mark.parametrize("make", checkpoints.BROKEN, ids=lambda make: make.__name__)
def test_broken_files_are_broken(make, tmp_path):
    path = make(tmp_path)
    with pytest.raises((OSError, RuntimeError, EOFError, SafetensorError, pickle.UnpicklingError)):
        load_any(path)
