"""Whatever a live object holds can be opened: it is shown as what it is, and edited only where that is safe."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import weightedit
from weightedit.core.errors import EditRefused

ODD: list[tuple[str, Any, torch.dtype, tuple[int, ...]]] = [
    ("sparse_coo", lambda: torch.eye(3).half().to_sparse(), torch.float16, (3, 3)),
    ("sparse_csr", lambda: torch.eye(3).to_sparse_csr(), torch.float32, (3, 3)),
    ("nested", lambda: torch.nested.nested_tensor([torch.ones(2), torch.ones(3)]), torch.float32, (5,)),
    ("nested", lambda: torch.nested.nested_tensor([torch.ones(2), torch.ones(3)], layout=torch.jagged),
     torch.float32, (5,)),
    ("meta", lambda: torch.ones(2, 3, device="meta"), torch.float32, (2, 3)),
    ("mkldnn", lambda: torch.ones(2).to_mkldnn(), torch.float32, (2,)),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(("encoding", "make", "dtype", "shape"), ODD)
def test_what_is_no_plain_tensor_is_shown_and_refused(encoding, make, dtype, shape):
    document = weightedit.open({"x": make(), "w": torch.ones(2)})
    info = document.tensors["x"]
    assert (info.encoding, info.dtype, info.shape) == (encoding, dtype, shape)
    assert info.nbytes == info.numel * dtype.itemsize
    assert document.total_nbytes == 8
    for raw in (False, True):
        with pytest.raises(EditRefused, match=encoding):
            document.read("x", raw=raw)
    with pytest.raises(EditRefused, match=encoding):
        document.apply("fill", "x", value=1.0)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_lazy_module_is_shown():
    document = weightedit.open(nn.LazyLinear(3))
    info = document.tensors["weight"]
    assert (info.encoding, info.kind, info.dtype, info.nbytes) == ("uninitialized", "parameter", torch.float32, 0)
    with pytest.raises(EditRefused, match="uninitialized"):
        document.apply("fill", "weight", value=1.0)


def test_a_tensor_class_with_a_storage_of_its_own_is_shown_by_its_name():
    from torch._subclasses import FakeTensorMode

    fake = FakeTensorMode().from_tensor(torch.ones(2))
    assert weightedit.open({"x": fake}).tensors["x"].encoding == "FakeTensor"
    assert weightedit.open(nn.Linear(1, 1)).tensors["weight"].encoding == "plain"


def test_conjugated_and_negated_tensors_are_not_read_as_if_they_were_plain():
    whole = torch.tensor([1 + 2j, 3 - 4j])
    document = weightedit.open({"c": whole.conj(), "n": whole.conj().imag, "w": whole})
    assert [document.tensors[name].encoding for name in "cnw"] == ["conjugated", "negated", "plain"]
    assert document.tensors["c"].storage_group == document.tensors["w"].storage_group
    for name in "cn":
        with pytest.raises(EditRefused):
            document.read(name)
        with pytest.raises(EditRefused):
            document.apply("fill", name, value=1.0)
    assert torch.equal(document.read("c", raw=True).view(torch.complex64), whole)


def test_raw_reads_the_stored_bytes_of_any_encoding(tmp_path):
    quantized = torch.quantize_per_tensor(torch.tensor([[0.5, 1.0], [2.0, 3.0]]), 0.5, 3, torch.qint8)
    torch.save({"q": quantized}, tmp_path / "q.pt")
    for source in (tmp_path / "q.pt", {"q": quantized}):
        document = weightedit.open(source)
        assert document.tensors["q"].encoding == "quantized"
        assert document.tensors["q"].dtype == torch.qint8
        assert document.read("q", raw=True).tolist() == quantized.int_repr().flatten().tolist()
        assert document.read("q", "[1, :]", raw=True).tolist() == quantized.int_repr()[1].tolist()
        with pytest.raises(EditRefused):
            document.read("q")
