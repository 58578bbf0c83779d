"""What only one side has: tied names, counters, buffers and parameters are added or dropped, each with a reason."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import nn

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
    report_on,
    saved,
    state_of,
    t5,
)  # fmt: skip
from weightedit.doctor.facts import facts_of, same_bits
from weightedit.doctor.inside.model_facts import model_facts
from weightedit.doctor.load_report.report import load_report


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("number", [0, 1], ids=["first-mend", "second-mend"])
@pytest.mark.parametrize("model", [gpt2, t5])
def test_a_tied_head_that_the_file_lacks_is_copied_or_tied(tmp_path, suffix, number, model):
    state = state_of(model())
    path = tmp_path / f"model{suffix}"
    facts = model_facts(model())
    saved({name: state[name] for name in state if not any(one.name == name and one.same_as for one in facts.tensors)},
          path)  # fmt: skip
    with weightedit.open(path) as document:
        (finding,) = load_report(facts, facts_of(document)).findings
        assert (finding.kind, finding.level) == ("tied", "refusal")
        assert f"the values of {finding.tensor} then" in finding.mends[number].detail
        for edit in finding.mends[number].edits:
            document.apply(edit, accept="all")
        after = load_report(facts, facts_of(document))
        assert kinds(after) == ["untied"] * (finding.mends[number].title.startswith("Copy"))
        told = load_report(facts, facts_of(document), same_bits=partial(same_bits, document)).findings
        assert all(one.level == "notice" for one in told)  # one choice, and no other comes of it
        out = tmp_path / "out.pt"
        document.export(out)
    fresh = model()
    fresh.load_state_dict(torch.load(out, weights_only=True), strict=True)
    assert differing(dict(fresh.state_dict()), state) == []


def test_a_file_that_shares_is_offered_to_tie_first(tmp_path):
    state = state_of(t5())
    path = saved({name: tensor for name, tensor in state.items() if name != "lm_head.weight"}, tmp_path / "model.pt")
    (finding,) = report_on(t5(), path).findings
    assert [mend.title.split()[0] for mend in finding.mends] == ["Tie", "Copy"]


def test_two_tensors_for_one_are_told_unless_they_are_the_same(tmp_path):
    state = state_of(gpt2())
    other = {**state, "lm_head.weight": state["lm_head.weight"] + 1}
    path = saved(other, tmp_path / "model.pt")
    (finding,) = report_on(gpt2(), path).findings
    assert (finding.kind, finding.level) == ("untied", "warning")
    assert "lm_head.weight is loaded last and wins, unless all have the same values" in finding.message
    model = gpt2()
    model.load_state_dict(other, strict=True)
    assert torch.equal(model.state_dict()["transformer.wte.weight"], other["lm_head.weight"])  # what torch does
    assert torch.equal(mended(gpt2(), path)["transformer.wte.weight"], other["lm_head.weight"])
    with weightedit.open(path) as document:
        facts = model_facts(gpt2()), facts_of(document)
        told = load_report(*facts, same_bits=partial(same_bits, document)).findings
        assert [(finding.kind, finding.level) for finding in told] == [("untied", "warning")]
        assert "unless" not in told[0].message
        assert told[0].message.endswith("the values of one of them are kept, and never those of both")
        assert [mend.detail.split(". ")[0] for mend in told[0].mends] == [
            "The values of lm_head.weight stay, those of transformer.wte.weight are lost",
            "The values of transformer.wte.weight stay, those of lm_head.weight are lost"]


@pytest.mark.parametrize("suffix", FORMATS)
def test_copies_of_one_tensor_are_no_harm(tmp_path, suffix):
    state = {name: tensor.clone() for name, tensor in state_of(t5()).items()}
    path = saved(state, tmp_path / f"model{suffix}")
    with weightedit.open(path) as document:
        (finding,) = load_report(model_facts(t5()), facts_of(document), same_bits=partial(same_bits, document)).findings
    assert (finding.kind, finding.level) == ("untied", "notice")
    assert finding.message.endswith("one tensor in the model and 4 in the checkpoint, with the same values")
    assert len(finding.mends) == 1  # whichever stays, nothing is lost


@pytest.mark.parametrize("keeps_versions", [False, True])
def test_counters_of_old_batch_norms(tmp_path, keeps_versions):
    """torch loads a state_dict without versions of modules, and refuses one with them; the mend suits both."""
    state = ResNet().state_dict()
    state = state if keeps_versions else dict(state)
    for name in [name for name in state if name.endswith("num_batches_tracked")]:
        del state[name]
    path = saved(state, tmp_path / "model.pt")
    (finding,) = report_on(ResNet(), path).findings
    assert (finding.kind, finding.level) == ("missing", "warning")
    told = ResNet().load_state_dict(torch.load(path, weights_only=True), strict=False)
    assert bool(told.missing_keys) == keeps_versions
    got = mended(ResNet(), path)
    assert [tensor.item() for name, tensor in got.items() if name.endswith("num_batches_tracked")] == [0] * 13
    assert all(got[name].dtype == torch.int64 for name in got if name.endswith("num_batches_tracked"))
    assert differing({name: got[name] for name in state}, dict(state)) == []


@pytest.mark.parametrize("suffix", FORMATS)
def test_parameters_that_are_missing_get_what_a_fresh_model_has(tmp_path, suffix):
    state = state_of(bert())
    gone = ("pooler", "layer.1.output.LayerNorm", "position_embeddings")
    path = saved({name: tensor for name, tensor in state.items() if not any(part in name for part in gone)},
                 tmp_path / f"model{suffix}")  # fmt: skip
    report = report_on(bert(), path)
    assert kinds(report) == ["missing"]
    assert report.headline == "36 names match, 5 missing"
    assert report.findings[0].module == "bert"
    got = mended(bert(), path)
    norm = "bert.encoder.layer.1.output.LayerNorm."
    assert torch.equal(got[norm + "weight"], torch.ones(8))
    assert torch.equal(got[norm + "bias"], torch.zeros(8))
    assert got["bert.pooler.dense.weight"].abs().max() <= 1 / 8**0.5  # as Linear(8, 8) has it
    assert 0.005 < got["bert.embeddings.position_embeddings.weight"].std() < 0.05
    rest = [name for name in state if not any(part in name for part in gone)]
    assert differing({name: got[name] for name in rest}, {name: state[name] for name in rest}) == []


class Counting(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 3)
        self.register_buffer("position_ids", torch.arange(16)[None])
        self.register_buffer("mean", torch.ones(3))
        self.register_buffer("cached", torch.ones(3), persistent=False)


def test_buffers_that_are_missing_are_told_apart(tmp_path):
    state = state_of(nn.ModuleDict({"fc": nn.Linear(4, 3)}))
    path = saved(state, tmp_path / "model.pt")
    (finding,) = report_on(Counting(), path).findings
    assert "strict=False" in finding.message
    got = mended(Counting(), path)
    assert torch.equal(got["position_ids"], torch.arange(16)[None])  # zeros would make every token the first one


def test_buffers_that_the_model_makes_itself_are_dropped(tmp_path):
    state = state_of(gpt2())
    old = {**state, **{f"transformer.h.{layer}.attn.bias": torch.ones(1, 1, 12, 12) for layer in range(2)},
           **{f"transformer.h.{layer}.attn.masked_bias": torch.tensor(-1e4) for layer in range(2)}}  # fmt: skip
    path = saved(old, tmp_path / "model.pt")
    report = report_on(gpt2(), path)
    assert kinds(report) == ["unexpected"]
    assert report.findings[0].message.startswith("4 buffers of the checkpoint are not in the model, whose code makes")
    assert differing(mended(gpt2(), path), state) == []
    own = saved({**state_of(Counting()), "cached": torch.ones(3), "other": torch.ones(3)}, tmp_path / "own.pt")
    assert [finding.tensor for finding in report_on(Counting(), own).findings] == ["cached", "other"]


def test_frequencies_of_old_llamas_are_dropped(tmp_path):
    state = state_of(llama())
    old = {f"model.layers.{layer}.self_attn.rotary_emb.inv_freq": torch.ones(1) for layer in range(2)}
    path = saved(state | old, tmp_path / "model.safetensors")
    report = report_on(llama(), path)
    assert report.headline == "21 names match, 2 unexpected"
    assert "whose code makes them anew" in report.findings[0].message
    assert differing(mended(llama(), path), state) == []


def test_layers_too_many_and_too_few(tmp_path):
    state = state_of(gpt2(layers=2))
    path = saved(state, tmp_path / "model.pt")
    for layers, kind in ((1, "unexpected"), (3, "missing")):
        report = report_on(gpt2(layers=layers), path)
        assert kinds(report) == [kind]
        assert "(12 tensors)" in report.findings[0].mends[0].title
        got = mended(gpt2(layers=layers), path)
        assert differing({name: got[name] for name in got if name in state},
                         {name: state[name] for name in got if name in state}) == []  # fmt: skip


def test_an_optimizer_among_the_tensors_goes_as_a_whole(tmp_path):
    model = nn.Linear(3, 4)
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(2, 3)).sum().backward()
    optimizer.step()
    state = {**model.state_dict(), "optimizer": optimizer.state_dict()}
    path = saved(state, tmp_path / "model.pt")
    (finding,) = report_on(nn.Linear(3, 4), path).findings
    assert finding.mends[0].edits[0].targets == ("optimizer",)
    assert differing(mended(nn.Linear(3, 4), path), dict(model.state_dict())) == []


def test_what_is_too_much_under_a_prefix_is_found_once_that_is_gone(tmp_path):
    state = state_of(ResNet())
    path = saved({f"module.{name}": tensor for name, tensor in {**state, "extra": torch.ones(2)}.items()},
                 tmp_path / "model.pt")  # fmt: skip
    assert kinds(report_on(ResNet(), path)) == ["wrapper", "unexpected"]
    assert differing(mended(ResNet(), path), state) == []
