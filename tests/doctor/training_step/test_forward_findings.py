"""A forward pass that raises is told by its module, with what it takes and what it got; the mends really run."""

from __future__ import annotations

import re

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import weightedit
from tests.doctor.training_step.steps import above_notice, findings, step


def made(spec):
    dtype, sizes = re.fullmatch(r"(\w+)\[(.*)\]", spec).groups()
    dtype = getattr(torch, dtype)
    shape = [int(size) for size in sizes.split(",")]
    return torch.randn(shape, dtype=dtype) if dtype.is_floating_point else torch.zeros(shape, dtype=dtype)


def first(output):
    return output[0] if isinstance(output, tuple) else output


def size(output, target=None):
    return first(output).float().square().mean()


@pytest.mark.parametrize(("model", "given", "kind", "says"), [
    (lambda: nn.Linear(10, 3), torch.randn(5, 9), "features", "expects 10 features, got 9"),
    (lambda: nn.LSTM(4, 5), torch.randn(2, 3, 3), "features", "expects 4 features, got 3"),
    (lambda: nn.Conv1d(3, 4, 3), torch.randn(2, 1, 9), "channels", "expects 3 channels, got 1"),
    (lambda: nn.ConvTranspose2d(4, 3, 3), torch.randn(2, 5, 9, 9), "channels", "expects 4 channels, got 5"),
    (lambda: nn.Conv2d(4, 3, 3), torch.randn(5, 9, 9), "channels", "expects 4 channels, got 5"),
    (lambda: nn.BatchNorm2d(4), torch.randn(2, 3, 5, 5), "channels", "expects 4 channels, got 3"),
    (lambda: nn.BatchNorm1d(4), torch.randn(1, 4), "batch-of-one", "[1, 4] has 1 value per channel"),
    (lambda: nn.Linear(4, 3), torch.ones(5, 4, dtype=torch.int64), "dtype", "has weights in float32, got int64"),
    (lambda: nn.Conv2d(3, 4, 1), torch.ones(5, 3, 2, 2, dtype=torch.uint8), "dtype", "weights in float32, got uint8"),
    (lambda: nn.LayerNorm(4), torch.randn(5, 4, dtype=torch.float64), "dtype", "has weights in float32, got float64"),
    (lambda: nn.Embedding(10, 3), torch.randn(5, 4), "index-dtype", "as indices, int64 or int32, got float32"),
])  # fmt: skip
def test_an_input_that_a_layer_does_not_take(model, given, kind, says):
    with pytest.raises((RuntimeError, ValueError)):
        model()(given)
    inside = nn.Sequential(nn.Identity(), model())
    (found,) = findings(inside, given, None, size)
    assert (found.kind, found.module, found.level) == (kind, "1", "refusal")
    assert says in found.message
    assert found.torch_says
    mended = findings(inside, made(next(one.inputs for one in found.mends if one.inputs)), None, size)
    assert above_notice(mended) == []


def test_an_index_past_an_embedding_gets_its_rows(tmp_path):
    model = nn.Sequential(nn.Embedding(10, 3), nn.Linear(3, 1))
    ids = torch.tensor([[1, 12, 3]])
    (found,) = findings(model, ids, None, "mean")
    assert (found.kind, found.module, found.tensor) == ("index", "0", "0.weight")
    assert found.message == "0 has 10 rows, got the index 12."
    save_file(model.state_dict(), tmp_path / "model.safetensors")
    with weightedit.open(tmp_path / "model.safetensors") as document:
        (edit,) = found.mends[0].edits
        document.apply(edit.operation, edit.targets, **edit.arguments)
        state = {name: document.read(name) for name in document.tensors}
    larger = nn.Sequential(nn.Embedding(13, 3), nn.Linear(3, 1))
    larger.load_state_dict(state, strict=True)
    assert above_notice(findings(larger, ids, None, "mean")) == []


def test_one_layer_in_another_dtype_is_cast_to_the_others(tmp_path):
    def mixed():
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 1).bfloat16())

    x, target = torch.randn(5, 4), torch.randn(5, 1)
    (found,) = findings(mixed(), x, target)
    assert (found.kind, found.module, found.tensor) == ("dtype", "1", "1.weight")
    assert found.message == "1 has weights in bfloat16, got float32."
    assert [mend.inputs for mend in found.mends] == [""]
    save_file(mixed().state_dict(), tmp_path / "model.safetensors")
    with weightedit.open(tmp_path / "model.safetensors") as document:
        (edit,) = found.mends[0].edits
        document.apply(edit.operation, edit.targets, **edit.arguments)
        state = {name: document.read(name) for name in document.tensors}
    whole = mixed().float()
    whole.load_state_dict(state, strict=True)
    assert {one.dtype for one in state.values()} == {torch.float32}
    assert above_notice(findings(whole, x, target)) == []


def test_what_has_no_words_of_its_own_is_told_with_its_place():
    class Breaks(nn.Module):
        def forward(self, x):
            raise LookupError("nothing \x1b[31m here")

    found = findings(nn.Sequential(nn.Identity(), Breaks()), torch.randn(5, 4), None, "mean")[0]
    assert (found.kind, found.module) == ("error", "1")
    assert found.message.startswith("1 raised LookupError: nothing \\x1b[31m here; called from ")
    assert "\x1b" not in found.message
    assert "\x1b" not in found.torch_says


def test_an_exception_that_the_model_catches_itself_is_none():
    class Tries(nn.Module):
        def __init__(self):
            super().__init__()
            self.wrong, self.right = nn.Linear(3, 1), nn.Linear(4, 1)

        def forward(self, x):
            try:
                return self.wrong(x)
            except RuntimeError:
                return self.right(x)

    facts = step(Tries(), torch.randn(5, 4), torch.randn(5, 1))
    assert facts.raised is None
    assert [call.module for call in facts.calls] == ["right", ""]


def test_an_exception_whose_text_is_code_that_raises():
    class Odd(Exception):
        def __str__(self):
            raise ValueError

    class Breaks(nn.Module):
        def forward(self, x):
            raise Odd

    found = findings(Breaks(), torch.randn(5, 4), None, "mean")[0]
    assert "raised Odd" in found.message


def test_memory_that_ran_out():
    class Large(nn.Linear):
        def forward(self, x):
            return super().forward(x.expand(1 << 48, 4)).contiguous()

    (found,) = findings(nn.Sequential(Large(4, 4)), torch.randn(1, 4), None, "mean")
    assert (found.kind, found.message) == ("memory", "Memory ran out in 0 (Large).")
