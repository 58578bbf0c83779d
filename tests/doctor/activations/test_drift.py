"""Drift against torch in float64, over all dtypes, and the edit of a real history that broke a real model."""

from __future__ import annotations

import json
import math
import tracemalloc

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import weightedit
from tests.doctor.activations.test_captures import same_bits
from tests.doctor.activations.test_store import DTYPES_COPIED, anything
from weightedit.core.errors import Cancelled
from weightedit.core.live.objects import LiveBytes
from weightedit.core.spec import TensorSpec
from weightedit.doctor.activations import difference as difference_module
from weightedit.doctor.activations import drift as drift_module
from weightedit.doctor.activations.breaking import break_finding, first_break
from weightedit.doctor.activations.difference import difference
from weightedit.doctor.activations.drift import drift, first_excess
from weightedit.doctor.activations.reading import CapturedDocument
from weightedit.doctor.inside.capturing.captures import capture


def of(tensor):
    """A tensor as what is compared: a spec and its bytes."""
    spec = TensorSpec(str(tensor.dtype).removeprefix("torch."), tuple(tensor.shape), tuple(tensor.stride()),
                      tensor.storage_offset())  # fmt: skip
    return spec, LiveBytes(tensor.untyped_storage())


def compared(mine, theirs):
    return difference(of(mine), of(theirs))


def wide(tensor):
    if tensor.dtype == torch.complex32:
        return torch.complex(tensor.real.double(), tensor.imag.double())
    return tensor.to(torch.complex128 if tensor.is_complex() else torch.float64)


@pytest.fixture
def few_at_once(monkeypatch):
    monkeypatch.setattr(difference_module, "AT_ONCE", 7)


@pytest.mark.parametrize("dtype", DTYPES_COPIED)
def test_against_torch_in_float64(dtype, few_at_once):
    mine, theirs = anything(dtype, 9, 8), anything(dtype, 9, 8)
    theirs.view(torch.uint8)[2:] ^= 3 if dtype != "bool" else 1
    found = compared(mine, theirs)
    a, b = wide(mine).flatten(), wide(theirs).flatten()
    fine, now = a.isfinite(), b.isfinite()
    both = fine & now
    far = (a - b).abs()[both]
    size = mine.element_size()
    raw = [tensor.reshape(-1).view(torch.uint8).reshape(-1, size) for tensor in (mine, theirs)]
    assert found.changed == (raw[0] != raw[1]).any(1).sum()
    assert found.appeared == (fine & ~now).sum()
    assert found.vanished == (now & ~fine).sum()
    if dtype in ("int64", "uint64"):
        ints = [list(map(int, tensor.flatten().tolist())) for tensor in (mine, theirs)]
        assert found.max_abs == float(max(abs(one - other) for one, other in zip(*ints, strict=True)))
    else:
        assert found.max_abs == pytest.approx(far.max().item(), rel=1e-12)
    largest = a[both].abs().max().item()
    assert found.largest == pytest.approx(largest, rel=1e-12)
    assert found.relative == pytest.approx(far.max().item() / largest, rel=1e-9)
    scale = [tensor[both].abs().max() for tensor in (a, b)]
    x, y = a[both] / scale[0], b[both] / scale[1]
    wanted = torch.vdot(x.to(torch.complex128), y.to(torch.complex128)).real / x.abs().norm() / y.abs().norm()
    assert found.cosine == pytest.approx(wanted.item(), abs=1e-9)
    at = sum(index * step for index, step in zip(found.at, (8, 1), strict=True))
    assert not now[at] if found.appeared else both[at]


@pytest.mark.parametrize("dtype", DTYPES_COPIED)
def test_the_same_bits_are_exactly_no_difference(dtype):
    """NaN and infinities included, whatever the strides."""
    mine = anything(dtype, 6, 5)
    for theirs in (mine.clone(), mine.t().contiguous().t()):
        found = compared(mine, theirs)
        assert found.is_none
        assert (found.changed, found.max_abs, found.relative, found.cosine) == (0, 0.0, 0.0, 1.0)


def test_what_the_strides_are_changes_nothing(few_at_once):
    mine, theirs = torch.randn(9, 8), torch.randn(9, 8)
    assert compared(mine.t().contiguous().t(), theirs) == compared(mine, theirs)
    found = compared(mine, theirs)
    assert abs(wide(mine) - wide(theirs))[found.at].item() == found.max_abs


def test_extremes_do_not_overflow():
    big, small = torch.tensor([1e300, -1e300], dtype=torch.float64), torch.tensor([1e-300, 0], dtype=torch.float64)
    assert compared(big, big * 0.5).cosine == pytest.approx(1)
    assert compared(big, -big).cosine == pytest.approx(-1)
    assert compared(small, small * 2).cosine == pytest.approx(1)
    assert compared(big, small).cosine == pytest.approx(math.sqrt(0.5))
    assert compared(big * 1.7e8, -big * 1.7e8).max_abs == math.inf


@pytest.mark.parametrize(("mine", "theirs", "cosine", "relative"), [
    ([0.0, 0], [0.0, 1], 0.0, math.inf), ([0.0, 0], [-0.0, 0], 1.0, 0.0), ([1.0, 0], [0.0, 0], 0.0, 1.0),
    ([math.nan, 1], [math.nan, 2], 1.0, 1.0), ([math.nan, math.nan], [math.nan, math.inf], None, 0.0),
    ([1.0, 1], [1.0, math.nan], 1.0, 0.0),
])  # fmt: skip
def test_zeros_and_what_is_not_finite(mine, theirs, cosine, relative):
    found = compared(torch.tensor(mine), torch.tensor(theirs))
    assert (found.cosine, found.relative, found.changed) == (cosine, relative, 1)


def test_other_dtypes_are_compared_by_value_and_other_shapes_not_at_all():
    mine = torch.tensor([1.0, math.nan, 3.25, 1.01])
    found = compared(mine, mine.bfloat16())
    assert found.changed == 1
    assert found.max_abs == pytest.approx(abs(1.01 - 1.0078125), rel=1e-5)
    assert compared(torch.tensor([1, 2]), torch.tensor([1.0, 2.0])).is_none
    assert compared(torch.tensor([1, 2]), torch.tensor([1 + 1j, 2])).max_abs == 1
    assert not compared(mine, mine[None]).is_none
    assert compared(torch.empty(0, 3), torch.empty(0, 3)).is_none
    assert compared(torch.tensor(2.0), torch.tensor(3.0)).at == ()


def test_memory_is_bounded_whatever_the_size():
    """Two tensors of 64 MB that differ everywhere are compared in some megabytes."""
    mine = torch.rand(16_000_000)
    theirs = mine + 1
    tracemalloc.start()
    try:
        found = compared(mine, theirs)
        taken = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found.changed == 16_000_000
    assert taken < 24 << 20


def test_a_comparison_can_be_stopped():
    def stop():
        raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        difference(of(torch.zeros(10)), of(torch.ones(10)), stop)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(6, 8)
        self.act = nn.ReLU(inplace=True)
        self.second = nn.Linear(8, 8)
        self.last = nn.Linear(8, 3)
        self.shift = nn.Parameter(torch.zeros(8))

    def forward(self, x):
        return {"logits": self.last(self.second(self.act(self.first(x))) + self.shift), "n": len(x)}


@pytest.fixture
def net():
    torch.manual_seed(0)
    return Net()


@pytest.mark.parametrize("from_file", [True, False])
def test_the_module_whose_weight_changed_is_first(tmp_path, net, from_file):
    """In memory and from files: what comes before is exactly the same, what comes after differs by what it is given."""
    x = torch.randn(5, 6)
    with capture(net, (x,), folder=tmp_path) as before:
        with torch.no_grad():
            net.second.weight[3] += 0.5
        with capture(net, (x,), folder=tmp_path, budget=100) as after:
            if from_file:
                with weightedit.open(before.export(tmp_path / "a.safetensors")) as one, \
                        weightedit.open(after.export(tmp_path / "b.safetensors")) as other:  # fmt: skip
                    found = drift(CapturedDocument(one), CapturedDocument(other))
            else:
                found = drift(before, after)
            assert [one.module for one in found] == ["first", "act", "second", "last", ""]
            assert [one.differs for one in found] == [False, False, True, True, True]
            assert [one.inputs_differ for one in found] == [False, False, False, True, False]
            second = found[2]
            assert next(one for one in found if one.differs) is second
            wanted = before.read("second.output").double() - after.read("second.output").double()
            assert second.max_abs == wanted.abs().max().item()
            assert second.outputs[0].difference.changed == (wanted != 0).sum()
            assert second.cosine == pytest.approx(torch.cosine_similarity(
                before.read("second.output").double().flatten(), after.read("second.output").double().flatten(),
                0).item(), abs=1e-12)  # fmt: skip
            assert [one.place for one in found[-1].outputs] == ["logits", "n"]
            assert found[-1].outputs[1].what == "same"
            assert found[0].max_abs == found[0].relative == 0.0
            assert found[0].cosine == 1.0


def test_what_is_handed_on_is_compared_once(tmp_path, monkeypatch):
    counted = []
    monkeypatch.setattr(drift_module, "difference", lambda *given: (counted.append(1), difference(*given))[1])
    model = nn.Sequential(nn.Linear(2, 2), *(nn.Identity() for _ in range(10)))
    with capture(model, (torch.ones(2),), folder=tmp_path) as before, \
            capture(model, (torch.zeros(2),), folder=tmp_path) as after:  # fmt: skip
        found = drift(before, after)
        assert len(found) == 12
        assert len({one.max_abs for one in found}) == 1
        assert len(counted) == 2  # the input, and the output of the first


def test_a_parameter_that_no_module_has_shows_in_what_the_next_is_given(tmp_path, net):
    x = torch.randn(5, 6)
    with capture(net, (x,), folder=tmp_path) as before:
        with torch.no_grad():
            net.shift += 1
        with capture(net, (x,), folder=tmp_path) as after:
            first = next(one for one in drift(before, after) if one.differs)
            assert (first.module, first.inputs_differ) == ("last", True)


def test_what_is_called_once_raises_or_gives_something_else(tmp_path):
    class Turns(nn.Module):
        def __init__(self, way):
            super().__init__()
            self.way, self.a, self.b, self.c = way, nn.Identity(), nn.Identity(), nn.Flatten(0)

        def forward(self, x):
            if self.way == 0:
                return self.a(x), 1, None, "x", self.c(x), x.to_sparse()
            if self.way == 1:
                return self.b(x), 2, x, "y", self.c(x[:1]), x.to_sparse()
            return self.a(x), self.c(x).no_such_thing

    x = torch.ones(2, 3)
    with capture(Turns(0), (x,), folder=tmp_path) as none, capture(Turns(1), (x,), folder=tmp_path) as one, \
            capture(Turns(2), (x,), folder=tmp_path) as two:  # fmt: skip
        found = {drifted.module: drifted for drifted in drift(none, one)}
        assert {name: drifted.what for name, drifted in found.items()} == {
            "a": "only before", "c": "both", "": "both", "b": "only after"}  # fmt: skip
        assert [value.what for value in found["c"].outputs] == ["shape"]
        assert [value.what for value in found[""].outputs] == ["same", "values", "value", "value", "shape", "left out"]
        assert all(drifted.exceeds() for drifted in found.values())
        found = drift(none, two)
        assert [(drifted.module, drifted.what) for drifted in found] == [("a", "both"), ("c", "both"), ("", "raised")]
        assert next(one for one in found if one.differs) is found[2]
        assert [drifted.what for drifted in drift(two, two)] == ["both"] * 3
        assert drift(two, none)[-1].what == "raised before"
        assert not any(drifted.differs for drifted in drift(none, none))


def test_the_edit_that_broke_the_model_is_found_in_history(tmp_path, net):
    """A checkpoint, its real edits, the model loaded with each state, run, and compared with the first."""
    save_file(net.state_dict(), tmp_path / "net.safetensors")
    x = torch.randn(5, 6)
    with weightedit.open(tmp_path / "net.safetensors") as document:
        document.apply("scale", "first.weight", factor=1.0001)
        document.apply("cast", "last.bias", dtype="float64")
        document.apply("cast", "last.bias", dtype="float32")
        document.apply("fill", "second.weight", region="[0:4, :]", value=3.0)
        document.apply("scale", "last.weight", factor=100.0)
        steps = document.history.position

        def captured(position):
            document.go_to(position)
            loaded = Net()
            loaded.load_state_dict({name: document.read(name) for name in document.tensors}, strict=True)
            return capture(loaded, (x,), folder=tmp_path)

        asked = []

        def series():
            with captured(0) as good:
                for position in range(1, steps + 1):
                    asked.append(position)
                    with captured(position) as now:
                        yield position, drift(good, now)

        found = first_break(series())
        assert (found.position, found.last_good) == (4, 3)
        assert asked == [1, 2, 3, 4]
        assert (found.drift.module, found.drift.inputs_differ) == ("second", True)
        assert first_break(series(), tolerance=1e9) is None
        assert first_break(series(), tolerance=1e-9).position == 1
        finding = break_finding(found, "fill 3.0, second.weight [0:4, :]")
        assert finding.kind == "drift"
        assert finding.module == "second"
        assert finding.message.startswith("fill 3.0, second.weight [0:4, :]: second is off by up to ")
        assert finding.message.endswith("differ; what it is given differs already.")
        assert finding.mends[0].undo_to == 3
        document.go_to(finding.mends[0].undo_to)
        with captured(3) as back, captured(0) as good:
            assert first_excess(drift(good, back)) is None
        assert json.dumps(finding.to_json())


def test_what_is_said(tmp_path):
    """One sentence for each way to break, with both numbers."""

    class Does(nn.Module):
        def __init__(self, does):
            super().__init__()
            self.inner = nn.Identity()
            self.inner.forward = does

        def forward(self, x):
            self.inner(x)
            return x

    x = torch.tensor([[1.0, 2.0]])
    ways = {
        "inner is off by up to 1 at [0, 0] (50 % of its largest magnitude, cosine 0.9487); 1 value differs; what it is "
        "given is the same.": lambda x: x + torch.tensor([[1.0, 0.0]]),
        "inner gives back 1 value that is NaN or infinite and was finite, the first at [0, 1]; what it is given is the "
        "same.": lambda x: x * torch.tensor([1, torch.inf])[None] / torch.tensor([1, 1.0]),
        "inner gives back 2 × 1 values where it gave 1 × 2; what it is given is the same.": lambda x: x.t(),
        "inner gives back something else; what it is given is the same.": lambda x: (x,),
        "inner raises, and gave something back before; what it is given is the same.": lambda x: x.none,
    }  # fmt: skip
    with capture(Does(lambda x: x), (x,), folder=tmp_path) as before:
        for said, does in ways.items():
            with capture(Does(does), (x,), folder=tmp_path) as after:
                found = first_break([(1, drift(before, before)), (2, drift(before, after))])
                assert break_finding(found).message == said
                assert [mend.title for mend in break_finding(found).mends] == ["Go back to before that step"]
        with capture(Does(lambda x: x), (x,), folder=tmp_path, modules=("",)) as after:
            found = first_break([(2, drift(before, after))])
            assert break_finding(found, "rename").message == "rename: inner is no longer called."
            assert break_finding(found).mends == ()
    assert same_bits(x, x)
