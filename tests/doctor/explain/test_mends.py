"""Tensors that fit a message are named, none that does not, and the code that failed runs after the edit is applied."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import nn

import weightedit
from tests.doctor.explain.provoking import bare_of
from weightedit.core.edit import Edit
from weightedit.doctor.explain.explain import explain
from weightedit.doctor.explain.explained import MOST_NAMED, Explained
from weightedit.doctor.facts import TensorFacts, facts_of

State = dict[str, torch.Tensor]


def facts(*shapes: tuple[int, ...], dtype: str = "float32", names: tuple[str, ...] = ()) -> tuple[TensorFacts, ...]:
    return tuple(TensorFacts(names[at] if names else f"w{at}", shape, dtype) for at, shape in enumerate(shapes))


def mended(saved: State, text: str, folder: Path) -> tuple[Explained, State]:
    """Open what was saved, explain a message, apply the first mend, and give back what is loaded then."""
    torch.save(saved, folder / "saved.pt")
    with weightedit.open(folder / "saved.pt") as document:
        found = explain(text, facts_of(document))
        for edit in found.mends[0].edits:
            document.apply(Edit.from_json(json.loads(json.dumps(edit.to_json())), {}), accept="all")
        document.export(folder / "mended.pt")
    return found, torch.load(folder / "mended.pt")


# ---------------------------------------------------------------- shapes


def test_a_transposed_weight_is_transposed_back(tmp_path):
    saved, x = {"fc.weight": torch.randn(5, 10), "fc.bias": torch.zeros(10)}, torch.randn(2, 5)
    linear = torch.nn.functional.linear
    text = bare_of(lambda: linear(x, saved["fc.weight"]))
    found, after = mended(saved, text, tmp_path)
    assert (found.kind, found.tensors, found.tensor_count) == ("matrix-product", ("fc.weight",), 1)
    assert found.mends[0].title == "Transpose fc.weight"
    torch.testing.assert_close(linear(x, after["fc.weight"], after["fc.bias"]), x @ saved["fc.weight"])


@pytest.mark.parametrize(("shapes", "named", "count"), [
    ([(5, 10)], ("w0",), 1), ([(10, 5)], ("w0",), 1), ([(5, 11)], (), 0), ([], (), 0),
    ([(5, 10), (10, 5), (3, 3)], ("w0", "w1"), 2), ([(5, 10)] * 50, tuple(f"w{at}" for at in range(MOST_NAMED)), 50),
])  # fmt: skip
def test_all_weights_that_fit_a_product_are_named_and_counted(shapes, named, count):
    found = explain(bare_of(lambda: nn.Linear(10, 5)(torch.zeros(2, 7))), facts(*shapes))
    assert (found.tensors, found.tensor_count) == (named, count)
    assert not found.mends  # no edit of a weight makes 7 features 10


def test_several_weights_that_fit_are_no_reason_for_an_edit():
    text = bare_of(lambda: nn.functional.linear(torch.zeros(2, 5), torch.zeros(5, 10)))
    assert explain(text, facts((5, 10), (3, 3))).mends
    assert not explain(text, facts((5, 10), (10, 5))).mends


@pytest.mark.parametrize(("layer", "channels", "title", "kept"), [
    (nn.Conv2d(3, 8, 3), 1, "Keep 1 channel of conv.weight", lambda w: w[:, :1]),
    (nn.Conv2d(3, 8, 3), 2, "Keep 2 channels of conv.weight", lambda w: w[:, :2]),
    (nn.Conv2d(3, 8, 3), 4, "Pad conv.weight to 4 channels with zeros",
     lambda w: torch.cat([w, torch.zeros(8, 1, 3, 3)], 1)),
    (nn.ConvTranspose2d(3, 8, 3), 1, "Keep 1 channel of conv.weight", lambda w: w[:1]),
])  # fmt: skip
def test_a_convolution_is_made_for_the_channels_of_the_input(layer, channels, title, kept, tmp_path):
    saved = {"conv.weight": layer.weight.detach().clone(), "conv.bias": layer.bias.detach().clone()}
    image = torch.randn(1, channels, 8, 9)
    found, after = mended(saved, bare_of(lambda: layer(image)), tmp_path)
    assert found.tensors == ("conv.weight",)
    assert f"expects 3 channels, got {channels}" in found.message
    assert found.mends[0].title == title
    assert torch.equal(after["conv.weight"], kept(saved["conv.weight"]))
    again = type(layer)(channels, 8, 3)
    again.load_state_dict({"weight": after["conv.weight"], "bias": after["conv.bias"]}, strict=True)
    assert again(image).shape == layer(torch.randn(1, 3, 8, 9)).shape


def test_channels_that_stand_last_are_said_to_be_so():
    text = bare_of(lambda: nn.Conv2d(3, 8, 3)(torch.zeros(1, 16, 16, 3)))
    found = explain(text, facts((8, 3, 3, 3)))
    assert "`permute(0, 3, 1, 2)`" in found.causes[0]
    assert not found.mends


def test_two_convolutions_of_one_shape_are_both_named_and_not_edited():
    found = explain(bare_of(lambda: nn.Conv2d(3, 8, 3)(torch.zeros(1, 1, 8, 8))), facts((8, 3, 3, 3), (8, 3, 3, 3)))
    assert (found.tensors, found.mends) == (("w0", "w1"), ())


def test_tied_names_are_one_tensor():
    tied = TensorFacts("b", (8, 3, 3, 3), "float32", same_as="a")
    found = explain(bare_of(lambda: nn.Conv2d(3, 8, 3)(torch.zeros(1, 1, 8, 8))),
                    (TensorFacts("a", (8, 3, 3, 3), "float32"), tied))  # fmt: skip
    assert found.tensors == ("a", "b")
    assert found.mends[0].edits[0].targets == ("a",)


NAMED = facts((5,), (5,), (3,), (24, 8), (12, 5), (8, 3, 7, 7), (4,), names=(
    "ln.weight", "ln.bias", "bn.running_mean", "attn.in_proj_weight", "lstm.weight_ih_l0", "stem.weight", "gn.weight"))


@pytest.mark.parametrize(("fails", "named"), [
    (lambda: nn.LayerNorm(5)(torch.zeros(2, 4)), ("ln.weight", "ln.bias")),
    (lambda: nn.BatchNorm2d(3)(torch.zeros(2, 4, 2, 2)), ("bn.running_mean",)),
    (lambda: nn.MultiheadAttention(8, 2)(*[torch.zeros(3, 1, 6)] * 3), ("attn.in_proj_weight",)),
    (lambda: nn.LSTM(5, 3)(torch.zeros(2, 1, 4)), ("lstm.weight_ih_l0",)),
    (lambda: nn.Conv2d(3, 8, 7)(torch.zeros(1, 3, 4, 4)), ("stem.weight",)),
    (lambda: nn.GroupNorm(2, 4)(torch.zeros(1, 6, 2, 2)), ("gn.weight",)),
    (lambda: nn.LayerNorm(9)(torch.zeros(2, 4)), ()),
])  # fmt: skip
def test_weights_of_a_layer_are_named_by_what_the_message_says_of_them(fails, named):
    assert explain(bare_of(fails), NAMED).tensors == named


def test_a_weight_that_a_step_changed_is_named_though_torch_shows_it_transposed():
    layers = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    optimizer = torch.optim.SGD(layers.parameters(), lr=0.1)
    loss = layers(torch.ones(2, 3)).sum()
    loss.backward(retain_graph=True)
    optimizer.step()
    held = tuple(TensorFacts(name, tuple(one.shape), "float32", "parameter") for name, one in layers.named_parameters())
    assert explain(bare_of(loss.backward), held).tensors == ("1.weight",)


# ---------------------------------------------------------------- dtypes


@pytest.mark.parametrize("fails", [
    lambda: nn.Linear(10, 5)(torch.zeros(2, 10).double()),
    lambda: nn.Conv1d(10, 5, 1)(torch.zeros(2, 10, 3).double()),
    lambda: nn.LSTM(10, 5)(torch.zeros(2, 1, 10).double()),
])  # fmt: skip
def test_weights_are_cast_to_the_dtype_of_the_input(fails, tmp_path):
    saved = {"weight": torch.randn(5, 10), "bias": torch.randn(5), "steps": torch.tensor(3)}
    found, after = mended(saved, bare_of(fails), tmp_path)
    assert found.mends[0].title == "Cast 2 tensors to float64"
    assert {name: one.dtype for name, one in after.items()} == {
        "weight": torch.float64, "bias": torch.float64, "steps": torch.int64}  # fmt: skip
    assert torch.equal(after["weight"], saved["weight"].double())
    nn.Linear(10, 5).double().load_state_dict({name: after[name] for name in ("weight", "bias")})
    assert not found.tensors  # every weight has this dtype: none is more involved than another


def test_a_bias_of_another_dtype_than_all_weights_is_the_one_that_is_cast(tmp_path):
    saved = {"a": torch.randn(5, 10), "b": torch.randn(5, 10), "bias": torch.randn(5).double()}
    text = bare_of(lambda: nn.functional.linear(torch.zeros(2, 10), saved["a"], saved["bias"]))
    found, after = mended(saved, text, tmp_path)
    assert found.tensors == ("bias",)
    assert found.mends[0].title == "Cast bias to float32"
    assert nn.functional.linear(torch.zeros(2, 10), after["a"], after["bias"]).dtype == torch.float32


def test_many_tensors_are_cast_by_one_pattern_that_leaves_the_others(tmp_path):
    saved = {f"w{at}": torch.full((2,), float(at)) for at in range(70)} | {"n": torch.tensor(3)}
    saved |= {"half": torch.ones(2, dtype=torch.float16)}
    text = "RuntimeError: mat1 and mat2 must have the same dtype, but got BFloat16 and Float"
    found, after = mended(saved, text, tmp_path)
    assert found.mends[0].title == "Cast 70 tensors to bfloat16"
    assert found.mends[0].edits[0].targets == ("*",)
    assert {str(one.dtype) for one in after.values()} == {"torch.bfloat16", "torch.float16", "torch.int64"}
    assert all(after[f"w{at}"].dtype == torch.bfloat16 for at in range(70))


def test_integers_of_an_input_are_no_reason_to_cast_weights():
    found = explain(bare_of(lambda: nn.Linear(3, 2)(torch.zeros(2, 3).long())), facts((2, 3), (2,)))
    assert found.kind == "matrix-dtype"
    assert not found.mends


@pytest.mark.parametrize(("fails", "dtype"), [
    (lambda: torch.zeros(3).bfloat16().numpy(), torch.bfloat16),
    (lambda: torch.linalg.inv(torch.zeros(2, 2).half()), torch.float16),
])  # fmt: skip
def test_what_there_is_not_for_halves_is_cast_to_float32(fails, dtype, tmp_path):
    found, after = mended({"w": torch.ones(3, dtype=dtype), "v": torch.ones(3)}, bare_of(fails), tmp_path)
    assert found.mends[0].title == "Cast w to float32"
    assert after["w"].dtype == torch.float32


# ---------------------------------------------------------------- gradients


def test_parameters_that_are_all_frozen_are_thawed():
    model = nn.Linear(3, 2).requires_grad_(False)
    text = bare_of(lambda: model(torch.ones(1, 3)).sum().backward())
    with weightedit.open(model) as document:
        found = explain(text, facts_of(document))
        document.apply(found.mends[0].edits[0], accept="all")
    assert found.tensors == ("weight", "bias")
    assert found.mends[0].title == "Set requires_grad of 2 parameters"
    model(torch.ones(1, 3)).sum().backward()
    assert model.weight.grad is not None


def test_parameters_of_which_one_is_trained_are_left_alone():
    one = (TensorFacts("a", (2,), "float32", "parameter", requires_grad=True),
           TensorFacts("b", (2,), "float32", "parameter"))  # fmt: skip
    text = bare_of(lambda: torch.zeros(3).sum().backward())
    assert not explain(text, one).mends
    assert not explain(text, facts((2,))).mends  # tensors of a file have no such flag


def test_whole_numbers_that_are_parameters_are_cast():
    held = (TensorFacts("a", (2,), "int64", "parameter"), TensorFacts("n", (), "int64", "buffer"))
    found = explain(bare_of(lambda: nn.Parameter(torch.zeros(3).long())), held)
    assert found.tensors == ("a",)
    assert found.mends[0].title == "Cast a to float32"


# ---------------------------------------------------------------- what is handed on


def test_what_is_explained_is_plain_json():
    text = bare_of(lambda: nn.Conv2d(3, 8, 3)(torch.zeros(1, 1, 8, 8)))
    found = explain(text, facts((8, 3, 3, 3))).to_json()
    assert json.loads(json.dumps(found)) == found
    assert found["mends"][0]["edits"][0]["operation"] == "slice"
    assert set(found) == {"kind", "title", "message", "why", "torch_says", "frame", "tensors", "tensor_count", "mends",
                          "caret", "causes"}  # fmt: skip


def test_names_out_of_a_file_are_shown_as_they_are():
    evil = "a\x1b[31m\u202eb\n"
    text = f'Error(s) in loading state_dict for Net:\n\tUnexpected key(s) in state_dict: "{evil.strip()}". '
    found = explain(text, (TensorFacts("x\x1b[31m", (8, 3, 3, 3), "float32"),))
    assert "\x1b" not in found.message + found.why
    assert "\u202e" not in found.message + found.torch_says
    channels = bare_of(lambda: nn.Conv2d(3, 8, 3)(torch.zeros(1, 1, 8, 8)))
    mend = explain(channels, (TensorFacts("x\x1b[31m", (8, 3, 3, 3), "float32"),)).mends[0]
    assert "\x1b" not in mend.title
    assert mend.edits[0].targets == ("x\x1b[31m",)
