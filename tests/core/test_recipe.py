"""Recipes: written, read back, and replayed to the same bits; a damaged one is refused in one sentence."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file

import weightedit
from weightedit import CheckpointError, ConfirmationNeeded, Document, EditRefused, Recipe
from weightedit.core.edit import Edit

NAN, INF = float("nan"), float("inf")


def tensors() -> dict[str, torch.Tensor]:
    made = torch.Generator().manual_seed(3)
    return {
        "layers.0.weight": torch.randn(6, 8, generator=made),
        "layers.1.weight": torch.randn(6, 8, generator=made).bfloat16(),
        "layers.1.bias": torch.randn(8, generator=made).double(),
        "wave": torch.randn(4, generator=made, dtype=torch.complex64),
        "steps": torch.arange(5),
    }


def safetensors_file(folder: Path, name: str) -> Path:
    path = folder / f"{name}.safetensors"
    save_file(tensors(), path)
    return path


def zip_file(folder: Path, name: str) -> Path:
    path = folder / f"{name}.pt"
    torch.save({"model": tensors(), "epoch": 1}, path)
    return path


def bits(document: Document) -> dict[str, tuple[Any, ...]]:
    return {
        name: (info.shape, info.dtype, info.requires_grad, bytes(document.read(name, raw=True).numpy()))
        for name, info in document.tensors.items()
    }


def edit_everything(document: Document, other: Path, prefix: str = "") -> None:
    """One edit of every kind there is, with every kind of argument."""
    apply = document.apply
    apply("scale", f"{prefix}layers.*.weight", factor=1 / 3, accept="all")
    apply("fill", f"{prefix}layers.0.weight", region="[0, :2]", value=NAN)
    apply("fill", f"{prefix}layers.0.weight", region=["[1, 1]", "[2:4, ::3]"], value=-INF)
    apply("add", f"{prefix}wave", value=complex(-0.0, 2.5))
    apply("fill", f"{prefix}wave", region="[3]", value=complex(NAN, INF))
    apply("set", f"{prefix}layers.0.weight", region="[-1, :]", values=torch.arange(8.0))
    apply("set", f"{prefix}steps", region="[[0, 2]]", values=[7, -(2**62)])
    apply("cast", f"{prefix}layers.1.bias", dtype=torch.float16, accept={"overflow", "underflow"})
    apply("transpose", f"re:{prefix}layers\\.\\d\\.weight")
    apply("slice", f"{prefix}layers.0.weight", region="[2:6, :]")
    apply("replace", f"{prefix}layers.1.weight", source=(str(other), "steps"))
    apply("replace", f"{prefix}steps", source=f"{prefix}wave")
    apply("rename", f"{prefix}wave", to=f"{prefix}größe \n🔥")


@pytest.mark.parametrize("make", [safetensors_file, zip_file], ids=["safetensors", "zip"])
def test_a_recipe_gives_the_same_bits_on_another_copy(make, tmp_path):
    """The whole point: what was done here is done there, bit for bit, after a trip through a file."""
    prefix = "model." if make is zip_file else ""
    other = safetensors_file(tmp_path, "other")
    with weightedit.open(make(tmp_path, "first")) as document:
        edit_everything(document, other, prefix)
        expected = bits(document)
        document.recipe.save(tmp_path / "fix.json")
        edits = [edit.to_json() for edit in document.recipe.edits]
    loaded = Recipe.load(tmp_path / "fix.json")
    assert [edit.to_json() for edit in loaded.edits] == edits
    with weightedit.open(make(tmp_path, "second")) as again:
        before = bits(again)
        applied = loaded.apply(again)
        assert bits(again) == expected
        assert [edit.to_json() for edit in applied] == edits
        assert len(again.history) == len(edits)
        assert again.recipe.edits == tuple(applied)
        for _ in edits:
            again.undo()
        assert bits(again) == before


def test_only_the_applied_steps_are_in_the_recipe(tmp_path):
    """What was undone is not what the person wants elsewhere."""
    with weightedit.open(safetensors_file(tmp_path, "a")) as document:
        for value in (1.0, 2.0, 3.0):
            document.apply("fill", "layers.1.bias", value=value)
        document.undo()
        assert [edit.arguments["value"] for edit in document.recipe.edits] == [1.0, 2.0]
        document.go_to(0)
        assert document.recipe == Recipe(())


def test_the_file_is_plain_json_with_tensors_beside_it_by_hash(tmp_path):
    """Readable in a diff, and no program but JSON is needed to read it: no NaN or Infinity, which JSON has not."""
    values = torch.tensor([1.5, NAN]).half()
    document = weightedit.open({"w": torch.zeros(2).half()})
    document.apply("set", "w", values=values)
    document.apply("fill", "w", region="[0]", value=INF)
    document.recipe.save(tmp_path / "r.json")

    def never(text: str) -> None:
        pytest.fail(f"{text} is no JSON")

    data = json.loads((tmp_path / "r.json").read_text("utf-8"), parse_constant=never)
    assert data["weightedit_recipe"] == 1
    assert [edit["operation"] for edit in data["edits"]] == ["set", "fill"]
    argument = data["edits"][0]["arguments"]["values"]
    assert (argument["dtype"], argument["shape"]) == ("float16", [2])
    (beside,) = (tmp_path / "r.tensors").iterdir()
    assert beside.name == argument["sha256"]
    assert beside.read_bytes() == values.numpy().tobytes()


FLOATS = st.floats(allow_nan=True, allow_infinity=True)


COMPLEX = st.builds(complex, FLOATS, FLOATS)


@given(st.one_of(FLOATS, COMPLEX, st.integers(-(2**63), 2**63 - 1), st.booleans(), st.text()))
def test_every_argument_comes_back_to_its_bits(value):
    """A number that changes in the last digit on its way through a file changes weights."""
    edit = Edit("fill", ("*", "re:x"), ("[0]", "[1, :]"), {"value": value}, 5, "cuda:1", "untie", ("overflow",))
    back = Edit.from_json(json.loads(json.dumps(edit.to_json(), allow_nan=False)), {})
    found = back.arguments["value"]
    assert type(found) is type(value)
    parts = [(one.real, one.imag) if isinstance(one, complex) else (one, 0) for one in (value, found)]
    for mine, theirs in zip(*parts, strict=True):
        if isinstance(mine, float):
            assert (math.isnan(mine) and math.isnan(theirs)) or mine == theirs
            assert math.isnan(mine) or math.copysign(1, mine) == math.copysign(1, theirs)
        else:
            assert mine == theirs
    assert replace(back, arguments={}) == replace(edit, arguments={})


# ---------------------------------------------------------------- steps that do not fit


def test_a_warning_nobody_accepted_raises_on_replay(tmp_path):
    """The same cast loses nothing here and overflows there; replay must not do silently what apply asks about."""
    calm = weightedit.open({"w": torch.ones(3)})
    calm.apply("cast", "w", dtype="float16")
    calm.recipe.save(tmp_path / "r.json")
    recipe = Recipe.load(tmp_path / "r.json")
    wild = weightedit.open({"w": torch.tensor([1.0, 70000.0, 2.0])})
    with pytest.raises(ConfirmationNeeded) as caught:
        recipe.apply(wild)
    assert [hazard.kind for hazard in caught.value.hazards if hazard.level == "warning"] == ["overflow"]
    assert wild.tensors["w"].dtype == torch.float32
    assert not wild.is_modified
    recipe.apply(wild, accept={"overflow"})
    assert torch.equal(wild.read("w"), torch.tensor([1.0, INF, 2.0]).half())


def test_a_warning_that_was_accepted_is_accepted_again(tmp_path):
    """Only that kind, though."""
    first = weightedit.open({"w": torch.tensor([70000.0, 1.0])})
    first.apply("cast", "w", dtype="float16", accept={"overflow"})
    first.recipe.save(tmp_path / "r.json")
    recipe = Recipe.load(tmp_path / "r.json")
    assert recipe.edits[0].accepted == ("overflow",)
    again = weightedit.open({"w": torch.tensor([80000.0, 1.0])})
    recipe.apply(again)
    assert again.tensors["w"].dtype == torch.float16
    tiny = weightedit.open({"w": torch.tensor([1e-9, 1.0])})
    with pytest.raises(ConfirmationNeeded, match=r"[Uu]nderflow"):
        recipe.apply(tiny)


@pytest.mark.parametrize(
    ("edit", "word"),
    [
        (Edit("fill", ("nope",), None, {"value": 1.0}), "nope"),
        (Edit("explode", ("w",), None, {}), "explode"),
        (Edit("fill", ("w",), "[9]", {"value": 1.0}), "9"),
        (Edit("fill", ("w",), None, {"value": "x"}), "x"),
        (Edit("fill", ("w",), None, {}), "value"),
        (Edit("fill", ("w",), None, {"value": 1.0, "more": 1}), "more"),
        (Edit("fill", ("w",), None, {"value": 1.0}, device="cuda:99"), "cuda:99"),
        (Edit("cast", ("w",), None, {"dtype": "float99"}), "float99"),
        (Edit("fill", (), None, {"value": 1.0}), ""),
        (Edit("cast", ("w",), None, {"dtype": "float64"}, tied="sometimes"), "sometimes"),
    ],
    ids=lambda value: value.operation if isinstance(value, Edit) else value,
)
def test_a_step_that_does_not_fit_takes_all_back(edit, word):
    """A recipe is applied whole or not at all."""
    document = weightedit.open({"w": torch.zeros(3)})
    good = Edit("fill", ("w",), None, {"value": 5.0})
    with pytest.raises(EditRefused) as caught:
        Recipe((good, edit)).apply(document)
    assert word in str(caught.value)
    assert torch.equal(document.read("w"), torch.zeros(3))
    assert not document.is_modified
    assert len(document.history) == 0


def test_a_file_it_needs_and_cannot_find_is_named(tmp_path):
    """The recipe came from another machine."""
    document = weightedit.open({"w": torch.zeros(3)})
    recipe = Recipe((Edit("fill", ("w",), None, {"value": 5.0}),
                     Edit.from_json({**Edit("replace", ("w",)).to_json(),
                                     "arguments": {"source": {"tensor": "v", "file": "/gone/x.pt"}}}, {})))  # fmt: skip
    with pytest.raises(CheckpointError, match=r"x\.pt"):
        recipe.apply(document)
    assert torch.equal(document.read("w"), torch.zeros(3))


# ---------------------------------------------------------------- files that are no recipe


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    document = weightedit.open({"w": torch.zeros(2)})
    document.apply("set", "w", values=torch.tensor([1.0, 2.0]))
    path = tmp_path / "fix.json"
    document.recipe.save(path)
    return path


def refused(path: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        Recipe.load(path)
    message = str(caught.value)
    assert path.name in message
    assert "\n" not in message
    assert message.endswith(".")
    assert caught.value.file == str(path)
    return message


@pytest.mark.parametrize("how", ["flipped", "cut", "longer", "gone"])
def test_a_tensor_file_that_is_not_its_hash_is_refused(saved, how):
    """Other bytes under the old name would go into someone's weights."""
    (beside,) = saved.with_name("fix.tensors").iterdir()
    data = beside.read_bytes()
    if how == "gone":
        beside.unlink()
    else:
        beside.write_bytes({"flipped": bytes([data[0] ^ 1]) + data[1:], "cut": data[:-1], "longer": data + b"\0"}[how])
    message = refused(saved)
    assert beside.name[:12] in message or how == "gone"


def rewrite(path: Path, change: Any) -> None:
    data = json.loads(path.read_text("utf-8"))
    change(data)
    path.write_text(json.dumps(data), "utf-8")


@pytest.mark.parametrize("value", [2, 0, "1", None])
def test_another_version_is_said(saved, value):
    """A newer weightedit's recipe may mean something else."""
    rewrite(saved, lambda data: data.update(weightedit_recipe=value))
    assert str(value) in refused(saved)


@pytest.mark.parametrize("key", ["operation", "targets", "region", "arguments", "seed", "device", "tied", "accepted"])
def test_a_missing_key_is_said(saved, key):
    """Half a step is no step."""
    rewrite(saved, lambda data: data["edits"][0].pop(key))
    assert key in refused(saved)


@pytest.mark.parametrize("key", ["weightedit_recipe", "edits"])
def test_a_missing_key_at_the_top_is_said(saved, key):
    """Any JSON may be given."""
    rewrite(saved, lambda data: data.pop(key))
    assert key in refused(saved)


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"not json", b"[]", b"3", b"null", b'"x"', b"\xff\xfe\x00", b"[" * 100_000, b"1" * 5000,
     b'{"weightedit_recipe": 1, "edits": 3}', b'{"weightedit_recipe": 1, "edits": [3]}',
     b'{"weightedit_recipe": 1, "edits": {"a": 1}}', b'{"weightedit_recipe": 1, "edits": [[]]}'],
    ids=lambda text: repr(text[:40]),
)  # fmt: skip
def test_what_is_no_recipe_is_refused(text, tmp_path):
    """Whatever someone drops here, one sentence."""
    path = tmp_path / "notes.json"
    path.write_bytes(text)
    refused(path)


@pytest.mark.parametrize(
    ("key", "value"),
    [("region", 3), ("region", []), ("region", [1]), ("arguments", []), ("arguments", 3), ("targets", 3),
     ("targets", "layers.0"), ("accepted", None), ("accepted", "overflow"),
     ("arguments", {"value": {"number": "many"}}),
     ("arguments", {"value": {"real": 1}}), ("arguments", {"value": {}}),
     ("arguments", {"values": {"sha256": "../../etc/passwd", "dtype": "float32", "shape": [2]}}),
     ("arguments", {"values": {"sha256": 3, "dtype": "float32", "shape": [2]}}),
     ("arguments", {"values": {"sha256": "a" * 64}})],
    ids=str,
)  # fmt: skip
def test_a_step_of_the_wrong_kind_is_refused(saved, key, value):
    """A hand-written recipe gets a sentence, not letters taken for names or a file read from elsewhere."""
    rewrite(saved, lambda data: data["edits"][0].update({key: value}))
    refused(saved)


@pytest.mark.parametrize("make", [lambda p: p.mkdir(), lambda p: None], ids=["a folder", "nothing there"])
def test_what_cannot_be_read_is_named(make, tmp_path):
    """The path is mistyped more often than the recipe is damaged."""
    make(tmp_path / "r.json")
    refused(tmp_path / "r.json")


def test_a_recipe_without_steps_changes_nothing(tmp_path):
    """The least recipe is one."""
    Recipe(()).save(tmp_path / "r.json")
    document = weightedit.open({"w": torch.zeros(2)})
    assert Recipe.load(tmp_path / "r.json").apply(document) == []
    assert not document.is_modified
