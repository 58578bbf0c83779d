"""What a dtype cannot hold: what bare torch does, then what weightedit says and does."""

from __future__ import annotations

import math
import warnings

import pytest
import torch
from torch import nn

import weightedit
from tests.operations import oracle
from tests.torch_behaviour.saying import PLACES, applied, offered, opened, said


@pytest.mark.parametrize("where", PLACES)
def test_precision_loss(where, tmp_path):
    """float64 into float32 rounds and is silent; the editor notes how many and how far."""
    values = torch.tensor([0.1, 0.5, 1 / 3], dtype=torch.float64)
    rounded = torch.zeros(3).copy_(values)
    errors = (values - rounded.double()).abs()
    assert int((errors > 0).sum()) == 2
    with opened(where, tmp_path, {"w": torch.zeros(3)}) as doc:
        hazard = said(doc, "precision-loss", "notice", "set", "w", values=values)
        assert (hazard.count, hazard.places) == (2, ("[0]", "[2]"))
        assert f"{float(errors.max()):.3g}" in hazard.detail
        assert oracle.same_bits(applied(doc, hazard, "set", "w", values=values)["w"], rounded)


@pytest.mark.parametrize("where", PLACES)
def test_precision_loss_of_bfloat16(where, tmp_path):
    """0.1 is no bfloat16: 0.10009765625 is stored."""
    assert torch.zeros(1, dtype=torch.bfloat16).fill_(0.1).item() == 0.10009765625
    with opened(where, tmp_path, {"w": torch.zeros(4, dtype=torch.bfloat16)}) as doc:
        hazard = said(doc, "precision-loss", "notice", "fill", "w", value=0.1, region="[1:3]")
        assert hazard.count == 2
        between = applied(doc, hazard, "fill", "w", value=0.1, region="[1:3]")["w"]
        assert between.tolist() == [0, 0.10009765625, 0.10009765625, 0]


@pytest.mark.parametrize("where", PLACES)
def test_overflow(where, tmp_path):
    """70000 is infinite in float16, silently."""
    values = torch.tensor([70000.0, -70000.0, 1.0])
    assert values.half().isinf().tolist() == [True, True, False]
    with opened(where, tmp_path, {"w": values.clone()}) as doc:
        hazard = said(doc, "overflow", "warning", "cast", "w", dtype="float16")
        assert (hazard.count, hazard.places) == (2, ("[0]", "[1]"))
        assert "Inf" in hazard.title
        assert oracle.same_bits(applied(doc, hazard, "cast", "w", dtype="float16")["w"], values.half())


@pytest.mark.parametrize("where", PLACES)
def test_overflow_of_whole_numbers(where, tmp_path):
    """300 in int8 is 44: it wraps around."""
    values = torch.tensor([300, 127])
    assert values.to(torch.int8).tolist() == [44, 127]
    with opened(where, tmp_path, {"w": values.clone()}) as doc:
        hazard = said(doc, "overflow", "warning", "cast", "w", dtype="int8")
        assert (hazard.count, hazard.places) == (1, ("[0]",))
        assert applied(doc, hazard, "cast", "w", dtype="int8")["w"].tolist() == [44, 127]


@pytest.mark.parametrize("where", PLACES)
def test_underflow(where, tmp_path):
    """1e-9 is 0 in float16, silently."""
    values = torch.tensor([1.0, 1e-9])
    assert values.half().tolist() == [1, 0]
    with opened(where, tmp_path, {"w": values.clone()}) as doc:
        hazard = said(doc, "underflow", "warning", "cast", "w", dtype="float16")
        assert (hazard.count, hazard.places) == (1, ("[1]",))
        assert applied(doc, hazard, "cast", "w", dtype="float16")["w"].tolist() == [1, 0]


@pytest.mark.parametrize("where", PLACES)
def test_truncation(where, tmp_path):
    """Fractions are dropped towards 0; NaN and 1e30 become some whole number."""
    values = torch.tensor([2.7, -2.7, math.nan, 1e30, 3.0])
    stored = torch.zeros(5, dtype=torch.int64).copy_(values)
    assert stored[:2].tolist() == [2, -2]
    with opened(where, tmp_path, {"w": torch.zeros(5, dtype=torch.int64)}) as doc:
        hazard = said(doc, "truncation", "warning", "set", "w", values=values)
        assert (hazard.count, hazard.places[:2]) == (4, ("[0]", "[1]"))
        between = applied(doc, hazard, "set", "w", values=values)["w"]
        assert between.tolist()[:2] == [2, -2]
        assert between.tolist()[4] == 3


@pytest.mark.parametrize("where", PLACES)
def test_imaginary_lost(where, tmp_path):
    """A complex tensor into a real one keeps the real part."""
    values = torch.tensor([1 + 2j, 3 + 0j])
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Casting complex values", UserWarning)
        assert torch.zeros(2).copy_(values).tolist() == [1, 3]
    with opened(where, tmp_path, {"w": values.clone()}) as doc:
        hazard = said(doc, "imaginary-lost", "warning", "cast", "w", dtype="float32")
        assert (hazard.count, hazard.places) == (1, ("[0]",))
        assert applied(doc, hazard, "cast", "w", dtype="float32")["w"].tolist() == [1, 3]


@pytest.mark.parametrize("where", PLACES)
def test_non_finite(where, tmp_path):
    """One NaN in a weight is NaN in an output; the editor counts them before and after."""
    layer = nn.Linear(3, 2)
    with torch.no_grad():
        layer.weight[0, 0] = math.nan
    assert layer(torch.zeros(1, 3)).isnan().tolist() == [[True, False]]
    with opened(where, tmp_path, {"w": torch.tensor([math.inf, 1.0, 2.0])}) as doc:
        arguments = {"values": [math.nan, math.nan, 3.0]}
        hazard = said(doc, "non-finite", "notice", "set", "w", **arguments)
        assert hazard.count == 2
        assert "Inf" in hazard.message
        assert "NaN" in hazard.message
        assert applied(doc, hazard, "set", "w", **arguments)["w"].isnan().tolist() == [True, True, False]


def test_quantized():
    """A region takes the stored numbers and not the values: 0.5 for 1.0, silently. It is refused."""
    w = torch.quantize_per_tensor(torch.zeros(4), 0.1, 0, torch.qint8)
    ones = torch.quantize_per_tensor(torch.ones(4), 0.2, 0, torch.qint8)
    w[:2].copy_(ones[:2])
    assert w.dequantize().tolist() == [0.5, 0.5, 0, 0]
    holder = {"w": torch.quantize_per_tensor(torch.zeros(4), 0.1, 0, torch.qint8)}
    with weightedit.open(holder) as doc:
        with pytest.raises(weightedit.EditRefused) as caught:
            doc.apply("fill", "w", value=1, region="[:2]", accept="all")
        assert [one.kind for one in caught.value.hazards] == ["quantized"]
        assert [(one.kind, one.level) for one in doc.preflight("fill", "w", value=1, region="[:2]")] == [
            ("quantized", "refusal")]  # fmt: skip
        assert not holder["w"].dequantize().any()


@pytest.mark.parametrize("where", PLACES)
def test_nothing_is_said_where_nothing_is_lost(where, tmp_path):
    """A hazard that is always there is none."""
    with opened(where, tmp_path, {"w": torch.tensor([0.5, 2.0, -3.0]), "i": torch.tensor([1, 2])}) as doc:
        assert doc.preflight("cast", "w", dtype="float16") == []
        assert doc.preflight("set", "w", values=torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)) == []
        assert doc.preflight("scale", "w", factor=0.5) == []
        assert doc.preflight("add", "i", value=3) == []


@pytest.mark.parametrize("where", PLACES)
def test_limits_crossed(where, tmp_path):
    """A minimum above the maximum makes every value the maximum in torch; the editor asks and offers to swap them."""
    values = torch.tensor([0.0, 1.0, 5.0, math.nan])
    bare = values.clamp(min=3, max=2)
    assert bare[:3].tolist() == [2, 2, 2]
    with opened(where, tmp_path, {"w": values.clone()}) as doc:
        hazard = said(doc, "limits-crossed", "warning", "clamp", "w", min=3, max=2)
        assert hazard.count == 4
        assert oracle.same_bits(applied(doc, hazard, "clamp", "w", min=3, max=2)["w"], bare)
        offered(doc, hazard, "Clamp to 2 … 3")
        assert oracle.same_bits(doc.read("w"), values.clamp(min=2, max=3))
        assert not [one for one in doc.preflight("clamp", "w", min=2, max=2) if one.kind == "limits-crossed"]
