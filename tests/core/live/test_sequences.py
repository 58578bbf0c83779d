"""Any edits in any order on a module in training, all undone: every object, bit, size and state is what it was."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

import weightedit
from tests.core.live.states import known, trained_net
from weightedit import Document, EditRefused

COMPUTED = "normed.weight"


class Odd(nn.Module):
    """A net in training, and beside it what edits treat in another way: computed, expanded, without dimensions."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net
        self.normed = nn.utils.parametrizations.weight_norm(nn.Linear(3, 2))
        self.wide = nn.Parameter(torch.randn(1, 3).expand(4, 3), requires_grad=False)
        self.scale = nn.Parameter(torch.tensor(1.5))
        self.same_scale = self.scale
        self.register_buffer("offset", torch.tensor(-2.0))


def edit_at_random(data: st.DataObject, doc: Document) -> None:
    name = data.draw(st.sampled_from([*sorted(doc.tensors), COMPUTED]))
    with suppress(EditRefused):  # such as a weight that cannot be computed of originals of two dtypes
        edit_one_at_random(data, doc, name)


def edit_one_at_random(data: st.DataObject, doc: Document, name: str) -> None:
    info = doc.tensors[name]
    rows = info.shape[0] if info.shape else 0
    choices: dict[str, dict[str, Any]] = {
        "scale": {"factor": 3}, "cast": {"dtype": data.draw(st.sampled_from(["float64", "float16", "int32"]))},
        "replace": {"source": torch.ones(2, 3)}, "untie": {}, "clamp": {"min": -0.5, "max": 0.5},
        "tie": {"to": data.draw(st.sampled_from(sorted(doc.tensors)))},
        "requires_grad": {"value": data.draw(st.booleans())},
    }  # fmt: skip
    if rows > 1:
        choices |= {
            "delete_rows": {"rows": str(data.draw(st.integers(0, rows - 1)))},
            "insert_rows": {"count": 2, "index": data.draw(st.integers(0, rows)), "method": "mean"},
            "slice": {"region": f"[0:{rows - 1}]"}, "flip": {"dims": [0]}, "roll": {"shifts": [1], "dims": [0]},
            "concat": {"tensors": [name]}, "repeat": {"repeats": [2] + [1] * (len(info.shape) - 1)},
            "pad": {"pad": [1, 0], "mode": "constant", "value": 2},
        }  # fmt: skip
    if len(info.shape) > 1:
        choices |= {"transpose": {}, "reshape": {"shape": [-1]}}
    what = data.draw(st.sampled_from(sorted(choices)))
    options: dict[str, Any] = {"tied": data.draw(st.sampled_from(["all", "untie"])),
                               "moments": data.draw(st.sampled_from(["follow", "drop"]))}  # fmt: skip
    doc.apply(what, name, accept="all", **choices[what], **options)  # a tie of another shape is refused


@settings(max_examples=8, suppress_health_check=list(HealthCheck))
@given(data=st.data(), kind=st.sampled_from(["sgd", "adam", "adafactor"]))
def test_all_undone_is_as_if_nothing_was_done(data, kind):
    trained, optimizer = trained_net(kind)
    net = Odd(trained)
    states = [known(net, optimizer)]
    with weightedit.open(net, optimizer=optimizer) as doc:
        for _ in range(data.draw(st.integers(1, 6))):
            before = len(doc.history)
            edit_at_random(data, doc)
            if len(doc.history) > before:
                states.append(known(net, optimizer))
                doc.undo()
                assert known(net, optimizer) == states[-2]
                doc.redo()
            assert known(net, optimizer) == states[-1]
            listed = [id(one) for group in optimizer.param_groups for one in group["params"]]
            assert len(set(listed)) == len(listed), "a parameter is listed once"
            assert {id(one) for one in optimizer.state} <= set(listed)
            held = {id(one) for one in net.parameters()}
            assert set(listed) <= held, "no parameter is trained that the module does not have"
        for position in [0, len(states) - 1, *data.draw(st.lists(st.integers(0, len(states) - 1), max_size=2)), 0]:
            doc.go_to(position)
            assert known(net, optimizer) == states[position]
    optimizer.zero_grad()
    trained(torch.arange(6).view(3, 2)).square().sum().backward()
    optimizer.step()


def test_a_write_into_an_expanded_parameter_is_done_again_unasked():
    """Redo writes into the clone that comes with the same step, which was not there before it."""
    module = nn.Module()
    module.wide = nn.Parameter(torch.randn(1, 3).expand(4, 3), requires_grad=False)
    before = module.wide
    with weightedit.open(module) as doc:
        doc.apply("clamp", "wide", min=-0.1, max=0.1, accept="all")
        wanted, after = doc.read("wide"), module.wide
        doc.undo()
        assert module.wide is before
        doc.redo()
        assert module.wide is after
        assert torch.equal(module.wide, wanted)


class Grown(nn.Module):
    """What a model with a vocabulary and channels is made of."""

    def __init__(self, words: int, channels: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(words, 4)
        self.conv = nn.Conv1d(4, channels, 3)
        self.norm = nn.BatchNorm1d(channels)
        self.head = nn.Linear(channels, words)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.head(self.norm(self.conv(self.embed(tokens).mT)).mean(-1))


def steps(net: nn.Module, optimizer: torch.optim.Optimizer, count: int = 2) -> list[float]:
    torch.manual_seed(5)
    losses = []
    for _ in range(count):
        optimizer.zero_grad()
        loss = net(torch.randint(0, 5, (3, 6))).square().sum()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


# A bias before a norm has rounding noise for a gradient, another one on each processor: eps keeps Adam from scaling it.
@pytest.mark.parametrize("kind", [lambda p: torch.optim.Adam(p, lr=0.01, eps=1.0),
                                  lambda p: torch.optim.SGD(p, 0.01, 0.9)], ids=["adam", "sgd"])  # fmt: skip
def test_a_model_that_grows_words_and_loses_channels_trains_on_like_one_built_so(kind):
    """The oracle is a model of the new size, with parameters and moments copied over by hand in plain torch."""
    torch.manual_seed(2)
    net = Grown(6, 5)
    optimizer = kind(net.parameters())
    steps(net, optimizer)
    built = Grown(8, 4)
    other = kind(built.parameters())
    keep = [0, 1, 3, 4]
    with torch.no_grad():
        for (name, old), new in zip(net.named_parameters(), built.parameters(), strict=True):
            state = optimizer.state[old]
            other.state[new] = {}
            for key, value in {"": old, **state}.items():
                found = value.detach().clone() if isinstance(value, torch.Tensor) else value
                if key != "step" and name.startswith(("embed", "head")):
                    rows = found.mean(0, keepdim=True) if key == "" else torch.zeros_like(found[:1])
                    found = torch.cat([found, rows, rows])
                if key != "step" and name.startswith(("conv", "norm")):
                    found = found[keep]
                if key != "step" and name == "head.weight":
                    found = found[:, keep]
                if key == "":
                    new.copy_(found)
                else:
                    other.state[new][key] = found.contiguous()
        built.norm.running_mean.copy_(net.norm.running_mean[keep])
        built.norm.running_var.copy_(net.norm.running_var[keep])
        built.norm.num_batches_tracked.copy_(net.norm.num_batches_tracked)
    with weightedit.open(net, optimizer=optimizer) as doc:
        doc.apply("insert_rows", ["embed.weight", "head.weight", "head.bias"], count=2, method="mean")
        doc.apply("delete_rows", ["conv.*", "norm.weight", "norm.bias", "norm.running_*"], rows="2")
        doc.apply("delete_rows", "head.weight", rows="2", dim=1)
        assert repr(net) == repr(built)
        assert steps(net, optimizer) == pytest.approx(steps(built, other), rel=1e-6)  # the mean is rounded twice
        for (name, one), new in zip(net.named_parameters(), built.parameters(), strict=True):
            torch.testing.assert_close(one, new, rtol=1e-6, atol=1e-7, msg=name)
        doc.go_to(0, accept="all")
        assert steps(net, optimizer)
