"""Captures against what torch really computes: every input and output as it was, and the model as it was."""

from __future__ import annotations

import contextlib
import random

import numpy as np
import pytest
import torch
from torch import nn

import weightedit
from weightedit.core.errors import Cancelled, EditRefused, WeightEditError
from weightedit.doctor.activations.form import Form
from weightedit.doctor.inside.capturing.captures import capture


def hook_count(model):
    return sum(len(hooks) for module in model.modules() for hooks in (module._forward_hooks, module._forward_pre_hooks))


def same_bits(mine, theirs):
    return mine.dtype == theirs.dtype and mine.shape == theirs.shape and torch.equal(
        mine.contiguous().reshape(-1).view(torch.uint8), theirs.contiguous().reshape(-1).view(torch.uint8))  # fmt: skip


def test_layers_in_place_change_nothing_that_was_captured(tmp_path, device):
    """ReLU(inplace=True) writes into the batch norm's output: the capture has that as it was."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True)).to(device)
    x = torch.randn(2, 3, 8, 8, device=device)
    state = {name: value.clone() for name, value in model.state_dict().items()}
    with capture(model, (x,), folder=tmp_path) as captures:
        with torch.no_grad():
            convolved = model[0](x)
            normed = model[1](convolved)
            wanted = torch.relu(normed)
        assert same_bits(captures.read("0.input"), x.cpu())
        assert same_bits(captures.read("0.output"), convolved.cpu())
        assert same_bits(captures.read("1.output"), normed.cpu())
        assert captures.read("1.output").min() < 0
        assert same_bits(captures.read("2.input"), normed.cpu())
        assert same_bits(captures.read("2.output"), wanted.cpu())
        assert [call.module for call in captures.run.calls] == ["", "0", "1", "2"]
        assert [call.ended for call in captures.run.calls] == [4, 1, 2, 3]
        assert captures.aliases == {"0.input": "input", "1.input": "0.output", "2.input": "1.output",
                                    "output": "2.output"}  # fmt: skip
        assert {leaf.device for *_, leaf in captures.run.tensors()} == {str(x.device)}
    model.load_state_dict(state)  # the second run above was not ours


def test_a_write_that_torch_does_not_count_is_seen(tmp_path):
    """`x.data.mul_(2)` leaves `_version` alone: what is handed on is compared, not believed to be what it was."""

    class Sly(nn.Module):
        def forward(self, x):
            version = x._version
            x.data.mul_(2)
            assert x._version == version
            return x

    model = nn.Sequential(nn.Identity(), Sly(), nn.Identity())
    with capture(model, (torch.ones(3),), folder=tmp_path) as captures:
        assert captures.read("1.input").tolist() == [1, 1, 1]
        assert captures.read("1.output").tolist() == [2, 2, 2]
        assert captures.read("2.output").tolist() == [2, 2, 2]
        assert captures.same_as("2.output") == "1.output"


def test_an_lstm_gives_a_nested_tuple(tmp_path):
    model, x = nn.LSTM(3, 4, num_layers=2), torch.randn(5, 2, 3)
    with capture(model, (x,), folder=tmp_path) as captures:
        with torch.no_grad():
            wanted, (h, c) = model(x)
        output, (hidden, cell) = captures.output()
        assert all(same_bits(mine, theirs) for mine, theirs in ((output, wanted), (hidden, h), (cell, c)))
        assert captures.names == ("input", "output.0", "output.1.0", "output.1.1")


def test_attention_is_called_by_name_and_gives_none(tmp_path):
    """Arguments by name have their names, None is kept, and a module that is not called is named."""
    model, x = nn.MultiheadAttention(8, 2, batch_first=True), torch.randn(2, 5, 8)
    mask = torch.ones(5, 5, dtype=torch.bool).triu(1)
    with capture(model, (x, x, x), {"attn_mask": mask, "need_weights": False}, folder=tmp_path) as captures:
        args, kwargs = captures.inputs()
        assert len(args) == 3
        assert kwargs["need_weights"] is False
        assert same_bits(kwargs["attn_mask"], mask)
        assert captures.names == ("input.0", "input.1", "input.2", "input.attn_mask", "output.0")
        assert captures.same_as("input.2") == "input.0"
        output, weights = captures.output()
        assert weights is None
        assert same_bits(output, model(x, x, x, attn_mask=mask, need_weights=False)[0])
        assert captures.run.uncalled == ("out_proj",)  # torch takes its weight, and does not call it


def test_gpt2_with_its_model_output_and_cache(tmp_path):
    """A model of transformers: its output class stays, its cache is named, and no hidden state is lost."""
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    model = GPT2LMHeadModel(GPT2Config(n_layer=2, n_head=2, n_embd=8, vocab_size=20, n_positions=16)).eval()
    ids = torch.arange(6)[None]
    with torch.no_grad():
        wanted = model(ids, use_cache=True, output_hidden_states=True)
    with capture(model, kwargs={"input_ids": ids, "use_cache": True, "output_hidden_states": True},
                 folder=tmp_path) as captures:  # fmt: skip
        found = captures.output()
        assert type(found) is type(wanted)
        assert list(found) == list(wanted)
        assert same_bits(found.logits, wanted.logits)
        assert all(map(same_bits, found.hidden_states, wanted.hidden_states))
        assert isinstance(found.past_key_values, Form)
        assert found.past_key_values.type == type(wanted.past_key_values).__name__
        block = captures.run.call("transformer.h.0")
        assert block.type == "GPT2Block"
        assert same_bits(captures.read("transformer.h.0.output"), wanted.hidden_states[1])
        captures.export(tmp_path / "gpt2.safetensors")
    with weightedit.open(tmp_path / "gpt2.safetensors") as document:
        assert torch.equal(document.read("lm_head.output"), wanted.logits)
        assert torch.equal(document.read("output.hidden_states.1"), wanted.hidden_states[1])


class Thrice(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)
        self.same = self.fc

    def forward(self, x, depth=0):
        x = self.fc(x)
        return self(x, depth + 1) if depth < 2 else x


def test_one_module_called_thrice_and_within_itself(tmp_path):
    """Each call has its number, inside of itself too, and names of later calls say so."""
    model, x = Thrice(), torch.randn(2, 4)
    with capture(model, (x,), folder=tmp_path) as captures:
        one, two, three = model.fc(x), model.fc(model.fc(x)), model.fc(model.fc(model.fc(x)))
        assert [(call.module, call.number, call.ended) for call in captures.run.calls] == [
            ("", 1, 6), ("fc", 1, 1), ("", 2, 5), ("fc", 2, 2), ("", 3, 4), ("fc", 3, 3)]  # fmt: skip
        for name, wanted in (("fc.output", one), ("fc.output #2", two), ("fc.output #3", three), ("output", three),
                             ("output #3", three), ("input.0 #2", one)):  # fmt: skip
            assert same_bits(captures.read(name), wanted), name
        assert captures.inputs("", 3)[0][1] == 2
        assert same_bits(captures.output("fc", 2), two)


@pytest.mark.parametrize(("targets", "wanted"), [
    (("fc",), ["fc"]), (("same",), ["fc"]), (("",), [""]), (("re:f.",), ["fc"]), (("f[a-d]", "fc"), ["fc"]),
    (("*",), ["", "fc"]),
])  # fmt: skip
def test_modules_are_chosen_as_tensors_are(tmp_path, targets, wanted):
    with capture(Thrice(), (torch.randn(1, 4),), modules=targets, folder=tmp_path) as captures:
        assert sorted({call.module for call in captures.run.calls}) == wanted


@pytest.mark.parametrize(("target", "said"), [
    ("fd", "No module is named fd. Did you mean fc"), ("re:(", "does not read"), ("nothing.*", "has 3 modules"),
])  # fmt: skip
def test_what_means_no_module_is_refused(tmp_path, target, said):
    model = Thrice()
    with pytest.raises(EditRefused, match=said):
        capture(model, (torch.randn(1, 4),), modules=(target,), folder=tmp_path)
    assert hook_count(model) == 0


def test_the_order_of_a_dict_is_that_of_the_run(tmp_path):
    class Sorted(nn.Module):
        def forward(self, x):
            names = ["a", "b"] if x.sum() > 0 else ["b", "a"]
            return {name: x + number for number, name in enumerate(names)}

    for sign, order in ((1, ["a", "b"]), (-1, ["b", "a"])):
        with capture(Sorted(), (torch.full((2,), float(sign)),), folder=tmp_path) as captures:
            assert list(captures.output()) == order
            assert captures.names[1:] == tuple(f"output.{name}" for name in order)


def test_a_module_that_raises_leaves_what_was_captured_until_then(tmp_path):
    class Bad(nn.Module):
        def forward(self, x):
            raise ValueError("no such thing")

    model = nn.Sequential(nn.Linear(3, 3), nn.Sequential(Bad()), nn.Linear(3, 3))
    x = torch.randn(1, 3)
    with capture(model, (x,), folder=tmp_path) as captures:
        failure = captures.run.failure
        assert (failure.type, failure.message, failure.module) == ("ValueError", "no such thing", "1.0")
        assert same_bits(captures.read("0.output"), model[0](x))
        assert same_bits(captures.read("1.0.input"), model[0](x))
        assert [(call.module, call.ended, call.output is None) for call in captures.run.calls] == [
            ("", 0, True), ("0", 1, False), ("1", 0, True), ("1.0", 0, True)]  # fmt: skip
        assert captures.output("1.0") is None
        assert captures.run.uncalled == ("2",)
        captures.export(tmp_path / "a.safetensors")
    assert hook_count(model) == 0
    with weightedit.open(tmp_path / "a.safetensors") as document:
        assert torch.equal(document.read("0.output"), model[0](x))


def test_the_module_whose_own_code_raises_is_named(tmp_path):
    """Torch's own functions raise inside a layer: that layer is named, whether it was chosen or not."""
    model = nn.Sequential(nn.Linear(3, 4), nn.Sequential(nn.Linear(5, 2)))
    with capture(model, (torch.randn(1, 3),), modules=("0",), folder=tmp_path) as captures:
        assert captures.run.failure.module == "1.0"
        assert "mat1 and mat2" in captures.run.failure.message


def test_a_call_that_raises_and_is_caught_confuses_nothing(tmp_path):
    """The same module inside itself: the one that raised has no output, the other has its own."""

    class Tries(nn.Module):
        def __init__(self):
            super().__init__()
            self.again = True

        def forward(self, x):
            if not self.again:
                raise RuntimeError("inside")
            self.again = False
            try:
                return self(x * 2)
            except RuntimeError:
                return x + 1

    with capture(Tries(), (torch.zeros(2),), folder=tmp_path) as captures:
        first, second = captures.run.calls
        assert first.output is not None
        assert second.output is None
        assert captures.output().tolist() == [1, 1]


def test_a_run_is_stopped_by_whoever_asks_though_the_model_catches_it(tmp_path):
    class Catches(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(2, 2)

        def forward(self, x):
            for _ in range(3):
                with contextlib.suppress(Exception):
                    x = self.fc(x)
            return x

    asked = []

    def ask():
        asked.append(1)
        if len(asked) == 3:
            raise Cancelled("Capturing was cancelled; nothing was changed.")

    model = Catches()
    with pytest.raises(Cancelled):
        capture(model, (torch.randn(1, 2),), folder=tmp_path, ask=ask)
    assert len(asked) == 3
    assert hook_count(model) == 0
    assert list(tmp_path.iterdir()) == []


def test_a_model_without_values_yet_is_refused(tmp_path):
    model = nn.Sequential(nn.LazyLinear(3))
    with pytest.raises(WeightEditError, match="have no values yet"):
        capture(model, (torch.randn(1, 2),), folder=tmp_path)
    assert isinstance(model[0].weight, nn.UninitializedParameter)


def test_random_numbers_go_on_as_if_nothing_was_run(tmp_path, device):
    """Dropout draws from torch, a layer of one's own from Python, numpy and a generator: all are as they were."""

    class Random(nn.Module):
        def __init__(self):
            super().__init__()
            self.generator = torch.Generator().manual_seed(1)
            self.dropout = nn.Dropout()

        def forward(self, x):
            shift = random.random() + np.random.rand() + torch.rand(1, generator=self.generator).item()
            return self.dropout(x) + shift

    model, x = Random(), torch.ones(50, device=device)

    def draws():
        return (random.random(), np.random.rand(), torch.rand(2).tolist(), torch.rand(2, device=device).tolist(),
                torch.rand(1, generator=model.generator).item())  # fmt: skip

    def seeded():
        random.seed(3), np.random.seed(3), torch.manual_seed(3), model.generator.manual_seed(3)

    seeded()
    wanted = draws()
    seeded()
    outputs = []
    for seed in (None, None, 7, 7):
        with capture(model, (x,), folder=tmp_path, seed=seed) as captures:
            outputs.append(captures.output())
    assert draws() == wanted
    assert torch.equal(outputs[0], outputs[1])
    assert torch.equal(outputs[2], outputs[3])
    assert not torch.equal(outputs[0], outputs[2])
