"""Other code changes live objects while they are open: what is noticed, by what, and what undo makes of it."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import weightedit
from tests.operations.oracle import same_bits
from weightedit import ConfirmationNeeded, EditRefused
from weightedit.core.live import outside
from weightedit.core.live.looking import look_again
from weightedit.core.live.outside import Lookout, Outside


@pytest.fixture
def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 2))


@pytest.fixture
def doc(net):
    with weightedit.open(net) as opened:
        yield opened


@pytest.fixture
def lookout(doc):
    return Lookout(doc)


def train(net, kind=torch.optim.Adam):
    optimizer = kind(net.parameters(), lr=0.1)
    net(torch.ones(1, 3)).sum().backward()
    optimizer.step()


@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW])
def test_a_training_step_is_noticed_once_and_shown(net, doc, lookout, kind):
    told = []
    doc.subscribe(told.append)
    pinned = doc.pin("0.weight")
    train(net, kind)
    assert lookout.look().values == ("0.weight", "0.bias", "1.weight", "1.bias")
    assert told[0].names == {"0.weight", "0.bias", "1.weight", "1.bias"}
    assert not told[0].structure
    assert doc.pin("0.weight").content is not pinned.content  # by which pictures and statistics are made anew
    assert not doc.slot("0.weight").is_modified
    assert not doc.is_modified
    assert lookout.look() == Outside()
    assert doc.changed_outside.keys() == told[0].names


def test_the_documents_own_edits_are_not_told(doc, lookout):
    doc.apply("scale", "0.weight", factor=2)
    doc.apply("cast", "1.weight", dtype="float64")
    doc.apply("requires_grad", "0.bias", value=False)
    assert lookout.look(["0.weight", "1.weight"]) == Outside()
    doc.undo()
    doc.undo()
    doc.undo()
    doc.redo()
    assert lookout.look(["0.weight", "1.weight"]) == Outside()


def test_a_change_just_before_an_edit_of_another_tensor_is_not_swallowed(net, doc, lookout):
    train(net)
    doc.apply("scale", "1.bias", factor=2)
    assert lookout.look().values == ("0.weight", "0.bias", "1.weight")


@pytest.mark.parametrize("write", [
    lambda weight: weight.data.mul_(2),
    lambda weight: weight.detach().numpy().__setitem__((0, 0), 9),
    lambda weight: weight.data.view(-1)[-1:].zero_(),
])  # fmt: skip
def test_a_write_that_leaves_no_version_is_seen_on_screen(net, doc, lookout, write):
    """`_version` stays: only the bytes say it, and they are compared for what is shown alone."""
    assert lookout.look(["0.weight"]) == Outside()
    version = net[0].weight._version
    write(net[0].weight)
    net[1].weight.data.mul_(2)
    assert net[0].weight._version == version
    assert lookout.look(["0.weight"]).values == ("0.weight",)
    assert lookout.look(["0.weight"]) == Outside()


def test_of_a_large_tensor_pieces_are_compared(monkeypatch):
    """A look is no pass over the tensor, whatever its size."""
    read = []
    weight = torch.zeros(1 << 20)
    real = outside.LiveBytes.read_into
    monkeypatch.setattr(outside, "HASHED", 1 << 16)
    monkeypatch.setattr(outside, "PIECE", 1 << 10)
    monkeypatch.setattr(outside.LiveBytes, "read_into",
                        lambda *given: read.append(given[1].nbytes) or real(*given))  # fmt: skip
    with weightedit.open([weight]) as doc:
        lookout = Lookout(doc)
        read.clear()
        lookout.look(["0"])
        assert sum(read) == 1 << 16
        weight.data.add_(1)
        assert lookout.look(["0"]).values == ("0",)


def test_views_of_one_storage_change_together(monkeypatch):
    base = torch.zeros(4, 4)
    with weightedit.open({"base": base, "row": base[1], "other": torch.zeros(2)}) as doc:
        lookout = Lookout(doc)
        base[2:].add_(1)
        assert lookout.look().values == ("base", "row")


def test_undo_over_a_training_step_shows_what_is_there(net, doc, lookout):
    """The state before the edit is not what undo leaves: the step changed other cells too."""
    doc.apply("fill", "0.weight", value=1, region="[0, :]")
    pictures = {doc.pin("0.weight").content}
    train(net)
    lookout.look()
    with pytest.raises(ConfirmationNeeded):
        doc.undo()
    doc.undo(accept="all")
    assert doc.pin("0.weight").content not in pictures
    assert same_bits(doc.read("0.weight"), net[0].weight.detach())
    assert not doc.slot("0.weight").is_modified
    pictures.add(doc.pin("0.weight").content)
    doc.redo(accept="all")
    assert doc.pin("0.weight").content not in pictures
    assert doc.slot("0.weight").is_modified


def test_what_stands_elsewhere_is_told_and_looked_at_again(net, doc, lookout):
    doc.apply("scale", "1.bias", factor=2)
    net[0].weight = nn.Parameter(torch.ones(2, 3))
    net[0].register_buffer("extra", torch.ones(3))
    net[0].loose = torch.ones(1)
    net.append(nn.Linear(1, 1))
    net[0].bias = None
    net[1].weight.data = torch.ones(5, 5)
    found = lookout.look()
    assert found == Outside((), ("0.weight",), ("0.bias",), ("2", "0.extra", "0.loose"), ("1.weight",))
    assert lookout.look() == found  # it is so until somebody looks
    assert found.sentences.startswith("0.weight is another object now. 0.bias is gone. 2, 0.extra, 0.loose are new. ")
    look_again(doc)
    assert lookout.look() == Outside()
    assert doc.changed_outside == {}
    names = list(doc.tensors)
    assert names == ["0.weight", "0.extra", "0.loose", "1.weight", "1.bias", "2.weight", "2.bias"]
    assert doc.tensors["1.weight"].shape == (5, 5)
    assert same_bits(doc.read("0.weight"), torch.ones(2, 3))
    assert [slot.name for slot in doc.slots if slot.is_modified] == ["1.bias"]
    doc.undo()
    assert not doc.is_modified


def test_a_module_that_was_replaced_is_told_though_its_tensors_stand_in_the_old_one(net, doc, lookout):
    net[1] = nn.Linear(2, 5)
    assert lookout.look() == Outside(replaced=("1",))
    look_again(doc)
    assert doc.tensors["1.weight"].shape == (5, 2)
    del net[1]
    assert lookout.look() == Outside(gone=("1",))
    look_again(doc)
    assert list(doc.tensors) == ["0.weight", "0.bias"]
    assert lookout.look() == Outside()


def test_undo_asks_before_it_writes_into_a_tensor_that_was_put_away(net, doc, lookout):
    old = net[0].weight
    before = old.detach().clone()
    doc.apply("scale", "0.weight", factor=2)
    net[0].weight = nn.Parameter(torch.ones(2, 3))
    look_again(doc)
    with pytest.raises(ConfirmationNeeded, match=r"0\.weight was changed elsewhere"):
        doc.undo()
    doc.undo(accept="all")
    assert same_bits(old.detach(), before)
    assert bool((net[0].weight == 1).all())


def test_undo_puts_the_object_back_that_stood_there_where_it_is_asked_to(net, doc, lookout):
    old = net[0].weight
    doc.apply("cast", "0.weight", dtype="float64")
    net[0].weight = nn.Parameter(torch.ones(2, 3))
    look_again(doc)
    with pytest.raises(ConfirmationNeeded):
        doc.undo()
    doc.undo(accept="all")
    assert net[0].weight is old
    assert same_bits(doc.read("0.weight"), old.detach())
    assert lookout.look() == Outside()


@pytest.mark.parametrize("again", [False, True])
def test_an_edit_of_another_shape_is_not_undone(net, doc, again):
    doc.apply("scale", "0.weight", factor=2)
    net[0].weight.data = torch.ones(1, 1)
    if again:
        look_again(doc)
    with pytest.raises(EditRefused, match=r"An edit of 0\.weight cannot be undone"):
        doc.undo(accept="all")
    assert bool((net[0].weight == 1).all())


def test_a_look_does_not_wait_for_an_edit(doc, lookout):
    import threading

    found = []
    with doc.standing_still():
        other = threading.Thread(target=lambda: found.append(lookout.look()))
        other.start()
        other.join(10)
    assert found == [Outside()]


def test_tensors_without_a_version_are_looked_at_too():
    with torch.inference_mode():
        made = torch.ones(3)
    with weightedit.open({"a": made, "lazy": nn.LazyLinear(3), "sparse": torch.eye(3).to_sparse()}) as doc:
        lookout = Lookout(doc)
        assert lookout.look(["a"]) == Outside()
        with torch.inference_mode():
            made.add_(1)
        assert lookout.look(["a"]).values == ("a",)
