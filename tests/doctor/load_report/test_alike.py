"""Tensors under names that have nothing in common are known again by shape, order and place; nothing is guessed."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tests.doctor.load_report.models import (
    FORMATS,
    Recurrent,
    ResNet,
    bert,
    differing,
    kinds,
    llama,
    mended,
    renamed,
    report_on,
    saved,
    state_of,
    transformer,
)  # fmt: skip


class Named(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)
        self.conv2, self.bn2 = nn.Conv2d(4, 5, 3), nn.BatchNorm2d(5)
        self.fc = nn.Linear(5, 2)


def numbered():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 5, 3), nn.BatchNorm2d(5),
                         nn.Flatten(), nn.Linear(5, 2))  # fmt: skip


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize(("given", "wanted"), [(numbered, Named), (Named, numbered)])
def test_a_sequential_that_is_numbered_here_and_named_there(tmp_path, suffix, given, wanted):
    state = state_of(given())
    path = saved(state, tmp_path / f"model{suffix}")
    report = report_on(wanted(), path)
    assert kinds(report) == ["renamed"]
    assert len(report.findings[0].mends[0].edits) == 5
    assert report.names == dict(zip(wanted().state_dict(), state, strict=True))
    expected = dict(zip(wanted().state_dict(), state.values(), strict=True))
    assert differing(mended(wanted(), path), expected) == []


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize(("model", "pairs", "edits"), [
    (ResNet, [("layer1.", "stages.0."), ("layer2.", "stages.1.")], 2),
    (ResNet, [("bn", "norm")], 2),
    (ResNet, [("layer1.", "stages.0."), ("layer2.", "stages.1."), ("bn", "norm")], 4),
    (transformer, [("encoder.layers", "enc.blk"), ("linear", "ffn")], 2),
    (transformer, [("self_attn", "sa"), ("linear", "ffn")], 2),
    (Recurrent, [("lstm", "rnn")], 1),
    (bert, [("encoder.layer", "blocks"), ("attention.self.query", "attention.self.to_q")], 2),
], ids=["stages", "norm", "both", "blocks", "attention", "lstm", "bert"])  # fmt: skip
def test_modules_with_other_names_are_renamed_by_few_rules(tmp_path, suffix, model, pairs, edits):
    state = state_of(model())
    path = saved(renamed(state, *pairs), tmp_path / f"model{suffix}")
    report = report_on(model(), path)
    assert set(kinds(report)) <= {"prefix", "renamed"}
    assert sum(len(finding.mends[0].edits) for finding in report.findings) == edits
    assert differing(mended(model(), path), state) == []


def test_the_order_of_the_file_tells_query_from_output(tmp_path):
    state = state_of(llama())
    meta = renamed(state, ("q_proj", "wq"), ("k_proj", "wk"), ("v_proj", "wv"), ("o_proj", "wo"))
    path = saved(meta, tmp_path / "model.pt")
    assert kinds(report_on(llama(), path)) == ["renamed"]
    assert differing(mended(llama(), path), state) == []


def test_a_sorted_file_tells_nothing_of_order_so_a_person_chooses(tmp_path):
    meta = renamed(state_of(llama()), ("q_proj", "bb"), ("k_proj", "dd"), ("v_proj", "cc"), ("o_proj", "aa"))
    path = saved(meta, tmp_path / "model.safetensors")
    report = report_on(llama(), path)
    assert kinds(report) == ["undecided"] * 4
    assert not [name for name in report.names if "_proj" in name and "self_attn" in name]
    for finding in report.findings:
        *choices, drop = finding.mends
        assert len(choices) == 2
        assert "nothing tells which" in finding.message
        assert drop.edits[0].operation == "delete"
    firsts = [finding.mends[0].edits[0].targets for finding in report.findings]
    assert len(set(firsts)) == 4  # the first of each may all be accepted
    mended(llama(), path)


@pytest.mark.parametrize("suffix", FORMATS)
def test_what_is_called_the_same_in_a_module_of_another_name_is_the_same(tmp_path, suffix):
    """Neither the order of the file nor the alphabet is asked where the names themselves say it."""
    state = state_of(llama())
    turned = dict(reversed(renamed(state, ("self_attn", "attention")).items()))
    path = saved(turned, tmp_path / f"model{suffix}")
    report = report_on(llama(), path)
    assert kinds(report) == ["renamed"]
    assert len(report.findings[0].mends[0].edits) == 1
    assert differing(mended(llama(), path), state) == []


def test_modules_that_changed_places_change_back(tmp_path):
    def two():
        return nn.ModuleDict({"a": nn.Linear(3, 4), "b": nn.Linear(4, 5)})

    state = state_of(two())
    swapped = {("b" if name[0] == "a" else "a") + name[1:]: tensor for name, tensor in state.items()}
    path = saved(swapped, tmp_path / "model.pt")
    assert kinds(report_on(two(), path)) == ["renamed"]
    assert differing(mended(two(), path), state) == []


def test_an_index_that_was_shifted(tmp_path):
    def wide(first):
        return nn.Sequential(*[nn.ReLU()] * first, nn.Linear(3, 4), nn.Linear(4, 5), nn.Linear(5, 6))

    state = state_of(wide(0))
    path = saved(state, tmp_path / "model.pt")
    expected = dict(zip(wide(1).state_dict(), state.values(), strict=True))
    assert differing(mended(wide(1), path), expected) == []


def test_a_vector_that_fits_by_its_length_alone_is_not_taken(tmp_path):
    state = state_of(nn.ModuleDict({"a": nn.Linear(3, 4), "b": nn.Linear(4, 4)}))
    del state["a.bias"]
    path = saved({**state, "other": torch.ones(4)}, tmp_path / "model.pt")
    model = nn.ModuleDict({"a": nn.Linear(3, 4), "b": nn.Linear(4, 4)})
    assert kinds(report_on(model, path)) == ["missing", "unexpected"]


def test_a_head_of_another_task_is_not_taken_and_a_rename_comes_second(tmp_path):
    path = saved(state_of(bert("BertForPreTraining")), tmp_path / "model.pt")
    report = report_on(bert(), path)
    assert kinds(report) == ["undecided", "unexpected"]
    assert "classifier (2 tensors) are not in the checkpoint, and cls.seq_relationship (2 tensors) not in the model" \
        in report.findings[0].message  # fmt: skip
    anew, rename = report.findings[0].mends
    assert {edit.operation for edit in anew.edits} == {"delete", "add_tensor", "initialize"}
    assert {edit.operation for edit in rename.edits} == {"rename"}
    assert "classifier.weight" not in report.names
    rows = {row.name or row.checkpoint_name: row.verdict for row in report.rows}
    assert rows["classifier.weight"] == rows["cls.seq_relationship.weight"] == "undecided"
    mended(bert(), path)


def test_layers_of_one_shape_are_not_shifted_against_those_that_match(tmp_path):
    """Between layers that match by name nothing may be put out of order, whatever fits."""
    state = state_of(nn.Sequential(*(nn.Linear(3, 3) for _ in range(3))))
    path = saved(state, tmp_path / "model.pt")
    model = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 3))
    assert "4.weight" not in report_on(model, path).names
