"""Each operation of the table does what torch does: by region, whatever the stride, in a file as in a live module,
however it is cut; it is undone to the bit and the object, replayed by a recipe, and printed as code that does the same.
"""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import nn

import weightedit
from tests.operations import oracle
from tests.operations.cases import CASES, SHAPE, Case
from weightedit.assembly import open_document
from weightedit.core.pages.as_pytorch import as_pytorch
from weightedit.core.recipe import Recipe

EACH = pytest.mark.parametrize("case", CASES, ids=str)
CERTAIN = [case for case in CASES if case.reference is not None]
"""Those whose result does not depend on a seed."""
REGIONS = ("[1:5, ::2]", "[[4, 1, 3], 4:]", "[2:3, :]")
BY_REGION = [
    (case, region) for case in CERTAIN if case.region for region in REGIONS
    if "std" not in str(case) or region != "[2:3, :]"  # one row has no deviation
]  # fmt: skip


def coded() -> list[tuple[Case, Any]]:
    """Return the cases whose printed code is run, each with a region that its operation takes."""
    found: list[tuple[Case, Any]] = []
    for case in CASES:
        found.append((case, None))
        needs_two_dims = case.operation in ("flip", "roll", "low_rank", "permute_rows")
        if case.region and not needs_two_dims and "column" not in case.arguments.values():
            found.append((case, "[3, 4:8]"))
            if case.operation not in ("normalize", "prune"):  # they look at all regions together, and code at each
                found.append((case, ["[0:2, 0:4]", "[4:6, 4:8]"]))
    return found


def values() -> torch.Tensor:
    """48 values of which no two have the same size, so that nothing depends on how torch orders ties."""
    return torch.randn(SHAPE, generator=torch.Generator().manual_seed(4))


def expect(got: torch.Tensor, want: torch.Tensor, case: Case) -> None:
    assert (got.shape, got.dtype) == (want.shape, want.dtype)
    if case.close:
        torch.testing.assert_close(got, want, rtol=2e-6, atol=2e-6)
    else:
        assert oracle.same_values(got, want)


def applied(case: Case, source: Any, **more: Any) -> torch.Tensor:
    """The first tensor of a source after the edit."""
    with weightedit.open(source) as doc:
        name = next(iter(doc.tensors))
        doc.apply(case.operation, name, accept="all", **case.arguments, **more)
        return doc.read(name)


@pytest.mark.parametrize("case", CERTAIN, ids=str)
def test_on_every_layout(case):
    plain = values()
    spread = torch.zeros(12, 24)
    spread[::2, 1::3] = plain
    for tensor in (plain, plain.t().contiguous().t(), spread[::2, 1::3], nn.Parameter(plain.clone())):
        expect(applied(case, {"w": copy.deepcopy(tensor)}), case.reference(plain), case)
    row = plain[:1].expand(SHAPE)
    if case.operation not in ("prune", "low_rank") and "std" not in str(case):  # where rows that are alike are no case
        expect(applied(case, {"w": row}), case.reference(row.clone()), case)


@pytest.mark.parametrize(("case", "region"), BY_REGION, ids=str)
def test_by_region(case, region):
    tensor = values()
    want = tensor.clone()
    index = oracle.region_index(region)
    want[index] = case.reference(tensor[index].clone())
    expect(applied(case, {"w": tensor.clone()}, region=region), want, case)


@EACH
def test_however_it_is_cut(case, tmp_path, monkeypatch):
    """Little memory and small pieces give the same bytes; sums may differ in their last bits."""
    torch.manual_seed(0)
    shape = (6, 8) if "order" in case.arguments or "tensors" in case.arguments else (30, 40)
    tensor = torch.randn(shape)
    if case.operation == "reshape":
        case = Case("reshape", {"shape": [25, -1]}, None, region=False)
    torch.save({"w": tensor}, tmp_path / "w.pt")
    found = []
    for piece in (1 << 15, 7):
        monkeypatch.setattr("weightedit.core.edits.compute.PIECE", piece)
        monkeypatch.setattr("weightedit.operations.passes.PIECE", piece)
        with open_document(tmp_path / "w.pt") as doc:
            doc.apply(case.operation, "w", accept="all", seed=3, **case.arguments)
            found.append(doc.read("w"))
    if case.close:
        torch.testing.assert_close(*found, rtol=1e-6, atol=1e-6)
    else:
        assert oracle.same_bits(*found)


@EACH
def test_undo_identity_and_ties(case):
    tied, holder = nn.Parameter(values()), {"other": nn.Parameter(torch.ones(2))}
    live = {"a": tied, "b": tied, **holder}
    before = tied.detach().clone()
    with weightedit.open(live) as doc:
        doc.apply(case.operation, "a", accept="all", **case.arguments)
        after = doc.read("a")
        assert oracle.same_bits(after, live["a"].detach())
        assert live["a"] is live["b"], "tied tensors stay tied"
        assert isinstance(live["a"], nn.Parameter)
        stays = doc.operations[case.operation].effect == "write" or case.operation == "to_device"  # it is there already
        assert (live["a"] is tied) == stays
        doc.undo()
        assert live["a"] is live["b"] is tied
        assert oracle.same_bits(tied.detach(), before)
        doc.redo()
        assert oracle.same_bits(doc.read("b"), after)


@EACH
def test_a_recipe_replays_it(case, tmp_path):
    source = {"w": values()}
    with weightedit.open(copy.deepcopy(source)) as doc:
        doc.apply(case.operation, "w", accept="all", **case.arguments)
        doc.recipe.save(tmp_path / "r.json")
        after = doc.read("w")
    with weightedit.open(source) as doc:
        Recipe.load(tmp_path / "r.json").apply(doc)
        assert oracle.same_bits(doc.read("w"), after)


@pytest.mark.parametrize(("case", "region"), coded(), ids=str)
def test_the_code_does_the_same(case, region):
    checkpoint = {"w": values()}
    by_hand = copy.deepcopy(checkpoint)
    more = {} if region is None else {"region": region}
    with weightedit.open(checkpoint) as doc:
        edit = doc.apply(case.operation, "w", accept="all", **case.arguments, **more)
        code = as_pytorch(doc, edit)
        exec(code, {"checkpoint": by_hand})
        got = doc.read("w")
    if case.reference is not None:
        torch.testing.assert_close(got, by_hand["w"], rtol=1e-5, atol=1e-6)
    else:
        fresh = got != by_hand["w"]
        count = 48 if region is None else 4 if isinstance(region, str) else 16
        count = 24 if case.operation == "insert_rows" else count
        assert int(fresh.sum()) == count
        assert 0.1 < float(got[fresh].std() / by_hand["w"][fresh].std()) < 10


@EACH
def test_empty_and_single(case):
    """A tensor without values, and one of a single number, give a result or one sentence."""
    for tensor in (torch.empty(0, 8), torch.empty(0), torch.tensor(2.0), torch.ones(1, 1, 1, 1)):
        with weightedit.open({"w": tensor}) as doc:
            before, refused = tensor.clone(), None
            try:
                doc.apply(case.operation, "w", accept="all", **case.arguments)
            except weightedit.EditRefused as error:
                refused = error
            doc.undo()
            assert oracle.same_bits(doc.read("w"), before)
            assert refused is None or (len(refused.hazards) == 1 and 10 < len(str(refused)) < 200)


@pytest.mark.parametrize("region", ["where w > 0.3", "[1:5, [2, 0, 7]] where w > 0.3"])
def test_the_code_under_a_condition(region):
    """What looks at all cells together looks at those that meet the condition, in the edit as in the code."""
    for case in CASES:
        along = {"row", "column", "n:m"} & {str(one) for one in case.arguments.values()}
        moves = case.operation in ("flip", "roll", "permute_rows", "low_rank")
        if not case.region or case.reference is None or along or moves:
            continue
        by_hand = {"w": values()}
        with weightedit.open({"w": values()}) as doc:
            edit = doc.apply(case.operation, "w", accept="all", region=region, **case.arguments)
            exec(as_pytorch(doc, edit), {"checkpoint": by_hand})
            torch.testing.assert_close(doc.read("w"), by_hand["w"], rtol=1e-5, atol=1e-6)
