"""A model is told as plain facts: every tensor under every name, sizes of modules, and what is not saved."""

from __future__ import annotations

import torch
from torch import nn

from weightedit.doctor.facts import TensorFacts
from weightedit.doctor.inside.model_facts import LONGEST_TYPE, model_facts


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(10, 4, padding_idx=0)
        self.conv = nn.Conv2d(2, 6, (3, 5), groups=2)
        self.norm = nn.LayerNorm((4, 5))
        self.bn = nn.BatchNorm1d(3)
        self.head = nn.Linear(4, 10, bias=False)
        self.head.weight = self.embed.weight
        self.register_buffer("cached", torch.ones(2), persistent=False)
        self.frozen = nn.Parameter(torch.ones(3, dtype=torch.float16), requires_grad=False)
        self.vocab_size = 10
        self.num_labels = True
        self.hidden_size = 1 << 80

    @property
    def num_classes(self):
        raise AssertionError("a property is code of its own")


def test_modules_say_their_sizes():
    says = {one.name: one.says for one in model_facts(Net()).modules}
    assert list(says) == [name for name, _ in Net().named_modules()]
    assert says[""] == {"vocab_size": 10}
    assert says["embed"] == {"num_embeddings": 10, "embedding_dim": 4, "padding_idx": 0}
    assert says["conv"].items() >= {"in_channels": 2, "out_channels": 6, "groups": 2, "kernel_size.0": 3,
                                    "kernel_size.1": 5}.items()  # fmt: skip
    assert says["norm"] == {"normalized_shape.0": 4, "normalized_shape.1": 5}
    assert says["bn"] == {"num_features": 3}
    assert says["head"] == {"in_features": 4, "out_features": 10}


def test_tensors_are_those_of_the_state_dict_and_then_the_others():
    net = Net()
    tensors = model_facts(net).tensors
    assert [one.name for one in tensors if one.is_persistent] == list(net.state_dict())
    assert [one.name for one in tensors[len(net.state_dict()) :]] == ["cached"]
    by_name = {one.name: one for one in tensors}
    assert by_name["head.weight"] == TensorFacts("head.weight", (10, 4), "float32", "parameter", "cpu", True,
                                                 "embed.weight")  # fmt: skip
    assert by_name["embed.weight"].same_as == ""
    assert by_name["frozen"] == TensorFacts("frozen", (3,), "float16", "parameter")
    assert by_name["bn.num_batches_tracked"] == TensorFacts("bn.num_batches_tracked", (), "int64", "buffer")
    assert by_name["cached"] == TensorFacts("cached", (2,), "float32", "buffer", is_persistent=False)


def test_a_model_without_memory_is_told_as_well():
    with torch.device("meta"):
        facts = model_facts(nn.Linear(1 << 20, 1 << 20))
    assert facts.tensors[0].shape == (1 << 20, 1 << 20)
    assert facts.tensors[0].device == "meta"


def test_a_module_under_two_names_ties_all_its_tensors():
    shared = nn.Linear(2, 2)
    facts = model_facts(nn.ModuleDict({"a": shared, "b": shared}))
    assert [(one.name, one.same_as) for one in facts.tensors] == [
        ("a.weight", ""), ("a.bias", ""), ("b.weight", "a.weight"), ("b.bias", "a.bias")]  # fmt: skip


def test_names_of_classes_are_of_bearable_length_and_state_need_not_be_tensors():
    class Odd(nn.Module):
        def get_extra_state(self):
            return {"anything": 1}

    Odd.__name__ = "O" * 5000
    facts = model_facts(Odd())
    assert facts.type == "O" * LONGEST_TYPE
    assert facts.tensors == ()
