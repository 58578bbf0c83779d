"""What is offered for the first failure of a run: the mend that needs no other code first, and each really works."""

from __future__ import annotations

import pickle

import pytest
import torch
from torch import nn

import weightedit
from weightedit.core.edit import Edit
from weightedit.doctor.bringing.input_spec import parse_inputs, spec_of


class Flat(nn.Module):
    """Convolutions that halve, and a Linear that counts on so many features."""

    def __init__(self, features: int, padding: int = 1, dims: int = 2):
        super().__init__()
        conv, pool = (nn.Conv1d, nn.MaxPool1d) if dims == 1 else (nn.Conv2d, nn.MaxPool2d)
        self.features = nn.Sequential(*(one for inside, outside in ((1, 4), (4, 8), (8, 8)) for one in (
            conv(inside, outside, 3, padding=padding), nn.ReLU(), pool(2))))  # fmt: skip
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(features, 5))

    def forward(self, x):
        return self.head(self.features(x))


def offered(source, model, inputs, **more) -> tuple[dict, list[dict]]:
    found = weightedit.check(source, model, inputs, **more)
    return found, found["findings"][0]["mends"] if found["findings"] else []


@pytest.mark.parametrize(("model", "inputs", "fits"), [
    (Flat(8 * 4 * 4), "float32[2,1,28,28]", "float32[2,1,32,32]"),
    (Flat(8 * 28 * 28), "float32[2,1,32,32]", "float32[2,1,224,224]"),
    (Flat(8 * 2 * 2), "float32[2,1,64,64]", "float32[2,1,16,16]"),
    (Flat(8 * 2 * 2, padding=0), "float32[2,1,100,100]", "float32[2,1,32,32]"),
    (Flat(8 * 4 * 8), "float32[2,1,30,60]", "float32[2,1,32,64]"),
    (Flat(8 * 100, dims=1), "float32[2,1,1000]", "float32[2,1,800]"),
])  # fmt: skip
def test_images_are_offered_in_the_size_that_a_linear_counts_on(model, inputs, fits):
    """And in the one that people would choose, where several fit."""
    found, mends = offered(model.state_dict(), model, inputs)
    assert found["findings"][0]["kind"] == "features"
    assert found["findings"][0]["module"] == "head.1"
    assert mends[0]["inputs"] == fits
    assert weightedit.check(model.state_dict(), model, fits)["ok"]


@pytest.mark.parametrize(("model", "inputs"), [
    (Flat(8 * 4 * 4 + 1), "float32[2,1,28,28]"),  # no size gives it
    (nn.Sequential(nn.Conv2d(1, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 2)), "float32[2,1,28,28]"),
])  # fmt: skip
def test_no_size_is_offered_where_none_fits(model, inputs):
    found, mends = offered(model.state_dict(), model, inputs)
    assert found["findings"][0]["kind"] == "features"
    assert not [one for one in mends if one["inputs"]]


def test_a_weight_that_was_cut_is_padded_before_inputs_are_changed():
    """The code says what shape it had: an edit that brings it back needs nothing else."""
    model = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 2))
    state = model.state_dict()
    with weightedit.open(state) as document:
        document.apply("slice", "0.weight", region="[:, :5]")
        found = weightedit.check(document, model, "float32[3,6]")
    trace = next(one for one in found["findings"] if one["kind"] == "features")
    assert [(bool(one["edits"]), one["inputs"], one["undo_to"]) for one in trace["mends"]] == [
        (False, "", 0), (True, "", None), (False, "float32[3,5]", None)]  # fmt: skip


def test_whole_numbers_are_cast_with_all_that_the_code_makes_parameters():
    model = nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4))
    state = {name: tensor.to(torch.int16) if name.startswith("0") else tensor
             for name, tensor in model.state_dict().items()}  # fmt: skip
    found = weightedit.check(state, model, "float32[3,6]", assign=True)
    trace = found["findings"][1]
    assert (trace["kind"], trace["module"]) == ("dtype", "0")
    assert trace["mends"][0]["edits"][0]["targets"] == ["0.weight", "0.bias"]


class Tokens(nn.Module):
    """An embedding of tokens and one of positions."""

    def __init__(self):
        super().__init__()
        self.tokens, self.positions = nn.Embedding(50, 8), nn.Embedding(12, 8)
        self.head = nn.Linear(8, 50)

    def forward(self, ids):
        return self.head(self.tokens(ids) + self.positions(torch.arange(ids.shape[-1])))


@pytest.mark.parametrize(("inputs", "module", "says", "fits"), [
    ("int64[2,8]<500", "tokens", "tokens has 50 rows, got the index ", "int64[2,8]<50"),
    ("[[3, 49, 50]]", "tokens", "tokens has 50 rows, got the index 50", None),
    (torch.tensor([[3, -1]]), "tokens", "tokens has 50 rows, got the index -1", None),
    ("int64[2,20]", "positions", "positions has 12 rows, got the index 19", "int64[2,12]"),
])  # fmt: skip
def test_indices_that_are_past_an_embedding_are_found_without_asking_for_a_device(inputs, module, says, fits):
    """A run without values passes them over, so it is repeated with them, where they could be past it."""
    model = Tokens()
    torch.manual_seed(0)
    found, mends = offered(model.state_dict(), model, inputs)
    first = found["findings"][0]
    assert (first["kind"], first["module"]) == ("index", module)
    assert says in first["message"]
    assert (mends[0]["inputs"] if fits else None) == fits
    assert fits is None or weightedit.check(model.state_dict(), model, fits)["ok"]
    assert all(one["detail"].endswith("the code must then say so too") == bool(one["edits"]) for one in mends)


@pytest.mark.parametrize("inputs", ["int64[2,8]", "int64[2,8]<12"])
def test_values_are_not_asked_for_where_no_index_can_be_past_it(inputs):
    assert weightedit.check(Tokens().state_dict(), Tokens(), inputs)["notes"] == []


def test_inputs_that_are_given_as_they_are_are_offered_as_a_spec():
    model = nn.Conv2d(3, 4, 3)
    _, mends = offered(model.state_dict(), model, torch.zeros(1, 1, 8, 8))
    assert mends[0]["inputs"] == "float32[1,3,8,8]"
    _, mends = offered(model.state_dict(), model, {"input": torch.zeros(1, 3, 8, 8, dtype=torch.float64)})
    assert mends[0]["inputs"] == "input: float32[1,3,8,8]"


def test_a_spec_of_arguments_reads_as_it_is_written():
    spec = spec_of((torch.zeros(2, 3), [torch.ones(4, dtype=torch.int64), None]),
                   {"mask": {"a": torch.zeros(1).bool()}, "n": 2})  # fmt: skip
    assert str(spec) == "float32[2,3], [int64[4], None], mask: {'a': bool[1]}, n: 2"
    assert parse_inputs(str(spec)) == spec
    assert spec_of((object(),), {}) is None


class Copying(nn.Linear):
    """Copies what it made by pickling it, which raises for tensors without values alone."""

    def forward(self, x):
        return pickle.loads(pickle.dumps(super().forward(x)))


def test_what_raises_without_values_alone_is_no_finding():
    model = Copying(3, 2)
    assert weightedit.check(model, model, "float32[4,3]")["ok"]
    (found,) = weightedit.check(model, model, "float32[4,3]", device="fake")["findings"]
    assert "called from Copying.forward, test_mends.py line " in found["message"], "and not from Python's own pickle.py"


def test_notices_come_last():
    model = nn.Linear(3, 2)
    found = weightedit.check({name: one.half() for name, one in model.state_dict().items()}, model, "float32[4,3]",
                             assign=True)  # fmt: skip
    assert [one["level"] for one in found["findings"]] == ["refusal", "notice"]


def test_copies_of_one_tensor_of_the_model_are_a_notice_where_they_are_alike():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.head = nn.Embedding(9, 4), nn.Linear(4, 9, bias=False)
            self.head.weight = self.embed.weight

    state = {name: tensor.clone() for name, tensor in Tied().state_dict().items()}
    assert weightedit.check(state, Tied())["ok"]
    state["head.weight"][0, 0] += 1
    assert [one["kind"] for one in weightedit.check(state, Tied())["findings"]] == ["untied"]
    assert not weightedit.check(state, Tied())["ok"]


class Product(nn.Module):
    def __init__(self, dtype: torch.dtype):
        super().__init__()
        self.w = nn.Parameter(torch.ones(4, 3, dtype=dtype))

    def forward(self, x):
        return x @ self.w


@pytest.mark.parametrize(("weights", "given", "first", "cast"), [
    (torch.complex64, "float32", "Give it complex64[2,4]", "complex64 → float32, drops the imaginary parts"),
    (torch.float64, "float32", "Give it float64[2,4]",
     "float64 → float32, rounds and turns what is past the range of float32 into inf"),
    (torch.bfloat16, "float16", "Give it bfloat16[2,4]",
     "bfloat16 → float16, turns what is past the range of float16 into inf"),
    (torch.float32, "bfloat16", "Give it float32[2,4]", "float32 → bfloat16, rounds"),
    (torch.float32, "complex64", "Cast w to complex64", "float32 → complex64"),
    (torch.float16, "float32", "Cast w to float32", "float16 → float32"),
], ids=str)  # fmt: skip
@pytest.mark.parametrize("device", ["fake", "cpu"])
def test_what_loses_nothing_is_offered_before_a_cast_that_does_and_that_says_so(weights, given, first, cast, device):
    model = Product(weights)
    found, mends = offered(model, model, f"{given}[2,4]", device=device)
    assert found["findings"][0]["kind"] == "dtype"
    assert mends[0]["title"] == first
    assert [one["detail"] for one in mends if one["edits"]] == [cast]
    spec = mends[0]["inputs"] or f"{given}[2,4]"
    with weightedit.open(model) as document:
        for edit in mends[0]["edits"]:
            document.apply(Edit.from_json(edit, {}), accept="all")
        assert weightedit.check(document, model, spec, device=device)["ok"]
