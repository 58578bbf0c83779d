"""Equality of bits: every stride and dtype against numpy, in windows, in threads, with cancel and damage."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from weightedit.core.errors import SourceChanged
from weightedit.core.source import Source, SourceFile, through_handles
from weightedit.core.spec import TensorSpec
from weightedit.core.storage import Resident
from weightedit.core.values import equality
from weightedit.core.values.equality import differing, same_bytes
from weightedit.core.values.side_by_side import side_by_side

DTYPES = [torch.float32, torch.bfloat16, torch.int8, torch.complex64, torch.complex128, torch.bool]


def described(tensor: torch.Tensor) -> tuple[TensorSpec, Resident]:
    spec = TensorSpec(str(tensor.dtype)[6:], tuple(tensor.shape), tensor.stride(), tensor.storage_offset())
    stored = torch.empty(0, dtype=torch.uint8).set_(tensor.untyped_storage())
    return spec, Resident(memoryview(stored.numpy().tobytes()))


def bits(tensor: torch.Tensor) -> np.ndarray:
    flat = tensor.clone(memory_format=torch.contiguous_format).reshape(-1)
    return flat.view(torch.uint8).numpy().reshape(flat.numel(), tensor.element_size())


def laid_out(tensor: torch.Tensor, way: int) -> torch.Tensor:
    """The same values, row-major, column-major, or with gaps between them."""
    if way == 0:
        return tensor.contiguous()
    if way == 1:
        return tensor.T.contiguous().T
    return torch.cat([tensor, tensor], 1)[:, : tensor.shape[1]]


@given(
    st.integers(1, 40), st.integers(1, 40), st.sampled_from(DTYPES), st.integers(0, 2), st.integers(0, 2),
    st.lists(st.integers(0, 1599), max_size=5), st.sampled_from([16, 32, 256, 1 << 20]),
)  # fmt: skip
def test_as_many_as_numpy_counts(rows, columns, dtype, mine, theirs, changed, window):
    """Strides, windows that end anywhere and dtypes of every size count what a comparison of whole arrays counts."""
    first = torch.randint(0, 2, (rows, columns)).to(dtype)
    second = first.clone()
    for place in changed:
        second.view(-1)[place % second.numel()] = 1
    first, second = laid_out(first, mine), laid_out(second, theirs)
    truth = int((bits(first) != bits(second)).any(1).sum())
    before, equality.WINDOW = equality.WINDOW, window
    try:
        assert differing(*described(first), *described(second)) == truth
        assert same_bytes(*described(first), *described(second)) == (truth == 0)
    finally:
        equality.WINDOW = before


def test_a_nan_is_itself_and_a_lost_sign_is_a_difference():
    """What torch.equal calls different and the same, the other way round."""
    one, two = torch.tensor([0.0, float("nan")]), torch.tensor([-0.0, float("nan")])
    assert same_bytes(*described(one), *described(one.clone()))
    assert differing(*described(one), *described(two)) == 1


def test_a_large_transposed_tensor_is_the_same_as_its_copy():
    """Chunks of a row-major tensor end elsewhere than those of a transposed one, whose rows are whole."""
    tall = torch.arange(2_600_000).view(1300, 2000)
    assert same_bytes(*described(tall.T), *described(tall.T.contiguous()))


@pytest.fixture
def threaded(monkeypatch):
    monkeypatch.setattr(equality, "threads_for", lambda nbytes, each: 3)
    monkeypatch.setattr(equality, "WINDOW", 1 << 10)


def test_threads_count_every_window_once(threaded):
    """Each window is compared by one of the threads, and the caller is told of all of them."""
    first, second = torch.zeros(100_003, dtype=torch.uint8), torch.zeros(100_003, dtype=torch.uint8)
    second[::1000] = 1
    told: list[tuple[int, threading.Thread]] = []
    count = differing(*described(first), *described(second),
                      lambda nbytes: told.append((nbytes, threading.current_thread())))  # fmt: skip
    assert count == 101
    assert sum(nbytes for nbytes, _ in told) == 100_003
    assert {thread for _, thread in told} == {threading.current_thread()}, "progress is of the one who asked"


def test_cancel_in_the_middle_leaves_no_thread(threaded):
    """What `told` raises comes through, and nothing goes on reading behind it."""
    class Stop(Exception):
        pass

    def told(nbytes: int) -> None:
        raise Stop

    tensor = torch.zeros(1_000_000, dtype=torch.uint8)
    before = threading.active_count()
    with pytest.raises(Stop):
        same_bytes(*described(tensor), *described(tensor), told)
    assert threading.active_count() == before


def test_every_thread_reads_as_the_caller_may(threaded, tmp_path):
    """A file that was deleted is read through its handle by helpers too; one that was rewritten by none."""
    path = tmp_path / "a.bin"
    path.write_bytes(bytes(200_000))
    file = SourceFile(path)
    spec, content = TensorSpec("uint8", (200_000,), (1,)), Source(file, 0, 200_000)
    path.unlink()
    with through_handles([file]):
        assert same_bytes(spec, content, spec, content)
    with pytest.raises(SourceChanged):
        same_bytes(spec, content, spec, content)
    file.close()


def test_a_helper_that_fails_stops_all_and_says_why():
    """The first error is the caller's, whoever met it."""
    caller = threading.current_thread()
    seen: list[int] = []
    helped = threading.Event()

    def work(piece: int) -> int:
        if threading.current_thread() is not caller:
            helped.set()
            raise OSError("the disk")
        assert helped.wait(10)
        return piece

    with pytest.raises(OSError, match="the disk"):
        side_by_side(range(10_000_000), lambda: work, seen.append, 2)
    assert len(seen) < 10_000_000
