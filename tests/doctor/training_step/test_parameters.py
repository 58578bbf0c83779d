"""What is frozen, never reached, not registered or of whole numbers is named, and the mends really let it train."""

from __future__ import annotations

import torch
from torch import nn

import weightedit
from tests.doctor.training_step.steps import above_notice, findings, only, step
from weightedit.doctor.inside.training.step import copied

X, Y = torch.linspace(-1, 1, 20).reshape(5, 4), torch.linspace(0, 1, 5).reshape(5, 1)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Linear(4, 4)
        self.norm = nn.BatchNorm1d(4)
        self.last = nn.Linear(4, 1)

    def forward(self, x):
        return self.last(self.norm(self.first(x)).relu())


def apply(document, found):
    for edit in found.mends[0].edits:
        document.apply(edit.operation, edit.targets, **edit.arguments, accept="all")


def test_a_model_of_which_all_is_frozen_is_refused_and_the_mend_thaws_its_parameters_alone():
    model = Net().requires_grad_(False)
    (found,) = findings(copied(model)[0], X, Y)
    assert (found.kind, found.tensor, found.level) == ("frozen", "first.weight", "refusal")
    assert found.message == "None of 6 parameters requires grad, so nothing can be trained."
    assert "does not require grad and does not have a grad_fn" in found.torch_says
    with weightedit.open(model) as document:
        apply(document, found)
    assert all(one.requires_grad for one in model.parameters())
    assert not any(one.requires_grad for one in model.buffers())
    assert findings(copied(model)[0], X, Y) == []


def test_some_that_are_frozen_are_worth_knowing():
    model = Net()
    model.first.requires_grad_(False)
    (found,) = findings(copied(model)[0], X, Y)
    assert (found.kind, found.level) == ("frozen", "notice")
    assert found.message == "2 parameters of 6 are frozen, with 20 values: first.weight and first.bias."


def test_parameters_of_a_module_that_never_runs_are_named():
    model = Net()
    model.unused = nn.Linear(3, 3)
    (found,) = above_notice(findings(copied(model)[0], X, Y))
    assert (found.kind, found.module, found.tensor) == ("unreached", "unused", "unused.weight")
    assert found.message == ("2 parameters get no gradient, since forward never calls unused: unused.weight and "
                             "unused.bias.")  # fmt: skip
    with weightedit.open(model) as document:
        apply(document, found)
    assert above_notice(findings(copied(model)[0], X, Y)) == []


def test_parameters_behind_a_detach_are_named_with_the_module_where_the_graph_ends():
    class Cuts(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Linear(4, 4)

        def forward(self, x):
            return self.inner(x).detach()

    model = nn.Sequential(Cuts(), nn.Linear(4, 1))
    (found,) = above_notice(findings(model, X, Y))
    assert (found.kind, found.module) == ("unreached", "0.inner")
    assert "the graph ends in 0 (Cuts): 0.inner.weight and 0.inner.bias" in found.message


def test_a_model_that_runs_under_no_grad_is_told():
    class Still(Net):
        @torch.no_grad()
        def forward(self, x):
            return super().forward(x)

    (found,) = findings(Still(), X, Y)
    assert (found.kind, found.module, found.level) == ("no-graph", "", "refusal")
    assert found.message == "The graph ends in the model: it computes under no_grad or inference_mode."


def test_an_output_of_argmax_is_told():
    class Picks(Net):
        def forward(self, x):
            return super().forward(x).argmax(1)

    found = findings(Picks(), X, torch.zeros(5), lambda output, target: (output - target).float().mean())
    assert above_notice(found)[0].kind == "no-graph"
    assert "the output is int64, as argmax gives it" in found[0].message


def test_a_parameter_of_whole_numbers_is_cast():
    class Whole(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(4, 1, dtype=torch.int64), requires_grad=False)

        def forward(self, x):
            return x @ self.weight.to(x.dtype)

    model = Whole()
    (found,) = findings(copied(model)[0], X, Y)
    assert (found.kind, found.tensor, found.level) == ("grad-dtype", "weight", "refusal")
    assert "it is int64, and only floating point and complex tensors can" in found.message
    with weightedit.open(model) as document:
        apply(document, found)
    assert model.weight.dtype == torch.float32


def test_modules_in_a_plain_list_are_told():
    class Lists(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = [nn.Linear(4, 4), nn.Linear(4, 4)]
            self.extra = {"scale": nn.Parameter(torch.ones(4))}
            self.last = nn.Linear(4, 1)

        def forward(self, x):
            for layer in self.layers:
                x = layer(x)
            return self.last(x * self.extra["scale"])

    assert len(list(Lists().parameters())) == 2
    found = only(findings(Lists(), X, Y), "unregistered")
    assert found.level == "warning"
    assert found.message.startswith("5 parameters are in a plain list or dict, where parameters() does not find them: "
                                    "layers.0.weight")  # fmt: skip


def test_a_tensor_that_is_a_plain_attribute_is_registered():
    class Plain(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = torch.ones(4, requires_grad=True)
            self.last = nn.Linear(4, 1)

        def forward(self, x):
            return self.last(x * self.scale)

    model = Plain()
    found = only(findings(copied(model)[0], X, Y), "unregistered")
    assert found.tensor == "scale"
    with weightedit.open(model) as document:
        apply(document, found)
    assert "scale" in dict(model.named_parameters())
    assert findings(copied(model)[0], X, Y) == []


def test_a_buffer_that_requires_grad_and_one_that_is_called_weight():
    model = Net()
    model.norm.register_buffer("gain", torch.ones(4, requires_grad=True))
    found = only(findings(copied(model)[0], X, Y), "buffer-grad")
    assert (found.tensor, found.level) == ("norm.gain", "warning")
    with weightedit.open(model) as document:
        apply(document, found)
    assert findings(copied(model)[0], X, Y) == []
    model.register_buffer("weight", torch.ones(4))
    assert only(findings(copied(model)[0], X, Y), "buffer").level == "notice"


def test_what_a_normalization_counts_is_no_finding_and_is_known_to_change():
    facts = step(Net(), X, Y)
    assert {one.name for one in facts.buffers if one.changed} == {
        "norm.running_mean", "norm.running_var", "norm.num_batches_tracked"}  # fmt: skip
    assert findings(Net(), X, Y) == []


def test_tied_weights_are_one():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Embedding(7, 4)
            self.head = nn.Linear(4, 7, bias=False)
            self.head.weight = self.embed.weight

        def forward(self, x):
            return self.head(self.embed(x)).transpose(1, 2)

    ids = torch.tensor([[1, 2, 3]])
    facts = step(Tied(), ids, ids, "ce")
    assert [(one.name, one.also) for one in facts.parameters] == [("embed.weight", ("head.weight",))]
    assert findings(Tied(), ids, ids, "ce") == []
    (past,) = findings(Tied(), ids, ids + 5, "ce")
    assert (past.module, past.tensor) == ("head", "embed.weight")


def test_names_of_the_document_are_those_of_its_mends():
    """A checkpoint may hold the model under a prefix, and not hold all of it."""
    from weightedit.doctor.training_step.findings import training_findings

    model = Net().requires_grad_(False)
    holds = {name: f"model.{name}" for name, _ in model.named_parameters() if not name.startswith("norm")}
    (found,) = training_findings(step(model, X, Y), holds)
    assert found.tensor == "model.first.weight"
    assert found.mends[0].edits[0].targets == ("model.first.weight", "model.first.bias", "model.last.weight",
                                               "model.last.bias")  # fmt: skip
    assert found.mends[0].title == "Let 4 parameters require grad"
    (found,) = training_findings(step(Net().requires_grad_(False), X, Y), {})
    assert (found.tensor, found.mends) == ("", ())


def test_a_model_without_parameters_and_one_on_meta():
    assert findings(nn.ReLU(), X, torch.zeros(5, 4))[0].message.startswith("The model has no parameters")
    found = findings(Net().to("meta"), X.to("meta"), Y.to("meta"))
    assert found[0].kind == "no-values"


def test_a_model_without_parameters_has_nothing_to_train_and_that_is_why_torch_raises():
    found = findings(nn.Sequential(nn.ReLU()), torch.randn(5, 3), torch.zeros(5, 3))
    assert [(one.kind, one.level) for one in found] == [("frozen", "refusal")]
    assert found[0].message == "The model has no parameters, so there is nothing to train."
    assert "does not require grad and does not have a grad_fn" in found[0].torch_says
