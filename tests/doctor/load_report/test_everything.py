"""One mend does what the first mends of all findings do: whatever the damage, the checkpoint loads strictly with it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from torch import nn

import weightedit
from tests.doctor.load_report import test_damages as damages
from tests.doctor.load_report.models import MODELS, bert, gpt2, llama, loaded, renamed, report_on, saved, state_of, t5
from weightedit.doctor.facts import facts_of
from weightedit.doctor.inside.model_facts import model_facts
from weightedit.doctor.load_report.report import load_report


def mended_at_once(model, path):
    """Apply the one mend as the window does, in one step of history; export, load strictly."""
    with weightedit.open(path) as document:
        report = load_report(model_facts(model), facts_of(document))
        mend = report.everything
        if mend is None:
            assert all(one.level == "notice" for one in report.findings)
        else:
            with document.all_or_nothing(), document.grouped(mend.title):
                for edit in mend.edits:
                    document.apply(edit, accept="all")
        out = path.with_name(f"mended{path.suffix}")
        document.export(out, shared="copy")
    model.load_state_dict(loaded(out, report.part), strict=True)
    return mend


@given(damages.plans())
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_damages_are_mended_at_once(tmp_path, plan):
    *how, suffix = plan
    state, _ = damages.damaged(*how)
    folder = Path(tmp_path) / str(next(damages._PATHS))
    folder.mkdir()
    mended_at_once(damages.BUILT[how[0]](), saved(state, folder / f"model{suffix}"))


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
@pytest.mark.parametrize("name", MODELS)
def test_all_damages_of_each_architecture_are_mended_at_once(tmp_path, name, suffix):
    model = MODELS[name]()
    state = state_of(model)
    tied = {name for one in model_facts(model).tensors if one.same_as for name in (one.name, one.same_as)}
    matrices = [one for one, tensor in state.items()
                if tensor.dim() == 2 and one not in tied and tensor.shape[0] != tensor.shape[1]]  # fmt: skip
    vectors = [one for one, tensor in state.items() if tensor.dim() == 1 and tensor.is_floating_point()]
    hurt = dict(zip(vectors, (damages.drop, damages.half, damages.pad), strict=False))
    hurt |= dict(zip(matrices, (damages.transpose, damages.cut, damages.drop, damages.flatten), strict=False))
    made = {f"module.model.{one}": hurt.get(one, damages.keep)(tensor) for one, tensor in state.items()}
    made = {one: tensor for one, tensor in made.items() if tensor is not None} | {"module.more": torch.ones(2, 7)}
    mend = mended_at_once(MODELS[name](), saved(made, tmp_path / f"model{suffix}"))
    assert mend is not None


@pytest.mark.parametrize(("given", "wanted"), [
    (lambda: state_of(bert("BertForPreTraining")), bert),
    (lambda: renamed(state_of(llama()), ("q_proj", "bb"), ("k_proj", "dd"), ("v_proj", "cc"), ("o_proj", "aa")), llama),
    (lambda: {f"{copy}.{name}": tensor for copy in "ab" for name, tensor in state_of(t5()).items()}, t5),
    (lambda: renamed(state_of(gpt2()), ("h.0.", "h.0._orig_mod.")), lambda: gpt2(64, 3)),
], ids=["heads", "undecided", "two-copies", "wrapped-and-more"])  # fmt: skip
def test_other_names_and_sizes_are_mended_at_once(tmp_path, given, wanted):
    assert mended_at_once(wanted(), saved(given(), tmp_path / "model.safetensors")) is not None


def test_a_healthy_checkpoint_needs_none(tmp_path):
    path = saved(state_of(gpt2()), tmp_path / "model.pt")
    assert report_on(gpt2(), path).everything is None
    assert report_on(gpt2().half(), path).everything is None  # load_state_dict casts by itself


def test_a_checkpoint_of_another_model_has_none(tmp_path):
    assert report_on(gpt2(), saved(state_of(bert()), tmp_path / "model.pt")).everything is None


def test_a_guess_is_never_made_in_silence(tmp_path):
    """What nothing but shapes and order speaks for comes first in what the mend says of itself."""
    def two(first, second):
        return nn.ModuleDict({first: nn.Linear(8, 8), second: nn.Linear(8, 8)})

    path = saved(state_of(two("a", "b")), tmp_path / "model.pt")
    assert mended_at_once(two("fc1", "fc2"), path).detail.startswith("1 of them is a guess: nothing but shapes and ")
    sure = saved(renamed(state_of(llama()), ("q_proj", "wq")), tmp_path / "sure.pt")
    assert "guess" not in mended_at_once(llama(), sure).detail
