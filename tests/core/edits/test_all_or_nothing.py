"""Whatever is refused or fails leaves the document as it was, names unique, and its source file alone."""

from __future__ import annotations

import pytest
import torch

import weightedit
from weightedit.core.edit import Edit
from weightedit.core.errors import ConfirmationNeeded, EditRefused
from weightedit.core.recipe import Recipe


def test_a_rename_onto_a_name_of_another_container_is_refused(tmp_path):
    torch.save({"a": {"b": torch.ones(3)}, "x": torch.zeros(3)}, tmp_path / "a.pt")
    document = weightedit.open(tmp_path / "a.pt")
    with pytest.raises(EditRefused, match=r"a\.b is there already"):
        document.apply("rename", "x", to="a.b")
    assert list(document.tensors) == ["a.b", "x"]


def test_a_rename_of_tied_names_at_once_is_refused(tmp_path):
    tied = torch.nn.Parameter(torch.ones(2))
    torch.save({"a": tied, "b": tied}, tmp_path / "t.pt")
    document = weightedit.open(tmp_path / "t.pt")
    with pytest.raises(EditRefused, match="exactly one"):
        document.apply("rename", ["a", "b"], to="c")
    assert list(document.tensors) == ["a", "b"]


def test_a_save_after_a_rename_among_equal_names_keeps_each_tensor_its_bytes(tmp_path):
    torch.save({"a": {"b": {"c": torch.tensor(1.0)}, "b.c": torch.tensor(2.0)},
                "a.b": {"c": torch.tensor(3.0)}, "a.b.c": torch.tensor(4.0)}, tmp_path / "n.pt")  # fmt: skip
    document = weightedit.open(tmp_path / "n.pt")
    document.apply("rename", ("a", "b", "c"), to="a.b.d")
    before = {slot.path: float(document.read(slot.path)) for slot in document.slots}
    document.save()
    assert {slot.path: float(document.read(slot.path)) for slot in document.slots} == before
    with weightedit.open(tmp_path / "n.pt") as again:
        assert {slot.path: float(again.read(slot.path)) for slot in again.slots} == before


def test_an_export_into_the_folder_of_the_source_does_not_replace_it(tmp_path):
    torch.save({"a": torch.ones(3)}, tmp_path / "a.pt")
    document = weightedit.open(tmp_path / "a.pt")
    document.apply("fill", "a", value=2.0)
    before = (tmp_path / "a.pt").read_bytes()
    with pytest.raises(EditRefused, match="read from"):
        document.export(tmp_path)
    assert (tmp_path / "a.pt").read_bytes() == before
    document.undo()
    assert torch.equal(document.read("a"), torch.ones(3))
    assert [path.name for path in tmp_path.iterdir()] == ["a.pt"]


def test_a_tensor_in_a_live_tuple_is_refused_before_anything_changes():
    tensor = torch.ones(3)
    document = weightedit.open((tensor, 1))
    with pytest.raises(EditRefused, match="tuple"):
        document.apply("cast", "0", dtype="float16")
    assert document.tensors["0"].dtype == torch.float32
    document.apply("fill", "0", value=2.0)
    assert torch.equal(tensor, torch.full((3,), 2.0))


def test_a_zero_dim_complex128_is_written():
    document = weightedit.open({"c": torch.tensor(1 + 2j, dtype=torch.complex128)})
    document.apply("scale", "c", factor=2)
    assert complex(document.read("c")) == 2 + 4j


def test_a_recipe_that_fails_midway_leaves_values_history_and_redo_as_they_were():
    document = weightedit.open({"w": torch.zeros(4)})
    document.apply("fill", "w", value=7.0)
    document.undo()
    bad = Recipe((*[Edit("add", ("w",), None, {"value": 1.0})] * 3, Edit("add", ("nope",), None, {"value": 1.0})))
    with pytest.raises(EditRefused, match="nope"):
        bad.apply(document)
    assert torch.equal(document.read("w"), torch.zeros(4))
    assert len(document.history) == 1
    document.redo()
    assert torch.equal(document.read("w"), torch.full((4,), 7.0))


def test_a_parameter_other_code_replaced_is_not_written_behind_its_back():
    module = torch.nn.Linear(2, 2)
    document = weightedit.open(module)
    module.weight = torch.nn.Parameter(torch.zeros(2, 2))
    with pytest.raises(EditRefused, match="holds another tensor"):
        document.apply("fill", "weight", value=1.0)
    assert torch.equal(module.weight, torch.zeros(2, 2))


def test_redo_over_what_other_code_wrote_asks():
    module = torch.nn.Linear(2, 2)
    document = weightedit.open(module)
    document.apply("fill", "weight", value=1.0)
    document.undo()
    with torch.no_grad():
        module.weight.fill_(5.0)
    with pytest.raises(ConfirmationNeeded, match="changed elsewhere"):
        document.redo()
    assert torch.equal(module.weight, torch.full((2, 2), 5.0))
    document.redo(accept={"changed-elsewhere"})
    assert torch.equal(module.weight, torch.ones(2, 2))


def test_a_cell_of_a_large_tensor_fits_a_small_undo_budget():
    from weightedit.core.history import History

    document = weightedit.open({"w": torch.zeros(1000, 1000)})
    document.history = History(1 << 20)
    document.apply("fill", "w", region="[0, 0]", value=1.0)
    with pytest.raises(EditRefused, match="Undo would need"):
        document.apply("fill", "w", value=1.0)
    assert float(document.read("w").sum()) == 1.0


@pytest.mark.parametrize("region", ["[]", 3, [], ["[0]", 2]])
def test_what_is_no_region_is_refused(region):
    document = weightedit.open({"w": torch.zeros(5)})
    with pytest.raises(EditRefused):
        document.apply("fill", "w", value=1.0, region=region)
    assert torch.equal(document.read("w"), torch.zeros(5))


def test_leading_axes_of_size_one_are_no_broadcast():
    document = weightedit.open({"w": torch.zeros(1, 5)})
    assert document.preflight("set", "w", values=torch.ones(5)) == []
    kinds = [hazard.kind for hazard in document.preflight("set", "w", values=torch.ones(1, 1))]
    assert kinds == ["broadcast"]


def test_values_come_from_another_tensor_by_name():
    document = weightedit.open({"w": torch.zeros(2, 3), "v": torch.arange(6.0).reshape(2, 3)})
    document.apply("set", "w", values="v")
    assert torch.equal(document.read("w"), torch.arange(6.0).reshape(2, 3))
