"""Real pairs of checkpoints and models: true renames are found, and no head is taken for another."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import torch
import transformers
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

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
from weightedit.doctor.load_report.rules import changed

_PATHS = itertools.count()


class Body(nn.Module):
    """A few layers, and heads by name."""

    def __init__(self, **heads: nn.Module) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Sequential(nn.Linear(8, 12), nn.LayerNorm(12), nn.Linear(12, 8))
                                    for _ in range(3))  # fmt: skip
        for name, head in heads.items():
            setattr(self, name, head)


def dense():
    return nn.ModuleDict({"dense": nn.Linear(8, 8)})


def mlp():
    return nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 1))


class WithValue(nn.Module):
    """As libraries of reinforcement learning put a head for values on a language model."""

    def __init__(self) -> None:
        super().__init__()
        self.pretrained_model = gpt2()
        self.v_head = nn.ModuleDict({"summary": nn.Linear(8, 1)})


VISION = {"hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 12,
          "image_size": 8, "patch_size": 4, "num_labels": 3}  # fmt: skip


SMALL = {"num_hidden_layers": 2, "hidden_size": 8, "num_attention_heads": 2, "intermediate_size": 12,
         "vocab_size": 30, "max_position_embeddings": 16}  # fmt: skip


def roberta(kind):
    return getattr(transformers, kind)(transformers.RobertaConfig(**SMALL))


def electra(kind):
    return getattr(transformers, kind)(transformers.ElectraConfig(embedding_size=8, **SMALL))


def vit():
    return transformers.ViTForImageClassification(transformers.ViTConfig(**VISION))


def deit():
    return transformers.DeiTForImageClassificationWithTeacher(transformers.DeiTConfig(**VISION))


def resnet():
    return transformers.ResNetForImageClassification(transformers.ResNetConfig(
        embedding_size=4, hidden_sizes=[6, 8], depths=[2, 2], layer_type="basic", num_labels=10))  # fmt: skip


class TimmBlock(nn.Module):
    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inside, outside, 3, bias=False), nn.BatchNorm2d(outside)
        self.conv2, self.bn2 = nn.Conv2d(outside, outside, 3, bias=False), nn.BatchNorm2d(outside)
        if inside != outside:
            self.downsample = nn.Sequential(nn.Conv2d(inside, outside, 1, bias=False), nn.BatchNorm2d(outside))


class TimmResNet(nn.Module):
    """A ResNet with the names of torchvision and timm."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 4, 7, bias=False), nn.BatchNorm2d(4)
        self.layer1 = nn.Sequential(TimmBlock(4, 6), TimmBlock(6, 6))
        self.layer2 = nn.Sequential(TimmBlock(6, 8), TimmBlock(8, 8))
        self.fc = nn.Linear(8, 10)


def taken(report):
    """Names of the model by names of the checkpoint, as the first mends of a report rename them."""
    names = [row.checkpoint_name for row in report.rows if row.checkpoint_name]
    then = {name: name for name in names}
    for finding in report.findings:
        for edit in finding.mends[0].edits if finding.mends else ():
            if edit.operation == "rename":
                made = changed(edit, then.values())
                then = {name: made.get(now, now) for name, now in then.items()}
    return {name: now for name, now in then.items() if name != now}


# ---------------------------------------------------------------- what is not the same


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize(("given", "wanted"), [
    (lambda: Body(value=nn.Linear(8, 4)), lambda: Body(aux=nn.Linear(8, 4))),
    (lambda: Body(value=mlp()), lambda: Body(aux=mlp())),
    (lambda: Body(lm_head=dense()), lambda: Body(pooler=dense())),
    (lambda: Body(lm_head=nn.Linear(8, 8), norm=nn.LayerNorm(8)),
     lambda: Body(value_head=nn.Linear(8, 8), ln=nn.LayerNorm(8))),
    (lambda: bert("BertForMaskedLM"), bert),
    (lambda: bert("BertForMaskedLM"), lambda: bert("BertModel")),
    (lambda: bert("BertForPreTraining"), bert),
    (lambda: bert("BertForTokenClassification"), lambda: bert("BertForQuestionAnswering")),
    (gpt2, WithValue), (WithValue, gpt2),
    (lambda: roberta("RobertaForMaskedLM"), lambda: roberta("RobertaForSequenceClassification")),
    (lambda: electra("ElectraForMaskedLM"), lambda: electra("ElectraForPreTraining")),
], ids=["heads", "two-layers", "pooler", "two-heads", "masked-to-classes", "masked-to-base", "pretraining",
        "tokens-to-answers", "value-head", "without-value-head", "roberta", "electra"])  # fmt: skip
def test_a_head_is_not_taken_for_another(tmp_path, suffix, given, wanted):
    report = report_on(wanted(), saved(state_of(given()), tmp_path / f"model{suffix}"))
    last = {(old.rpartition(".")[0].rpartition(".")[2], new.rpartition(".")[0].rpartition(".")[2])
            for old, new in taken(report).items() if not (old.endswith(new) or new.endswith(old))}  # fmt: skip
    assert not last
    assert not [finding.message for finding in report.findings if finding.kind == "renamed"]
    mended(wanted(), saved(state_of(given()), tmp_path / f"again{suffix}"))


def test_what_agrees_in_shape_alone_may_be_renamed_by_choice(tmp_path):
    state = state_of(Body(head=nn.Linear(8, 4)))
    (finding,) = report_on(Body(fc=nn.Linear(8, 4)), saved(state, tmp_path / "model.pt")).findings
    assert finding.kind == "undecided"
    assert "nothing else says that these are those" in finding.message
    assert finding.mends[1].title == "Rename head (2 tensors) to fc (2 tensors)"
    assert [edit.operation for edit in finding.mends[1].edits] == ["rename"]


BODIES = {"gpt2": gpt2, "bert": bert, "resnet": ResNet, "llama": llama, "t5": t5}
STATES = {name: state_of(model()) for name, model in BODIES.items()}
TIED = ("wte", "shared", "embed_tokens", "lm_head", "word_embeddings")
MODULES = {name: sorted({one.rpartition(".")[0] for one in state if not any(part in one for part in TIED)})
           for name, state in STATES.items()}  # fmt: skip
OTHERS = st.lists(st.sampled_from(["aux", "value", "tower.dense", "extra.proj", "ema.out.fc", "zeta", "lm_head2.linear",
                                   "my.inner.norm", "probe"]), min_size=4, max_size=4, unique=True)  # fmt: skip


@given(st.sampled_from(sorted(BODIES)), OTHERS, st.booleans(), st.sampled_from(FORMATS), st.data())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_what_is_gone_is_never_taken_for_what_was_added(tmp_path, which, others, in_front, suffix, data):
    """Modules are lost, and others of the very same shapes are there under names that share nothing with theirs."""
    gone = data.draw(st.lists(st.sampled_from(MODULES[which]), min_size=1, max_size=3, unique=True))
    state = STATES[which]
    lost = {name: name.rpartition(".") for name in state if name.rpartition(".")[0] in gone}
    added = {f"{others[gone.index(head)]}.{last}": state[name].clone() for name, (head, _, last) in lost.items()}
    kept = {name: tensor for name, tensor in state.items() if name not in lost}
    path = Path(tmp_path) / f"{next(_PATHS)}{suffix}"
    report = report_on(BODIES[which](), saved({**added, **kept} if in_front else {**kept, **added}, path))
    assert not taken(report).keys() & added.keys()
    assert not {report.names.get(name) for name in lost} & added.keys()


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize(("given", "wanted"), [(lambda: bert("BertModel"), vit), (vit, lambda: bert("BertModel"))])
def test_words_that_all_transformers_share_make_no_other_model_the_same(tmp_path, suffix, given, wanted):
    """Text and images, of one width: queries, keys and values have the same names and shapes in both."""
    report = report_on(wanted(), saved(state_of(given()), tmp_path / f"model{suffix}"))
    assert kinds(report) == ["other-model"]


def distilbert():
    return transformers.DistilBertModel(transformers.DistilBertConfig(
        dim=8, n_layers=2, n_heads=2, hidden_dim=12, vocab_size=30, max_position_embeddings=16))  # fmt: skip


def test_a_model_that_was_distilled_from_another_has_its_layers(tmp_path):
    """`q_lin` is `self.query`, `sa_layer_norm` is `attention.output.LayerNorm`: names and order say so, or neither."""
    state = state_of(bert("BertModel"))
    report = report_on(distilbert(), saved(state, tmp_path / "model.pt"))
    right = {}
    for layer in range(2):
        ours, theirs = f"transformer.layer.{layer}.", f"encoder.layer.{layer}."
        for own, other in (("attention.q_lin", "attention.self.query"), ("attention.k_lin", "attention.self.key"),
                           ("attention.v_lin", "attention.self.value"), ("attention.out_lin", "attention.output.dense"),
                           ("sa_layer_norm", "attention.output.LayerNorm"), ("ffn.lin1", "intermediate.dense"),
                           ("ffn.lin2", "output.dense"), ("output_layer_norm", "output.LayerNorm")):  # fmt: skip
            right |= {f"{ours}{own}.{last}": f"{theirs}{other}.{last}" for last in ("weight", "bias")}
    assert {name: key for name, key in report.names.items() if name != key} == right


# ---------------------------------------------------------------- what is


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize(("given", "wanted"), [(resnet, TimmResNet), (TimmResNet, resnet)])
def test_resnets_of_two_libraries(tmp_path, suffix, given, wanted):
    """Every name is another one; a sorted file leaves some to a person, and what is renamed is right."""
    state = state_of(given())
    path = saved(state, tmp_path / f"model{suffix}")
    report = report_on(wanted(), path)
    right = dict(zip(wanted().state_dict(), state, strict=True))
    if given is resnet:  # the shortcut comes first in a block there, and last here
        right = _by_block(wanted().state_dict(), state)
    if wanted is resnet:
        right = {name: key for key, name in _by_block(state, wanted().state_dict()).items()}
    assert {name: key for name, key in report.names.items() if right[name] != key} == {}
    assert len(report.names) >= 0.7 * len(right)
    if suffix == ".pt":
        assert len(report.names) == len(right)
    mended(wanted(), path)


def _by_block(timm, hugging):
    """Names of transformers by those of timm."""
    made = {}
    for name in timm:
        other = name.replace("downsample.0", "shortcut.convolution").replace("downsample.1", "shortcut.normalization")
        for number in (1, 2):
            other = other.replace(f"layer{number}.", f"resnet.encoder.stages.{number - 1}.layers.", 1)
        if other.startswith("resnet."):
            for number in (1, 2):
                other = other.replace(f".conv{number}.", f".layer.{number - 1}.convolution.")
                other = other.replace(f".bn{number}.", f".layer.{number - 1}.normalization.")
        other = other.replace("conv1.", "resnet.embedder.embedder.convolution.") if name.startswith("conv1") else other
        other = other.replace("bn1.", "resnet.embedder.embedder.normalization.") if name.startswith("bn1") else other
        made[name] = other.replace("fc.", "classifier.1.") if name.startswith("fc") else other
    assert set(made.values()) == set(hugging)
    return made


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_vit_becomes_a_deit(tmp_path, suffix):
    state = state_of(vit())
    report = report_on(deit(), saved(state, tmp_path / f"model{suffix}"))
    assert kinds(report) == ["prefix", "undecided", "shape", "missing"]
    assert all(key == name.replace("deit.", "vit.") for name, key in report.names.items())
    assert "classifier (2 tensors) could be cls_classifier" in report.findings[1].message


META = (("model.embed_tokens", "tok_embeddings"), ("model.", ""), ("lm_head", "output"), ("self_attn", "attention"),
        ("q_proj", "wq"), ("k_proj", "wk"), ("v_proj", "wv"), ("o_proj", "wo"), ("mlp.gate_proj", "feed_forward.w1"),
        ("mlp.down_proj", "feed_forward.w2"), ("mlp.up_proj", "feed_forward.w3"),
        ("input_layernorm", "attention_norm"), ("post_attention_layernorm", "ffn_norm"))  # fmt: skip


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("start", ["", "state"])
def test_llama_of_meta_becomes_that_of_transformers(tmp_path, suffix, start):
    def wide():
        return transformers.LlamaForCausalLM(transformers.LlamaConfig(
            hidden_size=16, intermediate_size=12, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
            vocab_size=32, max_position_embeddings=16))  # fmt: skip

    state = state_of(wide())
    turned = {name: tensor.view(-1, 2, 2, tensor.shape[1]).transpose(1, 2).reshape(tensor.shape).clone()
              if name.endswith(("q_proj.weight", "k_proj.weight")) else tensor for name, tensor in state.items()}
    meta = renamed(turned, *META)
    path = saved({start: meta} if start and suffix == ".pt" else meta, tmp_path / f"model{suffix}")
    report = report_on(wide(), path)
    assert [kind for kind in kinds(report) if kind != "part"] == ["renamed"]
    assert "Meta's has the rows of queries and keys in another order" in report.findings[-1].message
    assert differing(mended(wide(), path), state) == []
    back = report_on(_named(meta), saved(state, tmp_path / f"back{suffix}"))
    assert back.names == dict(zip(meta, state, strict=True))


def _named(state):
    """A model with these names."""
    root = nn.Module()
    for name, tensor in state.items():
        at = root
        *parts, last = name.split(".")
        for part in parts:
            if part not in at._modules:
                at.add_module(part, nn.Module())
            at = at._modules[part]
        at.register_parameter(last, nn.Parameter(torch.empty_like(tensor)))
    return root
