"""Comparison: what is the same, what differs and how, bit by bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file

import weightedit
from tests import checkpoints
from weightedit.core.compare import Comparison, compare


def compared(first: Any, second: Any) -> dict[str, Comparison]:
    with weightedit.open(first) as one, weightedit.open(second) as two:
        found = compare(one, two)
    names = [each.name for each in found]
    assert len(set(names)) == len(names)
    return {each.name: each for each in found}


def zipped(path: Path, contents: Any) -> Path:
    torch.save(contents, path)
    return path


@pytest.mark.parametrize("make", checkpoints.READABLE, ids=lambda make: make.__name__)
def test_a_file_is_the_same_as_itself(make, tmp_path):
    """NaN, every dtype, views, ties, shards and hostile names: a byte-for-byte copy never differs."""
    path = make(tmp_path)
    with weightedit.open(path) as document:
        names = list(document.tensors)
    found = compared(path, path)
    assert set(names) <= set(found)
    assert {each.what for each in found.values()} == {"same"}
    assert all(each.changed == 0 for each in found.values())


def test_nan_is_itself_and_minus_zero_is_not_zero():
    """Equality is of bits: a copied NaN is no change, a lost sign is one."""
    quiet = torch.tensor([0x7FC00000, 0x7FC00001], dtype=torch.int32).view(torch.float32)
    first = {"nan": torch.tensor([float("nan"), 1.0]), "zero": torch.tensor([0.0, 0.0, 0.0]), "payload": quiet}
    second = {"nan": torch.tensor([float("nan"), 1.0]), "zero": torch.tensor([0.0, -0.0, 0.0]),
              "payload": quiet.flip(0)}  # fmt: skip
    found = compared(first, second)
    assert found["nan"].what == "same"
    assert (found["zero"].what, found["zero"].changed) == ("values", 1)
    assert (found["payload"].what, found["payload"].changed) == ("values", 2)
    assert "1 of 3" in found["zero"].detail


def test_shape_and_dtype_come_before_values():
    """A transposed or cast tensor is said to be that, not counted value by value."""
    first = {"shape": torch.zeros(2, 3), "rank": torch.zeros(6), "dtype": torch.zeros(3), "bits": torch.zeros(3)}
    second = {"shape": torch.zeros(3, 2), "rank": torch.zeros(6, 1), "dtype": torch.zeros(3).half(),
              "bits": torch.zeros(3, dtype=torch.int32)}  # fmt: skip
    found = compared(first, second)
    assert {name: each.what for name, each in found.items() if name} == {
        "shape": "shape", "rank": "shape", "dtype": "dtype", "bits": "dtype"}  # fmt: skip
    assert "shape 2 × 3" in found["shape"].detail
    assert "3 × 2" in found["shape"].detail
    assert "float32" in found["dtype"].detail
    assert "float16" in found["dtype"].detail


def test_what_only_one_has_is_said_with_its_side(tmp_path):
    """A missing tensor is the commonest difference between two checkpoints."""
    save_file({"both": torch.ones(2), "left": torch.ones(2)}, tmp_path / "a.safetensors")
    save_file({"both": torch.ones(2), "right": torch.ones(2)}, tmp_path / "b.safetensors")
    found = compared(tmp_path / "a.safetensors", tmp_path / "b.safetensors")
    assert {name: each.what for name, each in found.items()} == {
        "both": "same", "left": "only in A", "right": "only in B"}  # fmt: skip
    assert "a.safetensors" in found["left"].detail
    assert "b.safetensors" in found["right"].detail


def test_how_bytes_lie_is_no_difference(tmp_path):
    """A transposed or strided tensor equals its contiguous copy."""
    base = checkpoints.values(6, 4)
    first = zipped(tmp_path / "a.pt", {"t": base.t(), "s": checkpoints.values(10)[::2]})
    second = zipped(tmp_path / "b.pt", {"t": base.t().contiguous(), "s": checkpoints.values(10)[::2].clone()})
    assert {each.what for each in compared(first, second).values()} == {"same"}


def test_formats_compare_by_tensors(tmp_path):
    """A converted checkpoint is the same; one changed bit in it is not."""
    tensors = checkpoints.low_precision()
    save_file(tensors, tmp_path / "a.safetensors", {"only": "here"})
    found = compared(tmp_path / "a.safetensors", zipped(tmp_path / "a.pt", tensors))
    assert {each.what for each in found.values()} == {"same"}
    name = "layer.float8_e5m2"
    tensors[name] = tensors[name].clone()
    tensors[name].view(torch.uint8)[2, 3] ^= 1
    found = compared(tmp_path / "a.safetensors", zipped(tmp_path / "b.pt", tensors))
    assert [(each.name, each.what, each.changed) for each in found.values() if each.what != "same"] == [
        (name, "values", 1)
    ]


def test_values_that_are_no_tensors_count(tmp_path):
    """Two checkpoints of one step apart may differ in their epoch alone."""
    tensor = torch.ones(2)
    first = zipped(tmp_path / "a.pt", {"w": tensor, "epoch": 3, "lr": 0.1, "gone": "x", "list": [1, 2]})
    second = zipped(tmp_path / "b.pt", {"w": tensor, "epoch": 4, "lr": 0.1, "new": None, "list": [1, 2]})
    found = {name: each.what for name, each in compared(first, second).items() if each.what != "same" and name}
    assert found == {"epoch": "value", "gone": "only in A", "new": "only in B"}


def test_file_metadata_counts(tmp_path):
    """`__metadata__` decides how some loaders read a file."""
    for name, metadata in (("a", {"format": "pt", "x": "1"}), ("b", {"format": "pt", "x": "2", "y": ""})):
        save_file({"w": torch.ones(2)}, tmp_path / f"{name}.safetensors", metadata)
    found = compared(tmp_path / "a.safetensors", tmp_path / "b.safetensors")
    assert {name: each.what for name, each in found.items()} == {
        "w": "same", "__metadata__.format": "same", "__metadata__.x": "value", "__metadata__.y": "only in B",
    }  # fmt: skip


def test_kind_and_sharing_count_within_one_format(tmp_path):
    """A Parameter that became a tensor, or a tie that was lost, loads differently though every value is equal."""
    tied = torch.nn.Parameter(torch.ones(3))
    alone = torch.nn.Parameter(torch.ones(3))
    first = zipped(tmp_path / "a.pt", {"a": tied, "b": tied, "c": alone, "d": torch.ones(3)})
    apart = {name: torch.nn.Parameter(torch.ones(3)) for name in "ab"}
    second = zipped(tmp_path / "b.pt", {**apart, "c": torch.ones(3), "d": torch.ones(3)})
    found = compared(first, second)
    assert {name: each.what for name, each in found.items() if name} == {
        "a": "sharing", "b": "sharing", "c": "kind", "d": "same"}  # fmt: skip


@given(st.integers(1, 2000), st.lists(st.integers(0, 1999), max_size=20, unique=True), st.sampled_from("fdbqe"))
def test_the_count_is_numpys(size, places, code):
    """However the bytes are cut into chunks, each changed value counts once."""
    one = np.random.default_rng(size).integers(0, 200, size).astype(code)
    two = one.copy()
    bits = two.view(np.uint8).reshape(size, -1)
    places = [place for place in places if place < size]
    bits[places, 0] ^= 1
    found = compared({"w": torch.from_numpy(one)}, {"w": torch.from_numpy(two)})["w"]
    assert found.changed == len(places)
    assert found.what == ("values" if places else "same")



def test_an_edit_is_seen_and_undo_takes_it_back(tmp_path):
    """Comparison reads the document's present state, not its file."""
    path = checkpoints.low_precision_safetensors(tmp_path)
    with weightedit.open(path) as first, weightedit.open(path) as second:
        second.apply("fill", "layer.bfloat16", region="[1, 2:5]", value=77.0)
        changed = [(each.name, each.changed) for each in compare(first, second) if each.what != "same"]
        assert changed == [("layer.bfloat16", 3)]
        second.undo()
        assert all(each.what == "same" for each in compare(first, second))
