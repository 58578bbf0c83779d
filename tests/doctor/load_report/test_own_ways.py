"""Checkpoints that load in ways of their own: adapters, models whose code converts, folders of transformers."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

import weightedit
from tests.doctor.load_report.models import bert, gpt2, kinds, llama, report_on, saved, state_of, t5
from weightedit.doctor.facts import facts_of
from weightedit.doctor.inside.model_facts import model_facts
from weightedit.doctor.load_report.report import load_report

# ---------------------------------------------------------------- adapters


def adapted(model, *ends, rank=2, layout="lora_{}.weight"):
    """The state_dict that PEFT saves of a LoRA adapter of these modules."""
    made = {}
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear) and name.endswith(ends):
            start = f"base_model.model.{name}."
            made[start + layout.format("A")] = torch.ones(rank, module.in_features)
            made[start + layout.format("B")] = torch.ones(module.out_features, rank)
    return made


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_an_adapter_is_said_in_one_sentence(tmp_path, suffix):
    report = report_on(llama(), saved(adapted(llama(), "q_proj", "v_proj"), tmp_path / f"model{suffix}"))
    assert kinds(report) == ["adapter"]
    assert report.findings[0].message.startswith(
        "The checkpoint is a LoRA adapter of 4 modules, all of them in the model: its 8 tensors, lora_A and lora_B, ")
    assert report.headline == "LoRA adapter of 4 modules"
    assert (report.rows, report.names, report.findings[0].mends) == ((), {}, ())


def test_an_adapter_of_another_model_and_one_with_whole_tensors(tmp_path):
    other = adapted(llama(), "gate_proj") | {"base_model.model.score.weight": torch.ones(2, 8)}
    message = report_on(bert(), saved(other, tmp_path / "model.pt")).findings[0].message
    assert "adapter of 2 modules, none of them in the model" in message
    assert message.endswith("; 1 tensor beside them is whole")


def test_a_model_with_an_adapter_in_it_is_compared_as_any(tmp_path):
    model = nn.ModuleDict({"q": nn.Linear(4, 4), "lora_A": nn.Linear(4, 2), "lora_B": nn.Linear(2, 4)})
    assert report_on(model, saved(state_of(model), tmp_path / "model.pt")).findings == ()
    whole = {f"base_model.model.{name.replace('q_proj', 'q_proj.base_layer')}": tensor
             for name, tensor in state_of(llama()).items()}  # fmt: skip
    report = report_on(llama(), saved(whole | adapted(llama(), "q_proj"), tmp_path / "whole.pt"))
    assert "adapter" not in kinds(report)


# ---------------------------------------------------------------- code that converts


class Converting(nn.Linear):
    def __init__(self):
        super().__init__(3, 4)
        self.register_load_state_dict_pre_hook(self._convert)

    def _convert(self, module, state, prefix, *_):
        if f"{prefix}old" in state:
            state[f"{prefix}weight"] = state.pop(f"{prefix}old").T


class Own(nn.Linear):
    def _load_from_state_dict(self, state, prefix, *rest):
        state.pop(f"{prefix}more", None)
        super()._load_from_state_dict(state, prefix, *rest)


def test_code_that_takes_other_names_is_said(tmp_path):
    model = nn.Sequential(Converting(), nn.Linear(4, 2))
    state = model.state_dict()
    state["0.old"] = state.pop("0.weight").T.contiguous()
    model.load_state_dict(state, strict=True)
    report = report_on(model, saved(dict(state), tmp_path / "model.pt"))
    assert report.findings[-1].kind == "loading-code"
    assert report.findings[-1].level == "notice"
    assert report.findings[-1].message.startswith("0 (Converting) has code that changes a state_dict as it is loaded")
    other = {**model.state_dict(), "1.more": torch.ones(1)}
    assert "loading-code" not in kinds(report_on(model, saved(other, tmp_path / "other.pt")))
    own = nn.Sequential(Own(3, 4))
    assert "loading-code" in kinds(report_on(own, saved({**own.state_dict(), "0.more": torch.ones(1)},
                                                        tmp_path / "own.pt")))  # fmt: skip


def test_code_of_torch_itself_is_known():
    layers = nn.Sequential(nn.BatchNorm1d(3), nn.MultiheadAttention(4, 2), nn.LSTM(3, 3), nn.LazyLinear(3),
                           parametrizations.weight_norm(nn.Linear(3, 3)),
                           parametrizations.spectral_norm(nn.Linear(3, 3)))  # fmt: skip
    assert model_facts(layers).loading_code == ()
    for model in (gpt2, bert, t5, llama):
        assert model_facts(model()).loading_code == ()
    assert model_facts(nn.Sequential(Own(3, 4), Converting())).loading_code == ("0", "1")


# ---------------------------------------------------------------- folders of transformers


@pytest.mark.parametrize("options", [{}, {"max_shard_size": "2KB"}], ids=["one-file", "sharded"])
@pytest.mark.parametrize("model", [gpt2, t5, bert, lambda: bert("BertForMaskedLM"), lambda: bert("BertForPreTraining"),
                                   llama], ids=["gpt2", "t5", "bert", "masked", "pretraining", "llama"])  # fmt: skip
def test_of_what_save_pretrained_wrote_only_tied_names_are_missing(tmp_path, model, options):
    model().save_pretrained(tmp_path, **options)
    with weightedit.open(tmp_path) as document:
        report = load_report(model_facts(model()), facts_of(document))
    assert {row.verdict for row in report.rows} <= {"same", "tied"}
    assert set(kinds(report)) <= {"tied"}


@pytest.mark.parametrize(("model", "options"), [(gpt2, {}), (t5, {"max_shard_size": "2KB"})], ids=["gpt2", "t5"])
def test_what_save_pretrained_wrote_is_healthy(tmp_path, model, options):
    """from_pretrained ties the names again that were saved once."""
    model().save_pretrained(tmp_path, **options)
    result = weightedit.check(tmp_path, tmp_path)
    assert result["ok"], [finding["message"] for finding in result["findings"]]
    assert {(finding["kind"], finding["level"]) for finding in result["findings"]} == {("tied", "notice")}
