"""Whatever views lie over a storage, they read the same from what is written of it."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.formats.documents import bits, tensor_of
from weightedit.core.slots import HeldTensor
from weightedit.core.spec import TensorSpec
from weightedit.core.storage import Resident, Storage
from weightedit.formats.protocol import Written
from weightedit.formats.storage_plan import plan_storage

NBYTES = 4096


def members(*specs: TensorSpec) -> list[Written]:
    generator = torch.Generator().manual_seed(0)
    data = torch.randint(0, 256, (NBYTES,), dtype=torch.uint8, generator=generator)
    storage = Storage(Resident(memoryview(bytes(data.tolist()))))
    return [Written(HeldTensor((spec, storage)), spec, storage.content, storage) for spec in specs]


def written(group: list[Written]) -> tuple[bytes, dict[TensorSpec, TensorSpec]]:
    plan = plan_storage(group)
    raw = b"".join(bytes(chunk) for chunk in plan.chunks())
    assert len(raw) == plan.nbytes
    return raw, plan.specs


@st.composite
def views(draw):
    dtype = draw(st.sampled_from(["float32", "float64", "int8", "bfloat16", "complex128"]))
    spec = TensorSpec(dtype, (), ())
    room = NBYTES // spec.type.itemsize
    shape = draw(st.lists(st.integers(0, 4), max_size=3))
    stride = [draw(st.integers(0, 12)) for _ in shape]
    reach = sum((size - 1) * step for size, step in zip(shape, stride, strict=True) if size)
    return TensorSpec(dtype, tuple(shape), tuple(stride), draw(st.integers(0, room - 1 - max(reach, 0))))


@given(st.lists(views(), min_size=1, max_size=6))
def test_every_view_reads_the_same(specs):
    group = members(*specs)
    raw, placed = written(group)
    content = Resident(memoryview(raw))
    for member in group:
        spec = placed[member.spec]
        assert spec.extent[1] <= len(raw) or not spec.numel
        assert bits(tensor_of(spec, content)) == bits(tensor_of(member.spec, member.content))
    covered = sum(spec.extent[1] - spec.extent[0] for spec in specs if spec.numel)
    assert len(raw) <= covered + 16 * len(specs) + 16


@given(st.lists(views(), min_size=2, max_size=5))
def test_views_that_had_bytes_in_common_still_have(specs):
    group = members(*specs)
    _, placed = written(group)

    def cells(spec: TensorSpec) -> set[int]:
        index = torch.cartesian_prod(*map(torch.arange, spec.shape)).reshape(spec.numel, -1) if spec.shape else None
        at = [spec.offset] if index is None else (
            (index * torch.tensor(spec.stride)).sum(1) + spec.offset).tolist() if spec.numel else []  # fmt: skip
        size = spec.type.itemsize
        return {start * size + byte for start in at for byte in range(size)}

    for one in specs:
        for two in specs:
            if one.numel and two.numel:
                assert len(cells(one) & cells(two)) == len(cells(placed[one]) & cells(placed[two]))


def test_a_whole_storage_is_written_as_it_is():
    spec = TensorSpec("uint8", (64, 64), (1, 64))
    group = members(spec)
    raw, placed = written(group)
    assert placed[spec] == spec
    assert raw == bytes(group[0].content.kept)
