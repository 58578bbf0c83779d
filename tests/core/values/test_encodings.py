"""Tensors without plain values: quantized ones by their own kind, the others with what would work."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import nn

import weightedit
from tests.operations import oracle
from weightedit import EditRefused, Hazard
from weightedit.core.edit import Edit
from weightedit.core.pages.as_pytorch import as_pytorch


@pytest.fixture(autouse=True)
def quantized_is_deprecated() -> Iterator[None]:
    """torch warns of its own quantized tensors."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*[qQ]uantiz.*|torch.per_|.*[nN]ested.*|.*Sparse.*|.*sparse.*")
        yield


def quantized() -> dict[str, torch.Tensor]:
    x = torch.linspace(-3, 3, 24).reshape(4, 6)
    scales, zeros = torch.linspace(0.01, 0.2, 6, dtype=torch.float64), torch.arange(6)
    return {
        "int8": torch.quantize_per_tensor(x, 0.05, 3, torch.qint8),
        "uint8": torch.quantize_per_tensor(x, 0.05, 100, torch.quint8),
        "int32": torch.quantize_per_tensor(x * 1e4, 1e-3, 7, torch.qint32),
        "rows": torch.quantize_per_channel(x, scales[:4], zeros[:4], 0, torch.qint8),
        "columns": torch.quantize_per_channel(x, scales, zeros, 1, torch.quint8),
        "turned": torch.quantize_per_tensor(x, 0.05, 3, torch.qint8).t(),
        "one": torch.quantize_per_tensor(torch.tensor(0.7), 0.05, 3, torch.qint8),
    }  # fmt: skip


def refused(doc: Any, *edit: Any, **arguments: Any) -> Hazard:
    with pytest.raises(EditRefused) as caught:
        doc.apply(*edit, accept="all", **arguments)
    (hazard,) = caught.value.hazards
    assert doc.preflight(*edit, **arguments) == [hazard]
    return hazard


def test_a_part_of_a_quantized_tensor_would_hold_other_numbers():
    """torch first: `copy_` into a view of another scale stores the integers, 0.5 for 1.0."""
    target = torch.quantize_per_tensor(torch.zeros(4), 0.1, 0, torch.qint8)
    target[:2].copy_(torch.quantize_per_tensor(torch.ones(2), 0.2, 0, torch.qint8))
    assert target.dequantize().tolist() == [0.5, 0.5, 0, 0]
    tensors = {"q": target}
    with weightedit.open(tensors) as doc:
        hazard = refused(doc, "set", "q", values=torch.ones(2), region="[0:2]")
        assert (hazard.kind, hazard.labels) == ("quantized", ("Dequantize to float32",))
        assert refused(doc, "scale", "q", factor=2).kind == "quantized"
        assert refused(doc, "transpose", "q").kind == "quantized"
        doc.apply("replace", "q", source=torch.ones(4))
        assert torch.equal(tensors["q"], torch.ones(4))
        doc.undo()
        assert tensors["q"] is target


@pytest.mark.parametrize("name", list(quantized()))
@pytest.mark.parametrize("where", ["live", "file"])
def test_a_cast_dequantizes(tmp_path, name, where):
    """The numbers a quantized tensor stands for, bit for bit as `dequantize` gives them; undo quantizes it again."""
    tensors = {name: quantized()[name]}
    expected = tensors[name].dequantize()
    torch.save(tensors, tmp_path / "q.pt")
    with weightedit.open(tensors if where == "live" else tmp_path / "q.pt") as doc:
        (edit,) = refused(doc, "fill", name, value=0).alternatives
        assert doc.preflight(edit.operation, edit.targets, **edit.arguments) == []
        doc.apply(edit.operation, edit.targets, **edit.arguments)
        assert oracle.same_bits(doc.read(name), expected.contiguous())
        doc.export(tmp_path / "out.pt")
        assert oracle.same_bits(torch.load(tmp_path / "out.pt")[name].contiguous(), expected.contiguous())
        doc.undo()
        assert doc.tensors[name].encoding == "quantized"
        doc.apply("cast", name, dtype="float64")
        assert oracle.same_bits(doc.read(name), expected.double().contiguous())


def test_what_a_cast_of_a_quantized_tensor_loses_is_counted():
    q = quantized()["int8"]
    half = q.dequantize().half()
    with weightedit.open({"q": q}) as doc:
        (hazard,) = doc.preflight("cast", "q", dtype="float16")
        assert (hazard.kind, hazard.count) == ("precision-loss", int((half.float() != q.dequantize()).sum()))


def test_the_printed_code_dequantizes():
    tensors = quantized()
    expected = tensors["rows"].dequantize()
    with weightedit.open(tensors) as doc:
        code: dict[str, Any] = {"checkpoint": quantized()}
        exec(as_pytorch(doc, Edit("cast", ("rows",), None, {"dtype": "float16"})), code)
        assert oracle.same_bits(code["checkpoint"]["rows"], expected.half())


def made() -> dict[str, Any]:
    with torch.inference_mode():
        inference = torch.ones(3)
    return {
        "sparse": torch.eye(3).to_sparse(), "csr": torch.eye(3).to_sparse_csr(), "lazy": nn.LazyLinear(3),
        "meta": torch.empty(3, device="meta"), "inference": inference,
        "nested": torch.nested.nested_tensor([torch.ones(2), torch.ones(3)]),
        "conjugated": torch.tensor([1 + 2j]).conj(),
    }  # fmt: skip


SENTENCES = [
    ("sparse", "indices and values (sparse_coo)", True), ("csr", "indices and values (sparse_csr)", True),
    ("lazy.weight", "until the lazy module has run once", False), ("meta", "on the meta device", False),
    ("inference", "made in inference mode", True), ("nested", "rows have different lengths", False),
    ("conjugated", "resolve_conj()", True),
]


@pytest.mark.parametrize(("name", "says", "replaces"), SENTENCES, ids=[one[0] for one in SENTENCES])
def test_what_cannot_be_written_says_why_and_what_works(name, says, replaces):
    """Each says in its own sentence what it is; where a whole replacement works, it does, and undo has it back."""
    tensors = made()
    before = tensors.get(name)
    with weightedit.open(tensors) as doc:
        hazard = refused(doc, "scale", name, factor=2)
        assert says in hazard.message
        if not replaces:
            assert refused(doc, "replace", name, source=torch.ones(2)).kind == "unsupported"
            return
        doc.apply("replace", name, source=torch.full((2,), 7.0))
        assert torch.equal(tensors[name], torch.full((2,), 7.0))
        doc.undo()
        assert tensors[name] is before


def test_a_clone_of_an_inference_tensor_can_be_written():
    tensors = made()
    with pytest.raises(RuntimeError, match="inference"):
        tensors["inference"].requires_grad_()
    with weightedit.open(tensors) as doc:
        hazard = refused(doc, "scale", "inference", factor=2)
        (edit,) = hazard.alternatives
        assert hazard.labels == ("Put a clone in its place",)
        doc.apply(edit.operation, edit.targets, **edit.arguments)
        doc.apply("scale", "inference", factor=2)
        assert tensors["inference"].tolist() == [2, 2, 2]
        assert not tensors["inference"].is_inference()


def test_a_source_without_plain_values_is_refused():
    with weightedit.open(quantized() | {"w": torch.zeros(4, 6), "sparse": torch.eye(3).to_sparse()}) as doc:
        assert refused(doc, "set", "w", values="int8").kind == "quantized"
        assert refused(doc, "set", "w", values="sparse").kind == "unsupported"
