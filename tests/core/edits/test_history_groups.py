"""Groups of steps: one undo takes all of a group back, redo puts all of it on, and nothing half."""

from __future__ import annotations

import pytest
import torch

import weightedit
from weightedit.core.errors import ConfirmationNeeded


@pytest.fixture
def document(tmp_path):
    torch.save({"a": torch.arange(6.0).reshape(2, 3), "b": torch.ones(4)}, tmp_path / "net.pt")
    with weightedit.open(tmp_path / "net.pt") as found:
        yield found


def type_cells(document, count, key="typed a"):
    for at in range(count):
        with document.grouped("Typed into a", key, within=60):
            document.apply("fill", "a", region=f"[0, {at}]", value=9.0)


def test_one_undo_takes_a_group_back_and_one_redo_puts_it_on(document):
    document.apply("scale", "b", factor=2.0)
    with document.grouped("Both"):
        document.apply("scale", "a", factor=2.0)
        document.apply("scale", "b", factor=5.0)
    changes = []
    document.subscribe(changes.append)
    document.undo()
    assert document.history.position == 1
    assert torch.equal(document.read("a"), torch.arange(6.0).reshape(2, 3))
    assert document.read("b").tolist() == [2.0] * 4
    assert [change.names for change in changes] == [{"a", "b"}]  # told once, of both
    document.redo()
    assert document.history.position == 3
    assert document.read("b").tolist() == [10.0] * 4
    document.undo()
    document.undo()
    assert document.history.position == 0


def test_cells_typed_one_after_the_other_are_one_group(document):
    type_cells(document, 3)
    assert len({id(step.group) for step in document.history.steps}) == 1
    assert document.history.steps[0].group.label == "Typed into a"
    with document.grouped("Typed into b", "typed b", within=60):
        document.apply("fill", "b", region="[0]", value=1.5)
    type_cells(document, 1)  # after something else it is another group
    groups = [id(step.group) for step in document.history.steps]
    assert len(set(groups)) == 3
    document.undo()
    document.undo()
    document.undo()
    assert document.history.position == 0


def test_a_pause_an_undo_and_a_save_end_a_group(document):
    type_cells(document, 1)
    with document.grouped("Typed into a", "typed a", within=-1):
        document.apply("fill", "a", value=1.0)
    first, second = (step.group for step in document.history.steps)
    assert first is not second
    document.undo()
    type_cells(document, 1)
    assert document.history.steps[1].group is not first  # something was undone in between
    document.save()
    type_cells(document, 1)
    assert document.history.steps[2].group is not document.history.steps[1].group


def test_single_steps_of_a_group_can_be_taken_back_and_gone_to(document):
    type_cells(document, 3)
    document.undo(whole=False)
    assert document.history.position == 2
    document.go_to(1)
    assert document.read("a")[0].tolist() == [9.0, 1.0, 2.0]
    document.redo()
    assert document.history.position == 3
    document.go_to(2)
    document.undo()
    assert document.history.position == 0


def test_an_edit_that_fails_leaves_the_group_open_and_the_document_as_it_was(document):
    with document.grouped("Two"):
        document.apply("scale", "a", factor=2.0)
        with pytest.raises(weightedit.EditRefused):
            document.apply("scale", "nobody", factor=2.0)
        document.apply("scale", "b", factor=2.0)
    document.apply("scale", "b", factor=2.0)
    assert [step.group is not None for step in document.history.steps] == [True, True, False]


def test_a_group_that_other_code_wrote_over_is_taken_back_whole_or_not_at_all():
    layer = torch.nn.Linear(3, 2)
    with weightedit.open(layer) as document:
        before = layer.weight.detach().clone()
        with document.grouped("Both"):
            document.apply("fill", "weight", value=1.0)
            document.apply("fill", "bias", value=2.0)
        with torch.no_grad():
            layer.weight[0, 0] = 7.0
        with pytest.raises(ConfirmationNeeded):
            document.undo()
        assert document.history.position == 2
        assert layer.bias.tolist() == [2.0, 2.0]
        document.undo(accept="all")
        assert document.history.position == 0
        assert torch.equal(layer.weight, before)


def test_a_rename_and_what_follows_it_move_together(document):
    with document.grouped("Rename and scale"):
        document.apply("rename", "a", to="c")
        document.apply("scale", "c", factor=3.0)
    document.undo()
    assert list(document.tensors) == ["a", "b"]
    assert torch.equal(document.read("a"), torch.arange(6.0).reshape(2, 3))
    document.redo()
    assert document.read("c")[1, 2] == 15.0


def test_a_smaller_budget_lets_the_oldest_steps_go_at_once(document):
    for _ in range(3):
        document.apply("scale", "a", factor=2.0)
    one = document.history.steps[0].nbytes
    document.set_undo_budget(2 * one)
    assert (len(document.history), document.history.position, document.history.forgotten) == (2, 2, 1)
