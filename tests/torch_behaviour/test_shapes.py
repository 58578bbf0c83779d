"""Shapes, regions and lost writes: what bare torch does, then what weightedit says and does."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import weightedit
from tests.operations import oracle
from tests.torch_behaviour.saying import PLACES, applied, offered, opened, said

ROW = torch.arange(20.0)


@pytest.mark.parametrize("where", PLACES)
def test_broadcast(where, tmp_path):
    """`copy_` of a row fills every row and is silent; the editor asks, with the repeat."""
    filled = torch.zeros(10, 20)
    filled.copy_(ROW)
    with opened(where, tmp_path, {"w": torch.zeros(10, 20)}) as doc:
        hazard = said(doc, "broadcast", "warning", "set", "w", values=ROW)
        assert hazard.count == 10
        assert hazard.targets == ("w",)
        assert oracle.same_bits(applied(doc, hazard, "set", "w", values=ROW)["w"], filled)


@pytest.mark.parametrize("where", PLACES)
@pytest.mark.parametrize(("source", "label", "expected"), [
    ((10, 20), "Take rows 0–4", lambda source: source[:5]),
    ((20, 5), "Transpose the source", lambda source: source.T),
    ((100,), "Reshape the source to 5 × 20", lambda source: source.reshape(5, 20)),
])  # fmt: skip
def test_shape_mismatch(where, source, label, expected, tmp_path):
    """`copy_` raises; each edit offered instead stores what its link says."""
    values = torch.arange(float(torch.Size(source).numel())).reshape(source)
    with pytest.raises(RuntimeError):
        torch.zeros(5, 20).copy_(values)
    with opened(where, tmp_path, {"w": torch.zeros(5, 20)}) as doc:
        hazard = said(doc, "shape-mismatch", "refusal", "set", "w", values=values)
        offered(doc, hazard, label)
        assert oracle.same_bits(doc.read("w"), expected(values))
        doc.undo()
        assert not doc.read("w").any()


def test_shape_mismatch_is_not_what_assignment_does():
    """A common belief: `target = source` raises. It gives a name to another tensor, and the weight stays."""
    weight, source = torch.zeros(5, 20), torch.ones(10, 20)
    target = weight
    target = source
    assert target.shape == (10, 20)
    assert not weight.any()


@pytest.mark.parametrize("where", PLACES)
@pytest.mark.parametrize(("region", "rows"), [("[5:999]", 5), ("[10:]", 0), ("[-99:2]", 2), ("[0:11]", 10)])
def test_out_of_range_slices(where, region, rows, tmp_path):
    """A slice past the end silently selects less; the editor refuses and names the valid range."""
    w = torch.zeros(10, 20)
    selected = eval(f"w{region}", {"w": w})
    assert selected.shape == (rows, 20)
    selected.fill_(1)
    assert w.sum() == rows * 20
    with opened(where, tmp_path, {"w": torch.zeros(10, 20)}) as doc:
        if region == "[10:]":  # nothing, and exactly at the end: it asks for nothing that is not there
            doc.apply("fill", "w", value=1, region=region)
            assert not doc.read("w").any()
            return
        assert "10" in said(doc, "out-of-range", "refusal", "fill", "w", value=1, region=region).message


@pytest.mark.parametrize("where", PLACES)
@pytest.mark.parametrize("region", ["[10]", "[-11]", "[0, 20]", "[[0, 10]]"])
def test_out_of_range_indices(where, region, tmp_path):
    """An index past the end raises in torch and is refused with a sentence."""
    with pytest.raises(IndexError):
        eval(f"w{region}", {"w": torch.zeros(10, 20)})
    with opened(where, tmp_path, {"w": torch.zeros(10, 20)}) as doc:
        said(doc, "out-of-range", "refusal", "fill", "w", value=1, region=region)


@pytest.mark.parametrize("where", PLACES)
@pytest.mark.parametrize("region", ["[[0, 2]]", "where w == 0"])
def test_lost_write(where, region, tmp_path):
    """Lists and masks make copies; the same region of an edit reaches the tensor, and is read back."""
    w = torch.zeros(3, 2)
    w[[0, 2]].copy_(torch.ones(2, 2))
    w[w == 0].fill_(1)
    assert not w.any()
    with opened(where, tmp_path, {"w": torch.zeros(3, 2)}) as doc:
        doc.apply("fill", "w", value=1, region=region)
        assert doc.read("w").tolist() == ([[1, 1], [0, 0], [1, 1]] if region.startswith("[") else [[1, 1]] * 3)
        doc.undo()
        assert not doc.read("w").any()


def test_data_of_an_index_changes_nothing():
    """`p[1].data = x` is accepted and lost; `p[1]` of a parameter is another tensor each time."""
    parameter = nn.Parameter(torch.zeros(2, 2))
    parameter[1].data = torch.ones(2)
    assert not parameter.any()
    module = nn.Module()
    module.p = parameter
    with weightedit.open(module) as doc:
        doc.apply("set", "p", values=torch.ones(2), region="[1]")
        assert parameter.tolist() == [[0, 0], [1, 1]]


def test_overlap():
    """Rows made by `expand` are the same bytes: a write raises, or changes all of them; the editor clones first."""
    with pytest.raises(RuntimeError):
        torch.zeros(1, 3).expand(2, 3).mul_(2)
    rows = torch.zeros(1, 3).expand(2, 3)
    rows[0, 0] = 1
    assert rows[1, 0] == 1
    holder = {"w": torch.zeros(1, 3).expand(2, 3)}
    expanded = holder["w"]
    with weightedit.open(holder) as doc:
        hazard = said(doc, "overlap", "notice", "fill", "w", value=1, region="[0, 0]")
        between = applied(doc, hazard, "fill", "w", value=1, region="[0, 0]")["w"]
        assert between.tolist() == [[1, 0, 0], [0, 0, 0]]
        assert holder["w"] is expanded


@pytest.mark.parametrize("where", PLACES)
def test_overlap_of_a_tensor_with_itself(where, tmp_path):
    """`t[1:].copy_(t[:-1])` raises or runs over its own values; an edit computes from the values before it."""
    t = torch.arange(4.0)
    with pytest.raises(RuntimeError):
        t[1:].copy_(t[:-1])
    with opened(where, tmp_path, {"t": torch.arange(4.0)}) as doc:
        doc.apply("roll", "t", shifts=(1,), dims=(0,))
        assert doc.read("t").tolist() == [3, 0, 1, 2]
