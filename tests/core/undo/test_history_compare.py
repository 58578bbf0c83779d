"""Two points of a history side by side, against the tensors that were there when the document stood at them."""

from __future__ import annotations

import math
import threading

import pytest
import torch

import weightedit
from weightedit.core.errors import Cancelled
from weightedit.core.progress import Progress
from weightedit.core.undo.history_compare import compare_points

DTYPES = ("float64", "float32", "float16", "bfloat16", "int64", "int8", "uint8", "bool", "complex64", "float8_e4m3fn")


def walk(document):
    """Go to every point in turn and note what the document holds there."""
    home, states = document.history.position, []
    for position in range(len(document.history) + 1):
        document.go_to(position, accept="all")
        states.append({name: document.read(name) for name in document.tensors})
    document.go_to(home, accept="all")
    return states


def expected(before, after):
    found = {}
    for name, value in after.items():
        if name in before and before[name].shape == value.shape and before[name].dtype == value.dtype:
            bits = [one.contiguous().reshape(-1).view(torch.uint8).reshape(one.numel(), -1)
                    for one in (before[name], value)]  # fmt: skip
            count = int((bits[0] != bits[1]).any(1).sum())
            if count:
                found[name] = count
    return found


@pytest.fixture
def edited(tmp_path):
    torch.manual_seed(1)
    shared = torch.randn(30, 8)
    torch.save({"a": torch.randn(40, 50), "b": shared, "c": shared.t(), "d": torch.randn(5), "e": torch.ones(3)},
               tmp_path / "net.pt")  # fmt: skip
    document = weightedit.open(tmp_path / "net.pt")
    document.apply("scale", "a", region="[3:9, ::2]", factor=2.0)
    document.apply("fill", "b", region="[:, 1]", value=4.0, accept="all")
    document.apply("cast", "d", dtype="float16", accept="all")
    document.apply("rename", "e", to="f")
    document.apply("add", "a", value=1.0)
    yield document
    document.close()


@pytest.mark.parametrize("home", [0, 3, 5])
def test_every_pair_of_points_differs_as_going_there_shows(edited, home):
    states = walk(edited)
    edited.go_to(home)
    for first in range(len(states)):
        for second in range(first, len(states)):
            found = compare_points(edited, first, second)
            values = {one.name: one.changed for one in found if one.what == "values"}
            assert values == expected(states[first], states[second]), (first, second)
            kinds = {one.name: one.what for one in found if one.what != "values"}
            assert ("d" in kinds) == (first < 3 <= second)
            assert (kinds.get("f") == "name") == (first < 4 <= second)
    assert edited.history.position == home


def test_the_largest_difference_is_that_of_the_values(edited):
    states = walk(edited)
    (found,) = [one for one in compare_points(edited, 0, 5) if one.name == "a"]
    difference = (states[5]["a"].double() - states[0]["a"].double()).abs().max().item()
    assert found.largest == pytest.approx(difference, rel=1e-12)
    assert found.total == 2000


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype_is_compared(tmp_path, dtype):
    kind = getattr(torch, dtype)
    values = (torch.arange(6) % 2).to(kind) if dtype == "bool" else torch.arange(6).to(kind)
    torch.save({"a": values}, tmp_path / "net.pt")
    with weightedit.open(tmp_path / "net.pt") as document:
        document.apply("set", "a", region="[4]", values=True if dtype == "bool" else 1, accept="all")
        (found,) = compare_points(document, 0, 1)
    assert (found.what, found.changed, found.total) == ("values", 1, 6)
    assert found.largest == (1.0 if dtype == "bool" else 3.0)


def test_what_is_not_finite_differs_without_end_and_nan_is_itself(tmp_path):
    torch.save({"a": torch.tensor([torch.nan, 1.0, 2.0])}, tmp_path / "net.pt")
    with weightedit.open(tmp_path / "net.pt") as document:
        document.apply("fill", "a", region="[1]", value=1.5)
        document.apply("fill", "a", region="[2]", value=torch.inf, accept="all")
        assert compare_points(document, 0, 1)[0].largest == 0.5
        assert compare_points(document, 0, 2)[0].changed == 2
        both = compare_points(document, 0, 2)[0]
        assert math.isinf(both.largest)
        assert (both.largest_finite, both.became) == (0.5, {"+Inf": 1})  # which cells became what, and how far others
        back = compare_points(document, 2, 0)[0]
        assert back.became == {"finite": 1}


@pytest.mark.parametrize(("dtype", "value", "became"), [
    (torch.float16, float("nan"), "NaN"), (torch.bfloat16, float("-inf"), "-Inf"),
    (torch.complex64, complex(1, float("-inf")), "-Inf"), (torch.float8_e5m2, float("inf"), "+Inf"),
])  # fmt: skip
def test_what_values_became_in_each_dtype(tmp_path, dtype, value, became):
    torch.save({"a": torch.ones(6).to(dtype)}, tmp_path / "net.pt")
    with weightedit.open(tmp_path / "net.pt") as document:
        document.apply("fill", "a", region="[2:4]", value=value, accept="all")
        (found,) = compare_points(document, 0, 1)
    assert (found.changed, found.became, found.largest_finite) == (2, {became: 2}, None)


def test_points_of_a_live_module_are_seen_without_touching_it():
    torch.manual_seed(2)
    layer = torch.nn.Linear(6, 5)
    with weightedit.open(layer) as document:
        document.apply("scale", "weight", region="[1:3, :]", factor=2.0)
        document.apply("fill", "weight", region="[:, 2]", value=3.0)
        document.apply("cast", "bias", dtype="float64")
        states = walk(document)
        kept = layer.weight
        document.go_to(1)
        for first in range(4):
            for second in range(first, 4):
                values = {one.name: one.changed for one in compare_points(document, first, second) if
                          one.what == "values"}  # fmt: skip
                assert values == expected(states[first], states[second]), (first, second)
        state = document.state_at(2)
        (slot,) = [slot for slot, name in state.names.items() if name == "weight"]
        pinned = state.pin(slot)
        assert torch.equal(torch.from_numpy(pinned.read(next(pinned.chunks())[0])), states[2]["weight"])
        assert layer.weight is kept


def test_it_stops_when_asked(edited):
    stop = threading.Event()
    stop.set()
    with pytest.raises(Cancelled):
        compare_points(edited, 0, 5, Progress(None, stop))


def test_a_point_that_is_not_there_is_refused(edited):
    with pytest.raises(weightedit.EditRefused, match="no step 9"):
        compare_points(edited, 0, 9)


def test_slots_that_come_and_go_are_told(tmp_path):
    torch.save({"a": torch.ones(3), "b": torch.zeros(2), "c": torch.zeros(4)}, tmp_path / "net.pt")
    with weightedit.open(tmp_path / "net.pt") as document:
        document.apply("delete", "b", accept="all")
        document.apply("scale", "a", factor=2.0)
        found = {one.name: one.what for one in compare_points(document, 0, 2)}
        assert found == {"a": "values", "b": "went"}
        document.undo()
        document.undo()
        assert {one.name: one.what for one in compare_points(document, 0, 2)} == found
