"""Tie, untie and retie: what slots share afterwards is what torch says, in files, in containers and in live modules."""

from __future__ import annotations

import copy
from contextlib import suppress

import pytest
import torch
from torch import nn

import weightedit
from tests.operations import oracle
from weightedit.assembly import open_document
from weightedit.core.pages.as_pytorch import as_pytorch
from weightedit.core.recipe import Recipe


def pointers(found: dict[str, torch.Tensor]) -> dict[str, int]:
    return {name: tensor.data_ptr() for name, tensor in found.items()}


def checkpoint() -> dict[str, torch.Tensor]:
    torch.manual_seed(3)
    flat = torch.randn(24)
    other = torch.randn(3, 4)
    return {"flat": flat, "q": flat[:12].view(3, 4), "k": flat[12:].view(3, 4), "other": other, "like": other.clone(),
            "turned": torch.randn(4, 3), "half": torch.randn(3, 4).half()}  # fmt: skip


@pytest.fixture
def saved(tmp_path):
    torch.save(checkpoint(), tmp_path / "c.pt")
    return tmp_path / "c.pt"


class TestTie:
    def test_in_a_file_torch_load_gives_one_tensor(self, saved):
        """The values of `to` are kept, the others given up; what else shared the old storage keeps it."""
        before = torch.load(saved)
        with open_document(saved) as doc:
            doc.apply("tie", ["k", "like"], to="other", accept="all")
            assert doc.tensors["k"].storage_group == doc.tensors["like"].storage_group == "S2"
            assert [slot.name for slot in doc.group_members("S1")] == ["flat", "q"]
            doc.apply("fill", "k", value=7, region="[0, :]")
            doc.save()
        after = torch.load(saved)
        assert after["k"].data_ptr() == after["like"].data_ptr() == after["other"].data_ptr()
        assert (after["other"][0] == 7).all()
        assert torch.equal(after["other"][1:], before["other"][1:])
        assert torch.equal(after["flat"], before["flat"]), "what k was a view of is as it was"
        assert after["q"].data_ptr() == after["flat"].data_ptr()

    def test_the_notice_counts_what_is_given_up_and_names_the_group(self, saved):
        found = torch.load(saved)
        with open_document(saved) as doc:
            [alias, unties] = doc.preflight("tie", "q", to="other")
            assert (alias.kind, alias.level) == ("alias", "warning")
            assert alias.count == int((found["q"] != found["other"]).sum()) == 12
            assert "S2 is q, other, 48 B" in alias.detail
            assert unties.kind == "unties"
            assert "S1 is flat, k, 96 B" in unties.detail
            [same] = doc.preflight("tie", "like", to="other")
            assert same.count == 0
            assert "no value changes" in same.detail

    def test_bits_are_compared_not_numbers(self):
        """0 and -0 are equal numbers, and two NaN are not: neither says whether a value is given up."""
        nan = float("nan")
        with weightedit.open({"a": torch.tensor([0.0, nan, 1]), "b": torch.tensor([-0.0, nan, 1])}) as doc:
            assert doc.preflight("tie", "a", to="b")[0].count == 1

    @pytest.mark.parametrize(("name", "first"), [
        ("turned", ["Transpose turned first", "Reshape turned first"]), ("half", ["Cast half to float32 first"]),
    ])  # fmt: skip
    def test_another_shape_or_dtype_is_refused_with_what_to_do_first(self, saved, name, first):
        with open_document(saved) as doc:
            with pytest.raises(weightedit.EditRefused) as refused:
                doc.apply("tie", name, to="other", accept="all")
            [hazard] = refused.value.hazards
            assert hazard.kind == "shape-mismatch"
            assert list(hazard.labels) == [*first, f"Replace {name} by a copy of other"]
            edit = hazard.alternatives[0]
            doc.apply(edit.operation, list(edit.targets), accept="all", **edit.arguments)
            doc.apply("tie", name, to="other", accept="all")
            assert doc.find(name).held is doc.find("other").held

    @pytest.mark.parametrize("to", [torch.ones(3, 4), ("elsewhere.pt", "other")], ids=["values", "file"])
    def test_only_slots_of_one_document_are_tied(self, saved, to):
        with open_document(saved) as doc:
            assert [hazard.kind for hazard in doc.preflight("tie", "q", to=to)] == ["argument"]

    def test_what_is_tied_already_is_refused(self, saved):
        with open_document(saved) as doc:
            doc.apply("tie", "q", to="other", accept="all")
            assert "already" in doc.preflight("tie", ["q", "other"], to="other")[0].message

    def test_a_tuple_cannot_be_given_another_tensor(self):
        with weightedit.open({"t": (torch.ones(2), torch.zeros(2)), "a": torch.ones(2)}) as doc:
            assert doc.preflight("tie", "t.0", to="a")[0].level == "refusal"
            doc.apply("tie", "a", to="t.0", accept="all")


class TestUntie:
    def test_a_view_of_a_buffer_gets_a_copy(self, saved):
        before = torch.load(saved)
        with open_document(saved) as doc:
            doc.apply("untie", "k")
            assert doc.tensors["k"].storage_group is None
            doc.apply("fill", "k", value=0)
            doc.save()
        after = torch.load(saved)
        assert torch.equal(after["flat"], before["flat"])
        assert (after["k"] == 0).all()
        assert after["k"].untyped_storage().nbytes() == 48

    def test_all_of_them_share_nothing_afterwards(self, saved):
        with open_document(saved) as doc:
            doc.apply("untie", "*")
            assert {info.storage_group for info in doc.tensors.values()} == {None}
            doc.save()
        assert len(set(pointers(torch.load(saved)).values())) == len(checkpoint())

    def test_the_first_of_tied_slots_keeps_the_tensor(self):
        """Where nobody else needs the old one, no copy of it is made, and who holds it elsewhere still does."""
        tied = nn.Parameter(torch.randn(3))
        live = {"a": tied, "b": tied}
        with weightedit.open(live) as doc:
            doc.apply("untie", ["a", "b"])
            assert live["a"] is tied
            assert isinstance(live["b"], nn.Parameter)
            assert oracle.same_bits(live["b"].detach(), tied.detach())
            assert live["b"].data_ptr() != tied.data_ptr()

    def test_what_shares_nothing_is_refused(self, saved):
        with open_document(saved) as doc:
            assert doc.preflight("untie", "other")[0].level == "refusal"
            assert [hazard.kind for hazard in doc.preflight("untie", ["other", "k"])] == ["unties"]


class TestRetie:
    def test_the_same_bits_become_one_tensor_and_the_rest_is_said(self, saved):
        with open_document(saved) as doc:
            doc.apply("untie", "*")
            doc.apply("fill", ["q", "k"], value=float("nan"))
            tied, copied, unlike = doc.preflight("retie", ["q", "k", "other", "like", "half"])
            assert {tied.kind, copied.kind, unlike.kind} == {"alias"}
            assert unlike.targets == ("half",)
            doc.apply("retie", ["q", "k", "other", "like", "half"])
            assert doc.find("q").held is doc.find("k").held is not doc.find("other").held
            assert doc.find("other").held is doc.find("like").held
            doc.save()
        after = pointers(torch.load(saved))
        assert after["q"] == after["k"]
        assert after["other"] == after["like"]
        assert len(set(after.values())) == len(after) - 2

    def test_nothing_equal_is_refused(self, saved):
        with open_document(saved) as doc:
            [hazard] = doc.preflight("retie", ["q", "k", "turned"])
            assert hazard.level == "refusal"

    def test_minus_zero_and_zero_stay_apart(self):
        with weightedit.open({"a": torch.tensor([0.0]), "b": torch.tensor([-0.0])}) as doc:
            assert doc.preflight("retie", "*")[0].level == "refusal"

    @pytest.mark.parametrize("chunk", [64 << 10, 4 << 20])
    def test_contents_are_compared_in_chunks_whatever_the_stride(self, chunk):
        torch.manual_seed(0)
        plain = torch.randn(200, 300)
        live = {"a": plain, "b": plain.t().contiguous().t(), "c": plain.clone()}
        live["c"][199, 299] += 1
        with weightedit.open(live) as doc:
            doc.memory = chunk * 32
            doc.apply("retie", "*")
            assert live["a"] is live["b"] is not live["c"]


@pytest.mark.parametrize(("operation", "targets", "arguments"), [
    ("tie", ["q", "like"], {"to": "other"}), ("untie", ["q", "k"], {}), ("retie", ["like", "other"], {}),
])  # fmt: skip
class TestEachOfThem:
    def test_undo_gives_back_the_same_objects(self, operation, targets, arguments):
        live = checkpoint()
        before, bits = dict(live), {name: tensor.clone() for name, tensor in live.items()}
        with weightedit.open(live) as doc:
            doc.apply(operation, targets, accept="all", **arguments)
            after = dict(live)
            assert any(after[name] is not before[name] for name in live)
            doc.undo()
            assert all(live[name] is before[name] for name in live)
            assert all(oracle.same_bits(live[name], bits[name]) for name in live)
            doc.redo()
            assert all(live[name] is after[name] for name in live)
            assert not doc.is_modified or doc.history.position == 1

    def test_undo_in_a_file_gives_back_the_same_bytes(self, operation, targets, arguments, saved):
        raw = saved.read_bytes()
        with open_document(saved) as doc:
            held = {slot: slot.held for slot in doc.slots}
            doc.apply(operation, targets, accept="all", **arguments)
            assert doc.is_modified
            doc.undo()
            assert all(slot.held is was for slot, was in held.items())
            doc.export(saved.with_name("again.pt"))
        assert saved.with_name("again.pt").read_bytes() == raw

    def test_a_recipe_replays_it_and_the_code_does_the_same(self, operation, targets, arguments, tmp_path):
        live, by_hand, replayed = (checkpoint() for _ in range(3))
        with weightedit.open(live) as doc:
            edit = doc.apply(operation, targets, accept="all", **arguments)
            doc.recipe.save(tmp_path / "r.json")
        with weightedit.open(copy.deepcopy(checkpoint())) as doc:
            code = as_pytorch(doc, edit)
        exec(code, {"checkpoint": by_hand})
        with weightedit.open(replayed) as doc:
            Recipe.load(tmp_path / "r.json").apply(doc)
        for found in (by_hand, replayed):
            shares = {(a, b) for a in found for b in found if found[a].data_ptr() == found[b].data_ptr()}
            assert shares == {(a, b) for a in live for b in live if live[a].data_ptr() == live[b].data_ptr()}
            assert all(oracle.same_bits(found[name], live[name]) for name in live)

    def test_a_preview_changes_nothing_and_says_it_in_words(self, operation, targets, arguments):
        live = checkpoint()
        before = dict(live)
        with weightedit.open(live) as doc:
            shown = doc.preview(operation, targets, **arguments)
            assert shown.lines
            assert all(live[name] is before[name] for name in live)
            assert doc.history.position == 0

    def test_what_is_left_stays_as_it_is(self, operation, targets, arguments):
        live = checkpoint()
        kept = live[targets[0]]
        with weightedit.open(live) as doc:
            with suppress(weightedit.EditRefused):
                doc.apply(operation, targets, leave=[targets[0]], **arguments)
            assert live[targets[0]] is kept
