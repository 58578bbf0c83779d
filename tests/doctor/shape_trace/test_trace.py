"""A trace is what the model really does: calls in order, shapes, and the first failure where torch has it."""

from __future__ import annotations

from collections import namedtuple
from dataclasses import dataclass

import pytest
import torch
from torch import nn
from torch.nn import functional

from weightedit.doctor.inside.bring import without_memory
from weightedit.doctor.inside.calls import MADE_BY
from weightedit.doctor.inside.trace import trace
from weightedit.doctor.inside.without_values import fake_mode, faked
from weightedit.doctor.shape_trace.trace import Trace

Pair = namedtuple("Pair", "first second")


@dataclass
class Output:
    logits: torch.Tensor
    past: tuple[torch.Tensor, torch.Tensor]


class Net(nn.Module):
    """Convolution, in-place activation, one module called twice, keyword arguments and nested outputs."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)
        self.mix = nn.Linear(8, 8)
        self.head = Head()

    def forward(self, x, scale=1.0):
        x = self.relu(self.conv(x)).mean((2, 3))
        x = self.mix(self.mix(x)) * scale
        return self.head(x, extra={"bias": torch.zeros(4), "names": ["a"]})


class Head(nn.Module):
    def __init__(self):
        super().__init__()
        self.out = nn.Linear(8, 4)

    def forward(self, x, *, extra):
        made = self.out(x) + extra["bias"]
        return Output(made, Pair(x, made))


def both(model: nn.Module, *args, **kwargs) -> tuple[Trace, Trace]:
    """A trace without values, and one for real."""
    fake = fake_mode()
    without = [faked_input(arg, fake) for arg in args]
    return (trace(faked(model, fake), tuple(without), kwargs, device="fake", fake=fake),
            trace(model, args, kwargs, device="cpu"))  # fmt: skip


def faked_input(value, fake):
    if not isinstance(value, torch.Tensor):
        return value
    with fake:
        return torch.empty(value.shape, dtype=value.dtype)


def test_calls_are_those_of_the_real_run():
    model, x = Net().eval(), torch.randn(2, 3, 8, 8)
    seen = []
    for name, module in model.named_modules():
        module.register_forward_hook(lambda module, args, output, name=name: seen.append((name, output)))
    model(x, scale=0.5)
    fake, real = both(Net().eval(), x, scale=0.5)
    assert fake.calls == real.calls
    assert [call.module for call in real.calls] == ["", "conv", "relu", "mix", "mix", "head", "head.out"]
    assert [call.number for call in real.calls if call.module == "mix"] == [0, 1]
    assert [call.inside for call in real.calls] == [-1, 0, 0, 0, 0, 0, 5]
    assert {call.state for call in real.calls} == {"done"}
    for name, output in seen:
        shapes = {tuple(one.shape) for call in real.calls if call.module == name for one in call.outputs}
        made = (output.logits, *output.past) if isinstance(output, Output) else (output,)
        assert {tuple(one.shape) for one in made} == shapes
    root, head = real.calls[0], real.calls[5]
    assert [(one.place, str(one)) for one in root.inputs] == [("0", "float32[2,3,8,8]"), ("scale", "0.5")]
    assert [(one.place, str(one)) for one in head.inputs] == [
        ("0", "float32[2,8]"), ("extra.bias", "float32[4]"), ("extra.names.0", "'a'")]  # fmt: skip
    assert [one.place for one in root.outputs] == ["logits", "past.first", "past.second"]


def test_a_run_leaves_the_model_as_it_was():
    model, x = Net().eval(), torch.randn(2, 3, 8, 8)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    trace(model, (x,), {}, device="cpu")
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    fake = fake_mode()
    copy = faked(model, fake)
    trace(copy, (faked_input(x, fake),), {}, device="fake", fake=fake)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert not any(hasattr(tensor, MADE_BY) for tensor in model.state_dict(keep_vars=True).values())


FAILING = [
    (nn.Conv2d(3, 8, 3), (1, 1, 8, 8), torch.float32, "Given groups=1"),
    (nn.Linear(10, 1), (5, 8), torch.float32, "mat1 and mat2 shapes cannot be multiplied (5x8 and 10x1)"),
    (nn.Linear(10, 1), (5, 10), torch.float64, "must have the same dtype"),
    (nn.Conv1d(4, 8, 3), (2, 4, 9), torch.float64, "should be the same"),
    (nn.Embedding(10, 4), (5,), torch.float32, "indices"),
    (nn.LayerNorm(10), (5, 8), torch.float32, "normalized_shape"),
    (nn.BatchNorm1d(10), (5, 8), torch.float32, "running_mean should contain 8 elements not 10"),
    (nn.LSTM(10, 4), (5, 2, 8), torch.float32, "Expected 10, got 8"),
    (nn.ConvTranspose2d(3, 4, 5), (1, 2, 8, 8), torch.float32, "to have 3 channels"),
]


@pytest.mark.parametrize(("layer", "shape", "dtype", "says"), FAILING, ids=lambda value: type(value).__name__)
def test_the_failure_is_the_module_that_torch_raises_in(layer, shape, dtype, says):
    """Without values torch compares no dtypes and words some shapes otherwise; what is told is what a real run says."""
    model = nn.Sequential(nn.Identity(), layer).eval()
    x = torch.zeros(shape, dtype=dtype)
    with pytest.raises(RuntimeError) as raised:
        model(x)
    assert says in str(raised.value)
    for found in both(model, x):
        assert found.failure is not None
        assert (found.failure.module, found.failure.exception) == ("1", "RuntimeError")
        assert says in found.failure.message
        assert [call.state for call in found.calls] == ["stopped", "done", "stopped"]


def test_the_weights_that_made_an_operand_are_followed():
    class Gated(nn.Module):
        def __init__(self):
            super().__init__()
            self.gate, self.up, self.down = nn.Linear(4, 6), nn.Linear(4, 6), nn.Linear(5, 4)

        def forward(self, x):
            return self.down(functional.silu(self.gate(x)) * self.up(x))

    for found in both(Gated(), torch.zeros(2, 4)):
        assert found.failure is not None
        first = found.failure.operands[0]
        assert set(first.made_by) == {"gate", "up"}
        assert [one.tensor for one in found.failure.operands] == ["", "down.weight", "down.bias"]
        frame = found.failure.frames[-1]
        assert frame.function.endswith("Gated.forward")
        assert frame.code[-1].strip() == "return self.down(functional.silu(self.gate(x)) * self.up(x))"


class Careful(nn.Module):
    """Tries one way, and goes another where that raises."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(5, 5), nn.Linear(4, 4)

    def forward(self, x):
        try:
            return self.first(x)
        except RuntimeError:
            return self.second(x)


def test_what_was_caught_is_no_failure():
    for found in both(Careful(), torch.zeros(2, 4)):
        assert found.failure is None
        assert [(call.module, call.state) for call in found.calls] == [("", "done"), ("first", "caught"),
                                                                      ("second", "done")]  # fmt: skip


@pytest.mark.parametrize("code", [lambda x: x if x.sum() > 0 else -x, lambda x: x[x > 0], lambda x: x * x.max().item()])
def test_what_needs_values_says_so_instead_of_failing(code):
    class Peeking(nn.Module):
        def forward(self, x):
            return code(x)

    without, real = both(Peeking(), torch.ones(3))
    assert real.failure is None
    assert without.failure is not None
    assert without.failure.needs_values


@pytest.mark.parametrize("raised", [SystemExit(3), GeneratorExit(), ZeroDivisionError("1/0")])
def test_whatever_is_raised_is_the_failure(raised):
    class Raising(nn.Module):
        def forward(self, x):
            raise raised

    found = trace(nn.Sequential(Raising()), (torch.ones(1),), {}, device="cpu")
    assert found.failure is not None
    assert (found.failure.module, found.failure.exception) == ("0", type(raised).__name__)


def test_a_model_of_half_floats_is_made_without_memory():
    """torch refuses to convert parameters without values in place; tied ones and those of RNNs stay what they are."""

    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.rnn, self.head = nn.Embedding(7, 4), nn.LSTM(4, 4), nn.Linear(4, 7, bias=False)
            self.head.weight = self.embed.weight
            self.register_buffer("scale", torch.ones(2))

        def forward(self, x):
            return self.head(self.rnn(self.embed(x))[0])

    fake = fake_mode()
    with without_memory(fake):
        model = Tied().half().float().to(torch.bfloat16)
    assert nn.Module._apply.__qualname__ == "Module._apply"
    assert {tensor.dtype for tensor in model.state_dict().values()} == {torch.bfloat16}
    assert model.head.weight is model.embed.weight
    with fake:
        ids = torch.zeros(3, 2, dtype=torch.int64)
    found = trace(model, (ids,), {}, device="fake", fake=fake)
    assert found.failure is None
    assert str(found.calls[0].outputs[0]) == "bfloat16[3,2,7]"
