"""Real architectures train without a finding above a notice, on each device, and what is broken in them is found."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tests.doctor.training_step.steps import above_notice, findings, only, step
from weightedit.doctor.inside.training.dataset import as_call
from weightedit.doctor.inside.training.step import copied, train_step
from weightedit.doctor.training_step.findings import training_findings
from weightedit.doctor.training_step.parts import STAGES


@pytest.fixture(scope="module")
def gpt2():
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    return transformers.GPT2LMHeadModel(transformers.GPT2Config(
        vocab_size=50, n_positions=16, n_embd=8, n_layer=2, n_head=2, bos_token_id=0, eos_token_id=0))  # fmt: skip


@pytest.fixture(scope="module")
def bert():
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    return transformers.BertForSequenceClassification(transformers.BertConfig(
        vocab_size=50, hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16,
        max_position_embeddings=16, num_labels=3))  # fmt: skip


IDS = torch.arange(14).reshape(2, 7)


def test_a_language_model_takes_a_batch_of_transformers_by_keywords(gpt2):
    batch = {"input_ids": IDS, "attention_mask": torch.ones_like(IDS), "labels": IDS}
    args, kwargs, target = as_call(batch, gpt2)
    facts = train_step(copied(gpt2)[0], args, kwargs, target, "output.loss")
    assert facts.done == STAGES
    assert facts.taken.path == "loss"
    assert [one.also for one in facts.parameters if one.name == "transformer.wte.weight"] == [("lm_head.weight",)]
    assert above_notice(training_findings(facts)) == []


def test_its_logits_are_taken_for_a_loss_by_name(gpt2):
    facts = train_step(copied(gpt2)[0], (), {"input_ids": IDS}, IDS, "cross_entropy")
    assert (facts.taken.path, facts.taken.head) == ("logits", "lm_head")
    assert "classes as the second dimension, which is 7" in training_findings(facts)[0].message


def test_a_token_past_the_vocabulary(gpt2):
    found = findings(copied(gpt2)[0], None, None, "output.loss", input_ids=IDS + 40, labels=IDS)[0]
    assert (found.kind, found.module, found.tensor) == ("index", "transformer.wte", "transformer.wte.weight")
    assert found.message.startswith("transformer.wte has 50 rows, got the index 53; called from GPT2Model.forward, ")


def test_a_classifier_and_a_class_it_does_not_have(bert):
    labels = torch.tensor([0, 2])
    assert above_notice(findings(copied(bert)[0], None, labels, "ce", input_ids=IDS)) == []
    found = findings(copied(bert)[0], None, labels + 1, "ce", input_ids=IDS)[0]
    assert (found.module, found.tensor) == ("classifier", "classifier.weight")
    assert found.mends[0].edits[0].targets == ("classifier.weight", "classifier.bias")


def test_a_nan_deep_inside_is_found_where_it_is(bert):
    model = copied(bert)[0]
    name = "bert.encoder.layer.1.output.dense"
    with torch.no_grad():
        model.get_submodule(name).weight[0, 0] = float("nan")
    (found,) = above_notice(findings(model, None, torch.tensor([0, 2]), "ce", input_ids=IDS))
    assert (found.kind, found.tensor) == ("non-finite", f"{name}.weight")


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.relu = nn.ReLU(inplace=True)
        self.block = nn.Conv2d(8, 8, 3, padding=1)
        self.head = nn.Linear(8, 10)

    def forward(self, x):
        x = self.relu(self.norm(self.stem(x)))
        x = self.relu(x + self.block(x))
        return self.head(x.mean((2, 3)))


def test_a_residual_network_trains_on_each_device(device):
    torch.manual_seed(0)
    model = Residual().to(device)
    x, target = torch.randn(4, 3, 8, 8, device=device), torch.tensor([0, 3, 9, 1], device=device)
    facts = step(model, x, target, "CrossEntropyLoss")
    assert facts.done == STAGES
    assert {one.device.partition(":")[0] for one in facts.parameters} == {device}
    assert all(one.moved > 0 for one in facts.parameters)
    assert findings(Residual().to(device), x, target, "CrossEntropyLoss") == []


def test_what_would_end_a_device_is_refused_before_it(device):
    """A class or an index out of range asserts on the device and ends CUDA for the whole process; here it goes on."""
    model = nn.Sequential(nn.Embedding(10, 3), nn.Flatten(), nn.Linear(6, 4)).to(device)
    ids = torch.tensor([[1, 2], [3, 4]], device=device)
    past = findings(model, ids, torch.tensor([1, 4], device=device), "CrossEntropyLoss")
    assert [one.kind for one in past] == ["target-range"]
    assert past[0].torch_says == "Target 4 is out of bounds."
    beyond = findings(model, ids + 8, torch.tensor([1, 3], device=device), "CrossEntropyLoss")
    assert [one.kind for one in beyond] == ["index"]
    scores = findings(model, ids, torch.zeros(2, 4, device=device), "BCELoss")
    assert [one.kind for one in scores] == ["not-probability"]
    assert findings(model, ids, torch.tensor([1, 3], device=device), "CrossEntropyLoss") == []


@pytest.mark.cuda
def test_an_input_or_target_on_another_device():
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device here")
    device = "cuda"
    model = nn.Linear(4, 1).to(device)
    found = findings(model, torch.randn(5, 4), torch.randn(5, 1))[0]
    assert (found.kind, found.tensor) == ("device", "weight")
    found = findings(model, torch.randn(5, 4, device=device), torch.randn(5, 1))[0]
    assert found.kind == "device-mix"
    assert only([found], "device-mix").torch_says


def test_recurrent_and_attention_models_train():
    torch.manual_seed(0)

    class Reads(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = nn.LSTM(4, 6, num_layers=2, batch_first=True)
            self.attend = nn.TransformerEncoderLayer(6, 2, 12, batch_first=True)
            self.head = nn.Linear(6, 1)

        def forward(self, x):
            made, (hidden, _) = self.lstm(x)
            return self.head(self.attend(made)[:, -1]), hidden

    assert above_notice(findings(Reads(), torch.randn(3, 5, 4), torch.randn(3, 1), "mse")) == []


def test_an_adapter_of_zeros_over_frozen_weights_is_no_mistake():
    """As LoRA begins: the second matrix is 0, so the first has no gradient in the first step."""

    class Adapted(nn.Module):
        def __init__(self):
            super().__init__()
            self.base = nn.Linear(4, 4).requires_grad_(False)
            self.down, self.up = nn.Linear(4, 2, bias=False), nn.Linear(2, 4, bias=False)
            nn.init.zeros_(self.up.weight)

        def forward(self, x):
            return self.base(x) + self.up(self.down(x))

    found = findings(Adapted(), torch.randn(5, 4), torch.randn(5, 4))
    assert {one.kind for one in found} == {"frozen", "zero-gradient"}
    assert above_notice(found) == []
