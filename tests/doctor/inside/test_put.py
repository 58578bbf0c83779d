"""Tensors that are put into a model are each one's own: what changes in one neither changes nor counts in another."""

from __future__ import annotations

import warnings

import pytest
import torch
from torch import nn

import weightedit
from weightedit.core.edit import Edit


class Normed(nn.Module):
    """A convolution under a normalization, whose statistics change in place while it trains."""

    def __init__(self, *, lazy: bool = False, features: int = 16):
        super().__init__()
        self.conv = nn.LazyConv2d(4, 3) if lazy else nn.Conv2d(3, 4, 3)
        self.norm = nn.LazyBatchNorm2d() if lazy else nn.BatchNorm2d(4)
        self.fc = nn.LazyLinear(2) if lazy else nn.Linear(features, 2)

    def forward(self, x):
        return self.fc(self.norm(self.conv(x)).flatten(1))


def saved(folder) -> str:
    path = str(folder / "normed.pt")
    torch.save(Normed().state_dict(), path)
    return path


def lazy() -> Normed:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Normed(lazy=True)


@pytest.mark.parametrize("make", [Normed, lazy])
def test_a_model_with_statistics_trains_on_the_values_of_a_file(tmp_path, make):
    """A write into a statistic is none into the weights that the backward pass needs."""
    found = weightedit.check(saved(tmp_path), make(), "float32[2,3,4,4]", loss="mean")
    assert (found["ok"], found["findings"]) == (True, [])
    assert found["training"]["buffers_changed"] == ["norm.running_mean", "norm.running_var",
                                                    "norm.num_batches_tracked"]  # fmt: skip


@pytest.mark.parametrize("device", ["fake", "cpu"])
def test_lazy_modules_get_their_shapes_from_the_first_run(device):
    """Also where tensors have no values; the module that was handed over stays without shapes."""
    model = lazy()
    found = weightedit.check(model, model, "float32[2,3,8,8]", device=device)
    assert (found["ok"], found["ran"]) == (True, True)
    assert [call["outputs"][0]["shape"] for call in found["trace"]] == [[2, 2], [2, 4, 6, 6], [2, 4, 6, 6], [2, 2]]
    assert all(isinstance(one, nn.UninitializedParameter) for one in model.parameters())


@pytest.mark.parametrize("device", ["fake", "cpu"])
def test_lazy_modules_take_the_shapes_of_a_checkpoint(tmp_path, device):
    path = saved(tmp_path)
    assert weightedit.check(path, lazy(), "float32[2,3,4,4]", device=device)["ok"]
    found = weightedit.check(path, lazy(), "float32[2,1,4,4]", device=device)
    (finding,) = found["findings"]
    assert (finding["kind"], finding["module"], finding["tensor"]) == ("channels", "conv", "conv.weight")
    for mend in finding["mends"]:  # each of them was tried, and runs
        with weightedit.open(path) as document:
            for edit in mend["edits"]:
                document.apply(Edit.from_json(edit, {}), accept="all")
            assert weightedit.check(document, lazy(), mend["inputs"] or "float32[2,1,4,4]", device=device)["ok"]


def test_a_lazy_tensor_that_the_checkpoint_lacks_keeps_its_shape_from_run_to_run():
    """Mends are tried one after another on the same model."""
    model = nn.Sequential(nn.LazyLinear(4), nn.Linear(3, 2))
    state = nn.Linear(3, 2).state_dict()
    found = weightedit.check({f"1.{name}": one for name, one in state.items()}, model, "float32[2,5]", device="fake")
    finding = next(one for one in found["findings"] if one["kind"] == "features")
    assert finding["module"] == "1"
    assert [mend["title"] for mend in finding["mends"]] == ["Pad 1.weight with 1 column of zeros"]


def test_code_with_lazy_modules_is_made_without_memory(tmp_path):
    code = "from torch import nn\nnet = lambda: nn.Sequential(nn.LazyLinear(1 << 19), nn.LazyLinear(1 << 19))\n"
    (tmp_path / "net.py").write_text(code, encoding="utf-8")
    found = weightedit.check({}, f"{tmp_path}/net.py:net", "float32[2,8]", device="fake", folder=tmp_path)
    assert (found["ran"], found["trace"][2]["outputs"][0]["shape"]) == (True, [2, 1 << 19])
    assert not [note for note in found["notes"] if "real tensors" in note]
