"""Snapshots: what they hold survives edits, undo, training, saves and a reload; restoring is one undo step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import weightedit
from tests.operations import oracle
from weightedit import ConfirmationNeeded, EditRefused
from weightedit.assembly import open_document
from weightedit.core.journals.reloading import reload
from weightedit.core.progress import Cancelled, Progress
from weightedit.core.recipe import Recipe
from weightedit.core.region import Box

TENSORS = {
    "a": torch.arange(12.0).reshape(3, 4),
    "b": torch.linspace(-1, 1, 6, dtype=torch.bfloat16),
    "n": torch.arange(5),
}


def write(folder: Path, suffix: str, tensors: dict[str, torch.Tensor] | None = None) -> Path:
    path = folder / f"model.{suffix}"
    tensors = TENSORS if tensors is None else tensors
    if suffix == "pt":
        torch.save(tensors, path)
    else:
        safetensors = pytest.importorskip("safetensors.torch")
        safetensors.save_file(tensors, path)
    return path


def read(doc: weightedit.Document) -> dict[str, tuple[torch.Size, bytes]]:
    found = {name: doc.read(name) for name in doc.tensors}
    return {name: (tensor.shape, oracle.bits(tensor)) for name, tensor in found.items()}


def held(doc: weightedit.Document, name: str) -> dict[str, bytes]:
    """The bits a snapshot holds."""
    return {kept.name: bytes(kept.pinned.read(Box.whole(kept.spec.shape)).tobytes())
            for kept in doc.snapshots[name].tensors}  # fmt: skip


@pytest.mark.parametrize("suffix", ["pt", "safetensors"])
def test_a_snapshot_of_a_file_costs_nothing_until_it_is_needed(tmp_path, suffix):
    with weightedit.open(write(tmp_path, suffix)) as doc:
        before = read(doc)
        snapshot = doc.snapshot("first")
        assert snapshot.nbytes == 0
        assert snapshot.is_whole
        assert doc.compare_snapshot("first") == []
        doc.apply("scale", "a", factor=2.0)
        doc.apply("cast", "b", dtype="float32")
        doc.apply("transpose", "a", accept="all")
        assert {one.name: one.what for one in doc.compare_snapshot("first")} == {"a": "shape", "b": "dtype"}
        after = read(doc)
        edit = doc.restore("first", accept="all")
        assert (edit.operation, edit.arguments["snapshot"]) == ("restore", "first")
        assert read(doc) == before
        assert doc.compare_snapshot("first") == []
        assert len(doc.history) == 4
        doc.undo()
        assert read(doc) == after
        doc.redo()
        assert read(doc) == before
        assert doc.snapshots["first"] is snapshot


@pytest.mark.parametrize("suffix", ["pt", "safetensors"])
@pytest.mark.parametrize("edits", ["values", "shape", "deleted"])
def test_a_snapshot_survives_saves(tmp_path, suffix, edits):
    """A save replaces the file the bytes were in: what the snapshot needs of the old one is kept."""
    with weightedit.open(write(tmp_path, suffix)) as doc:
        before = held_of(doc)
        doc.snapshot("first")
        doc.apply("fill", "a", region="[1, :]", value=7.0)
        doc.snapshot("second", "a")
        second = held(doc, "second")
        if edits == "shape":
            doc.apply("transpose", "a", accept="all")
        elif edits == "deleted":
            doc.apply("delete", "b")
        doc.save()
        doc.apply("scale", "a", factor=3.0)
        budget = doc.history.budget
        doc.set_undo_budget(0)  # history lets go of the old contents; the snapshots do not
        doc.set_undo_budget(budget)
        doc.save()
        assert held(doc, "first") == before
        assert held(doc, "second") == second
        if edits != "deleted":
            doc.restore("first", accept="all")
            assert held_of(doc) == before
        doc.save()
        assert held(doc, "second") == second


def held_of(doc: weightedit.Document) -> dict[str, bytes]:
    return {name: oracle.bits(doc.read(name)) for name in doc.tensors}


def test_a_snapshot_comes_along_when_the_file_is_opened_again(tmp_path):
    path = write(tmp_path, "pt")
    with weightedit.open(path) as doc:
        before = held_of(doc)
        doc.snapshot("first")
        doc.apply("scale", "a", factor=2.0)
        doc.restore("first", "a")
        found = reload(doc, open_document, replay=True, progress=Progress())
        with found.document as fresh:
            assert (found.left, found.lost) == ((), ())
            assert held(fresh, "first") == before
            assert [step.edit.operation for step in fresh.history.steps] == ["scale", "restore"]
            fresh.apply("scale", "a", factor=4.0)
            doc.close()
            fresh.restore("first")
            assert held_of(fresh) == before


def test_what_only_a_changed_file_had_is_said_to_be_lost(tmp_path):
    path = write(tmp_path, "pt")
    with weightedit.open(path) as doc:
        doc.apply("scale", "a", factor=2.0)
        kept = oracle.bits(doc.read("a"))
        doc.snapshot("first")
        write(tmp_path, "pt", {name: tensor + 1 if name != "n" else tensor for name, tensor in TENSORS.items()})
        found = reload(doc, open_document, replay=False, progress=Progress())
        with found.document as fresh:
            assert set(found.lost) == {"b of first", "n of first"}
            assert held(fresh, "first") == {"a": kept}


class Net(nn.Module):
    def __init__(self, device: str) -> None:
        super().__init__()
        self.first = nn.Linear(3, 4, device=device)
        self.tied = nn.Linear(3, 4, device=device)
        self.tied.weight = self.first.weight
        self.norm = nn.BatchNorm1d(4, device=device)
        self.last: torch.Tensor | None = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.last = self.norm(self.first(x) + self.tied(x))
        return self.last


def trained(device: str) -> tuple[Net, torch.optim.Optimizer]:
    torch.manual_seed(0)
    net = Net(device)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.1)
    train(net, optimizer, device)
    return net, optimizer


def train(net: Net, optimizer: torch.optim.Optimizer, device: str) -> None:
    optimizer.zero_grad()
    net(torch.randn(5, 3, device=device)).square().sum().backward()
    optimizer.step()


def test_a_live_snapshot_is_independent_and_goes_back_in_place(device):
    """Training does not reach it, a computed tensor is in it, and a restored parameter is the same object."""
    net, optimizer = trained(device)
    doc = weightedit.open(net, optimizer=optimizer)
    weight = net.first.weight
    last = net.last
    assert last is not None
    assert not last.is_leaf
    before = held_of(doc)
    snapshot = doc.snapshot("start")
    assert snapshot.nbytes > 0
    assert {kept.name for kept in snapshot.tensors} >= {"last", "first.weight", "norm.num_batches_tracked"}
    train(net, optimizer, device)
    assert net.last is not last
    differing = {one.name for one in doc.compare_snapshot("start")}
    assert differing >= {"first.weight", "tied.weight", "norm.running_mean", "norm.num_batches_tracked"}
    doc.restore("start", ["first.*", "tied.*", "norm.*"], accept="all")
    assert net.first.weight is weight is net.tied.weight
    assert weight in optimizer.state
    now = held_of(doc)
    assert all(now[name] == before[name] for name in before if name != "last")
    train(net, optimizer, device)  # the graph and the optimizer still go on
    doc.close()


def test_a_live_tensor_of_another_shape_is_replaced_and_the_optimizer_follows(device):
    net = nn.Linear(3, 4, device=device)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    doc = weightedit.open(net, optimizer=optimizer)
    before, original = oracle.bits(net.weight), net.weight
    doc.snapshot("start")
    doc.apply("slice", "weight", region="[0:2, :]", accept="all")
    cut = net.weight
    doc.restore("start", accept="all")
    assert (tuple(net.weight.shape), oracle.bits(net.weight)) == ((4, 3), before)
    assert isinstance(net.weight, nn.Parameter)
    assert any(parameter is net.weight for parameter in optimizer.param_groups[0]["params"])
    doc.undo()
    assert net.weight is cut
    doc.undo()
    assert net.weight is original


def test_sharing_inside_a_snapshot():
    """Views of one storage cost their bytes once, and go back together; slots tied since are parted again."""
    flat = torch.arange(8.0)
    state: dict[str, Any] = {"a": flat[:4], "b": flat[2:], "c": torch.zeros(4)}
    doc = weightedit.open(state)
    snapshot = doc.snapshot("start")
    assert snapshot.values_nbytes == 8 * 4 + 4 * 4
    doc.apply("fill", "a", value=9.0)
    assert {one.name for one in doc.compare_snapshot("start")} == {"a", "b"}
    doc.restore("start")
    assert flat.tolist() == list(range(8))
    one = nn.Parameter(torch.ones(2))
    pair = {"x": one, "y": nn.Parameter(torch.zeros(2))}
    doc = weightedit.open(pair)
    doc.snapshot("apart")
    doc.apply("tie", "y", to="x", accept="all") if "tie" in doc.operations else pytest.skip("needs tie")
    doc.restore("apart", accept="all")
    assert pair["x"].tolist() == [1, 1]
    assert pair["y"].tolist() == [0, 0]


def test_only_what_differs_is_touched():
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    doc = weightedit.open(net)
    doc.snapshot("start")
    versions = [parameter._version for parameter in net.parameters()]
    doc.apply("fill", "1.weight", value=0.0)
    doc.restore("start")
    versions[2] += 2  # the fill, and the way back
    assert [parameter._version for parameter in net.parameters()] == versions
    assert doc.history.steps[-1].names == {"1.weight"}
    with pytest.raises(EditRefused, match="Nothing differs"):
        doc.restore("start")


def test_a_part_a_rename_and_what_was_deleted(tmp_path):
    with weightedit.open(write(tmp_path, "pt")) as doc:
        doc.snapshot("part", ["a", "b"])
        before = held_of(doc)
        doc.apply("fill", "*", value=0)
        doc.apply("rename", "a", to="first")
        assert {one.name for one in doc.compare_snapshot("part")} == {"first", "b"}
        doc.restore("part", "a")
        assert oracle.bits(doc.read("first")) == before["a"]
        doc.apply("delete", "first")
        assert {(one.name, one.what) for one in doc.compare_snapshot("part")} == {("a", "went"), ("b", "values")}
        kinds = {(hazard.kind, hazard.level) for hazard in doc.preflight_restore("part")}
        assert kinds == {("not-found", "warning")}
        with pytest.raises(ConfirmationNeeded, match="not restored"):
            doc.restore("part")
        doc.restore("part", accept={"not-found"})
        assert oracle.bits(doc.read("b")) == before["b"]
        assert set(doc.tensors) == {"b", "n"}


def test_names_budget_and_cancelling():
    state = {"a": torch.zeros(1000), "meta": torch.empty(3, device="meta")}
    doc = weightedit.open(state)
    snapshot = doc.snapshot("one")
    assert snapshot.left_out == ("meta",)
    assert snapshot.is_whole
    assert doc.compare_snapshot("one") == []
    with pytest.raises(EditRefused, match="already"):
        doc.snapshot("one")
    with pytest.raises(EditRefused, match="needs a name"):
        doc.snapshot(" ")
    with pytest.raises(EditRefused, match="no bytes"):
        doc.snapshot("two", "meta")
    with pytest.raises(EditRefused, match=r"(?s)no snapshot.*There are: one"):
        doc.restore("nine")
    doc.set_undo_budget(6000)
    with pytest.raises(EditRefused, match=r"needs 4.00 kB.*2.00 kB of the undo budget"):
        doc.snapshot("two")
    assert list(doc.snapshots) == ["one"]
    held_before = doc.spill.memory_nbytes
    doc.drop_snapshot("one")
    assert not doc.snapshots
    del snapshot
    assert doc.spill.memory_nbytes < held_before

    class Stop:
        def is_set(self) -> bool:
            return True

    with pytest.raises(Cancelled):
        doc.snapshot("three", cancel=Stop())
    assert not doc.snapshots


def test_a_restore_in_a_recipe(tmp_path):
    """It replays where the snapshot is, and says what is missing elsewhere."""
    with weightedit.open(write(tmp_path, "pt")) as doc:
        doc.snapshot("first")
        doc.apply("fill", "a", value=0.0)
        doc.restore("first")
        doc.recipe.save(tmp_path / "fix.json")
        recipe = Recipe.load(tmp_path / "fix.json")
        recipe.apply(doc)
        assert doc.compare_snapshot("first") == []
        assert "restore first" in doc.history.steps[-1].label
    with weightedit.open(write(tmp_path, "pt")) as other:
        before = held_of(other)
        with pytest.raises(EditRefused, match="no snapshot 'first'"):
            recipe.apply(other)
        assert held_of(other) == before


def test_a_restore_is_no_copy_between_slots(tmp_path):
    """Tensors go back to what the snapshot holds of themselves, so nothing is said of another one's copy."""
    torch.save({"emb": torch.rand(4, 3), "ln": torch.rand(3)}, tmp_path / "m.pt")
    with weightedit.open(tmp_path / "m.pt") as doc:
        doc.snapshot("s")
        doc.apply("cast", "ln", dtype="bfloat16", accept="all")
        doc.apply("insert_rows", "emb", count=2)
        assert not [hazard.message for hazard in doc.preflight_restore("s") if "copy of" in hazard.title]


def swapped(path, save=False):
    """A file of `a` and `b`, a snapshot, `a` scaled and called `q` since, and `b` called `a` and scaled."""
    torch.save({"a": torch.ones(2), "b": torch.full((2,), 5.0)}, path)
    doc = weightedit.open(path)
    doc.snapshot("S")
    doc.apply("scale", "a", factor=2.0)
    doc.apply("rename", "a", to="q")
    doc.apply("rename", "b", to="a")
    doc.apply("scale", "a", factor=10.0)
    if save:
        doc.save()
    return doc


def test_names_of_today_lead_to_the_same_tensors_in_a_snapshot(tmp_path):
    """`restore` goes by the names at the time, so a name that another tensor has by now is looked up by its slot."""
    with swapped(tmp_path / "m.pt") as doc:
        assert doc.names_in_snapshot("S", "a") == (["b"], "")
        assert doc.names_in_snapshot("S", ["q", "a"]) == (["a", "b"], "")
        assert doc.names_in_snapshot("S", "*")[0] == ["a", "b"]
        doc.apply("duplicate", "q", to="late")
        assert doc.names_in_snapshot("S", ["late", "a"]) == (["b"], "late was not there when S was taken.")
        with pytest.raises(EditRefused, match=r"^late was not there when S was taken\.$"):
            doc.names_in_snapshot("S", "late")
        doc.snapshot("part", "q")
        with pytest.raises(EditRefused, match=r"^late is not in part\.$"):
            doc.names_in_snapshot("part", "late")


@pytest.mark.parametrize("save", [False, True])
@pytest.mark.parametrize("replay", [False, True])
def test_a_renamed_tensor_keeps_its_snapshot_when_the_file_is_opened_again(tmp_path, save, replay):
    """Names in the file lead to the slots, not the names in the snapshot, which another tensor may have by now."""
    with swapped(tmp_path / "m.pt", save) as doc:
        doc.snapshot("late", "a")
        with reload(doc, open_document, replay=replay, progress=Progress()).document as fresh:
            renamed = save or replay
            first, second = ("q", "a") if renamed else ("a", "b")
            assert set(fresh.tensors) == {first, second}
            assert fresh.names_in_snapshot("S", first) == (["a"], "")
            assert fresh.names_in_snapshot("S", second) == (["b"], "")
            assert fresh.names_in_snapshot("late", second) == (["a"], "")
            fresh.apply("fill", "*", value=0.0)
            fresh.restore("S")
            assert fresh.read(first).tolist() == [1.0, 1.0]
            assert fresh.read(second).tolist() == [5.0, 5.0]


def test_what_does_not_differ_is_named_where_only_some_are_restored(tmp_path):
    with weightedit.open(write(tmp_path, "pt")) as doc:
        doc.snapshot("S")
        doc.apply("scale", "a", factor=2.0)
        with pytest.raises(EditRefused, match=r"^b does not differ from S\. There is nothing to restore\.$"):
            doc.restore("S", "b")
        with pytest.raises(EditRefused, match=r"^b, n do not differ from S\. There is nothing to restore\.$"):
            doc.restore("S", ["b", "n"])
        doc.apply("delete", "n")
        with pytest.raises(EditRefused, match=r"^b does not differ from S\. n: deleted since\."):
            doc.restore("S", ["b", "n"])
        doc.restore("S", "a")
        with pytest.raises(EditRefused, match=r"^What is left of S does not differ from it\. n: deleted since\."):
            doc.restore("S")
