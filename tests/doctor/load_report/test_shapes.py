"""Shapes that differ are told by what they look like, and each mend gives the model's with the values in place."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import weightedit
from tests.doctor.load_report.models import (
    FORMATS,
    ResNet,
    differing,
    gpt2,
    kinds,
    mended,
    report_on,
    saved,
    state_of,
)  # fmt: skip
from weightedit.doctor.facts import facts_of
from weightedit.doctor.inside.model_facts import model_facts
from weightedit.doctor.load_report.report import load_report


def after_each_mend(model, path, kind):
    """Yield (title, tensors) after each mend of the one finding of a kind, as exported."""
    for number in range(9):
        with weightedit.open(path) as document:
            report = load_report(model_facts(model), facts_of(document))
            (finding,) = [one for one in report.findings if one.kind == kind]
            if number == len(finding.mends):
                return
            for edit in finding.mends[number].edits:
                document.apply(edit, accept="all")
            assert not [one for one in load_report(model_facts(model), facts_of(document)).findings
                        if one.level == "refusal"]  # fmt: skip
            out = path.with_name(f"{number}.pt")
            document.export(out)
        model.load_state_dict(torch.load(out, weights_only=True), strict=True)
        yield finding.mends[number].title, dict(model.state_dict())


@pytest.mark.parametrize("suffix", FORMATS)
def test_matrices_of_linear_in_place_of_conv1d(tmp_path, suffix):
    state = state_of(gpt2())
    turned = {name: tensor.T.contiguous() if "c_" in name and tensor.dim() == 2 else tensor
              for name, tensor in state.items()}  # fmt: skip
    path = saved(turned, tmp_path / f"model{suffix}")
    report = report_on(gpt2(), path)
    transposed, square = report.findings[:2]
    assert (transposed.kind, square.kind, square.level) == ("transposed", "square", "warning")
    assert len(transposed.mends[0].edits[0].targets) == 6
    assert "2 square matrices of Conv1D fit either way" in square.message
    assert differing(mended(gpt2(), path), state) == []


def test_one_transposed_matrix_says_nothing_of_square_ones(tmp_path):
    state = state_of(gpt2())
    name = "transformer.h.0.mlp.c_fc.weight"
    path = saved({**state, name: state[name].T.contiguous()}, tmp_path / "model.pt")
    assert kinds(report_on(gpt2(), path)) == ["transposed"]
    assert differing(mended(gpt2(), path), state) == []


@pytest.mark.parametrize("order", [(2, 3, 1, 0), (0, 2, 3, 1)], ids=["HWIO", "OHWI"])
def test_kernels_in_another_layout(tmp_path, order):
    state = state_of(ResNet())
    path = saved({name: tensor.permute(order).contiguous() if tensor.dim() == 4 else tensor
                  for name, tensor in state.items()}, tmp_path / "model.pt")  # fmt: skip
    report = report_on(ResNet(), path)
    assert kinds(report) == ["permuted"]
    (mend,) = report.findings[0].mends
    assert len(mend.edits[0].targets) == 13
    assert differing(mended(ResNet(), path), state) == []


def test_a_kernel_that_two_layouts_fit_is_not_decided_alone(tmp_path):
    state = state_of(nn.Conv2d(4, 4, 3))
    path = saved({**state, "weight": state["weight"].permute(2, 3, 1, 0).contiguous()}, tmp_path / "model.pt")
    (finding,) = report_on(nn.Conv2d(4, 4, 3), path).findings
    assert [mend.edits[0].arguments["dims"] for mend in finding.mends] == [(3, 2, 0, 1), (2, 3, 0, 1)]
    assert "2 orders would fit" in finding.message


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize(("found", "wanted"), [(50, 64), (64, 50)])
def test_a_vocabulary_of_another_size_changes_embedding_and_head_together(tmp_path, suffix, found, wanted):
    state = state_of(gpt2(found))
    path = saved(state, tmp_path / f"model{suffix}")
    report = report_on(gpt2(wanted), path)
    assert kinds(report)[0] == "vocabulary"
    assert f"{found} rows in the checkpoint and {wanted} in the model" in report.findings[0].message
    assert "64 is 50 padded to a multiple of 64" in report.findings[0].message
    assert len(report.findings[0].mends) == (3 if found < wanted else 1)
    got = mended(gpt2(wanted), path)
    for name in ("transformer.wte.weight", "lm_head.weight"):
        kept = min(found, wanted)
        assert torch.equal(got[name][:kept], state[name][:kept])
        if found < wanted:
            torch.testing.assert_close(got[name][kept:], state[name].mean(0).expand(wanted - found, -1))


def test_a_bias_of_the_head_goes_with_the_vocabulary(tmp_path):
    def model(rows):
        return nn.ModuleDict({"embed": nn.Embedding(rows, 4), "head": nn.Linear(4, rows)})

    path = saved(state_of(model(100)), tmp_path / "model.pt")
    report = report_on(model(128), path)
    assert kinds(report) == ["vocabulary"]
    assert len(report.findings[0].mends[0].edits[0].targets) == 3
    assert "128 is 100 padded to a multiple of 128" in report.findings[0].message
    assert len(list(after_each_mend(model(128), path, "vocabulary"))) == 3


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("wanted", [20, 2])
def test_another_number_of_classes_is_one_finding_for_weight_and_bias(tmp_path, suffix, wanted):
    state = state_of(ResNet(10))
    path = saved(state, tmp_path / f"model{suffix}")
    report = report_on(ResNet(wanted), path)
    assert kinds(report) == ["shape"]
    assert report.headline == "80 names match, 2 shapes differ"
    assert report.findings[0].message == f"fc (2 tensors): 10 along dimension 0 in the checkpoint and {wanted} in " \
                                         "the model; build the model with 10 to keep them"  # fmt: skip
    got = mended(ResNet(wanted), path)
    kept = min(10, wanted)
    assert torch.equal(got["fc.weight"][:kept], state["fc.weight"][:kept])
    assert torch.equal(got["fc.bias"][:kept], state["fc.bias"][:kept])
    if wanted > 10:
        assert got["fc.weight"][10:].abs().gt(0).all()
        assert not got["fc.bias"][10:].any()


@pytest.mark.parametrize(("found", "wanted"), [
    (lambda: nn.Conv2d(3, 8, 3), lambda: nn.Conv2d(1, 8, 3)),
    (lambda: nn.Conv2d(3, 8, 3), lambda: nn.Conv2d(4, 8, 3)),
    (lambda: nn.Conv2d(3, 8, 3), lambda: nn.Conv2d(3, 8, 5)),
    (lambda: nn.Linear(3, 4, bias=False), lambda: nn.Linear(5, 7, bias=False)),
    (lambda: nn.Linear(5, 7, bias=False), lambda: nn.Linear(3, 4, bias=False)),
    (lambda: nn.Linear(3, 9, bias=False), lambda: nn.Linear(7, 4, bias=False)),
    (lambda: nn.Linear(3, 8, bias=False), lambda: nn.Linear(4, 6, bias=False)),
    (lambda: nn.BatchNorm1d(4, affine=False, track_running_stats=True), lambda: nn.BatchNorm1d(6, affine=False)),
    (lambda: nn.LayerNorm(4, bias=False), lambda: nn.LayerNorm(6, bias=False)),
    (lambda: nn.Conv2d(3, 8, 3, bias=False), lambda: nn.Linear(3, 8, bias=False)),
], ids=["fewer-channels", "more-channels", "kernel", "grown", "cut", "grown-and-cut", "as-many-values", "statistics",
        "norm", "other-rank"])  # fmt: skip
def test_every_mend_of_a_shape_gives_the_models_and_keeps_what_it_can(tmp_path, found, wanted):
    state = state_of(found())
    path = saved(state, tmp_path / "model.pt")
    (finding,) = report_on(wanted(), path).findings
    tensors = [name for name, tensor in state.items() if tensor.shape != wanted().state_dict()[name].shape]
    for title, got in after_each_mend(wanted(), path, "shape"):
        for name in tensors:
            common = tuple(map(min, state[name].shape, got[name].shape))
            part = tuple(slice(size) for size in common)
            if title.startswith(("Pad", "Keep")):
                assert torch.equal(got[name][part], state[name][part]), title
            elif title.startswith("Reshape"):
                assert torch.equal(got[name].reshape(-1), state[name].reshape(-1))
            if name.endswith("running_var") or isinstance(wanted(), nn.LayerNorm):
                assert got[name].gt(0).all(), title  # a variance or a scale of 0 would destroy what it is applied to
    assert finding.mends


def test_a_size_that_differs_throughout_is_one_finding(tmp_path):
    state = {name: torch.rand([size if size == 50 else 2 * size for size in tensor.shape])
             for name, tensor in state_of(gpt2()).items()}  # fmt: skip
    del state["lm_head.weight"]
    path = saved(state, tmp_path / "model.pt")
    report = report_on(gpt2(), path)
    assert kinds(report) == ["size", "tied"]
    assert report.findings[0].message.endswith(": build the model with n_embd 16 and n_positions 24")
    assert [mend.title for mend in report.findings[0].mends] == ["Fit 28 tensors into the shapes of the model",
                                                                 "Replace 28 tensors by fresh values"]  # fmt: skip
    mended(gpt2(), path)


@pytest.mark.parametrize(("found", "wanted"), [
    (lambda: nn.Conv2d(3, 8, 1), lambda: nn.Linear(3, 8)), (lambda: nn.Linear(3, 8), lambda: nn.Conv2d(3, 8, 1)),
])  # fmt: skip
def test_dimensions_of_size_one_are_a_reshape(tmp_path, found, wanted):
    state = state_of(found())
    path = saved(state, tmp_path / "model.pt")
    assert kinds(report_on(wanted(), path)) == ["reshaped"]
    got = mended(wanted(), path)
    assert torch.equal(got["weight"].reshape(-1), state["weight"].reshape(-1))


class Scaled(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))


def test_a_number_saved_as_a_list_of_one_is_what_torch_takes_itself(tmp_path):
    Scaled().load_state_dict({"scale": torch.ones(1)}, strict=True)
    path = saved({"scale": torch.full((1,), 7.0)}, tmp_path / "model.pt")
    (finding,) = report_on(Scaled(), path).findings
    assert (finding.kind, finding.level) == ("reshaped", "notice")
    assert [got["scale"].item() for _, got in after_each_mend(Scaled(), path, "reshaped")] == [7.0]


@pytest.mark.filterwarnings("ignore:Lazy modules are a new feature:UserWarning")
def test_shapes_that_are_not_known_yet_take_any(tmp_path):
    path = saved(state_of(nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))), tmp_path / "model.pt")
    model = nn.Sequential(nn.LazyLinear(4), nn.Linear(4, 2))
    assert not report_on(model, path).findings
    model.load_state_dict(torch.load(path, weights_only=True), strict=True)


def test_a_tied_tensor_that_one_name_needs_larger_is_untied(tmp_path):
    embed, head = nn.Embedding(6, 4), nn.Linear(4, 6, bias=False)
    head.weight = embed.weight
    path = saved(state_of(nn.ModuleDict({"embed": embed, "head": head})), tmp_path / "model.pt")
    model = nn.ModuleDict({"embed": nn.Embedding(8, 4), "head": nn.Linear(4, 6, bias=False)})
    report = report_on(model, path)
    assert report.findings[0].mends[0].edits[0].tied == "untie"
    got = mended(model, path)
    assert got["embed.weight"].shape == (8, 4)
    assert torch.equal(got["embed.weight"][:6], got["head.weight"])
