"""Names that wrappers, prefixes and older code changed are found, renamed by few rules, and load bit for bit."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, spectral_norm, weight_norm

import weightedit
from tests.doctor.load_report.models import (
    FORMATS,
    ResNet,
    bert,
    differing,
    gpt2,
    kinds,
    llama,
    mended,
    renamed,
    report_on,
    saved,
    state_of,
    t5,
)  # fmt: skip
from weightedit.doctor.facts import facts_of
from weightedit.doctor.inside.model_facts import model_facts
from weightedit.doctor.load_report.report import load_report


def prefixed(state, start):
    return {start + name: tensor for name, tensor in state.items()}


def fsdp(state):
    return prefixed(renamed(state, ("h.0.", "h.0._fsdp_wrapped_module._checkpoint_wrapped_module."),
                            ("h.1.", "h.1._fsdp_wrapped_module.")), "_fsdp_wrapped_module.")  # fmt: skip


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize(("damage", "kind"), [
    (lambda state: prefixed(state, "module."), "wrapper"),
    (lambda state: prefixed(state, "module._orig_mod."), "wrapper"),
    (lambda state: renamed(state, ("h.0.", "h.0._orig_mod.")), "wrapper"),
    (lambda state: renamed(prefixed(state, "_orig_mod."), ("mlp.", "mlp._orig_mod.")), "wrapper"),
    (fsdp, "wrapper"),
    (lambda state: prefixed(state, "model."), "prefix"),
    (lambda state: prefixed(state, "net.inner."), "prefix"),
    (lambda state: renamed(state, ("transformer.", "")), "prefix"),
    (lambda state: renamed(state, ("transformer.", "backbone.")), "prefix"),
], ids=["module", "compiled", "inner", "inner-twice", "fsdp", "lightning", "two-parts", "base", "other"])  # fmt: skip
def test_a_prefix_is_one_finding_with_one_rename(tmp_path, suffix, damage, kind):
    state = state_of(gpt2())
    path = saved(damage(state), tmp_path / f"model{suffix}")
    report = report_on(gpt2(), path)
    assert [one for one in kinds(report) if one != "tied"] == [kind]
    (mend,) = report.findings[0].mends
    assert [edit.operation for edit in mend.edits] == ["rename"]
    assert len(report.names) == len(state) - (suffix == ".safetensors")
    assert differing(mended(gpt2(), path), state) == []


def test_a_prefix_before_a_wrapper_is_two_findings(tmp_path):
    state = state_of(ResNet())
    path = saved(prefixed(state, "model.module."), tmp_path / "model.pt")
    assert kinds(report_on(ResNet(), path)) == ["wrapper", "prefix"]
    assert differing(mended(ResNet(), path), state) == []


@pytest.mark.parametrize(("wrapped", "edits"), [
    (lambda: nn.DataParallel(ResNet()), 1),
    (lambda: nn.ModuleDict({"a": nn.ModuleList(nn.DataParallel(nn.Linear(3, 3)) for _ in range(3))}), 1),
    (lambda: nn.Sequential(*(nn.DataParallel(nn.Linear(3, 3)) for _ in range(3)), nn.Linear(3, 2)), 3),
], ids=["whole", "layers", "some-layers"])  # fmt: skip
def test_a_wrapped_model_gets_the_names_it_wants(tmp_path, wrapped, edits):
    state = state_of(wrapped())
    path = saved(renamed(state, ("module.", "")), tmp_path / "model.pt")
    report = report_on(wrapped(), path)
    assert kinds(report) == ["prefix"]
    assert len(report.findings[0].mends[0].edits) == edits
    assert differing(mended(wrapped(), path), state) == []


def test_what_lacks_the_base_is_renamed_and_the_head_is_not(tmp_path):
    state = state_of(bert())
    path = saved(renamed(state, ("bert.", "")), tmp_path / "model.safetensors")
    report = report_on(bert(), path)
    assert report.headline == "2 names match, 39 names differ"
    assert report.findings[0].message.startswith("39 names of the checkpoint lack bert.")
    assert differing(mended(bert(), path), state) == []


def test_a_checkpoint_with_a_head_loads_into_its_base(tmp_path):
    state = state_of(bert())
    path = saved(state, tmp_path / "model.pt")
    assert kinds(report_on(bert("BertModel"), path)) == ["prefix", "unexpected"]
    base = {name.removeprefix("bert."): tensor for name, tensor in state.items() if name.startswith("bert.")}
    assert differing(mended(bert("BertModel"), path), base) == []


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("base", [False, True])
def test_gamma_and_beta_of_old_bert(tmp_path, suffix, base):
    state = state_of(bert())
    old = renamed(state, ("LayerNorm.weight", "LayerNorm.gamma"), ("LayerNorm.bias", "LayerNorm.beta"))
    path = saved(renamed(old, ("bert.", "")) if base else old, tmp_path / f"model{suffix}")
    report = report_on(bert(), path)
    assert kinds(report) == ["prefix"] * base + ["legacy"]
    assert len(report.findings[-1].mends[0].edits) == 2
    assert differing(mended(bert(), path), state) == []


class Normed(nn.Module):
    def __init__(self, norm):
        super().__init__()
        self.a, self.b, self.c = norm(nn.Linear(3, 4)), norm(nn.Conv1d(4, 4, 3)), nn.Linear(4, 4)


@pytest.mark.parametrize(("old", "new"), [(weight_norm, parametrizations.weight_norm),
                                          (spectral_norm, parametrizations.spectral_norm)])  # fmt: skip
@pytest.mark.filterwarnings("ignore:.*weight_norm.*is deprecated:FutureWarning")
def test_norms_of_weights_go_from_the_old_names_to_the_new_and_back(tmp_path, old, new):
    for source, target in ((old, new), (new, old)):
        given, model = Normed(source), Normed(target)
        state = state_of(given)
        path = saved(state, tmp_path / "model.pt")
        report = report_on(model, path)
        assert kinds(report) == ["legacy"]
        torch_takes_it = not model.load_state_dict(state, strict=False).unexpected_keys
        assert (report.findings[0].level == "notice") == torch_takes_it
        got = sorted(map(torch.Tensor.tolist, mended(Normed(target), path).values()), key=str)
        assert got == sorted(map(torch.Tensor.tolist, state.values()), key=str)


def test_names_of_tensorflow_and_kernels_of_keras(tmp_path):
    state = state_of(ResNet())

    def keras(name, tensor):
        last = {"running_mean": "moving_mean", "running_var": "moving_variance"}
        if tensor.dim() > 1:
            tensor = tensor.permute(2, 3, 1, 0).contiguous() if tensor.dim() == 4 else tensor.T.contiguous()
            last["weight"] = "kernel"
        elif not name.startswith("fc."):
            last |= {"weight": "gamma", "bias": "beta"}
        *parts, end = name.split(".")
        return "/".join(["net", *parts, last.get(end, end)]) + ":0", tensor

    path = saved(dict(keras(*one) for one in state.items() if not one[0].endswith("tracked")), tmp_path / "model.pt")
    report = report_on(ResNet(), path)
    assert kinds(report) == ["slashes", "prefix", "legacy", "transposed", "permuted", "missing"]
    assert len(report.names) == len(state) - 13
    lost = {name for name in state if name.endswith("tracked")}
    assert set(differing(mended(ResNet(), path), state)) == lost


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("last", [{"weight": "w", "bias": "b"}, {"weight": "g", "bias": "b"},
                                  {"weight": "W", "bias": "B"}, {"weight": "kernel"}, {"weight": "scale"}])  # fmt: skip
def test_short_and_foreign_names_of_weight_and_bias(tmp_path, suffix, last):
    state = state_of(bert())
    old = {f"{name.rpartition('.')[0]}.{last.get(name.rpartition('.')[2], name.rpartition('.')[2])}": tensor
           for name, tensor in state.items()}  # fmt: skip
    path = saved(old, tmp_path / f"model{suffix}")
    assert kinds(report_on(bert(), path)) == ["legacy"]
    assert differing(mended(bert(), path), state) == []


def test_a_short_name_of_another_size_is_no_weight(tmp_path):
    path = saved({"fc.w": torch.ones(7), "fc.b": torch.ones(3)}, tmp_path / "model.pt")
    report = report_on(nn.ModuleDict({"fc": nn.Linear(2, 3)}), path)
    assert "fc.weight" not in report.names


def test_later_mends_fit_before_the_rename_too(tmp_path):
    state = state_of(t5())
    broken = {f"module.{name}": tensor.T.contiguous() if ".wi." in name else tensor for name, tensor in state.items()}
    path = saved({**broken, "module.more": torch.ones(2)}, tmp_path / "model.pt")
    with weightedit.open(path) as document:
        report = load_report(model_facts(t5()), facts_of(document))
        assert kinds(report) == ["wrapper", "transposed", "unexpected"]
        for finding in reversed(report.findings):
            for edit in finding.mends[0].edits:
                document.apply(edit, accept="all")
        assert not load_report(model_facts(t5()), facts_of(document)).findings


def test_a_rename_does_not_touch_what_is_right(tmp_path):
    """Names that match must not be caught by the pattern for those that do not."""
    state = state_of(llama())
    half = {("model." + name if "layers.1." in name else name): tensor for name, tensor in state.items()}
    path = saved(half, tmp_path / "model.pt")
    report = report_on(llama(), path)
    assert kinds(report) == ["prefix"]
    assert differing(mended(llama(), path), state) == []
