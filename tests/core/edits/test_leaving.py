"""What an edit leaves as it is stays as it is, by no way round; compared with plain torch and torch.load."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import weightedit
from tests.operations.oracle import bits, same_bits
from weightedit import EditRefused, Recipe
from weightedit.core.dtypes import dtype_named
from weightedit.core.pages.as_pytorch import as_pytorch


def checkpoint() -> dict[str, torch.Tensor]:
    made = torch.Generator().manual_seed(5)
    return {
        "layers.0.weight": torch.randn(4, 3, generator=made),
        "layers.0.norm.weight": torch.rand(3, generator=made),
        "layers.0.norm.num_batches_tracked": torch.tensor(2**40),
        "layers.1.weight": torch.randn(4, 3, generator=made).bfloat16(),
        "layers.1.mask": torch.tensor([True, False]),
        "layers.1.wave": torch.randn(2, dtype=torch.complex64, generator=made),
        "steps": torch.arange(3, dtype=torch.uint8),
    }


def changed(doc: weightedit.Document, before: dict[str, torch.Tensor]) -> set[str]:
    return {name for name in doc.tensors if not same_bits(doc.read(name), before[name])}


def test_a_cast_of_all_keeps_norms_and_integer_buffers_in_one_step_and_in_the_file(tmp_path: Path):
    """The saved file, read by torch.load, is what torch casts by hand; one undo brings every byte back."""
    before = checkpoint()
    torch.save(before, tmp_path / "a.pt")
    with weightedit.open(tmp_path / "a.pt") as doc:
        edit = doc.apply("cast", "layers.*", dtype="float16", leave=["*norm*", "dtype:integer", "dtype:bool",
                                                                     "dtype:complex"])  # fmt: skip
        assert edit.leave == ("*norm*", "dtype:integer", "dtype:bool", "dtype:complex")
        assert len(doc.history) == 1
        doc.export(tmp_path / "b.pt")
        after = torch.load(tmp_path / "b.pt", weights_only=True)
        for name, tensor in before.items():
            cast = name in ("layers.0.weight", "layers.1.weight")
            assert same_bits(after[name], tensor.half() if cast else tensor), name
        doc.undo()
        assert not changed(doc, before)


@pytest.mark.parametrize(("pattern", "families"), [
    ("dtype:integer", ("int", "uint")), ("dtype:int", ("int", "uint")), ("dtype:bool", ("bool",)),
    ("dtype:float", ("float",)), ("dtype:complex", ("complex",)), ("dtype: uint", ("uint",)),
])  # fmt: skip
def test_a_family_of_dtypes_is_left(pattern: str, families: tuple[str, ...]):
    """A family is what torch says of the dtype, not how its name begins."""
    before = checkpoint()
    with weightedit.open(checkpoint()) as doc:
        doc.apply("fill", "*", value=1, leave=pattern, accept="all")
        for name, tensor in before.items():
            left = dtype_named(tensor.dtype).family in families
            assert same_bits(doc.read(name), tensor if left else torch.ones_like(tensor)), name


@pytest.mark.parametrize("name", ["bf16", "bfloat16", "torch.bfloat16"])
def test_a_dtype_is_left_by_any_of_its_names(name: str):
    """The chips' short names work as torch's do."""
    with weightedit.open(checkpoint()) as doc:
        doc.apply("fill", "*.weight", value=3, leave=f"dtype:{name}")
        assert changed(doc, checkpoint()) == {"layers.0.weight", "layers.0.norm.weight"}


@given(st.lists(st.sampled_from(["*norm*", "layers.0.*", "re:.*weight", "steps", "?teps", "*.[01].weight"]),
                max_size=3))  # fmt: skip
def test_left_patterns_mean_what_target_patterns_mean(leave: list[str]):
    """A left pattern takes out exactly what the same pattern would name as a target."""
    with weightedit.open(checkpoint()) as doc:
        left: set[str] = set()
        for pattern in leave:
            if pattern.startswith("re:"):
                left |= {name for name in doc.tensors if name.endswith("weight")}
            else:
                left |= {name for name in doc.tensors if fnmatchcase(name, pattern)}
        expected = set(doc.tensors) - left
        doc.apply("fill", "*", value=1, leave=leave, accept="all")
        assert set(doc.history.steps[0].names) == expected


def test_an_exact_name_with_brackets_leaves_that_tensor_alone():
    """`w[0]` is a name first and a pattern for `w0` only where nothing is called so."""
    with weightedit.open({"w[0]": torch.zeros(2), "w0": torch.zeros(2)}) as doc:
        doc.apply("fill", "*", value=1.0, leave="w[0]")
        assert doc.read("w[0]").tolist() == [0, 0]
        assert doc.read("w0").tolist() == [1, 1]


@pytest.mark.parametrize(("leave", "words"), [
    ("*", "All 7 are left as they are"), ("dtype:int31", "There is no dtype 'int31'"), ("re:(", "does not read"),
    (3, "What is left is 3"), ("norm", r"Nothing is called norm, which is to be left. Did you mean \*norm\*\?"),
    (["*norm*", "nothing*"], "Nothing is called nothing"),
])  # fmt: skip
def test_what_cannot_be_meant_is_refused(leave: Any, words: str):
    """Leaving everything, a dtype that is none and a pattern that does not read are said, and nothing happens."""
    with weightedit.open(checkpoint()) as doc:
        with pytest.raises(EditRefused, match=words.replace("re:(", "re:")):
            doc.apply("fill", "*", value=1, leave=leave)
        assert not doc.history


@pytest.mark.parametrize(("targets", "leave"), [("layers.1.*", "*norm*"), ("*", "dtype:int16"), ("steps", "dtype:f32")])
def test_a_pattern_that_leaves_no_target_is_said_and_does_not_stop_the_edit(targets: str, leave: str):
    """A dtype that nothing has may stand in a recipe for every checkpoint."""
    with weightedit.open(checkpoint()) as doc:
        said = [one for one in doc.preflight("fill", targets, value=1, leave=leave) if one.kind == "not-found"]
        assert [(one.level, one.title) for one in said] == [("notice", f"{leave} leaves none of the targets")]
        assert said[0] in doc.preview("fill", targets, value=1, leave=leave).hazards
        doc.apply("fill", targets, value=1, leave=leave, accept="all")


def tied() -> dict[str, torch.Tensor]:
    weight = torch.arange(6.0).reshape(2, 3)
    return {"embed": weight, "head": weight, "row": weight[0], "other": torch.ones(2)}


@pytest.mark.parametrize(("operation", "arguments", "kind"), [
    ("cast", {"dtype": "float16"}, "unties"), ("fill", {"value": 1.0}, "shared-storage"),
])  # fmt: skip
@pytest.mark.parametrize("targets", ["*", ["embed", "other"]])
def test_one_of_two_tied_tensors_cannot_be_left_alone(operation: str, arguments: dict[str, Any], kind: str,
                                                      targets: Any):  # fmt: skip
    """It is refused; each edit offered works, and what was left has its bytes."""
    with weightedit.open(tied()) as doc:
        with pytest.raises(EditRefused) as caught:
            doc.apply(operation, targets, leave=["head", "row"], **arguments)
        found = [hazard for hazard in caught.value.hazards if hazard.kind == kind]
        assert found
        assert found[0].alternatives
        assert len(found[0].labels) == len(found[0].alternatives)
        assert doc.preflight(operation, targets, leave=["head", "row"], **arguments) == list(caught.value.hazards)
    for number in range(len(found[0].alternatives)):
        with weightedit.open(tied()) as doc:
            before = {name: bits(doc.read(name)) for name in doc.tensors}
            edit = found[0].alternatives[number]
            doc.apply(edit.operation, list(edit.targets), leave=edit.leave, tied=edit.tied, accept="all", **arguments)
            assert {name: bits(doc.read(name)) for name in ("head", "row")} == {n: before[n] for n in ("head", "row")}


def test_a_view_that_is_left_is_not_written_through_its_storage():
    """A write beside it is fine, one over it is refused."""
    with weightedit.open(tied()) as doc:
        with pytest.raises(EditRefused, match="row is left, embed, head is not"):
            doc.apply("fill", ["embed", "head"], value=7.0, leave="row")
        doc.apply("fill", ["embed", "head"], region="[1, :]", value=7.0, leave="row")
        assert doc.read("row").tolist() == [0, 1, 2]
        assert doc.read("embed")[1].tolist() == [7, 7, 7]


def test_a_tied_parameter_of_a_module_that_is_left_keeps_its_object():
    """In a live model too: the left name holds the same Parameter as before, untied only where that was asked."""
    model = torch.nn.ModuleDict({"a": torch.nn.Linear(2, 2), "b": torch.nn.Linear(2, 2)})
    model["b"].weight = kept = model["a"].weight
    with weightedit.open(model) as doc:
        with pytest.raises(EditRefused):
            doc.apply("cast", "a.*", dtype="float64", leave="b.weight")
        with pytest.raises(EditRefused):
            doc.apply("requires_grad", "a.*", value=False, leave="b.weight")
        doc.apply("cast", "a.*", dtype="float64", leave="b.weight", tied="untie")
        assert model["b"].weight is kept
        assert kept.dtype == torch.float32
        assert model["a"].weight.dtype == torch.float64


def test_a_recipe_leaves_the_same_elsewhere(tmp_path: Path):
    """What is left is recorded as patterns, so a replay leaves what they mean in another checkpoint."""
    with weightedit.open(checkpoint()) as doc:
        doc.apply("fill", "*weight", value=2.0, leave=("*norm*", "dtype:bf16"))
        doc.recipe.save(tmp_path / "fix.json")
        assert doc.history.steps[0].where == "layers.0.weight, without *norm* and dtype:bf16"
    other = {"a.weight": torch.zeros(2), "norm.weight": torch.zeros(2), "b.weight": torch.zeros(2, dtype=torch.half)}
    with weightedit.open(other) as doc:
        Recipe.load(tmp_path / "fix.json").apply(doc)
        assert {name: doc.read(name).tolist() for name in doc.tensors} == {
            "a.weight": [2, 2], "norm.weight": [0, 0], "b.weight": [2, 2]}  # fmt: skip


def test_printed_code_leaves_what_the_edit_leaves():
    """Copy as PyTorch, run, gives what the edit gives."""
    root = {"checkpoint": checkpoint(), "torch": torch}
    with weightedit.open(checkpoint()) as doc:
        edit = doc.apply("cast", "layers.*", dtype="float64", leave=["*norm*", "dtype:complex", "dtype:bool"])
        exec(as_pytorch(doc, edit), root)
        assert edit.leave
        assert all(same_bits(root["checkpoint"][name], doc.read(name)) for name in doc.tensors)


def test_deleting_a_group_leaves_what_is_left_in_it(tmp_path: Path):
    """Entries inside a deleted container stay with their container; nothing that is left goes with it."""
    torch.save({"a": {"norm": torch.ones(1), "w": torch.ones(2), "n": torch.tensor(1)}, "b": {"w": torch.ones(2)}},
               tmp_path / "a.pt")  # fmt: skip
    with weightedit.open(tmp_path / "a.pt") as doc:
        doc.apply("delete", ["a", "b"], leave=["*norm", "dtype:int64"], accept="all")
        assert list(doc.tensors) == ["a.norm", "a.n"]
        doc.undo()
        assert list(doc.tensors) == ["a.norm", "a.w", "a.n", "b.w"]
        doc.export(tmp_path / "b.pt")
        assert list(torch.load(tmp_path / "b.pt", weights_only=True)["a"]) == ["norm", "w", "n"]


def test_renaming_a_group_leaves_names_alone_and_refuses_to_rename_around_them(tmp_path: Path):
    """A flat prefix is renamed without what is left; a container whose name is part of a left name is refused."""
    with weightedit.open({"stem.w": torch.ones(1), "stem.norm": torch.ones(1)}) as doc:
        doc.apply("rename", "stem", to="trunk", leave="*norm")
        assert list(doc.tensors) == ["trunk.w", "stem.norm"]
    torch.save({"a": {"norm": torch.ones(1), "w": torch.ones(2)}}, tmp_path / "a.pt")
    with weightedit.open(tmp_path / "a.pt") as doc, pytest.raises(EditRefused, match=r"a contains a\.norm"):
        doc.apply("rename", "a", to="b", leave="*norm")
