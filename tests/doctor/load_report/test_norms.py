"""Norms under other names are known by what stands around them; trained ones are never dropped in silence."""

from __future__ import annotations

import pytest
from torch import nn

from tests.doctor.load_report.models import differing, kinds, mended, report_on, saved, state_of


def blocks(names, layers):
    """A small model with blocks of these modules, in this order."""
    def module(name):
        if "norm" in name or name.startswith("ln"):
            return nn.LayerNorm(8)
        return nn.Linear(8, {"attn": 24, "mlp": 32}.get(name, 8))

    return nn.ModuleDict({"embed": nn.Embedding(9, 8), "head": nn.Linear(8, 5), "layers": nn.ModuleList(
        nn.ModuleDict({name: module(name) for name in names}) for _ in range(layers))})  # fmt: skip


META = ("attention_norm", "attn", "ffn_norm", "mlp")


@pytest.mark.parametrize("layers", [1, 2, 6])
@pytest.mark.parametrize(("given", "wanted"), [
    (META, ("input_layernorm", "attn", "post_attention_layernorm", "mlp")),
    (("ln_1", "attn", "ln_2", "mlp"), ("norm1", "attn", "norm2", "mlp")),
    (("attn_norm", "attn", "ffn_norm", "mlp"), ("norm1", "attn", "norm2", "mlp")),
    (("input_norm", "attn", "post_norm", "mlp"), ("first_norm", "attn", "second_norm", "mlp")),
    (("ln", "attn", "mlp"), ("norm", "attn", "mlp")),
], ids=["meta", "numbers", "parts", "words", "one"])  # fmt: skip
def test_norms_around_modules_that_match_are_renamed(tmp_path, given, wanted, layers):
    state = state_of(blocks(given, layers))
    path = saved(state, tmp_path / "model.pt")
    model = blocks(wanted, layers)
    assert kinds(report_on(model, path)) == ["renamed"]
    assert differing(mended(model, path), dict(zip(model.state_dict(), state.values(), strict=True))) == []


@pytest.mark.parametrize("layers", [1, 6])
def test_a_sorted_file_leaves_norms_to_a_person_and_the_likeliest_comes_first(tmp_path, layers):
    given = dict(zip(META, ("input_layernorm", "attn", "post_attention_layernorm", "mlp"), strict=True))
    state = state_of(blocks(META, layers))
    path = saved(state, tmp_path / "model.safetensors")
    model = blocks(given.values(), layers)
    assert kinds(report_on(model, path)) == ["undecided"]
    assert differing(mended(model, path), dict(zip(model.state_dict(), state.values(), strict=True))) == []


def test_norms_on_the_other_side_of_what_they_belong_to_are_a_guess(tmp_path):
    given = ("attn", "attn_norm", "mlp", "mlp_norm")
    report = report_on(blocks(("norm1", "attn", "norm2", "mlp"), 2), saved(state_of(blocks(given, 2)),
                       tmp_path / "model.pt"))  # fmt: skip
    assert set(kinds(report)) == {"undecided"}
    assert not [name for name in report.names if "norm" in name]


def test_what_is_a_guess_itself_tells_nothing_by_standing_between(tmp_path):
    given = ("alpha", "alpha_norm", "beta", "beta_norm", "gamma")
    model = blocks(("q", "q_norm", "k", "k_norm", "v"), 2)
    report = report_on(model, saved(state_of(blocks(given, 2)), tmp_path / "model.pt"))
    assert set(kinds(report)) == {"undecided"}
    assert not [name for name in report.names if name.startswith("layers")]


def test_trained_norms_are_dropped_for_fresh_ones_only_where_that_is_said_first(tmp_path):
    path = saved(state_of(nn.ModuleDict({"fc": nn.Linear(8, 8), "old": nn.LayerNorm(8)})), tmp_path / "model.pt")
    report = report_on(nn.ModuleDict({"fc": nn.Linear(8, 8), "new": nn.LayerNorm(8)}), path)
    (finding,) = report.findings
    assert finding.kind == "undecided"
    assert finding.mends[1].title == "Rename old (2 tensors) to new (2 tensors)"
    assert report.everything.detail.startswith("1 of them drops trained values for fresh ones of the same shapes; ")
