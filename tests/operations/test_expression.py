"""The operation `expression` writes what torch computes, in files and live, undone to the bit, replayed and printed."""

from __future__ import annotations

import copy
import re

import pytest
import torch
from torch import nn

import weightedit
from tests.operations import oracle
from weightedit.core.pages.as_pytorch import as_pytorch
from weightedit.core.recipe import Recipe

FORMULAS = {
    "w * 0.5 + mean(w, 0)": lambda w, v: w * 0.5 + w.mean(0, keepdim=True),
    "(w - mean(w)) / std(w)": lambda w, v: (w - w.mean()) / w.std(),
    "'layers.0.bias' * w": lambda w, v: v * w,
    "where(outliers(w, 1.5), clamp(w, -1, 1), w)": lambda w, v: torch.where(
        (w - w.mean()).abs() > 1.5 * w.std(), w.clamp(-1, 1), w
    ),
    "index(0) * 10 + index(1)": lambda w, v: (torch.arange(6)[:, None] * 10 + torch.arange(8)).to(w.dtype),
    "w > 0": lambda w, v: (w > 0).to(w.dtype),
    "1.5": lambda w, v: torch.full_like(w, 1.5),
    "max('layers.0.bias')": lambda w, v: v.max().expand(w.shape),
    "w - norm('layers.0.bias') + sum(abs(w), -1)": lambda w, v: w - v.norm() + w.abs().sum(-1, keepdim=True),
}


def checkpoint(dtype: torch.dtype = torch.float32) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(2)
    return {
        "layers.0.weight": torch.randn(6, 8, generator=generator).to(dtype),
        "layers.0.bias": torch.randn(8, generator=generator).to(dtype),
    }


@pytest.mark.parametrize("formula", FORMULAS)
def test_a_formula_does_what_torch_does_in_a_file_and_live_and_is_undone(formula, tmp_path):
    source = checkpoint()
    torch.save(source, tmp_path / "w.pt")
    want = FORMULAS[formula](source["layers.0.weight"], source["layers.0.bias"])
    live = {name: nn.Parameter(tensor.clone()) for name, tensor in source.items()}
    held = live["layers.0.weight"]
    for opened in (tmp_path / "w.pt", live):
        with weightedit.open(opened) as doc:
            doc.apply("expression", "layers.0.weight", accept="all", formula=formula)
            torch.testing.assert_close(doc.read("layers.0.weight"), want, rtol=1e-6, atol=1e-6)
            assert oracle.same_bits(doc.read("layers.0.bias"), source["layers.0.bias"])
            doc.undo()
            assert oracle.same_bits(doc.read("layers.0.weight"), source["layers.0.weight"])
    assert live["layers.0.weight"] is held


@pytest.mark.parametrize("formula", FORMULAS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.int32], ids=oracle.name_of)
def test_the_printed_code_does_the_same(formula, dtype):
    source = {name: tensor * 9 if dtype == torch.int32 else tensor for name, tensor in checkpoint().items()}
    source = {name: tensor.to(dtype) for name, tensor in source.items()}
    by_hand = copy.deepcopy(source)
    for region in (None, "[2:5, ::2]", "[3, :]", "[:, 4]"):
        if "bias' * w" in formula and region not in (None, "[3, :]"):
            continue
        with weightedit.open(copy.deepcopy(source)) as doc:
            more = {} if region is None else {"region": region}
            edit = doc.apply("expression", "layers.0.weight", accept="all", formula=formula, **more)
            code = as_pytorch(doc, edit)
            got = doc.read("layers.0.weight")
        target = copy.deepcopy(by_hand)
        exec(code, {"checkpoint": target})
        loose = 1e-2 if dtype == torch.bfloat16 else 1e-5
        torch.testing.assert_close(got, target["layers.0.weight"], rtol=loose, atol=loose)


@pytest.mark.parametrize("dtype", oracle.copyable_dtypes(), ids=oracle.name_of)
def test_every_dtype_is_rounded_once(dtype):
    """Every dtype takes half of its values: through float32, float64 or complex64, then `copy_`."""
    tensor = oracle.stored((torch.arange(40, dtype=torch.float64).reshape(5, 8) - 9 * dtype.is_signed) * 3, dtype)
    wide = torch.complex64 if dtype.is_complex and dtype.itemsize < 16 else torch.float64
    wide = dtype if dtype in (torch.float64, torch.complex128) else torch.float32 if dtype.is_floating_point else wide
    want = oracle.stored(tensor.to(wide) * 0.5 + 1, dtype)
    with weightedit.open({"w": tensor.clone()}) as doc:
        doc.apply("expression", "w", accept="all", formula="w * 0.5 + 1")
        assert oracle.same_values(doc.read("w"), want)
        doc.undo()
        assert oracle.same_bits(doc.read("w"), tensor)


def test_a_condition_chooses_cells_and_the_formula_sees_the_whole_region():
    source = checkpoint()
    weight = source["layers.0.weight"]
    want = weight.clone()
    part = weight[1:5]
    want[1:5] = torch.where(part > part.std(), part - part.mean(0, keepdim=True), part)
    with weightedit.open(source) as doc:
        edit = doc.apply("expression", "layers.0.weight", region="[1:5, :] where w > std(w)", accept="all",
                         formula="w - mean(w, 0)")  # fmt: skip
        torch.testing.assert_close(doc.read("layers.0.weight"), want, rtol=1e-6, atol=1e-6)
        by_hand = checkpoint()
        exec(as_pytorch(doc, edit), {"checkpoint": by_hand})
    torch.testing.assert_close(by_hand["layers.0.weight"], want, rtol=1e-6, atol=1e-6)


def test_the_formula_reads_values_from_before_the_edit():
    source = {"a": torch.tensor([1.0, 2.0]), "b": torch.tensor([10.0, 20.0])}
    with weightedit.open(source) as doc:
        doc.apply("expression", ["a", "b"], accept="all", formula="'a' + 'b' + w")
        assert doc.read("a").tolist() == [12.0, 24.0]
        assert doc.read("b").tolist() == [21.0, 42.0]


def test_a_recipe_keeps_the_text_and_replays_it(tmp_path):
    with weightedit.open(checkpoint()) as doc:
        doc.apply("expression", "layers.*.weight", formula="w - mean(w, 0) * max('layers.0.bias')", accept="all")
        assert doc.history.steps[-1].label.startswith("expression w - mean(w, 0)")
        doc.recipe.save(tmp_path / "r.json")
        want = doc.read("layers.0.weight")
    recipe = Recipe.load(tmp_path / "r.json")
    with weightedit.open(checkpoint()) as doc:
        recipe.apply(doc)
        assert oracle.same_bits(doc.read("layers.0.weight"), want)
    with weightedit.open({"layers.0.weight": torch.zeros(2, 2)}) as doc, pytest.raises(weightedit.EditRefused,
                                                                                       match=r"layers\.0\.bias"):
        recipe.apply(doc)


def test_names_with_quotes_and_braces_are_found_and_printed():
    source = {"w": torch.ones(3), "it's {0} \\ \"x\"": torch.arange(3.0)}
    name = list(source)[1].replace("\\", "\\\\").replace('"', '\\"')
    with weightedit.open(copy.deepcopy(source)) as doc:
        edit = doc.apply("expression", "w", formula=f'w + "{name}"', accept="all")
        exec(as_pytorch(doc, edit), {"checkpoint": source})
        assert doc.read("w").tolist() == source["w"].tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("formula", "region", "says"),
    [
        ("w +", None, "column 4"),
        ("w + 'gone'", None, "gone"),
        ("w + 'layers.0.bias'", "[:, 0:3]", "do not broadcast"),
        ("mean(w, 3)", None, "no dimension 3"),
        ("w - mean(w)", ["[0, :]", "[2, :]"], "one region"),
        ("w and w", None, "compare it"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_changes(formula, region, says):
    with weightedit.open(checkpoint()) as doc:
        with pytest.raises(weightedit.EditRefused, match=re.escape(says)):
            doc.apply("expression", "layers.0.weight", formula=formula, region=region)
        found = doc.preflight("expression", "layers.0.weight", formula=formula, region=region)
        assert [hazard.level for hazard in found] == ["refusal"]
        assert says in found[0].message
        assert oracle.same_bits(doc.read("layers.0.weight"), checkpoint()["layers.0.weight"])
        assert not doc.is_modified


def test_several_regions_take_a_formula_of_each_value():
    with weightedit.open(checkpoint()) as doc:
        doc.apply("expression", "layers.0.weight", region=["[0, :]", "[:, 2]"], formula="w * 2", accept="all")
        want = checkpoint()["layers.0.weight"]
        want[0] *= 2
        want[1:, 2] *= 2
        assert oracle.same_bits(doc.read("layers.0.weight"), want)


def test_losses_are_said_beforehand():
    with weightedit.open({"w": torch.ones(4, dtype=torch.float16)}) as doc:
        found = {hazard.kind for hazard in doc.preflight("expression", "w", formula="w * 1e6")}
        assert "overflow" in found
        found = {hazard.kind for hazard in doc.preflight("expression", "w", formula="0 / 0 * w")}
        assert "non-finite" in found or "overflow" in found


def test_small_pieces_and_little_memory_give_the_same_bytes(tmp_path, monkeypatch):
    torch.save({"w": torch.randn(60, 70), "v": torch.randn(70)}, tmp_path / "w.pt")
    found = []
    for piece in (1 << 15, 37):
        monkeypatch.setattr("weightedit.core.edits.compute.PIECE", piece)
        with weightedit.open(tmp_path / "w.pt") as doc:
            doc.apply("expression", "w", accept="all", formula="sigmoid(w - mean(w, 0)) * 'v' / quantile(abs(w), 0.9)")
            found.append(doc.read("w"))
    assert oracle.same_bits(*found)
