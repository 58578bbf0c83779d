"""What a refusal offers instead: each edit is applied, and gives what torch gives for the same by hand."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import weightedit
from tests.operations import oracle
from weightedit import Document, EditRefused, Hazard, Recipe
from weightedit.core.edit import Edit, TensorName, TensorValue, TensorView
from weightedit.core.pages.as_pytorch import as_pytorch

SMALL = settings(max_examples=60, deadline=None)
SHAPES = st.lists(st.sampled_from([0, 1, 2, 3, 4, 6]), min_size=0, max_size=4).map(tuple)


def refused(doc: Document, *edit: Any, kind: str = "shape-mismatch", **arguments: Any) -> Hazard:
    with pytest.raises(EditRefused) as caught:
        doc.apply(*edit, accept="all", **arguments)
    (hazard,) = [one for one in caught.value.hazards if one.kind == kind]
    assert hazard == next(one for one in doc.preflight(*edit, **arguments) if one.kind == kind)
    assert len(hazard.labels) == len(hazard.alternatives)
    assert len(set(hazard.labels)) == len(hazard.labels)
    return hazard


def taken(doc: Document, edit: Edit) -> None:
    doc.apply(edit.operation, edit.targets, region=edit.region, tied=edit.tied, accept="all", **edit.arguments)


def in_torch(value: Any, source: torch.Tensor) -> torch.Tensor:
    """A source as an alternative sees it, by torch."""
    if not isinstance(value, TensorView):
        return source
    seen = source if value.permute is None else source.permute(value.permute)
    seen = seen if value.region is None else eval(f"seen{value.region}")
    return seen if value.shape is None else seen.view(value.shape)


def by_torch(edit: Edit, before: torch.Tensor, source: torch.Tensor) -> torch.Tensor:
    """What an alternative makes of a tensor, by torch."""
    after = before.clone()
    if edit.operation == "pad":
        after = nn.functional.pad(before, edit.arguments["pad"])
        after.clone().copy_(source)  # it makes room for just that
        return after
    if edit.operation == "replace":
        return in_torch(edit.arguments["source"], source).clone()
    values = in_torch(edit.arguments["values"], source)
    if edit.region is None:
        return after.copy_(values)
    part = eval(f"after{edit.region}")
    part.copy_(values)
    return after


@SMALL
@given(source=SHAPES, target=SHAPES, named=st.booleans(), turned=st.booleans())
def test_every_alternative_gives_what_torch_gives(source, target, named, turned):
    """`copy_` raises on the shapes; each edit offered instead is applied, alone and out of a recipe's text."""
    before, values = torch.rand(target), torch.rand(source)
    values = values.t().contiguous().t() if turned and len(source) == 2 else values  # by columns, as torch has it
    try:
        before.clone().copy_(values)
        return  # it fits
    except RuntimeError:
        pass
    with weightedit.open({"w": before.clone(), "s": values.clone()}) as doc:
        hazard = refused(doc, "set", "w", values="s" if named else values)
        for edit in hazard.alternatives:
            again = Edit.from_json(edit.to_json(), {one.digest: one.data for one in edit.tensor_values()})
            assert again == edit
            taken(doc, again)
            assert oracle.same_bits(doc.read("w"), by_torch(edit, before, values)), (edit, hazard.labels)
            doc.undo()
            assert oracle.same_bits(doc.read("w"), before)


WORDS = [
    ((10, 20), (5, 20), ["Take rows 0–4", "Pad target to 10 rows", "Replace the target"]),
    ((10, 20), (10, 5), ["Take columns 0–4", "Pad target to 20 columns", "Replace the target"]),
    ((20, 10), (10, 20), ["Transpose the source", "Reshape the source to 10 × 20", "Replace the target"]),
    ((5, 20), (10, 20), ["Write into rows 0–4", "Replace the target"]),
    ((5, 7), (10, 20), ["Write into [0:5, 0:7]", "Replace the target"]),
    ((20, 11), (10, 20), ["Transpose the source and take rows 0–9", "Copy the part in common, [0:10, 0:11]",
                          "Replace the target"]),
    ((10,), (10, 1), ["Take it as a column", "Replace the target"]),
    ((10,), (10, 20), ["Take it as a column and repeat it 20 times", "Replace the target"]),
    ((12,), (5,), ["Take values 0–4", "Pad target to 12 values", "Replace the target"]),
    ((3, 5, 8, 64), (64, 8, 3, 5), ["Permute the source by 3, 2, 0, 1", "Reshape the source to 64 × 8 × 3 × 5",
                                    "Replace the target"]),
    ((7,), (3, 4), ["Replace the target"]),
]  # fmt: skip


@pytest.mark.parametrize(("source", "target", "words"), WORDS, ids=[f"{a}-{b}" for a, b, _ in WORDS])
def test_the_words_of_what_fits(source, target, words):
    with weightedit.open({"w": torch.zeros(target)}) as doc:
        hazard = refused(doc, "set", "w", values=torch.ones(source))
        assert list(hazard.labels) == words
        assert hazard.title == f"{list(source)} does not fit {list(target)}"


def test_a_convolution_from_hwio_to_oihw_has_its_kernel_upright():
    """Height and width are alike: the order that keeps them is offered first."""
    kernel = torch.rand(3, 3, 4, 8)
    with weightedit.open({"w": torch.zeros(8, 4, 3, 3)}) as doc:
        hazard = refused(doc, "set", "w", values=kernel)
        taken(doc, hazard.alternatives[hazard.labels.index("Permute the source by 3, 2, 0, 1")])
        assert torch.equal(doc.read("w"), kernel.permute(3, 2, 0, 1))


def test_a_source_is_never_copied_to_offer_what_fits(tmp_path):
    """A tensor of another file stays there: alternatives name it, and its bytes are not read for them."""
    huge = tmp_path / "huge.pt"
    torch.save({"s": torch.rand(20, 10)}, huge)
    with weightedit.open({"w": torch.zeros(10, 20)}) as doc:
        hazard = refused(doc, "set", "w", values=(str(huge), "s"))
        sources = [value for edit in hazard.alternatives for value in edit.arguments.values()
                   if isinstance(value, TensorView | TensorName | TensorValue)]  # fmt: skip
        assert all(isinstance(getattr(one, "source", one), TensorName) for one in sources)
        taken(doc, hazard.alternatives[0])
        assert torch.equal(doc.read("w"), torch.load(huge)["s"].T)


def test_a_source_seen_anew_is_kept_in_a_recipe(tmp_path):
    torch.save({"w": torch.zeros(10, 20), "s": torch.rand(20, 10)}, tmp_path / "a.pt")
    values = torch.rand(20, 10)
    with weightedit.open(tmp_path / "a.pt") as doc:
        taken(doc, refused(doc, "set", "w", values=values).alternatives[0])
        taken(doc, refused(doc, "set", "w", values="s").alternatives[1])
        doc.recipe.save(tmp_path / "fix.json")
        expected = doc.read("w")
    with weightedit.open(tmp_path / "a.pt") as doc:
        Recipe.load(tmp_path / "fix.json").apply(doc)
        assert torch.equal(doc.read("w"), expected)
        code: dict[str, Any] = {"checkpoint": torch.load(tmp_path / "a.pt")}
        exec(as_pytorch(doc, doc.recipe.edits[1]), code)
        assert torch.equal(code["checkpoint"]["w"], expected)


def test_a_large_source_in_another_order_is_read_in_tiles(tmp_path):
    """A transposed source of a file gives the same bytes however large it is, in a budget."""
    values = torch.arange(1500.0 * 700).reshape(1500, 700)
    torch.save({"w": torch.zeros(700, 1500), "s": values}, tmp_path / "a.pt")
    with weightedit.open(tmp_path / "a.pt") as doc:
        doc.memory = 1 << 20
        for operation, argument in (("set", "values"), ("replace", "source")):
            doc.apply(operation, "w", **{argument: TensorView(TensorName("s"), (1, 0))})
            assert torch.equal(doc.read("w"), values.T)
            doc.undo()


RANGES = [
    ("[0:11]", "[0:10]", lambda w: w[0:11]), ("[5:999, ::2]", "[5:10, ::2]", lambda w: w[5:999, ::2]),
    ("[-11:]", "[0:10]", lambda w: w[-11:]), ("[[0, 10, 3]]", "[[0, 3]]", lambda w: w[[0, 3]]),
    ("[..., 18:25]", "[..., 18:20]", lambda w: w[..., 18:25]), ("[2, 3, 4]", "[2, 3]", lambda w: w[2, 3]),
    ("[10]", "[9]", lambda w: w[9]),
]  # fmt: skip


@pytest.mark.parametrize(("region", "inside", "by_index"), RANGES, ids=[one[0] for one in RANGES])
def test_a_region_past_the_end_offers_what_is_inside(region, inside, by_index):
    """A slice past the end is what torch selects, which selects less and says nothing."""
    w = torch.zeros(10, 20)
    with weightedit.open({"w": w.clone()}) as doc:
        hazard = refused(doc, "fill", "w", value=1, region=region, kind="out-of-range")
        assert hazard.labels == (f"Take {inside}",)
        taken(doc, hazard.alternatives[0])
        assert (doc.read("w") == 1).sum() == by_index(w).numel()


@pytest.mark.parametrize("region", ["[10:]", "[12:15]", "[x]", "[[10, 11]]"])
def test_a_region_wholly_outside_offers_nothing(region):
    with weightedit.open({"w": torch.zeros(10, 20)}) as doc:
        if region == "[10:]":
            assert torch.zeros(10, 20)[10:].numel() == 0
            [notice] = doc.preflight("fill", "w", value=1, region=region)
            assert (notice.level, notice.title) == ("notice", "Nothing is selected in w")
            return
        assert not refused(doc, "fill", "w", value=1, region=region, kind="out-of-range").alternatives


def test_several_targets_are_offered_what_fits_each():
    """What fits one of the tensors of a pattern is an edit of that one."""
    with weightedit.open({"a": torch.zeros(5, 20), "b": torch.zeros(3, 20)}) as doc:
        hazards = doc.preflight("set", "*", values=torch.ones(10, 20))
        assert [(hazard.targets, hazard.labels[0]) for hazard in hazards] == [
            (("a",), "Take rows 0–4"), (("b",), "Take rows 0–2")]  # fmt: skip
        taken(doc, hazards[1].alternatives[0])
        assert (int(doc.read("a").sum()), int(doc.read("b").sum())) == (0, 60)


def test_what_cannot_be_applied_is_not_offered():
    """A tensor in a tuple keeps its place: no other one can be put there, so padding and replacing are not offered."""
    with weightedit.open((torch.zeros(5, 20),)) as doc:
        hazard = refused(doc, "set", "0", values=torch.ones(10, 20))
        assert hazard.labels == ("Take rows 0–4",)
        taken(doc, hazard.alternatives[0])


def test_a_region_of_a_region_is_written_into():
    with weightedit.open({"w": torch.zeros(10, 20)}) as doc:
        hazard = refused(doc, "set", "w", values=torch.ones(2, 3), region="[4:8, 10:20:2]")
        taken(doc, hazard.alternatives[0])
        expected = torch.zeros(10, 20)
        expected[4:6, 10:16:2] = 1
        assert torch.equal(doc.read("w"), expected)


@pytest.mark.parametrize("where", ["live", "file"])
def test_a_tensor_written_over_itself_is_read_before(tmp_path, where):
    """`t[1:].copy_(t[:-1])` raises in torch, or smears the first row over all; here the values are those before."""
    base = torch.arange(60.0).reshape(12, 5)
    with pytest.raises(RuntimeError):
        torch.zeros(4, 1).expand(4, 3)[:, 1:].copy_(torch.zeros(4, 2))
    tensors = {"all": base.clone()}
    tensors |= {"low": tensors["all"][1:], "high": tensors["all"][:-1]}
    torch.save(tensors, tmp_path / "a.pt")
    with weightedit.open(tensors if where == "live" else tmp_path / "a.pt") as doc:
        doc.apply("set", "low", values="high")
        assert torch.equal(doc.read("all"), torch.cat([base[:1], base[:-1]]))
        doc.undo()
        doc.apply("set", "all", region="[0:11]", values=TensorView(TensorName("all"), region="[1:12]"))
        assert torch.equal(doc.read("all"), torch.cat([base[1:], base[-1:]]))
        doc.undo()
        doc.apply("set", "all", region="[0:5]", values=TensorView(TensorName("all"), (1, 0), "[:, 0:5]"))
        assert torch.equal(doc.read("all")[:5], base[:5].T)


REGIONS = ["[[0, 2]]", "[[0, 2], 1:4]", "[:, [3, 0]]", "where w > 20", "[1:] where w > 20"]


@pytest.mark.parametrize("region", REGIONS)
def test_a_write_by_list_or_condition_arrives(region, device):
    """`w[[0, 2]].copy_(1)` and `w[mask].copy_(1)` change nothing in torch; here the very parameter has the values."""
    w = torch.arange(30.0, device=device).reshape(5, 6)
    lost = w.clone()
    lost[[0, 2]].copy_(-torch.ones(2, 6))
    lost[lost > 20].copy_(-torch.ones(9))
    assert torch.equal(lost, w)
    module = nn.Linear(6, 5).to(device)
    with torch.no_grad():
        module.weight.copy_(w)
    held = module.weight
    expected = w.clone()
    if "where" in region:
        mask = w > 20
        mask[0] &= not region.startswith("[1:]")
        expected[mask] = -1
    else:
        exec(f"expected{region} = -1")
    with weightedit.open(module) as doc:
        doc.apply("fill", "weight", value=-1, region=region)
        assert module.weight is held
        assert torch.equal(held.detach(), expected)
        doc.undo()
        assert torch.equal(held.detach(), w)


def test_the_result_of_a_computation_is_made_a_leaf():
    """torch changes the flag of leaves only; a detached clone is one, and undo puts the very result back."""
    leaf = torch.ones(3, requires_grad=True)
    result = leaf * 2
    with pytest.raises(RuntimeError):
        result.requires_grad_(False)
    tensors = {"r": result}
    with weightedit.open(tensors) as doc:
        hazard = refused(doc, "requires_grad", "r", value=False, kind="not-a-leaf")
        taken(doc, hazard.alternatives[0])
        assert tensors["r"].is_leaf
        doc.apply("requires_grad", "r", value=False)
        assert not tensors["r"].requires_grad
        doc.undo()
        doc.undo()
        assert tensors["r"] is result


def test_whole_numbers_are_cast_before_they_require_grad():
    tensors = {"i": torch.arange(3)}
    with pytest.raises(RuntimeError):
        tensors["i"].requires_grad_()
    with weightedit.open(tensors) as doc:
        taken(doc, refused(doc, "requires_grad", "i", value=True, kind="grad-dtype").alternatives[0])
        doc.apply("requires_grad", "i", value=True)
        assert tensors["i"].requires_grad
