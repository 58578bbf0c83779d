"""What modules give back that is no plain tensor in a plain container: kept where it can be, named where it cannot."""

from __future__ import annotations

import collections
import math
import threading
from dataclasses import dataclass

import pytest
import torch
from torch import nn

from tests.doctor.activations.test_captures import same_bits
from weightedit.doctor.activations.form import Form
from weightedit.doctor.inside.capturing.captures import capture


@dataclass
class Odd:
    tensor: torch.Tensor
    generator: object
    text: str = "t"


def test_leaves_that_are_no_tensors(tmp_path):
    """Numbers, texts and None are kept, a generator is not asked for anything, an object is named by its class."""
    asked = []

    def numbers():
        asked.append(1)
        yield 1

    class Gives(nn.Module):
        def forward(self, x, **more):
            deep = x
            for _ in range(40):
                deep = [deep]
            loop = [x]
            loop.append(loop)
            return (Odd(x, numbers()), None, True, 3, -0.5, float("nan"), "text", object, {1: x, None: 2, (1, 2): x},
                    collections.OrderedDict(a=x), collections.deque([x]), torch.max(x, 0), x.shape, loop, deep,
                    torch.float32, 1 << 80, {x})  # fmt: skip

    x = torch.randn(2, 3)
    with capture(Gives(), (x,), {"flag": True, "generator": numbers()}, folder=tmp_path) as captures:
        (odd, none, true, three, half, nan, text, kind, keyed, ordered, queue, most, shape, loop, deep, dtype, large,
         held) = captures.output()  # fmt: skip
        assert (none, true, three, half, text) == (None, True, 3, -0.5, "text")
        assert math.isnan(nan)
        assert isinstance(odd, Odd)
        assert odd.generator.type == "generator"
        assert not asked
        assert list(keyed) == [1, None, "tuple 2"]
        assert type(ordered) is collections.OrderedDict
        assert type(queue) is collections.deque
        assert type(most) is torch.return_types.max
        assert same_bits(most.values, x.max(0).values)
        assert shape == torch.Size([2, 3])
        assert isinstance(shape, torch.Size)
        assert loop[1].kind == "other"
        assert [one.kind for one in (kind, dtype, large, held)] == ["other"] * 4
        for _ in range(31):
            deep = deep[0]
        assert deep.kind == "other"
        assert captures.inputs()[1]["flag"] is True


@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support is in beta:UserWarning")
@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors:UserWarning")
def test_tensors_without_plain_values_are_named_and_left_out(tmp_path):
    class Gives(nn.Module):
        def forward(self, x):
            return {"sparse": x.to_sparse(), "csr": x.to_sparse_csr(), "meta": x.to("meta"),
                    "nested": torch.nested.nested_tensor([x[0], x[1, :1]], layout=torch.jagged),
                    "quantized": torch.quantize_per_tensor(x, 0.1, 0, torch.qint8),
                    "conj": torch.complex(x, x).conj(), "t": x.t(), "wide": x[:1].expand(4, 3)}  # fmt: skip

    x = torch.randn(2, 3)
    with capture(Gives(), (x,), folder=tmp_path) as captures:
        found = captures.output()
        assert {key: value.said for key, value in found.items() if isinstance(value, Form)} == {
            "sparse": "is sparse_coo, and has no plain values", "csr": "is sparse_csr, and has no plain values",
            "meta": "is on meta, without values", "nested": found["nested"].said,
            "quantized": "is quantized, and has no plain values"}  # fmt: skip
        assert "has no plain values" in found["nested"].said
        assert found["sparse"].shape == (2, 3)
        assert same_bits(found["conj"], torch.complex(x, -x))
        assert same_bits(found["t"], x.t())
        assert same_bits(found["wide"], x[:1].expand(4, 3))


def test_inside_a_transform_of_torch_func_tensors_are_left_out(tmp_path):
    class Mapped(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(3, 2)

        def forward(self, x):
            return torch.vmap(self.fc)(x)

    model, x = Mapped(), torch.randn(4, 3)
    with capture(model, (x,), folder=tmp_path) as captures:
        assert captures.run.failure is None
        assert "torch.func" in captures.output("fc").said
        assert torch.allclose(captures.output(), model.fc(x))


def test_inference_tensors_and_threads(tmp_path):
    """Inference tensors count no writes, so they are kept anew; calls in another thread are calls too."""

    class Threaded(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(3, 3)

        def forward(self, x):
            thread = threading.Thread(target=lambda: self.fc(x))
            thread.start()
            thread.join()
            with torch.inference_mode():
                return self.fc(x)

    with capture(Threaded(), (torch.randn(2, 3),), folder=tmp_path) as captures:
        assert same_bits(captures.read("fc.output"), captures.read("fc.output #2"))
        assert same_bits(captures.output(), captures.read("fc.output"))


def test_names_that_print_alike_are_told_apart(tmp_path):
    class Alike(nn.Module):
        def forward(self, x):
            return {"a": {"b": x + 1}, "a.b": x + 2, 1: x + 3, "1": x + 4}

    model = nn.Sequential(collections.OrderedDict(m=Alike()))
    with capture(model, (torch.zeros(1),), modules=("m",), folder=tmp_path) as captures:
        assert captures.names == ("m.input", "m.output.a.b", "m.output.a.b #2", "m.output.1", "m.output.1 #2")
        assert [captures.read(name).item() for name in captures.names] == [0, 1, 2, 3, 4]


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_torchscript_is_named_and_what_is_compiled_is_run_as_written(tmp_path):
    """Scripted modules take no hooks; those inside a traced one take them, and are never called."""
    scripted, x = torch.jit.script(nn.Linear(3, 3)), torch.randn(2, 3)
    traced = torch.jit.trace(nn.Sequential(nn.Linear(3, 3)).requires_grad_(False), x)
    model = nn.Sequential(scripted, traced, nn.Linear(3, 3))
    with capture(model, (x,), folder=tmp_path) as captures:
        assert captures.run.unhooked == ("0",)
        assert captures.run.uncalled == ("1.0",)
        assert same_bits(captures.read("1.input"), scripted(x))
        assert same_bits(captures.read("2.input"), traced(scripted(x)))
    plain = nn.Sequential(nn.Linear(3, 3))
    compiled = torch.compile(plain, backend="eager")
    compiled(x)
    with capture(compiled, (x,), folder=tmp_path) as captures:
        assert same_bits(captures.read("_orig_mod.0.output"), plain(x))
