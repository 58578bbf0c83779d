"""Row-major bytes of any tensor, whatever its stride and the budget."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from weightedit.core.spec import TensorSpec
from weightedit.core.storage import Resident
from weightedit.core.values.streaming import is_dense, logical_bytes, range_bytes


def described(tensor: torch.Tensor) -> tuple[TensorSpec, Resident]:
    spec = TensorSpec(str(tensor.dtype)[6:], tuple(tensor.shape), tensor.stride(), tensor.storage_offset())
    return spec, Resident(memoryview(bytes(tensor.untyped_storage().tolist())))


@given(
    st.lists(st.integers(0, 5), max_size=4), st.permutations(range(4)), st.integers(0, 2), st.integers(1, 40),
    st.sampled_from([torch.float32, torch.int8, torch.complex64, torch.bfloat16]),
)  # fmt: skip
def test_as_torch_lays_them_out(shape, order, cut, nbytes, dtype):
    tensor = torch.arange(torch.Size(shape).numel()).to(dtype).reshape(shape)
    tensor = tensor.permute([dim for dim in order if dim < len(shape)])
    if shape and cut:
        tensor = tensor[tensor.shape[0] and 1 :: cut]
    spec, content = described(tensor)
    flat = tensor.clone(memory_format=torch.contiguous_format).reshape(-1)
    expected = bytes(flat.view(torch.uint8).numpy()) if flat.numel() else b""
    chunks = [bytes(chunk) for chunk in logical_bytes(spec, content, nbytes)]
    assert b"".join(chunks) == expected
    assert all(len(chunk) <= max(nbytes, spec.type.itemsize) for chunk in chunks)


def test_expanded_tensors_repeat():
    spec, content = described(torch.arange(3).expand(4, 3))
    assert b"".join(bytes(chunk) for chunk in logical_bytes(spec, content)) == bytes(
        torch.arange(3).expand(4, 3).contiguous().view(torch.uint8).numpy())  # fmt: skip


@pytest.mark.parametrize(
    ("tensor", "dense"),
    [(torch.zeros(3, 4), True), (torch.zeros(3, 4).T, True), (torch.zeros(3, 4)[:, :2], False),
     (torch.zeros(3, 4)[1:2], True), (torch.zeros(3).expand(2, 3), False), (torch.zeros(()), True),
     (torch.zeros(5).unfold(0, 2, 1), False)],
)  # fmt: skip
def test_density(tensor, dense):
    assert is_dense(described(tensor)[0]) == dense


def test_a_range_of_nothing_is_nothing():
    assert list(range_bytes(Resident(memoryview(b"abc")), 2, 2)) == []
