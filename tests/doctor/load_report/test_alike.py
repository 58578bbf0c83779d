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
    assert kinds(report) == ["undecided"] * 2
    assert not [name for name in report.names if "_proj" in name and "self_attn" in name]
    for finding in report.findings:
        *orders, drop = finding.mends
        assert len(orders) == 2
        assert "all have the same shapes, which cannot tell one from another" in finding.message
        assert drop.edits[0].operation == "delete"
    mended(llama(), path)


def attention(names):
    """A small transformer whose four matrices of attention, all of one shape, are called so."""
    def block():
        made = nn.ModuleDict({"attention": nn.Module(), "norm": nn.LayerNorm(8), "fc": nn.Linear(8, 12)})
        for name in names:
            head, _, last = name.rpartition(".")
            inside = made["attention"]
            for part in head.split(".") if head else ():
                if not hasattr(inside, part):
                    inside.add_module(part, nn.Module())
                inside = getattr(inside, part)
            inside.add_module(last, nn.Linear(8, 8))
        return made

    return nn.ModuleDict({"embed": nn.Embedding(9, 8), "layers": nn.ModuleList(block() for _ in range(2))})


SPELLINGS = {
    "proj": ("q_proj", "k_proj", "v_proj", "o_proj"), "to": ("to_q", "to_k", "to_v", "to_out.0"),
    "bert": ("self.query", "self.key", "self.value", "output.dense"), "w": ("Wq", "Wk", "Wv", "Wo"),
    "words": ("query", "key", "value", "out"), "lin": ("q_lin", "k_lin", "v_lin", "out_lin"),
    "plural": ("queries", "keys", "values", "output"), "hidden": ("wq", "wk", "wv", "dense"),
}  # fmt: skip


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("spelling", [name for name in SPELLINGS if name != "proj"])
def test_queries_keys_and_values_are_told_by_their_names_whatever_the_order(tmp_path, suffix, spelling):
    ours, theirs = SPELLINGS["proj"], SPELLINGS[spelling]
    state = state_of(attention(ours))
    pairs = [(f"attention.{old}.", f"attention.{new}.") for old, new in zip(ours, theirs, strict=True)]
    path = saved(dict(reversed(renamed(state, *pairs).items())), tmp_path / f"model{suffix}")
    report = report_on(attention(ours), path)
    assert kinds(report) == ["renamed"]
    assert differing(mended(attention(ours), path), state) == []


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("names", [("aa", "bb", "cc", "dd"), ("query", "key", "x", "y"), ("one", "query", "keys", "k")])
def test_what_names_do_not_say_of_attention_is_not_decided(tmp_path, suffix, names):
    """Neither by order nor because some of the names do say something."""
    state = state_of(attention(names))
    report = report_on(attention(SPELLINGS["proj"]), saved(state, tmp_path / f"model{suffix}"))
    assert set(kinds(report)) == {"undecided"}
    assert not [name for name in report.names if "attention" in name]
    mended(attention(SPELLINGS["proj"]), saved(state, tmp_path / f"again{suffix}"))


def both(first, second):
    return nn.ModuleDict({name: nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8)) for name in (first, second)})


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("names", [("encoding", "decoding"), ("decoding", "encoding"), ("enc", "dec"),
                                   ("my_decoder", "my_encoder")])  # fmt: skip
def test_words_of_one_stem_tell_modules_of_one_shape(tmp_path, suffix, names):
    state = state_of(both(*names))
    path = saved(state, tmp_path / f"model{suffix}")
    given = {name: next(one for one in names if name[0] == one.removeprefix("my_")[0])
             for name in ("encoder", "decoder")}  # fmt: skip
    report = report_on(both("encoder", "decoder"), path)
    assert kinds(report) == ["renamed"]
    assert report.names == {name: given[name.partition(".")[0]] + "." + name.partition(".")[2]
                            for name in both("encoder", "decoder").state_dict()}  # fmt: skip


@pytest.mark.parametrize("names", [("source", "target"), ("encoder_a", "encoder_b"), ("entry", "decay")])
def test_words_that_only_begin_alike_tell_nothing(tmp_path, names):
    path = saved(state_of(both(*names)), tmp_path / "model.safetensors")
    report = report_on(both("encoder", "decoder"), path)
    assert set(kinds(report)) <= {"undecided", "other-model"}
    assert not report.names


def test_norms_before_and_after_attention_are_not_told_by_that_word(tmp_path):
    """`attention_norm` is before attention, `post_attention_layernorm` after it: one word in common misleads."""
    def block(*names):
        return nn.ModuleDict({"embed": nn.Embedding(9, 8), **{name: nn.LayerNorm(8) for name in names}})

    path = saved(state_of(block("ffn_norm", "attention_norm")), tmp_path / "model.safetensors")
    report = report_on(block("input_layernorm", "post_attention_layernorm"), path)
    assert report.names.get("post_attention_layernorm.weight") is None


@pytest.mark.parametrize("suffix", FORMATS)
def test_layers_of_one_shape_under_other_names_are_a_guess_with_every_order(tmp_path, suffix):
    def layers(*names):
        return nn.ModuleDict({name: nn.Linear(8, 8) for name in names})

    path = saved(state_of(layers("a", "b")), tmp_path / f"model{suffix}")
    report = report_on(layers("fc1", "fc2"), path)
    (finding,) = report.findings
    assert (finding.kind, report.names) == ("undecided", {})
    assert [mend.title for mend in finding.mends] == ["Rename a to fc1 and b to fc2", "Rename b to fc1 and a to fc2",
                                                      "Drop a and b"]  # fmt: skip
    assert "cannot tell one from another" in finding.message
    assert all("guess" in mend.detail for mend in finding.mends[:2])
    three = report_on(layers("x", "y", "z"), saved(state_of(layers("a", "b", "c")), tmp_path / f"three{suffix}"))
    assert len(three.findings[0].mends) == 6 + 1
    mended(layers("x", "y", "z"), tmp_path / f"three{suffix}")


def test_numbers_in_both_names_tell_the_order(tmp_path):
    state = state_of(nn.Sequential(*(nn.Linear(8, 8) for _ in range(12))))
    model = nn.ModuleDict({f"fc{number}": nn.Linear(8, 8) for number in range(1, 13)})
    path = saved(state, tmp_path / "model.safetensors")  # 0, 1, 10, 11, 2 as it sorts them
    assert differing(mended(model, path), dict(zip(model.state_dict(), state.values(), strict=True))) == []


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
